//! Short numbers for containers, stable while the agent runs.

use std::collections::BTreeMap;

use protocol::report::{CONTAINERS_MAX, ContainerEntry, ContainerReport};
use protocol::{Class, ContainerName, ContainerSlot};

use crate::core::event::ContainerId;
use crate::core::shed::{Listed, Shed};

/// Who has which slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    taken: BTreeMap<ContainerId, Slot>,
    /// Counts introductions, so that a slot that changes hands is introduced again.
    introductions: u32,
    /// The version of the list that the slots are of.
    version: Option<u64>,
}

/// A container's slot.
#[derive(Debug, Clone)]
struct Slot {
    number: ContainerSlot,
    name: ContainerName,
    class: Class,
    introduction: u32,
}

impl Slots {
    /// Gives every container a slot, and takes back those of containers that are gone.
    pub(super) fn refresh(&mut self, shed: &Shed) {
        if self.version.replace(shed.version()) == Some(shed.version()) {
            return;
        }
        let present: BTreeMap<&ContainerId, Listed<'_>> =
            shed.listed().map(|listed| (listed.id, listed)).collect();
        self.taken.retain(|id, _| present.contains_key(id));
        for (id, listed) in present {
            if self.taken.contains_key(id) {
                continue;
            }
            let Some(number) = self.free() else { break };
            self.introductions += 1;
            let slot =
                Slot { number, name: name(&listed), class: listed.class, introduction: self.introductions };
            self.taken.insert(id.clone(), slot);
        }
    }

    /// The lowest slot that nobody has.
    fn free(&self) -> Option<ContainerSlot> {
        let taken = |number: u8| self.taken.values().any(|slot| slot.number.0 == number);
        (0..=u8::MAX).find(|number| !taken(*number)).map(ContainerSlot)
    }

    /// What a report lists: the most important ones, by slot.
    pub(super) fn reported(&self, shed: &Shed) -> heapless::Vec<ContainerReport, CONTAINERS_MAX> {
        let mut list = heapless::Vec::new();
        for listed in shed.listed() {
            let Some(slot) = self.taken.get(listed.id) else { continue };
            if list.push(ContainerReport { slot: slot.number, state: listed.state }).is_err() {
                break;
            }
        }
        list.sort_unstable_by_key(|report| report.slot);
        list
    }

    /// Who has a slot, and the number of that introduction.
    pub(super) fn entry(&self, slot: ContainerSlot) -> Option<(u32, ContainerEntry)> {
        let found = self.taken.values().find(|taken| taken.number == slot)?;
        let entry = ContainerEntry { slot, name: found.name.clone(), class: found.class };
        Some((found.introduction, entry))
    }
}

/// Docker's name, cut to length; the id where the name has no wire form.
fn name(listed: &Listed<'_>) -> ContainerName {
    let cut =
        listed.name.char_indices().nth(ContainerName::LENGTH_MAX).map_or(listed.name.len(), |(end, _)| end);
    let parsed = listed.name.get(..cut).unwrap_or_default().parse();
    parsed.or_else(|_| listed.id.to_string().parse()).unwrap_or_else(|_| nameless())
}

/// A container whose name and id both have no wire form.
fn nameless() -> ContainerName {
    #[expect(clippy::expect_used, reason = "a constant")]
    "container".parse().expect("a name")
}
