//! The faults that act now, and which requests and connections they hit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::facts::{Facts, NO_ID, Topic, TopicId};
use super::frame::RequestHead;
use super::words::{Act, KafkaFault, Select};
use super::{KafkaHits, words};
use crate::draw::Draws;
use crate::hits::Clock;
use crate::limits;

/// All faults, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Grows with each change.
    pub(crate) revision: u64,
    pub(crate) rules: Vec<Arc<Rule>>,
}

impl Plan {
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| &*rule.name == name)
    }

    pub(crate) fn contains(&self, rule: &Rule) -> bool {
        self.rules.iter().any(|kept| kept.id == rule.id)
    }

    /// When the next window opens or closes.
    fn next_boundary(&self, now: Instant) -> Option<Instant> {
        let bounds = self.rules.iter().flat_map(|rule| [Some(rule.opens), rule.closes]);
        bounds.flatten().filter(|at| *at > now).min()
    }
}

/// Waits until other faults act: some were added or removed, or a window opened or closed. False
/// when the proxy is gone.
pub(crate) async fn changed(plan: &mut watch::Receiver<Arc<Plan>>) -> bool {
    let boundary = plan.borrow().next_boundary(Instant::now());
    let passed = async {
        match boundary {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = plan.changed() => changed.is_ok(),
        () = passed => true,
    }
}

/// The names of topics by their ids, learnt from what brokers say.
#[derive(Debug, Default)]
pub(crate) struct TopicIds(Mutex<BTreeMap<TopicId, StrBytes>>);

impl TopicIds {
    pub(crate) fn learn(&self, id: TopicId, name: &StrBytes) {
        if id == NO_ID || name.is_empty() {
            return;
        }
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() < limits::TOPIC_IDS {
            // A copy, so that a name does not keep a whole frame.
            ids.entry(id).or_insert_with(|| StrBytes::from_string(name.to_string()));
        }
    }

    /// The name of a topic that is told by name or by id.
    pub(crate) fn name(&self, name: &StrBytes, id: TopicId) -> StrBytes {
        if !name.is_empty() || id == NO_ID {
            return name.clone();
        }
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.get(&id).cloned().unwrap_or_default()
    }
}

/// A fault while it acts.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Unique in the proxy.
    pub(crate) id: u64,
    pub(crate) name: Arc<str>,
    pub(crate) fault: KafkaFault,
    seed: u64,
    opens: Instant,
    closes: Option<Instant>,
    /// Requests, or connections, that fit so far.
    fitting: AtomicU64,
    /// Of them, hit.
    taken: AtomicU64,
    pub(crate) hits: Hits,
}

impl Rule {
    pub(crate) fn new(id: u64, name: &str, fault: KafkaFault, seed: u64, clock: Clock) -> Self {
        let from = |start: Instant, ms| start.checked_add(Duration::from_millis(ms));
        let now = Instant::now();
        let never = now + Duration::from_hours(100 * 365 * 24);
        let opens = from(now, fault.on.from_ms.unwrap_or(0)).unwrap_or(never);
        let closes = fault.on.for_ms.and_then(|ms| from(opens, ms));
        Self {
            id,
            name: name.into(),
            fault,
            seed,
            opens,
            closes,
            fitting: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            hits: Hits::new(clock),
        }
    }

