//! Every request in flight, what holds it, and the counts that scripts wait for.
//!
//! A request is in flight from the moment its head was read in full until just before the last byte
//! of its answer is handed to the kernel. Both ends err in favour of the program: it cannot know of the
//! answer's end before we stopped counting. Requests whose client is gone don't count either; since
//! a client may hang up and come again within one breath, those in flight are asked about
//! before a newcomer makes a new maximum.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::task::Waker;

mod flights;
mod gates;
mod waiting;

use flights::{Conn, Flight, Inner, Stage};
pub use waiting::{Changed, Work};

use crate::evidence::writer::Recorder;
use crate::evidence::{Ending, Event, Point, Side};
use crate::plan::seed::Dice;
use crate::task::script::Order;

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
