//! A report as the integers that cross the wire, and how two of them are told apart.
//!
//! [`Wire::write`] and [`Wire::read`] walk the same groups in the same order; whoever adds one adds it at the end of
//! both.

use heapless::Vec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::fault::Fault;
use crate::id::OrderId;
use crate::reason::Reason;
use crate::report::{
    Basis, CONTAINERS_MAX, ContainerReport, ContainerState, Energy, Host, Report, SocBand, TimeBand,
};
use crate::stage::Stage;
use crate::time::Seconds;
use crate::units::{Current, Frequency, Soc, Temperature, Voltage};

/// The longest reason or fault, encoded.
const REASON_BYTES_MAX: usize = 128;

// The numbers come first, so that what changes all the time needs one byte of `changed`.
const VOLTAGE: usize = 0;
const CURRENT: usize = 1;
const COMPENSATED: usize = 2;
const SOC: usize = 3;
const TIME_TO_EMPTY: usize = 4;
const CPU: usize = 5;
const TEMPERATURE: usize = 6;
const FREQUENCY_CAP: usize = 7;
const NUMBERS: usize = 8;

// Bits of `changed` above those of the numbers.
const PRESENCE: u32 = 1 << 8;
const FLAGS: u32 = 1 << 9;
const STAGES: u32 = 1 << 10;
const REASON: u32 = 1 << 11;
const CONTAINERS: u32 = 1 << 12;
const FAULT: u32 = 1 << 13;
const ORDER: u32 = 1 << 14;
const CONTAINERS_TOTAL: u32 = 1 << 15;
/// Every bit that means something.
pub(super) const ALL: u32 = (1 << 16) - 1;

// Bits of `presence` above those of the numbers.
const RAIL_PRESENT: u16 = 1 << 8;
const FAULT_PRESENT: u16 = 1 << 9;
const ORDER_PRESENT: u16 = 1 << 10;
const PRESENCE_ALL: u16 = (1 << 11) - 1;

// Bits of `flags`; the basis stands above them.
const DOCKER_UP: u8 = 1 << 0;
const RAIL_LOW: u8 = 1 << 1;
const BASIS_SHIFT: u8 = 2;

/// A band's middle, and how far its two ends are from it; a plain number is its first.
type Number = [i32; 3];

/// How many integers each number is.
const WIDTHS: [usize; NUMBERS] = [1, 1, 1, 3, 3, 1, 1, 1];

/// A report in its wire form: integers, and text-like values already rounded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wire {
    uptime: u32,
    numbers: [Option<Number>; NUMBERS],
    rail_low: Option<bool>,
    docker_up: bool,
    basis: Basis,
    stage: Stage,
    floor: Stage,
    reason: Reason,
    fault: Option<Fault>,
    order: Option<OrderId>,
    containers_total: u16,
    containers: Vec<ContainerReport, CONTAINERS_MAX>,
}

impl Wire {
    /// What a full report is a change of: nothing known, nothing there. Part of the wire's definition.
    pub(super) const BLANK: Self = Self {
        uptime: 0,
        numbers: [None; NUMBERS],
        rail_low: None,
        docker_up: false,
        basis: Basis::Unknown,
        stage: Stage::Normal,
        floor: Stage::Normal,
        reason: Reason::Clear,
        fault: None,
        order: None,
        containers_total: 0,
        containers: Vec::new(),
    };

