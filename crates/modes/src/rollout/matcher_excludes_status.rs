//! # A matcher that no answer can meet
//!
//! ## What fails
//!
//! The load balancer refuses the target group; or every check of every task fails with
//! `Target.ResponseCodeMismatch`, although the application answers.
//!
//! ## Why
//!
//! An Application Load Balancer accepts status codes from 200 to 499 in a matcher. A code of 500 or
//! more cannot be declared healthy, and codes below 200 do not exist there. (With the protocol
//! version GRPC codes from 0 to 99 are meant; they are not judged.)
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name     = "web"
//!   port     = 8080
//!   protocol = "HTTP"
//!   health_check {
//!     matcher = "200-599"
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! A path that answers 200 exactly when requests can be served, and a matcher that says so.
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name     = "web"
//!   port     = 8080
//!   protocol = "HTTP"
//!   health_check {
//!     path    = "/actuator/health/readiness"
//!     matcher = "200"
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `curl -o /dev/null -w '%{http_code}' http://TASK:PORT/PATH` and compare with the matcher.
//!
//! ## Evidence
//!
//! - Application Load Balancers user guide, "Health checks for target groups": `Matcher` from 200 to
//!   499. Row E16 of the rollout rules.
//! - What status a path really answers is not in the configuration and is not claimed.

use wonin_model::{Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Severity};

use wonin_text::Sources;

use crate::shared::deploys::{Telling, ecs_services, is_http};
use crate::shared::edits::replace_text;
use crate::shared::seen::{Part, Shown, Values, recognise, signals};
use crate::shared::words::list;

pub(crate) struct MatcherExcludesStatus;

static META: ModeMeta = ModeMeta {
    id: "matcher-excludes-status",
    family: "rollout",
    summary: "a health check accepts status codes that its load balancer does not take",
    source: include_str!("matcher_excludes_status.rs"),
};

impl Mode for MatcherExcludesStatus {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let mut telling = Telling::default();
        for ecs in ecs_services(evidence) {
            for group in ecs.service.target_groups.iter().filter(|group| is_http(group)) {
                let matcher = group.matcher.as_ref().filter(|m| m.origin.is_certain());
                if let Some(finding) =
                    matcher.and_then(|matcher| impossible(&evidence.sources, matcher))
                {
                    telling.say(ecs.deployment, finding);
                }
            }
        }
        let mut own = Vec::new();
        telling.finish(META.id, &mut own, open);
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises tasks that answer their check, with a status that does not count.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let is_answer = |values: &Values| {
        let codes = values.get("codes").map_or("", String::as_str);
        let mut each = codes.split([',', ' ']).filter(|code| !code.is_empty()).peekable();
        each.peek().is_some()
            && each.all(|code| code.starts_with('3') || matches!(code, "401" | "403"))
    };
    let mut codes: Vec<&str> = Vec::new();
    let mut shown: Shown<'_> = Vec::new();
    for signal in signals(evidence, &["ecs.health-checks-failed"]) {
        let Some(part) = Part::of(signal, is_answer) else { continue };
        codes.extend(signal.all("codes"));
        shown.push((
            part,
            "the task answers its check, with a status that does not count".to_owned(),
        ));
    }
    recognise(own, &shown, || {
        let codes = list(&codes);
        let title = format!(
            "tasks are up and answer {codes} to their health check, which does not take it: the path redirects or asks for a login"
        );
        let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 92);
        Some(finding.fix(Fix::advice(format!(
            "ask a path that answers 200 without login and redirect (/actuator/health), or let the matcher take {codes}"
        ))))
    });
}

/// Codes that a matcher of an Application Load Balancer may hold.
const ALLOWED: std::ops::RangeInclusive<u32> = 200..=499;

/// The codes of a list with ranges; `None` where the text is something else.
fn codes(matcher: &str) -> Option<Vec<(u32, u32)>> {
    let one = |part: &str| -> Option<(u32, u32)> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    };
    matcher.split(',').map(one).collect()
}

fn impossible(sources: &Sources, matcher: &Located<String>) -> Option<Finding> {
    let codes = codes(&matcher.value)?;
    // Codes of two digits are those of gRPC.
    if codes.iter().any(|&(from, _)| from < 100) {
        return None;
    }
    let outside =
        codes.iter().find(|(from, to)| !ALLOWED.contains(from) || !ALLOWED.contains(to))?;
    let code = if ALLOWED.contains(&outside.1) { outside.0 } else { outside.1 };
    let title = format!("the matcher holds {code}, and only 200 to 499 are taken: it is refused");
    let mut fix = Fix::advice("let a path answer 200 when requests can be served, and match 200");
    let repaired: Vec<String> = codes
        .iter()
        .filter(|(from, to)| from <= ALLOWED.end() && to >= ALLOWED.start())
        .map(|&(from, to)| {
            let (from, to) = (from.max(*ALLOWED.start()), to.min(*ALLOWED.end()));
            if from == to { from.to_string() } else { format!("{from}-{to}") }
        })
        .collect();
    if !repaired.is_empty() {
        let repaired = repaired.join(",");
        fix = replace_text(sources, format!("match `{repaired}`"), matcher, &repaired);
    }
    Some(
        Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 95)
            .arithmetic(format!("{code} is not within 200..499"))
            .because("codes that count as healthy", matcher)
            .fix(fix),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        assert_eq!(codes("200-299,302"), Some(vec![(200, 299), (302, 302)]));
        assert_eq!(codes("${var.codes}"), None);
        let at = |text: &str| Located::default_of(text.to_owned(), "", "");
        assert!(impossible(&Sources::default(), &at("200,302-399")).is_none());
        assert!(impossible(&Sources::default(), &at("0")).is_none(), "a code of gRPC");
        for wrong in ["200-500", "503", "100"] {
            assert!(impossible(&Sources::default(), &at(wrong)).is_some(), "{wrong}");
        }
    }
}
