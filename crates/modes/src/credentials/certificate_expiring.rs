//! # A certificate that has run out
//!
//! ## What fails
//!
//! From one moment on every new connection to a server is refused by its clients, while the server
//! runs and connections that are open go on.
//!
//! ## Why
//!
//! A certificate has an end. Renewal is automatic until something in it stops (a changed name, a
//! blocked challenge), or the renewed file is on the disk and the server was never reloaded. A
//! clock that is ahead looks the same; a clock that is behind makes a certificate not valid yet.
//!
//! ## Example
//!
//! ```text logs/shop.log
//! 2025-03-02 10:00:01.000 ERROR shop.Pay - Get "https://pay.example": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2025-03-02T10:00:01Z is after 2025-03-01T23:59:59Z
//! ```
//!
//! ## Fix
//!
//! Renew it, reload the server, and watch the days that are left.
//!
//! ```text logs/shop.log
//! 2025-03-02 10:00:01.000  INFO shop.Pay - paid
//! ```
//!
//! ## How to rehearse
//!
//! `faketime '+90 days' openssl s_client -connect HOST:443`, or serve a certificate of one minute.
//!
//! ## Evidence
//!
//! - RFC 5280, section 4.1.2.5 (validity); Go, `crypto/x509`; OpenJDK,
//!   `CertificateExpiredException`.

use wonin_model::{Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Severity};

use crate::shared::seen::{Part, Shown, Values, beside, moment, recognise, signals, span};

pub(crate) struct CertificateExpiring;

static META: ModeMeta = ModeMeta {
    id: "certificate-expiring",
    family: "credentials",
    summary: "a certificate has run out",
    source: include_str!("certificate_expiring.rs"),
};

/// Days before its end from which on a certificate is worth a word.
const DAYS_LEFT: i64 = 14;

/// Certificates among the files that end before, or soon after, the last thing that logs tell. The
/// time of reading plays no part.
fn expired(evidence: &Evidence) -> Vec<Finding> {
    let Some(now) = evidence.logs.iter().filter_map(|log| log.last_ms).max() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for certificate in &evidence.certificates {
        let left = certificate.not_after_ms.saturating_sub(now);
        if left > DAYS_LEFT * 86_400_000 {
            continue;
        }
        let (end, last) = (moment(certificate.not_after_ms), moment(now));
        let (title, severity) = if left < 0 {
            (format!("the certificate of {} expired at {end}", certificate.subject), Severity::High)
        } else {
            let title = format!(
                "the certificate of {} expires {} after the last line of the logs",
                certificate.subject,
                span(left)
            );
            (title, Severity::Medium)
        };
        found.push(
            Finding::new(&META, title)
                .weigh(Role::Cause, severity, 90)
                .arithmetic(format!("end {end}, last line of the logs {last}"))
                .because_at("this certificate", Origin::Written(certificate.place))
                .fix(Fix::advice("renew it, and reload the server that holds it")),
        );
    }
    found
}

impl Mode for CertificateExpiring {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(expired(evidence));
        for signal in signals(evidence, &["tls.expired"]) {
            let late = |values: &Values| values.get("side").is_none_or(|side| side != "before");
            let Some(part) = Part::of(signal, late) else { continue };
            let limit = signal.all("limit").first().map(|limit| (*limit).to_owned());
            let now = signal.all("now").first().map(|now| (*now).to_owned());
            let what = "the certificate has expired".to_owned();
            let mut shown: Shown<'_> = vec![(part, what)];
            for (name, what) in [
                ("tls.handshake-failed", "follows: the handshake failed"),
                ("tls.untrusted", "follows: no valid path to a certificate"),
                ("tls.verify-failed", "follows: the check of the certificate failed"),
            ] {
                let other = beside(evidence, name, signal.service.as_deref());
                shown.extend(other.map(|other| (Part::whole(other), what.to_owned())));
            }
            let mut own = Vec::new();
            recognise(&mut own, &shown, || {
                let title = match &limit {
                    Some(limit) => format!(
                        "a certificate expired at {limit}: every new connection that checks it is refused"
                    ),
                    None => {
                        "a certificate has expired: every new connection that checks it is refused"
                            .to_owned()
                    }
                };
                let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 95);
                if let Some((now, limit)) = now.as_ref().zip(limit.as_ref()) {
                    finding = finding.arithmetic(format!("now {now} > end {limit}"));
                }
                Some(finding.fix(Fix::advice(
                    "renew it and reload the server that holds it (`openssl s_client -connect HOST:PORT | openssl x509 -noout -enddate` shows which one is served)",
                )))
            });
            findings.extend(own);
        }
    }
}
