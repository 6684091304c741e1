//! The ledger by itself, against a simple model of what it promises.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::super::ledger::{Fate, Pass, Pick, Probe, Ticket};
use super::*;
use crate::evidence::Side::Peer;
use crate::task::script::Order;

fn ledger() -> Rc<Ledger> {
    Ledger::new(Recorder::new(std::io::sink()), 1)
}

fn logged() -> (Rc<Ledger>, Rc<RefCell<Vec<Event>>>) {
    let recorder = Recorder::new(std::io::sink());
    let events = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&events);
    recorder.observe(move |record| sink.borrow_mut().push(record.event.clone()));
    (Ledger::new(recorder, 1), events)
}

fn gate(ledger: &Ledger, ticket: Ticket, at: Point, stuck: bool) -> Poll<Pass> {
    ledger.poll_gate(ticket, at, stuck, &Context::from_waker(Waker::noop()))
}

fn arrive(ledger: &Ledger, conn: u64) -> Ticket {
    ledger.arrive(conn, 0, "GET", "/", None)
}

/// Says of each connection what it was told to say.
#[derive(Default)]
struct Told {
    fates: RefCell<Vec<(u64, Fate)>>,
    asked: Cell<usize>,
}

impl Probe for Told {
    fn gone(&self, conns: &[u64]) -> Vec<(u64, Fate)> {
        self.asked.set(self.asked.get() + 1);
        self.fates
            .borrow()
            .iter()
            .filter(|(conn, _)| conns.contains(conn))
            .copied()
            .collect()
    }
}

#[test]
fn the_gone_make_room_before_a_newcomer_counts() {
    let (ledger, events) = logged();
    let told = Rc::new(Told::default());
    ledger.set_probe(Rc::clone(&told) as _);
    let conns: Vec<u64> = (0..4).map(|_| ledger.connect(0)).collect();
    for conn in &conns[..3] {
        let ticket = arrive(&ledger, *conn);
        assert!(gate(&ledger, ticket, Point::Head, false).is_pending());
    }
    told.fates.borrow_mut().push((conns[1], Fate::Gone));
    arrive(&ledger, conns[3]);
    let counts = ledger.counts();
    assert_eq!(
        (
            counts.in_flight,
            counts.max_in_flight,
            counts.parked,
            counts.abandoned
        ),
        (3, 3, 2, 1)
    );
    let events = events.borrow();
    assert!(matches!(
        events[..],
        [
            ..,
            Event::Abandoned { req: 1 },
            Event::Request { req: 3, .. }
        ]
    ));
}

#[test]
fn nobody_is_asked_about_below_the_maximum() {
    let ledger = ledger();
    let told = Rc::new(Told::default());
    ledger.set_probe(Rc::clone(&told) as _);
    let conn = ledger.connect(0);
    for _ in 0..5 {
        let ticket = arrive(&ledger, conn);
        ledger.answer(ticket, 200, 1, Ending::Complete);
    }
    assert_eq!((told.asked.get(), ledger.counts().max_in_flight), (0, 1));
}

#[test]
fn a_newcomer_that_is_gone_already_never_counts() {
    let (ledger, events) = logged();
    let told = Rc::new(Told::default());
    ledger.set_probe(Rc::clone(&told) as _);
    let (live, dead) = (ledger.connect(0), ledger.connect(0));
    arrive(&ledger, live);
    told.fates.borrow_mut().push((dead, Fate::Gone));
    let ticket = arrive(&ledger, dead);
    assert_eq!(
        (ledger.counts().in_flight, ledger.counts().requests),
        (1, 1)
    );
    assert_eq!(
        gate(&ledger, ticket, Point::Head, false),
        Poll::Ready(Pass::Gone)
    );
    ledger.answer(ticket, 200, 1, Ending::Complete);
    ledger.disconnect(dead, Peer);
    let events = events.borrow();
    assert!(matches!(
        events[..],
        [
            _,
            _,
            Event::Request { req: 0, .. },
            Event::Disconnected { requests: 0, .. }
        ]
    ));
}

