//! An exercise's world for somebody who comes by hand: its servers listen on this machine, hold their
//! answers as in a run, and let them go when told to. Nothing is judged, and no submission is started:
//! whoever asks is whoever asks (a program in another terminal, a debugger, `curl`).

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::evidence::writer::Recorder;
use crate::evidence::{Ending, Event, Tier};
use crate::plan::Plan;
use crate::task::script::Order;
use crate::world::diag::Diag;
use crate::world::ledger::{Ledger, Pick};
use crate::world::origin::{Origin, OriginError};
use crate::world::park;
use crate::world::side::Side;

/// What the player wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Let so many held answers go.
    Release { count: u64, newest: bool },
    /// Let everything go, and hold nothing from now on.
    Open,
    /// Show what is in flight.
    Show,
    /// End.
    Quit,
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("the world can't be set up: {0}")]
    World(#[from] io::Error),
}

/// What is so now.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Requests in flight: name, and whether its answer is held.
    pub flying: BTreeMap<u64, (String, bool)>,
    /// The most at once so far.
    pub most: usize,
    /// Requests so far.
    pub asked: u64,
    hosts: Vec<String>,
}

/// News for the player.
#[derive(Debug)]
pub enum News<'n> {
    /// The world listens. `urls` is the list, as the program gets it; for a site, its start.
    Ready { urls: &'n [u8] },
    /// Something happened: what, in words (if it is worth a line), and the table after it.
    Change {
        line: Option<String>,
        table: &'n Table,
    },
}

/// Plays until told to quit, or until nobody is left to tell.
///
/// # Errors
/// If the world can't be set up.
pub fn play(
    plan: &Plan,
    mut wishes: UnboundedReceiver<Wish>,
    tell: Rc<dyn Fn(News<'_>)>,
) -> Result<(), PlayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let table = Rc::new(std::cell::RefCell::new(Table::default()));
        let recorder = Recorder::new(io::sink());
        let ledger = Ledger::new(recorder.clone(), plan.seed);
        let (origin, places) = Origin::bind(plan, Tier::Portable)?;
        table.borrow_mut().hosts = places.into_iter().map(|place| place.name).collect();
        let urls = match (&plan.site, plan.items.first()) {
            (Some(_), Some(start)) => format!("{}\n", origin.url(start)).into_bytes(),
            _ => origin.urls_file(),
        };
        {
            let (table, tell) = (table.clone(), tell.clone());
            recorder.observe(move |record| {
                let line = table.borrow_mut().take(&record.event);
                if let Some(line) = line {
                    tell(News::Change {
                        line: Some(line),
                        table: &table.borrow(),
                    });
                }
            });
        }
        let side = Side::new()?;
        let serving = origin.serve(&side, &ledger, Diag::new().ok())?;
        tell(News::Ready { urls: &urls });
        while let Some(wish) = wishes.recv().await {
            match wish {
                Wish::Release { count, newest } => {
                    let order = if newest { Order::Newest } else { Order::Oldest };
                    ledger.release(&Pick {
                        count: Some(count),
                        order,
                        ..Pick::default()
                    });
                }
                Wish::Open => {
                    ledger.open();
                }
                Wish::Show => {}
                Wish::Quit => break,
            }
            tell(News::Change {
                line: None,
                table: &table.borrow(),
            });
        }
        drop(serving);
        Ok(())
    })
}

impl Table {
    /// Requests whose answers are held.
    pub fn held(&self) -> usize {
        self.flying.values().filter(|one| one.1).count()
    }

    fn take(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Request {
                req,
                host,
                target,
                method,
                ..
            } => {
                let host = self
                    .hosts
                    .get(usize::from(*host))
                    .map_or("", String::as_str);
                let name =
                    crate::report::clean::clean_line(&format!("{method} {host}{target}"), 100);
                self.asked += 1;
                self.flying.insert(*req, (name.clone(), false));
                self.most = self.most.max(self.flying.len());
                Some(format!("? {name}"))
            }
            Event::Parked { req, .. } => {
                self.flying.get_mut(req)?.1 = true;
                Some(format!("  held: {}", self.flying.get(req)?.0))
            }
            Event::Released { req, .. } => {
                self.flying.get_mut(req)?.1 = false;
                None
            }
            Event::Answered {
                req,
                status,
                ending,
                ..
            } => {
                let (name, _) = self.flying.remove(req)?;
                Some(match ending {
                    Ending::Complete => format!("✓ {name}: {status}"),
                    _ => format!("↯ {name}: broken off, as planned"),
                })
            }
            Event::Abandoned { req } => {
                let (name, _) = self.flying.remove(req)?;
                Some(format!("⊘ {name}: given up by the client"))
            }
            _ => None,
        }
    }
}
