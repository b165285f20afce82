//! What we changed and how it was before, written down before it is changed.
//!
//! Every entry bears the version of the ledger in which it last grew. A change may be made once a state file with that
//! version is on disk: then a crash at any moment finds the way back.

use std::collections::BTreeMap;

use crate::core::event::ContainerId;
use crate::core::state::Touched;

/// What is remembered, by container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<ContainerId, Entry>,
    version: u64,
    grown: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    touched: Touched,
    /// The version in which something was added.
    grown: u64,
}

impl Ledger {
    /// As an earlier life wrote it: all of it is on disk.
    pub(super) fn new(entries: BTreeMap<ContainerId, Touched>) -> Self {
        let entries = entries.into_iter().map(|(id, touched)| (id, Entry { touched, grown: 0 }));
        Self { entries: entries.collect(), version: 0, grown: 0 }
    }

    /// Changes with every change of the ledger.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// The version in which something was last added: what must be on disk before more is done.
    pub(super) const fn grown(&self) -> u64 {
        self.grown
    }

    /// What was done to a container.
    pub(super) fn touched(&self, id: &ContainerId) -> Touched {
        self.entries.get(id).map_or_else(Touched::default, |entry| entry.touched)
    }

    /// The version that must be on disk before the container is changed as written.
    pub(super) fn needs(&self, id: &ContainerId) -> u64 {
        self.entries.get(id).map_or(0, |entry| entry.grown)
    }

    /// Writes down what is about to be done.
    pub(super) fn remember(&mut self, id: &ContainerId, touched: Touched) {
        if self.touched(id) == touched {
            return;
        }
        self.version += 1;
        self.grown = self.version;
        self.entries.insert(id.clone(), Entry { touched, grown: self.version });
    }

    /// Strikes out what is no longer so.
    pub(super) fn forget(&mut self, id: &ContainerId, touched: Touched) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if entry.touched == touched {
            return;
        }
        self.version += 1;
        if touched == Touched::default() {
            self.entries.remove(id);
        } else {
            entry.touched = touched;
        }
    }

    /// Strikes out every container that is not `kept`.
    pub(super) fn retain(&mut self, mut kept: impl FnMut(&ContainerId) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|id, _| kept(id));
        if self.entries.len() != before {
            self.version += 1;
        }
    }

    /// For the state file.
    pub(super) fn entries(&self) -> BTreeMap<ContainerId, Touched> {
        self.entries.iter().map(|(id, entry)| (id.clone(), entry.touched)).collect()
    }
}
