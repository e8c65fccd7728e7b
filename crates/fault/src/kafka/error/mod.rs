//! Answers that say an error, as the broker itself would say it: in the place that the API has for
//! it, for what the fault picks and nothing else.

mod items;
mod reduce;
mod top;

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;

use super::facts::{Facts, Topic};
use super::frame::RequestHead;
use super::plan::{Rule, TopicIds};
use super::wire::Problem;
use super::words::{ErrorCode, Side};

/// What is done with a request that is to get an error.
#[derive(Debug)]
pub(crate) enum Plan {
    /// This is the answer; the broker does not see the request.
    Answer(Bytes),
    /// The broker gets the request, or with `reduced` what is left of it, and its answer is changed.
    Patch { patch: Patch, reduced: Option<Bytes> },
}

/// What is to be changed in an answer.
#[derive(Debug)]
pub(crate) struct Patch {
    key: ApiKey,
    version: i16,
    code: i16,
    picked: Picked,
    /// All topics of the request.
    asked: Vec<Topic>,
    how: How,
}

/// How an answer is changed.
#[derive(Debug)]
enum How {
    /// This takes its place.
    Replace(Bytes),
    /// The picked items get the error.
    Items,
}

/// What of a request the fault is laid on.
#[derive(Debug, Default)]
struct Picked {
    topics: Vec<Topic>,
    /// Groups or transactional ids.
    keys: Vec<String>,
    /// The fault, to ask about what the request does not name.
    rule: Option<(Arc<Rule>, Arc<TopicIds>)>,
}

impl Picked {
    fn of(rule: &Arc<Rule>, ids: &Arc<TopicIds>, facts: &Facts) -> Self {
        let keys = facts.groups.iter().chain(&facts.transactional_ids);
        Self {
            topics: facts.topics.iter().filter_map(|topic| rule.pick(topic, ids)).collect(),
            keys: keys.filter(|key| rule.picks_key(key)).map(ToString::to_string).collect(),
            rule: Some((Arc::clone(rule), Arc::clone(ids))),
        }
    }

    /// Whether the fault is laid on topics rather than on whole requests.
    fn by_topic(&self) -> bool {
        self.rule.as_ref().is_some_and(|(rule, _)| {
            let on = &rule.fault.on;
            on.topic.is_some() || on.partition.is_some()
        })
    }

    fn partition(&self) -> Option<i32> {
        self.rule.as_ref().and_then(|(rule, _)| rule.fault.on.partition)
    }

    fn covers(&self, facts: &Facts) -> bool {
        let partitions = |topics: &[Topic]| -> usize {
            topics.iter().map(|t| t.partitions.as_ref().map_or(1, Vec::len)).sum()
        };
        !facts.all_topics
            && partitions(&self.topics) == partitions(&facts.topics)
            && self.keys.len() == facts.groups.len() + facts.transactional_ids.len()
    }
}

/// Whether errors can be made for this API.
pub(crate) fn can_be_made(key: ApiKey) -> bool {
    top::has(key) || items::has(key)
}

/// The APIs for which errors can be made, for messages.
pub(crate) fn possible() -> String {
    let names = ApiKey::iter().filter(|key| can_be_made(*key)).map(|key| format!("{key:?}"));
    names.collect::<Vec<_>>().join(", ")
}

/// Decides how a request gets an error.
pub(crate) fn plan(
    frame: &Bytes,
    head: &RequestHead,
    facts: &Facts,
    rule: &Arc<Rule>,
    ids: &Arc<TopicIds>,
    (code, side): (ErrorCode, Side),
) -> Result<Plan, Problem> {
    let key = head.known().ok_or_else(|| {
        Problem(format!("no error can be made for API {} v{}", head.api, head.version))
    })?;
    let picked = Picked::of(rule, ids, facts);
    let asked = facts.topics.clone();
    let (version, code) = (head.version, code.0);
    let mut patch = Patch { key, version, code, picked, asked, how: How::Items };
    if top::has(key) {
        let answer = top::answer(frame, head, key, code)?;
        if side == Side::Request {
            return Ok(Plan::Answer(answer));
        }
        patch.how = How::Replace(answer);
        return Ok(Plan::Patch { patch, reduced: None });
    }
    // What only reads may be asked in any case, and for some the rest of the answer is needed.
    let needs_broker = matches!(key, ApiKey::Metadata | ApiKey::Fetch);
    if side == Side::Response || needs_broker {
        return Ok(Plan::Patch { patch, reduced: None });
    }
    if patch.picked.covers(facts) || key == ApiKey::AddPartitionsToTxn {
        return items::answer(&patch, head.correlation).map(Plan::Answer);
    }
    let reduced = reduce::without(frame, head, key, &|topic: &Topic| rule.pick(topic, ids))?;
    Ok(Plan::Patch { patch, reduced })
}

impl Patch {
    /// The answer with the error in it.
    pub(crate) fn apply(&self, answer: &Bytes) -> Result<Bytes, Problem> {
        match &self.how {
            How::Replace(made) => Ok(made.clone()),
            How::Items => items::patch(self, answer),
        }
    }
}

#[cfg(test)]
mod tests;
