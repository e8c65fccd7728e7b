//! Which value of a property counts: files, documents, profiles, environment, arguments.
//!
//! Spring Boot documentation, "Externalized Configuration": later ones win: bootstrap files, files
//! in the archive, those of profiles, files beside the archive, those of profiles, environment
//! variables, system properties, arguments; within one directory `.properties` win over YAML.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{Located, Settings};
use wonin_text::Place;

use super::documents::{Document, Entry, SpringFile, is_bootstrap};
use super::names::{bare, canonical, of_variable, uniform};
use super::{known, placeholders, profiles};

/// What a value of a higher layer is called, and why it wins.
const ENVIRONMENT_RULE: &str = "environment variables come before configuration files";
const ARGUMENT_RULE: &str = "arguments of the command come before configuration files";
const PROFILE_RULE: &str = "files of active profiles come before the others";
const LATER_RULE: &str = "the later of two configuration files or documents counts";

/// What surrounds the files of an application.
#[derive(Debug, Default)]
pub(crate) struct Surroundings<'a> {
    /// Environment variables of its service.
    pub(crate) environment: Option<&'a BTreeMap<String, Located<String>>>,
    /// Properties given on its command line, weakest first: `-Dkey=value`, then `--key=value`.
    pub(crate) arguments: Vec<(String, Located<String>)>,
}

/// Properties in effect.
#[derive(Debug, Default)]
pub(crate) struct Effective {
    /// By canonical name.
    pub(crate) properties: Settings,
    /// The key of each as written; values of the environment have their variable's name.
    pub(crate) keys: BTreeMap<String, Located<String>>,
    /// Written properties that another layer replaced.
    pub(crate) overruled: Vec<Overruled>,
    /// Canonical names by what all spellings share.
    names: BTreeMap<String, String>,
}

/// A property that another layer replaced.
#[derive(Clone, Debug)]
pub(crate) struct Overruled {
    /// The property without effect.
    pub(crate) entry: Entry,
    /// The place of the value that counts.
    pub(crate) by: Place,
    /// Why that one counts.
    pub(crate) rule: &'static str,
}

impl Effective {
    /// A property by any of its spellings.
    pub(crate) fn get(&self, name: &str) -> Option<&Located<String>> {
        self.properties.get(self.names.get(&uniform(&canonical(name)))?)
    }
}

/// Properties in effect from files (in the order of their paths) and surroundings.
pub(crate) fn effective(
    files: &[(&str, &SpringFile)],
    surroundings: &Surroundings<'_>,
) -> Effective {
    let active = active_profiles(files, surroundings);
    let mut layers = Layers::default();
    for (rank, document) in in_order(files, &active) {
        layers.document(document, rank);
    }
    layers.surroundings(surroundings);
    layers.finish(surroundings)
}

/// Where a file stands among its kind: the higher wins.
type Rank = (bool, bool, usize, bool, bool);

