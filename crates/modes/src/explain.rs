//! What findings account for of that which logs said, and which finding follows from which.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use wonin_model::{
    Because, Diagnosis, Evidence, Explained, Finding, Level, Log, Role, Share, Standing, Template,
    Unexplained,
};

/// Recognised texts that tell how things went and not that something failed.
const ORDINARY: &[&str] = &[
    "app.shutdown-started",
    "app.started",
    "app.starting",
    "ecs.deployment-completed",
    "ecs.draining",
    "ecs.started",
    "ecs.steady",
    "ecs.stopped",
    "eureka.cancelled",
    "eureka.registered",
    "hibernate.slow-statement",
    "hikari.leak-returned",
    "host.killed",
    "kafka.producer-config",
    "kafka.raft-voters",
    "kafka.started",
    "kubernetes.scaled-down",
    "kubernetes.scaled-up",
    "mongo.slow",
    "pinot.instance",
    "pinot.started",
    "postgres.lock-acquired",
    "postgres.shutting-down",
    "postgres.slow-statement",
    "postgres.starting",
    "rabbitmq.data",
    "rabbitmq.node",
    "redis.address-updated",
    "swarm.converged",
    "zookeeper.began-empty",
    "zookeeper.loaded",
    "zookeeper.session-established",
];

/// How many claims of details one finding takes in.
const DETAILS_MAX: usize = 6;

/// Puts details into the first observed finding that explains an event of the same kind; a detail
/// of nothing stays a finding of its own. The findings are in order.
pub(crate) fn tell_details(findings: &mut Vec<Finding>) {
    let (details, mut rest): (Vec<Finding>, Vec<Finding>) =
        std::mem::take(findings).into_iter().partition(|finding| finding.is_detail);
    let mut alone = Vec::new();
    let mut taken = vec![0; rest.len()];
    for detail in details {
        let is_host = |finding: &Finding| {
            finding.standing >= Standing::Observed && shares_event(finding, &detail)
        };
        match rest.iter().position(is_host) {
            Some(host) => {
                let title = detail.title.clone();
                let mut claims = detail.because.into_iter();
                let first = claims.next().map(|first| Because { claim: title, ..first });
                let all = first.into_iter().chain(claims).take(DETAILS_MAX - taken[host]);
                let before = rest[host].because.len();
                rest[host].because.extend(all);
                taken[host] += rest[host].because.len() - before;
                rest[host].signals.extend(detail.signals);
            }
            None => alone.push(detail),
        }
    }
    rest.extend(alone);
    *findings = rest;
}

/// Whether two findings account for the same recognised text of one service.
fn shares_event(one: &Finding, other: &Finding) -> bool {
    one.signals.iter().any(|own| {
        other.signals.iter().any(|its| {
            own.signal == its.signal
                && own.service == its.service
                && (own.files.is_empty()
                    || its.files.is_empty()
                    || own.files.iter().any(|file| its.files.contains(file)))
        })
    })
}

/// Counts for each finding how many events it explains, lists the others, and puts what follows
/// from a finding below it.
pub(crate) fn account(evidence: &Evidence, diagnosis: &mut Diagnosis) {
    let troubles = troubles(evidence, &diagnosis.findings);
    let of: u64 = troubles.iter().map(|trouble| trouble.template.count).sum();
    let mut covered = vec![0; troubles.len()];
    for finding in &mut diagnosis.findings {
        merge(&mut finding.signals);
        if of > 0 {
            let events = cover(finding, &troubles, &mut covered);
            finding.explains = (events > 0).then_some(Share { events, of });
        }
    }
    diagnosis.unexplained = left(&troubles, &covered);
    follow(&mut diagnosis.findings);
}

/// Events of one kind that are to be explained.
struct Trouble<'a> {
    log: &'a Log,
    template: &'a Template,
}

/// Errors, warnings that are recognised, and what else some finding explains: programs say much
/// of what matters as information, and more that does not.
fn troubles<'e>(evidence: &'e Evidence, findings: &[Finding]) -> Vec<Trouble<'e>> {
    let explained: Vec<(&str, &Option<String>)> = findings
        .iter()
        .flat_map(|finding| &finding.signals)
        .map(|one| (one.signal, &one.service))
        .collect();
    let logs = evidence.logs.iter();
    let all = logs.flat_map(|log| log.templates.iter().map(move |template| (log, template)));
    all.filter(|(log, template)| {
        let is = |name: &str| explained.contains(&(name, &log.service));
        let tells = |name: &str| !ORDINARY.contains(&name);
        match template.level {
            Level::Error => true,
            Level::Warning => template.signals.iter().any(|name| tells(name)),
            Level::Info => template.signals.iter().any(|name| is(name)),
        }
    })
    .map(|(log, template)| Trouble { log, template })
    .collect()
}

