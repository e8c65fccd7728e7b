//! A copy of a stack: what a start of its brokers needs, and repairs that never touch its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use similar::TextDiff;
use wonin_model::rehearsal::Repair;
use wonin_model::{Finding, KafkaBroker, Mount, MountKind, ServiceId};
use wonin_read::Files as _;
use wonin_rehearse::kafka::{Cause, CopiedFile, Layout, Node, Now, Published, Reach, Repairable};
use wonin_rehearse::run::CannotRun;
use wonin_text::{FileId, Sources};

use super::stack::{Stack, node_id};
use crate::failure::Failure;
use crate::fix;

/// Files that a start may need besides those that were understood: mounted settings, keys, scripts.
const OTHER_FILE_LEN_MAX: u64 = 4 << 20;
/// All of the copy; what is started here is configuration.
const COPY_LEN_MAX: u64 = 256 << 20;
/// Edits of one mode may shift one another; each round makes those that fit.
const ROUNDS_MAX: usize = 8;
/// How deep below a mount what is stored may lie: `/bitnami/kafka/data`.
const STORE_DEPTH_MAX: usize = 2;
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
        let started = self.with_dependencies(&services);
        for service in &started {
            self.refuse_data_of_others(index, *service)?;
            self.refuse_networks_of_others(index, *service)?;
        }
        let paths = project.files.iter().map(|place| {
            let path = Path::new(self.now.evidence.sources.file(place.file).path());
            path.strip_prefix(&project.dir).unwrap_or(path).display().to_string()
        });
        let published = started.iter().flat_map(|id| {
            let service = stack.service(*id);
            let name = &service.name.value;
            service.ports.iter().filter_map(move |port| {
                let (host_ip, port) = (port.value.host_ip.clone(), port.value.published?);
                Some(Published { service: name.clone(), host_ip, port })
            })
        });
        let names = services.iter().map(|id| stack.service(*id).name.value.clone());
        let ids = brokers.iter().filter(|broker| broker.has_role("broker")).filter_map(|broker| {
            Some((node_id(broker)?, stack.service(broker.service?).name.value.clone()))
        });
        Ok(Layout {
            files: self.files(&started)?,
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

    /// Refuses what would meet those that run: a broker of the copy would register with their
    /// cluster, under an id that is taken there.
    fn refuse_networks_of_others(&self, project: usize, id: ServiceId) -> Result<(), Failure> {
        let stack = &self.now.evidence.stack;
        let (service, networks) = (stack.service(id), &stack.projects[project].networks);
        let is_of_others = |name: &str| networks.get(name).is_some_and(|network| network.external);
        let joined = service.networks.iter().map(|one| one.network.as_str());
        let mode = service.network_mode.as_ref().map(|mode| mode.value.as_str());
        let mode = mode.filter(|mode| *mode == "host" || mode.starts_with("container:"));
        let what = match (joined.into_iter().find(|name| is_of_others(name)), mode) {
            (Some(name), _) => format!("joins the external network `{name}`"),
            (None, Some(mode)) => format!("has `network_mode: {mode}`"),
            (None, None) => return Ok(()),
        };
        let name = &service.name.value;
        Err(Failure::new(format!(
            "service {name} {what}, in which a copy of the stack would meet what runs there"
        ))
        .hint("rehearse the stack as it runs, where it may be broken"))
    }

    /// Settings that were understood, and what the services mount or are built from.
    fn files(&self, services: &[ServiceId]) -> Result<Vec<CopiedFile>, Failure> {
        let evidence = &self.now.evidence;
        let formats: BTreeMap<FileId, &str> =
            evidence.read.iter().map(|read| (read.file, read.format)).collect();
        let is_settings = |id: &FileId| formats.get(id).is_none_or(|format| *format != "java");
        let understood = evidence.sources.iter();
        let understood: BTreeMap<&str, &str> = understood
            .filter(|(id, file)| is_settings(id) && !file.is_excerpt())
            .map(|(_, file)| (file.path(), file.text()))
            .collect();
        let needed = self.needed(services);
        let is_needed = |path: &str| needed.iter().any(|dir| Path::new(path).starts_with(dir));
        let data = self.data(services);
        let is_data = |path: &str| data.iter().any(|dir| Path::new(path).starts_with(dir));
        let mut paths: BTreeSet<&str> = understood.keys().copied().collect();
        let beside = self.now.files.paths().iter().map(String::as_str);
        paths.extend(beside.filter(|path| is_needed(path)));
        // A file that is named counts even if it is left out of version control, as secrets are.
        paths.extend(needed.iter().map(String::as_str));
        let too_large = |what: String, bytes_max: u64| {
            Failure::new(format!("{what} is more than {} MiB", bytes_max >> 20))
                .hint("start the stack yourself, and rehearse it as it runs")
        };
        let mut files = Vec::new();
        let mut len = 0;
        // What lies elsewhere cannot be in the copy: the start says so where it lacks it.
        for path in paths.into_iter().filter(|path| is_below(path) && !is_data(path)) {
            let at = self.now.files.on_disk(path);
            let kind = fs::metadata(&at).ok().filter(fs::Metadata::is_file);
            // The text of a file that is in no format is not kept: it is read again if needed.
            let text = understood.get(path).filter(|text| !text.is_empty());
            let text = text.map(|text| text.as_bytes().to_vec());
            let is_wanted = |kind: &fs::Metadata| kind.len() == 0 || is_needed(path);
            if kind.as_ref().is_some_and(|kind| kind.len() > OTHER_FILE_LEN_MAX) && is_needed(path)
            {
                let what = format!("`{path}`, which the brokers mount or are built from,");
                return Err(too_large(what, OTHER_FILE_LEN_MAX));
            }
            // What this user cannot read is left out as well.
            let read =
                || kind.as_ref().filter(|kind| is_wanted(kind)).and_then(|_| fs::read(&at).ok());
            let Some(bytes) = text.or_else(read) else { continue };
            len += bytes.len() as u64;
            if len > COPY_LEN_MAX {
                let what = "what the brokers mount or are built from".to_owned();
                return Err(too_large(what, COPY_LEN_MAX));
            }
            let is_executable = kind.as_ref().is_some_and(is_executable);
            files.push(CopiedFile { path: path.to_owned(), bytes, is_executable });
        }
        Ok(files)
    }

    /// Services with all that they depend on.
    fn with_dependencies(&self, services: &[ServiceId]) -> Vec<ServiceId> {
        let stack = &self.now.evidence.stack;
        let mut all: Vec<ServiceId> = services.to_vec();
        let mut next = 0;
        while let Some(id) = all.get(next).copied() {
            next += 1;
            let service = stack.service(id);
            for dependency in &service.depends_on {
                let mut others = stack.services_of(service.project);
                let found = others.find(|(_, one)| one.name.value == dependency.service.value);
                all.extend(found.map(|(id, _)| id).filter(|id| !all.contains(id)));
            }
        }
        all
    }

    /// Paths that services mount, or are built from.
    fn needed(&self, services: &[ServiceId]) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        for service in services.iter().map(|id| self.now.evidence.stack.service(*id)) {
            let mounts = service.mounts.iter().map(|mount| &mount.value);
            let of_host = |kind| matches!(kind, MountKind::Directory | MountKind::File);
            let mounted = mounts.filter(|mount| of_host(mount.kind)).map(|mount| &mount.source);
            let built = service.build_context.as_ref().map(|context| &context.value);
            let paths = mounted.chain(built).map(|path| path.trim_start_matches("./"));
            needed.extend(paths.map(str::to_owned));
        }
        needed
    }

    /// Directories in which brokers keep what they store: a copy of them begins without.
    fn data(&self, services: &[ServiceId]) -> Vec<PathBuf> {
        let mounts = services.iter().flat_map(|id| &self.now.evidence.stack.service(*id).mounts);
        let kept = mounts.map(|mount| &mount.value).filter(|mount| {
            mount.kind == MountKind::Directory
                && !mount.read_only
                && is_below(&mount.source)
                && is_store(&self.now.files.on_disk(&mount.source), STORE_DEPTH_MAX)
        });
        kept.map(|mount| PathBuf::from(mount.source.trim_start_matches("./"))).collect()
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
    /// The brokers as the files tell of them.
    pub(super) fn nodes(&self) -> Result<Vec<Node>, Failure> {
        let index = self.now.project_index(self.compose.as_deref())?;
        let stack = &self.now.evidence.stack;
        let brokers =
            stack.brokers_in(index).into_iter().filter(|broker| broker.has_role("broker"));
        let nodes = brokers.filter_map(|broker| {
            let service = stack.service(broker.service?).name.value.clone();
            let address = self.now.reached_at(broker).into_iter().next()?;
            let reach = Reach::Container { project: "wonin-up-…".to_owned(), service };
            Some(Node { id: node_id(broker)?, address, reach })
        });
        Ok(nodes.collect())
    }

    /// Where the files are that it is a copy of.
    pub(super) fn path(&self) -> &Path {
        &self.now.path
    }

    /// The texts of the copy, whose secrets are hidden wherever they come up.
    pub(super) fn sources(&self) -> &Sources {
        &self.now.evidence.sources
    }
}

impl Repairable for Copy {
    fn now(&self) -> Result<Now, CannotRun> {
        let project = self.now.project_index(self.compose.as_deref()).map_err(cannot)?;
        Ok(Now {
            application: self.now.application(Some(project)),
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

/// The same as an error of a rehearsal.
pub(super) fn cannot(failure: Failure) -> CannotRun {
    let (what, hint) = failure.into_words();
    CannotRun { hint, ..CannotRun::new(what) }
}

fn add(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// Whether a broker or a ZooKeeper has stored something there, by the names that they give it.
fn is_store(dir: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name == "meta.properties"
            || name == "version-2"
            || depth > 0 && entry.path().is_dir() && is_store(&entry.path(), depth - 1)
    })
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_is_in_the_copy_as_it_is_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let at = dir.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, bytes).unwrap();
        };
        let compose = "services:\n  kafka:\n    image: apache/kafka:3.9.1\n    env_file: empty.env\n    \
                       ports: ['9092:9092']\n    volumes:\n      - ./conf:/etc/own:ro\n    \
                       environment:\n      KAFKA_NODE_ID: 1\n      KAFKA_PROCESS_ROLES: \
                       broker,controller\n      KAFKA_ADVERTISED_LISTENERS: \
                       PLAINTEXT://localhost:9092\n";
        put("compose.yml", compose.as_bytes());
        put("empty.env", b"");
        // Formats that are known, and files in them that say nothing of a stack.
        put("conf/users.properties", b"a=b\n");
        put("conf/rules.yml", b"rules: []\n");
        put("conf/keys.jks", &[0xfe, 0xff, 0]);
        put("elsewhere/rules.yml", b"rules: []\n");
        let copy = Copy::of(Stack::read(dir.path()).unwrap(), None);
        let files = copy.layout().unwrap().files;
        let files: Vec<_> = files.iter().map(|one| (one.path.as_str(), &one.bytes[..])).collect();
        let expected: [(&str, &[u8]); 5] = [
            ("compose.yml", compose.as_bytes()),
            ("conf/keys.jks", &[0xfe, 0xff, 0]),
            ("conf/rules.yml", b"rules: []\n"),
            ("conf/users.properties", b"a=b\n"),
            ("empty.env", b""),
        ];
        assert_eq!(files, expected);
    }

    #[test]
    fn secrets_and_configs_of_started_services_are_in_the_copy() {
        let compose = "services:\n  kafka:\n    image: apache/kafka:3.9.1\n    ports: \
                       ['9092:9092']\n    configs: [log]\n    secrets: [user, pass, \
                       far]\n    environment:\n      KAFKA_NODE_ID: 1\n      \
                       KAFKA_PROCESS_ROLES: broker,controller\n      \
                       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:9092\n  app:\n    image: \
                       shop\n    secrets: [app]\nconfigs:\n  log: { file: ./conf/log4j2.yaml \
                       }\nsecrets:\n  user: { file: secrets/user }\n  pass: { file: \
                       ./secrets/pass.txt }\n  far: { file: ../far.txt }\n  app: { file: \
                       ./secrets/app.txt }\n";
        let (_dir, copy) = copy(&[
            ("compose.yml", compose),
            (".gitignore", "secrets/\n"),
            ("conf/log4j2.yaml", "Configuration:\n"),
            ("secrets/user", "admin"),
            ("secrets/pass.txt", "hunter2\n"),
            ("secrets/app.txt", "not asked for\n"),
        ]);
        let files = copy.layout().expect("it can be started").files;
        let files: Vec<_> = files.iter().map(|one| (one.path.as_str(), &one.bytes[..])).collect();
        let expected: [(&str, &[u8]); 4] = [
            ("compose.yml", compose.as_bytes()),
            ("conf/log4j2.yaml", b"Configuration:\n"),
            ("secrets/pass.txt", b"hunter2\n"),
            ("secrets/user", b"admin"),
        ];
        assert_eq!(files, expected);
    }

    fn copy(files: &[(&str, &str)]) -> (tempfile::TempDir, Copy) {
        let dir = tempfile::tempdir().expect("a place for files");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("it lies in the folder"))
                .expect("a new folder");
            fs::write(path, text).expect("a new file");
        }
        let copy = Copy::of(Stack::read(dir.path()).expect("files"), None);
        (dir, copy)
    }

    #[test]
    fn what_brokers_have_stored_is_not_copied_and_large_files_are_named() {
        let compose = |mount: &str| {
            format!(
                "services:\n  kafka:\n    image: apache/kafka:3.9.1\n    ports: ['9092:9092']\n    \
                 volumes: ['{mount}']\n    environment:\n      KAFKA_NODE_ID: 1\n      \
                 KAFKA_PROCESS_ROLES: broker,controller\n      KAFKA_ADVERTISED_LISTENERS: \
                 PLAINTEXT://localhost:9092\n"
            )
        };
        let stored = [("data/kafka/meta.properties", "node.id=1\n"), ("data/kafka/a-0/0.log", "x")];
        let text = compose("./data:/var/lib/kafka");
        let (_dir, kept) = copy(&[&[("compose.yml", text.as_str())], &stored[..]].concat());
        let files = kept.layout().expect("it can be started").files;
        let paths: Vec<&str> = files.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["compose.yml"]);

        let large = "x".repeat((OTHER_FILE_LEN_MAX + 1) as usize);
        let text = compose("./conf:/etc/own:ro");
        let (_dir, refused) = copy(&[("compose.yml", &text), ("conf/big.jks", &large)]);
        let (what, _) = refused.layout().expect_err("it is not half copied").into_words();
        assert_eq!(
            what,
            "`conf/big.jks`, which the brokers mount or are built from, is more than 4 MiB"
        );
    }

    #[test]
    fn all_causes_of_the_case_are_repaired_in_a_copy() {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/one-broker-down");
        let compose = case.join("docker-compose.yml");
        let stack = Stack::read(&case).expect("the case is there");
        let mut copy = Copy::of(stack, Some(&compose));
        let order = ["quorum-without-spare", "single-replica", "advertised-loopback"];
        let causes: Vec<String> = copy.causes().into_iter().map(|cause| cause.mode).collect();
        assert_eq!(causes[..3], order);
        assert_eq!(causes[3..], ["single-bootstrap"]);
        for mode in &causes {
            let repair = copy.repair_all(mode).expect("its edits fit");
            assert!(!repair.changes.is_empty() && !repair.places.is_empty(), "{repair:?}");
        }
        assert_eq!(copy.causes(), []);
        let layout = copy.layout().expect("it can be started");
        assert_eq!(layout.brokers.len(), 3, "{layout:?}");
        assert_eq!(layout.published.len(), 3, "{layout:?}");
        assert!(layout.files.iter().any(|file| file.path == "docker-compose.yml"));
        // Sources and logs are not needed to start brokers.
        let has = |ending| layout.files.iter().any(|file| file.path.rsplit('.').next() == ending);
        assert!(has(Some("yml")) && !has(Some("java")) && !has(Some("log")));
        assert_eq!(copy.now().expect("it is read").application.bootstrap.len(), 3);
        assert!(copy.diff().iter().any(|line| line == "+  kafka3:"), "{:?}", copy.diff());
    }

    #[test]
    fn an_address_in_the_project_s_network_is_that_of_its_broker() {
        let compose = "services:\n  one:\n    image: apache/kafka:3.9.1\n    ports: ['9092:9092']\n    \
                       volumes: ['./settings:/settings:ro']\n    environment:\n      \
                       KAFKA_NODE_ID: 1\n      KAFKA_PROCESS_ROLES: broker,controller\n      \
                       KAFKA_LISTENERS: IN://:19092,OUT://:9092,CONTROLLER://:9093\n      \
                       KAFKA_ADVERTISED_LISTENERS: IN://one:19092,OUT://localhost:9092\n";
        let (_dir, copy) = copy(&[
            ("compose.yml", compose),
            ("settings/run.sh", "#!/bin/sh\n"),
            ("notes.txt", "not needed\n"),
            (
                "app/src/main/resources/application.properties",
                "spring.kafka.bootstrap-servers=one:19092\n",
            ),
        ]);
        let now = copy.now().expect("one project");
        assert_eq!(now.application.bootstrap, ["localhost:9092"]);
        assert_eq!(now.layout.brokers, BTreeMap::from([(1, "one".to_owned())]));
        let paths: Vec<&str> = now.layout.files.iter().map(|file| file.path.as_str()).collect();
        assert!(paths.contains(&"settings/run.sh") && !paths.contains(&"notes.txt"), "{paths:?}");
    }

    #[test]
    fn paths_that_lead_out_of_the_copy_are_told_apart() {
        for below in ["data", "./data/x", "a/b"] {
            assert!(is_below(below), "{below}");
        }
        for out in ["/srv/kafka", "../data", "a/../../b", "~/kafka"] {
            assert!(!is_below(out), "{out}");
        }
    }
}
