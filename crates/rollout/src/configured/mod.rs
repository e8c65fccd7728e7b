//! From what is configured to a [`Plan`]: which number of which file becomes which setting, and
//! what had to be assumed.

mod assume;
mod compose;
mod ecs;
mod given;
mod kubernetes;
mod patch;
mod users;

use std::collections::BTreeMap;

use wonin_model::{Deployment, Located, Origin, Stack, Workload};
use wonin_text::Place;

use crate::plan::Plan;
use crate::solve::Setting;
use crate::startup::Startup;

pub use assume::Reading;
pub use ecs::task_needs;
pub use given::Given;
pub use patch::{edits, edits_or_why};
pub use wonin_model::GivenStartup;
pub use wonin_model::startup::duration_ms;

/// What runs the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Amazon ECS.
    Ecs,
    /// Kubernetes.
    Kubernetes,
    /// Docker Compose.
    Compose,
    /// Docker Swarm.
    Swarm,
}

impl Platform {
    /// The word of `wonin.rollout/1`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Kubernetes => "kubernetes",
            Self::Compose => "compose",
            Self::Swarm => "swarm",
        }
    }
}

/// A service that can be simulated.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Name for people.
    pub name: String,
    /// Address in its language: `aws_ecs_service.api`, `Deployment/web`, `services.web`.
    pub address: String,
    /// Directory of its declaration, relative to the given path.
    pub dir: String,
    /// What runs it.
    pub platform: Platform,
    /// Where it is declared.
    pub place: Place,
    /// Its numbers.
    pub plan: Plan,
    /// Where the numbers come from.
    pub settings: BTreeMap<Setting, Written>,
    /// What nobody wrote and no documentation says.
    pub assumed: Vec<Assumption>,
    /// Runs on Fargate, whose tasks come in fixed sizes.
    pub fargate: bool,
    /// Places of its settings that other services have theirs from, with the names of those.
    pub shared: BTreeMap<Place, Vec<String>>,
}

/// Where a setting's number comes from.
#[derive(Clone, Debug)]
pub struct Written {
    /// The name that the file uses: `health_check_grace_period_seconds`, `failureThreshold`.
    pub name: &'static str,
    /// Its origin.
    pub origin: Origin,
    /// How the file spells the number.
    pub spelling: Spelling,
    /// The block that it stands in, where the name alone says too little: `health_check`,
    /// `livenessProbe`.
    pub within: Option<&'static str>,
    /// Where it would be written if it is not.
    pub home: Option<Home>,
}

impl Written {
    /// Where the number itself stands; `None` for defaults.
    pub fn definition(&self) -> Option<Place> {
        match &self.origin {
            Origin::Interpolated(filled) => match filled.from.as_slice() {
                [only] => Some(*only),
                _ => Some(filled.place),
            },
            origin => origin.place(),
        }
    }

    /// The name with its block: `livenessProbe.failureThreshold`.
    pub fn full_name(&self) -> String {
        self.within.map_or_else(|| self.name.to_owned(), |block| format!("{block}.{}", self.name))
    }
}

/// Where a setting that nobody wrote would stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the block of Terraform at this place.
    Block(Place),
    /// In the block of this name inside the block of Terraform at this place; it is made where
    /// it is not there.
    Nested(Place, &'static str),
    /// In the map at this place: an object of Terraform or JSON, a mapping of YAML.
    Map(Place),
    /// In the mapping behind the YAML key at this place, or in the `HEALTHCHECK` instruction.
    Key(Place),
    /// On a line of its own in front of the line of the sibling's value at this place.
    Beside(Place),
    /// In a block of its own, made in front of the first key of a service at this place.
    Service(Place),
    /// In a startup probe that is made beside the liveness probe at this place.
    BesideLiveness(Place),
}

/// How a file spells the number of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The number alone.
    Plain,
    /// Seconds with their unit: `150s`.
    Seconds,
    /// Percent with its sign: `25%`; numbers of pods alone.
    Pods,
    /// CPU units as thousandths of a CPU: `250m`.
    Millicpu,
    /// CPU units as a fraction of a CPU: `0.25`.
    Cpus,
    /// MiB as a quantity of Kubernetes: `512Mi`.
    Mebibytes,
}

impl Spelling {
    /// The text for a value of the setting.
    pub fn text(self, value: u64) -> String {
        match self {
            Self::Plain | Self::Pods => value.to_string(),
            Self::Seconds => format!("{value}s"),
            Self::Mebibytes => format!("{value}Mi"),
            Self::Millicpu => format!("{}m", (value * 1000).div_ceil(1024)),
            Self::Cpus => {
                let millis = (value * 1000).div_ceil(1024);
                let text = format!("{}.{:03}", millis / 1000, millis % 1000);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }

    /// The value of the setting that a text of a file stands for; `None` where it is none.
    pub fn value(self, text: &str) -> Option<u64> {
        let text = text.trim();
        let units = |millis: f64| {
            (millis.is_finite() && millis >= 0.0).then_some(millis.round() as u64 * 1024 / 1000)
        };
        match self {
            Self::Plain | Self::Pods => text.parse().ok(),
            Self::Seconds => duration_ms(text).ok().map(|ms| ms / 1000),
            Self::Millicpu => match text.strip_suffix('m') {
                Some(millis) => units(millis.parse().ok()?),
                None => units(text.parse::<f64>().ok()? * 1000.0),
            },
            Self::Cpus => units(text.parse::<f64>().ok()? * 1000.0),
            Self::Mebibytes => mebibytes(text),
        }
    }

    /// The value of the setting as the number that the file would use.
    pub fn number(self, value: u64) -> f64 {
        match self {
            Self::Plain | Self::Pods | Self::Seconds | Self::Mebibytes => value as f64,
            Self::Millicpu => (value * 1000).div_ceil(1024) as f64,
            Self::Cpus => (value * 1000).div_ceil(1024) as f64 / 1000.0,
        }
    }
}

/// `512Mi`, `1Gi`, `1G` in whole MiB.
fn mebibytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => return None,
    };
    let bytes = digits.parse::<f64>().ok()? * factor;
    (bytes.is_finite() && bytes >= 0.0).then(|| (bytes / 1_048_576.0) as u64)
}

