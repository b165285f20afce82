//! The core under test: events in, actions out. [`site::Site`] plays the agents.

mod address;
mod energy;
mod engines;
mod enrolment;
mod leading;
mod links;
mod orders;
mod person;
mod planning;
mod properties;
mod relief;
mod site;
mod supplies;
mod waking;
mod witnesses;
