//! # A clock that is wrong
//!
//! ## What fails
//!
//! Signed requests are refused from the first one on, with credentials that are right; or
//! certificates count as not valid yet. Restarts and new keys change nothing.
//!
//! ## Why
//!
//! A signed request carries its time. AWS refuses it when it is more than 15 minutes off
//! (`RequestTimeTooSkewed`, `RequestExpired`): the machine's clock is wrong, or the request was
//! signed long before it was sent. An expired role token has another name (`ExpiredToken`) and
//! begins hours after a start. Google's libraries, Kerberos and tokens that are "not yet valid" (JWT)
//! say it in words of their own. Virtual machines that were suspended and containers on a host
//! without time synchronisation drift.
//!
//! ## Example
//!
//! ```text logs/upload.log
//! 2025-03-02 10:00:01.000 ERROR shop.Upload - com.amazonaws.services.s3.model.AmazonS3Exception: The difference between the request time and the current time is too large. (Service: Amazon S3; Status Code: 403; Error Code: RequestTimeTooSkewed)
//! ```
//!
//! ## Fix
//!
//! Synchronise the clock (chrony, the hypervisor's time source); sign requests when they are sent.
//!
//! ```text logs/upload.log
//! 2025-03-02 10:00:01.000  INFO shop.Upload - stored
//! ```
//!
//! ## How to rehearse
//!
//! Shift the clock of the client under test by 20 minutes (`faketime`) and send one request.
//!
//! ## Evidence
//!
//! - AWS, "Common Errors"; Amazon S3, "Error responses"; AWS SDK for Java, `RetryUtils` (the set of
//!   clock skew errors).

use wonin_model::{Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity};

use crate::shared::seen::{Part, Shown, Values, all_of, is_sustained, recognise, signals};

pub(crate) struct ClockSkew;

static META: ModeMeta = ModeMeta {
    id: "clock-skew",
    family: "credentials",
    summary: "a clock is off by more than signatures or certificates bear",
    source: include_str!("clock_skew.rs"),
};

/// Fewer tokens that are too early may be those of a moment.
const TOKENS_MIN: u64 = 3;

impl Mode for ClockSkew {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut shown: Shown<'_> = all_of(
            evidence,
            &[
                ("aws.clock-skewed", "the request's time is too far from the server's"),
                ("google.clock-skewed", "the signed time is too far from the server's"),
                ("kerberos.clock-skewed", "the times of client and server differ too much"),
            ],
        );
        for signal in signals(evidence, &["tls.expired"]) {
            let early = |values: &Values| values.get("side").is_some_and(|side| side == "before");
            let part = Part::of(signal, early);
            shown.extend(
                part.map(|part| (part, "a certificate counts as not valid yet".to_owned())),
            );
        }
        for signal in signals(evidence, &["jwt.not-yet-valid"]) {
            if is_sustained(signal, TOKENS_MIN, 0) {
                let what = "a token counts as not valid yet: who made it is ahead, or who checks it behind";
                shown.push((Part::whole(signal), what.to_owned()));
            }
        }
        if shown.is_empty() {
            return;
        }
        shown.extend(all_of(
            evidence,
            &[
                ("host.clock-jumped", "the clock was changed"),
                ("host.clock-off", "the clock's own service found it wrong"),
                ("aws.signature-mismatch", "follows: signatures do not match"),
            ],
        ));
        let mut own = Vec::new();
        recognise(&mut own, &shown, || {
            let title = "the clock is off, or requests are signed long before they are sent: they are \
                         refused whatever the credentials";
            let finding = Finding::new(&META, title)
                .weigh(Role::Cause, Severity::High, 92)
                .arithmetic("|time of the request - time of the server| > 15 min");
            Some(
                finding
                    .fix(Fix::advice(
                        "synchronise the machine's clock (`chronyc tracking` shows its offset)",
                    ))
                    .fix(Fix::advice(
                        "sign requests and make presigned addresses when they are needed",
                    )),
            )
        });
        findings.extend(own);
    }
}
