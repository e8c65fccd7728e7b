//! Every attempt of a workload: when it began, how it ended, how long it took.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Different error texts that are kept apart; the rest are counted together.
const TEXTS_MAX: usize = 50;
/// Characters of an error text.
const TEXT_LEN_MAX: usize = 300;
/// Attempts that are remembered one by one, 16 bytes each; what comes after is not seen.
pub(crate) const ATTEMPTS_MAX: usize = 4_000_000;
/// What error texts beyond [`TEXTS_MAX`] are counted as.
const OTHER: &str = "other errors";

/// An attempt that has not ended. Dropped without [`Meter::end`], it stays open, which is to say
/// without an answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an attempt has to end"]
pub struct Attempt(u64);

/// One that has ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    began_us: u64,
    took_us: u32,
    /// 0 for success, else one more than the index of its error text.
    error: u32,
}

impl Ended {
    fn end_us(self) -> u64 {
        self.began_us + u64::from(self.took_us)
    }
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, u64>,
    /// In the order of their ends.
    ended: Vec<Ended>,
    texts: Vec<String>,
    /// Moments (µs) and how much was waiting then.
    backlog: Vec<(u64, u64)>,
}

/// The book of attempts. Times are of the run: since [`Meter::new`]'s moment. Cheap to call from any
/// thread.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    state: Mutex<State>,
}

/// What a meter says of the attempts that *began* in a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// All of them.
    pub attempts: u64,
    /// Those that succeeded.
    pub successes: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that have not ended yet.
    pub open: u64,
    /// How long the oldest open one has been waiting.
    pub oldest_open: Option<Duration>,
    /// When the last success ended.
    pub last_success: Option<Duration>,
    /// When the last failure ended.
    pub last_failure: Option<Duration>,
    /// Errors by text, the most frequent first.
    pub errors: Vec<(String, u64)>,
    /// How long each success took, ascending, in microseconds.
    latencies_us: Vec<u32>,
}

impl Snapshot {
    /// The share of successes among all attempts that are judged, 0 to 1; `None` without any. What
    /// is still open is judged only where `open_fails`.
    pub fn success_rate(&self, open_fails: bool) -> Option<f64> {
        let judged = self.successes + self.failures + if open_fails { self.open } else { 0 };
        (judged > 0).then(|| self.successes as f64 / judged as f64)
    }

    /// How long the successes took at most, but for the slowest `1 − share`; `None` without any.
    pub fn latency(&self, share: f64) -> Option<Duration> {
        let last = self.latencies_us.len().checked_sub(1)?;
        let rank = (share.clamp(0.0, 1.0) * self.latencies_us.len() as f64).ceil() as usize;
        let us = self.latencies_us[rank.saturating_sub(1).min(last)];
        Some(Duration::from_micros(u64::from(us)))
    }
}

impl Meter {
    /// An empty book; `start` is the moment 0 of the run.
    pub fn new(start: Instant) -> Self {
        Self { start, state: Mutex::default() }
    }

    /// How long the run has lasted.
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counting goes on where one counter panicked: each entry is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an attempt begins.
    pub fn begin(&self) -> Attempt {
        let mut state = self.state();
        let now_us = micros(self.now());
        let id = state.next;
        state.next += 1;
        state.open.insert(id, now_us);
        Attempt(id)
    }

    /// Notes how it ended: well, or with an error as a person would read it. Texts with numbers that
    /// differ each time (ports, ids) are to be told without them.
    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub fn end(&self, attempt: Attempt, outcome: Result<(), &str>) {
        let mut state = self.state();
        let now_us = micros(self.now());
        let Attempt(id) = attempt;
        let Some(began_us) = state.open.remove(&id) else { return };
        if state.ended.len() >= ATTEMPTS_MAX {
            return;
        }
        let error = outcome.err().map_or(0, |text| state.text(text));
        let took_us = u32::try_from(now_us - began_us).unwrap_or(u32::MAX);
        state.ended.push(Ended { began_us, took_us, error });
    }

