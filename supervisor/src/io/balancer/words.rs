//! HAProxy's language, as its management guide documents it for 2.6 and later: chapters 9.1 (`show stat`) and 9.3
//! (`show info`, `show servers state`, `set server`, `add server`, `del server`).
//!
//! Tables are read by the names of their columns, so that a later version may add some; a column that is missing, or a number
//! that is none, makes the whole answer unreadable. Nothing is guessed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use crate::core::balancer::seen::{
    Admission, Change, Check, Command, LastCheck, Process, Server, ServerKey, Trouble,
};

/// `show stat`'s number for servers.
pub(super) const SERVERS: u8 = 4;

// `srv_admin_state`: who wants a server out of service.
const ADMIN_MAINT: u32 = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;
const ADMIN_DRAIN: u32 = 0x08 | 0x10;

// `srv_check_state` and `srv_agent_state`: whether there is a check, and whether it is on.
const CHECK_CONFIGURED: u32 = 0x02;
const CHECK_ENABLED: u32 = 0x04;

/// How `check_status` begins while the next check is under way.
const PENDING: char = '*';

/// A check whose last one took longer (ms) is often seen under way, and says nothing of its host.
const CHECK_QUICK_MS: u32 = 50;

/// `srv_op_state`: 0 is stopped.
const OP_STOPPED: u32 = 0;

fn unreadable(command: &str, why: impl Display) -> Trouble {
    Trouble::Unreadable { command: command.to_owned(), why: why.to_string() }
}

/// Reads `show info`.
pub(super) fn process(text: &str) -> Result<Process, Trouble> {
    const COMMAND: &str = "show info";
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .map(str::trim)
            .ok_or_else(|| unreadable(COMMAND, format_args!("no {key}")))
    };
    let number =
        |key: &str| value(key)?.parse().map_err(|_| unreadable(COMMAND, format_args!("{key} is no number")));
    Ok(Process {
        pid: number("Pid")?,
        uptime: Duration::from_secs(number("Uptime_sec")?.into()),
        version: value("Version")?.to_owned(),
    })
}

/// Whether HAProxy says that it has no such backend.
pub(super) fn is_missing(answer: &str) -> bool {
    answer.trim() == "Can't find backend."
}

/// Whether the socket's level does not allow what was asked.
pub(super) fn is_not_allowed(answer: &str) -> bool {
    answer.trim_start().starts_with("Permission denied")
}

/// A table: a line of column names that begins with `#`, and a line for each row.
struct Table {
    command: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A cell may be in quotes, and hold the separator then.
    fn read(command: &'static str, text: &str, separator: u8) -> Result<Self, Trouble> {
        let place = text.find('#').ok_or_else(|| unreadable(command, "no line of column names"))?;
        let table = text[place..].trim_start_matches(['#', ' ']);
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(table.as_bytes());
        let words = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let columns = reader.headers().map(words).map_err(|error| unreadable(command, error))?;
        let rows = reader.records().map(|row| row.as_ref().map(words).map_err(ToString::to_string));
        let rows: Result<Vec<_>, String> = rows.collect();
        Ok(Self { command, columns, rows: rows.map_err(|error| unreadable(command, error))? })
    }

    fn text<'a>(&self, row: &'a [String], name: &str) -> Result<&'a str, Trouble> {
        let place = self.columns.iter().position(|column| column == name);
        place
            .and_then(|place| row.get(place).map(String::as_str))
            .ok_or_else(|| unreadable(self.command, format_args!("no column {name}")))
    }

    fn number<T: FromStr>(&self, row: &[String], name: &str) -> Result<T, Trouble> {
        let text = self.text(row, name)?;
        text.parse().map_err(|_| unreadable(self.command, format_args!("{name} is {text:?}, no number")))
    }
}

