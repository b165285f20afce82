//! What everybody may see over HTTP, if it is switched on: the status page, live, and the metrics. Nothing can be changed
//! here, and nothing is served but the few paths that it answers.
//!
//! However many look, the fleet is asked at most once a second. A client that is slow, silent or one too many costs itself
//! its connection.

mod metrics;
mod public;
mod words;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::digest::{SHA256, digest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::clock::Timestamp;
use super::history::{HistoryReader, Query, Step};
use super::operator::{Question, Status};
use crate::core::budget::view::ForecastView;

/// So many clients at one time.
const CLIENTS_MAX: usize = 64;
/// A client that says nothing, or does not read, is dropped after this.
const PATIENCE: Duration = Duration::from_secs(20);
/// A connection lives no longer: a page that is still open comes again by itself.
const LIFE_MAX: Duration = Duration::from_hours(1);
/// The fleet is asked no more often.
const FRESH: Duration = Duration::from_secs(1);
/// What changed is told this often.
const NEWS_EVERY: Duration = Duration::from_secs(2);
/// Where nothing changed, a sign of life is sent this often, so that a dead line is noticed.
const ALIVE_EVERY: u32 = 7;
/// The curve goes back so far.
const CURVE_BACK: Duration = Duration::from_hours(24);

/// The page, with its style and its script inside.
const PAGE: &str = include_str!("page.html");

type Body = Either<Full<Bytes>, Channel<Bytes>>;

/// What is served, and where it comes from.
pub(super) struct Web {
    questions: mpsc::Sender<Question>,
    history: HistoryReader,
    seen: Mutex<Option<(Instant, Arc<Seen>)>>,
    policy: HeaderValue,
}

/// The fleet at one moment.
struct Seen {
    status: Status,
    forecasts: Vec<ForecastView>,
}

impl Web {
    pub(super) fn new(questions: mpsc::Sender<Question>, history: HistoryReader) -> Self {
        Self { questions, history, seen: Mutex::new(None), policy: policy() }
    }

    /// Serves for as long as the loop does.
    pub(super) async fn serve(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        let web = Arc::new(self);
        loop {
            let connection = match listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) => {
                    tracing::warn!("a visitor could not be accepted: {error}");
                    sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            // One too many is closed at once, and does not keep the others waiting.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let web = Arc::clone(&web);
            tokio::spawn(async move {
                web.converse(connection).await;
                drop(place);
            });
        }
    }

    async fn converse(self: &Arc<Self>, connection: TcpStream) {
        let answer = service_fn(|request| {
            let web = Arc::clone(self);
            async move { Ok::<_, Infallible>(web.answer(request).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 * 1024);
        // A visitor who left early is no news.
        let _ = timeout(LIFE_MAX, http.serve_connection(TokioIo::new(connection), answer)).await;
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".into());
        }
        match request.uri().path() {
            "/" => self.response(StatusCode::OK, "text/html; charset=utf-8", PAGE.into()),
            "/live" if request.method() == Method::GET => self.live(),
            "/status.json" => self.fleet("application/json", public::json).await,
            "/curve.json" => self.curve().await,
            "/metrics" => {
                self.fleet("text/plain; version=0.0.4; charset=utf-8", |seen, _| {
                    metrics::text(&seen.status, &seen.forecasts)
                })
                .await
            }
            _ => self.response(StatusCode::NOT_FOUND, "text/plain", "there is nothing here\n".into()),
        }
    }

    /// Something made of the fleet.
    async fn fleet(&self, kind: &'static str, text: impl Fn(&Seen, Timestamp) -> String) -> Response<Body> {
        match self.look().await {
            Some(seen) => self.response(StatusCode::OK, kind, text(&seen, Timestamp::now()).into()),
            None => self.response(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "stopping\n".into()),
        }
    }

    /// The fleet, as it was a second ago at most.
    async fn look(&self) -> Option<Arc<Seen>> {
        let mut seen = self.seen.lock().await;
        if let Some((_, seen)) = seen.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Some(Arc::clone(seen));
        }
        let status = ask(&self.questions, Question::Fleet).await?;
        let forecasts = ask(&self.questions, Question::Forecast).await?;
        let new = Arc::new(Seen { status, forecasts });
        *seen = Some((Instant::now(), Arc::clone(&new)));
        Some(new)
    }

    /// The charge of each supply over the last day.
    async fn curve(&self) -> Response<Body> {
        let of = vec!["supply/".to_owned()];
        let query = Query { since: Timestamp::now().earlier(CURVE_BACK), step: Step::Minute, of };
        let courses = self.history.read(query).await.unwrap_or_default();
        self.response(StatusCode::OK, "application/json", public::curve(&courses).into())
    }

    /// The fleet now, and again whenever it changed.
    fn live(self: &Arc<Self>) -> Response<Body> {
        let (sender, body) = Channel::new(2);
        let web = Arc::clone(self);
        tokio::spawn(async move { web.tell(sender).await });
        let mut response = self.respond(StatusCode::OK, "text/event-stream", Either::Right(body));
        response.headers_mut().insert("X-Accel-Buffering", HeaderValue::from_static("no"));
        response
    }

    async fn tell(&self, mut sender: Sender<Bytes>) {
        let (mut said, mut quiet) = (String::new(), 0);
        while let Some(seen) = self.look().await {
            let news = public::json(&seen, Timestamp::now());
            // The time of day alone is no news.
            let without_time = news.split_once(',').map_or("", |(_, rest)| rest).to_owned();
            quiet = if without_time == said { quiet + 1 } else { 0 };
            let bytes = match quiet {
                0 => format!("data: {news}\n\n"),
                quiet if quiet % ALIVE_EVERY == 0 => format!("data: {news}\n\n"),
                _ => {
                    sleep(NEWS_EVERY).await;
                    continue;
                }
            };
            said = without_time;
            if !matches!(timeout(PATIENCE, sender.send_data(bytes.into())).await, Ok(Ok(()))) {
                return;
            }
            sleep(NEWS_EVERY).await;
        }
    }

    fn response(&self, status: StatusCode, kind: &'static str, text: Bytes) -> Response<Body> {
        self.respond(status, kind, Either::Left(Full::new(text)))
    }

    fn respond(&self, status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Nothing but the page's own style and script, by their hashes, may run in it, and it may only ask us.
fn policy() -> HeaderValue {
    let hash = |tag: &str| {
        let inside =
            PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        let text = inside.map_or("", |(inside, _)| inside);
        BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref())
    };
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("style"),
        hash("script")
    );
    // Base64 and plain words are header text; if they ever were not, nothing at all would be allowed.
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// Asks the loop; `None` when it has ended.
async fn ask<T>(
    questions: &mpsc::Sender<Question>,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    questions.send(question(reply)).await.ok()?;
    answer.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        assert!(PAGE.len() <= 50 * 1024, "{} bytes", PAGE.len());
        for outside in
            ["http://", "https://", "//cdn", "@import", "src=", "<link", "innerHTML", "eval(", "style=\""]
        {
            let allowed = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!allowed.contains(outside), "{outside}");
        }
        assert!(policy().to_str().is_ok_and(|policy| policy.matches("sha256-").count() == 2));
    }
}
