//! How many clients of a group are how far: kept up with each change, since the script's conditions ask
//! at every event, and a group may have ten thousand clients.

use std::cell::Cell;

use super::client::Phase;

/// Counts over the clients of one group, or of all.
#[derive(Debug, Default)]
pub struct Tally {
    pub size: Cell<u64>,
    pub connecting: Cell<u64>,
    pub open: Cell<u64>,
    pub failed: Cell<u64>,
    pub ended: Cell<u64>,
    /// To whom everything that they said has come back.
    pub echoed: Cell<u64>,
}

impl Tally {
    pub(super) fn enter(&self, phase: Phase) {
        let cell = self.cell(phase);
        cell.set(cell.get() + 1);
    }

    pub(super) fn leave(&self, phase: Phase) {
        let cell = self.cell(phase);
        cell.set(cell.get().saturating_sub(1));
    }

    fn cell(&self, phase: Phase) -> &Cell<u64> {
        match phase {
            Phase::Connecting => &self.connecting,
            Phase::Open => &self.open,
            Phase::Failed => &self.failed,
            Phase::Ended(_) => &self.ended,
        }
    }
}