    pub(super) fn of(report: &Report) -> Result<Self, EncodeError> {
        let (energy, host) = (&report.energy, &report.host);
        let mut numbers = [None; NUMBERS];
        numbers[VOLTAGE] = measured(energy.voltage, Voltage::to_wire)?;
        numbers[CURRENT] = measured(energy.current, Current::to_wire)?;
        numbers[COMPENSATED] = measured(energy.compensated, Voltage::to_wire)?;
        numbers[SOC] = energy.soc.map(|band| {
            let of = |soc: Soc| i32::from(soc.to_wire());
            [of(band.best), of(band.low) - of(band.best), of(band.high) - of(band.best)]
        });
        numbers[TIME_TO_EMPTY] = energy.time_to_empty.map(|band| {
            let best = band.best.0;
            [best, band.low.0.wrapping_sub(best), band.high.0.wrapping_sub(best)].map(u32::cast_signed)
        });
        numbers[CPU] = host.cpu_permille.map(|permille| [i32::from(permille), 0, 0]);
        numbers[TEMPERATURE] = measured(host.temperature, Temperature::to_wire)?;
        numbers[FREQUENCY_CAP] = host.frequency_cap.map(|cap| [cap.kilohertz().cast_signed(), 0, 0]);
        Ok(Self {
            uptime: report.uptime.0,
            numbers,
            rail_low: host.rail_low,
            docker_up: report.docker_up,
            basis: energy.basis,
            stage: report.stage,
            floor: report.floor,
            reason: rounded(&report.reason)?,
            fault: energy.fault.as_ref().map(rounded).transpose()?,
            order: report.order,
            containers_total: report.containers_total,
            containers: report.containers.clone(),
        })
    }

    pub(super) fn report(self) -> Result<Report, DecodeError> {
        let first = |number: usize| self.numbers[number].map(|[value, ..]| value);
        let energy = Energy {
            voltage: first(VOLTAGE).map(Voltage::from_wire),
            current: first(CURRENT).map(Current::from_wire),
            compensated: first(COMPENSATED).map(Voltage::from_wire),
            soc: self.numbers[SOC].map(soc_band).transpose()?,
            time_to_empty: self.numbers[TIME_TO_EMPTY].map(time_band),
            basis: self.basis,
            fault: self.fault,
        };
        let cpu_permille = first(CPU).map(u16::try_from).transpose().map_err(|_| DecodeError::Malformed)?;
        let host = Host {
            cpu_permille,
            temperature: first(TEMPERATURE).map(Temperature::from_wire),
            frequency_cap: first(FREQUENCY_CAP).map(|cap| Frequency::from_kilohertz(cap.cast_unsigned())),
            rail_low: self.rail_low,
        };
        Ok(Report {
            uptime: Seconds(self.uptime),
            stage: self.stage,
            floor: self.floor,
            reason: self.reason,
            energy,
            host,
            order: self.order,
            containers_total: self.containers_total,
            containers: self.containers,
            docker_up: self.docker_up,
        })
    }

    /// The bits of `changed` that take `base` to this.
    pub(super) fn changed_since(&self, base: &Self) -> u32 {
        let mut changed = 0;
        for (number, (new, old)) in self.numbers.iter().zip(&base.numbers).enumerate() {
            if new.is_some() && new != old {
                changed |= 1 << number;
            }
        }
        let groups = [
            (PRESENCE, self.presence() != base.presence()),
            (FLAGS, self.flags() != base.flags()),
            (STAGES, (self.stage, self.floor) != (base.stage, base.floor)),
            (REASON, self.reason != base.reason),
            (CONTAINERS, self.containers != base.containers),
            (FAULT, self.fault.is_some() && self.fault != base.fault),
            (ORDER, self.order.is_some() && self.order != base.order),
            (CONTAINERS_TOTAL, self.containers_total != base.containers_total),
        ];
        groups.iter().filter(|(_, differs)| *differs).fold(changed, |changed, (bit, _)| changed | bit)
    }

