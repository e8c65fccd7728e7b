//! Terraform: configuration and plans to ECS deployments.
//!
//! A directory with `.tf` files that no other directory calls as a local module is a root module.
//! Its resources are evaluated (`count`, `for_each`, local modules, variables, locals) into plain
//! maps, [`Resource`], which is also what a plan gives; [`ecs`] joins those.

mod ecs;
mod eval;
mod functions;
mod json;
mod module;
mod operators;
mod plan;
mod public;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::Skipped;
use wonin_syntax::hcl::{self, Body};
use wonin_text::{FileId, Place, SourceFile};

use crate::fragment::{Content, Format};
use crate::paths::{self, directory, file_name};
use crate::pipeline::Joining;
use eval::{Instance, Scope, World};
use module::{Declared, Module};
use value::{Data, Value};

/// Resources whose arguments matter here.
const WANTED: &[&str] = &[
    "aws_ecs_service",
    "aws_ecs_task_definition",
    "aws_lb_target_group",
    "aws_alb_target_group",
    "aws_lb_listener",
    "aws_alb_listener",
    "aws_lb_listener_rule",
    "aws_alb_listener_rule",
    "aws_lb",
    "aws_alb",
    "aws_subnet",
    "aws_autoscaling_group",
    "aws_launch_template",
    "aws_launch_configuration",
    "aws_cloudwatch_metric_alarm",
];

/// How many instances of resources and modules one root may have; beyond it the rest is skipped.
const INSTANCE_LIMIT: usize = 5_000;

/// One resource instance with its arguments evaluated.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    /// `module.x.aws_ecs_service.api[a]`.
    pub(crate) address: String,
    pub(crate) place: Place,
    /// A map of arguments; nested blocks are lists of maps.
    pub(crate) arguments: Value,
}

/// The format of `.tf` files.
pub(crate) const FORMAT: Format = Format { name: "terraform", claims, accepts: |_, _| true, parse };

/// The format of plans and AWS answers.
pub(crate) const JSON_FORMAT: Format = Format {
    name: "deployment-json",
    claims: plan::claims,
    accepts: plan::accepts,
    parse: plan::parse,
};

/// Whether a path is a Terraform file.
fn claims(path: &str) -> bool {
    is_terraform(path.strip_suffix(".json").unwrap_or(path))
}

/// Whether a name without `.json` is Terraform's.
fn is_terraform(name: &str) -> bool {
    matches!(extension(name), "tf" | "tfvars")
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Parses one `.tf` or `.tfvars` file.
fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let json = extension(file.path()) == "json";
    let parse = if json { wonin_syntax::hcl_json::parse } else { hcl::parse };
    let (body, problems) = parse(file.text());
    skipped.extend(problems.into_iter().map(|problem| Skipped {
        path: file.path().to_owned(),
        place: Some(Place { file: id, span: problem.span }),
        why: format!("not valid {}: {}", if json { "JSON" } else { "HCL" }, problem.message),
    }));
    Content::Terraform(body)
}

/// Joins all Terraform files into deployments.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let files: Vec<(FileId, String, Body)> = joining
        .fragments
        .iter_mut()
        .filter_map(|fragment| match &mut fragment.content {
            Content::Terraform(body) => {
                Some((fragment.file, fragment.path.clone(), std::mem::take(body)))
            }
            _ => None,
        })
        .collect();
    let modules = modules(&files);
    let called = called_directories(&modules);
    let has_something =
        |module: &Module<'_>| !module.resources.is_empty() || !module.calls.is_empty();
    let roots = modules
        .iter()
        .filter(|(dir, module)| !called.contains(*dir) && has_something(module))
        .map(|(dir, _)| dir);
    for root in roots {
        let resources = {
            let load = |path: &str| {
                let file = joining.load(path)?;
                Ok((file, joining.text(file).to_owned()))
            };
            let world = World::new(&modules, root, Box::new(load));
            resources(&world)
        };
        let found = ecs::deployments(root, &resources, ecs::Layer::Terraform);
        joining.evidence.stack.deployments.extend(found);
    }
    plan::join(joining);
}

fn modules(files: &[(FileId, String, Body)]) -> BTreeMap<String, Module<'_>> {
    let mut modules: BTreeMap<String, Module<'_>> = BTreeMap::new();
    for (file, path, body) in files {
        let module = modules.entry(directory(path).to_owned()).or_default();
        let name = file_name(path);
        let name = name.strip_suffix(".json").unwrap_or(name);
        if extension(name) == "tf" {
            module.add(*file, body);
        } else if name.split('.').rev().take(2).eq(["tfvars", "auto"]) || name == "terraform.tfvars"
        {
            // Other `.tfvars` files count only when a command names them.
            module.give(*file, body);
        }
    }
    modules
}

