//! The faults, one per file, and the list of them.
//!
//! The first seven carry Toxiproxy's names and attributes. Where Toxiproxy's behaviour would end in
//! a crash (a negative rate, slices of no bytes), the nearest harmless meaning is taken.

mod bandwidth;
mod latency;
mod limit_data;
mod refuse;
mod reset_peer;
mod silence;
mod slicer;
mod slow_close;
mod timeout;

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::shape::{Carry, Shape};
use crate::draw::Draws;

/// Every fault, in the order of the documentation.
pub(crate) const FAULTS: &[Entry] = &[
    entry::<latency::Latency>(),
    entry::<bandwidth::Bandwidth>(),
    entry::<slow_close::SlowClose>(),
    entry::<timeout::Timeout>(),
    entry::<reset_peer::ResetPeer>(),
    entry::<slicer::Slicer>(),
    entry::<limit_data::LimitData>(),
    entry::<refuse::Refuse>(),
    entry::<silence::Silence>(),
];

/// A fault by its name, with default settings.
pub(crate) struct Entry {
    pub(crate) kind: &'static str,
    pub(crate) new: fn() -> Box<dyn Fault>,
}

const fn entry<T: Settings>() -> Entry {
    Entry { kind: T::KIND, new: || Box::new(T::default()) }
}

/// Where and when a shape begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) now: Instant,
    pub(crate) draws: Draws,
    pub(crate) carry: Carry,
}

/// The settings of a fault. The fields are its attributes, in the order in which they are told.
pub(crate) trait Settings:
    Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name of the fault.
    const KIND: &'static str;

    /// What it does to one direction of one connection.
    fn shape(&self, start: Start) -> Box<dyn Shape>;

    /// Whether new connections are not even accepted.
    fn refuses(&self) -> bool {
        false
    }

    /// Whether new connections are accepted and no more.
    fn holds(&self) -> bool {
        false
    }
}

/// [`Settings`] of any kind.
pub(crate) trait Fault: Debug + Send + Sync {
    fn kind(&self) -> &'static str;
    /// The attributes as a JSON object.
    fn attributes(&self) -> String;
    /// The same fault with some attributes changed; in words what is wrong with them.
    fn with(&self, attributes: &Map<String, Value>) -> Result<Box<dyn Fault>, String>;
    fn shape(&self, start: Start) -> Box<dyn Shape>;
    fn refuses(&self) -> bool;
    fn holds(&self) -> bool;
}

impl<T: Settings> Fault for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn attributes(&self) -> String {
        // Structs of numbers can always be written.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    fn with(&self, attributes: &Map<String, Value>) -> Result<Box<dyn Fault>, String> {
        let mut settings = match serde_json::to_value(self) {
            Ok(Value::Object(settings)) => settings,
            _ => Map::new(),
        };
        for (name, value) in attributes {
            // As in Toxiproxy: any case, null changes nothing, unknown names are ignored.
            if let Some(slot) = settings.get_mut(&name.to_lowercase())
                && !value.is_null()
            {
                if !value.is_i64() {
                    return Err(format!("`attributes.{name}` must be a whole number, not {value}"));
                }
                *slot = value.clone();
            }
        }
        let changed: T = serde_json::from_value(Value::Object(settings))
            .map_err(|error| format!("attributes: {error}"))?;
        Ok(Box::new(changed))
    }

    fn shape(&self, start: Start) -> Box<dyn Shape> {
        Settings::shape(self, start)
    }

    fn refuses(&self) -> bool {
        Settings::refuses(self)
    }

    fn holds(&self) -> bool {
        Settings::holds(self)
    }
}

