//! Every request in flight, what holds it, and the counts that scripts wait for.
//!
//! A request is in flight from the moment its head was read in full until just before the last byte
//! of its answer is handed to the kernel. Both ends err in favour of the program: it cannot know of the
//! answer's end before we stopped counting. Requests whose client is gone don't count either; since
//! a client may hang up and come again within one breath, those in flight are asked about
//! before a newcomer makes a new maximum.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::evidence::writer::Recorder;
use crate::evidence::{Ending, Event, Point, Side};
use crate::plan::seed::Dice;
use crate::task::script::Order;

/// With so many in flight nobody is asked about any more: it would cost more the more there are, and no
/// limit that is graded is as high.
const MOST_DOUBTED: u64 = 1024;
/// Number of a request that isn't recorded.
const NEVER: u64 = u64::MAX;

/// A request in flight, as its handler refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    slot: usize,
    /// Number of the request in the evidence.
    pub req: u64,
}

/// What a gate says to a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Go on.
    Go,
    /// The client is gone: drop the request.
    Gone,
}

/// Which parked answers to let go; see [`Ledger::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// How many at most; all if left out.
    pub count: Option<u64>,
    pub order: Order,
    /// Only those parked here.
    pub at: Option<Point>,
    /// So many of the oldest that could be let go stay.
    pub spare: u64,
}

impl Default for Pick {
    fn default() -> Pick {
        Pick {
            count: None,
            order: Order::Oldest,
            at: None,
            spare: 0,
        }
    }
}

/// What became of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Closed: its requests are dropped.
    Gone,
    /// It ended its stream, and the host doesn't tell whether it still listens. Its requests no longer
    /// count, but are answered.
    Unknown,
}

/// Looks whether clients are still there. Asked with the connections that have requests in flight; gives
/// those that are (or may be) gone.
pub trait Probe {
    fn gone(&self, conns: &[u64]) -> Vec<(u64, Fate)>;
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests in flight now.
    pub in_flight: u64,
    /// The most there ever were.
    pub max_in_flight: u64,
    /// Answers held at a gate now, the stuck ones included.
    pub parked: u64,
    /// Of these, the ones held within the body.
    pub parked_at_body: u64,
    /// Requests since the run began.
    pub requests: u64,
    /// Answers ended since the run began, in whatever way.
    pub answered: u64,
    /// Requests whose client went away.
    pub abandoned: u64,
    /// Connections open now.
    pub connections: u64,
    /// Of these, the ones that have never carried a request.
    pub unused: u64,
}

/// The requests of one run. See the module's text.
pub struct Ledger {
    recorder: Rc<Recorder>,
    inner: RefCell<Inner>,
    probe: RefCell<Option<Rc<dyn Probe>>>,
    version: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    busy: Cell<usize>,
}

struct Inner {
    flights: Vec<Option<Flight>>,
    free: Vec<usize>,
    conns: HashMap<u64, Conn>,
    next_conn: u64,
    next_park: u64,
    /// Parked answers in the order of their parking.
    parked: BTreeMap<u64, usize>,
    open: bool,
    counts: Counts,
    dice: Dice,
}

struct Flight {
    req: u64,
    conn: u64,
    stage: Stage,
    /// No longer counted, as its client may be gone.
    discounted: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Parked { at: Point, order: u64, stuck: bool },
    Released,
    Gone,
}

#[derive(Default)]
struct Conn {
    requests: u64,
}

impl Ledger {
    /// An empty ledger; `seed` is the run's, for releases in random order.
    pub fn new(recorder: Rc<Recorder>, seed: u64) -> Rc<Ledger> {
        Rc::new(Ledger {
            recorder,
            inner: RefCell::new(Inner {
                flights: Vec::new(),
                free: Vec::new(),
                conns: HashMap::new(),
                next_conn: 0,
                next_park: 0,
                parked: BTreeMap::new(),
                open: false,
                counts: Counts::default(),
                dice: Dice::new(seed, "release"),
            }),
            probe: RefCell::new(None),
            version: Cell::new(0),
            waiting: RefCell::new(Vec::new()),
            busy: Cell::new(0),
        })
    }

    /// Whom to ask whether clients are still there. Without one nobody ever counts as gone before its
    /// connection was seen to end.
    pub fn set_probe(&self, probe: Rc<dyn Probe>) {
        *self.probe.borrow_mut() = Some(probe);
    }

