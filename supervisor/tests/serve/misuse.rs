//! Every command that asks, asked wrongly: it says what is wrong and what to do, and fails.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::agent::{Agent, hello, report};
use crate::served::{Served, heliostat};

/// Every command that asks a running supervisor.
const ASKING: [&[&str]; 11] = [
    &["status"],
    &["nodes"],
    &["events"],
    &["why", "pi1"],
    &["energy"],
    &["forecast"],
    &["history"],
    &["drain", "pi1"],
    &["resume", "pi1"],
    &["park", "pi1"],
    &["wake", "pi1"],
];

/// What a command said when it failed.
fn complaint(words: &[&str], output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
    assert!(said.starts_with("heliostat: "), "{words:?}: {said}");
    // Nobody takes half an answer for one.
    assert!(output.stdout.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    said
}

fn on_socket(words: &[&str], socket: &Path) -> Output {
    heliostat().args(words).arg("--socket").arg(socket).output().unwrap()
}

fn fleet(folder: &Path) -> (Served, Agent) {
    let served = Served::start(folder);
    let agent = Agent::join_and_report(served.address, hello("pi1"), report(58.0));
    (served, agent)
}

#[test]
fn a_name_that_nobody_bears_is_answered_with_those_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = fleet(folder.path());
    let commands: [(&[&str], &str); 8] = [
        (&["why", "pi9"], "pi1"),
        (&["history", "--node", "pi9"], "pi1"),
        (&["history", "--node", "pi9", "--csv"], "pi1"),
        (&["history", "--supply", "pi9"], "garage"),
        (&["drain", "pi9"], "pi1"),
        (&["resume", "pi9"], "pi1"),
        (&["park", "pi9"], "pi1"),
        (&["wake", "pi9"], "pi1"),
    ];
    for (words, known) in commands {
        let said = complaint(words, &served.ask(words));
        assert!(said.contains("known") && said.contains(known), "{words:?}: {said}");
    }
    // A machine gets it in its own form, and the same exit.
    let output = served.ask(&["drain", "pi9", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["refused"]), (Some(1), &"unknown_node".into()));
    let output = served.ask(&["history", "--node", "pi9", "--json"]);
    assert!(complaint(&["history"], &output).contains("pi1"));
}

#[test]
fn where_no_supervisor_runs_every_command_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for words in ASKING {
        for socket in [folder.path().join("none.sock"), file.clone()] {
            let said = complaint(words, &on_socket(words, &socket));
            assert!(said.contains("heliostat serve") && said.contains("--socket"), "{words:?}: {said}");
            assert!(said.contains(&socket.display().to_string()), "{words:?}: {said}");
        }
    }
}

#[test]
fn a_socket_on_which_something_else_answers_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut read = BufReader::new(stream.try_clone().unwrap());
            let _ = read.read_line(&mut String::new());
            let _ = { stream }.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for words in ASKING {
        let said = complaint(words, &on_socket(words, &socket));
        assert!(said.contains("docker.sock") && said.contains("--socket"), "{words:?}: {said}");
    }
}

/// Root may open everything, so somebody else has to ask.
#[test]
fn a_socket_that_may_not_be_opened_is_no_supervisor_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("supervisor.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    if !rustix::process::geteuid().is_root() {
        println!("only root can ask as somebody else: nothing was tried");
        return;
    }
    // The program lies where nobody else may look.
    let program = folder.path().join("heliostat");
    std::fs::copy(env!("CARGO_BIN_EXE_heliostat"), &program).unwrap();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    let output = command.args(["status", "--socket"]).arg(&socket).output().unwrap();
    let said = complaint(&["status"], &output);
    assert!(said.contains("may not be opened") && said.contains("group") && said.contains("sudo"), "{said}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = fleet(folder.path());
    let mut commands: Vec<Vec<&str>> = ASKING[..7].iter().map(|words| words.to_vec()).collect();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/supervisor.toml").to_owned();
    let with_json: Vec<_> = commands.iter().map(|words| [words, &["--json"][..]].concat()).collect();
    commands.extend(with_json);
    commands.push(vec!["check", "--config", &config]);
    for words in commands {
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let mut command = heliostat();
        command.args(&words).stdout(write).stderr(Stdio::piped());
        if words[0] != "check" {
            command.arg("--data").arg(&served.data);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        // A history of nothing yet fails all the same.
        let none_yet = said.contains("there is no history of that");
        assert!(none_yet || (output.status.success() && said.is_empty()), "{words:?}: {said}");
    }
}