/// A setting in milliseconds; none below zero. A century is as good as never.
fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).min(3_155_760_000_000))
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;

    use super::super::chain::{Chain, Outlet, Wanted};
    use super::*;
    use crate::hits::{Clock, HitCount, Hits, Marker};
    use crate::tcp::shape::End;

    /// One direction with one fault, without sockets and clocks.
    pub(crate) struct Bench {
        pub(crate) chain: Chain,
        pub(crate) out: Outlet,
        pub(crate) start: Instant,
        hits: std::sync::Arc<Hits>,
        revision: u64,
    }

    impl Bench {
        pub(crate) fn new(kind: &str, attributes: &Value) -> Self {
            let mut bench = Self {
                chain: Chain::default(),
                out: Outlet::default(),
                start: Instant::now(),
                hits: std::sync::Arc::default(),
                revision: 0,
            };
            bench.set(kind, attributes, 0);
            bench
        }

        /// Changes the settings after so many milliseconds.
        pub(crate) fn set(&mut self, kind: &str, attributes: &Value, at_ms: u64) {
            let fault = fault(kind, attributes);
            let now = self.at(at_ms);
            self.revision += 1;
            let draws = Draws::new(1, "p", "f", 0);
            let shape = |carry: Carry| fault.shape(Start { now, draws, carry });
            let marker = || Marker::new(self.hits.clone(), Clock::new());
            let wanted = Wanted { id: 1, revision: self.revision, shape: &shape, marker: &marker };
            self.chain.change(&[wanted], &mut self.out, now);
        }

        pub(crate) fn remove(&mut self, at_ms: u64) {
            let now = self.at(at_ms);
            self.chain.change(&[], &mut self.out, now);
        }

        pub(crate) fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        pub(crate) fn push(&mut self, bytes: usize, at_ms: u64) {
            let now = self.at(at_ms);
            self.chain.push(Bytes::from(vec![b'x'; bytes]), &mut self.out, now);
        }

        pub(crate) fn finish(&mut self, at_ms: u64) {
            let now = self.at(at_ms);
            self.chain.finish(End::Finished, &mut self.out, now);
        }

        /// Lengths that came out by then, the end if it came, and when to look again.
        pub(crate) fn see(&mut self, at_ms: u64) -> (Vec<usize>, Option<End>, Option<u64>) {
            let now = self.at(at_ms);
            let again = self.chain.pump(&mut self.out, false, now);
            let lens = self.out.chunks.iter().map(Bytes::len).collect();
            while let Some(len) = self.out.chunks.front().map(Bytes::len) {
                self.out.advance(len);
            }
            let again = again.map(|again| (again - self.start).as_millis() as u64);
            (lens, self.out.end, again)
        }

        /// When which lengths come out, waiting as told; at most `limit` looks.
        pub(crate) fn run(&mut self, from_ms: u64, limit: usize) -> Vec<(u64, usize)> {
            let mut seen = Vec::new();
            let mut now = from_ms;
            for _ in 0..limit {
                let (lens, _, again) = self.see(now);
                seen.extend(lens.into_iter().map(|len| (now, len)));
                match again {
                    // Timers have milliseconds and never come early.
                    Some(again) => now = again.max(now) + u64::from(again <= now),
                    None => break,
                }
            }
            seen
        }

        pub(crate) fn hits(&self) -> HitCount {
            self.hits.count()
        }
    }

    pub(crate) fn fault(kind: &str, attributes: &Value) -> Box<dyn Fault> {
        let entry = FAULTS.iter().find(|entry| entry.kind == kind).unwrap();
        (entry.new)().with(attributes.as_object().unwrap()).unwrap()
    }

    #[test]
    fn names_are_unique_and_attributes_keep_their_order() {
        let kinds: std::collections::BTreeSet<_> = FAULTS.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds.len(), FAULTS.len());
        for entry in FAULTS {
            assert_eq!((entry.new)().kind(), entry.kind);
        }
        let latency = fault("latency", &serde_json::json!({"JITTER": 5, "latency": 7, "x": 1}));
        assert_eq!(latency.attributes(), r#"{"latency":7,"jitter":5}"#);
    }

    #[test]
    fn wrong_attributes_are_named() {
        let latency = (FAULTS[0].new)();
        let wrong = serde_json::json!({"latency": "7"});
        let error = latency.with(wrong.as_object().unwrap()).unwrap_err();
        assert_eq!(error, r#"`attributes.latency` must be a whole number, not "7""#);
    }

    #[test]
    fn whatever_the_numbers_nothing_breaks() {
        for entry in FAULTS {
            for number in [i64::MIN, -1, 0, 1, i64::MAX] {
                let names: Map<String, Value> =
                    serde_json::from_str(&(entry.new)().attributes()).unwrap();
                let all = names.keys().map(|name| (name.clone(), number.into())).collect();
                let mut bench = Bench::new(entry.kind, &Value::Object(all));
                bench.push(100, 0);
                bench.finish(0);
                for ms in 0..5 {
                    bench.see(ms * 1000);
                }
                bench.remove(9000);
            }
        }
    }
}