    /// The evidence that this ledger writes to.
    pub fn recorder(&self) -> &Rc<Recorder> {
        &self.recorder
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        self.inner.borrow().counts
    }

    /// Whether the world itself has work under way that needs no act of the submission (a dripping
    /// answer): then nothing is settled, however still the submission is.
    pub fn busy(&self) -> bool {
        self.busy.get() > 0
    }

    /// Marks work of the world's own, until dropped.
    pub fn work(self: &Rc<Ledger>) -> Work {
        self.busy.set(self.busy.get() + 1);
        Work(Rc::clone(self))
    }

    /// Ends at the first change of any count after this call (not after the first poll): create it, look at
    /// the counts, and wait only then.
    pub fn changed(self: &Rc<Ledger>) -> Changed {
        Changed {
            ledger: Rc::clone(self),
            version: self.version.get(),
        }
    }

    /// A connection was accepted; gives its number.
    pub fn connect(&self, host: u16) -> u64 {
        let conn = {
            let mut inner = self.inner.borrow_mut();
            let conn = inner.next_conn;
            inner.next_conn += 1;
            inner.conns.insert(conn, Conn::default());
            inner.counts.connections += 1;
            inner.counts.unused += 1;
            conn
        };
        self.recorder.connected(conn, host);
        self.touch();
        conn
    }

    /// A connection ended. Requests still in flight on it count as abandoned.
    pub fn disconnect(&self, conn: u64, by: Side) {
        self.abandon(conn);
        let requests = {
            let mut inner = self.inner.borrow_mut();
            let Some(ended) = inner.conns.remove(&conn) else {
                return;
            };
            inner.forget(conn);
            inner.counts.connections -= 1;
            inner.counts.unused -= u64::from(ended.requests == 0);
            ended.requests
        };
        self.recorder.disconnected(conn, by, requests);
        self.touch();
    }

    /// The head of a request was read in full: it is in flight from here.
    ///
    /// Where that would make a new maximum, the clients of all others are asked about first, and so is
    /// the newcomer's own: requests of a program that gives up and asks again may be read in any order. A
    /// newcomer whose client is gone was never in flight beside those others, and isn't recorded.
    pub fn arrive(
        &self,
        conn: u64,
        host: u16,
        method: &str,
        target: &str,
        item: Option<u32>,
    ) -> Ticket {
        let asked = self.inner.borrow().doubtful(conn);
        if asked.is_some_and(|asked| self.verify(&asked, conn)) {
            let stage = Stage::Gone;
            let flight = Flight {
                req: NEVER,
                conn,
                stage,
                discounted: true,
                waker: None,
            };
            return self.inner.borrow_mut().add(flight);
        }
        let ticket = {
            let mut inner = self.inner.borrow_mut();
            let req = inner.counts.requests;
            let first = inner.conns.get_mut(&conn).is_some_and(|entry| {
                entry.requests += 1;
                entry.requests == 1
            });
            let counts = &mut inner.counts;
            counts.unused -= u64::from(first);
            counts.requests += 1;
            counts.in_flight += 1;
            counts.max_in_flight = counts.max_in_flight.max(counts.in_flight);
            inner.add(Flight {
                req,
                conn,
                stage: Stage::Running,
                discounted: false,
                waker: None,
            })
        };
        self.recorder
            .request(ticket.req, conn, host, method, target, item);
        self.touch();
        ticket
    }

    /// Passes a gate, or is held there until the script lets it go. A `stuck` answer is held until all
    /// gates are opened.
    pub fn poll_gate(
        &self,
        ticket: Ticket,
        at: Point,
        stuck: bool,
        cx: &Context<'_>,
    ) -> Poll<Pass> {
        let parked = {
            let mut inner = self.inner.borrow_mut();
            let (open, order) = (inner.open, inner.next_park);
            let Some(flight) = inner.get(ticket) else {
                return Poll::Ready(Pass::Gone);
            };
            match flight.stage {
                Stage::Gone => return Poll::Ready(Pass::Gone),
                Stage::Released => {
                    flight.stage = Stage::Running;
                    return Poll::Ready(Pass::Go);
                }
                Stage::Running if open => return Poll::Ready(Pass::Go),
                Stage::Running => {
                    flight.stage = Stage::Parked { at, order, stuck };
                    flight.waker = Some(cx.waker().clone());
                    inner.next_park += 1;
                    inner.parked.insert(order, ticket.slot);
                    inner.counts.parked += 1;
                    inner.counts.parked_at_body += u64::from(at == Point::Body);
                    true
                }
                Stage::Parked { .. } => {
                    if !flight
                        .waker
                        .as_ref()
                        .is_some_and(|old| old.will_wake(cx.waker()))
                    {
                        flight.waker = Some(cx.waker().clone());
                    }
                    false
                }
            }
        };
        if parked {
            self.recorder.record(Event::Parked {
                req: ticket.req,
                at,
            });
            self.touch();
        }
        Poll::Pending
    }

