//! `[supply.site]`: where a supply's panel stands and how it lies, so that the leader can plan with the sun.

use protocol::{Charge, Power, Voltage};
use serde::Deserialize;
use toml::Spanned;

use super::error::ConfigError;
use super::file::SupplyTable;
use super::prove::Prover;
use crate::core::forecast::{Angle, Plane, Site};
use crate::core::settings::SiteSettings;

/// Voltages between which a 12 V charger can hold.
const HOLDS: (Voltage, Voltage) = (Voltage::from_volts(12.8), Voltage::from_volts(15.5));
/// Batteries between a toy's and a truck's.
const CAPACITIES: (Charge, Charge) = (Charge::from_amp_hours(1.0), Charge::from_amp_hours(10_000.0));

/// Angles are plain degrees: north and east positive; azimuth from north through east, 180 is south.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteTable {
    latitude: Spanned<f64>,
    longitude: Spanned<f64>,
    panel: Option<Spanned<Power>>,
    tilt: Option<Spanned<f64>>,
    azimuth: Option<Spanned<f64>>,
    absorption: Option<Spanned<Voltage>>,
    float: Option<Spanned<Voltage>>,
}

/// The site of a supply, if it has one.
///
/// # Errors
///
/// A place off the globe, a panel that cannot be, a charger that cannot be, or a site without a battery's capacity.
pub(super) fn site(table: &SupplyTable, prove: &Prover<'_>) -> Result<Option<SiteSettings>, ConfigError> {
    let capacity = capacity(table, prove)?;
    let Some(written) = &table.site else { return Ok(None) };
    let (at, written) = (written.span().start, written.get_ref());
    let Some(capacity) = capacity else {
        let why =
            "a plan needs the battery's capacity: add capacity = \"70 Ah\" to the [[supply]]".to_owned();
        return Err(prove.site("capacity", at, why));
    };
    let place = place(written, prove)?;
    let usual = SiteSettings::usual(place, table.chemistry, capacity);
    let absorption = volts("site.absorption", written.absorption.as_ref(), usual.absorption, prove)?;
    let float = volts("site.float", written.float.as_ref(), usual.float, prove)?;
    if float > absorption {
        let at = [&written.float, &written.absorption].into_iter().flatten().map(|v| v.span().start).next();
        let why = format!("float = {float} is above absorption = {absorption}: a charger floats below it");
        return Err(prove.site("site.float", at.unwrap_or_default(), why));
    }
    Ok(Some(SiteSettings { absorption, float, ..usual }))
}

fn capacity(table: &SupplyTable, prove: &Prover<'_>) -> Result<Option<Charge>, ConfigError> {
    let Some(written) = &table.capacity else { return Ok(None) };
    let capacity = *written.get_ref();
    if capacity < CAPACITIES.0 || capacity > CAPACITIES.1 {
        let why = format!("{capacity} must be {} to {}", CAPACITIES.0, CAPACITIES.1);
        return Err(prove.site("capacity", written.span().start, why));
    }
    Ok(Some(capacity))
}

fn place(written: &SiteTable, prove: &Prover<'_>) -> Result<Site, ConfigError> {
    let degrees = |value: &Spanned<f64>| Angle::from_degrees(*value.get_ref());
    let (latitude, longitude) = (&written.latitude, &written.longitude);
    let off_globe = |error: crate::core::forecast::SiteError| match error {
        crate::core::forecast::SiteError::Longitude(_) => {
            prove.site("site.longitude", longitude.span().start, error.to_string())
        }
        _ => prove.site("site.latitude", latitude.span().start, error.to_string()),
    };
    let mut site = Site::new(degrees(latitude), degrees(longitude)).map_err(off_globe)?;
    if let Some(panel) = &written.panel {
        let wrong = |error: crate::core::forecast::SiteError| {
            prove.site("site.panel", panel.span().start, error.to_string())
        };
        site = site.with_label(*panel.get_ref()).map_err(wrong)?;
    }
    // A panel that is tilted faces the equator, unless it is said otherwise.
    let equator = Angle::from_degrees(if latitude.get_ref() < &0.0 { 0.0 } else { 180.0 });
    let plane = Plane {
        tilt: written.tilt.as_ref().map_or(Angle::ZERO, degrees),
        azimuth: written.azimuth.as_ref().map_or(equator, degrees),
    };
    let (key, at) = match (&written.tilt, &written.azimuth) {
        (Some(tilt), _) => ("site.tilt", tilt.span().start),
        (None, Some(azimuth)) => ("site.azimuth", azimuth.span().start),
        (None, None) => ("site", 0),
    };
    site.with_plane(plane).map_err(|error| prove.site(key, at, error.to_string()))
}

