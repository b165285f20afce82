//! Readings of the minutes that are not written yet.

use std::collections::BTreeMap;

use super::super::clock::Timestamp;
use super::Step;
use crate::core::history::{Sample, Series};

/// Minutes that are kept in memory, at most: when nothing can be written, the oldest are lost.
const MINUTES_MAX: usize = 60;

/// A minute of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) min: f64,
    pub(super) sum: f64,
    pub(super) max: f64,
    pub(super) count: u32,
}

/// Minutes, by when they begin, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Gather(BTreeMap<i64, BTreeMap<Series, Bucket>>);

impl Gather {
    pub(super) fn add(&mut self, time: Timestamp, samples: Vec<Sample>) {
        let minute = time.as_millis().div_euclid(1000 * Step::Minute.seconds()) * Step::Minute.seconds();
        let buckets = self.0.entry(minute).or_default();
        for Sample { series, value } in samples {
            let bucket =
                buckets.entry(series).or_insert(Bucket { min: value, sum: 0.0, max: value, count: 0 });
            bucket.min = bucket.min.min(value);
            bucket.max = bucket.max.max(value);
            bucket.sum += value;
            bucket.count += 1;
        }
        while self.0.len() > MINUTES_MAX {
            self.0.pop_first();
        }
    }

    /// Everything, also of a minute that is not over: what comes later of it is added to what was written.
    pub(super) fn take(&mut self) -> Vec<(i64, Series, Bucket)> {
        let minutes = std::mem::take(&mut self.0);
        let row = |(minute, buckets): (i64, BTreeMap<Series, Bucket>)| {
            buckets.into_iter().map(move |(series, bucket)| (minute, series, bucket))
        };
        minutes.into_iter().flat_map(row).collect()
    }
}
