//! The ALERT lines that are listened to. A line that was heard is let go: the kernel then forgets its edges, and one that
//! flaps wakes nobody until the core has it armed again.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll};

use hardware::line::LineAt;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::outside::{EdgeLine, Outside};
use crate::config::{Config, Sensor};
use crate::core::event::{ActionError, AlertEvent, Event};
use crate::core::reading::SensorId;

/// A line as the runtime wants it.
#[derive(Debug)]
struct Wire(Box<dyn EdgeLine>);

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// The lines of a config, and those of them that are open.
#[derive(Debug, Default)]
pub struct Lines {
    places: Vec<(SensorId, LineAt)>,
    open: Vec<(SensorId, AsyncFd<Wire>)>,
}

impl Lines {
    /// None of them is taken yet.
    pub fn new(config: &Config) -> Self {
        let places = config.sensors.iter().enumerate().filter_map(|(place, sensor)| match sensor {
            Sensor::Ina226(shunt) => Some((SensorId(u8::try_from(place).ok()?), shunt.alert.clone()?)),
            _ => None,
        });
        Self { places: places.collect(), open: Vec::new() }
    }

    /// Takes a sensor's line and listens, then has its chip armed, so that no edge is lost between the two.
    ///
    /// # Errors
    /// No such line, a chip that does not answer, or a line that stays low although the chip lets it go.
    pub fn arm(
        &mut self,
        outside: &impl Outside,
        sensor: SensorId,
        chip: impl FnOnce() -> Result<(), ActionError>,
    ) -> Result<(), ActionError> {
        self.open.retain(|(open, _)| *open != sensor);
        let (_, at) =
            self.places.iter().find(|(place, _)| *place == sensor).ok_or(ActionError::Unsupported)?;
        let line = outside.line(at).map_err(ActionError::Refused)?;
        let refused = |error: io::Error| ActionError::Refused(format!("{at}: {error}"));
        #[expect(
            deprecated,
            reason = "its danger is a file that is closed while registered; the line in here owns its file"
        )]
        let mut wire = AsyncFd::with_interest(Wire(line), Interest::READABLE).map_err(refused)?;
        // An edge of before is the chip's last word on what is past.
        while wire.get_mut().0.take().map_err(refused)?.is_some() {}
        chip()?;
        if wire.get_ref().0.is_pulled().map_err(refused)?
            && wire.get_mut().0.take().map_err(refused)?.is_none()
        {
            return Err(ActionError::Refused(format!(
                "{at} is low although the chip does not pull it: is it wired to the chip's ALERT pin, with a pull-up to 3.3 V?"
            )));
        }
        self.open.push((sensor, wire));
        Ok(())
    }

    /// Waits for the next edge of any line; for ever, when none is open.
    pub async fn edge(&mut self) -> Event {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        for place in 0..self.open.len() {
            let (sensor, event) = match self.open.get_mut(place) {
                Some((sensor, wire)) => match heard(wire, cx) {
                    Poll::Ready(event) => (*sensor, event),
                    Poll::Pending => continue,
                },
                None => break,
            };
            self.open.swap_remove(place);
            return Poll::Ready(Event::Alert { sensor, event });
        }
        Poll::Pending
    }
}

/// What one line says, if anything.
fn heard(wire: &mut AsyncFd<Wire>, cx: &mut Context<'_>) -> Poll<AlertEvent> {
    loop {
        let Poll::Ready(ready) = wire.poll_read_ready_mut(cx) else { return Poll::Pending };
        let edge = ready.and_then(|mut ready| {
            let edge = ready.get_inner_mut().0.take()?;
            if edge.is_none() {
                ready.clear_ready();
            }
            Ok(edge)
        });
        return Poll::Ready(match edge {
            Ok(Some(age)) => AlertEvent::Pulled { age },
            Ok(None) => continue,
            Err(error) => AlertEvent::Lost { why: error.to_string() },
        });
    }
}