    pub(super) fn write(
        &self,
        base: &Self,
        changed: u32,
        writer: &mut Writer<'_>,
    ) -> Result<(), EncodeError> {
        let has = |bit: u32| changed & bit != 0;
        writer.put(&self.uptime.wrapping_sub(base.uptime))?;
        if has(PRESENCE) {
            writer.put(&self.presence())?;
        }
        for (number, width) in WIDTHS.into_iter().enumerate().filter(|(number, _)| has(1 << number)) {
            let Some(new) = self.numbers[number] else { continue };
            let old = base.numbers[number].unwrap_or_default();
            for (new, old) in new.into_iter().zip(old).take(width) {
                writer.put(&new.wrapping_sub(old))?;
            }
        }
        if has(FLAGS) {
            writer.put(&self.flags())?;
        }
        if has(STAGES) {
            writer.put(&(rung(self.stage) | rung(self.floor) << 4))?;
        }
        if has(REASON) {
            writer.put(&self.reason)?;
        }
        if has(CONTAINERS) {
            write_containers(&base.containers, &self.containers, writer)?;
        }
        if let (true, Some(fault)) = (has(FAULT), &self.fault) {
            writer.put(fault)?;
        }
        if let (true, Some(order)) = (has(ORDER), &self.order) {
            writer.put(order)?;
        }
        if has(CONTAINERS_TOTAL) {
            writer.put(&self.containers_total)?;
        }
        Ok(())
    }

    /// Turns this, the base, into the new report, in the order of [`Self::write`].
    pub(super) fn read(&mut self, changed: u32, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let has = |bit: u32| changed & bit != 0;
        let uptime: u32 = reader.take()?;
        self.uptime = self.uptime.wrapping_add(uptime);
        let presence = if has(PRESENCE) { reader.take()? } else { self.presence() };
        if presence & !PRESENCE_ALL != 0 {
            return Err(DecodeError::Malformed);
        }
        for (number, width) in WIDTHS.into_iter().enumerate() {
            let present = presence & (1 << number) != 0;
            self.numbers[number] = match (present, has(1 << number), self.numbers[number]) {
                (false, ..) => None,
                (true, true, old) => Some(read_number(old.unwrap_or_default(), width, reader)?),
                (true, false, Some(old)) => Some(old),
                (true, false, None) => return Err(DecodeError::Malformed),
            };
        }
        let flags = if has(FLAGS) { reader.take()? } else { self.flags() };
        self.set_flags(flags, presence & RAIL_PRESENT != 0)?;
        if has(STAGES) {
            let stages: u8 = reader.take()?;
            (self.stage, self.floor) = (stage(stages & 0x0f)?, stage(stages >> 4)?);
        }
        if has(REASON) {
            self.reason = reader.take()?;
        }
        if has(CONTAINERS) {
            read_containers(&mut self.containers, reader)?;
        }
        self.fault = optional(presence & FAULT_PRESENT != 0, has(FAULT), self.fault, reader)?;
        self.order = optional(presence & ORDER_PRESENT != 0, has(ORDER), self.order, reader)?;
        if has(CONTAINERS_TOTAL) {
            self.containers_total = reader.take()?;
        }
        Ok(())
    }

    fn presence(&self) -> u16 {
        let mut presence = 0;
        for (number, value) in self.numbers.iter().enumerate() {
            presence |= u16::from(value.is_some()) << number;
        }
        let mut add = |present: bool, bit: u16| presence |= if present { bit } else { 0 };
        add(self.rail_low.is_some(), RAIL_PRESENT);
        add(self.fault.is_some(), FAULT_PRESENT);
        add(self.order.is_some(), ORDER_PRESENT);
        presence
    }

    fn flags(&self) -> u8 {
        let basis = match self.basis {
            Basis::Unknown => 0,
            Basis::Counted => 1,
            Basis::VoltageOnly => 2,
            Basis::Aged => 3,
        };
        let docker = if self.docker_up { DOCKER_UP } else { 0 };
        let rail = if self.rail_low == Some(true) { RAIL_LOW } else { 0 };
        docker | rail | basis << BASIS_SHIFT
    }

    fn set_flags(&mut self, flags: u8, rail_present: bool) -> Result<(), DecodeError> {
        self.basis = match flags >> BASIS_SHIFT {
            0 => Basis::Unknown,
            1 => Basis::Counted,
            2 => Basis::VoltageOnly,
            3 => Basis::Aged,
            _ => return Err(DecodeError::Malformed),
        };
        self.docker_up = flags & DOCKER_UP != 0;
        self.rail_low = rail_present.then_some(flags & RAIL_LOW != 0);
        Ok(())
    }
}

