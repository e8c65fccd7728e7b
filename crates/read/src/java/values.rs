//! What expressions in code stand for, where the files tell: literals, constants, injected
//! properties, environment variables.

mod maps;
mod numbers;
mod settings;

use wonin_model::{Inheritance, Inherited, Interpolated, Located, Origin};
use wonin_syntax::java::{Annotation, Call, Expr, ExprKind};
use wonin_text::Place;

pub(crate) use maps::Built;
pub(crate) use numbers::time_unit_ms;
pub(crate) use settings::setting_of_constant;

use super::codebase::{Codebase, MAX_CALLS, Named, Scope, assigned, returned};
use crate::spring::kafka::Boot;
use crate::spring::layers::{Effective, Surroundings, variable};
use crate::spring::names::canonical;
use crate::spring::placeholders;

/// What expressions are evaluated with: the code, and the configuration of one application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'v, 'a> {
    pub(crate) code: &'v Codebase<'a>,
    pub(crate) config: &'v Effective,
    pub(crate) around: &'v Surroundings<'v>,
    pub(crate) boot: Boot,
}

impl<'a> Values<'_, 'a> {
    /// The text that an expression gives; `None` where the files do not tell.
    pub(crate) fn text(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<Located<String>> {
        self.text_within(scope, expr, 0)
    }

    /// A property of the configuration, or a variable of the environment.
    pub(crate) fn property(&self, name: &str) -> Option<Located<String>> {
        self.config.get(name).cloned().or_else(|| variable(self.around, name))
    }

    /// A text with placeholders of the configuration filled in; `None` where one is missing.
    pub(crate) fn filled(&self, text: &Located<String>) -> Option<Located<String>> {
        let text = &spel_literal(text);
        if text.value.contains("#{") {
            return None;
        }
        let lookup = |name: &str| self.property(name);
        let resolved = placeholders::resolved(text, &lookup);
        let is_known = !placeholders::has_any(&resolved.value) && resolved.origin.is_certain();
        is_known.then_some(resolved)
    }

    fn text_within(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        depth: usize,
    ) -> Option<Located<String>> {
        if depth > 2 * MAX_CALLS {
            return None;
        }
        if let Some(number) = self.number_within(scope, expr, depth + 1) {
            let place = self.code.place(scope.class, expr.span);
            let origin = match &expr.kind {
                ExprKind::Int(_) => Origin::Written(place),
                _ => interpolated(place, number.from),
            };
            return Some(Located { value: number.value.to_string(), origin });
        }
        let at = |span| self.code.place(scope.class, span);
        match &expr.kind {
            ExprKind::Str(text, inner) => Some(Located::written(text.clone(), at(*inner))),
            ExprKind::Bool(value) => Some(Located::written(value.to_string(), at(expr.span))),
            ExprKind::Class(of) => Some(Located::written(of.name.clone(), at(of.span))),
            ExprKind::Literal(text) if text != "null" => {
                Some(Located::written(text.clone(), at(expr.span)))
            }
            ExprKind::Cast(_, inner) => self.text_within(scope, inner, depth + 1),
            ExprKind::Binary("+", left, right) => {
                let left = self.text_within(scope, left, depth + 1)?;
                let right = self.text_within(scope, right, depth + 1)?;
                let from = left.place().into_iter().chain(right.place()).collect();
                let origin = interpolated(at(expr.span), from);
                Some(Located { value: left.value + &right.value, origin })
            }
            ExprKind::Array(items) => self.joined(scope, expr, items.iter(), depth),
            ExprKind::Call(call) => self.call(scope, expr, call, depth),
            ExprKind::Member(object, name) if !object.is_this() => {
                self.constant(scope, object, &name.text, at(expr.span), depth)
            }
            _ => {
                let value = self.name(scope, expr.as_name()?, depth)?;
                Some(referred(value, at(expr.span)))
            }
        }
    }

    /// `Class.CONSTANT`.
    fn constant(
        &self,
        scope: &Scope<'a>,
        object: &'a Expr,
        name: &str,
        at: Place,
        depth: usize,
    ) -> Option<Located<String>> {
        let owner = match &object.kind {
            ExprKind::Name(owner) => owner,
            ExprKind::Member(_, owner) => &owner.text,
            _ => return None,
        };
        if owner == "Boolean" {
            let value = name.eq_ignore_ascii_case("true").to_string();
            return Some(Located::written(value, at));
        }
        let class = self.code.find(owner, scope.class)?;
        let value = self.field(class, name, depth + 1)?;
        Some(referred(value, at))
    }

    fn name(&self, scope: &Scope<'a>, name: &str, depth: usize) -> Option<Located<String>> {
        match self.code.named(scope, name)? {
            Named::Local(_, initial) => {
                let later = assigned(scope.body(), name);
                match (initial, &later[..]) {
                    (Some(value), []) => self.text_within(scope, value, depth + 1),
                    (None, [(value, true)]) => self.text_within(scope, value, depth + 1),
                    _ => None,
                }
            }
            Named::Param(param, index) => {
                if let Some((caller, given)) = scope.argument(index) {
                    return self.text_within(caller, given, depth + 1);
                }
                self.injected(scope.class, param.annotation("Value")?)
            }
            Named::Field(class, _) => self.field(class, name, depth + 1),
        }
    }

    /// The value of a field: injected, bound by prefix, initial, or set once by constructors.
    fn field(&self, class: usize, name: &str, depth: usize) -> Option<Located<String>> {
        let (class, field) = self.code.field(class, name)?;
        if let Some(value) = field.annotation("Value") {
            return self.injected(class, value);
        }
        let decl = self.code.class(class).decl;
        if let Some(bound) = self.bound(class, name) {
            return Some(bound);
        }
        let mut set: Vec<(Scope<'a>, &'a Expr)> = Vec::new();
        for method in &decl.methods {
            let values = assigned(method.statements(), name);
            if !values.is_empty() && !method.is_constructor {
                return None;
            }
            set.extend(values.into_iter().map(|(value, _)| (Scope::of(class, method), value)));
        }
        match (&field.value, &set[..]) {
            (Some(value), []) => self.text_within(&Scope::class(class), value, depth + 1),
            (None, [(scope, value)]) => self.text_within(scope, value, depth + 1),
            _ => None,
        }
    }

    /// A field of a class with `@ConfigurationProperties`.
    fn bound(&self, class: usize, field: &str) -> Option<Located<String>> {
        let prefix =
            properties_prefix(self.code.class(class).decl.annotation("ConfigurationProperties")?)?;
        self.filled(&self.property(&canonical(&format!("{prefix}.{field}")))?)
    }

    /// What `@Value("…")` injects.
    fn injected(&self, class: usize, value: &'a Annotation) -> Option<Located<String>> {
        let text = self.text_within(&Scope::class(class), value.arg("value")?, MAX_CALLS)?;
        self.filled(&text)
    }

    fn joined(
        &self,
        scope: &Scope<'a>,
        whole: &'a Expr,
        items: impl Iterator<Item = &'a Expr>,
        depth: usize,
    ) -> Option<Located<String>> {
        let parts: Option<Vec<Located<String>>> =
            items.map(|item| self.text_within(scope, item, depth + 1)).collect();
        let parts = parts?;
        let [first, ..] = &parts[..] else { return None };
        if parts.len() == 1 {
            return Some(first.clone());
        }
        let texts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        let from = parts.iter().filter_map(Located::place).collect();
        let place = self.code.place(scope.class, whole.span);
        Some(Located { value: texts.join(","), origin: interpolated(place, from) })
    }

    fn call(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        call: &'a Call,
        depth: usize,
    ) -> Option<Located<String>> {
        let object = call.object.as_deref();
        let owner = object.and_then(Expr::as_name).unwrap_or("");
        let at = self.code.place(scope.class, expr.span);
        match (owner, call.name.text.as_str(), &call.args[..]) {
            ("System", "getenv", [name]) => {
                let name = self.text_within(scope, name, depth + 1)?;
                let value = self.around.environment?.get(&name.value)?.clone();
                value.origin.is_certain().then(|| referred(value, at))
            }
            ("String" | "Integer" | "Long" | "Boolean", "valueOf" | "toString", [value]) => {
                self.text_within(scope, value, depth + 1)
            }
            ("String", "join", [_, items @ ..])
            | ("List" | "Set", "of", items)
            | ("Arrays", "asList", items)
            | ("Collections", "singletonList" | "singleton", items) => {
                self.joined(scope, expr, items.iter(), depth + 1)
            }
            (_, "getProperty" | "getRequiredProperty", [name, default @ ..]) => {
                let name = self.text_within(scope, name, depth + 1)?;
                match self.property(&name.value) {
                    Some(value) => self.filled(&value).map(|value| referred(value, at)),
                    None => self.text_within(scope, default.last()?, depth + 1),
                }
            }
            (_, "getOrDefault", [name, default]) if is_environment(object) => {
                let name = self.text_within(scope, name, depth + 1)?;
                match self.around.environment.and_then(|env| env.get(&name.value)) {
                    Some(value) if !value.origin.is_certain() => None,
                    Some(value) => Some(referred(value.clone(), at)),
                    None => self.text_within(scope, default, depth + 1),
                }
            }
            (_, "toString" | "getName" | "trim" | "strip" | "intern", []) => {
                self.text_within(scope, object?, depth + 1)
            }
            _ => self.answer(scope, call, at, depth),
        }
    }

    /// What a method of the code returns: a getter of bound properties, or a body that only
    /// returns.
    fn answer(
        &self,
        scope: &Scope<'a>,
        call: &'a Call,
        at: Place,
        depth: usize,
    ) -> Option<Located<String>> {
        if call.name.text == "getBootstrapServers"
            && let Some(object) = call.object.as_deref()
            && self.code.type_of(scope, object).as_deref() == Some("KafkaProperties")
        {
            let value = self.property("spring.kafka.bootstrap-servers")?;
            return self.filled(&value).map(|value| referred(value, at));
        }
        if let Some((class, method)) = self.code.called(scope, call)
            && let [value] = returned(method.statements())[..]
        {
            let inner = scope.call(class, method, &call.args);
            return self.text_within(&inner, value, depth + 1).map(|value| referred(value, at));
        }
        // Accessors that a tool generates (Lombok, records).
        let class = self.code.target(scope, call)?;
        let name = &call.name.text;
        let field = ["get", "is"].iter().find_map(|prefix| name.strip_prefix(prefix));
        let field = field.map_or_else(|| name.clone(), lower_first);
        if !call.args.is_empty() || self.code.field(class, &field).is_none() {
            return None;
        }
        self.field(class, &field, depth + 1).map(|value| referred(value, at))
    }
}

