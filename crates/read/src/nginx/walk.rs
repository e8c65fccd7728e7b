//! From directives to the places that a proxy sends to.
//!
//! Settings are inherited from block to block; what an inner block sets counts there (nginx
//! documentation, `ngx_http_proxy_module`, `ngx_http_upstream_module`, `ngx_stream_proxy_module`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wonin_model::{Located, Upstream};
use wonin_text::Place;

use super::address::{Address, address, authority, default_port, milliseconds, split_scheme};
use super::lines::Line;

/// Variables within variables that are followed.
const DEPTH_MAX: usize = 4;

/// Values of one variable that are followed.
const VALUES_MAX: usize = 100;

/// How often places that are sent to are noted, equal ones counted each time.
const NOTES_MAX: usize = 50_000;

/// Directives that send requests on, with the prefix of their settings.
const PASSES: &[(&str, &str)] = &[
    ("proxy_pass", "proxy"),
    ("grpc_pass", "grpc"),
    ("fastcgi_pass", "fastcgi"),
    ("uwsgi_pass", "uwsgi"),
    ("scgi_pass", "scgi"),
    ("memcached_pass", "memcached"),
];

/// Blocks whose content is data, not directives.
const DATA: &[&str] = &["charset_map", "geo", "map", "split_clients", "types", "upstream"];

/// Whether a directive sends requests on.
pub(super) fn is_pass(name: &str) -> bool {
    PASSES.iter().any(|(pass, _)| *pass == name)
}

/// Everything that the directives send to, in the order of the text, equal ones once.
pub(super) fn upstreams(lines: &[Line]) -> Vec<Upstream> {
    let mut walk = Walk::default();
    let scope = Scope::default();
    walk.collect_groups(lines, &scope);
    walk.block(lines, &scope);
    walk.unused_groups();
    walk.found
}

/// What counts in a block.
#[derive(Clone, Debug, Default)]
struct Scope {
    /// Within `stream`, where addresses have no scheme and times have other names.
    is_stream: bool,
    resolver: Option<Place>,
    // Shared with the outer block until this one sets something: maps may be long.
    settings: Rc<BTreeMap<String, Located<String>>>,
    /// Values that a variable may have.
    variables: Rc<BTreeMap<String, Vec<Located<String>>>>,
}

impl Scope {
    /// The scope of a block within this one.
    fn within(&self, name: &str, lines: &[Line]) -> Self {
        let mut scope = self.clone();
        scope.is_stream |= name == "stream";
        for line in lines {
            scope.note(line);
        }
        scope
    }

    fn note(&mut self, line: &Line) {
        match (line.name.as_str(), line.args.as_slice()) {
            ("resolver", [server, ..]) if server.value != "off" => self.resolver = Some(line.place),
            ("set", [name, value, ..]) => self.set(name, value),
            ("map", [_, name, ..]) => {
                let values = line.block.iter().filter_map(|entry| entry.args.first());
                for value in values {
                    self.set(name, value);
                }
            }
            // What a condition sets may count.
            ("if", _) => line.block.iter().filter(|line| line.is("set")).for_each(|l| self.note(l)),
            (name, [value, ..]) if name.ends_with("_timeout") || is_switch(name) => {
                Rc::make_mut(&mut self.settings).insert(name.to_owned(), value.clone());
            }
            _ => {}
        }
    }

    fn set(&mut self, name: &Located<String>, value: &Located<String>) {
        if let Some(name) = name.value.strip_prefix('$') {
            let values = Rc::make_mut(&mut self.variables).entry(name.to_owned()).or_default();
            if values.len() < VALUES_MAX {
                values.push(value.clone());
            }
        }
    }

    fn time(&self, name: &str, default_ms: u64, module: &str) -> Located<u64> {
        let written = self.settings.get(name).and_then(|text| text.and_then(|t| milliseconds(t)));
        written.unwrap_or_else(|| {
            Located::default_of(
                default_ms,
                "nginx",
                format!("nginx documentation, {module}, {name}"),
            )
        })
    }

