//! `[[workload]]` of kind `kafka`.

use super::fields::Fields;
use crate::workload::kafka::{ExternalSpec, RecordsSpec, from_java};

/// Where clients start if nothing else is said: the Kafka-aware proxy.
pub(super) const THROUGH: &str = "${kafka.bootstrap}";
/// Clients of one kind.
const CLIENTS_MAX: u64 = 50;
/// Records of a transaction where the scenario does not say.
const TRANSACTION_RECORDS: u32 = 10;
/// As many at most.
const TRANSACTION_RECORDS_MAX: u64 = 10_000;
/// Bytes of a record.
const RECORD_BYTES_MAX: u64 = 1 << 20;

pub(super) fn read(fields: &Fields<'_>) -> Option<RecordsSpec> {
    let bootstrap = fields.texts("bootstrap").unwrap_or_else(|| vec![THROUGH.to_owned()]);
    let mut spec = RecordsSpec::at(bootstrap);
    spec.topic = fields.text("topic");
    spec.partitions = small(fields, "partitions", 1000).map(|count| count as u32);
    spec.replication = small(fields, "replication", 10).map(|count| count as u16);
    let rate = fields.number("rate");
    spec.per_second = rate.unwrap_or(spec.per_second);
    let producers = small(fields, "producers", CLIENTS_MAX);
    spec.producers = producers.map_or(spec.producers, |count| count as u32);
    let consumers = small(fields, "consumers", CLIENTS_MAX);
    spec.consumers = consumers.map_or(spec.consumers, |count| count as u32);
    let bytes = small(fields, "record_bytes", RECORD_BYTES_MAX);
    spec.record_bytes = bytes.map_or(spec.record_bytes, |bytes| bytes as usize);
    spec.drain = fields.duration("drain").unwrap_or(spec.drain);
    let is_transactional = fields.truth("transactional").unwrap_or(false);
    let size = small(fields, "transaction_records", TRANSACTION_RECORDS_MAX);
    if size.is_some() && !is_transactional {
        let hint = "add `transactional = true`";
        fields.wrong_with_hint("transaction_records", "no transactions are asked for", hint);
        return None;
    }
    spec.transaction_records =
        is_transactional.then(|| size.map_or(TRANSACTION_RECORDS, |size| size as u32));
    let idempotent = fields.truth("idempotent");
    let exactly_once = fields.truth("exactly_once");
    settings(fields, &mut spec)?;
    let judgement = &mut spec.judgement;
    let set = spec.producer.get("enable.idempotence").map(String::as_str);
    // librdkafka's producers are not idempotent unless they are told to be.
    judgement.is_idempotent = idempotent.unwrap_or(is_transactional || set == Some("true"));
    judgement.is_exactly_once = exactly_once.unwrap_or(false);
    if let Some(command) = fields.command("program") {
        spec.external.push(ExternalSpec { command, dir: fields.text("dir").map(Into::into) });
        // The program stands in the place of both, unless they are asked for.
        spec.producers = producers.map_or(0, |count| count as u32);
        spec.consumers = consumers.map_or(0, |count| count as u32);
    }
    Some(spec)
}

fn small(fields: &Fields<'_>, key: &'static str, most: u64) -> Option<u64> {
    let number = fields.whole(key)?;
    if number == 0 || number > most {
        fields.wrong(key, format!("`{key}` must be 1 to {most}"));
        return None;
    }
    Some(number)
}

/// Settings by librdkafka's names, or by those of the Java client.
fn settings(fields: &Fields<'_>, spec: &mut RecordsSpec) -> Option<()> {
    let words = [("librdkafka", false), ("java", true)];
    let is_java = fields.one_of("names", &words).unwrap_or(false);
    let producer = fields.value_table("producer").unwrap_or_default();
    let consumer = fields.value_table("consumer").unwrap_or_default();
    if !is_java {
        spec.producer = producer.into_iter().collect();
        spec.consumer = consumer.into_iter().collect();
        return Some(());
    }
    for (key, table) in [("producer", producer), ("consumer", consumer)] {
        let pairs = table.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let translated = from_java(pairs);
        if let Some(unknown) = translated.left_out.first() {
            let hint = "leave it out, or give the application itself as `program`";
            let what = format!("`{unknown}` has no counterpart in librdkafka, which does the work");
            fields.wrong_with_hint(key, what, hint);
            return None;
        }
        if key == "producer" {
            spec.producer = translated.settings;
            spec.max_block = translated.max_block;
        } else {
            spec.consumer = translated.settings;
        }
    }
    Some(())
}
