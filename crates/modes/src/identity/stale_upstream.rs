//! # A proxy keeps the address that a name had at its start
//!
//! ## What fails
//!
//! After the service behind a proxy is deployed, every request gets 502 or 504 until the proxy is
//! restarted, or worse: it goes to whichever container has the old address now.
//!
//! ## Why
//!
//! nginx looks up the names in `upstream` and `proxy_pass` once, when it starts or reloads. A
//! container that is made anew has the same name and may have another address. nginx looks again
//! only with a `resolver` and either a variable in the address or, since 1.27.3, the parameter
//! `resolve` of `server`.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   web:
//!     image: nginx:1.27
//!     volumes:
//!       - ./nginx.conf:/etc/nginx/nginx.conf:ro
//!   app:
//!     image: example/app:1.0
//! ```
//!
//! ```nginx nginx.conf
//! events {}
//! http {
//!   server {
//!     listen 80;
//!     location / {
//!       proxy_pass http://app:8080;
//!     }
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! ```yaml docker-compose.yml
//! services:
//!   web:
//!     image: nginx:1.27
//!     volumes:
//!       - ./nginx.conf:/etc/nginx/nginx.conf:ro
//!   app:
//!     image: example/app:1.0
//! ```
//!
//! ```nginx nginx.conf
//! events {}
//! http {
//!   server {
//!     listen 80;
//!     resolver 127.0.0.11 valid=10s;
//!     location / {
//!       set $app http://app:8080;
//!       proxy_pass $app;
//!     }
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Start a dummy container, make the service anew, ask the proxy.
//!
//! ## Evidence
//!
//! - nginx, "ngx_http_proxy_module", `proxy_pass` (variables and `resolver`);
//!   "ngx_http_upstream_module", `resolve`.
//! - Docker documentation, "Networking in Compose": a container that is made anew joins under a
//!   different address and the same name.
//! - Inferred: that the address really is another one in a given deployment.

use wonin_model::{
    Evidence, Finding, Fix, Gateway, Mode, ModeMeta, NotChecked, Origin, Restart, Role, Severity,
    Stack, Standing, Upstream,
};
use wonin_text::Place;

use crate::shared::addresses::is_dynamic;
use crate::shared::hosts::{ipv4, is_loopback};
use crate::shared::seen::{Part, Shown, recognise, signals};
use crate::shared::stale::{Failing, Holder, UPSTREAMS, container, failing, holder, listeners};
use crate::shared::words::list;

pub(crate) struct StaleUpstream;

static META: ModeMeta = ModeMeta {
    id: "stale-upstream",
    family: "identity",
    summary: "a proxy looks a name up once and keeps the address",
    source: include_str!("stale_upstream.rs"),
};

impl Mode for StaleUpstream {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own: Vec<Finding> =
            stack.gateways.iter().filter_map(|gateway| finding(stack, gateway)).collect();
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises a proxy that sends to an address which nobody, or somebody else, has. Connections
/// that are refused say so only where live state does: the program may just be down. That no host
/// answers says it by itself.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for one in failing(evidence, UPSTREAMS) {
        let wanted = one.port.map(|port| listeners(evidence, port)).unwrap_or_default();
        let unreachable = one.parts.iter().any(|part| {
            let errno = part.hit.and_then(|hit| hit.values.get("errno"));
            errno.is_some_and(|errno| errno == "113")
        });
        let (at, sure) = match holder(evidence, one.address) {
            Holder::Nobody => ("nobody holds it".to_owned(), 90),
            Holder::Somebody(other) if !wanted.is_empty() && !wanted.iter().any(|w| w == other) => {
                (format!("{other} holds it now"), 90)
            }
            Holder::Unknown if unreachable && one.address.is_private() => {
                ("no host has this address".to_owned(), 82)
            }
            Holder::Somebody(_) | Holder::Unknown => continue,
        };
        let mut shown: Shown<'_> = one
            .parts
            .iter()
            .map(|part| (*part, format!("the proxy sends to {}: {at}", one.shown())))
            .collect();
        shown.extend(follows(evidence, &one));
        let named = upstream_names(&evidence.stack, one.port);
        let now = named.first().and_then(|upstream| has_now(evidence, upstream));
        let title = match named.first() {
            Some(upstream) => format!(
                "the proxy still sends {} to {}: {at}{}; it looked the name up when it started",
                upstream.host.value,
                one.shown(),
                now.as_ref().map_or(String::new(), |(now, _)| format!(", and {now}"))
            ),
            None => format!("the proxy still sends to {}: {at}", one.shown()),
        };
        let predicted: Vec<bool> =
            own.iter().map(|one| one.standing == Standing::Predicted).collect();
        recognise(own, &shown, || {
            let mut finding = Finding::new(&META, title.clone())
                .weigh(Role::Cause, Severity::High, sure)
                .leads_to("bad-gateway");
            for upstream in &named {
                let claim = format!("{} is looked up once", upstream.host.value);
                finding = finding.because(claim, &upstream.host);
            }
            Some(finding.fix(Fix::advice(
                "reload the proxy (nginx -s reload); then let it look the name up again: resolver \
                 127.0.0.11 valid=10s and the address in a variable",
            )))
        });
        // What was foreseen has come about.
        for (finding, was_predicted) in own.iter_mut().zip(predicted) {
            if was_predicted && finding.standing == Standing::Observed {
                finding.title.clone_from(&title);
                if let Some((now, place)) = &now {
                    *finding = finding.clone().because_at(now.clone(), Origin::Written(*place));
                }
            }
        }
    }
}