    /// Connect and read timeout of a directive with this prefix.
    fn times(&self, prefix: &str) -> Times {
        let module = match prefix {
            _ if self.is_stream => "ngx_stream_proxy_module".to_owned(),
            prefix => format!("ngx_http_{prefix}_module"),
        };
        let connect = self.time(&format!("{prefix}_connect_timeout"), 60_000, &module);
        let read = if self.is_stream {
            self.time("proxy_timeout", 600_000, &module)
        } else {
            self.time(&format!("{prefix}_read_timeout"), 60_000, &module)
        };
        Times { connect, read }
    }

    /// Whether connections can be used again at all: HTTP/1.0, which proxied requests speak unless
    /// told otherwise, ends each one.
    fn keeps_connections(&self, prefix: &str) -> bool {
        let is =
            |name: &str, value: &str| self.settings.get(name).is_some_and(|v| v.value == value);
        match prefix {
            "proxy" => {
                !self.is_stream
                    && !is("proxy_http_version", "1.0")
                    && self.settings.contains_key("proxy_http_version")
            }
            "fastcgi" => is("fastcgi_keep_conn", "on"),
            _ => true,
        }
    }
}

fn is_switch(name: &str) -> bool {
    matches!(name, "proxy_http_version" | "fastcgi_keep_conn")
}

#[derive(Clone, Debug)]
struct Times {
    connect: Located<u64>,
    read: Located<u64>,
}

/// An `upstream` block.
#[derive(Debug)]
struct Group {
    servers: Vec<Server>,
    resolver: Option<Place>,
    /// `keepalive` is set; how long an idle connection stays.
    keepalive: Option<Located<u64>>,
    /// The scope of the block, for groups that nothing uses.
    scope: Scope,
    used: bool,
}

#[derive(Debug)]
struct Server {
    address: Address,
    resolve: bool,
}

#[derive(Default)]
struct Walk {
    groups: BTreeMap<String, Group>,
    /// Names of groups in the order of the text.
    order: Vec<String>,
    found: Vec<Upstream>,
    known: BTreeSet<Key>,
    /// How often something was noted, see [`NOTES_MAX`].
    notes: usize,
}

impl Walk {
    fn collect_groups(&mut self, lines: &[Line], outer: &Scope) {
        let scope = outer.within("", lines);
        for line in lines.iter().filter(|line| line.has_block) {
            match line.arg() {
                Some(name) if line.is("upstream") => {
                    self.order.push(name.value.clone());
                    self.groups.insert(name.value.clone(), group(line, &scope));
                }
                _ if line.is("http") || line.is("stream") => {
                    let mut inner = scope.clone();
                    inner.is_stream |= line.is("stream");
                    self.collect_groups(&line.block, &inner);
                }
                _ => {}
            }
        }
    }

    fn block(&mut self, lines: &[Line], outer: &Scope) {
        let scope = outer.within("", lines);
        for line in lines {
            let pass = PASSES.iter().find(|(pass, _)| line.is(pass));
            if let (Some((_, prefix)), Some(target)) = (pass, line.arg()) {
                self.pass(target, prefix, &scope);
            } else if line.has_block && !DATA.contains(&line.name.as_str()) {
                let mut inner = scope.clone();
                inner.is_stream |= line.is("stream");
                self.block(&line.block, &inner);
            }
        }
    }

    fn pass(&mut self, target: &Located<String>, prefix: &str, scope: &Scope) {
        if NOTES_MAX <= self.notes {
            return;
        }
        let by_variable = target.value.contains('$');
        let times = scope.times(prefix);
        for (scheme, target) in targets(target, scope, 0) {
            // Nothing is known of a host that only a request or the environment names.
            let known = |address: &Address| !address.host.value.contains('$');
            let Some(address) = address(&target).filter(known) else { continue };
            if self.groups.contains_key(&address.host.value) && address.port.is_none() {
                self.send_to_group(&address.host.value, prefix, scope, scheme.as_deref());
                continue;
            }
            self.push(Upstream {
                port: address.port.or_else(|| default_port(scheme.as_deref())),
                host: address.host,
                resolved_again: by_variable && scope.resolver.is_some(),
                by_variable,
                resolver: scope.resolver,
                connect_timeout_ms: times.connect.clone(),
                read_timeout_ms: times.read.clone(),
                keepalive_timeout_ms: None,
            });
        }
    }