#[test]
fn the_handlers_of_abandoned_requests_are_told() {
    let ledger = ledger();
    let conn = ledger.connect(0);
    let tickets = [arrive(&ledger, conn), arrive(&ledger, conn)];
    assert!(gate(&ledger, tickets[0], Point::Head, true).is_pending());
    ledger.abandon(conn);
    for ticket in tickets {
        assert_eq!(
            gate(&ledger, ticket, Point::Head, false),
            Poll::Ready(Pass::Gone)
        );
        ledger.answer(ticket, 200, 0, Ending::Complete);
    }
    let counts = ledger.counts();
    assert_eq!(
        (
            counts.in_flight,
            counts.parked,
            counts.answered,
            counts.abandoned
        ),
        (0, 0, 0, 2)
    );
}

#[test]
fn what_is_left_at_the_end_is_unfinished() {
    let (ledger, events) = logged();
    let conn = ledger.connect(0);
    let ticket = arrive(&ledger, conn);
    arrive(&ledger, conn);
    assert!(gate(&ledger, ticket, Point::Body, false).is_pending());
    ledger.finish();
    assert_eq!((ledger.counts().in_flight, ledger.counts().parked), (0, 0));
    let left = endings(&events.borrow());
    assert_eq!(left, [(0, 0, Ending::Unfinished); 2]);
}

#[test]
fn a_wait_for_change_misses_nothing() {
    let ledger = ledger();
    let mut changed = std::pin::pin!(ledger.changed());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(changed.as_mut().poll(&mut cx).is_pending());
    ledger.connect(0);
    assert!(changed.as_mut().poll(&mut cx).is_ready());
    let before = ledger.changed();
    ledger.connect(0);
    assert!(
        std::pin::pin!(before).poll(&mut cx).is_ready(),
        "changed between its making and its first poll"
    );
}

#[derive(Debug, Clone)]
enum Act {
    Connect,
    Disconnect(usize),
    Arrive(usize),
    Gate(usize, bool, bool),
    Answer(usize),
    Abandon(usize),
    Release {
        count: Option<u64>,
        order: usize,
        at: Option<bool>,
        spare: u64,
    },
    Open,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => Just(Act::Connect),
        1 => any::<usize>().prop_map(Act::Disconnect),
        6 => any::<usize>().prop_map(Act::Arrive),
        6 => (any::<usize>(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(|(n, at, stuck)| Act::Gate(n, at, stuck)),
        4 => any::<usize>().prop_map(Act::Answer),
        1 => any::<usize>().prop_map(Act::Abandon),
        3 => (prop::option::of(0u64..5), 0usize..3, any::<Option<bool>>(), 0u64..3)
            .prop_map(|(count, order, at, spare)| Act::Release { count, order, at, spare }),
        1 => prop::bool::weighted(0.05).prop_map(|open| if open { Act::Open } else { Act::Connect }),
    ];
    prop::collection::vec(act, 0..120)
}

fn point(body: bool) -> Point {
    if body { Point::Body } else { Point::Head }
}

/// Where an answer is parked, and whether for good.
type Held = Option<(Point, bool)>;

/// What the ledger promises, in the simplest form.
#[derive(Default)]
struct Model {
    conns: Vec<(u64, usize)>,
    flights: Vec<(Ticket, u64, Held)>,
    /// Requests by the order of their parking.
    parked: Vec<u64>,
    released: Vec<u64>,
    open: bool,
    requests: u64,
    answered: u64,
    max: usize,
}

impl Model {
    fn leave(&mut self, conn: u64) {
        let gone: Vec<u64> = self
            .flights
            .iter()
            .filter(|f| f.1 == conn)
            .map(|f| f.0.req)
            .collect();
        self.flights.retain(|flight| flight.1 != conn);
        self.parked.retain(|req| !gone.contains(req));
    }

    fn choose(&self, pick: &Pick) -> Vec<u64> {
        let place = |req: &u64| {
            self.flights
                .iter()
                .find(|f| f.0.req == *req)
                .and_then(|f| f.2)
        };
        let free = self.parked.iter().filter(|req| match place(req) {
            Some((at, stuck)) => !stuck && pick.at.is_none_or(|wanted| wanted == at),
            None => false,
        });
        free.skip(pick.spare as usize).copied().collect()
    }

