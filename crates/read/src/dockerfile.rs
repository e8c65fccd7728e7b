//! Dockerfiles: what the image of a stage brings into the services built from it (Docker
//! documentation, "Dockerfile reference").

use std::collections::BTreeMap;
use std::sync::Arc;

use wonin_model::{
    HealthCheck, HealthTest, Inheritance, Inherited, Interpolated, Located, Mount, MountKind,
    Service, Skipped,
};
use wonin_syntax::dockerfile::{Dockerfile, Instruction, Pair, Stage, Word, parse};
use wonin_text::{FileId, Place, SourceFile};

use crate::compose::image::image;
use crate::compose::interpolate::{Growth, Variables, fill};
use crate::compose::units::duration_ms;
use crate::fragment::{Content, Format};
use crate::paths;

/// The format's name under `read`.
pub(crate) const NAME: &str = "dockerfile";

/// Files with the names that Docker and Podman look for.
pub(crate) const FORMAT: Format = Format { name: NAME, claims, accepts: |_, _| true, parse: read };

fn claims(path: &str) -> bool {
    let name = paths::file_name(path);
    let is = |stem: &str| {
        name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
    };
    match name.rsplit_once('.') {
        Some((_, "dockerignore")) => false,
        Some((_, "Dockerfile" | "dockerfile")) => true,
        _ => is("Dockerfile") || is("Containerfile") || name == "dockerfile",
    }
}

fn read(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let mut parsed = parse(file.text());
    skipped.extend(parsed.problems.drain(..).map(|problem| Skipped {
        path: file.path().to_owned(),
        place: Some(Place { file: id, span: problem.span }),
        why: problem.message,
    }));
    Content::Dockerfile(Arc::new(parsed))
}

/// A build as Compose describes it.
#[derive(Debug, Default)]
pub(crate) struct Build {
    /// Where the build is described.
    pub(crate) place: Option<Place>,
    /// The stage to build; the last one without.
    pub(crate) target: Option<String>,
    /// Build arguments.
    pub(crate) args: BTreeMap<String, Located<String>>,
}

/// Completes a service by what its Dockerfile says; what the service says itself wins.
pub(crate) fn complete(
    service: &mut Service,
    build: &Build,
    file: FileId,
    dockerfile: &Dockerfile,
) {
    let target = build.target.as_deref().and_then(|name| dockerfile.stage(name));
    let Some(stage) = target.or(dockerfile.last_stage()) else { return };
    let mut config = Config::new(file, build);
    for instruction in &dockerfile.globals {
        config.arguments(instruction);
    }
    let (base, stages) = config.chain(dockerfile, stage);
    config.end_of_globals();
    for stage in stages {
        config.command_set = false;
        for instruction in &stage.instructions {
            config.run(instruction);
        }
    }
    service.base_image =
        Some(Box::new(base.with(image(&base.value)))).filter(|_| !base.value.is_empty());
    config.into_service(service);
}

/// The configuration of an image while it is built.
struct Config<'a> {
    file: FileId,
    build: &'a Build,
    globals: BTreeMap<String, Located<String>>,
    arguments: BTreeMap<String, Located<String>>,
    environment: BTreeMap<String, Located<String>>,
    shell: Vec<String>,
    entrypoint: Option<Located<Vec<String>>>,
    command: Option<Located<Vec<String>>>,
    /// Whether the stage has had a `CMD`: an `ENTRYPOINT` takes back that of its base.
    command_set: bool,
    expose: Vec<Located<u16>>,
    volumes: Vec<Located<String>>,
    health: Option<HealthCheck>,
    growth: Growth,
}

impl Variables for Config<'_> {
    fn variable(&self, name: &str) -> Option<&Located<String>> {
        // `ENV` always wins over `ARG` (Dockerfile reference, "Using ARG variables").
        self.environment.get(name).or(self.arguments.get(name))
    }
}

impl<'a> Config<'a> {
    fn new(file: FileId, build: &'a Build) -> Self {
        Self {
            file,
            build,
            globals: BTreeMap::new(),
            arguments: BTreeMap::new(),
            environment: BTreeMap::new(),
            shell: vec!["/bin/sh".to_owned(), "-c".to_owned()],
            entrypoint: None,
            command: None,
            command_set: false,
            expose: Vec::new(),
            volumes: Vec::new(),
            health: None,
            growth: Growth::new(),
        }
    }