/// Something that had to be assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// What: `launch latency`.
    pub name: &'static str,
    /// Its value with the unit: `40s`.
    pub value: String,
    /// Where the value comes from: `rollout-semantics 0`, `--launch`.
    pub source: &'static str,
}

/// A service that cannot be simulated, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Name for people.
    pub name: String,
    /// Directory of its declaration, relative to the given path.
    pub dir: String,
    /// What runs it.
    pub platform: Platform,
    /// Where it is declared.
    pub place: Place,
    /// Where the setting stands that could not be told.
    pub at: Option<Place>,
    /// What is missing and how to give it.
    pub why: String,
}

/// All services of a stack that an orchestrator rolls out, in the order of the stack.
pub fn configured(stack: &Stack, given: &Given) -> Vec<Result<Configured, Unready>> {
    let mut found = Vec::new();
    for deployment in &stack.deployments {
        found.extend(of_deployment(deployment, given));
    }
    found.extend(compose::configured(stack, given));
    tell_shared(&mut found);
    found
}

/// Notes which texts give settings of several services: one resource with `for_each`, one variable,
/// one anchor.
fn tell_shared(found: &mut [Result<Configured, Unready>]) {
    let mut users: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for (index, one) in found.iter().enumerate() {
        let Ok(one) = one else { continue };
        for place in one.settings.values().filter_map(Written::definition) {
            let all = users.entry(place).or_default();
            if all.last() != Some(&index) {
                all.push(index);
            }
        }
    }
    users.retain(|_, all| all.len() > 1);
    let names: Vec<String> = found
        .iter()
        .map(|one| one.as_ref().map_or(String::new(), |one| one.name.clone()))
        .collect();
    for (place, all) in users {
        for &index in &all {
            let others = all.iter().filter(|&&other| other != index);
            let others = others.map(|&other| format!("`{}`", names[other])).collect();
            if let Ok(one) = &mut found[index] {
                one.shared.insert(place, others);
            }
        }
    }
}

/// One deployment alone. `None` for workloads that the simulator does not model.
pub fn of_deployment(
    deployment: &Deployment,
    given: &Given,
) -> Option<Result<Configured, Unready>> {
    match &deployment.workload {
        Workload::Ecs(service) => Some(ecs::configured(deployment, service, given)),
        Workload::Kubernetes(workload) => kubernetes::configured(deployment, workload, given),
    }
}

/// The startup time in effect with this amount of CPU; or why it cannot be told.
pub fn startup(given: &GivenStartup, units: Option<u32>) -> Result<Startup, String> {
    given::startup(given, units)
}

/// Collects settings with their origins while a plan is made.
#[derive(Debug, Default)]
struct Collector {
    settings: BTreeMap<Setting, Written>,
    assumed: Vec<Assumption>,
    within: Option<&'static str>,
    home: Option<Home>,
}

impl Collector {
    /// The block in which the settings noted next stand.
    fn enter(&mut self, within: Option<&'static str>, home: Option<Home>) {
        (self.within, self.home) = (within, home);
    }

    fn note<T>(
        &mut self,
        setting: Setting,
        name: &'static str,
        spelling: Spelling,
        value: &Located<T>,
    ) {
        self.note_origin(setting, name, spelling, value.origin.clone());
    }

    fn note_origin(
        &mut self,
        setting: Setting,
        name: &'static str,
        spelling: Spelling,
        origin: Origin,
    ) {
        let (within, home) = (self.within, self.home);
        self.settings.insert(setting, Written { name, origin, spelling, within, home });
    }

    fn assume(&mut self, name: &'static str, value: impl Into<String>, source: &'static str) {
        self.assumed.push(Assumption { name, value: value.into(), source });
    }

    /// A time that was given, or the assumed one, which is noted.
    fn time(
        &mut self,
        name: &'static str,
        given_ms: Option<u64>,
        flag: &'static str,
        assumed_ms: u64,
        source: &'static str,
    ) -> u64 {
        let (ms, source) = given_ms.map_or((assumed_ms, source), |ms| (ms, flag));
        self.assume(name, seconds(ms), source);
        ms
    }
}

fn seconds(ms: u64) -> String {
    format!("{}s", crate::event::seconds(ms))
}

const NO_STARTUP: &str = "no startup time known: give --startup or a log";