    fn send_to_group(&mut self, name: &str, prefix: &str, scope: &Scope, scheme: Option<&str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        group.used = true;
        let times = scope.times(prefix);
        let keepalive = group.keepalive.clone().filter(|_| scope.keeps_connections(prefix));
        let resolver = group.resolver.or(scope.resolver);
        let made = |server: &Server| Upstream {
            host: server.address.host.clone(),
            // A server of a group has port 80 whatever the scheme of the directive.
            port: server.address.port.or(scheme.map(|_| 80)),
            resolved_again: server.resolve && resolver.is_some(),
            by_variable: false,
            resolver,
            connect_timeout_ms: times.connect.clone(),
            read_timeout_ms: times.read.clone(),
            keepalive_timeout_ms: keepalive.clone(),
        };
        let made: Vec<Upstream> = group.servers.iter().map(made).collect();
        for upstream in made {
            self.push(upstream);
        }
    }

    /// Groups that nothing here sends to: their user may stand in a file that was not found.
    fn unused_groups(&mut self) {
        for name in std::mem::take(&mut self.order) {
            if let Some(group) = self.groups.get(&name).filter(|group| !group.used) {
                let scope = group.scope.clone();
                self.send_to_group(&name, "proxy", &scope, Some("http"));
            }
        }
    }

    fn push(&mut self, upstream: Upstream) {
        let key = Key {
            host: upstream.host.value.clone(),
            port: upstream.port,
            resolves: [upstream.by_variable, upstream.resolved_again],
            times: [upstream.connect_timeout_ms.value, upstream.read_timeout_ms.value],
            keeps: upstream.keepalive_timeout_ms.is_some(),
        };
        self.notes += 1;
        if self.known.insert(key) {
            self.found.push(upstream);
        }
    }
}

/// What makes two places that are sent to equal.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    host: String,
    port: Option<u16>,
    resolves: [bool; 2],
    times: [u64; 2],
    keeps: bool,
}

fn group(line: &Line, outer: &Scope) -> Group {
    let scope = outer.within("upstream", &line.block);
    let server = |line: &Line| {
        let target = line.arg()?;
        let resolve = line.args.iter().skip(1).any(|arg| arg.value == "resolve");
        Some(Server { address: address(target)?, resolve })
    };
    let servers = line.block.iter().filter(|line| line.is("server")).filter_map(server).collect();
    let keeps = line.block.iter().any(|line| {
        line.is("keepalive") && line.arg().is_some_and(|count| count.value.trim() != "0")
    });
    // The `keepalive_timeout` of `http` is the one towards clients.
    let own = line.block.iter().rev().find(|line| line.is("keepalive_timeout"));
    let own = own.and_then(Line::arg).and_then(|time| time.and_then(|text| milliseconds(text)));
    let keepalive = keeps.then(|| {
        own.unwrap_or_else(|| {
            let source = "nginx documentation, ngx_http_upstream_module, keepalive_timeout";
            Located::default_of(60_000, "nginx", source)
        })
    });
    Group { servers, resolver: scope.resolver, keepalive, scope: outer.clone(), used: false }
}

/// The authorities that a target may mean, variables replaced by the values that they are given.
fn targets(
    target: &Located<String>,
    scope: &Scope,
    depth: usize,
) -> Vec<(Option<String>, Located<String>)> {
    let (scheme, rest) = split_scheme(target);
    let authority = authority(&rest);
    let (name, after) = match leading_variable(&authority.value) {
        Some((name, length)) => (name, &authority.value[length..]),
        None => return vec![(scheme, authority)],
    };
    let is_whole = after.is_empty() || after.starts_with(':');
    let values = scope.variables.get(name).filter(|_| is_whole && depth < DEPTH_MAX);
    let Some(values) = values else { return vec![(scheme, authority.clone())] };
    let mut found = Vec::new();
    for value in values {
        if VALUES_MAX <= found.len() {
            break;
        }
        for (own, meant) in targets(value, scope, depth + 1) {
            let joined = if after.is_empty() || after.contains('$') {
                meant
            } else {
                meant.with(format!("{}{after}", meant.value))
            };
            found.push((own.or_else(|| scheme.clone()), joined));
        }
    }
    found
}

/// `$name` or `${name}` at the start: the name and how long it is as written.
fn leading_variable(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    if let Some((name, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return Some((name, name.len() + 3));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    (end > 0).then_some((&rest[..end], end + 1))
}
