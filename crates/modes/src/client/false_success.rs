//! # An answer before the outcome
//!
//! ## What fails
//!
//! The endpoint says that it worked while the work it started fails. Health checks and users over
//! HTTP see success through the whole outage; the failure stands in a log, if anywhere.
//!
//! ## Why
//!
//! The handler starts asynchronous work and returns without waiting for it or keeping its result.
//! Whether the message was sent, the row stored, the call made is decided later.
//!
//! ## Example
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.PostMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @PostMapping("/orders")
//!     public String order(String order) {
//!         template.send("orders", order);
//!         return "ordered";
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! Wait for the result within a bound, or answer 202 and let the result be asked for.
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import java.util.concurrent.TimeUnit;
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.PostMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @PostMapping("/orders")
//!     public String order(String order) throws Exception {
//!         template.send("orders", order).get(10, TimeUnit.SECONDS);
//!         return "ordered";
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Stop what the work depends on, call the endpoint, and compare its answer with the log.
//!
//! ## In logs
//!
//! Nothing tells it: the answer says success, and the error stands elsewhere without the request
//! that it belongs to. What becomes of the work is told by the modes of its errors.
//!
//! ## Evidence
//!
//! - The code at the places shown.

use std::collections::BTreeMap;

use wonin_model::{
    EarlyAnswer, Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity,
};
use wonin_text::FileId;

use crate::shared::reach::code_owner;
use crate::shared::words::{count, list};

pub(crate) struct FalseSuccess;

static META: ModeMeta = ModeMeta {
    id: "false-success",
    family: "client",
    summary: "an endpoint answers success before the outcome is known",
    source: include_str!("false_success.rs"),
};

impl Mode for FalseSuccess {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut by_file: BTreeMap<Option<FileId>, Vec<&EarlyAnswer>> = BTreeMap::new();
        for early in evidence.stack.code.early_answers.iter().filter(|one| !is_honest(one)) {
            let file = early.endpoint.place().map(|place| place.file);
            by_file.entry(file).or_default().push(early);
        }
        findings.extend(by_file.values().map(|early| report(evidence, early)));
    }
}

/// Words of an answer that promises nothing about the outcome: 202, or something to ask for the
/// outcome with.
const HONEST: &[&str] = &[
    "202",
    "accepted",
    "jobid",
    "job id",
    "taskid",
    "task id",
    "requestid",
    "queued",
    "submitted",
];

/// Ends of paths whose work is to end the process: nobody is left to answer afterwards.
const ENDINGS: &[&str] = &["/shutdown", "/restart", "/exit"];

fn is_honest(early: &EarlyAnswer) -> bool {
    if ENDINGS.iter().any(|end| early.endpoint.value.ends_with(end)) {
        return true;
    }
    let answer = early.answer.value.to_ascii_lowercase();
    HONEST.iter().any(|word| answer.contains(word))
}

fn report(evidence: &Evidence, early: &[&EarlyAnswer]) -> Finding {
    let first = early[0];
    let title = if let [one] = early {
        format!("{} answers before the outcome of its work exists", one.endpoint.value)
    } else {
        let names: Vec<&str> =
            early.iter().map(|one| one.endpoint.value.as_str()).take(3).collect();
        format!(
            "{} answer before the outcome of their work exists: {}",
            count(early.len(), "endpoint"),
            list(&names)
        )
    };
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 80);
    if let Some(name) = code_owner(evidence, first.service, first.endpoint.place()) {
        finding = finding.service(name);
    }
    for one in early {
        finding = finding
            .because("answers whatever happens to the work", &one.answer)
            .because("the work whose result nobody waits for", &one.work)
            .because("the endpoint", &one.endpoint);
    }
    finding
        .leads_to("health-checks-stay-green")
        .fix(Fix::advice(
            "wait for the result within a bound, or answer 202 and let the result be asked for",
        ))
        .fix(Fix::advice("count failures of the work in a metric that is alerted on"))
}
