//! Maps of client settings as code builds them, put by put.

use wonin_model::{Located, Settings};
use wonin_syntax::java::{Around, Call, Expr, ExprKind, New, Stmt, Visit, walk};

use super::{Values, setting_of_constant};
use crate::java::codebase::{MAX_CALLS, Named, Scope, assigned, returned};
use crate::spring::kafka::{self, ClientSettings};
use crate::spring::kafka_keys::Section;

/// A map of settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Built {
    pub(crate) values: ClientSettings,
    /// Whether it begins with what `spring.kafka.*` says.
    pub(crate) from_spring: bool,
}

impl Built {
    /// A map that may hold anything, for the reason that stands at `at`.
    pub(crate) fn open(at: &Located<String>) -> Self {
        let mut built = Self::default();
        built.open_at(at);
        built
    }

    fn open_at(&mut self, at: &Located<String>) {
        if !self.values.is_open() {
            self.values.unknown.push(at.with("*".to_owned()));
        }
    }

    /// Another map laid over this one.
    pub(crate) fn put_all(&mut self, over: Self) {
        for (name, value) in over.values.settings.iter() {
            self.values.set(name, Some(value.clone()), value);
        }
        for unknown in over.values.unknown {
            if unknown.value == "*" {
                self.open_at(&unknown);
            } else {
                let name = unknown.value.clone();
                self.values.set(&name, None, &unknown);
            }
        }
        self.from_spring |= over.from_spring;
    }
}

/// Methods that only look at a map.
const LOOKING: &[&str] = &[
    "containsKey",
    "entrySet",
    "equals",
    "get",
    "getOrDefault",
    "getProperty",
    "hashCode",
    "isEmpty",
    "keySet",
    "size",
    "stringPropertyNames",
    "toString",
    "values",
];

/// Methods of Spring's `KafkaProperties` and the section that each builds.
const SPRING_BUILDERS: &[(&str, Section)] = &[
    ("buildAdminProperties", Section::Admin),
    ("buildConsumerProperties", Section::Consumer),
    ("buildProducerProperties", Section::Producer),
    ("buildStreamsProperties", Section::Streams),
];