/// The documents that count, weakest first; the flag tells those of a profile's file.
fn in_order<'a>(files: &[(&str, &'a SpringFile)], active: &[String]) -> Vec<(bool, &'a Document)> {
    let set = active_set(active);
    let mut ranked: Vec<(Rank, &SpringFile)> = Vec::new();
    for (path, file) in files {
        let profile = match &file.profile {
            None => 0,
            Some(profile) => match active.iter().position(|name| name == profile) {
                Some(position) => position + 1,
                None if active.is_empty() && profile == "default" => 1,
                None => continue,
            },
        };
        let in_archive = path.starts_with("resources/") || path.contains("/resources/");
        let in_config = path.contains("/config/") || path.starts_with("config/");
        let is_properties = path.ends_with(".properties");
        ranked.push(((!is_bootstrap(path), !in_archive, profile, in_config, is_properties), file));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let documents = ranked
        .into_iter()
        .flat_map(|(rank, file)| file.documents.iter().map(move |document| (rank.2 > 0, document)));
    let counts = |document: &Document| {
        document.on_profile.as_ref().is_none_or(|on| profiles::holds(&on.value, &set))
    };
    documents.filter(|(_, document)| counts(document)).collect()
}

/// Without an active profile, `default` is the active one.
fn active_set(active: &[String]) -> BTreeSet<String> {
    if active.is_empty() {
        return BTreeSet::from(["default".to_owned()]);
    }
    active.iter().cloned().collect()
}

/// Active profiles in order: from arguments, else environment, else the files; with the profiles
/// that files include and the members of groups.
fn active_profiles(files: &[(&str, &SpringFile)], around: &Surroundings<'_>) -> Vec<String> {
    let plain: Vec<&Entry> = files
        .iter()
        .filter(|(_, file)| file.profile.is_none())
        .flat_map(|(_, file)| &file.documents)
        .filter(|document| document.on_profile.is_none())
        .flat_map(|document| &document.entries)
        .collect();
    let in_files = |name: &str| {
        let found = plain.iter().rev().find(|entry| entry.name == name);
        found.map(|entry| entry.value.clone())
    };
    let argument = around.arguments.iter().rev().find(|(name, _)| name == "spring.profiles.active");
    let variable = around.environment.and_then(|env| env.get("SPRING_PROFILES_ACTIVE"));
    let chosen = argument
        .map(|(_, value)| value.clone())
        .or_else(|| variable.cloned())
        .or_else(|| in_files("spring.profiles.active"));
    let lookup = |name: &str| {
        let variable = around.environment.and_then(|env| env.get(name)).cloned();
        variable.or_else(|| in_files(&canonical(name)))
    };
    let list = |text: &Located<String>| {
        let filled = placeholders::fill(text, &lookup);
        if filled.missing.is_empty() { profiles::names(&filled.value) } else { Vec::new() }
    };
    let mut active: Vec<String> = Vec::new();
    active.extend(in_files("spring.profiles.include").iter().flat_map(list));
    active.extend(chosen.iter().flat_map(list));
    for name in active.clone() {
        let members = in_files(&format!("spring.profiles.group.{name}"));
        active.extend(members.iter().flat_map(list));
    }
    let mut seen = BTreeSet::new();
    active.retain(|name| seen.insert(name.clone()));
    active
}

/// Values laid over one another.
#[derive(Default)]
struct Layers {
    /// What counts so far, by what all spellings share; the flag tells that a profile set it.
    values: BTreeMap<String, Entry>,
    overruled: Vec<Overruled>,
}

impl Layers {
    fn document(&mut self, document: &Document, of_profile: bool) {
        let rule =
            if of_profile || document.on_profile.is_some() { PROFILE_RULE } else { LATER_RULE };
        for entry in &document.entries {
            // A list replaces a list as a whole.
            if let Some(list) = entry.name.strip_suffix("[0]") {
                let list = uniform(list);
                let prefix = format!("{list}[");
                self.values.retain(|name, _| *name != list && !name.starts_with(&prefix));
            }
            self.put(entry.clone(), rule);
        }
    }

    fn put(&mut self, entry: Entry, rule: &'static str) {
        let Some(by) = entry.value.place() else { return };
        if let Some(before) = self.values.insert(uniform(&entry.name), entry) {
            self.overruled.push(Overruled { entry: before, by, rule });
        }
    }

    fn surroundings(&mut self, around: &Surroundings<'_>) {
        let written = self.values.values().map(|entry| entry.name.clone());
        let written: BTreeMap<String, String> = written.map(|name| (bare(&name), name)).collect();
        for (variable, value) in around.environment.into_iter().flatten() {
            let is_upper = !variable.bytes().any(|b| b.is_ascii_lowercase());
            let name = if is_upper {
                let shared = bare(variable);
                let known = written.get(&shared).or_else(|| known::BY_BARE_NAME.get(&shared));
                known.cloned().or_else(|| of_variable(variable))
            } else {
                variable.contains('.').then(|| canonical(variable))
            };
            if let Some(name) = name {
                let key = value.with(variable.clone());
                self.put(Entry { key, name, value: value.clone() }, ENVIRONMENT_RULE);
            }
        }
        for (name, value) in &around.arguments {
            let entry = Entry {
                key: value.with(name.clone()),
                name: canonical(name),
                value: value.clone(),
            };
            self.put(entry, ARGUMENT_RULE);
        }
    }

    fn finish(self, around: &Surroundings<'_>) -> Effective {
        let mut result = Effective { overruled: self.overruled, ..Effective::default() };
        let lookup = |name: &str| {
            let own = self.values.get(&uniform(&canonical(name))).map(|entry| entry.value.clone());
            own.or_else(|| variable(around, name))
        };
        for (shared, entry) in &self.values {
            let value = placeholders::resolved(&entry.value, &lookup);
            result.names.insert(shared.clone(), entry.name.clone());
            result.keys.insert(entry.name.clone(), entry.key.clone());
            result.properties.set(entry.name.clone(), value);
        }
        join_lists(&mut result);
        result
    }
}

/// An environment variable by its own name or by that of the property it stands for.
pub(crate) fn variable(around: &Surroundings<'_>, name: &str) -> Option<Located<String>> {
    let environment = around.environment?;
    if let Some(value) = environment.get(name) {
        return Some(value.clone());
    }
    let shared = bare(name);
    environment.iter().find(|(variable, _)| bare(variable) == shared).map(|(_, v)| v.clone())
}

/// `a[0]`, `a[1]` of `.properties` files count as `a` with commas, too.
fn join_lists(result: &mut Effective) {
    let mut lists: BTreeMap<String, Vec<(usize, Located<String>)>> = BTreeMap::new();
    for (name, value) in result.properties.iter() {
        if let Some((list, index)) = name.strip_suffix(']').and_then(|name| name.rsplit_once('['))
            && let Ok(index) = index.parse()
            && result.properties.get(list).is_none()
        {
            lists.entry(list.to_owned()).or_default().push((index, value.clone()));
        }
    }
    for (list, mut items) in lists {
        items.sort_by_key(|(index, _)| *index);
        let joined: Vec<&str> = items.iter().map(|(_, value)| value.value.as_str()).collect();
        let joined = joined.join(",");
        if let Some((_, first)) = items.first() {
            result.names.insert(uniform(&list), list.clone());
            result.properties.set(list, first.with(joined));
        }
    }
}

#[cfg(test)]
mod tests;
