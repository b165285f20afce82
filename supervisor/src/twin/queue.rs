//! What happens next, in one total order: by time, and at the same time in the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use protocol::Uptime;

/// A queue in virtual time. Deterministic: what is put in the same way comes out the same way, on every machine.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Uptime,
    number: u64,
    what: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Uptime, u64) {
        (self.at, self.number)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }
}

impl<T> Queue<T> {
    /// Plans something.
    pub(super) fn plan(&mut self, at: Uptime, what: T) {
        self.heap.push(Reverse(Entry { at, number: self.planned, what }));
        self.planned += 1;
    }

    /// Takes what comes first, if it comes no later than `until`.
    pub(super) fn next(&mut self, until: Uptime) -> Option<(Uptime, T)> {
        if self.heap.peek()?.0.at > until {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_keeps_the_order_of_planning() {
        let mut queue = Queue::default();
        queue.plan(Uptime::from_secs(2), 'c');
        queue.plan(Uptime::from_secs(1), 'a');
        queue.plan(Uptime::from_secs(2), 'd');
        queue.plan(Uptime::from_secs(1), 'b');
        let order: String = std::iter::from_fn(|| queue.next(Uptime::from_secs(2))).map(|(_, c)| c).collect();
        assert_eq!(order, "abcd");
    }

    #[test]
    fn nothing_comes_before_its_time() {
        let mut queue = Queue::default();
        queue.plan(Uptime::from_millis(1001), ());
        assert_eq!(queue.next(Uptime::from_secs(1)), None);
        assert_eq!(queue.next(Uptime::from_millis(1001)), Some((Uptime::from_millis(1001), ())));
    }
}