/// Makes one entry of those of one signal; together they explain no more than there were.
fn merge(signals: &mut Vec<Explained>) {
    let mut merged: Vec<Explained> = Vec::new();
    for one in signals.drain(..) {
        let same = |known: &&mut Explained| {
            known.signal == one.signal && known.service == one.service && known.files == one.files
        };
        match merged.iter_mut().find(same) {
            Some(known) => known.events = known.events.max(one.events),
            None => merged.push(one),
        }
    }
    *signals = merged;
}

/// How many events a finding explains; adds them to what is covered of each kind. A signal that
/// the finding explains in part occurs in kinds that may be explained already; those that are not
/// come first.
fn cover(finding: &Finding, troubles: &[Trouble<'_>], covered: &mut [u64]) -> u64 {
    let mut left: Vec<u64> = finding.signals.iter().map(|one| one.events).collect();
    let mut taken = vec![0; troubles.len()];
    for only_open in [true, false] {
        for (index, trouble) in troubles.iter().enumerate() {
            let count = trouble.template.count;
            let open = if only_open { count - covered[index] } else { count - taken[index] };
            let mut open = open;
            for (one, left) in finding.signals.iter().zip(&mut left) {
                let is_here = trouble.template.signals.contains(&one.signal)
                    && one.service == trouble.log.service
                    && (one.files.is_empty() || one.files.contains(&trouble.log.file));
                if is_here {
                    let part = open.min(*left);
                    open -= part;
                    *left -= part;
                    taken[index] += part;
                }
            }
        }
    }
    for ((taken, covered), trouble) in taken.iter().zip(covered).zip(troubles) {
        *covered = trouble.template.count.min(*covered + taken);
    }
    taken.iter().sum()
}

fn left(troubles: &[Trouble<'_>], covered: &[u64]) -> Vec<Unexplained> {
    let mut open: Vec<(&Template, u64)> = troubles
        .iter()
        .zip(covered)
        .map(|(trouble, covered)| (trouble.template, trouble.template.count - covered))
        .filter(|(_, events)| *events > 0)
        .collect();
    open.sort_by_key(|(template, events)| (Reverse(template.level), Reverse(*events)));
    open.truncate(Unexplained::SHOWN);
    open.into_iter()
        .map(|(template, events)| Unexplained {
            events,
            template: words(template),
            place: template.example,
        })
        .collect()
}

/// The words of a template with what caused its events.
fn words(template: &Template) -> String {
    match &template.cause {
        Some(cause) if !template.text.contains(cause.as_str()) => {
            format!("{}: {cause}", template.text)
        }
        _ => template.text.clone(),
    }
}

/// Links observed findings: one that another one names as its effect follows from it. Where the
/// other one accounts for all that it was seen by, it is no cause of its own.
fn follow(findings: &mut [Finding]) {
    let observed: Vec<usize> = (0..findings.len())
        .filter(|&index| findings[index].standing >= Standing::Observed)
        .collect();
    let mut naming: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &cause in &observed {
        for id in &findings[cause].leads_to {
            naming.entry(id).or_default().push(cause);
        }
    }
    let mut links: Vec<(usize, usize)> = Vec::new();
    for &effect in &observed {
        let id = findings[effect].meta.id;
        for &cause in naming.get(id).into_iter().flatten() {
            let is_new = findings[cause].meta.id != id && links.last() != Some(&(cause, effect));
            if is_new && !reaches(&links, effect, cause) {
                links.push((cause, effect));
            }
        }
    }
    for &(cause, effect) in &links {
        let id = findings[cause].meta.id;
        let accounted = findings[effect].signals.iter().all(|one| {
            findings[cause]
                .signals
                .iter()
                .any(|other| other.signal == one.signal && other.service == one.service)
        });
        let effect = &mut findings[effect];
        if !effect.follows_from.contains(&id) {
            effect.follows_from.push(id);
        }
        if accounted {
            effect.role = Role::Symptom;
        }
    }
}

/// Whether `to` follows from `from` by way of the links so far.
fn reaches(links: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut open = vec![from];
    let mut seen = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        for &(_, next) in links.iter().filter(|(cause, _)| *cause == at) {
            if !seen.contains(&next) {
                seen.push(next);
                open.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use wonin_model::{ModeMeta, Origin};
    use wonin_text::{FileId, Place, Span};

    use super::*;

    static ROOT: ModeMeta = ModeMeta { id: "root", family: "f", summary: "s", source: "" };
    static EFFECT: ModeMeta = ModeMeta { id: "effect", family: "f", summary: "s", source: "" };

    fn template(text: &str, level: Level, count: u64, signals: &[&'static str]) -> Template {
        Template {
            text: text.to_owned(),
            cause: None,
            level,
            count,
            first_ms: None,
            last_ms: None,
            example: Place { file: FileId(0), span: Span::new(0, 1) },
            signals: signals.to_vec(),
        }
    }

    fn evidence(templates: Vec<Template>) -> Evidence {
        let log = Log {
            file: FileId(0),
            format: "plain",
            service: None,
            lines: 0,
            events: 0,
            errors: 0,
            first_ms: None,
            last_ms: None,
            zone_assumed: false,
            date_assumed: false,
            clock_jumps: 0,
            silence_ms: None,
            templates,
        };
        Evidence { logs: vec![log], ..Evidence::default() }
    }

    fn observed(meta: &'static ModeMeta, signals: &[(&'static str, u64)]) -> Finding {
        let mut finding = Finding::new(meta, meta.id);
        finding.standing = Standing::Observed;
        finding.signals = signals
            .iter()
            .map(|&(signal, events)| Explained { signal, service: None, events, files: Vec::new() })
            .collect();
        finding
    }

    #[test]
    fn events_are_counted_once_and_the_rest_is_listed_worst_first() {
        let evidence = evidence(vec![
            template("refused", Level::Error, 5, &["client.refused"]),
            template("odd", Level::Error, 2, &[]),
            template("often", Level::Error, 9, &[]),
            template("a warning", Level::Warning, 50, &[]),
            template("started", Level::Info, 1, &["app.started"]),
        ]);
        let mut diagnosis = Diagnosis {
            findings: vec![observed(&ROOT, &[("client.refused", 3), ("client.refused", 3)])],
            ..Diagnosis::default()
        };
        account(&evidence, &mut diagnosis);
        assert_eq!(diagnosis.findings[0].explains, Some(Share { events: 3, of: 16 }));
        let left: Vec<(&str, u64)> =
            diagnosis.unexplained.iter().map(|one| (one.template.as_str(), one.events)).collect();
        assert_eq!(left, [("often", 9), ("refused", 2), ("odd", 2)]);
    }

    #[test]
    fn a_detail_is_told_within_what_explains_the_same_and_else_alone() {
        let place = Place { file: FileId(0), span: Span::new(3, 9) };
        let detail = |signal| {
            let because =
                Because { claim: "c".into(), origin: Origin::Written(place), value: None };
            let mut detail = observed(&EFFECT, &[(signal, 1)]).detail();
            detail.because.push(because);
            detail
        };
        let mut findings = vec![detail("a"), detail("b"), observed(&ROOT, &[("a", 2)])];
        tell_details(&mut findings);
        let modes: Vec<&str> = findings.iter().map(|one| one.meta.id).collect();
        assert_eq!(modes, ["root", "effect"]);
        assert_eq!(findings[0].because[0].claim, "effect");
        assert_eq!(findings[1].signals[0].signal, "b");
    }

    #[test]
    fn what_a_root_accounts_for_is_a_symptom_and_circles_have_a_beginning() {
        let root = observed(&ROOT, &[("a", 2), ("b", 2)]).leads_to("effect");
        let effect = observed(&EFFECT, &[("b", 2)]).leads_to("root");
        let mut diagnosis = Diagnosis { findings: vec![effect, root], ..Diagnosis::default() };
        account(&evidence(Vec::new()), &mut diagnosis);
        let [effect, root] = &diagnosis.findings[..] else { panic!("two findings") };
        assert_eq!((effect.role, effect.follows_from.as_slice()), (Role::Symptom, &["root"][..]));
        assert_eq!((root.role, root.follows_from.len()), (Role::Cause, 0));
    }
}