/// A measured quantity's wire form, if there is a quantity; an error if it has none.
fn measured<U>(value: Option<U>, to_wire: impl Fn(U) -> Option<i32>) -> Result<Option<Number>, EncodeError> {
    match value {
        None => Ok(None),
        Some(value) => to_wire(value).map(|wire| Some([wire, 0, 0])).ok_or(EncodeError::NoWireForm),
    }
}

fn soc_band([best, low, high]: Number) -> Result<SocBand, DecodeError> {
    let soc =
        |permille: i32| u16::try_from(permille).ok().and_then(Soc::from_wire).ok_or(DecodeError::Malformed);
    Ok(SocBand { low: soc(best.wrapping_add(low))?, best: soc(best)?, high: soc(best.wrapping_add(high))? })
}

fn time_band([best, low, high]: Number) -> TimeBand {
    let seconds = |value: i32| Seconds(value.cast_unsigned());
    TimeBand {
        low: seconds(best.wrapping_add(low)),
        best: seconds(best),
        high: seconds(best.wrapping_add(high)),
    }
}

/// A value as it is after a journey over the wire.
fn rounded<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, EncodeError> {
    let mut bytes = [0; REASON_BYTES_MAX];
    let mut writer = Writer::new(&mut bytes);
    writer.put(value)?;
    Reader::new(&bytes).take().map_err(|_| EncodeError::NoWireForm)
}

fn read_number(old: Number, width: usize, reader: &mut Reader<'_>) -> Result<Number, DecodeError> {
    let mut number = old;
    for value in number.iter_mut().take(width) {
        *value = value.wrapping_add(reader.take::<i32>()?);
    }
    Ok(number)
}

/// An optional field: gone, new, or as it was.
fn optional<'a, T: Deserialize<'a>>(
    present: bool,
    changed: bool,
    old: Option<T>,
    reader: &mut Reader<'a>,
) -> Result<Option<T>, DecodeError> {
    match (present, changed, old) {
        (false, ..) => Ok(None),
        (true, true, _) => reader.take().map(Some),
        (true, false, Some(old)) => Ok(Some(old)),
        (true, false, None) => Err(DecodeError::Malformed),
    }
}

const fn rung(stage: Stage) -> u8 {
    match stage {
        Stage::Normal => 0,
        Stage::Throttle => 1,
        Stage::Shed => 2,
        Stage::Drain => 3,
        Stage::Halt => 4,
    }
}

fn stage(rung: u8) -> Result<Stage, DecodeError> {
    Stage::ALL.get(usize::from(rung)).copied().ok_or(DecodeError::Malformed)
}

type Containers = Vec<ContainerReport, CONTAINERS_MAX>;

/// Where both lists name the same containers: only the states that changed, by place in the list. Otherwise the whole
/// list. The head is twice the count, plus one for a whole list.
fn write_containers(base: &Containers, new: &Containers, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let whole = base.len() != new.len() || base.iter().zip(new).any(|(base, new)| base.slot != new.slot);
    if whole {
        writer.put(&(new.len() as u8 * 2 + 1))?;
        return new.iter().try_for_each(|container| writer.put(container));
    }
    let changed = || base.iter().zip(new).enumerate().filter(|(_, (base, new))| base.state != new.state);
    writer.put(&(changed().count() as u8 * 2))?;
    changed().try_for_each(|(place, (_, new))| writer.put(&(place as u8, new.state)))
}

fn read_containers(containers: &mut Containers, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let head: u8 = reader.take()?;
    let (count, whole) = (head / 2, head % 2 == 1);
    if whole {
        containers.clear();
        for _ in 0..count {
            containers.push(reader.take()?).map_err(|_| DecodeError::Malformed)?;
        }
        return Ok(());
    }
    for _ in 0..count {
        let (place, state): (u8, ContainerState) = reader.take()?;
        containers.get_mut(usize::from(place)).ok_or(DecodeError::Malformed)?.state = state;
    }
    Ok(())
}
