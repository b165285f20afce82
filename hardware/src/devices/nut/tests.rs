use super::*;

fn list(lines: &[&str]) -> Vec<u8> {
    let vars: Vec<String> = lines.iter().map(|line| format!("VAR shed {line}\n")).collect();
    format!("BEGIN LIST VAR shed\n{}END LIST VAR shed\n", vars.concat()).into_bytes()
}

const WHOLE: [&str; 5] = [
    "battery.charge \"87\"",
    "battery.voltage \"13.20\"",
    "battery.temperature \"-3.5\"",
    "ups.status \"OB DISCHRG\"",
    "ups.mfr \"Some \\\"quoted\\\" maker\"",
];

#[test]
fn voltage_charge_and_temperature_are_read() {
    let account = answer("shed", &list(&WHOLE)).unwrap().unwrap();
    assert_eq!(account.voltage, Voltage::from_volts(13.2));
    assert_eq!(account.soc, Some(Soc::from_percent(87.0)));
    assert_eq!(account.temperature, Some(Temperature::from_celsius(-3.5)));
    assert_eq!(account.battery_current(true), None, "a UPS's current is not known");
}

#[test]
fn a_low_battery_counts_as_empty_whatever_its_percentage() {
    let low = list(&["battery.charge \"40\"", "battery.voltage \"11.1\"", "ups.status \"OB LB\""]);
    assert_eq!(answer("shed", &low).unwrap().unwrap().soc, Some(Soc::EMPTY));
    let word = list(&["battery.voltage \"11.1\"", "ups.status \"OL CHRG ALBERT\""]);
    assert_eq!(answer("shed", &word).unwrap().unwrap().soc, None, "LB is a word of its own");
}

#[test]
fn an_answer_counts_only_whole() {
    let whole = list(&WHOLE);
    for cut in 0..whole.len() {
        assert_eq!(answer("shed", &whole[..cut]), Ok(None), "cut at {cut}");
    }
}

#[test]
fn a_refusal_is_told_with_what_to_do() {
    for (line, fault, words) in [
        ("ERR UNKNOWN-UPS\n", Fault::BusGone, "upsc -l"),
        ("ERR DATA-STALE\n", Fault::BusGone, "cable"),
        ("ERR DRIVER-NOT-CONNECTED\n", Fault::BusGone, "driver"),
        ("ERR ACCESS-DENIED\n", Fault::BusGone, "ACCESS-DENIED"),
        ("HTTP/1.1 400 Bad Request\r\n", Fault::Garbled, "HTTP/1.1"),
    ] {
        let error = answer("shed", line.as_bytes()).unwrap_err();
        assert_eq!(error.fault(), fault, "{line}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn what_is_no_number_or_another_upss_is_no_reading() {
    for lines in [
        ["battery.voltage \"NaN\""],
        ["battery.voltage \"inf\""],
        ["battery.voltage 12"],
        ["battery.charge \"101\""],
        ["battery.charge \"-1\""],
    ] {
        assert_eq!(answer("shed", &list(&lines)).unwrap_err().fault(), Fault::Garbled, "{lines:?}");
    }
    assert_eq!(answer("shed", &list(&["battery.charge \"50\""])), Err(NutError::NoVoltage));
    assert!(answer("roof", &list(&WHOLE)).is_err());
    assert!(answer("shed", &vec![b'x'; ANSWER_MAX + 1]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = answer("shed", &bytes);
        let mut behind = b"BEGIN LIST VAR shed\nVAR shed battery.voltage ".to_vec();
        behind.extend(bytes);
        let _ = answer("shed", &behind);
    }
}