    /// The answer is about to end: to be called just before its last byte is handed to the kernel. Does
    /// nothing if the request was abandoned before.
    pub fn answer(&self, ticket: Ticket, status: u16, bytes: u64, ending: Ending) {
        {
            let mut inner = self.inner.borrow_mut();
            let Some(flight) = inner.remove(ticket) else {
                return;
            };
            if flight.discounted || flight.stage == Stage::Gone {
                return;
            }
            inner.counts.in_flight -= 1;
            inner.counts.answered += 1;
        }
        self.recorder.answered(ticket.req, status, bytes, ending);
        self.touch();
    }

    /// The client of this connection is gone: its requests are dropped, their handlers told so.
    pub fn abandon(&self, conn: u64) {
        self.drop_flights(conn, Fate::Gone);
    }

    /// Lets parked answers go; gives their requests' numbers. Stuck answers are never let go here.
    pub fn release(&self, pick: &Pick) -> Vec<u64> {
        let chosen: Vec<u64> = {
            let mut inner = self.inner.borrow_mut();
            let Inner {
                flights,
                parked,
                dice,
                ..
            } = &mut *inner;
            let mut free: Vec<u64> = parked
                .iter()
                .filter(|(_, slot)| {
                    flights[**slot]
                        .as_ref()
                        .is_some_and(|flight| match flight.stage {
                            Stage::Parked { at, stuck, .. } => {
                                !stuck && pick.at.is_none_or(|wanted| wanted == at)
                            }
                            _ => false,
                        })
                })
                .map(|(order, _)| *order)
                .skip(usize::try_from(pick.spare).unwrap_or(usize::MAX))
                .collect();
            match pick.order {
                Order::Oldest => {}
                Order::Newest => free.reverse(),
                Order::Random => dice.shuffle(&mut free),
            }
            free.truncate(
                pick.count
                    .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            );
            free
        };
        self.let_go(&chosen)
    }

    /// Opens all gates for good, those of stuck answers and of requests to come included.
    pub fn open(&self) -> Vec<u64> {
        let parked: Vec<u64> = {
            let mut inner = self.inner.borrow_mut();
            inner.open = true;
            inner.parked.keys().copied().collect()
        };
        self.let_go(&parked)
    }

    /// The run ends: what is still in flight is recorded as unfinished.
    pub fn finish(&self) {
        let left: Vec<Ticket> = {
            let inner = self.inner.borrow();
            let tickets = inner.flights.iter().enumerate();
            tickets
                .filter_map(|(slot, flight)| flight.as_ref().map(|f| Ticket { slot, req: f.req }))
                .collect()
        };
        for ticket in left {
            self.answer(ticket, 0, 0, Ending::Unfinished);
        }
    }