impl<'a> Values<'_, 'a> {
    /// The map that an expression gives.
    pub(crate) fn map(&self, scope: &Scope<'a>, expr: &'a Expr) -> Built {
        self.map_within(scope, expr, 0)
    }

    fn here(&self, scope: &Scope<'a>, expr: &Expr) -> Located<String> {
        Located::written("*".to_owned(), self.code.place(scope.class, expr.span))
    }

    fn map_within(&self, scope: &Scope<'a>, expr: &'a Expr, depth: usize) -> Built {
        if depth > MAX_CALLS {
            return Built::open(&self.here(scope, expr));
        }
        match &expr.kind {
            ExprKind::Cast(_, inner) => self.map_within(scope, inner, depth),
            ExprKind::New(new) => self.new_map(scope, expr, new, depth),
            ExprKind::Call(call) => self.call_map(scope, expr, call, depth),
            _ => match expr.as_name() {
                Some(name) => self.variable_map(scope, expr, name, depth),
                None => Built::open(&self.here(scope, expr)),
            },
        }
    }

    fn new_map(&self, scope: &Scope<'a>, expr: &'a Expr, new: &'a New, depth: usize) -> Built {
        if !["Map", "Properties", "Hashtable"].iter().any(|end| new.of.name.ends_with(end)) {
            return Built::open(&self.here(scope, expr));
        }
        let mut built = match &new.args[..] {
            [Expr { kind: ExprKind::Int(_), .. }, ..] | [] => Built::default(),
            [of, ..] => self.map_within(scope, of, depth + 1),
        };
        for method in &new.body {
            self.puts(scope, method.statements(), None, &mut built, depth);
        }
        built
    }

    fn variable_map(&self, scope: &Scope<'a>, expr: &'a Expr, name: &str, depth: usize) -> Built {
        let open = || Built::open(&self.here(scope, expr));
        match self.code.named(scope, name) {
            Some(Named::Local(_, initial)) => {
                let later = assigned(scope.body(), name);
                let mut built = match (initial, &later[..]) {
                    (Some(value), []) => self.map_within(scope, value, depth + 1),
                    (None, [(value, true)]) => self.map_within(scope, value, depth + 1),
                    _ => open(),
                };
                self.puts(scope, scope.body(), Some(name), &mut built, depth);
                built
            }
            Some(Named::Param(_, index)) => {
                let mut built = match scope.argument(index) {
                    Some((caller, given)) => self.map_within(caller, given, depth + 1),
                    None => self.map_bean(scope, name, depth).unwrap_or_else(open),
                };
                self.puts(scope, scope.body(), Some(name), &mut built, depth);
                built
            }
            Some(Named::Field(class, field)) => {
                let decl = self.code.class(class).decl;
                let mut built = match &field.value {
                    Some(value) => self.map_within(&Scope::class(class), value, depth + 1),
                    None => self.map_bean(scope, name, depth).unwrap_or_else(open),
                };
                for block in &decl.initializers {
                    let at = Scope::class(class);
                    self.puts(&at, &block.body, Some(name), &mut built, depth);
                }
                for method in &decl.methods {
                    let at = Scope::of(class, method);
                    let set_up =
                        method.is_constructor || method.annotation("PostConstruct").is_some();
                    if set_up || scope.method == Some(method) {
                        self.puts(&at, method.statements(), Some(name), &mut built, depth);
                    }
                }
                built
            }
            None => open(),
        }
    }

    /// An injected map: the bean of that name in the module.
    fn map_bean(&self, scope: &Scope<'a>, name: &str, depth: usize) -> Option<Built> {
        let module = self.code.class(scope.class).module;
        let beans = self
            .code
            .of_module(module)
            .flat_map(|(class, of)| of.decl.methods.iter().map(move |method| (class, method)));
        let (class, method) = beans.into_iter().find(|(_, method)| {
            method.annotation("Bean").is_some()
                && method.name.text == name
                && matches!(method.returns.name.as_str(), "Map" | "Properties" | "HashMap")
        })?;
        let [value] = returned(method.statements())[..] else { return None };
        Some(self.map_within(&Scope::of(class, method), value, depth + 1))
    }

    fn call_map(&self, scope: &Scope<'a>, expr: &'a Expr, call: &'a Call, depth: usize) -> Built {
        let owner = call.object.as_deref().and_then(Expr::as_name).unwrap_or("");
        match (owner, call.name.text.as_str(), &call.args[..]) {
            ("Map" | "ImmutableMap", "of", pairs) | ("Collections", "singletonMap", pairs) => {
                let mut built = Built::default();
                for pair in pairs.chunks(2) {
                    if let [key, value] = pair {
                        self.put(scope, key, value, Around::default(), &mut built);
                    }
                }
                built
            }
            ("Map" | "ImmutableMap", "ofEntries", entries) => {
                let mut built = Built::default();
                for entry in entries {
                    match entry.as_call().map(|call| &call.args[..]) {
                        Some([key, value]) => {
                            self.put(scope, key, value, Around::default(), &mut built);
                        }
                        _ => built.open_at(&self.here(scope, entry)),
                    }
                }
                built
            }
            ("Map" | "ImmutableMap", "copyOf", [of])
            | ("Collections", "unmodifiableMap" | "synchronizedMap", [of]) => {
                self.map_within(scope, of, depth + 1)
            }
            (_, "build" | "buildOrThrow" | "buildKeepingLast", []) => {
                self.builder_map(scope, expr, call, depth)
            }
            (_, name, _) => {
                if let Some((_, section)) = SPRING_BUILDERS.iter().find(|(known, _)| *known == name)
                {
                    let values = kafka::settings(self.config, *section, self.boot);
                    return Built { values, from_spring: true };
                }
                if let Some((class, method)) = self.code.called(scope, call)
                    && let [value] = returned(method.statements())[..]
                {
                    let inner = scope.call(class, method, &call.args);
                    return self.map_within(&inner, value, depth + 1);
                }
                Built::open(&self.here(scope, expr))
            }
        }
    }

    /// `ImmutableMap.builder().put(k, v)….build()`.
    fn builder_map(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        call: &'a Call,
        depth: usize,
    ) -> Built {
        let mut built = Built::default();
        let mut puts = Vec::new();
        let mut current = call.object.as_deref().and_then(Expr::as_call);
        let mut complete = false;
        while let Some(call) = current {
            match (call.name.text.as_str(), &call.args[..]) {
                ("put" | "putAll", args) => puts.push(args),
                ("builder", []) => complete = true,
                _ => break,
            }
            current = call.object.as_deref().and_then(Expr::as_call);
        }
        if !complete {
            built.open_at(&self.here(scope, expr));
        }
        for args in puts.into_iter().rev() {
            match args {
                [key, value] => self.put(scope, key, value, Around::default(), &mut built),
                [map] => built.put_all(self.map_within(scope, map, depth + 1)),
                _ => {}
            }
        }
        built
    }

    /// What a body does to the map `name`; without a name, to the map whose body it is.
    fn puts(
        &self,
        scope: &Scope<'a>,
        body: &'a [Stmt],
        name: Option<&str>,
        built: &mut Built,
        depth: usize,
    ) {
        let mut calls: Vec<(&'a Expr, &'a Call, Around)> = Vec::new();
        walk(body, &mut |visit, around| {
            if let Visit::Expr(expr) = visit
                && let Some(call) = expr.as_call()
            {
                calls.push((expr, call, around));
            }
            true
        });
        for (expr, call, around) in calls {
            let object = call.object.as_deref().and_then(Expr::as_name);
            if object == name && (name.is_some() || call.object.is_none()) {
                self.change(scope, expr, call, around, built, depth);
            } else if let Some(name) = name {
                let passed = call.args.iter().position(|arg| arg.as_name() == Some(name));
                if let Some(index) = passed {
                    self.passed_on(scope, call, index, built, depth);
                }
            }
        }
    }

    fn change(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        call: &'a Call,
        around: Around,
        built: &mut Built,
        depth: usize,
    ) {
        match (call.name.text.as_str(), &call.args[..]) {
            ("put" | "setProperty" | "putIfAbsent" | "replace", [key, value]) => {
                self.put(scope, key, value, around, built);
            }
            ("putAll", [map]) if !around.conditional => {
                built.put_all(self.map_within(scope, map, depth + 1));
            }
            ("remove", [key]) => match self.key(scope, key) {
                Some(key) if !around.conditional => {
                    let rest = built.values.settings.iter().filter(|(name, _)| *name != key);
                    let mut kept = Settings::default();
                    for (name, value) in rest {
                        kept.set(name, value.clone());
                    }
                    built.values.settings = kept;
                }
                _ => built.open_at(&self.here(scope, expr)),
            },
            (name, _) if LOOKING.contains(&name) => {}
            _ => built.open_at(&self.here(scope, expr)),
        }
    }

    /// A map handed to a method of the code, which may change it.
    fn passed_on(
        &self,
        scope: &Scope<'a>,
        call: &'a Call,
        index: usize,
        built: &mut Built,
        depth: usize,
    ) {
        let Some((class, method)) = self.code.called(scope, call) else { return };
        if depth >= MAX_CALLS {
            return;
        }
        if let Some(param) = method.params.get(index) {
            let inner = scope.call(class, method, &call.args);
            let name = Some(param.name.text.as_str());
            self.puts(&inner, method.statements(), name, built, depth + 1);
        }
    }

    fn put(
        &self,
        scope: &Scope<'a>,
        key: &'a Expr,
        value: &'a Expr,
        around: Around,
        built: &mut Built,
    ) {
        let at = self.here(scope, value);
        let Some(name) = self.key(scope, key) else {
            built.open_at(&self.here(scope, key));
            return;
        };
        let certain = !around.conditional && !around.in_loop && !around.deferred;
        let value = if certain { self.text(scope, value) } else { None };
        built.values.set(&name, value, &at);
    }

    /// The setting that a key expression names.
    fn key(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<String> {
        let constant = match &expr.kind {
            ExprKind::Member(object, name) => match &object.kind {
                ExprKind::Name(owner) => setting_of_constant(Some(owner), &name.text),
                ExprKind::Member(_, owner) => setting_of_constant(Some(&owner.text), &name.text),
                _ => None,
            },
            ExprKind::Name(name) if self.code.named(scope, name).is_none() => {
                setting_of_constant(None, name)
            }
            ExprKind::Call(call) => match (call.name.text.strip_suffix("Prefix"), &call.args[..]) {
                (Some(client), [key]) => Some(format!("{client}.{}", self.key(scope, key)?)),
                _ => None,
            },
            _ => None,
        };
        constant.or_else(|| self.text(scope, expr).map(|text| text.value))
    }
}
