//! Gates: answers wait at them, scripts let them go.

use std::task::{Context, Poll};

use super::flights::{Inner, Stage};
use super::{Ledger, Pass, Pick, Ticket};
use crate::evidence::{Ending, Event, Point};
use crate::task::script::Order;

impl Ledger {
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
}