    fn let_go(&self, orders: &[u64]) -> Vec<u64> {
        let mut released = Vec::with_capacity(orders.len());
        for order in orders {
            let (req, at, waker) = {
                let mut inner = self.inner.borrow_mut();
                let Some(slot) = inner.parked.get(order).copied() else {
                    continue;
                };
                let Some(flight) = &mut inner.flights[slot] else {
                    continue;
                };
                let Stage::Parked { at, .. } = flight.stage else {
                    continue;
                };
                flight.stage = Stage::Released;
                let (req, waker) = (flight.req, flight.waker.take());
                inner.unpark(*order, at);
                (req, at, waker)
            };
            self.recorder.record(Event::Released { req, at });
            released.push(req);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        if !released.is_empty() {
            self.touch();
        }
        released
    }

    /// Drops the requests of those that are gone; says whether the newcomer is.
    fn verify(&self, conns: &[u64], newcomer: u64) -> bool {
        let probe = self.probe.borrow().clone();
        let gone = probe.map_or_else(Vec::new, |probe| probe.gone(conns));
        for (conn, fate) in &gone {
            if *conn != newcomer || *fate == Fate::Gone {
                self.drop_flights(*conn, *fate);
            }
        }
        gone.contains(&(newcomer, Fate::Gone))
    }

    fn drop_flights(&self, conn: u64, fate: Fate) {
        let mut abandoned = Vec::new();
        let mut wakers = Vec::new();
        {
            let mut inner = self.inner.borrow_mut();
            let Inner {
                flights,
                parked,
                counts,
                ..
            } = &mut *inner;
            for flight in flights
                .iter_mut()
                .flatten()
                .filter(|flight| flight.conn == conn)
            {
                if flight.stage == Stage::Gone {
                    continue;
                }
                if !flight.discounted {
                    flight.discounted = true;
                    counts.in_flight -= 1;
                    counts.abandoned += 1;
                    abandoned.push(flight.req);
                }
                if fate == Fate::Gone {
                    if let Stage::Parked { at, order, .. } = flight.stage {
                        parked.remove(&order);
                        counts.parked -= 1;
                        counts.parked_at_body -= u64::from(at == Point::Body);
                    }
                    flight.stage = Stage::Gone;
                    wakers.extend(flight.waker.take());
                }
            }
        }
        abandoned.sort_unstable();
        for req in &abandoned {
            self.recorder.record(Event::Abandoned { req: *req });
        }
        wakers.into_iter().for_each(Waker::wake);
        if !abandoned.is_empty() {
            self.touch();
        }
    }

    fn touch(&self) {
        self.version.set(self.version.get().wrapping_add(1));
        if !self.waiting.borrow().is_empty() {
            let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

impl Inner {
    fn add(&mut self, flight: Flight) -> Ticket {
        let req = flight.req;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.flights[slot] = Some(flight);
                slot
            }
            None => {
                self.flights.push(Some(flight));
                self.flights.len() - 1
            }
        };
        Ticket { slot, req }
    }

    fn get(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.flights
            .get_mut(ticket.slot)?
            .as_mut()
            .filter(|flight| flight.req == ticket.req)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Flight> {
        self.get(ticket)?;
        let flight = self.flights[ticket.slot].take()?;
        self.free.push(ticket.slot);
        if let Stage::Parked { at, order, .. } = flight.stage {
            self.unpark(order, at);
        }
        Some(flight)
    }

    /// Frees what the gone requests of a connection still hold; their handlers ended with it.
    fn forget(&mut self, conn: u64) {
        let Inner { flights, free, .. } = self;
        for (slot, flight) in flights.iter_mut().enumerate() {
            if flight.as_ref().is_some_and(|flight| flight.conn == conn) {
                *flight = None;
                free.push(slot);
            }
        }
    }

    fn unpark(&mut self, order: u64, at: Point) {
        self.parked.remove(&order);
        self.counts.parked -= 1;
        self.counts.parked_at_body -= u64::from(at == Point::Body);
    }

    /// If one more request would make a new maximum: the connections to ask about before saying so.
    fn doubtful(&self, newcomer: u64) -> Option<Vec<u64>> {
        let Counts { in_flight, max_in_flight, .. } = self.counts;
        if in_flight < max_in_flight || !(1..MOST_DOUBTED).contains(&in_flight) {
            return None;
        }
        let flights = self.flights.iter().flatten();
        let mut conns: BTreeSet<u64> = flights
            .filter(|flight| !flight.discounted)
            .map(|flight| flight.conn)
            .collect();
        conns.insert(newcomer);
        Some(conns.into_iter().collect())
    }
}

/// Work of the world's own; see [`Ledger::work`].
pub struct Work(Rc<Ledger>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        self.0.touch();
    }
}

/// See [`Ledger::changed`].
pub struct Changed {
    ledger: Rc<Ledger>,
    version: u64,
}

impl Future for Changed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ledger.version.get() != self.version {
            return Poll::Ready(());
        }
        let mut waiting = self.ledger.waiting.borrow_mut();
        if !waiting.iter().any(|old| old.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
