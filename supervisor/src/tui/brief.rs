//! Why a node is as it is, where there is no room for the sentence: the numbers that decided it.

use protocol::{OrderReason, Reason};

/// A node's reason in some forty columns.
pub(crate) fn phrase(reason: &Reason) -> String {
    let Reason::Ordered { why, .. } = reason else { return self::reason(reason) };
    match why {
        OrderReason::ForecastCarries { chance_permille, .. } => {
            format!("with everything on, {} to last", percent(*chance_permille))
        }
        OrderReason::ForecastShort { chance_permille, wanted_permille, .. } => {
            format!("chance to last {} < {} wanted", percent(*chance_permille), percent(*wanted_permille))
        }
        why => order(why),
    }
}

/// A node's reason in some twenty columns.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Ordered { why, .. } => order(why),
        Reason::SocBelow { soc, threshold, .. } => format!("SoC {soc} < {threshold:.0}"),
        Reason::VoltageBelow { compensated, threshold, .. } => format!("{compensated} < {threshold}"),
        Reason::VoltageCollapsed { voltage, threshold, .. } => format!("{voltage} < {threshold}"),
        Reason::TimeToEmptyBelow { time_to_empty, threshold, .. } => {
            format!("empty in {time_to_empty} < {threshold}")
        }
        Reason::NoReading { age, .. } => format!("no reading for {age}"),
        Reason::SocUnknown => "SoC not known yet".to_owned(),
        Reason::Resumed { .. } => "resumed after restart".to_owned(),
        Reason::Recovered { soc: Some(soc), .. } => format!("recovered: SoC {soc}"),
        Reason::Recovered { soc: None, compensated, .. } => format!("recovered: {compensated}"),
        Reason::BackingOff { wait, .. } => format!("waits another {wait}"),
        Reason::Clear | Reason::RailLow { .. } | Reason::Hot { .. } => reason.to_string(),
    }
}

/// Of an order, the two numbers that decided it.
fn order(ordered: &OrderReason) -> String {
    match ordered {
        OrderReason::SupplyLow { soc, threshold, place, .. } => {
            format!("{:.1} < {threshold:.1}, turn {place}", soc.percent())
        }
        OrderReason::SupplyShort { time_to_empty, threshold, .. } => {
            format!("empty in {time_to_empty} < {threshold}")
        }
        OrderReason::Waiting { place: 0, .. } => "recovers next".to_owned(),
        OrderReason::Waiting { turn_of, .. } => format!("after {turn_of}"),
        OrderReason::SupplyUnknown { .. } => "supply unknown".to_owned(),
        OrderReason::ForecastCarries { chance_permille, .. } => {
            format!("carries: chance {}", percent(*chance_permille))
        }
        OrderReason::ForecastShort { chance_permille, wanted_permille, .. } => {
            format!("chance {} < {}", percent(*chance_permille), percent(*wanted_permille))
        }
        OrderReason::DaysShort { sun, load, .. } => format!("sun {sun:.0} < {load:.0}"),
        OrderReason::EnoughEnergy | OrderReason::Operator => ordered.to_string(),
    }
}

fn percent(permille: u16) -> String {
    format!("{:.0} %", f64::from(permille) / 10.0)
}