/// Directories that some module calls with a local source.
fn called_directories(modules: &BTreeMap<String, Module<'_>>) -> BTreeSet<String> {
    let calls = modules.iter().flat_map(|(dir, module)| {
        module.calls.values().filter_map(|declared| local_source(dir, declared))
    });
    calls.collect()
}

fn local_source(dir: &str, declared: &Declared<'_>) -> Option<String> {
    let source = &declared.block.body.attribute("source")?.value.kind;
    let hcl::ExprKind::Text(source, _) = source else { return None };
    if !source.starts_with("./") && !source.starts_with("../") {
        return None;
    }
    Some(paths::join(dir, source))
}

/// All wanted resources of a root module and the local modules below it.
fn resources(world: &World<'_>) -> Vec<Resource> {
    let mut at = 0;
    // Instances are appended while they are gone through: a call adds its module's.
    while at < world.instances.borrow().len() && at < INSTANCE_LIMIT {
        expand_calls(world, at);
        at += 1;
    }
    let count = world.instances.borrow().len();
    let mut out = Vec::new();
    for instance in 0..count {
        let Some(module) = world.module(instance) else { continue };
        for (name, declared) in &module.calls {
            for (suffix, scope) in repeated(world, instance, declared) {
                let address = format!("{}module.{name}{suffix}.", world.instance(instance).prefix);
                out.extend(public::resources(world, &address, declared, &scope));
            }
        }
        for (name, declared) in &module.resources {
            let kind = name.split('.').next().unwrap_or_default();
            if !WANTED.contains(&kind) || out.len() >= INSTANCE_LIMIT {
                continue;
            }
            for (suffix, scope) in repeated(world, instance, declared) {
                let address = format!("{}{name}{suffix}", world.instance(instance).prefix);
                out.push(Resource {
                    kind: kind.to_owned(),
                    address,
                    place: declared.place(),
                    arguments: world.body(&declared.block.body, &scope, declared.place()),
                });
            }
        }
    }
    out
}

fn expand_calls(world: &World<'_>, instance: usize) {
    let Some(module) = world.module(instance) else { return };
    let holder = world.instance(instance);
    // A module that calls itself through others would go on for ever.
    if holder.prefix.matches("module.").count() > 16 {
        return;
    }
    for (name, declared) in &module.calls {
        let Some(dir) = local_source(&holder.dir, declared) else { continue };
        for (suffix, scope) in repeated(world, instance, declared) {
            if world.instances.borrow().len() >= INSTANCE_LIMIT {
                return;
            }
            let arguments = declared
                .block
                .body
                .attributes
                .iter()
                .map(|argument| (argument.name.clone(), world.eval(&argument.value, &scope)))
                .collect();
            world.instances.borrow_mut().push(Instance {
                dir: dir.clone(),
                prefix: format!("{}module.{name}{suffix}.", holder.prefix),
                arguments: Some(arguments),
            });
        }
    }
}

/// One scope per instance of a block: one without `count` and `for_each`; none where their value
/// is zero; one, with unknown keys, where it is not known.
fn repeated(world: &World<'_>, instance: usize, declared: &Declared<'_>) -> Vec<(String, Scope)> {
    let scope = Scope { instance, file: declared.file, bound: Vec::new() };
    let place = declared.place();
    let map = |entries: Vec<(&str, Value)>| {
        let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Value::new(Data::Map(entries), place)
    };
    if let Some(count) = declared.block.body.attribute("count") {
        return match world.eval(&count.value, &scope).number() {
            Some(count) => (0..(count.max(0.0) as usize).min(INSTANCE_LIMIT))
                .map(|index| {
                    let number = Value::new(Data::Number(index as f64), place);
                    (format!("[{index}]"), scope.with("count", map(vec![("index", number)])))
                })
                .collect(),
            None => {
                let unknown = Value::unknown("count is unknown", place);
                vec![(String::new(), scope.with("count", map(vec![("index", unknown)])))]
            }
        };
    }
    if let Some(over) = declared.block.body.attribute("for_each") {
        let over = world.eval(&over.value, &scope);
        return match eval::each(&over) {
            Some(pairs) => pairs
                .into_iter()
                .take(INSTANCE_LIMIT)
                .map(|(key, value)| {
                    let text = Value::new(Data::Text(key.clone()), place);
                    let each = map(vec![("key", text), ("value", value)]);
                    (format!("[{key}]"), scope.with("each", each))
                })
                .collect(),
            None => {
                let unknown = Value::unknown("for_each is unknown", place);
                let each = map(vec![("key", unknown.clone()), ("value", unknown)]);
                vec![(String::new(), scope.with("each", each))]
            }
        };
    }
    vec![(String::new(), scope)]
}