    /// Whether its window is open.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.opens <= now && self.closes.is_none_or(|closes| now < closes)
    }

    /// Whether it is laid on this broker.
    pub(crate) fn is_on(&self, broker: Option<i32>) -> bool {
        self.fault.on.broker.is_none_or(|wanted| broker == Some(wanted))
    }

    fn fits_client(&self, client_id: Option<&str>) -> bool {
        let wanted = self.fault.on.client_id.as_deref();
        wanted.is_none_or(|wanted| client_id.is_some_and(|id| matches(wanted, id)))
    }

    /// Whether everything that the request says without its body fits.
    pub(crate) fn fits_head(&self, broker: Option<i32>, head: &RequestHead) -> bool {
        let on = &self.fault.on;
        let fits_api = on.api.as_ref().is_none_or(|apis| {
            head.key().is_some_and(|key| apis.iter().any(|words::Api(api)| *api == key))
        });
        fits_api && self.is_on(broker) && self.fits_client(head.client_id.as_deref())
    }

    /// Whether the body of the request matters.
    pub(crate) fn asks_for_facts(&self) -> bool {
        let Select { topic, partition, group, transactional_id, .. } = &self.fault.on;
        topic.is_some() || partition.is_some() || group.is_some() || transactional_id.is_some()
    }

    /// Whether what the request names fits.
    pub(crate) fn fits_facts(&self, facts: &Facts, ids: &TopicIds) -> bool {
        let on = &self.fault.on;
        let any = |wanted: &Option<String>, names: &[StrBytes]| {
            wanted.as_ref().is_none_or(|wanted| names.iter().any(|name| matches(wanted, name)))
        };
        let by_topic = on.topic.is_some() || on.partition.is_some();
        any(&on.group, &facts.groups)
            && any(&on.transactional_id, &facts.transactional_ids)
            && (!by_topic
                || facts.all_topics
                || facts.topics.iter().any(|topic| self.pick(topic, ids).is_some()))
    }

    /// What of this topic it is laid on.
    pub(crate) fn pick(&self, topic: &Topic, ids: &TopicIds) -> Option<Topic> {
        if !self.picks_topic(&topic.name, topic.id, ids) {
            return None;
        }
        let partitions = match (&topic.partitions, self.fault.on.partition) {
            (Some(partitions), Some(wanted)) => {
                Some(partitions.contains(&wanted).then(|| vec![wanted])?)
            }
            (partitions, _) => partitions.clone(),
        };
        Some(Topic { name: topic.name.clone(), id: topic.id, partitions })
    }

    /// Whether it is laid on this topic, or a partition of it.
    pub(crate) fn picks_topic(&self, name: &StrBytes, id: TopicId, ids: &TopicIds) -> bool {
        let wanted = self.fault.on.topic.as_ref();
        wanted.is_none_or(|wanted| matches(wanted, &ids.name(name, id)))
    }

    /// Whether it is laid on this group, or transactional id.
    pub(crate) fn picks_key(&self, key: &str) -> bool {
        let Select { group, transactional_id, .. } = &self.fault.on;
        [group, transactional_id].into_iter().flatten().all(|wanted| matches(wanted, key))
    }

    /// Numbers what fits, and decides by the number alone. Gives the number if it is hit.
    pub(crate) fn take(&self) -> Option<u64> {
        let on = &self.fault.on;
        let number = self.fitting.fetch_add(1, Relaxed) + 1;
        let is_turn = match (on.nth, on.every) {
            (None, None) => true,
            (Some(first), None) if on.count.is_none() => number == first,
            (Some(first), None) => number >= first,
            (first, Some(every)) => {
                let every = every.max(1);
                let first = first.unwrap_or(every);
                number >= first && (number - first).is_multiple_of(every)
            }
        };
        let is_lucky = on.probability.is_none_or(|share| self.draws(number).unit() < share);
        if !is_turn || !is_lucky {
            return None;
        }
        if let Some(most) = on.count
            && self.taken.fetch_add(1, Relaxed) >= most
        {
            return None;
        }
        Some(number)
    }

    /// What chance decides about the so manieth request or connection.
    fn draws(&self, number: u64) -> Draws {
        Draws::new(self.seed, "kafka", &self.name, number)
    }

    /// A delay, for the so manieth request; for a connection also its so manieth frame.
    pub(crate) fn delay(&self, ms: u64, jitter_ms: u64, number: u64, frame: u64) -> Duration {
        // A century is as good as never.
        const LONGEST_MS: u64 = 3_155_760_000_000;
        let base = Duration::from_millis(ms.min(LONGEST_MS));
        if jitter_ms == 0 {
            return base;
        }
        let jitter = Duration::from_millis(jitter_ms.min(LONGEST_MS));
        // The first draw is the one of `probability`.
        let mut draws = self.draws(number).at_ordinal(frame + 1);
        let extra = Duration::from_micros(draws.below(jitter.as_micros() as u64 * 2));
        (base + extra).saturating_sub(jitter)
    }
}

/// Whether a name is the wanted one; a `*` at the end of the wanted one stands for any rest.
fn matches(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == wanted,
    }
}

/// Which faults of whole edges hit one connection. Once decided it stays so.
#[derive(Debug, Default)]
pub(crate) struct Membership(Mutex<BTreeMap<u64, Option<u64>>>);

impl Membership {
    /// The number of the connection for a fault that hits it.
    pub(crate) fn number(
        &self,
        rule: &Rule,
        broker: Option<i32>,
        client_id: Option<&str>,
    ) -> Option<u64> {
        if !rule.is_on(broker) || !rule.fits_client(client_id) {
            return None;
        }
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *decided.entry(rule.id).or_insert_with(|| rule.take())
    }
}

/// Counts what one fault did.
#[derive(Debug)]
pub(crate) struct Hits {
    clock: Clock,
    requests: AtomicU64,
    responses: AtomicU64,
    connections: AtomicU64,
    bytes: AtomicU64,
    /// 0 for never.
    first_unix_ms: AtomicU64,
    last_unix_ms: AtomicU64,
}

/// What was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    /// A connection as a whole.
    Connection,
    /// A request of so many bytes.
    Request(usize),
    /// An answer of so many bytes.
    Response(usize),
}