    /// Forgets an attempt that was cut off because the run ended.
    pub fn cancel(&self, attempt: &Attempt) {
        self.state().open.remove(&attempt.0);
    }

    /// Notes how many records are waiting right now.
    pub fn backlog(&self, waiting: u64) {
        let mut state = self.state();
        let now_us = micros(self.now());
        if state.backlog.len() < ATTEMPTS_MAX {
            state.backlog.push((now_us, waiting));
        }
    }

    /// What is known of attempts that began from `from` to before `to`.
    pub fn between(&self, from: Duration, to: Duration) -> Snapshot {
        let (from_us, to_us) = (micros(from), micros(to));
        self.count(from_us, |began_us, _| from_us <= began_us && began_us < to_us)
    }

    /// As [`Meter::between`], without those that had not ended by `to`: whatever comes then may have
    /// decided how they end.
    pub fn whole_between(&self, from: Duration, to: Duration) -> Snapshot {
        let (from_us, to_us) = (micros(from), micros(to));
        self.count(from_us, |began_us, end_us| {
            from_us <= began_us && end_us.is_some_and(|end_us| end_us < to_us)
        })
    }

    /// As [`Meter::between`], with those that were open at `from`.
    pub fn touching(&self, from: Duration, to: Duration) -> Snapshot {
        let (from_us, to_us) = (micros(from), micros(to));
        self.count(from_us, |began_us, end_us| {
            began_us < to_us && end_us.is_none_or(|end_us| from_us <= end_us)
        })
    }

    /// Counts attempts by when they began and, if they did, ended; only such that ended at `from_us`
    /// or later, or not at all.
    fn count(&self, from_us: u64, fits: impl Fn(u64, Option<u64>) -> bool) -> Snapshot {
        let state = self.state();
        let now_us = micros(self.now());
        let mut seen = Snapshot::default();
        let mut errors = vec![0_u64; state.texts.len()];
        // They stand in the order of their ends.
        let recent = state.ended.iter().rev().take_while(|ended| ended.end_us() >= from_us);
        for ended in recent.filter(|ended| fits(ended.began_us, Some(ended.end_us()))) {
            seen.attempts += 1;
            let end = Some(Duration::from_micros(ended.end_us()));
            match ended.error.checked_sub(1) {
                None => {
                    seen.successes += 1;
                    seen.last_success = seen.last_success.max(end);
                    seen.latencies_us.push(ended.took_us);
                }
                Some(text) => {
                    seen.failures += 1;
                    seen.last_failure = seen.last_failure.max(end);
                    errors[text as usize] += 1;
                }
            }
        }
        for began_us in state.open.values().copied().filter(|began_us| fits(*began_us, None)) {
            seen.attempts += 1;
            seen.open += 1;
            let waiting = Some(Duration::from_micros(now_us - began_us));
            seen.oldest_open = seen.oldest_open.max(waiting);
        }
        seen.latencies_us.sort_unstable();
        let counted = state.texts.iter().cloned().zip(errors).filter(|(_, count)| *count > 0);
        seen.errors = counted.collect();
        seen.errors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        seen
    }

    /// When the last attempt began that began from `from` to before `to` and failed.
    pub fn last_failure_began(&self, from: Duration, to: Duration) -> Option<Duration> {
        let (from_us, to_us) = (micros(from), micros(to));
        let state = self.state();
        let failed = state.ended.iter().filter(|ended| ended.error > 0).map(|ended| ended.began_us);
        let last = failed.filter(|began| from_us <= *began && *began < to_us).max();
        last.map(Duration::from_micros)
    }

    /// When the first success ended, of attempts that began at `began` or later and ended at `ended`
    /// or later.
    pub fn first_success(&self, began: Duration, ended: Duration) -> Option<Duration> {
        let (began_us, ended_us) = (micros(began), micros(ended));
        let state = self.state();
        let successes = state.ended.iter().filter(|one| one.error == 0);
        let fit = successes.filter(|one| one.began_us >= began_us && one.end_us() >= ended_us);
        fit.map(|one| one.end_us()).min().map(Duration::from_micros)
    }