/// Reads `show servers state BACKEND` and `show stat BACKEND 4 -1` together.
pub(super) fn servers(
    backend: &str,
    state: &str,
    stat: &str,
) -> Result<BTreeMap<ServerKey, Server>, Trouble> {
    let state = Table::read("show servers state", state, b' ')?;
    let stat = Table::read("show stat", stat, b',')?;
    let mut counts = BTreeMap::new();
    for row in &stat.rows {
        if stat.text(row, "pxname")? == backend {
            counts.insert(stat.text(row, "svname")?, row);
        }
    }
    let mut servers = BTreeMap::new();
    for row in &state.rows {
        if state.text(row, "be_name")? != backend {
            continue;
        }
        let name = state.text(row, "srv_name")?;
        // One that was added or taken away between the two questions shows next time.
        let Some(count) = counts.get(name) else { continue };
        let key = ServerKey { backend: backend.to_owned(), server: name.to_owned() };
        servers.insert(key, server(&state, row, &stat, count)?);
    }
    Ok(servers)
}

fn server(state: &Table, row: &[String], stat: &Table, count: &[String]) -> Result<Server, Trouble> {
    let admin: u32 = state.number(row, "srv_admin_state")?;
    let check: u32 = state.number(row, "srv_check_state")?;
    let agent: u32 = state.number(row, "srv_agent_state")?;
    let op: u32 = state.number(row, "srv_op_state")?;
    let configured = check & CHECK_CONFIGURED != 0;
    let status = stat.text(count, "check_status")?;
    let last = last_check(status, stat.text(count, "last_chk")?);
    // Empty before the first one has ended.
    let took: Option<u32> = stat.text(count, "check_duration")?.parse().ok();
    let pending = status.starts_with(PENDING) && took.is_some_and(|took| took <= CHECK_QUICK_MS);
    Ok(Server {
        address: state.text(row, "srv_addr")?.parse().ok(),
        port: state.number(row, "srv_port")?,
        admission: if admin & ADMIN_MAINT != 0 {
            Admission::Maint
        } else if admin & ADMIN_DRAIN != 0 {
            Admission::Drain
        } else {
            Admission::Ready
        },
        up: op != OP_STOPPED,
        check: Check { configured, enabled: check & CHECK_ENABLED != 0, last, pending },
        agent_off: agent & CHECK_CONFIGURED != 0 && agent & CHECK_ENABLED == 0,
        weight: state.number(row, "srv_uweight")?,
        sessions: stat.number(count, "scur")?,
        requests: stat.number(count, "stot")?,
    })
}

/// `check_status`: `L4OK`, `L7OK`, `L4TOUT`, ...; with [`PENDING`] while the next one is under way. A host that has no neighbour's
/// entry any more is refused by our own kernel, which is no answer of anybody's.
fn last_check(status: &str, words: &str) -> LastCheck {
    match status.trim_start_matches([PENDING, ' ']) {
        "" | "INI" | "UNK" | "CHECKED" => LastCheck::None,
        // Health analysis: its visitors' errors called it down.
        "HANA" => LastCheck::Suspected,
        "L4OK" | "L6OK" | "L7OK" | "L7OKC" | "PROCOK" => LastCheck::Passed,
        "L4TOUT" => LastCheck::TimedOut,
        "L6TOUT" | "L7TOUT" => LastCheck::Mute,
        "L4CON" if ["No route", "unreachable", "timed out"].iter().any(|known| words.contains(known)) => {
            LastCheck::TimedOut
        }
        _ => LastCheck::Failed,
    }
}

/// The lines that carry a command out, in order.
pub(super) fn lines(command: &Command) -> Vec<String> {
    let server = &command.server;
    match &command.change {
        Change::Add { address, weight, check, agent_port } => {
            let every = check.interval.as_millis();
            // The second of two checks that make it down: visitors wait for that.
            let fast = (every / 5).max(1);
            let (fall, rise) = (check.fall, check.rise);
            let agent = agent_port.map_or_else(String::new, |port| {
                format!(" agent-check agent-port {port} agent-inter {}ms", every.max(500))
            });
            let line = format!(
                "add server {server} {address} weight {weight} check inter {every}ms fastinter {fast}ms \
                 fall {fall} rise {rise} observe layer4 error-limit 3 on-error mark-down{agent}"
            );
            vec![line]
        }
        Change::Address(address) => {
            vec![format!("set server {server} addr {} port {}", address.ip(), address.port())]
        }
        Change::Weight(weight) => vec![format!("set server {server} weight {weight}")],
        Change::Admission(admission) => vec![format!("set server {server} state {admission}")],
        Change::EndSessions => vec![format!("shutdown sessions server {server}")],
        // One line for each session: `connected` says which.
        Change::EndConnected => Vec::new(),
        Change::CheckOn => vec![format!("enable health {server}")],
        Change::AgentOn => {
            vec![format!("enable agent {server}"), format!("set server {server} agent up")]
        }
        Change::Delete => vec![format!("del server {server}")],
    }
}

