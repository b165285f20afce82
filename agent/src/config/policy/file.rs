//! The ladder as a user writes it: `[policy]`, every key optional, what is left out keeps the chemistry's default.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Soc, Temperature, Voltage};
use serde::{Deserialize, Deserializer};

use super::{Enter, Leave, Policy, Rung, Stretch, WithPlan};
use crate::config::text;

/// What `[policy]` overrides.
///
/// ```toml
/// [policy]
/// stagger = "30 s"
/// drain_budget = "10 min"
/// [policy.shed]
/// enter = { soc = "60 %", voltage = "12.10 V", hold = "5 min" }
/// leave = { soc = "70 %" }
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyFile {
    throttle: RungFile,
    shed: RungFile,
    drain: RungFile,
    halt: RungFile,
    with_plan: WithPlanFile,
    freeze: Option<Voltage>,
    collapse: Option<Voltage>,
    #[serde(deserialize_with = "duration")]
    collapse_hold: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    stagger: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    settle: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    stale_hold: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    stale_climb: Option<Duration>,
    hot: Option<Temperature>,
    #[serde(deserialize_with = "duration")]
    drain_budget: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    halt_budget: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RungFile {
    enter: EnterFile,
    leave: LeaveFile,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EnterFile {
    soc: Option<Soc>,
    discharging: Option<bool>,
    voltage: Option<Voltage>,
    #[serde(deserialize_with = "duration")]
    time_to_empty: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    hold: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LeaveFile {
    soc: Option<Soc>,
    voltage: Option<Voltage>,
    terminal: Option<Voltage>,
    charging: Option<bool>,
    #[serde(deserialize_with = "duration")]
    hold: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WithPlanFile {
    throttle: StretchFile,
    shed: StretchFile,
    drain: StretchFile,
    halt: HaltStretchFile,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HaltStretchFile {
    leave: Option<Soc>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StretchFile {
    enter: Option<Soc>,
    leave: Option<Soc>,
}

impl StretchFile {
    fn resolve(&self, usual: Option<Stretch>) -> Option<Stretch> {
        let enter = self.enter.or(usual.map(|usual| usual.enter))?;
        let leave = self.leave.or(usual.map(|usual| usual.leave))?;
        Some(Stretch { enter, leave })
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    text::duration(deserializer).map(Some)
}

impl RungFile {
    fn resolve(&self, usual: Rung) -> Rung {
        let (enter, leave) = (&self.enter, &self.leave);
        Rung {
            enter: Enter {
                soc: enter.soc.or(usual.enter.soc),
                discharging: enter.discharging.unwrap_or(usual.enter.discharging),
                voltage: enter.voltage.or(usual.enter.voltage),
                time_to_empty: enter.time_to_empty.or(usual.enter.time_to_empty),
                hold: enter.hold.unwrap_or(usual.enter.hold),
            },
            leave: Leave {
                soc: leave.soc.or(usual.leave.soc),
                voltage: leave.voltage.or(usual.leave.voltage),
                terminal: leave.terminal.or(usual.leave.terminal),
                charging: leave.charging.unwrap_or(usual.leave.charging),
                hold: leave.hold.unwrap_or(usual.leave.hold),
            },
        }
    }
}

impl PolicyFile {
    /// The whole ladder: what is written here, and the chemistry's defaults for the rest.
    pub fn resolve(&self, chemistry: Chemistry) -> Policy {
        let usual = Policy::for_chemistry(chemistry);
        let halt = self.halt.resolve(usual.halt);
        let planned = WithPlan::above(&halt);
        let collapse = self.collapse.unwrap_or(usual.collapse);
        Policy {
            throttle: self.throttle.resolve(usual.throttle),
            shed: self.shed.resolve(usual.shed),
            drain: self.drain.resolve(usual.drain),
            halt,
            with_plan: WithPlan {
                throttle: self.with_plan.throttle.resolve(planned.throttle),
                shed: self.with_plan.shed.resolve(planned.shed),
                drain: self.with_plan.drain.resolve(planned.drain),
                halt_leave: self.with_plan.halt.leave.or(planned.halt_leave),
            },
            freeze: self.freeze.unwrap_or_else(|| Policy::freeze_between(collapse, &halt.enter)),
            collapse,
            collapse_hold: self.collapse_hold.unwrap_or(usual.collapse_hold),
            stagger: self.stagger.unwrap_or(usual.stagger),
            settle: self.settle.unwrap_or(usual.settle),
            stale_hold: self.stale_hold.unwrap_or(usual.stale_hold),
            stale_climb: self.stale_climb.unwrap_or(usual.stale_climb),
            hot: self.hot.unwrap_or(usual.hot),
            drain_budget: self.drain_budget.unwrap_or(usual.drain_budget),
            halt_budget: self.halt_budget.unwrap_or(usual.halt_budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_overrides_and_the_rest_keeps_its_default() {
        let file: PolicyFile = toml::from_str(
            "stagger = \"30 s\"\n[shed]\nenter = { soc = \"60 %\", hold = \"5 min\" }\nleave = { charging = false }",
        )
        .unwrap();
        let policy = file.resolve(Chemistry::Agm);
        let mut wanted = Policy::for_chemistry(Chemistry::Agm);
        wanted.stagger = Duration::from_secs(30);
        wanted.shed.enter.soc = Some(Soc::from_percent(60.0));
        wanted.shed.enter.hold = Duration::from_mins(5);
        wanted.shed.leave.charging = false;
        assert_eq!(policy, wanted);
    }

    #[test]
    fn nothing_written_is_the_chemistrys_ladder() {
        for chemistry in Chemistry::ALL {
            assert_eq!(PolicyFile::default().resolve(chemistry), Policy::for_chemistry(chemistry));
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error_at_every_depth() {
        for bad in
            ["stager = \"1 s\"", "[shed]\nentre = {}", "[shed]\nenter = { sock = \"60 %\" }", "[sheds]"]
        {
            assert!(toml::from_str::<PolicyFile>(bad).is_err(), "{bad}");
        }
    }
}
