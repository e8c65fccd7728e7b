//! Requests at a rate. A slow answer does not slow the requests that follow: users do not wait for
//! each other.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CannotStart, Context, Meter, Outcome, Pending, Workload};
use crate::http::{Answer, Client, Question};
use crate::scenario::fields::Fields;
use crate::scenario::{Places, stand_in};
use crate::tls::TlsSpec;

/// Requests that may be open at a time; what comes on top fails.
const OPEN_MAX: usize = 5_000;
/// Requests each second where the scenario does not say.
const RATE: f64 = 10.0;
/// Requests each second, at most.
const RATE_MAX: f64 = 20_000.0;
/// How long an answer may take where the scenario does not say.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whether requests are due.
const TICK: Duration = Duration::from_millis(1);

/// Which statuses are a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl Default for Statuses {
    /// 200 to 399, as browsers see it.
    fn default() -> Self {
        Self(vec![(200, 399)])
    }
}

impl Statuses {
    /// Whether it is one of them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }

    /// `200`, `"2xx"`, or a list of such.
    pub(crate) fn read(fields: &Fields<'_>, key: &'static str) -> Option<Self> {
        if !fields.has(key) {
            fields.get(key);
            return Some(Self::default());
        }
        let texts = fields.words(key)?;
        let ranges: Option<Vec<(u16, u16)>> = texts.iter().map(|text| range(text)).collect();
        match ranges {
            Some(ranges) if !ranges.is_empty() => Some(Self(ranges)),
            _ => {
                fields.wrong(key, format!("`{key}` must be a status, as 200 or \"2xx\""));
                None
            }
        }
    }
}

/// Says what is wrong with a URL, whatever its placeholders stand for.
pub(crate) fn check(fields: &Fields<'_>, key: &'static str, url: &str) -> Option<()> {
    said(fields, key, Question::new("GET", &stand_in(url), &[], ""))
}

/// Says what is wrong with the method or the headers of a request, whatever placeholders stand for.
fn check_head(fields: &Fields<'_>, method: &str, headers: &[(String, String)]) -> Option<()> {
    const ANY: &str = "http://127.0.0.1/";
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| (name.clone(), stand_in(value))).collect();
    said(fields, "method", Question::new(method, ANY, &[], ""))?;
    said(fields, "headers", Question::new("GET", ANY, &headers, ""))
}

fn said(fields: &Fields<'_>, key: &'static str, made: Result<Question, String>) -> Option<()> {
    made.map_err(|why| fields.wrong(key, format!("`{key}`: {why}"))).ok()?;
    Some(())
}

fn range(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok()?;
        return (1..=9).contains(&class).then_some((class * 100, class * 100 + 99));
    }
    let status: u16 = text.parse().ok()?;
    (100..=999).contains(&status).then_some((status, status))
}

/// Requests as a scenario describes them.
#[derive(Clone, Debug)]
pub struct HttpSpec {
    /// Where to; may hold placeholders.
    pub url: String,
    /// `GET` unless it is said.
    pub method: String,
    /// Added to each request; values may hold placeholders.
    pub headers: Vec<(String, String)>,
    /// Sent with each request.
    pub body: String,
    /// Requests each second.
    pub rate: f64,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Which statuses are a success.
    pub status: Statuses,
    /// What the answer must match to be a success.
    pub matches: Option<Regex>,
    /// Whom it believes.
    pub tls: TlsSpec,
}

impl HttpSpec {
    pub(crate) fn read(fields: &Fields<'_>) -> Option<Self> {
        let url = fields.need("url", "\"http://${proxy.web}/\"", fields.text("url"));
        let rate = fields.number("rate").unwrap_or(RATE);
        if rate > RATE_MAX {
            fields.wrong("rate", format!("`rate` is at most {RATE_MAX} requests each second"));
            return None;
        }
        let status = Statuses::read(fields, "status");
        let method = fields.text("method").unwrap_or_else(|| "GET".to_owned());
        let headers = fields.text_table("headers").unwrap_or_default();
        let body = fields.text("body").unwrap_or_default();
        let timeout = fields.span_of_time("timeout").unwrap_or(TIMEOUT);
        let matches = fields.regex("matches");
        let url = url?;
        let tls = TlsSpec::read(fields, &url);
        check(fields, "url", &url)?;
        check_head(fields, &method, &headers)?;
        let (status, tls) = (status?, tls?);
        Some(Self { url, method, headers, body, rate, timeout, status, matches, tls })
    }