/// `@ConfigurationProperties("app.kafka")`, with `prefix =` or without.
pub(crate) fn properties_prefix(annotation: &Annotation) -> Option<&str> {
    let prefix = annotation.arg("prefix").or_else(|| annotation.arg("value"))?;
    match &prefix.kind {
        ExprKind::Str(text, _) => Some(text),
        _ => None,
    }
}

fn interpolated(place: Place, from: Vec<Place>) -> Origin {
    Interpolated { place, from, unset: Vec::new() }.into()
}

fn is_environment(object: Option<&Expr>) -> bool {
    let call = object.and_then(Expr::as_call);
    call.is_some_and(|call| call.name.text == "getenv" && call.args.is_empty())
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_lowercase).collect();
    first + chars.as_str()
}

/// A value that counts at `at` because a name there refers to it.
fn referred(value: Located<String>, at: Place) -> Located<String> {
    let origin = match value.origin {
        Origin::Written(place) if place == at => Origin::Written(place),
        Origin::Written(place) => {
            Inherited { place, via: vec![at], how: Inheritance::Reference }.into()
        }
        Origin::Inherited(mut inherited) => {
            if !inherited.via.contains(&at) {
                inherited.via.push(at);
            }
            Origin::Inherited(inherited)
        }
        other => other,
    };
    Located { value: value.value, origin }
}

/// `#{'${servers}'.split(',')}` is the list that the placeholder gives.
fn spel_literal(text: &Located<String>) -> Located<String> {
    let inside = text.value.strip_prefix("#{'").and_then(|rest| rest.strip_suffix("'.split(',')}"));
    match inside {
        Some(inside) => text.part(3..3 + inside.len()),
        None => text.clone(),
    }
}
