//! # The image cannot be pulled any more
//!
//! ## What fails
//!
//! On a new machine, after a clean-up, or with a pull, nothing starts: `manifest unknown` or `not
//! found`. Machines that still hold the image go on, so it is found out at the worst time.
//!
//! ## Why
//!
//! Registries lose images. Bitnami moved its versioned tags on Docker Hub to `bitnamilegacy` on
//! 2025-08-28, where they get no updates. HashiCorp left the official images of Docker Hub in June
//! 2023 and had the tag `latest` of `consul` and `vault` removed.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   cache:
//!     image: bitnami/redis:7.2
//! ```
//!
//! ## Fix
//!
//! An image that is still maintained; `bitnamilegacy` only to get going again.
//!
//! ```yaml docker-compose.yml
//! services:
//!   cache:
//!     image: redis:7.2
//! ```
//!
//! ## How to rehearse
//!
//! `docker compose pull`.
//!
//! ## Evidence
//!
//! - bitnami/containers, issue 83267 (the move), 85621 and 86597 (`manifest unknown`).
//! - hashicorp/consul, issue 17916; docker-library/official-images, pull request 14949.

use std::collections::BTreeSet;

use wonin_model::{
    Evidence, FileEdit, Finding, Fix, Image, Located, Mode, ModeMeta, NotChecked, Role, Service,
    Severity,
};
use wonin_text::{Edit, Sources};

use crate::shared::seen::{Part, Shown, Values, all_of, recognise, signals};
use crate::shared::words::list;

pub(crate) struct ImageGone;

static META: ModeMeta = ModeMeta {
    id: "image-gone",
    family: "supply",
    summary: "the image is no longer in its registry",
    source: include_str!("image_gone.rs"),
};

/// Images that are gone, and what to take instead.
struct Gone {
    matches: fn(&Image) -> bool,
    /// The text to replace in the reference, and by what.
    from: &'static str,
    to: &'static str,
    since: &'static str,
    advice: &'static str,
}

const GONE: &[Gone] = &[
    Gone {
        matches: |image| image.repository.starts_with("bitnami/") && has_version(image),
        from: "bitnami/",
        to: "bitnamilegacy/",
        since: "versioned tags moved to bitnamilegacy on 2025-08-28",
        advice: "choose an image that is still maintained (bitnamilegacy gets no updates)",
    },
    Gone {
        matches: |image| image.repository == "consul" && !has_version(image),
        from: "consul",
        to: "hashicorp/consul",
        since: "consul:latest was removed in June 2023",
        advice: "pin a version of hashicorp/consul",
    },
    Gone {
        matches: |image| image.repository == "vault" && !has_version(image),
        from: "vault",
        to: "hashicorp/vault",
        since: "vault:latest was removed in June 2023",
        advice: "pin a version of hashicorp/vault",
    },
];

impl Mode for ImageGone {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own = Vec::new();
        for project in 0..stack.projects.len() {
            let services: Vec<&Service> =
                stack.services_of(project).map(|(_, service)| service).collect();
            for gone in GONE {
                own.extend(finding(&evidence.sources, &services, gone));
            }
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises pulls for which the registry has no such image.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut images = Vec::new();
    let mut shown: Shown<'_> = Vec::new();
    for signal in signals(evidence, &["image.gone"]) {
        images.extend(signal.all("image").into_iter().map(str::to_owned));
        shown.push((Part::whole(signal), "the registry has no such image".to_owned()));
    }
    for signal in signals(evidence, &["ecs.cannot-pull"]) {
        let gone = |values: &Values| {
            values
                .get("why")
                .is_some_and(|why| why.contains("not found") || why.contains("manifest unknown"))
        };
        let part = Part::of(signal, gone);
        shown.extend(part.map(|part| (part, "the registry has no such image".to_owned())));
    }
    let is_known = !shown.is_empty();
    for signal in signals(evidence, &["swarm.no-image"]) {
        images.extend(signal.all("image").into_iter().map(str::to_owned));
        shown.push((Part::whole(signal), "the node has no such image and got none".to_owned()));
    }
    if shown.is_empty() {
        return;
    }
    shown.extend(all_of(
        evidence,
        &[
            ("image.pull-failed", "follows: the container cannot start"),
            ("ecs.task-not-started", "follows: no task is started"),
            ("ecs.not-starting", "follows: no task is started"),
        ],
    ));
    recognise(own, &shown, || {
        let what = match images.first() {
            Some(image) => image.clone(),
            None => "an image".to_owned(),
        };
        if !is_known {
            return Some(not_pulled(&what));
        }
        let title =
            format!("{what} is not in its registry (any more): nothing that needs it starts");
        let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 95);
        Some(finding.fix(Fix::advice(
            "use a tag that exists, and pin it by digest in a registry of your own; versioned tags of bitnami/* moved to bitnamilegacy/* on 2025-08-28",
        )))
    });
}

