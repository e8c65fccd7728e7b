//! # A certificate that is not trusted, or is another one's
//!
//! ## What fails
//!
//! TLS connections end in the handshake, all of them, from the first on.
//!
//! ## Why
//!
//! The client knows no way from the certificate to an authority that it trusts: the certificate is
//! self-signed or of a company's own authority that is missing in the client's store (a JVM has a
//! store of its own, and so has a Python package), or the server does not send the one in between.
//! Or the name that was called is not among the names in the certificate.
//!
//! ## Example
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120 ERROR api.Pay - javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target
//! ```
//!
//! ## Fix
//!
//! Give the client the authority, or the server the whole chain.
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120  INFO api.Pay - 200
//! ```
//!
//! ## How to rehearse
//!
//! Serve a self-signed certificate on a copy.
//!
//! ## Evidence
//!
//! - JDK, OpenSSL, Go `crypto/x509`: texts of their errors.
//! - Inferred: which of the ways it is, where the text does not say.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::{Part, signals};

pub(crate) struct CertificateRejected;

static META: ModeMeta = ModeMeta {
    id: "certificate-rejected",
    family: "credentials",
    summary: "a certificate is not trusted, or has another name",
    source: include_str!("certificate_rejected.rs"),
};

const TRUST: &[&str] = &[
    "see what is served (`openssl s_client -connect HOST:443 -showcerts`): where the certificate in between is missing, the server must send it",
    "add the authority to the store that this program really uses (JVM: cacerts; Python: REQUESTS_CA_BUNDLE; Node.js: NODE_EXTRA_CA_CERTS; Go and curl: the system's)",
];

const ROWS: &[Row] = &[
    row(
        "tls.untrusted",
        "no way to a trusted authority",
        |_| {
            "the server's certificate is not trusted: the client knows no authority that signed it"
                .to_owned()
        },
        TRUST,
    ),
    row(
        "tls.verify-failed",
        "the check of the certificate failed",
        |_| "the server's certificate does not pass the client's check".to_owned(),
        TRUST,
    ),
    row(
        "tls.wrong-name",
        "the name is not in the certificate",
        |values| match values.get("host") {
            Some(host) => format!(
                "{host}, which is called, is not among the names in the server's certificate"
            ),
            None => "the name that is called is not among the names in the server's certificate"
                .to_owned(),
        },
        &[
            "call it by a name that is in the certificate, or have one made with this name (subject alternative name)",
        ],
    ),
];

impl Mode for CertificateRejected {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        // One that has run out fails the same checks, and is told as such.
        if !signals(evidence, &["tls.expired"]).is_empty() {
            return;
        }
        let mut own = recognised(&META, evidence, ROWS);
        let handshakes = signals(evidence, &["tls.handshake-failed"]);
        for finding in &mut own {
            let service = finding.service.clone();
            for signal in handshakes.iter().filter(|one| one.service == service) {
                let part = Part::whole(signal);
                *finding = part.tell(finding.clone(), "follows: the handshake failed");
            }
        }
        findings.extend(own);
    }
}
