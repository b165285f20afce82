//! What keepalived reads: its config, and the file by which its priority falls.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use super::kernel;
use crate::config::Keepalived;

/// The name of the instance, of the track file and of the script: what tells ours from an existing config's.
pub(super) const INSTANCE: &str = "heliostat";

/// A master that has just booted, whose supervisor has not spoken yet, is only a second choice.
const OFFSET_UNTIL_TOLD: i16 = -60;

/// What is taken off where no supervisor runs: who does not lead is no place for the address.
const OFFSET_WITHOUT_SUPERVISOR: i16 = -100;

/// The config, whole or as a part that another one includes. `stays`: nothing that this host has on its loopback interface is
/// told to the network, so the address may be there on every master, and a connection that reached one is answered to its end when
/// the address has moved.
///
/// `garp_*`: switches and neighbours learn where the address is from gratuitous ARP alone, so it is said again after a
/// second, and now and then.
fn render(settings: &Keepalived, stays: bool) -> String {
    let Keepalived { ip, prefix, interface, priority, router_id, .. } = settings;
    let advert = settings.advert.as_secs_f64();
    let (track_file, fifo) = (settings.track_file.display(), settings.fifo.display());
    let mut text = format!(
        "# Written by heliostat when it starts: change supervisor.toml, [address], instead.\n\
         global_defs {{\n    vrrp_notify_fifo {fifo}\n}}\n\n\
         track_file {INSTANCE} {{\n    file {track_file}\n    weight 1\n    init_file {OFFSET_UNTIL_TOLD}\n}}\n\n"
    );
    if stays {
        let _ = write!(text, "static_ipaddress {{\n    {ip}/32 dev lo scope host\n}}\n\n");
    }
    if settings.watch_supervisor {
        let _ = write!(
            text,
            "vrrp_script {INSTANCE} {{\n    script \"/usr/bin/pgrep -x {INSTANCE}\"\n    user nobody\n    \
             interval 2\n    timeout 2\n    fall 4\n    rise 1\n    weight {OFFSET_WITHOUT_SUPERVISOR}\n}}\n\n"
        );
    }
    let _ = write!(
        text,
        "vrrp_instance {INSTANCE} {{\n    state BACKUP\n    version 3\n    interface {interface}\n    \
         virtual_router_id {router_id}\n    priority {priority}\n    advert_int {advert}\n    \
         garp_master_delay 1\n    garp_master_refresh 30\n    garp_lower_prio_repeat 1\n"
    );
    if let Some(source) = settings.source {
        let _ = writeln!(text, "    unicast_src_ip {source}");
    }
    if !settings.peers.is_empty() {
        text.push_str("    unicast_peer {\n");
        for peer in &settings.peers {
            let _ = writeln!(text, "        {peer}");
        }
        text.push_str("    }\n");
    }
    let _ = write!(
        text,
        "    virtual_ipaddress {{\n        {ip}/{prefix} dev {interface}\n    }}\n    track_file {{\n        \
         {INSTANCE}\n    }}\n"
    );
    if settings.watch_supervisor {
        let _ = write!(text, "    track_script {{\n        {INSTANCE}\n    }}\n");
    }
    text.push_str("}\n");
    text
}

/// Writes the config if it is not what is there; whether it was written.
pub(super) fn write(settings: &Keepalived) -> Result<bool, String> {
    let stays = settings.ip.is_ipv4() && kernel::keeps_to_itself(Path::new("/proc"), &settings.interface);
    let text = render(settings, stays);
    if std::fs::read_to_string(&settings.file).is_ok_and(|there| there == text) {
        return Ok(false);
    }
    replace(&settings.file, text.as_bytes(), true).map_err(|error| words(&settings.file, &error))?;
    Ok(true)
}

/// Tells keepalived what is taken off this master's priority.
pub(super) fn weigh(settings: &Keepalived, offset: i16) -> Result<(), String> {
    let path = &settings.track_file;
    // No sync: it is in memory, and what was said before a power cut is worth nothing after it.
    replace(path, format!("{offset}\n").as_bytes(), false).map_err(|error| words(path, &error))
}

fn words(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Whoever reads sees the old file or the new one, whole; with `sync` also after a power cut.
fn replace(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let written = (|| {
        let mut file = std::fs::File::create(&name)?;
        file.write_all(bytes)?;
        if sync {
            file.sync_all()?;
        }
        std::fs::rename(&name, path)
    })();
    if written.is_err() {
        // Half a file is of no use to anybody; if it cannot be removed, the next attempt overwrites it.
        let _ = std::fs::remove_file(&name);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::time::Duration;

    fn settings(folder: &Path) -> Keepalived {
        Keepalived {
            ip: "172.16.0.50".parse().unwrap(),
            prefix: 24,
            interface: "eth0".to_owned(),
            source: Some("172.16.0.51".parse().unwrap()),
            peers: vec!["172.16.0.52".parse().unwrap(), "172.16.0.56".parse().unwrap()],
            priority: 150,
            router_id: 50,
            advert: Duration::from_millis(100),
            file: folder.join("keepalived.conf"),
            track_file: folder.join("run/weight"),
            fifo: PathBuf::from("/run/heliostat-supervisor/keepalived.fifo"),
            pid_file: PathBuf::from("/run/keepalived.pid"),
            reload: Vec::new(),
            restart: Vec::new(),
            watch_supervisor: true,
        }
    }

    #[test]
    fn the_config_says_what_keepalived_needs() {
        let folder = tempfile::tempdir().unwrap();
        let text = render(&settings(folder.path()), true);
        for line in [
            "priority 150",
            "advert_int 0.1",
            "virtual_router_id 50",
            "172.16.0.50/24 dev eth0",
            "172.16.0.50/32 dev lo scope host",
            "unicast_src_ip 172.16.0.51",
            "vrrp_notify_fifo /run/heliostat-supervisor/keepalived.fifo",
        ] {
            assert!(text.lines().any(|found| found.trim() == line), "{line:?} is missing in\n{text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        let alone = Keepalived { peers: Vec::new(), watch_supervisor: false, ..settings(folder.path()) };
        let text = render(&alone, false);
        assert!(!["unicast_peer", "script", "dev lo"].iter().any(|word| text.contains(word)), "{text}");
    }

    #[test]
    fn the_config_is_written_only_when_it_changed_and_never_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        assert_eq!(write(&settings), Ok(true));
        assert_eq!(write(&settings), Ok(false));
        assert_eq!(write(&Keepalived { priority: 140, ..settings.clone() }), Ok(true));
        assert!(std::fs::read_to_string(&settings.file).unwrap().contains("priority 140"));
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(names, ["keepalived.conf"], "nothing half-done is left");
    }

    #[test]
    fn what_cannot_be_written_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("run/weight")).unwrap();
        let why = weigh(&settings(folder.path()), -60).unwrap_err();
        assert!(why.contains("run/weight"), "{why}");
        assert!(!folder.path().join("run/weight.new").exists());
    }
}
