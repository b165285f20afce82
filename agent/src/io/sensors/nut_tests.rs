use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;

/// What a server says to each question, one after the other; then it hangs up.
fn server(answers: &'static [&'static str]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (questions, heard) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for answer in answers {
            let Some(Ok(question)) = lines.next() else { return };
            stream.write_all(answer.as_bytes()).unwrap();
            let _ = questions.send(question);
        }
    });
    (address, heard)
}

fn sensor(server: SocketAddr) -> Nut {
    Nut::new(0, &NutSensor { server, ups: "shed".to_owned(), charge: true })
}

/// Readings, a second of the sensor's clock apart, until one is of interest; the server is given real time to speak.
fn until(nut: &mut Nut, now: &mut Uptime, wanted: impl Fn(&Reading) -> bool) -> Reading {
    for _ in 0..2000 {
        *now += Duration::from_millis(5);
        let reading = nut.read(*now);
        if wanted(&reading) {
            return reading;
        }
        thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
    panic!("it never came");
}

const GOOD: &str = "BEGIN LIST VAR shed\nVAR shed battery.voltage \"13.10\"\nVAR shed battery.charge \"80\"\n\
                    VAR shed ups.status \"OB DISCHRG\"\nEND LIST VAR shed\n";
const LOW: &str = "BEGIN LIST VAR shed\nVAR shed battery.voltage \"11.20\"\nVAR shed battery.charge \"30\"\n\
                   VAR shed ups.status \"OB LB\"\nEND LIST VAR shed\n";

#[test]
fn a_ups_is_read_and_its_low_battery_counts_as_empty() {
    let (address, questions) = server(&[GOOD, LOW, LOW, LOW, LOW]);
    let (mut nut, mut now) = (sensor(address), Uptime::START);
    assert_eq!(nut.read(now), Err(Fault::NotYet), "nobody waits for the connection");
    let sample = until(&mut nut, &mut now, Result::is_ok).unwrap();
    assert!((sample.voltage.volts() - 13.1).abs() < 1e-9 && sample.current.is_none());
    assert!((sample.reported.unwrap().percent() - 80.0).abs() < 1e-9);
    assert_eq!(questions.recv().unwrap(), "LIST VAR shed");
    let low = until(&mut nut, &mut now, |reading| reading.is_ok_and(|sample| sample.voltage.volts() < 12.0));
    assert_eq!(low.unwrap().reported, Some(protocol::Soc::EMPTY));
}

#[test]
fn a_server_that_hangs_up_refuses_or_speaks_something_else_is_a_fault_that_passes() {
    for (answer, wanted) in [
        (&["ERR DATA-STALE\n"][..], Fault::BusGone),
        (&["ERR UNKNOWN-UPS\n"], Fault::BusGone),
        (&["HTTP/1.1 400 Bad Request\r\n"], Fault::Garbled),
        (&[], Fault::BusGone),
    ] {
        let (address, _questions) = server(answer);
        let (mut nut, mut now) = (sensor(address), Uptime::START);
        let reading = until(&mut nut, &mut now, |reading| *reading != Err(Fault::NotYet));
        assert_eq!(reading, Err(wanted), "{answer:?}");
        let (again, _questions) = server(&[GOOD, GOOD, GOOD]);
        nut.server = again;
        now += Duration::from_secs(20);
        assert!(until(&mut nut, &mut now, Result::is_ok).is_ok(), "after {answer:?}");
    }
}

#[test]
fn nobody_there_and_nobody_answering_are_told() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut nut, mut now) = (sensor(closed), Uptime::START);
    let reading = until(&mut nut, &mut now, |reading| *reading != Err(Fault::NotYet));
    assert_eq!(reading, Err(Fault::BusGone));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut nut = sensor(silent.local_addr().unwrap());
    let readings: Vec<Reading> = (0..20).map(|second| nut.read(Uptime::from_secs(second))).collect();
    assert_eq!(readings[5], Err(Fault::NotYet));
    assert_eq!(readings[15], Err(Fault::BusGone));
}
