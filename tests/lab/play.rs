//! Plays with a lab by hand: `tests/lab/up [MASTERS [WORKERS]]`, then one command a line (`help` lists them).
//!
//! Everything runs: Swarm with the web service on all workers but one, agents, and supervisors that drive balancers,
//! Swarm and keepalived. When this
//! program ends, in whatever way, the lab is gone.

#![allow(clippy::disallowed_methods, reason = "it reads its arguments and runs programs")]
#![allow(clippy::expect_used, reason = "a lab that cannot go on says so by panicking")]

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use protocol::Soc;
use tests::lab::{Client, Cut, Host, Lab, Layout, Part};
use tests::require;

const HELP: &str = "\
hosts                          what runs where, and who holds the address
battery SUPPLY PERCENT [S]     discharges or charges a host's battery within S seconds (30)
cut HOST wire|power|freeze     loses a host
restore HOST                   brings it back
kill|stop|start|restart HOST PART   dockerd, agent, supervisor, haproxy, keepalived
client [RATE]                  asks the address so many times a second (100)
tally                          ends the client and shows what became of its requests
status | events | why NODE     what the first master's supervisor says
docker HOST ARGS...            docker on a host
sh HOST                        a shell on a host
quit";

fn main() -> ExitCode {
    if !require::lab("a lab to play with") {
        return ExitCode::FAILURE;
    }
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u8>());
    let (Ok(masters), Ok(workers)) = (numbers.next().unwrap_or(Ok(3)), numbers.next().unwrap_or(Ok(3)))
    else {
        eprintln!("usage: tests/lab/up [MASTERS [WORKERS]]: numbers, 3 and 3 when left out");
        return ExitCode::from(2);
    };
    if !(1..=3).contains(&masters) || !(1..=20).contains(&workers) {
        eprintln!("tests/lab/up: {masters} masters and {workers} workers: it takes 1 to 3 and 1 to 20");
        return ExitCode::from(2);
    }
    play(masters, workers);
    ExitCode::SUCCESS
}

fn play(masters: u8, workers: u8) {
    println!("{masters} masters and {workers} workers come up ...");
    let lab = Lab::up(&Layout::new(masters, workers));
    lab.swarm(usize::from(masters));
    let off_masters = lab.off_masters();
    let words: Vec<&str> = off_masters.iter().map(String::as_str).collect();
    // One worker is left free, for what has to move.
    lab.service("web", usize::from(workers.saturating_sub(1).max(1)), &words);
    lab.start_heliostat();
    lab.wait_for_answer(lab.address());
    println!("{} answers. The hosts' configs and logs: {}", lab.address(), lab.folder().display());
    println!("{HELP}");
    let mut client = None;
    loop {
        print!("lab> ");
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["quit"] {
            return;
        }
        if let Err(trouble) = obey(&lab, &mut client, &words) {
            println!("{trouble}");
        }
    }
}

/// Does what one line says.
///
/// # Errors
/// In words, what was not understood or did not work.
fn obey(lab: &Lab, client: &mut Option<Client>, words: &[&str]) -> Result<(), String> {
    match words {
        [] => {}
        ["hosts"] => hosts(lab),
        ["battery", supply, percent] => battery(lab, supply, percent, "30")?,
        ["battery", supply, percent, seconds] => battery(lab, supply, percent, seconds)?,
        ["cut", host, how] => {
            let how = match *how {
                "wire" => Cut::Wire,
                "power" => Cut::Power,
                "freeze" => Cut::Freeze,
                other => return Err(format!("{other}? a host is cut by wire, power or freeze")),
            };
            find(lab, host)?.cut(how);
        }
        ["restore", host] => find(lab, host)?.restore(),
        [verb @ ("kill" | "stop" | "start" | "restart"), host, part] => steer(find(lab, host)?, verb, part)?,
        ["client"] => *client = Some(lab.client(lab.address(), 100)),
        ["client", rate] => {
            let rate = rate.parse().map_err(|_| format!("{rate} is no rate"))?;
            *client = Some(lab.client(lab.address(), rate));
        }
        ["tally"] => println!("{}", client.take().ok_or("no client is at work")?.finish()),
        ["status" | "events" | "why", ..] => println!("{}", lab.host("m1").heliostat(words)?),
        ["docker", host, args @ ..] => println!("{}", find(lab, host)?.try_docker(args)?),
        ["sh", host] => {
            let _ = find(lab, host)?.inside(&["sh"]).status();
        }
        _ => println!("{HELP}"),
    }
    Ok(())
}

fn find<'a>(lab: &'a Lab, name: &str) -> Result<&'a Host, String> {
    lab.hosts().iter().find(|host| host.name() == name).ok_or_else(|| format!("no host {name}"))
}

fn battery(lab: &Lab, supply: &str, percent: &str, seconds: &str) -> Result<(), String> {
    let supply = lab.supplies().iter().find(|known| known.name() == supply).ok_or("no such supply")?;
    let percent: f64 = percent.parse().map_err(|_| format!("{percent} is no percentage"))?;
    let seconds: u64 = seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))?;
    supply.go_to(Soc::from_percent(percent.clamp(0.0, 100.0)), Duration::from_secs(seconds));
    Ok(())
}

fn steer(host: &Host, verb: &str, part: &str) -> Result<(), String> {
    let part = Part::ALL.into_iter().find(|known| known.name() == part).ok_or("no such program")?;
    match (verb, host.runs(part)) {
        ("kill", _) => host.kill(part),
        ("stop", _) => host.stop(part),
        ("start", false) => host.start(part),
        ("start", true) => return Err("it runs".to_owned()),
        _ => host.restart(part),
    }
    Ok(())
}

fn hosts(lab: &Lab) {
    let holders: Vec<&str> = lab.holders().into_iter().map(Host::name).collect();
    for host in lab.hosts() {
        let parts: Vec<&str> =
            Part::ALL.into_iter().filter(|part| host.runs(*part)).map(Part::name).collect();
        println!(
            "{:4} {:12} {:5} battery {:.0}{} {}",
            host.name(),
            host.address(),
            if host.is_on() { "on" } else { "off" },
            lab.supply(&host.plan().supply).soc(),
            if holders.contains(&host.name()) { ", holds the address;" } else { ";" },
            parts.join(" ")
        );
    }
}