    fn let_go(&mut self, reqs: &[u64]) {
        self.parked.retain(|req| !reqs.contains(req));
        for flight in self
            .flights
            .iter_mut()
            .filter(|flight| reqs.contains(&flight.0.req))
        {
            flight.2 = None;
            self.released.push(flight.0.req);
        }
    }
}

proptest! {
    #[test]
    fn the_ledger_keeps_its_books(acts in acts()) {
        let (ledger, events) = logged();
        let mut model = Model::default();
        for act in acts {
            match act {
                Act::Connect => model.conns.push((ledger.connect(0), 0)),
                Act::Disconnect(n) if !model.conns.is_empty() => {
                    let (conn, _) = model.conns.remove(n % model.conns.len());
                    ledger.disconnect(conn, Peer);
                    model.leave(conn);
                }
                Act::Abandon(n) if !model.conns.is_empty() => {
                    let (conn, _) = model.conns[n % model.conns.len()];
                    ledger.abandon(conn);
                    model.leave(conn);
                }
                Act::Arrive(n) if !model.conns.is_empty() => {
                    let n = n % model.conns.len();
                    model.conns[n].1 += 1;
                    let conn = model.conns[n].0;
                    let ticket = arrive(&ledger, conn);
                    prop_assert_eq!(ticket.req, model.requests);
                    model.requests += 1;
                    model.flights.push((ticket, conn, None));
                    model.max = model.max.max(model.flights.len());
                }
                Act::Gate(n, at, stuck) if !model.flights.is_empty() => {
                    let n = n % model.flights.len();
                    let (ticket, _, parked) = &mut model.flights[n];
                    let passed = gate(&ledger, *ticket, point(at), stuck);
                    let released = model.released.iter().position(|req| *req == ticket.req);
                    if let Some(released) = released {
                        model.released.remove(released);
                        prop_assert_eq!(passed, Poll::Ready(Pass::Go));
                    } else if parked.is_none() && model.open {
                        prop_assert_eq!(passed, Poll::Ready(Pass::Go));
                    } else {
                        prop_assert!(passed.is_pending());
                        if parked.is_none() {
                            *parked = Some((point(at), stuck));
                            model.parked.push(ticket.req);
                        }
                    }
                }
                Act::Answer(n) if !model.flights.is_empty() => {
                    let (ticket, _, _) = model.flights.remove(n % model.flights.len());
                    model.parked.retain(|req| *req != ticket.req);
                    ledger.answer(ticket, 200, 1, Ending::Complete);
                    ledger.answer(ticket, 200, 1, Ending::Complete);
                    model.answered += 1;
                }
                Act::Release { count, order, at, spare } => {
                    let order = [Order::Oldest, Order::Newest, Order::Random][order];
                    let pick = Pick { count, order, at: at.map(point), spare };
                    let mut free = model.choose(&pick);
                    let most = count.map_or(free.len(), |count| free.len().min(count as usize));
                    let released = ledger.release(&pick);
                    prop_assert_eq!(released.len(), most);
                    match order {
                        Order::Oldest => prop_assert_eq!(&released[..], &free[..most]),
                        Order::Newest => {
                            free.reverse();
                            prop_assert_eq!(&released[..], &free[..most]);
                        }
                        Order::Random => prop_assert!(released.iter().all(|req| free.contains(req))),
                    }
                    model.let_go(&released);
                }
                Act::Open => {
                    let all = model.parked.clone();
                    prop_assert_eq!(ledger.open(), all.clone());
                    model.open = true;
                    model.let_go(&all);
                }
                _ => {}
            }
            let counts = ledger.counts();
            prop_assert_eq!(counts.in_flight as usize, model.flights.len());
            prop_assert_eq!(counts.max_in_flight as usize, model.max);
            prop_assert_eq!(counts.parked as usize, model.parked.len());
            prop_assert_eq!((counts.requests, counts.answered), (model.requests, model.answered));
            prop_assert_eq!(counts.connections as usize, model.conns.len());
            prop_assert_eq!(counts.unused as usize, model.conns.iter().filter(|conn| conn.1 == 0).count());
        }
        prop_assert_eq!(most_in_flight(&events.borrow()), model.max);
    }
}
