use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::Fault;

use super::*;

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn clear() -> Transaction {
    Transaction::write(ADDRESS, vec![0x1a, 0, 0])
}

fn during<T>(expected: &[Transaction], act: impl FnOnce(&mut Max17048<Mock>) -> T) -> T {
    let mut chip = Max17048::new(Mock::new(expected)).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn reading(cell: u16, soc: u16, status: u16) -> Vec<Transaction> {
    vec![read(0x02, cell), read(0x04, soc), read(0x1a, status), read(0x08, 0x0012)]
}

#[test]
fn a_reading_is_in_the_datasheets_steps() {
    let measured = during(&reading(46_080, 54 * 256 + 128, 0), Max17048::read).unwrap();
    assert!((measured.cell.volts() - 3.6).abs() < 1e-9);
    assert!((measured.soc.percent() - 54.5).abs() < 1e-9);
    let over = during(&reading(53_760, 103 * 256, 0), Max17048::read).unwrap();
    assert_eq!(over.soc, Soc::FULL, "a little over 100 % is full");
}

#[test]
fn a_reset_is_told_once_and_noted() {
    let mut expected = reading(46_080, 0, 1 << 8);
    expected.push(clear());
    expected.extend(reading(46_080, 54 * 256, 0));
    during(&expected, |chip| {
        assert_eq!(chip.read().unwrap_err().fault(), Fault::SettingsLost);
        assert!(chip.read().is_ok());
    });
    let fresh = [read(0x08, 0x0012), read(0x1a, 1 << 8), clear()];
    assert_eq!(during(&fresh, Max17048::configure), Ok(()));
    assert_eq!(during(&[read(0x08, 0x0012), read(0x1a, 0)], Max17048::configure), Ok(()));
}

#[test]
fn garbage_and_other_chips_are_no_reading_and_are_not_written_to() {
    let garbage = [read(0x02, 0xffff), read(0x04, 0xffff), read(0x1a, 0xffff), read(0x08, 0xffff)];
    assert_eq!(during(&garbage, Max17048::read).unwrap_err().fault(), Fault::Garbled);
    let absurd = during(&reading(46_080, 200 * 256, 0), Max17048::read).unwrap_err();
    assert_eq!(absurd.fault(), Fault::Garbled, "200 % is no charge");
    assert!(during(&[read(0x08, 0)], Max17048::configure).is_err());
}

#[test]
fn every_bus_error_is_its_fault_wherever_it_strikes() {
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    for (kind, fault) in
        [(nak, Fault::NoAcknowledge), (ErrorKind::Bus, Fault::BusError), (ErrorKind::Other, Fault::BusGone)]
    {
        for place in 0..4 {
            let mut expected = reading(46_080, 54 * 256, 0)[..=place].to_vec();
            expected[place] = expected[place].clone().with_error(kind);
            assert_eq!(
                during(&expected, Max17048::read).unwrap_err().fault(),
                fault,
                "at transaction {place}"
            );
        }
    }
}