    /// The stages from the one that starts from a foreign image to `last`, and that image.
    fn chain<'d>(
        &self,
        dockerfile: &'d Dockerfile,
        last: &'d Stage,
    ) -> (Located<String>, Vec<&'d Stage>) {
        let mut stages = vec![last];
        let at = |stage: &Stage| {
            dockerfile.stages.iter().position(|other| other.from.span == stage.from.span)
        };
        let mut index = at(last).unwrap_or_default();
        let mut base = self.filled(&last.base);
        // Only earlier stages can be a base, so this ends.
        while let Some(below) = dockerfile.stages[..index].iter().rposition(|stage| {
            let name = stage.name.as_ref();
            name.is_some_and(|name| name.value.eq_ignore_ascii_case(&base.value))
        }) {
            index = below;
            stages.push(&dockerfile.stages[below]);
            base = self.filled(&dockerfile.stages[below].base);
        }
        stages.reverse();
        (base, stages)
    }

    /// `ARG`s before the first `FROM` count in a stage only where it names them again.
    fn end_of_globals(&mut self) {
        self.globals = std::mem::take(&mut self.arguments);
    }

    fn run(&mut self, instruction: &Instruction) {
        match instruction.keyword.as_str() {
            "ARG" => self.arguments(instruction),
            "ENV" => {
                // All values of one instruction see the variables from before it.
                let values: Vec<_> = instruction
                    .pairs
                    .iter()
                    .filter_map(|Pair { name, value }| {
                        Some((name.value.clone(), self.filled(value.as_ref()?)))
                    })
                    .collect();
                self.environment.extend(values);
            }
            "SHELL" => {
                self.shell = instruction.args.iter().map(|word| word.value.clone()).collect();
            }
            "ENTRYPOINT" => {
                self.entrypoint = Some(self.line(instruction));
                if !self.command_set {
                    self.command = None;
                }
            }
            "CMD" => {
                self.command = Some(self.line(instruction));
                self.command_set = true;
            }
            "EXPOSE" => self.expose(instruction),
            "VOLUME" => {
                let paths: Vec<_> = instruction.args.iter().map(|word| self.filled(word)).collect();
                self.volumes.extend(paths);
            }
            "HEALTHCHECK" => self.health = Some(self.health(instruction)),
            _ => {}
        }
    }

    fn arguments(&mut self, instruction: &Instruction) {
        for Pair { name, value } in &instruction.pairs {
            let given = self.build.args.get(&name.value).cloned();
            let default = value.as_ref().map(|word| self.filled(word));
            let value = given.or(default).or(self.globals.get(&name.value).cloned());
            self.arguments.extend(value.map(|value| (name.value.clone(), value)));
        }
    }

    fn expose(&mut self, instruction: &Instruction) {
        for word in &instruction.args {
            let text = self.filled(word);
            for port in crate::compose::ports::exposed(&text.value) {
                if !self.expose.iter().any(|known| known.value == port) {
                    self.expose.push(text.with(port));
                }
            }
        }
    }

    /// The words that `CMD` or `ENTRYPOINT` run: as written, or through the shell.
    fn line(&self, instruction: &Instruction) -> Located<Vec<String>> {
        let place = self.place(instruction.text.span);
        let words = if instruction.is_exec {
            instruction.args.iter().map(|word| word.value.clone()).collect()
        } else {
            self.shell.iter().cloned().chain([instruction.text.value.clone()]).collect()
        };
        self.inherited(words, place)
    }

    fn health(&self, instruction: &Instruction) -> HealthCheck {
        let test = match &instruction.inner {
            None => HealthTest::Disabled,
            Some(inner) if inner.is_exec => {
                HealthTest::Exec(inner.args.iter().map(|word| word.value.clone()).collect())
            }
            Some(inner) => HealthTest::Shell(inner.text.value.clone()),
        };
        let line = instruction.inner.as_ref().map_or(&instruction.text, |inner| &inner.text);
        let flag = |name: &str| Some(self.filled(instruction.flag(name)?));
        let time = |name: &str| flag(name)?.and_then(|text| duration_ms(text));
        HealthCheck {
            place: self.place(instruction.keyword_span),
            test: self.inherited(test, self.place(line.span)),
            interval_ms: time("interval"),
            timeout_ms: time("timeout"),
            retries: flag("retries").and_then(|text| text.and_then(|text| text.parse().ok())),
            start_period_ms: time("start-period"),
            start_interval_ms: time("start-interval"),
        }
    }

    /// A word with its variables filled in.
    fn filled(&self, word: &Word) -> Located<String> {
        let place = self.place(word.span);
        let (length, value) = (word.span.len(), word.value.as_str());
        let place = match length.checked_sub(value.len()) {
            Some(2) if word.style.is_quoted() => place.part(1..length - 1),
            _ => place,
        };
        let Some(filled) = fill(value, self, &self.growth) else {
            return self.inherited(value.to_owned(), place);
        };
        let definitions = filled.used.iter().filter_map(|name| self.variable(name)?.place());
        let origin =
            Interpolated { place, from: definitions.collect(), unset: filled.unset }.into();
        Located { value: filled.value, origin }
    }

    /// A value that the service has from here.
    fn inherited<T>(&self, value: T, place: Place) -> Located<T> {
        let via = self.build.place.into_iter().collect();
        Located { value, origin: Inherited { place, via, how: Inheritance::Image }.into() }
    }

    fn place(&self, span: wonin_text::Span) -> Place {
        Place { file: self.file, span }
    }

    /// Lays the image's configuration under that of the service.
    fn into_service(self, service: &mut Service) {
        for (name, value) in self.environment {
            service.environment.entry(name).or_insert(value);
        }
        for port in self.expose {
            if !service.expose.iter().any(|known| known.value == port.value) {
                service.expose.push(port);
            }
        }
        for path in self.volumes {
            if service.mounts.iter().any(|mount| mount.value.target == path.value) {
                continue;
            }
            service.mounts.push(path.with(Mount {
                kind: MountKind::Anonymous,
                source: String::new(),
                target: path.value.clone(),
                read_only: false,
            }));
        }
        // An entry point given by the service takes back the command of the image.
        if service.entrypoint.is_none() {
            service.entrypoint = self.entrypoint;
            if service.command.is_none() {
                service.command = self.command;
            }
        }
        match (&mut service.healthcheck, self.health) {
            (None, health) => service.healthcheck = health.map(Box::new),
            (Some(own), Some(below)) if own.test.value == HealthTest::Inherited => {
                own.test = below.test;
                own.interval_ms = own.interval_ms.take().or(below.interval_ms);
                own.timeout_ms = own.timeout_ms.take().or(below.timeout_ms);
                own.retries = own.retries.take().or(below.retries);
                own.start_period_ms = own.start_period_ms.take().or(below.start_period_ms);
                own.start_interval_ms = own.start_interval_ms.take().or(below.start_interval_ms);
            }
            (Some(_), _) => {}
        }
    }
}