/// Swarm tells only that a node ended up without the image.
fn not_pulled(what: &str) -> Finding {
    let title = format!(
        "no node got {what}: likely it is not in its registry, or the nodes may not read there"
    );
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 85)
        .leads_to("no-healthy-target")
        .fix(Fix::advice(
            "pull it on a node by hand: `not found` wants another tag, `denied` wants `--with-registry-auth` at the deployment",
        ))
        .fix(Fix::advice("an image that was only built on one machine is on no other: push it"))
}

fn finding(sources: &Sources, services: &[&Service], gone: &Gone) -> Option<Finding> {
    let images: Vec<(&Service, &Located<Image>)> = services
        .iter()
        .filter_map(|service| Some((*service, pulled(service)?)))
        .filter(|(_, image)| from_docker_hub(&image.value) && (gone.matches)(&image.value))
        .collect();
    let names: BTreeSet<&str> = images.iter().map(|(_, image)| image.value.text.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let title = match names.as_slice() {
        [] => return None,
        [name] => format!("{name} cannot be pulled any more: {}", gone.since),
        names => format!("{} cannot be pulled any more: {}", list(names), gone.since),
    };
    let certain = images.iter().all(|(_, image)| image.origin.is_certain());
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Latent, Severity::High, if certain { 95 } else { 70 })
        .leads_to("container-does-not-start");
    let mut fix = Fix::advice(format!("replace {} by {} to get going", gone.from, gone.to));
    let mut all = true;
    for (service, image) in &images {
        let claim = format!("{} runs it", service.name.value);
        finding = finding.because_at(claim, image.origin.clone());
        match replace(sources, image, gone) {
            Some(edit) => fix.edits.push(edit),
            None => all = false,
        }
    }
    if !all {
        fix.edits.clear();
    }
    fix.edits.sort();
    fix.edits.dedup();
    Some(finding.fix(fix).fix(Fix::advice(gone.advice)))
}

/// What has to come out of a registry: the image, or what the Dockerfile starts from.
fn pulled(service: &Service) -> Option<&Located<Image>> {
    match service.build_context {
        Some(_) => service.base_image.as_deref(),
        None => service.image.as_ref(),
    }
}

fn from_docker_hub(image: &Image) -> bool {
    matches!(image.registry.as_str(), "" | "docker.io" | "index.docker.io" | "registry-1.docker.io")
        && image.digest.is_none()
}

fn has_version(image: &Image) -> bool {
    image.tag.as_deref().is_some_and(|tag| !tag.is_empty() && tag != "latest")
}

/// The edit of the repository's name where it stands in the text of the reference.
fn replace(sources: &Sources, image: &Located<Image>, gone: &Gone) -> Option<FileEdit> {
    let place = image.place()?;
    let at = sources.slice(place).find(gone.from)?;
    let span = place.part(at..at + gone.from.len()).span;
    Some(FileEdit { file: place.file, edit: Edit { span, replacement: gone.to.to_owned() } })
}
