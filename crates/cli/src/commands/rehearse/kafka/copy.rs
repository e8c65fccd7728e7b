//! A copy of a stack: what a start of its brokers needs, and repairs that never touch its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use similar::TextDiff;
use wonin_model::rehearsal::Repair;
use wonin_model::{Finding, KafkaBroker, Mount, MountKind, ServiceId};
use wonin_read::Files as _;
use wonin_rehearse::kafka::{Cause, CopiedFile, Layout, Now, Published, Repairable};
use wonin_rehearse::run::CannotRun;
use wonin_text::Sources;

use super::stack::Stack;
use crate::failure::Failure;
use crate::fix;

/// Files that a start may need besides those that were understood: mounted settings, keys, scripts.
const OTHER_FILE_LEN_MAX: u64 = 4 << 20;
/// All of the copy; what is started here is configuration.
const COPY_LEN_MAX: usize = 256 << 20;
/// Edits of one mode may shift one another; each round makes those that fit.
const ROUNDS_MAX: usize = 8;
/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 2;

/// A copy of a stack, as it is after the repairs so far.
#[derive(Debug)]
pub(super) struct Copy {
    now: Stack,
    /// The Compose file that was asked for.
    compose: Option<PathBuf>,
    /// Texts of changed files before the first change.
    originals: BTreeMap<String, String>,
}

impl Copy {
    pub(super) fn of(stack: Stack, compose: Option<&Path>) -> Self {
        Self { now: stack, compose: compose.map(Path::to_owned), originals: BTreeMap::new() }
    }

    /// What is to be started.
    pub(super) fn layout(&self) -> Result<Layout, Failure> {
        let index = self.now.project_index(self.compose.as_deref())?;
        let stack = &self.now.evidence.stack;
        let project = &stack.projects[index];
        let brokers = stack.brokers_in(index);
        let services = self.services(index, &brokers);
        for service in &services {
            self.refuse_data_of_others(index, *service)?;
        }
        let paths = project.files.iter().map(|place| {
            let path = self.now.evidence.sources.file(place.file).path();
            let below = path.strip_prefix(project.dir.as_str()).unwrap_or(path);
            below.trim_start_matches('/').to_owned()
        });
        let published = services.iter().flat_map(|id| {
            let service = stack.service(*id);
            let name = &service.name.value;
            service.ports.iter().filter_map(move |port| {
                let (host_ip, port) = (port.value.host_ip.clone(), port.value.published?);
                Some(Published { service: name.clone(), host_ip, port })
            })
        });
        let names = services.iter().map(|id| stack.service(*id).name.value.clone());
        let ids = brokers.iter().filter(|broker| is_broker(broker)).filter_map(|broker| {
            Some((node_id(broker)?, stack.service(broker.service?).name.value.clone()))
        });
        Ok(Layout {
            files: self.files()?,
            dir: project.dir.clone(),
            compose_files: paths.collect(),
            services: names.collect(),
            brokers: ids.collect(),
            addresses: brokers.iter().flat_map(|broker| self.now.reached_at(broker)).collect(),
            published: published.collect(),
        })
    }

    /// The services of brokers, controllers and of the ZooKeeper that they use.
    fn services(&self, project: usize, brokers: &[&KafkaBroker]) -> Vec<ServiceId> {
        let stack = &self.now.evidence.stack;
        let keepers = stack.servers_in(project).into_iter();
        let keepers = keepers
            .filter(|server| server.product == wonin_model::ServerProduct::ZooKeeper)
            .filter_map(|server| server.service);
        let own = brokers.iter().filter_map(|broker| broker.service);
        let all: BTreeSet<ServiceId> = own.chain(keepers).collect();
        all.into_iter().collect()
    }

