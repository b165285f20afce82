//! A text to a [`Config`]: section by section, then the contradictions between them.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{Document, Section, unknown};
use super::error::{ConfigError, Problem, What};
use super::policy::{Policy, PolicyFile};
use super::{Battery, Config, ReplaySensor, Sampling, Sensor, board, check, check_sensors, switch};

/// The sections that a file may have.
const SECTIONS: [&str; 16] = [
    "node",
    "battery",
    "sensor",
    "sampling",
    "policy",
    "containers",
    "supervisor",
    "agent_check",
    "metrics",
    "leds",
    "state",
    "halt",
    "switch",
    "watchdog",
    "board",
    "enrolment",
];

impl Config {
    /// Reads and proves a config.
    ///
    /// `file` is named in errors, and its folder is where a relative path to a trace begins.
    ///
    /// # Errors
    /// Every problem of the text at once, each with its line, its key and what would be right.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let error = |mut problems: Vec<Problem>| {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            ConfigError { file: file.to_owned(), problems }
        };
        let mut document = Document::parse(text).map_err(error)?;
        let parsed = sections(&mut document, file);
        match parsed {
            Some(config) if document.problems.is_empty() => Ok(config),
            _ => Err(error(document.problems)),
        }
    }
}

/// A part of the config and where it was written.
pub(super) struct Part<'t, T> {
    /// Where.
    pub(super) section: Section<'t>,
    /// What.
    pub(super) value: T,
}

/// Reads all sections; `None` when one that is needed is missing or wrong.
fn sections(document: &mut Document<'_>, file: &Path) -> Option<Config> {
    if document.is_empty() {
        document.problem(None, "", What::Empty);
        return None;
    }
    document.only_sections(&SECTIONS);
    let node = required(document, "node", "[node], with at least its `supply`");
    let battery = required(document, "battery", "[battery], with at least its `chemistry` and `capacity`");
    let sampling = optional(document, "sampling");
    let containers = optional(document, "containers");
    let agent_check = optional(document, "agent_check");
    let metrics = optional(document, "metrics");
    let leds = optional(document, "leds");
    let state = optional(document, "state");
    let halt = optional(document, "halt");
    let watchdog = optional(document, "watchdog");
    let board = optional(document, "board");
    let enrolment = optional(document, "enrolment");
    let sensors = sensors(document, file);
    let supervisors = list(document, "supervisor");
    let switches = list(document, "switch");
    let policy = policy(document, battery.as_ref());

    check::node(document, node.as_ref());
    check::battery(document, battery.as_ref());
    let chemistry = battery.as_ref().map(|battery| battery.value.chemistry);
    let interval = sampling.as_ref().map(|sampling: &Part<'_, Sampling>| sampling.value.interval);
    check_sensors::sensors(document, &sensors, chemistry, interval);
    check::sampling(document, sampling.as_ref());
    check::containers(document, containers.as_ref());
    let unprotected = check::supervisors(document, &supervisors);
    check::agent_check(document, agent_check.as_ref());
    check::metrics(document, metrics.as_ref());
    check::state(document, state.as_ref());
    check::watchdog(document, watchdog.as_ref());
    board::board(document, board.as_ref(), &sensors);
    let switches = switch::switches(document, switches, node.as_ref(), &supervisors);
    check::leds(document, leds.as_ref(), &switches);
    check_sensors::alerts(document, &sensors, &switches, leds.as_ref().map(|leds| &leds.value));

    Some(Config {
        node: node?.value,
        battery: battery?.value,
        sensors: values(sensors),
        sampling: value_or_default(sampling),
        policy: policy?,
        containers: value_or_default(containers),
        supervisors: values(supervisors),
        agent_check: agent_check.map(|part| part.value),
        metrics: metrics.map(|part| part.value),
        leds: value_or_default(leds),
        state: value_or_default(state),
        halt: value_or_default(halt),
        board: value_or_default(board),
        switches,
        watchdog: watchdog.map(|part| part.value),
        enrolment: value_or_default(enrolment),
        unprotected,
    })
}

fn values<T>(parts: Vec<Part<'_, T>>) -> Vec<T> {
    parts.into_iter().map(|part| part.value).collect()
}

fn value_or_default<T: Default>(part: Option<Part<'_, T>>) -> T {
    part.map(|part| part.value).unwrap_or_default()
}

fn optional<'t, T: DeserializeOwned>(document: &mut Document<'t>, name: &'static str) -> Option<Part<'t, T>> {
    let section = document.section(name)?;
    let value = document.read(&section)?;
    Some(Part { section, value })
}

fn required<'t, T: DeserializeOwned>(
    document: &mut Document<'t>,
    name: &'static str,
    wanted: &'static str,
) -> Option<Part<'t, T>> {
    let problems = document.problems.len();
    let part = optional(document, name);
    if part.is_none() && document.problems.len() == problems {
        document.problem(None, "", What::Missing(wanted));
    }
    part
}

