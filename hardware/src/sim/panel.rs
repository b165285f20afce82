//! A solar panel on its charger's tracker: light to watts.

use protocol::{Power, Temperature};

use super::sun::{Irradiance, Sun};

/// The light under which a panel's label is measured (IEC 61215, standard test conditions).
const LABEL_LIGHT: f64 = 1000.0;
/// The cell temperature at which a panel's label is measured.
const LABEL_TEMPERATURE: Temperature = Temperature::from_celsius(25.0);
/// Power lost for each kelvin above it: typical of crystalline silicon's datasheets.
const LOST_PER_KELVIN: f64 = 0.004;
/// Kelvin above the air for each W/m2: a nominal operating cell temperature of 45 C (20 C air, 800 W/m2).
const WARMED: f64 = 25.0 / 800.0;
/// What is left behind the tracker and its wires.
const TRACKED: f64 = 0.93;

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Panel {
    /// The label's power.
    pub label: Power,
    /// From level, in degrees.
    pub tilt_degrees: f64,
    /// From the equator's side, in degrees, west positive.
    pub azimuth_degrees: f64,
    /// The part of the light that dirt takes, 0 to 1.
    pub soiling: f64,
}

impl Panel {
    /// What the charger can draw from it at most.
    pub fn available(&self, sun: &Sun, sky: f64, air: Temperature) -> Power {
        self.under(sun.on_plane(self.tilt_degrees, self.azimuth_degrees, sky), air)
    }

    /// What the charger can draw from it under a light that was measured in its plane.
    pub fn under(&self, light: Irradiance, air: Temperature) -> Power {
        let light = light.watts_per_square_metre() * (1.0 - self.soiling.clamp(0.0, 1.0));
        let cell = air + Temperature::from_celsius(light * WARMED);
        let warm = 1.0 - LOST_PER_KELVIN * (cell - LABEL_TEMPERATURE).celsius();
        (self.label * (light / LABEL_LIGHT * warm * TRACKED)).max(Power::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::sun::SolarTime;

    const AIR: Temperature = Temperature::from_celsius(20.0);

    fn noon(panel: &Panel, sky: f64, air: Temperature) -> Power {
        let time = SolarTime { day: 172, since_midnight: Duration::from_hours(12) };
        panel.available(&Sun::at(45.0, time), sky, air)
    }

    #[test]
    fn heat_dirt_and_clouds_each_take_their_part() {
        let clean =
            Panel { label: Power::from_watts(200.0), tilt_degrees: 25.0, azimuth_degrees: 0.0, soiling: 0.0 };
        let best = noon(&clean, 1.0, AIR);
        assert!(best > Power::from_watts(140.0) && best < Power::from_watts(200.0), "{best}");
        assert!(noon(&clean, 1.0, Temperature::from_celsius(40.0)) < best * 0.95);
        assert!(noon(&Panel { soiling: 0.1, ..clean }, 1.0, AIR) < best * 0.95);
        assert!(noon(&clean, 0.2, AIR) < best * 0.3);
    }

    #[test]
    fn gives_nothing_at_night() {
        let panel =
            Panel { label: Power::from_watts(200.0), tilt_degrees: 25.0, azimuth_degrees: 0.0, soiling: 0.0 };
        let time = SolarTime { day: 172, since_midnight: Duration::ZERO };
        assert_eq!(panel.available(&Sun::at(45.0, time), 1.0, AIR), Power::ZERO);
    }
}
