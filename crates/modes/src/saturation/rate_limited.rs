//! # The other side limits how much may be asked
//!
//! ## What fails
//!
//! Some requests are refused with 429, 503 or a text of throttling; more with more load, fewer at
//! night. Retries at once make it worse.
//!
//! ## Why
//!
//! Somebody set a limit: a cloud service per account, a registry per address, one's own proxy per
//! client. A caller that does not wait between tries spends its whole allowance on retries.
//!
//! ## Example
//!
//! ```text logs/job.log
//! 2025-03-02 10:12:31.120 ERROR job.Sync - An error occurred (ThrottlingException) when calling the GetItem operation: Rate exceeded
//! ```
//!
//! ## Fix
//!
//! Ask less often, in lists, and wait longer after each refusal.
//!
//! ```text logs/job.log
//! 2025-03-02 10:12:31.120  INFO job.Sync - 200 items
//! ```
//!
//! ## How to rehearse
//!
//! `limit_req` with a small rate in front of a copy.
//!
//! ## Evidence
//!
//! - AWS: common errors (`ThrottlingException`, `SlowDown`). nginx: `ngx_http_limit_req_module`.
//!   Docker Hub: `toomanyrequests`.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked, Severity};

use crate::shared::rows::{Row, recognised, row};

pub(crate) struct RateLimited;

static META: ModeMeta = ModeMeta {
    id: "rate-limited",
    family: "saturation",
    summary: "somebody limits how much may be asked, and it is more",
    source: include_str!("rate_limited.rs"),
};

/// A few answers of 429 are what a client that asks again is made for.
const REFUSED_MIN: u64 = 5;

const ROWS: &[Row] = &[
    row(
        "aws.throttled",
        "AWS refused a request as one too many",
        |_| "AWS throttles the caller: more requests than the account may send".to_owned(),
        &["wait longer after each refusal (exponential backoff with jitter: the SDK's adaptive mode), ask in lists, or have the quota raised"],
    )
    .weigh(Severity::Medium, 88),
    row(
        "nginx.limited",
        "nginx refused a request as one too many",
        |values| {
            let zone = values.get("zone").map_or(String::new(), |zone| format!(" {zone}"));
            format!("nginx limits its clients: the zone{zone} is exceeded")
        },
        &["find out whether it is one client or all: behind another proxy every client has the same address; then raise rate or burst"],
    )
    .weigh(Severity::Medium, 85),
    row(
        "http.status-429",
        "an answer of 429: one request too many",
        |_| "somebody who is called answers 429: more requests than it allows this caller".to_owned(),
        &["wait as long as Retry-After says, and longer after each refusal; ask in lists; have the limit raised"],
    )
    .weigh(Severity::Medium, 85)
    .at_least(REFUSED_MIN),
    row(
        "image.rate-limited",
        "the registry refused a pull as one too many",
        |_| "the image registry limits pulls from this address: new containers do not start".to_owned(),
        &["log in, or pull through a cache of one's own"],
    ),
];

impl Mode for RateLimited {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(recognised(&META, evidence, ROWS));
    }
}