impl Hits {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            requests: AtomicU64::new(0),
            responses: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            first_unix_ms: AtomicU64::new(0),
            last_unix_ms: AtomicU64::new(0),
        }
    }

    /// Something was hit, for the first time on its connection or not.
    pub(crate) fn mark(&self, hit: Hit, first_on_connection: bool) {
        let ms = self.clock.unix_ms(Instant::now()).max(1);
        // Whoever lost this race was not first.
        _ = self.first_unix_ms.compare_exchange(0, ms, Relaxed, Relaxed);
        self.last_unix_ms.fetch_max(ms, Relaxed);
        if first_on_connection {
            self.connections.fetch_add(1, Relaxed);
        }
        let (of, bytes) = match hit {
            Hit::Connection => return,
            Hit::Request(bytes) => (&self.requests, bytes),
            Hit::Response(bytes) => (&self.responses, bytes),
        };
        of.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count(&self) -> KafkaHits {
        let time = |of: &AtomicU64| Some(of.load(Relaxed)).filter(|ms| *ms != 0);
        KafkaHits {
            requests: self.requests.load(Relaxed),
            responses: self.responses.load(Relaxed),
            connections: self.connections.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            first_unix_ms: time(&self.first_unix_ms),
            last_unix_ms: time(&self.last_unix_ms),
        }
    }
}

/// Whether connections to this broker are to be refused.
pub(crate) fn refuses(plan: &Plan, broker: Option<i32>, now: Instant) -> bool {
    plan.rules.iter().any(|rule| {
        matches!(rule.fault.act, Act::Refuse {}) && rule.is_on(broker) && rule.is_open(now)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
    fn rule(on: serde_json::Value) -> Rule {
        let fault = json!({"on": on, "act": "disconnect"});
        Rule::new(1, "f", serde_json::from_value(fault).unwrap(), 7, Clock::new())
    }

    fn taken(on: serde_json::Value, of: u64) -> Vec<u64> {
        let rule = rule(on);
        (0..of).filter_map(|_| rule.take()).collect()
    }

    #[test]
    fn numbers_decide() {
        assert_eq!(taken(json!({}), 3), [1, 2, 3]);
        assert_eq!(taken(json!({"nth": 3}), 9), [3]);
        assert_eq!(taken(json!({"nth": 3, "count": 2}), 9), [3, 4]);
        assert_eq!(taken(json!({"count": 2}), 9), [1, 2]);
        assert_eq!(taken(json!({"every": 3}), 9), [3, 6, 9]);
        assert_eq!(taken(json!({"every": 3, "nth": 2}), 9), [2, 5, 8]);
        assert_eq!(taken(json!({"every": 3, "count": 2}), 99), [3, 6]);
        let lucky = taken(json!({"probability": 0.3}), 1000);
        assert!((200..400).contains(&lucky.len()), "{}", lucky.len());
        assert_eq!(lucky, taken(json!({"probability": 0.3}), 1000), "one seed decides alike");
        assert_eq!(taken(json!({"probability": 0.3, "count": 2}), 1000), lucky[..2]);
    }

    #[tokio::test(start_paused = true)]
    async fn windows_open_and_close() {
        let rule = rule(json!({"from_ms": 100, "for_ms": 50}));
        let start = Instant::now();
        let at = |ms| rule.is_open(start + Duration::from_millis(ms));
        assert_eq!([at(0), at(99), at(100), at(149), at(151)], [false, false, true, true, false]);
    }

    #[test]
    fn what_a_request_names_decides() {
        let name = |text: &str| StrBytes::from_string(text.to_owned());
        let ids = TopicIds::default();
        ids.learn([7; 16], &name("orders"));
        let facts = Facts {
            topics: vec![
                Topic { name: name("other"), partitions: Some(vec![0]), ..Topic::default() },
                Topic { id: [7; 16], partitions: Some(vec![1, 2]), ..Topic::default() },
            ],
            groups: vec![name("g-1")],
            ..Facts::default()
        };
        let fits = |on| rule(on).fits_facts(&facts, &ids);
        assert!(fits(json!({"topic": "orders"})) && fits(json!({"topic": "ord*"})));
        assert!(!fits(json!({"topic": "order"})));
        assert!(fits(json!({"topic": "orders", "partition": 2})));
        assert!(!fits(json!({"topic": "orders", "partition": 0})));
        assert!(fits(json!({"partition": 0})));
        assert!(fits(json!({"group": "g-*"})) && !fits(json!({"group": "g"})));
        assert!(!fits(json!({"transactional_id": "*"})));
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_is_the_same_for_the_same_number() {
        let rule = rule(json!({}));
        for number in 1..200 {
            let delay = rule.delay(100, 30, number, 0).as_millis();
            assert!((70..=130).contains(&delay), "{delay}");
            assert_eq!(rule.delay(100, 30, number, 0), rule.delay(100, 30, number, 0));
        }
        assert_eq!(rule.delay(100, 0, 1, 0).as_millis(), 100);
    }
}
