//! Traces made for a test: a dusk and a dawn on a small battery.