fn list<'t, T: DeserializeOwned>(document: &mut Document<'t>, name: &'static str) -> Vec<Part<'t, T>> {
    let mut parts = Vec::new();
    for section in document.list(name) {
        if let Some(value) = document.read(&section) {
            parts.push(Part { section, value });
        }
    }
    parts
}

/// The sensors: their `kind` says which keys belong to them.
fn sensors<'t>(document: &mut Document<'t>, file: &Path) -> Vec<Part<'t, Sensor>> {
    let mut sensors = Vec::new();
    for mut section in document.list("sensor") {
        let Some((line, kind)) = document.word(&mut section, "kind") else { continue };
        let sensor = match kind.as_str() {
            "ina219" => document.read(&section).map(Sensor::Ina219),
            "ina226" => document.read(&section).map(Sensor::Ina226),
            "ina228" => document.read(&section).map(Sensor::Ina228),
            "ina3221" => document.read(&section).map(Sensor::Ina3221),
            "ads1115" => document.read(&section).map(Sensor::Ads1115),
            "max17048" => document.read(&section).map(Sensor::Max17048),
            "hwmon" => document.read(&section).map(Sensor::Hwmon),
            "power_supply" => document.read(&section).map(Sensor::PowerSupply),
            "iio" => document.read(&section).map(Sensor::Iio),
            "ve_direct" => document.read(&section).map(Sensor::VeDirect),
            "epever" => document.read(&section).map(Sensor::Epever),
            "renogy" => document.read(&section).map(Sensor::Renogy),
            "nut" => document.read(&section).map(Sensor::Nut),
            "replay" => document.read(&section).map(|sensor| Sensor::Replay(beside(sensor, file))),
            _ => {
                let what = unknown("value", &kind, Sensor::KINDS);
                document.problem(Some(line), format!("{}.kind", section.path), what);
                None
            }
        };
        sensors.extend(sensor.map(|value| Part { section, value }));
    }
    sensors
}

/// A relative path to a trace begins at the config file's folder, wherever the program was started.
fn beside(mut sensor: ReplaySensor, file: &Path) -> ReplaySensor {
    if let Some(folder) = file.parent() {
        sensor.trace = folder.join(&sensor.trace);
    }
    sensor
}

