//! The whole core against a made world: a node with Docker, a disk and a supervisor, all of them data.

mod containers;
mod dip;
mod docker;
mod dusk;
mod engine;
mod faults;
mod links;
mod stages;
mod switches;
mod traffic;
mod world;