/// The question that [`connected`] reads the answer to.
pub(super) const SESSIONS: &str = "show sess";

/// How a session's line shows the state of its server's side (`SC_ST_EST` of HAProxy's `stconn-t.h`), and where: connected, in 2.6 and
/// later.
const SERVER_SIDE: &str = "scb=[";
const CONNECTED: u8 = 8;

/// The sessions that a server has taken, of all that HAProxy shows, by their names.
pub(super) fn connected(server: &ServerKey, shown: &str) -> Result<Vec<String>, String> {
    let (backend, own) = (format!("be={}", server.backend), format!("srv={}", server.server));
    let mut found = Vec::new();
    for line in shown.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().and_then(|word| word.strip_suffix(':')) else { continue };
        let (mut in_backend, mut of_server, mut state) = (false, false, None);
        for word in words {
            in_backend |= word == backend;
            of_server |= word == own;
            if let Some(side) = word.strip_prefix(SERVER_SIDE) {
                state = side.split(',').next().and_then(|state| state.parse::<u8>().ok());
            }
        }
        if in_backend && of_server {
            let state = state.ok_or_else(|| format!("`{SESSIONS}` shows no state in {line:?}"))?;
            if state == CONNECTED {
                found.push(name.to_owned());
            }
        }
    }
    Ok(found)
}

/// The line that ends a session.
pub(super) fn end(session: &str) -> String {
    format!("shutdown session {session}")
}