fn volts(
    key: &'static str,
    written: Option<&Spanned<Voltage>>,
    usual: Voltage,
    prove: &Prover<'_>,
) -> Result<Voltage, ConfigError> {
    let Some(written) = written else { return Ok(usual) };
    let volts = *written.get_ref();
    if volts < HOLDS.0 || volts > HOLDS.1 {
        let why = format!("{volts} must be {} to {}", HOLDS.0, HOLDS.1);
        return Err(prove.site(key, written.span().start, why));
    }
    Ok(volts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, Given};
    use crate::core::settings::SiteSettings;
    use protocol::Charge;

    const HEAD: &str = "[[supply]]\nname = \"garage\"\nchemistry = \"agm\"\n";

    fn parse(rest: &str) -> Result<Option<SiteSettings>, String> {
        let text = format!("{HEAD}{rest}");
        let config = Config::parse(&text, Path::new("supervisor.toml"), Given::default());
        let config = config.map_err(|error| error.to_string())?;
        Ok(config.settings.supplies[&"garage".parse().unwrap()].site)
    }

    #[test]
    fn a_whole_site_is_taken_as_written_and_the_rest_is_the_chemistrys() {
        let site = parse(
            "capacity = \"70 Ah\"\n[supply.site]\nlatitude = 0.39\nlongitude = 9.45\npanel = \"100 W\"\n\
             tilt = 10\nfloat = \"13.5 V\"\n",
        );
        let site = site.unwrap().unwrap();
        assert_eq!(site.capacity, Charge::from_amp_hours(70.0));
        assert!((site.absorption.volts() - 14.4).abs() < 1e-9 && (site.float.volts() - 13.5).abs() < 1e-9);
        assert!((site.site.plane().azimuth.degrees() - 180.0).abs() < 1e-9, "towards the equator");
        assert_eq!(parse("").unwrap(), None);
    }

    #[test]
    fn a_site_that_cannot_be_names_file_line_key_and_what_is_right() {
        let site = |rest: &str| format!("capacity = \"70 Ah\"\n[supply.site]\n{rest}");
        let place = "latitude = 0.39\nlongitude = 9.45\n";
        for (text, words) in [
            (site("latitude = 91.0\nlongitude = 9.45"), ["line 6", "site.latitude", "91", "-90 to 90"]),
            (site("latitude = 9.0\nlongitude = 181.0"), ["line 7", "site.longitude", "181", "-180 to 180"]),
            (site(&format!("{place}panel = \"0 W\"")), ["line 8", "site.panel", "0 W", "nothing"]),
            (site(&format!("{place}tilt = 95.0")), ["line 8", "site.tilt", "95", "0 to 90"]),
            (site(&format!("{place}absorption = \"24 V\"")), ["line 8", "absorption", "24.00 V", "15.50 V"]),
            (site(&format!("{place}float = \"14.8 V\"")), ["line 8", "site.float", "14.80 V", "14.40 V"]),
            (format!("[supply.site]\n{place}"), ["line 4", "capacity", "70 Ah", "[[supply]]"]),
            ("capacity = \"0 Ah\"".to_owned(), ["line 4", "capacity", "0.0 Ah", "1.0 Ah"]),
            (
                site("latitude = 0.39\nlongitude = 9.45\npanle = \"1 W\""),
                ["panle", "line 8", "unknown", "panel"],
            ),
        ] {
            let error = parse(&text).expect_err(&text);
            for word in words.iter().chain(&["supervisor.toml"]) {
                assert!(error.contains(word), "{error:?} lacks {word:?}");
            }
        }
    }
}
