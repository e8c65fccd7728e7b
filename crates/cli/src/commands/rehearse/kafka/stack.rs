//! What the files say of the cluster and the application.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wonin_model::{
    ClientKind, ClientLibrary, Diagnosis, Evidence, KafkaBroker, KafkaClient, Settings,
};
use wonin_rehearse::kafka::{Application, Claim, Names, claims, is_near};
use wonin_text::Place;

use crate::disk::DiskFiles;
use crate::failure::Failure;

/// A stack that was read and diagnosed.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) path: PathBuf,
    pub(super) files: DiskFiles,
    /// Texts that are other than on the disk.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) evidence: Evidence,
    pub(super) diagnosis: Diagnosis,
}

/// The brokers of a Compose project.
#[derive(Debug)]
pub(super) struct Project {
    /// Its place in the stack.
    pub(super) index: usize,
    /// The name under which it runs.
    pub(super) name: String,
    /// Services by the id of the broker that they run.
    pub(super) services: BTreeMap<i32, String>,
    /// Where this machine reaches the brokers.
    pub(super) addresses: Vec<String>,
}

impl Stack {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let files = DiskFiles::open(&[path.to_owned()])?;
        Ok(Self::of(path, files, BTreeMap::new()))
    }

    fn of(path: &Path, files: DiskFiles, texts: BTreeMap<String, String>) -> Self {
        let Evidence { sources, stack, certificates, read, skipped, .. } = wonin_read::read(&files);
        // What was seen once says nothing of what is rehearsed, less so when it is repaired.
        let evidence =
            Evidence { sources, stack, certificates, read, skipped, ..Evidence::default() };
        let diagnosis = wonin_modes::examine(&evidence);
        Self { path: path.to_owned(), files, texts, evidence, diagnosis }
    }

    /// The same stack with some texts replaced; no file is touched.
    pub(super) fn with_texts(&self, texts: BTreeMap<String, String>) -> Self {
        let mut all = self.texts.clone();
        all.extend(texts);
        Self::of(&self.path, self.files.with_texts(all.clone()), all)
    }

    /// What `diagnose` says of brokers that stop.
    pub(super) fn claims(&self) -> Vec<Claim> {
        claims(&self.diagnosis)
    }

    /// The application whose clients are played: of those that start at the project's brokers, if
    /// there is any, the first one with a producer.
    pub(super) fn application(&self, project: Option<usize>) -> Application {
        let all: Vec<&KafkaClient> = self.evidence.stack.kafka_clients.iter().collect();
        let is_near = |client: &&KafkaClient| {
            let own = self.own_addresses(project);
            self.bootstrap(project, client).iter().any(|address| own.contains(address))
        };
        let near: Vec<&KafkaClient> = all.iter().copied().filter(is_near).collect();
        let clients = if near.is_empty() { all } else { near };
        let of_kind = |kind| clients.iter().copied().find(|client| client.kind == kind);
        let Some(producer) = of_kind(ClientKind::Producer).or(of_kind(ClientKind::Unknown)) else {
            return Application { names: Names::Librdkafka, ..Application::default() };
        };
        let consumer = of_kind(ClientKind::Consumer);
        let names = match producer.library {
            ClientLibrary::Java => Names::Java,
            ClientLibrary::Librdkafka | ClientLibrary::Other => Names::Librdkafka,
        };
        Application {
            name: producer.name.clone(),
            names,
            producer: settings(&producer.settings),
            consumer: consumer.map(|client| settings(&client.settings)).unwrap_or_default(),
            bootstrap: self.bootstrap(project, producer),
        }
    }

    fn own_addresses(&self, project: Option<usize>) -> Vec<String> {
        let brokers = project.map(|project| self.evidence.stack.brokers_in(project));
        brokers.unwrap_or_default().iter().flat_map(|broker| self.reached_at(broker)).collect()
    }

    /// Where a client starts, as this machine reaches it: an address in the project's networks is
    /// that of the broker behind it.
    fn bootstrap(&self, project: Option<usize>, client: &KafkaClient) -> Vec<String> {
        let stack = &self.evidence.stack;
        let outside = |address: &str| {
            let (host, _) = address.rsplit_once(':')?;
            let service = stack.resolve(project?, host)?;
            self.reached_at(stack.broker_of(service)?).into_iter().next()
        };
        let given = client.settings.list("bootstrap.servers").into_iter();
        given.map(|one| outside(&one.value).unwrap_or(one.value)).collect()
    }

    /// The brokers of the project that a Compose file makes, or of the only one here that runs any.
    pub(super) fn project(
        &self,
        file: Option<&Path>,
        name: Option<String>,
    ) -> Result<Project, Failure> {
        let index = self.project_index(file)?;
        let stack = &self.evidence.stack;
        let brokers = stack.brokers_in(index);
        let services = brokers.iter().filter(|broker| broker.has_role("broker"));
        let services = services.filter_map(|broker| {
            Some((node_id(broker)?, stack.service(broker.service?).name.value.clone()))
        });
        Ok(Project {
            index,
            name: name.unwrap_or_else(|| self.project_name(index)),
            services: services.collect(),
            addresses: brokers.iter().flat_map(|broker| self.reached_at(broker)).collect(),
        })
    }

    /// Which project is meant.
    pub(super) fn project_index(&self, file: Option<&Path>) -> Result<usize, Failure> {
        let stack = &self.evidence.stack;
        let shown = file.map(|file| self.shown(file)).transpose()?;
        let of_file = |index: &usize| {
            let Some(shown) = &shown else { return true };
            let files = stack.projects[*index].files.iter();
            files.map(|place| self.path_of(*place)).any(|path| path == *shown)
        };
        let runs_brokers = |index: &usize| !stack.brokers_in(*index).is_empty();
        let all = (0..stack.projects.len()).filter(of_file);
        let mut found: Vec<usize> = all.filter(runs_brokers).collect();
        // As Compose itself takes it: the one of the directory, not those below.
        let of_top = |index: &usize| stack.projects[*index].dir.is_empty();
        if found.iter().filter(|index| of_top(index)).count() == 1 {
            found.retain(of_top);
        }
        match (found.as_slice(), file) {
            ([only], _) => Ok(*only),
            ([], Some(file)) => Err(Failure::new(format!(
                "no service of `{}` is a Kafka broker that wonin knows",
                file.display()
            ))
            .hint("give brokers that run with `--bootstrap HOST:PORT`")),
            ([], None) => Err(Failure::new(format!(
                "no Compose project with Kafka brokers was found in `{}`",
                self.path.display()
            ))
            .hint("give the file with `--compose FILE`, or brokers with `--bootstrap HOST:PORT`")),
            (several, _) => {
                let first = |index: &usize| stack.projects[*index].files.first().copied();
                let files = several.iter().filter_map(first).map(|place| self.path_of(place));
                let files = files.collect::<Vec<_>>().join(", ");
                Err(Failure::new("several Compose projects here run Kafka brokers")
                    .hint(format!("choose one with `--compose FILE`: {files}")))
            }
        }
    }

    fn path_of(&self, place: Place) -> &str {
        self.evidence.sources.file(place.file).path()
    }

    /// The path of a Compose file as it is shown here; says what is wrong with one that cannot be
    /// read or understood.
    fn shown(&self, file: &Path) -> Result<&str, Failure> {
        let cannot =
            |cause| Failure::new(format!("cannot read `{}`", file.display())).because(cause);
        let wanted = fs::canonicalize(file).map_err(cannot)?;
        fs::read_to_string(file).map_err(cannot)?;
        let is_it = |path: &str| {
            fs::canonicalize(self.files.on_disk(path)).is_ok_and(|known| known == wanted)
        };
        if fs::canonicalize(&self.path).is_ok_and(|path| !wanted.starts_with(path)) {
            let (file, path) = (file.display(), self.path.display());
            return Err(Failure::new(format!("`{file}` does not lie in `{path}`"))
                .hint("give the directory that holds it, or leave the path out"));
        }
        let projects = self.evidence.stack.projects.iter().flat_map(|project| &project.files);
        // What is wrong with a part of a file that makes a project, Compose says if it matters.
        if let Some(path) = projects.map(|place| self.path_of(*place)).find(|path| is_it(path)) {
            return Ok(path);
        }
        if let Some(problem) = self.evidence.skipped.iter().find(|one| is_it(&one.path)) {
            let at = problem.place.map(|place| self.evidence.sources.position(place));
            let at = at.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
            return Err(Failure::new(format!(
                "`{}{at}` cannot be understood: {}",
                file.display(),
                problem.why
            )));
        }
        let mut known = self.evidence.sources.iter().map(|(_, file)| file.path());
        known.find(|path| is_it(path)).ok_or_else(|| {
            Failure::new(format!("`{}` is no Compose file", file.display()))
                .hint("it is to have a top-level mapping `services`")
        })
    }

    /// As Compose names it: lower case, letters, digits, `-` and `_` alone.
    fn project_name(&self, index: usize) -> String {
        let project = &self.evidence.stack.projects[index];
        let mut name = project.name.clone();
        if name.is_empty() || name == "." {
            let dir = self.path.join(&project.dir);
            let dir = dir.canonicalize().unwrap_or(dir);
            name =
                dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        }
        let kept = name.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        kept.skip_while(|c| !c.is_ascii_alphanumeric()).collect()
    }

    /// Where this machine reaches a broker: what it advertises, if that is on this machine, else
    /// the port that it publishes.
    pub(super) fn reached_at(&self, broker: &KafkaBroker) -> Vec<String> {
        let advertised = broker.settings.list("advertised.listeners");
        let told = advertised.iter().filter_map(|one| one.value.split_once("://"));
        let mut found: Vec<String> = told
            .map(|(_, address)| address.trim().to_owned())
            .filter(|address| is_near(address))
            .collect();
        if found.is_empty()
            && let Some(service) = broker.service
        {
            let ports = self.evidence.stack.service(service).ports.iter();
            found.extend(
                ports.filter_map(|port| Some(format!("localhost:{}", port.value.published?))),
            );
        }
        found
    }
}

/// The id by which clients and other brokers know it.
pub(super) fn node_id(broker: &KafkaBroker) -> Option<i32> {
    let id = broker.settings.int("node.id").or_else(|| broker.settings.int("broker.id"))?;
    i32::try_from(id.value).ok()
}

fn settings(settings: &Settings) -> BTreeMap<String, String> {
    settings.iter().map(|(name, value)| (name.to_owned(), value.value.clone())).collect()
}