/// HAProxy's refusal, if the answer is one: what is done is answered with nothing, or with these words.
pub(super) fn refusal(command: &Command, answer: &str) -> Option<String> {
    let answer = answer.trim();
    let done = match command.change {
        Change::Add { .. } => answer.contains("New server registered"),
        Change::Delete => answer.contains("Server deleted"),
        // It says which of the two it changed, and from what.
        Change::Address(_) => answer.contains("stats socket command"),
        // One that ended by itself meanwhile is as wanted.
        Change::EndConnected => answer.is_empty() || answer.starts_with("No such session"),
        _ => answer.is_empty(),
    };
    (!done).then(|| if answer.is_empty() { "no answer".to_owned() } else { answer.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
        srv_iweight srv_check_state srv_agent_state srv_port\n\
        3 web 1 pi1 127.0.0.1 2 0 50 50 6 0 18081\n\
        3 web 2 pi2 127.0.0.2 0 8 1 1 2 18 18082\n\
        3 web 3 pi3 - 2 1 1 1 0 0 80\n\n";
    const STAT: &str = "# pxname,svname,scur,stot,check_status,check_duration,last_chk,\n\
        web,pi1,7,912,L7OK,1,\"Layer7, check passed\",\nweb,pi2,0,0,* L4TOUT,2,,\nweb,pi3,1,1,,,,\n\n";

    fn key(server: &str) -> ServerKey {
        ServerKey { backend: "web".to_owned(), server: server.to_owned() }
    }

    #[test]
    fn servers_are_read_by_the_names_of_their_columns() {
        let servers = servers("web", STATE, STAT).unwrap();
        let pi1 = &servers[&key("pi1")];
        assert_eq!((pi1.admission, pi1.up, pi1.weight, pi1.sessions), (Admission::Ready, true, 50, 7));
        assert_eq!(pi1.requests, 912);
        assert_eq!(
            pi1.check,
            Check { configured: true, enabled: true, last: LastCheck::Passed, pending: false }
        );
        let pi2 = &servers[&key("pi2")];
        assert_eq!((pi2.admission, pi2.up, pi2.agent_off), (Admission::Drain, false, true));
        assert_eq!((pi2.check.last, pi2.check.pending), (LastCheck::TimedOut, true));
        let slow = STAT.replace("L7OK,1,", "* L7OK,300,");
        let slow = super::servers("web", STATE, &slow).unwrap();
        assert!(!slow[&key("pi1")].check.pending, "often under way: it says nothing");
        let pi3 = &servers[&key("pi3")];
        assert_eq!((pi3.address, pi3.admission, pi3.check.configured), (None, Admission::Maint, false));
    }

    /// Of HAProxy 2.6.12; shortened in the middle.
    const SHOWN: &str = "\
        0x5617402c1300: proto=tcpv4 src=127.0.0.1:43654 fe=v be=web srv=pi1 ts=00 age=0s scf=[8,280h,fd=12] scb=[5,11h,fd=13] exp=2s\n\
        0x5617403e5fb0: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 scf=[8,200h,fd=16] scb=[8,1h,fd=-1] exp=\n\
        0x7f5efc041da0: proto=tcpv4 src=127.0.0.1:43658 fe=v be=web srv=pi1 ts=00 scf=[8,80h,fd=14] scb=[8,11h,fd=15] exp=2s\n\
        0x7f5efc041da1: proto=tcpv4 src=127.0.0.1:43659 fe=v be=web srv=pi11 ts=00 scf=[8,80h,fd=14] scb=[8,11h,fd=15] exp=2s\n\
        0x7f5efc041da2: proto=tcpv4 src=127.0.0.1:43660 fe=v be=shop srv=pi1 ts=00 scf=[8,80h,fd=14] scb=[8,11h,fd=15] exp=2s\n\n";

    #[test]
    fn what_a_server_has_taken_is_told_from_what_is_still_being_connected() {
        assert_eq!(connected(&key("pi1"), SHOWN), Ok(vec!["0x7f5efc041da0".to_owned()]));
        assert_eq!(connected(&key("pi3"), SHOWN), Ok(Vec::new()));
        assert_eq!(end("0x7f5efc041da0"), "shutdown session 0x7f5efc041da0");
        let otherwise = SHOWN.replace("scb=[8", "back=[8");
        assert!(connected(&key("pi1"), &otherwise).is_err(), "nothing is guessed");
    }

    #[test]
    fn an_answer_that_is_not_as_documented_is_none() {
        for (state, stat) in [
            ("", STAT),
            (STATE, ""),
            (&STATE.replace("srv_uweight", "weight"), STAT),
            (&STATE.replace(" 50 50 ", " fifty 50 "), STAT),
            (&STATE.replace(" 18081", ""), STAT),
            (STATE, &STAT.replace("pi1,7", "pi1,-")),
        ] {
            assert!(matches!(servers("web", state, stat), Err(Trouble::Unreadable { .. })), "{state}{stat}");
        }
    }

    #[test]
    fn a_host_that_is_gone_is_told_from_a_service_that_is() {
        assert_eq!(last_check("L4CON", "Connection refused"), LastCheck::Failed);
        assert_eq!(last_check("L4CON", "No route to host"), LastCheck::TimedOut);
        assert_eq!(last_check("L7STS", "HTTP status 503"), LastCheck::Failed);
        assert_eq!(last_check("L7TOUT", ""), LastCheck::Mute);
        assert_eq!(last_check("HANA", "Detected 3 consecutive errors"), LastCheck::Suspected);
        assert_eq!(last_check("* L4OK", ""), LastCheck::Passed);
    }

    #[test]
    fn a_process_is_read_and_a_damaged_one_is_not() {
        let process =
            process("Name: HAProxy\nVersion: 2.6.12-1\nPid: 31\nUptime: 0d\nUptime_sec: 62\n").unwrap();
        assert_eq!((process.pid, process.uptime.as_secs(), process.version.as_str()), (31, 62, "2.6.12-1"));
        assert!(super::process("Version: 2.6\nPid: x\nUptime_sec: 1\n").is_err());
        assert!(super::process("Unknown command\n").is_err());
    }
}
