//! # Temporary credentials that are kept for ever
//!
//! ## What fails
//!
//! Everything works after a start. When the token's life ends, hours later, every call fails
//! (`ExpiredToken`, `ExpiredTokenException`: 0 to 100 % in one step) until the next restart.
//!
//! ## Why
//!
//! Credentials of a role live for 1 to 12 hours and are renewed by their provider. A client that was
//! given the provider's answer (`provider.getCredentials()` in an `AWSStaticCredentialsProvider`,
//! `resolveCredentials()` in a `StaticCredentialsProvider`) instead of the provider keeps the first
//! answer. So does a process that gets `AWS_SESSION_TOKEN` in its environment, which also takes
//! precedence over the role of the machine or task.
//!
//! ## Example
//!
//! ```java src/main/java/shop/Storage.java
//! package shop;
//!
//! import com.amazonaws.auth.AWSStaticCredentialsProvider;
//! import com.amazonaws.auth.InstanceProfileCredentialsProvider;
//! import com.amazonaws.services.s3.AmazonS3;
//! import com.amazonaws.services.s3.AmazonS3ClientBuilder;
//! import org.springframework.context.annotation.Bean;
//! import org.springframework.context.annotation.Configuration;
//!
//! @Configuration
//! public class Storage {
//!     @Bean
//!     public AmazonS3 s3() {
//!         InstanceProfileCredentialsProvider provider = InstanceProfileCredentialsProvider.getInstance();
//!         return AmazonS3ClientBuilder.standard()
//!             .withCredentials(new AWSStaticCredentialsProvider(provider.getCredentials()))
//!             .build();
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! Pass the provider itself, or nothing: the default chain renews.
//!
//! ```java src/main/java/shop/Storage.java
//! package shop;
//!
//! import com.amazonaws.auth.InstanceProfileCredentialsProvider;
//! import com.amazonaws.services.s3.AmazonS3;
//! import com.amazonaws.services.s3.AmazonS3ClientBuilder;
//! import org.springframework.context.annotation.Bean;
//! import org.springframework.context.annotation.Configuration;
//!
//! @Configuration
//! public class Storage {
//!     @Bean
//!     public AmazonS3 s3() {
//!         return AmazonS3ClientBuilder.standard()
//!             .withCredentials(InstanceProfileCredentialsProvider.getInstance())
//!             .build();
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! A local endpoint that hands out tokens of 20 minutes and answers 400 `ExpiredToken` afterwards: a
//! client with a provider goes on, one with frozen credentials fails.
//!
//! ## Evidence
//!
//! - AWS SDK for Java developer guide, "Using IAM roles"; API documentation of
//!   `AWSStaticCredentialsProvider` (`refresh` does nothing) and `StaticCredentialsProvider`.
//! - AWS: common errors; S3 error codes.
//! - Inferred: usual lifetimes.

use wonin_model::{
    Evidence, Finding, Fix, FrozenCredentials, Located, Mode, ModeMeta, NotChecked, Role, Service,
    Severity, Signal, Standing,
};

use crate::shared::reach::code_owner;
use crate::shared::seen::{Part, Shown, beside, moment_of, recognise_each, signals, span};

pub(crate) struct CredentialsFrozen;

static META: ModeMeta = ModeMeta {
    id: "credentials-frozen",
    family: "credentials",
    summary: "temporary credentials are read once and never renewed",
    source: include_str!("credentials_frozen.rs"),
};

