//! The whole demo site, under its promises.

use super::*;

fn run(seed: u64, hours: u64) -> Twin {
    let mut twin = Twin::new(Plan::demo().unwrap(), seed).unwrap();
    twin.advance_to(Uptime::from_secs(hours * 3600)).unwrap();
    twin
}

#[test]
fn the_same_seed_is_the_same_story() {
    let summary = |seed| serde_json::to_string(&run(seed, 5).summary()).unwrap();
    assert_eq!(summary(7), summary(7));
    assert_ne!(summary(7), summary(8));
}
