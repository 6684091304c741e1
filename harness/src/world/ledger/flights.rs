//! The requests themselves, by slots, and those that are parked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;

use super::{Counts, Ticket};
use crate::evidence::Point;
use crate::plan::seed::Dice;

/// With more connections than this nobody is asked about: it would cost more the more there are, and no limit
/// that is graded is as high.
const MOST_DOUBTED: u64 = 1024;

pub(super) struct Inner {
    pub(super) flights: Vec<Option<Flight>>,
    pub(super) free: Vec<usize>,
    pub(super) conns: HashMap<u64, Conn>,
    pub(super) next_conn: u64,
    pub(super) next_park: u64,
    /// Parked answers in the order of their parking.
    pub(super) parked: BTreeMap<u64, usize>,
    pub(super) open: bool,
    pub(super) counts: Counts,
    pub(super) dice: Dice,
}

pub(super) struct Flight {
    pub(super) req: u64,
    pub(super) conn: u64,
    pub(super) stage: Stage,
    /// No longer counted, as its client may be gone.
    pub(super) discounted: bool,
    pub(super) waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    Parked { at: Point, order: u64, stuck: bool },
    Released,
    Gone,
}

#[derive(Default)]
pub(super) struct Conn {
    pub(super) requests: u64,
}

impl Inner {
    pub(super) fn add(&mut self, flight: Flight) -> Ticket {
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

    pub(super) fn get(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.flights
            .get_mut(ticket.slot)?
            .as_mut()
            .filter(|flight| flight.req == ticket.req)
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Flight> {
        self.get(ticket)?;
        let flight = self.flights[ticket.slot].take()?;
        self.free.push(ticket.slot);
        if let Stage::Parked { at, order, .. } = flight.stage {
            self.unpark(order, at);
        }
        Some(flight)
    }

    /// Frees what the gone requests of a connection still hold; their handlers ended with it.
    pub(super) fn forget(&mut self, conn: u64) {
        let Inner { flights, free, .. } = self;
        for (slot, flight) in flights.iter_mut().enumerate() {
            if flight.as_ref().is_some_and(|flight| flight.conn == conn) {
                *flight = None;
                free.push(slot);
            }
        }
    }

    pub(super) fn unpark(&mut self, order: u64, at: Point) {
        self.parked.remove(&order);
        self.counts.parked -= 1;
        self.counts.parked_at_body -= u64::from(at == Point::Body);
    }

    /// If one more request would make a new maximum: the connections to ask about before saying so.
    pub(super) fn doubtful(&self, newcomer: u64) -> Option<Vec<u64>> {
        let Counts {
            in_flight,
            max_in_flight,
            connections,
            ..
        } = self.counts;
        if in_flight == 0 || in_flight < max_in_flight || connections > MOST_DOUBTED {
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