impl Mode for CredentialsFrozen {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        // A token in the environment of a service is judged with the service at hand.
        let code = stack.code.frozen_credentials.iter();
        let code = code.filter(|frozen| frozen.frozen.value != TOKEN);
        let mut own: Vec<Finding> = code.filter_map(|frozen| in_code(evidence, frozen)).collect();
        for service in &stack.services {
            let token = service.environment.get(TOKEN);
            own.extend(token.and_then(|token| in_environment(service, token)));
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises credentials that expired and were not renewed: calls fail from one moment on, and
/// only a start ends it. A provider that was late once heals by itself within minutes.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for signal in signals(evidence, &["aws.expired-token", "azure.token-expired"]) {
        let service = signal.service.as_deref();
        let starts: Vec<&Signal> = ["app.starting", "app.started"]
            .into_iter()
            .filter_map(|name| beside(evidence, name, service))
            .collect();
        let times = starts.iter().flat_map(|start| start.hits.iter().filter_map(|hit| hit.at_ms));
        let times: Vec<i64> = times.collect();
        let (first, last) = (signal.first_ms, signal.last_ms);
        let begun = first.and_then(|first| times.iter().copied().filter(|at| *at <= first).max());
        let healed = last.and_then(|last| times.iter().copied().filter(|at| *at > last).min());
        let log_end = evidence
            .logs
            .iter()
            .filter(|log| log.service.as_deref() == service)
            .filter_map(|log| log.last_ms)
            .max();
        let went_on =
            log_end.zip(last).is_some_and(|(end, last)| end.saturating_sub(last) > RECOVERS_MS);
        if signal.count < 2 && went_on && healed.is_none() {
            continue;
        }
        let age = begun.zip(first).map(|(begun, first)| first.saturating_sub(begun));
        let what = match age {
            Some(age) => format!("the token had expired, {} after the start", span(age)),
            None => "the token had expired".to_owned(),
        };
        let mut shown: Shown<'_> = vec![(Part::whole(signal), what)];
        if let Some(denied) = beside(evidence, "aws.no-credentials", service) {
            shown.push((Part::whole(denied), "no credentials".to_owned()));
        }
        recognise_each(evidence, own, &shown, || {
            let since = age.map_or(String::new(), |age| format!(" {} after the start", span(age)));
            let title = format!(
                "credentials expired{since} and were not renewed: likely read once and kept by the client"
            );
            Some(
                Finding::new(&META, title)
                    .weigh(Role::Cause, Severity::High, if healed.is_some() { 90 } else { 80 })
                    .leads_to("expired-token")
                    .fix(Fix::advice("give the client the provider, not its answer"))
                    .fix(Fix::advice(
                        "or leave them to the default chain, which renews those of a role",
                    )),
            )
        });
        let Some(finding) = own.iter_mut().find(|one| one.standing == Standing::Observed) else {
            continue;
        };
        // Every call fails until somebody starts it anew.
        finding.severity = finding.severity.max(Severity::High);
        if let Some((age, first)) = age.zip(first) {
            let healed = healed.map_or("no start since".to_owned(), |at| {
                format!("healed by the start at {}", moment_of(signal, at))
            });
            finding.arithmetic = Some(format!(
                "first failure {} - start = {} (tokens of a role last about 6 h, of AssumeRole 1 h \
                 by default); then {} failures; {healed}",
                moment_of(signal, first),
                span(age),
                signal.count
            ));
        }
    }
}

/// Longer than a provider that renews goes on with an expired token, in milliseconds.
const RECOVERS_MS: i64 = 15 * 60 * 1000;

/// The variable that the SDKs read a session token from.
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// The frozen text is an expression in code, never a secret; its value stays out all the same.
fn in_code(evidence: &Evidence, frozen: &FrozenCredentials) -> Option<Finding> {
    if !frozen.temporary && frozen.provider.is_none() {
        return None;
    }
    let confidence = match (frozen.temporary, &frozen.provider) {
        (true, Some(_)) => 92,
        (true, None) => 88,
        (false, _) => 75,
    };
    let kept = frozen.kept_by.as_ref().map_or("the client", |kept| kept.value.as_str());
    let title = format!(
        "{kept} keeps credentials that were read once: when they expire, every call fails until a restart"
    );
    let at = |value: &Located<String>| value.origin.clone();
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, confidence)
        .because_at("the credentials are taken out here, once", at(&frozen.frozen));
    if let Some(provider) = &frozen.provider {
        finding = finding.because_at("this provider would renew them", at(provider));
    }
    if let Some(client) = &frozen.client {
        finding = finding.because_at("the client that goes on with the first answer", at(client));
    }
    if let Some(kept_by) = &frozen.kept_by {
        finding = finding.because_at("lives as long as the process", at(kept_by));
    }
    if let Some(name) = code_owner(evidence, frozen.service, frozen.frozen.place()) {
        finding = finding.service(name);
    }
    Some(
        finding
            .leads_to("expired-token")
            .fix(Fix::advice("give the client the provider, not its answer"))
            .fix(Fix::advice("or leave them to the default chain, which renews those of a role")),
    )
}

/// A token handed to a container at its start.
fn in_environment(service: &Service, token: &Located<String>) -> Option<Finding> {
    // Real tokens have hundreds of characters; short ones are made up for a local endpoint.
    let real = token.value.len() >= 64;
    let passed = !token.origin.is_certain();
    let local = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "LOCALSTACK_HOST"];
    if !(real || passed) || local.iter().any(|name| service.environment.contains_key(*name)) {
        return None;
    }
    let (severity, confidence) = if real { (Severity::High, 88) } else { (Severity::Low, 60) };
    let name = &service.name.value;
    let title = format!(
        "{name} gets AWS_SESSION_TOKEN at its start: when the token expires, every call fails until it is started with another"
    );
    let mut finding = Finding::new(&META, title)
        .service(name)
        .weigh(Role::Cause, severity, confidence)
        .because_at(
            "a session token in the environment: never renewed, and preferred to a role",
            token.origin.clone(),
        );
    if let Some(restart) = &service.restart {
        finding =
            finding.because_at("a restart brings the same token back", restart.origin.clone());
    }
    Some(
        finding
            .leads_to("expired-token")
            .fix(Fix::advice("let the SDK find a role (instance profile, task role, web identity) or mount a profile that renews; remove AWS_SESSION_TOKEN")),
    )
}