/// `shop-api has 172.18.0.9 now`, and where live state says so.
fn has_now(evidence: &Evidence, upstream: &Upstream) -> Option<(String, Place)> {
    let name = upstream.host.value.split(':').next()?;
    let (_, address, place) = container(evidence, name)?.addresses.first()?;
    Some((format!("{name} has {} now", address.split('/').next().unwrap_or(address)), *place))
}

/// What callers see of it: answers of the proxy while its connections fail.
fn follows<'e>(evidence: &'e Evidence, one: &Failing<'e>) -> Shown<'e> {
    let begin = one.parts.iter().filter_map(|part| part.signal.first_ms).min();
    let end = one.parts.iter().filter_map(|part| part.signal.last_ms).max();
    let window = begin.zip(end).map(|(begin, end)| (begin, end.saturating_add(2000)));
    let mut shown = Vec::new();
    let timed_out = one.parts.iter().any(|part| part.signal.name == "nginx.upstream-timed-out");
    for (name, answer, is_meant) in [
        ("nginx.no-live-upstreams", "502", true),
        ("http.status-502", "502", true),
        ("http.status-504", "504", timed_out),
    ] {
        for signal in signals(evidence, &[name]).into_iter().filter(|_| is_meant) {
            let part = Part::during(signal, window);
            let what = format!("follows: the proxy answers {answer}");
            shown.extend(part.map(|part| (part, what)));
        }
    }
    shown
}

/// Upstreams by name that a proxy looks up once, on this port.
fn upstream_names(stack: &Stack, port: Option<u16>) -> Vec<&Upstream> {
    let all = stack.gateways.iter().flat_map(|gateway| &gateway.upstreams);
    all.filter(|upstream| {
        let named = ipv4(&upstream.host.value).is_none() && !is_loopback(&upstream.host.value);
        let own = upstream.host.value.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        named && !upstream.resolved_again && (own.is_none() || own == port)
    })
    .collect()
}

fn finding(stack: &Stack, gateway: &Gateway) -> Option<Finding> {
    let proxy = gateway.service?;
    let project = stack.service(proxy).project;
    let replaceable = |upstream: &&Upstream| {
        let host = upstream.host.value.as_str();
        let target = stack.resolve(project, host).filter(|target| *target != proxy);
        !upstream.resolved_again
            && !is_loopback(host)
            && ipv4(host).is_none()
            && target.is_some_and(|target| is_dynamic(stack.service(target)))
    };
    let kept: Vec<&Upstream> = gateway.upstreams.iter().filter(replaceable).collect();
    let mut names: Vec<&str> = kept.iter().map(|upstream| upstream.host.value.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let name = &stack.service(proxy).name.value;
    let title = format!(
        "{name} looks up {} once at its start: after a deployment it likely sends to an address that \
         nobody or somebody else has",
        list(&names)
    );
    // A proxy that is meant to outlive what stands behind it meets new addresses; one that is
    // started by hand together with it hardly does.
    let restart = stack.service(proxy).restart.as_ref().map(|policy| policy.value);
    let outlives = restart.is_some_and(|policy| policy != Restart::No);
    let severity = if outlives { Severity::Medium } else { Severity::Low };
    let mut finding = Finding::new(&META, title)
        .service(name.clone())
        .weigh(Role::Latent, severity, 65)
        .leads_to("bad-gateway");
    for upstream in &kept {
        finding =
            finding.because(format!("{} is looked up once", upstream.host.value), &upstream.host);
    }
    for name in &names {
        if let Some(target) = stack.resolve(project, name) {
            let origin = stack.service(target).name.origin.clone();
            finding =
                finding.because_at(format!("{name} gets a new address when made anew"), origin);
        }
    }
    Some(
        finding
            .fix(Fix::advice(
                "add resolver 127.0.0.11 valid=10s and put the address into a variable (set $target \
                 http://name:port; proxy_pass $target), or since nginx 1.27.3 use server name:port \
                 resolve with a zone",
            ))
            .fix(Fix::advice("or reload nginx after each deployment (nginx -s reload)")),
    )
}