    /// The workload, once addresses are known.
    pub(crate) fn workload(&self, places: &Places) -> HttpWorkload {
        let mut spec = self.clone();
        spec.url = places.fill(&spec.url);
        spec.body = places.fill(&spec.body);
        for (_, value) in &mut spec.headers {
            *value = places.fill(value);
        }
        HttpWorkload {
            spec,
            client: None,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn about(&self) -> String {
        let Self { url, method, rate, tls, .. } = self;
        let unchecked = if tls.verify { "" } else { ", whoever answers" };
        format!("{method} {url}, {rate} each second{unchecked}")
    }

    fn judge(&self, answer: Result<Answer, String>) -> Result<(), String> {
        let answer = answer?;
        if !self.status.contain(answer.status) {
            return Err(format!("status {}", answer.status));
        }
        match &self.matches {
            Some(regex) if !regex.is_match(&String::from_utf8_lossy(&answer.body)) => {
                Err(format!("the answer does not match `{regex}`"))
            }
            _ => Ok(()),
        }
    }
}

/// [`HttpSpec`] at work.
#[derive(Debug)]
pub(crate) struct HttpWorkload {
    spec: HttpSpec,
    client: Option<Arc<Client>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Workload for HttpWorkload {
    fn about(&self) -> String {
        self.spec.about()
    }

    fn start(&mut self, context: Context) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(async move {
            let HttpSpec { url, method, headers, body, timeout, tls, .. } = &self.spec;
            let cannot = |why| CannotStart(format!("`{url}`: {why}"));
            let question = Question::new(method, url, headers, body).map_err(cannot)?;
            let client = Client::new(question, tls, *timeout, context.allow_remote);
            let client = Arc::new(client.map_err(cannot)?);
            self.client = Some(Arc::clone(&client));
            let work = work(self.spec.clone(), client, context.meter, self.tasks.clone());
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = work => {}
                }
            });
            Ok(())
        })
    }

    fn chill(&mut self) -> Pending<'_, Result<(), CannotStart>> {
        if let Some(client) = &self.client {
            client.forget();
        }
        Box::pin(async { Ok(()) })
    }

    fn stop(&mut self) -> Pending<'_, Outcome> {
        Box::pin(async {
            self.stop.cancel();
            self.tasks.close();
            // Each request ends by its own timeout.
            self.tasks.wait().await;
            Outcome::default()
        })
    }
}

/// Sends what is due until it is dropped.
async fn work(spec: HttpSpec, client: Arc<Client>, meter: Arc<Meter>, tasks: TaskTracker) {
    let spec = Arc::new(spec);
    let start = Instant::now();
    let mut sent = 0_u64;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let due = (start.elapsed().as_secs_f64() * spec.rate) as u64 + 1;
        while sent < due {
            sent += 1;
            let attempt = meter.begin();
            if tasks.len() > OPEN_MAX {
                meter.end(attempt, Err("too many requests are open"));
                continue;
            }
            let (spec, client, meter) =
                (Arc::clone(&spec), Arc::clone(&client), Arc::clone(&meter));
            tasks.spawn(async move {
                let outcome = spec.judge(client.ask().await);
                meter.end(attempt, outcome.as_ref().copied().map_err(String::as_str));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::workload::Snapshot;

    /// Gives every request the same answer; says how many connections there were.
    async fn server(answer: &'static str) -> (String, Arc<AtomicU64>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page?x=1", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                tokio::spawn(serve(client, answer));
            }
        });
        (url, connections)
    }

    async fn serve(mut client: TcpStream, answer: &'static str) {
        let mut seen = Vec::new();
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = client.read(&mut chunk).await {
            seen.extend_from_slice(&chunk[..count]);
            while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                assert!(seen.starts_with(b"GET /page?x=1 HTTP/1.1\r\n"));
                seen.drain(..end + 4);
                if answer.is_empty() || client.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }

    fn spec(url: &str) -> HttpSpec {
        HttpSpec {
            url: url.to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            rate: 200.0,
            timeout: Duration::from_millis(300),
            status: Statuses::default(),
            matches: None,
            tls: TlsSpec::default(),
        }
    }

    /// What is seen in 400 ms, with fresh clients after half of it.
    async fn seen(spec: &HttpSpec) -> Snapshot {
        let meter = Arc::new(Meter::new(Instant::now()));
        let mut workload = spec.workload(&Places::default());
        let context = Context {
            meter: Arc::clone(&meter),
            seed: 0,
            run_id: "t".to_owned(),
            allow_remote: false,
        };
        workload.start(context).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        workload.chill().await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        workload.stop().await;
        meter.between(Duration::ZERO, Duration::from_mins(1))
    }

    #[tokio::test]
    async fn connections_are_kept_until_clients_are_chilled() {
        let (url, connections) = server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
        let seen = seen(&spec(&url)).await;
        assert!((40..=120).contains(&seen.successes) && seen.failures == 0, "{seen:?}");
        let connections = connections.load(Relaxed);
        assert!((2..20).contains(&connections), "{connections} for {}", seen.successes);
    }

    #[tokio::test]
    async fn status_and_answer_tell_success() {
        let (url, _) = server("HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy").await;
        let bad = seen(&spec(&url)).await;
        assert_eq!((bad.successes, bad.errors[0].0.as_str()), (0, "status 503"));
        let good = HttpSpec { status: Statuses(vec![(500, 599)]), ..spec(&url) };
        assert_eq!(seen(&good).await.failures, 0);
        let bad = HttpSpec { matches: Some(Regex::new("fine").unwrap()), ..good };
        assert_eq!(seen(&bad).await.errors[0].0, "the answer does not match `fine`");
    }

    #[tokio::test]
    async fn servers_that_do_not_answer_are_told_apart() {
        let (url, _) = server("").await;
        let closed = "the connection was closed before the answer came";
        assert_eq!(seen(&spec(&url)).await.errors[0].0, closed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page?x=1", listener.local_addr().unwrap());
        assert_eq!(seen(&spec(&url)).await.errors[0].0, "no answer within 300 ms");
        drop(listener);
        assert_eq!(seen(&spec(&url)).await.errors[0].0, "connection refused");
        let (url, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
        let url = url.replace("http:", "https:");
        let anybody = TlsSpec { verify: false, ..TlsSpec::default() };
        let seen = seen(&HttpSpec { tls: anybody, ..spec(&url) }).await;
        assert_eq!((seen.successes, seen.errors[0].0.as_str()), (0, "no answer within 300 ms"));
    }

    #[test]
    fn statuses_are_read() {
        assert_eq!(range("2xx"), Some((200, 299)));
        assert_eq!(range("404"), Some((404, 404)));
        for wrong in ["0xx", "99", "1000", "xx", "ok"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
