//! `GET /metrics`: Toxiproxy's two counters, and what the faults did, as Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use crate::engine::ProxyView;
use crate::hits::HitCount;
use crate::tcp::plan::Direction;

type Value = fn(&HitCount) -> Option<f64>;

/// Name, kind, help, value of the counters of faults.
const HITS: [(&str, &str, &str, Value); 4] = [
    (
        "wonin_fault_hit_connections_total",
        "counter",
        "Connections that the fault did something to",
        |count| Some(count.connections as f64),
    ),
    (
        "wonin_fault_hit_bytes_total",
        "counter",
        "Bytes that the fault delayed, cut or swallowed",
        |count| Some(count.bytes as f64),
    ),
    ("wonin_fault_first_hit_timestamp_seconds", "gauge", "When the fault hit first", |count| {
        count.first_unix_ms.map(|ms| ms as f64 / 1000.0)
    }),
    ("wonin_fault_last_hit_timestamp_seconds", "gauge", "When the fault hit last", |count| {
        count.last_unix_ms.map(|ms| ms as f64 / 1000.0)
    }),
];

pub(super) fn text(views: &[ProxyView]) -> String {
    let mut out = String::new();
    for name in ["received", "sent"] {
        let metric = format!("toxiproxy_proxy_{name}_bytes_total");
        head(&mut out, &metric, "counter", &format!("Bytes {name}, by direction"));
        for view in views {
            let bytes = match name {
                "received" => &view.traffic.received_bytes,
                _ => &view.traffic.sent_bytes,
            };
            for direction in Direction::ALL {
                let labels = labels(&[
                    ("direction", direction.name()),
                    ("listener", &view.listen),
                    ("proxy", &view.name),
                    ("upstream", &view.upstream),
                ]);
                let bytes = bytes[direction.index()].load(Relaxed);
                // Writing to a string cannot fail, here and below.
                _ = writeln!(out, "{metric}{labels} {bytes}");
            }
        }
    }
    head(&mut out, "wonin_proxy_open_connections", "gauge", "Connections that are open");
    for view in views {
        let open = view.traffic.open.load(Relaxed);
        _ = writeln!(
            out,
            "wonin_proxy_open_connections{} {open}",
            labels(&[("proxy", &view.name)])
        );
    }
    for (metric, kind, help, value) in HITS {
        head(&mut out, metric, kind, help);
        for view in views {
            for toxic in view.plan.all() {
                let labels = labels(&[
                    ("proxy", &view.name),
                    ("toxic", &toxic.name),
                    ("type", toxic.fault.kind()),
                    ("stream", toxic.direction.name()),
                ]);
                if let Some(value) = value(&toxic.hits.count()) {
                    _ = writeln!(out, "{metric}{labels} {value}");
                }
            }
        }
    }
    out
}

fn head(out: &mut String, metric: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} {kind}");
}

fn labels(labels: &[(&str, &str)]) -> String {
    let escaped =
        |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels(&[("a", "x\"\\\ny")]), r#"{a="x\"\\\ny"}"#);
    }
}
