//! nginx: which upstreams a reverse proxy sends to, and how it finds and waits for them.
//!
//! The files of one proxy are those that a container sees under nginx's directories; files that no
//! container sees form proxies of their own: a root file (`nginx.conf`) with what it includes, and
//! the sites of each directory that no root includes.

mod address;
mod lines;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{Gateway, Service, ServiceId, Skipped};
use wonin_syntax::{NginxDirective, NginxTree, parse_nginx};
use wonin_text::{FileId, Place, SourceFile, Span};

use crate::fragment::{Content, Format};
use crate::paths;
use crate::pipeline::Joining;
use crate::servers::{Container, repository};
use lines::{File, View};

/// The format.
pub(crate) const FORMAT: Format = Format { name: "nginx", claims, accepts, parse };

/// Directories of a container that nginx is configured in.
const INSIDE: &[&str] = &[
    "/etc/nginx/",
    "/opt/bitnami/nginx/conf/",
    "/usr/local/nginx/conf/",
    "/usr/local/openresty/nginx/conf/",
];

/// Below [`INSIDE`], what the configuration that comes with an image includes into `http`.
const INCLUDED: &[&str] = &["conf.d/", "http.d/", "server_blocks/", "sites-enabled/"];

/// Problems of one file that are told one by one.
const PROBLEMS_MAX: usize = 20;

fn claims(path: &str) -> bool {
    let name = paths::file_name(path);
    let ends = [".conf", ".conf.template", ".template", ".nginx"];
    let places = ["/sites-enabled/", "/sites-available/"];
    ends.iter().any(|end| name.ends_with(end))
        || name.starts_with("nginx.conf")
        || places.iter().any(|place| format!("/{path}").contains(place))
}

fn accepts(_path: &str, text: &str) -> bool {
    let may_be = ["_pass", "upstream", "http", "server"].iter().any(|word| text.contains(word));
    may_be && is_nginx(&parse_nginx(text).directives)
}

/// Whether the directives are nginx's: one sends requests on, or blocks stand where only nginx has
/// them.
fn is_nginx(directives: &[NginxDirective]) -> bool {
    directives.iter().any(|directive| {
        let name = directive.name.value.as_str();
        let has_child = |name: &str| directive.children().iter().any(|child| child.is(name));
        match name {
            _ if walk::is_pass(name) => directive.args.len() == 1,
            "upstream" => directive.args.len() == 1 && has_child("server"),
            "http" => has_child("server") || has_child("include") || has_child("upstream"),
            "server" if has_child("listen") || has_child("location") => true,
            "server" | "stream" | "location" => is_nginx(directive.children()),
            _ => false,
        }
    })
}

fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let tree = parse_nginx(file.text());
    for problem in tree.problems.iter().take(PROBLEMS_MAX) {
        skipped.push(Skipped {
            path: file.path().to_owned(),
            place: Some(Place { file: id, span: problem.span }),
            why: problem.message.clone(),
        });
    }
    Content::Nginx(tree)
}

/// Finds proxies and where they send requests.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let services = std::mem::take(&mut joining.evidence.stack.services);
    let mut trees = trees(joining);
    let seen: Vec<Seen> = services
        .iter()
        .enumerate()
        .map(|(index, service)| Seen::of(ServiceId(index), service, joining, &mut trees))
        .collect();
    let mut gateways = Vec::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for seen in &seen {
        taken.extend(seen.files.values().cloned());
        gateways.extend(of_container(seen, &services[seen.service.0], &trees));
    }
    trees.retain(|path, _| !taken.contains(path));
    gateways.extend(of_tree(&trees));
    joining.evidence.stack.services = services;
    joining.evidence.stack.gateways.extend(gateways);
}

/// All nginx files by path.
type Trees = BTreeMap<String, (FileId, NginxTree)>;

fn trees(joining: &Joining<'_>) -> Trees {
    let of_fragment = |fragment: &crate::fragment::Fragment| match &fragment.content {
        Content::Nginx(tree) => Some((fragment.path.clone(), (fragment.file, tree.clone()))),
        _ => None,
    };
    joining.fragments.iter().filter_map(of_fragment).collect()
}

/// The nginx files that a container sees, by the path inside.
struct Seen {
    service: ServiceId,
    files: BTreeMap<String, String>,
}

impl Seen {
    fn of(id: ServiceId, service: &Service, joining: &mut Joining<'_>, trees: &mut Trees) -> Self {
        let container = Container::of(service, joining);
        let mut files = BTreeMap::new();
        for directory in INSIDE {
            // A file of any name is nginx's when it is put there by name.
            for (_, path) in container.single_files(directory) {
                if !trees.contains_key(&path) && joining.exists(&path) {
                    load(&path, joining, trees);
                }
            }
            files.append(&mut container.below(directory, trees.keys()));
        }
        if repository(service).contains("nginx") {
            files.append(&mut elsewhere(&container, trees));
        }
        Self { service: id, files }
    }
}