    /// Refuses what would write to data that is not the copy's.
    fn refuse_data_of_others(&self, project: usize, id: ServiceId) -> Result<(), Failure> {
        let stack = &self.now.evidence.stack;
        let (service, volumes) = (stack.service(id), &stack.projects[project].volumes);
        let is_of_others = |mount: &Mount| match mount.kind {
            MountKind::Volume => {
                volumes.get(&mount.source).is_some_and(|known| known.external || known.is_shared)
            }
            MountKind::Directory | MountKind::File => !mount.read_only && !is_below(&mount.source),
            MountKind::Anonymous | MountKind::Tmpfs => false,
        };
        match service.mounts.iter().find(|mount| is_of_others(&mount.value)) {
            None => Ok(()),
            Some(mount) => {
                let (source, target) = (&mount.value.source, &mount.value.target);
                let name = &service.name.value;
                Err(Failure::new(format!(
                    "service {name} keeps `{target}` in `{source}`, which a copy of the stack would \
                     share with it"
                ))
                .hint(
                    "start the stack yourself where its data may be lost, and rehearse it as it runs",
                ))
            }
        }
    }

    /// All that was understood, and what else lies there and may be mounted.
    fn files(&self) -> Result<Vec<CopiedFile>, Failure> {
        let evidence = &self.now.evidence;
        let understood = evidence.sources.iter().filter(|(_, file)| !file.is_excerpt());
        let understood: BTreeMap<&str, &str> =
            understood.map(|(_, file)| (file.path(), file.text())).collect();
        let mut paths: BTreeSet<&str> = understood.keys().copied().collect();
        paths.extend(self.now.files.paths().iter().map(String::as_str));
        let mut files = Vec::new();
        let mut len = 0;
        for path in paths {
            let at = self.now.files.on_disk(path);
            let kind = fs::metadata(&at).ok().filter(fs::Metadata::is_file);
            let bytes = match (understood.get(path), &kind) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(kind)) if kind.len() <= OTHER_FILE_LEN_MAX => match fs::read(&at) {
                    Ok(bytes) => bytes,
                    // What cannot be read cannot be needed by what runs as this user.
                    Err(_) => continue,
                },
                _ => continue,
            };
            if !is_below(path) {
                // Templates and parents outside of the directory: the start will say what it lacks.
                continue;
            }
            len += bytes.len();
            if len > COPY_LEN_MAX {
                return Err(Failure::new(format!(
                    "the stack's directory holds more than {} MiB besides what its ignore files \
                     leave out",
                    COPY_LEN_MAX >> 20
                ))
                .hint("give the directory of the Compose file and its settings alone"));
            }
            let is_executable = kind.as_ref().is_some_and(is_executable);
            files.push(CopiedFile { path: path.to_owned(), bytes, is_executable });
        }
        Ok(files)
    }

    /// Findings of causes in the order of repair: those that only help together first.
    fn in_order(&self) -> Vec<&Finding> {
        let diagnosis = &self.now.diagnosis;
        let claims = self.now.claims();
        let is_claimed =
            |finding: &Finding| claims.iter().any(|claim| claim.mode == finding.meta.id);
        let finding = |index: &usize| diagnosis.findings.get(*index);
        let mut order: Vec<&Finding> = Vec::new();
        for group in &diagnosis.groups {
            let members: Vec<&Finding> = group.members.iter().filter_map(finding).collect();
            if members.iter().any(|member| is_claimed(member)) {
                order.extend(members);
            }
        }
        for finding in diagnosis.findings.iter().filter(|finding| is_claimed(finding)) {
            if !order.iter().any(|known| std::ptr::eq(*known, finding)) {
                order.push(finding);
            }
        }
        order
    }

    fn causes(&self) -> Vec<Cause> {
        let mut causes: Vec<Cause> = Vec::new();
        for finding in self.in_order() {
            let has_edits = finding.fixes.iter().any(|fix| !fix.edits.is_empty());
            if let Some(known) = causes.iter_mut().find(|known| known.mode == finding.meta.id) {
                known.has_edits |= has_edits;
                continue;
            }
            let advice = finding.fixes.first().map(|fix| fix.title.clone()).unwrap_or_default();
            let (mode, title) = (finding.meta.id.to_owned(), finding.title.clone());
            causes.push(Cause { mode, title, has_edits, advice });
        }
        causes
    }

    /// One round of edits of a mode; `None` where there is nothing more to change.
    fn round(&self, mode: &str, repair: &mut Repair) -> Result<Option<Stack>, Failure> {
        let evidence = &self.now.evidence;
        let mut plan = fix::Plan::default();
        for finding in self.in_order().into_iter().filter(|finding| finding.meta.id == mode) {
            let Some(fix) = finding.fixes.iter().find(|fix| !fix.edits.is_empty()) else {
                continue;
            };
            let known = plan.done.len();
            plan.take(evidence, fix, &fix.title);
            if plan.done.len() == known {
                continue;
            }
            add(&mut repair.changes, fix.title.clone());
            for edit in &fix.edits {
                let file = evidence.sources.file(edit.file);
                let line = file.position(edit.edit.span.start as usize).line;
                add(&mut repair.places, format!("{}:{line}", file.path()));
            }
        }
        if plan.is_empty() {
            return Ok(None);
        }
        let after = self.now.with_texts(plan.texts(evidence)?);
        fix::check(evidence, &after.evidence)?;
        Ok(Some(after))
    }

    fn repair_all(&mut self, mode: &str) -> Result<Repair, Failure> {
        let mut repair = Repair { mode: mode.to_owned(), ..Repair::default() };
        for _ in 0..ROUNDS_MAX {
            let Some(after) = self.round(mode, &mut repair)? else { break };
            for path in after.texts.keys() {
                let sources = &self.now.evidence.sources;
                let Some(id) = sources.by_path(path) else { continue };
                let text = || sources.file(id).text().to_owned();
                self.originals.entry(path.clone()).or_insert_with(text);
            }
            self.now = after;
        }
        Ok(repair)
    }
}

