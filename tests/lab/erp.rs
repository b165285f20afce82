//! The historic case: an ERP-like web service over `PostgreSQL` on a few Pis and one battery, four replicas behind the
//! balancer, plain Docker.

use std::time::Duration;

use protocol::Soc;
use tests::lab::{Client, Host, Image, Lab, Layout, Part, Tally, WEB_PORT, Watchfulness};
use tests::{require, wait};

const PATIENCE: Duration = Duration::from_mins(3);
const SUPPLY: &str = "roof";
/// Requests a second.
const RATE: u32 = 10;
/// The battery falls in this time ...
const NIGHT: Duration = Duration::from_secs(45);
/// ... and is filled in this: stages are left while it charges.
const MORNING: Duration = Duration::from_secs(100);

/// The database on the first worker, a replica of the web service on every worker.
fn set_up(lab: &Lab) {
    let work = lab.folder().join("image-postgres");
    std::fs::create_dir(&work).expect("a folder");
    let postgres = Image::postgres(&work).expect("PostgreSQL");
    let home = lab.host("w1");
    home.docker(&["load", "-q", "-i", &postgres.archive().display().to_string()]);
    let class = "--label=heliostat.class=critical";
    home.docker(&[
        "run",
        "-d",
        "--name",
        "db",
        class,
        "-p",
        "5432:5432",
        "-v",
        "bookings:/data",
        postgres.id(),
    ]);
    wait::until_true("the database to answer", PATIENCE, || {
        sql(home, "create table if not exists bookings (at timestamptz default now(), who text)").is_ok()
    });
    let database = format!("WEB_DATABASE={}:5432", home.address());
    lab.everywhere(|host| {
        if !host.plan().master {
            let (port, name) = (format!("{WEB_PORT}:8080"), format!("WEB_HOST={}", host.name()));
            let image = lab.image().id();
            host.docker(&["run", "-d", "--name", "erp", "-p", &port, "-e", &name, "-e", &database, image]);
        }
    });
}

fn sql(host: &Host, words: &str) -> Result<String, String> {
    host.try_docker(&["exec", "db", "psql", "-h", "/tmp", "-U", "postgres", "-Atc", words])
}

/// When a container started or finished last, as Docker writes it: the texts sort as the times do.
fn moment(host: &Host, container: &str, which: &str) -> String {
    host.docker(&["inspect", "-f", &format!("{{{{.State.{which}}}}}"), container])
}

fn state(host: &Host, container: &str) -> String {
    host.docker(&["inspect", "-f", "{{.State.Status}}", container])
}

fn all_are(lab: &Lab, wanted: &str) -> bool {
    let erp = lab.workers().into_iter().all(|host| state(host, "erp") == wanted);
    erp && state(lab.host("w1"), "db") == wanted
}

/// An ERP's few users: each request is a connection and a synced row in the database.
fn users(lab: &Lab) -> Client {
    let client = lab.client(lab.address(), RATE);
    wait::until_true("the first to be served", PATIENCE, || client.so_far().fates().len() > RATE as usize);
    client
}

#[test]
fn an_erp_over_a_night_loses_no_booking_and_its_database_stops_last_and_starts_first() {
    if !require::lab_with_postgres(
        "an_erp_over_a_night_loses_no_booking_and_its_database_stops_last_and_starts_first",
    ) {
        return;
    }
    let lab = Lab::up(&Layout::new(1, 4).on_one_supply(SUPPLY));
    set_up(&lab);
    lab.start_balancers(Watchfulness::Tuned);
    lab.start_keepalived("0.1");
    lab.start_supervisors();
    // The hosts stay up, so that the order in which things stop and start can be read on every one of them.
    lab.start_agents_that_stay_up();
    lab.wait_for_answer(lab.address());

    let visitors = users(&lab);
    lab.supply(SUPPLY).go_to(Soc::from_percent(20.0), NIGHT);
    wait::until_true("everything to be stopped", PATIENCE, || all_are(&lab, "exited"));
    let evening = visitors.finish();
    println!("evening: {evening}");
    let home = lab.host("w1");
    for host in lab.workers() {
        let (web, db) = (moment(host, "erp", "FinishedAt"), moment(home, "db", "FinishedAt"));
        assert!(web < db, "{}: the service stopped at {web}, its database at {db}", host.name());
    }
    assert_eq!(home.docker(&["inspect", "-f", "{{.State.ExitCode}}", "db"]), "0", "it was let finish");

    lab.supply(SUPPLY).go_to(Soc::from_percent(99.0), MORNING);
    wait::until_true("everything to run again", PATIENCE, || all_are(&lab, "running"));
    for host in lab.workers() {
        let (web, db) = (moment(host, "erp", "StartedAt"), moment(home, "db", "StartedAt"));
        assert!(db < web, "{}: the service started at {web}, its database at {db}", host.name());
    }
    let log = home.docker(&["logs", "db"]);
    assert!(!log.contains("interrupted"), "its disk was left clean");
    lab.wait_for_answer(lab.address());
    let visitors = users(&lab);
    let morning = visitors.finish();
    println!("morning: {morning}");
    assert_eq!(morning.failed(), 0, "{morning}");

    let booked: usize = sql(home, "select count(*) from bookings").unwrap().parse().unwrap();
    let answered = answered(&evening) + answered(&morning);
    assert!(booked >= answered, "{answered} bookings were confirmed, {booked} are in the database");
    assert!(home.runs(Part::Agent));
}

fn answered(tally: &Tally) -> usize {
    tally.fates().len() - tally.failed()
}