/// nginx files that a container of nginx sees elsewhere, one by one: its start script fills them
/// in with `envsubst` or copies them to where nginx looks.
fn elsewhere(container: &Container, trees: &Trees) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (inside, path) in container.single_files("/") {
        let is_known = INSIDE.iter().any(|directory| inside.starts_with(directory));
        let Some((_, tree)) = trees.get(&path).filter(|_| !is_known) else { continue };
        let name = paths::file_name(&inside);
        let name = name.strip_suffix(".template").unwrap_or(name);
        let target = if is_root(tree) {
            "/etc/nginx/nginx.conf.template".to_owned()
        } else {
            format!("/etc/nginx/conf.d/{name}.template")
        };
        files.insert(target, path);
    }
    files
}

fn load(path: &str, joining: &mut Joining<'_>, trees: &mut Trees) {
    let Ok(file) = joining.load(path) else { return };
    let tree = parse_nginx(joining.text(file));
    if is_nginx(&tree.directives) {
        joining.note_read(file, "nginx");
        trees.insert(path.to_owned(), (file, tree));
    }
}

fn of_container(seen: &Seen, service: &Service, trees: &Trees) -> Option<Gateway> {
    let mut files = BTreeMap::new();
    for (inside, path) in &seen.files {
        let Some((id, tree)) = trees.get(path) else { continue };
        let is_template = inside.ends_with(".template");
        // The start script writes templates without their ending into `conf.d`.
        let name = inside.strip_suffix(".template").unwrap_or(inside);
        let name = name.replacen("/etc/nginx/templates/", "/etc/nginx/conf.d/", 1);
        files.insert(name, File { id: *id, tree, is_template });
    }
    let roots: Vec<String> = INSIDE.iter().map(|dir| format!("{dir}nginx.conf")).collect();
    let root = roots.into_iter().find(|root| files.contains_key(root));
    let starts: Vec<String> = match root {
        Some(root) => vec![root],
        // The root file that comes with the image includes its directories into `http`.
        None => files.keys().filter(|path| is_included(path)).cloned().collect(),
    };
    let name = service.name.value.clone();
    gateway(name, Some(seen.service), &starts, View::new(files, Some(&service.environment)))
}

fn is_included(path: &str) -> bool {
    let relative = INSIDE.iter().find_map(|directory| path.strip_prefix(directory));
    let is_in = |rest: &str| INCLUDED.iter().any(|included| rest.starts_with(included));
    relative.is_some_and(is_in)
}

/// Whether nginx can start with a file.
fn is_root(tree: &NginxTree) -> bool {
    tree.directives.iter().any(|line| line.is("http") || line.is("stream") || line.is("events"))
}

/// Proxies of files that no container sees.
fn of_tree(trees: &Trees) -> Vec<Gateway> {
    let files: BTreeMap<String, File<'_>> = trees
        .iter()
        .map(|(path, (id, tree))| {
            let is_template = path.ends_with(".template");
            (path.clone(), File { id: *id, tree, is_template })
        })
        .collect();
    let mut gateways = Vec::new();
    let mut used = BTreeSet::new();
    for (path, _) in trees.iter().filter(|(_, (_, tree))| is_root(tree)) {
        let mut view = View::new(files.clone(), None);
        view.lines(path);
        used.extend(view.seen());
        let starts = std::slice::from_ref(path);
        gateways.extend(gateway(path.clone(), None, starts, View::new(files.clone(), None)));
    }
    let mut sites: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for path in trees.keys().filter(|path| !used.contains(*path)) {
        sites.entry(paths::directory(path)).or_default().push(path.clone());
    }
    for starts in sites.values() {
        let view = View::new(files.clone(), None);
        gateways.extend(gateway(starts[0].clone(), None, starts, view));
    }
    gateways
}

/// The proxy that starts with these files; `None` where it sends nothing on.
fn gateway(
    name: String,
    service: Option<ServiceId>,
    starts: &[String],
    mut view: View<'_>,
) -> Option<Gateway> {
    let file = view.files.get(starts.first()?)?.id;
    let lines: Vec<_> = starts.iter().flat_map(|start| view.lines(start)).collect();
    let upstreams = walk::upstreams(&lines);
    if upstreams.is_empty() {
        return None;
    }
    Some(Gateway { name, service, place: Place { file, span: Span::default() }, upstreams })
}