/// The ladder: what is written over the chemistry's defaults, proved against the battery.
fn policy(document: &mut Document<'_>, battery: Option<&Part<'_, Battery>>) -> Option<Policy> {
    let section = document.section("policy");
    let written = match &section {
        Some(section) => document.read::<PolicyFile>(section)?,
        None => PolicyFile::default(),
    };
    let battery = &battery?.value;
    let policy = written.resolve(battery.chemistry);
    if let Err(error) = policy.validate(battery) {
        let key = error.key();
        let line = section.as_ref().map(|section| {
            let path: Vec<&str> = key.split('.').skip(1).collect();
            document.line_of(section, &path)
        });
        document.problem(line, key, What::Policy(error));
        return None;
    }
    Some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[node]\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/a.toml")).map_err(|error| error.to_string())
    }

    /// The least config with more lines; its errors must say all of `wanted`.
    fn assert_refused(more: &str, wanted: &[&str]) {
        let error = parse(&format!("{LEAST}{more}")).expect_err(more);
        for part in wanted {
            assert!(error.contains(part), "{more}\nsays {error:?}\nbut not {part:?}");
        }
    }

    #[test]
    fn the_least_config_has_the_chemistrys_ladder() {
        let config = parse(LEAST).unwrap();
        assert_eq!(config.policy, Policy::for_chemistry(config.battery.chemistry));
        assert_eq!(config.sensors, []);
    }

    #[test]
    fn all_problems_of_a_file_come_out_together_in_the_order_of_its_lines() {
        let text = "[node]\nsuply = \"x\"\nshed_order = 99\n[battery]\nchemistry = \"agmm\"\ncapacity = \"70\"\n\
                    [[sensor]]\nkind = \"ina\"\n[sampling]\ninterval = \"-1 s\"\n[nodes]\n";
        let error = parse(text).unwrap_err();
        let lines: Vec<&str> = error.lines().collect();
        let wanted = [
            "/etc/a.toml:2: node.suply: unknown key `suply`: did you mean `supply`?",
            "/etc/a.toml:5: battery.chemistry: unknown value `agmm`: did you mean `agm`?",
            "/etc/a.toml:6: battery.capacity: invalid value: string \"70\", expected a text like \"70 Ah\"",
            "/etc/a.toml:8: sensor[0].kind: unknown value `ina`: known here: ina219, ina226, ina228, ina3221,",
            "/etc/a.toml:10: sampling.interval:",
            "/etc/a.toml:11: nodes: unknown key `nodes`: did you mean `node`?",
        ];
        for line in wanted {
            assert!(lines.iter().any(|found| found.starts_with(line)), "{line:?} is not in {lines:#?}");
        }
        assert_eq!(lines.len(), wanted.len(), "a misspelt key is not missing as well: {lines:#?}");
        let numbers: Vec<usize> =
            lines.iter().filter_map(|line| line.split(':').nth(1)?.parse().ok()).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    #[test]
    fn a_key_that_is_misspelt_deep_in_the_ladder_is_named_with_its_path() {
        assert_refused(
            "[policy.shed]\nenter = { sok = \"50 %\" }\n",
            &["/etc/a.toml:7: policy.shed.enter.sok: unknown key `sok`: did you mean `soc`?"],
        );
    }

    #[test]
    fn a_way_out_under_the_way_in_is_named_with_both_numbers() {
        assert_refused(
            "[policy.shed]\nenter = { soc = \"55 %\" }\nleave = { soc = \"50 %\" }\n",
            &["/etc/a.toml:8:", "policy.shed.leave.soc = 50.0 %", "policy.shed.enter.soc = 55.0 %"],
        );
    }

    #[test]
    fn a_shunt_that_clips_is_named_with_both_numbers() {
        let sensor = |more: &str| format!("[[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\n{more}");
        assert_refused(
            &sensor("shunt = \"10 mOhm\"\ncurrent_max = \"20 A\"\n"),
            &["/etc/a.toml:9: sensor[0].shunt:", "20.00 A", "0.0819 V", "8.19 A"],
        );
        assert!(parse(&format!("{LEAST}{}", sensor("shunt = \"2 mOhm\"\ncurrent_max = \"20 A\"\n"))).is_ok());
        assert_refused(
            &sensor("address = 0x3f\nshunt = \"2 mOhm\"\ncurrent_max = \"20 A\"\n"),
            &["sensor[0].address: 0x3f is outside 0x40 to 0x4f"],
        );
    }

    #[test]
    fn what_is_there_twice_is_named_with_both_lines() {
        assert_refused(
            "[[supervisor]]\naddress = \"127.0.0.1:7000\"\n[[supervisor]]\naddress = \"127.0.0.1:7000\"\n",
            &[
                "/etc/a.toml:9: supervisor[1].address: the supervisor at 127.0.0.1:7000 is there twice: first on line 7",
            ],
        );
        let sensor = "[[sensor]]\nkind = \"replay\"\ntrace = \"a.csv\"\n";
        assert_refused(&format!("{sensor}{sensor}"), &["/etc/a.toml:9: sensor[1]: a second replay sensor"]);
    }

    #[test]
    fn an_unencrypted_link_over_a_network_must_be_wanted() {
        let address = "[[supervisor]]\naddress = \"192.168.1.5:7000\"\n";
        let refusal = |more: &str, joined| {
            let config = parse(&format!("{LEAST}{more}")).unwrap();
            config.prove_links(Path::new("/etc/a.toml"), joined).err().map(|error| error.to_string())
        };
        let said = refusal(address, false).unwrap();
        for wanted in ["/etc/a.toml:7:", "192.168.1.5:7000", "heliostat-agent join", "plaintext = true"] {
            assert!(said.contains(wanted), "{said}");
        }
        assert_eq!(refusal(address, true), None, "its certificate protects it");
        assert_eq!(refusal(&format!("{address}plaintext = true\n"), false), None);
        assert!(refusal("[[supervisor]]\naddress = \"[::]:7000\"\n", false).is_some());
    }

    #[test]
    fn the_identity_lies_beside_the_state_unless_it_is_put_elsewhere() {
        assert_eq!(parse(LEAST).unwrap().identity(), Path::new("/var/lib/heliostat/agent.pem"));
        let elsewhere = parse(&format!("{LEAST}[enrolment]\nidentity = \"/srv/pi.pem\"\n")).unwrap();
        assert_eq!(elsewhere.identity(), Path::new("/srv/pi.pem"));
        assert_refused("[enrolment]\nidentiti = \"x\"\n", &["did you mean `identity`?"]);
    }

    #[test]
    fn a_trace_lies_beside_the_config_that_names_it() {
        let config =
            parse(&format!("{LEAST}[[sensor]]\nkind = \"replay\"\ntrace = \"t/dusk.csv\"\n")).unwrap();
        let [Sensor::Replay(replay)] = config.sensors.as_slice() else { panic!("one replay") };
        assert_eq!(replay.trace, Path::new("/etc/t/dusk.csv"));
        assert_refused(
            "[[sensor]]\nkind = \"replay\"\ntrace = \"a\"\nspeed = 0.0\n",
            &["sensor[0].speed: 0 is outside"],
        );
    }

    #[test]
    fn a_section_is_not_a_list_nor_a_list_a_section() {
        assert_refused("[sensor]\nkind = \"hwmon\"\n", &["sensor:", "two brackets"]);
        assert_refused("[[leds]]\n", &["leds: is a list"]);
    }

    #[test]
    fn a_node_does_not_cut_its_own_power() {
        let text = LEAST.replace("[node]\n", "[node]\nname = \"pi1\"\n");
        let error = parse(&format!("{text}[[switch]]\nnode = \"pi1\"\ngpio = 28\n")).unwrap_err();
        assert!(error.contains("switch[0].node: pi1 is this node itself"), "{error}");
        assert!(error.contains("switch[0].gpio: 28 is outside 0 to 27"), "{error}");
    }
}
