use std::time::Duration;

use super::*;
use crate::core::settings::Chemistry;

fn parse(text: &str) -> Result<Config, ConfigError> {
    let given = Given { places: Places::of_system(), ..Given::default() };
    Config::parse(text, Path::new("supervisor.toml"), given)
}

/// The error's words hold all of these.
fn assert_refused(text: &str, words: &[&str]) {
    let error = parse(text).expect_err(text).to_string();
    for word in words.iter().chain(&["supervisor.toml"]) {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

#[test]
fn an_empty_file_serves_this_host_only() {
    let config = parse("").unwrap();
    assert_eq!(config.listen, LISTEN_DEFAULT.parse().unwrap());
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.journal_path(), Path::new("/var/lib/heliostat-supervisor/journal.db"));
    assert_eq!(config.socket, Path::new("/run/heliostat-supervisor/supervisor.sock"));
    assert_eq!(config.settings, crate::core::Settings::default());
}

#[test]
fn a_full_file_is_taken_as_written() {
    let config = parse(
        r#"
        listen = "192.168.7.1:7464"
        plaintext = true
        data = "/srv/heliostat"
        node = "pi1"
        [links]
        max = 20
        [orders]
        valid_for = "5 min"
        [plan]
        lead_points = 2.0
        wake_interval = "2 min"
        [[supply]]
        name = "garage"
        chemistry = "lifepo4"
        nodes = ["pi1", "pi2"]
        "#,
    )
    .unwrap();
    assert_eq!(config.socket, Path::new("/srv/heliostat/supervisor.sock"));
    assert_eq!(config.settings.links_max, 20);
    assert_eq!(config.settings.order_valid, Duration::from_mins(5));
    assert_eq!(config.settings.host, "pi1".parse().ok());
    let garage = &config.settings.supplies[&"garage".parse().unwrap()];
    assert_eq!((garage.chemistry, garage.nodes.len()), (Chemistry::LiFePO4, 2));
}

#[test]
fn the_command_line_goes_before_the_file() {
    let given = Given {
        listen: "127.0.0.1:0".parse().ok(),
        data: Some("/tmp/x".into()),
        places: Places::of_system(),
        ..Given::default()
    };
    let text = "listen = \"127.0.0.1:9\"\ndata = \"/srv\"\nsocket = \"/srv/s\"";
    let config = Config::parse(text, Path::new("f"), given).unwrap();
    assert_eq!(config.listen.port(), 0);
    assert_eq!(
        (config.data.as_path(), config.socket.as_path()),
        (Path::new("/tmp/x"), Path::new("/tmp/x/supervisor.sock"))
    );
}

#[test]
fn a_misspelt_key_is_named() {
    assert_refused("listne = \"127.0.0.1:1\"", &["listne"]);
    assert_refused("[plan]\nlead = 1.0", &["lead"]);
    assert_refused("[[supply]]\nname = \"a\"\nchemistry = \"zinc\"", &["zinc", "flooded"]);
}

#[test]
fn a_duration_without_a_unit_is_refused_with_an_example() {
    assert_refused("[plan]\nsettle = \"90\"", &["settle", "90 s"]);
}

#[test]
fn an_address_open_to_others_needs_certificates_or_plaintext() {
    let reach =
        |text: &str, enrolled| parse(text).unwrap().prove_reach(Path::new("supervisor.toml"), enrolled);
    let open = "listen = \"0.0.0.0:7464\"";
    let error = reach(open, false).unwrap_err().to_string();
    for words in ["supervisor.toml", "0.0.0.0:7464", "heliostat init", "heliostat join", "plaintext = true"] {
        assert!(error.contains(words), "{error:?} lacks {words:?}");
    }
    assert!(reach(open, true).is_ok(), "certificates protect it");
    assert!(reach(&format!("{open}\nplaintext = true"), false).is_ok());
    assert!(reach("", false).is_ok(), "this machine only");
}

#[test]
fn certificates_hold_for_a_sane_time() {
    assert_eq!(
        parse("[enrolment]\nvalid_for = \"720 h\"").unwrap().certificates_valid_for.as_secs(),
        2_592_000
    );
    assert_refused("[enrolment]\nvalid_for = \"5 s\"", &["enrolment.valid_for = 5 s", "10 s"]);
    let peers = parse("[enrolment]\npeers = [\"172.16.0.52:7464\"]").unwrap().peers;
    assert_eq!(peers, ["172.16.0.52:7464".parse().unwrap()]);
}

#[test]
fn contradictions_name_key_and_both_numbers() {
    assert_refused(
        "[links]\nlate_after = 5\nlost_after = 4",
        &["links.lost_after = 4", "links.late_after = 5"],
    );
    assert_refused("[plan]\nwake_interval = \"10 s\"", &["plan.wake_interval = 10 s", "60 s"]);
    assert_refused("[plan]\nlead_points = 6.0", &["plan.lead_points = 6", "10 points"]);
    assert_refused("[orders]\nvalid_for = \"5 s\"", &["orders.valid_for = 5 s", "60 s"]);
    assert_refused("[[supply]]\nname = \"a\"\n[[supply]]\nname = \"a\"", &["\"a\"", "twice"]);
}

/// The least that keepalived needs.
const SHARED: &str = "kind = \"keepalived\"\nip = \"172.16.0.50/24\"\ninterface = \"eth0\"\npriority = 150\n";

#[test]
fn a_shared_address_has_its_paths_beside_the_supervisors_own() {
    let config = parse(&format!("[address]\n{SHARED}peers = [\"172.16.0.52\"]")).unwrap();
    assert_eq!(config.settings.address, crate::core::AddressKind::Keepalived);
    let keepalived = config.keepalived.unwrap();
    assert_eq!(
        (keepalived.prefix, keepalived.router_id, keepalived.advert),
        (24, 50, Duration::from_millis(100))
    );
    assert_eq!(keepalived.file, Path::new("/var/lib/heliostat-supervisor/keepalived.conf"));
    assert_eq!(keepalived.fifo, Path::new("/run/heliostat-supervisor/keepalived.fifo"));
    assert!(keepalived.watch_supervisor);
}

#[test]
fn without_a_shared_address_the_supervisor_leads_alone() {
    let config = parse("[address]\nkind = \"standalone\"").unwrap();
    assert_eq!((config.keepalived, config.settings.address), (None, crate::core::AddressKind::Standalone));
}

#[test]
fn an_address_that_cannot_be_is_refused_with_its_line() {
    let with = |line: &str| format!("[address]\n{SHARED}{line}");
    assert_refused("[address]\nip = \"172.16.0.50/24\"", &["line 2", "address.ip", "keepalived"]);
    assert_refused("[address]\nkind = \"keepalived\"", &["address.ip", "missing"]);
    assert_refused("[address]\nkind = \"heartbeat\"", &["heartbeat", "keepalived"]);
    assert_refused(&SHARED.replace("/24", "/33").replacen("kind", "[address]\nkind", 1), &["172.16.0.50/33"]);
    assert_refused(&with("source = \"fe80::1\""), &["line 6", "address.source", "fe80::1", "IPv4"]);
    assert_refused(&with("peers = [\"172.16.0.50\"]"), &["address.peers", "shared address itself"]);
    assert_refused(&with("router_id = 0"), &["address.router_id", "0 must be 1 to 254"]);
    assert_refused(&with("advert = \"15 ms\""), &["address.advert", "15 ms", "steps of 10 ms"]);
    assert_refused(&with("fifo = \"/run/a b\""), &["address.fifo", "/run/a b", "spaces"]);
    assert_refused(&with("track_file = \"weight\""), &["address.track_file", "begin with /"]);
    let injected = SHARED.replace("eth0", "eth0 }").replacen("kind", "[address]\nkind", 1);
    assert_refused(&injected, &["address.interface", "no interface's name"]);
}
