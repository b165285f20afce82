//! What a dashboard hears: a thread of its own that asks the supervisor again and again, and finds it again by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use protocol::report::SocBand;
use protocol::{Soc, SupplyName};

use super::ask::{AskError, Asker};
use super::clock::Timestamp;
use super::history::{Course, Step};
use super::operator::{Answer, Asked, Request};
use crate::core::history::{Quantity, Subject};
use crate::tui::board::{CurvePoint, Heard};

/// The sun does not change its mind faster.
const FORECAST_EVERY: Duration = Duration::from_secs(30);
/// A supervisor that does not answer is asked again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So many earlier events are asked for at first, and at once later.
const EVENTS_MAX: u32 = 200;
/// So much may wait for a dashboard that is slow to draw; then the asking waits with it.
const QUEUE_MAX: usize = 16;

/// The dashboard's end.
#[derive(Debug)]
pub struct Feed {
    /// What was heard, in order.
    pub heard: Receiver<Heard>,
    /// Orders to give; each is answered by [`Heard::Answer`] or [`Heard::NoAnswer`].
    pub orders: Sender<Asked>,
}

impl Feed {
    /// Begins to ask the supervisor on this socket, once every `pace`. Ends when the dashboard's end is dropped.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub fn start(socket: PathBuf, pace: Duration) -> std::io::Result<Self> {
        let (heard_out, heard) = sync_channel(QUEUE_MAX);
        let (orders, orders_in) = channel();
        let asking = Asking { socket, pace, heard: heard_out, orders: orders_in, last: None, curves: false };
        std::thread::Builder::new().name("feed".to_owned()).spawn(move || asking.run())?;
        Ok(Self { heard, orders })
    }
}

/// Why a conversation ended.
enum End {
    /// Nobody listens any more.
    Over,
    /// The supervisor does not answer.
    Lost(AskError),
}

impl From<AskError> for End {
    fn from(error: AskError) -> Self {
        Self::Lost(error)
    }
}

/// The thread's own state.
struct Asking {
    socket: PathBuf,
    pace: Duration,
    heard: SyncSender<Heard>,
    orders: Receiver<Asked>,
    /// The number of the newest record that was heard.
    last: Option<i64>,
    /// Whether the past was asked for.
    curves: bool,
}

impl Asking {
    fn run(mut self) {
        while let Err(End::Lost(error)) = self.converse() {
            let words = error.to_string();
            let first = words.lines().next().unwrap_or_default().to_owned();
            if self.tell(Heard::Lost(first)).is_err() || self.wait_lost().is_err() {
                return;
            }
        }
    }

    fn tell(&self, heard: Heard) -> Result<(), End> {
        self.heard.send(heard).map_err(|_| End::Over)
    }

    /// Waits a moment; orders that come meanwhile are not kept for later, because later is not when they were meant.
    fn wait_lost(&self) -> Result<(), End> {
        let until = Instant::now() + AGAIN_AFTER;
        loop {
            match self.orders.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => self.tell(Heard::NoAnswer("the supervisor does not answer".to_owned()))?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(End::Over),
            }
        }
    }

    /// Asks for as long as there are answers.
    fn converse(&mut self) -> Result<(), End> {
        let mut asker = Asker::connect(&self.socket)?;
        let mut forecast_at = Instant::now();
        loop {
            let next = Instant::now() + self.pace;
            if let Answer::Status(status) = asker.ask(&Request::Status)? {
                self.tell(Heard::Status(Box::new(status), Timestamp::now()))?;
            }
            if Instant::now() >= forecast_at {
                forecast_at = Instant::now() + FORECAST_EVERY;
                if let Answer::Forecast(forecasts) = asker.ask(&Request::Forecast)? {
                    self.tell(Heard::Forecast(forecasts.supplies))?;
                }
            }
            self.ask_events(&mut asker)?;
            if !self.curves {
                self.curves = true;
                self.ask_curves(&mut asker)?;
            }
            self.pass_orders(&mut asker, next)?;
        }
    }

    fn ask_events(&mut self, asker: &mut Asker) -> Result<(), End> {
        let limit = Some(EVENTS_MAX);
        let request = Request::Events { after: self.last, since: None, limit, follow: false };
        // A journal that cannot be read is told of in the status.
        if let Answer::Events(events) = asker.ask(&request)? {
            self.last = events.events.last().and_then(|entry| entry.number).or(self.last);
            if !events.events.is_empty() {
                self.tell(Heard::Events(events.events))?;
            }
        }
        Ok(())
    }

    /// The last day of every supply, once: from then on the dashboard sees for itself.
    fn ask_curves(&self, asker: &mut Asker) -> Result<(), End> {
        let since = Timestamp::now().earlier(Duration::from_hours(24));
        let request = Request::History { since, step: Some(Step::Minute), of: vec!["supply/".to_owned()] };
        // Without a history the curve begins with the dashboard.
        if let Answer::History(past) = asker.ask(&request)? {
            for (supply, points) in curves(&past.series) {
                self.tell(Heard::Curve(supply, points))?;
            }
        }
        Ok(())
    }

    /// Gives orders on, until it is time to ask again.
    fn pass_orders(&self, asker: &mut Asker, next: Instant) -> Result<(), End> {
        loop {
            match self.orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(order) => match asker.ask(&Request::Person(order)) {
                    Ok(answer) => self.tell(Heard::Answer(Box::new(answer)))?,
                    Err(error) => {
                        let words = error.to_string();
                        self.tell(Heard::NoAnswer(words))?;
                        return Err(End::Lost(error));
                    }
                },
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(End::Over),
            }
        }
    }
}

/// The state of charge of each supply over time: three series become one, every fifth minute of it.
fn curves(courses: &[Course]) -> BTreeMap<SupplyName, Vec<CurvePoint>> {
    let mut bands: BTreeMap<SupplyName, BTreeMap<i64, [Option<Soc>; 3]>> = BTreeMap::new();
    for course in courses {
        let Subject::Supply(supply) = &course.series.subject else { continue };
        let part = match course.series.quantity {
            Quantity::SocLow => 0,
            Quantity::Soc => 1,
            Quantity::SocHigh => 2,
            _ => continue,
        };
        for point in &course.points {
            let millis = point.time.as_millis();
            let band = bands.entry(supply.clone()).or_default().entry(millis - millis % 300_000).or_default();
            band[part] = Some(Soc::from_percent(point.mean));
        }
    }
    let point = |(millis, band): (i64, [Option<Soc>; 3])| {
        let soc = match band {
            [Some(low), Some(best), Some(high)] => Some(SocBand { low, best, high }),
            _ => None,
        };
        CurvePoint { millis, soc }
    };
    bands.into_iter().map(|(supply, band)| (supply, band.into_iter().map(point).collect())).collect()
}