impl Copy {
    /// The texts of the copy, whose secrets are hidden wherever they come up.
    pub(super) fn sources(&self) -> &Sources {
        &self.now.evidence.sources
    }
}

impl Repairable for Copy {
    fn now(&self) -> Result<Now, CannotRun> {
        Ok(Now {
            application: self.now.application(),
            claims: self.now.claims(),
            causes: self.causes(),
            layout: self.layout().map_err(cannot)?,
        })
    }

    fn repair(&mut self, mode: &str) -> Result<Repair, CannotRun> {
        self.repair_all(mode).map_err(cannot)
    }

    fn diff(&self) -> Vec<String> {
        let sources = &self.now.evidence.sources;
        let mut lines = Vec::new();
        for (path, before) in &self.originals {
            let Some(id) = sources.by_path(path) else { continue };
            let diff = TextDiff::from_lines(before.as_str(), sources.file(id).text());
            let mut diff = diff.unified_diff();
            let diff = diff.context_radius(CONTEXT_LINES).header(path, path);
            lines.extend(diff.to_string().lines().map(str::to_owned));
        }
        lines
    }
}

fn cannot(failure: Failure) -> CannotRun {
    let (what, hint) = failure.into_words();
    CannotRun { what, hint }
}

fn add(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

fn node_id(broker: &KafkaBroker) -> Option<i32> {
    let id = broker.settings.int("node.id").or_else(|| broker.settings.int("broker.id"))?;
    i32::try_from(id.value).ok()
}

/// Whether clients find it in the metadata: a controller alone they do not.
fn is_broker(broker: &KafkaBroker) -> bool {
    let roles = broker.settings.list("process.roles");
    roles.is_empty() || roles.iter().any(|role| role.value == "broker")
}

/// Whether a path lies below the directory that is copied.
fn is_below(path: &str) -> bool {
    let path = Path::new(path.trim_start_matches("./"));
    !path.starts_with("~")
        && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(unix)]
fn is_executable(kind: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&kind.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