    /// When nothing was waiting any more, looked at from `from` on; `None` where that was never, or
    /// where the workload does not say how much waits.
    pub fn drained(&self, from: Duration) -> Option<Duration> {
        let from_us = micros(from);
        let state = self.state();
        let empty = state.backlog.iter().find(|(at, waiting)| *at >= from_us && *waiting == 0);
        empty.map(|(at, _)| Duration::from_micros(*at))
    }

    /// Whether more attempts were made than can be remembered.
    pub fn is_full(&self) -> bool {
        self.state().ended.len() >= ATTEMPTS_MAX
    }
}

impl State {
    /// One more than the index of the text.
    fn text(&mut self, text: &str) -> u32 {
        let text: String = text.chars().take(TEXT_LEN_MAX).collect();
        let known = self.texts.iter().position(|known| *known == text);
        let index = known.unwrap_or_else(|| {
            let text = if self.texts.len() < TEXTS_MAX { text } else { OTHER.to_owned() };
            self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
                self.texts.push(text);
                self.texts.len() - 1
            })
        });
        u32::try_from(index + 1).unwrap_or(u32::MAX)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    async fn attempt(meter: &Meter, took: u64, outcome: Result<(), &str>) {
        let attempt = meter.begin();
        tokio::time::advance(ms(took)).await;
        meter.end(attempt, outcome);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_belong_to_the_time_in_which_they_began() {
        let meter = Meter::new(Instant::now());
        attempt(&meter, 10, Ok(())).await;
        attempt(&meter, 20, Ok(())).await;
        attempt(&meter, 500, Err("connection refused")).await;
        attempt(&meter, 40, Ok(())).await;
        let _open = meter.begin();
        tokio::time::advance(ms(100)).await;

        let early = meter.between(ms(0), ms(30));
        assert_eq!((early.attempts, early.successes, early.failures), (2, 2, 0));
        assert_eq!(early.success_rate(true), Some(1.0));
        assert_eq!((early.latency(0.5), early.latency(0.99)), (Some(ms(10)), Some(ms(20))));
        let late = meter.between(ms(30), ms(10_000));
        assert_eq!((late.attempts, late.successes, late.failures, late.open), (3, 1, 1, 1));
        assert_eq!(late.oldest_open, Some(ms(100)));
        assert_eq!(late.errors, [("connection refused".to_owned(), 1)]);
        assert_eq!(late.success_rate(false), Some(0.5));
        assert_eq!(meter.between(ms(700), ms(800)).success_rate(true), None);
        let whole = meter.whole_between(ms(0), ms(100));
        assert_eq!((whole.attempts, whole.successes, whole.failures), (2, 2, 0));
        let touched = meter.touching(ms(100), ms(200));
        assert_eq!((touched.attempts, touched.failures), (1, 1));
        assert_eq!(meter.last_failure_began(ms(0), ms(600)), Some(ms(30)));
        assert_eq!(meter.first_success(ms(31), ms(0)), Some(ms(570)));
    }

    #[tokio::test(start_paused = true)]
    async fn error_texts_are_bounded() {
        let meter = Meter::new(Instant::now());
        for n in 0..TEXTS_MAX + 7 {
            attempt(&meter, 1, Err(&format!("error {n}"))).await;
        }
        let seen = meter.between(ms(0), ms(1000));
        assert_eq!(seen.errors.len(), TEXTS_MAX + 1);
        assert_eq!(seen.errors[0], (OTHER.to_owned(), 7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_drains_once_nothing_waits() {
        let meter = Meter::new(Instant::now());
        meter.backlog(0);
        tokio::time::advance(ms(10)).await;
        meter.backlog(5);
        assert_eq!(meter.drained(ms(5)), None);
        tokio::time::advance(ms(10)).await;
        meter.backlog(0);
        assert_eq!(meter.drained(ms(5)), Some(ms(20)));
    }
}
