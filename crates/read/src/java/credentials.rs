//! Credentials taken out of their provider and kept (failure-knowledge 10).

use wonin_model::{FrozenCredentials, Located, ServiceId};
use wonin_syntax::java::{Call, Expr, ExprKind, Field, Method, Stmt, StmtKind, Visit, walk};
use wonin_text::{Sources, Span};

use super::callers::{Callers, is_job, is_made_often};
use super::codebase::{MAX_CALLS, Named, Scope, returned};
use super::values::Values;

/// Providers of role credentials, which always expire.
const TEMPORARY: &[&str] = &[
    "ContainerCredentialsProvider",
    "EC2ContainerCredentialsProviderWrapper",
    "InstanceProfileCredentialsProvider",
    "STSAssumeRoleSessionCredentialsProvider",
    "StsAssumeRoleCredentialsProvider",
    "StsAssumeRoleWithWebIdentityCredentialsProvider",
    "StsWebIdentityTokenFileCredentialsProvider",
    "WebIdentityTokenCredentialsProvider",
    "WebIdentityTokenFileCredentialsProvider",
];

/// All frozen credentials of a module, in the order of places.
pub(crate) fn frozen(
    values: &Values<'_, '_>,
    callers: &Callers,
    module: usize,
    service: Option<ServiceId>,
    sources: &Sources,
) -> Vec<FrozenCredentials> {
    let finder = Finder { values, callers, sources };
    let mut found = Vec::new();
    for (class, of) in values.code.of_module(module) {
        let unit = of.unit;
        if !unit.imports_below("com.amazonaws") && !unit.imports_below("software.amazon.awssdk") {
            continue;
        }
        for field in &of.decl.fields {
            if let Some(value) = &field.value {
                let scope = Scope::class(class);
                found.extend(
                    finder.clients(&scope, value, service, |_| finder.keeping_field(class, field)),
                );
            }
        }
        for method in &of.decl.methods {
            found.extend(finder.of_method(class, method, service));
        }
    }
    found.sort_by_key(|one| one.frozen.place());
    found.dedup_by(|a, b| a.frozen.place() == b.frozen.place());
    found
}

struct Finder<'f, 'a> {
    values: &'f Values<'f, 'a>,
    callers: &'f Callers,
    sources: &'f Sources,
}

/// Credentials as values: where they were taken out, of which provider, and what keeps them.
#[derive(Clone, Debug)]
struct Taken {
    frozen: Located<String>,
    provider: Option<Located<String>>,
    temporary: bool,
    kept_by: Option<Located<String>>,
}

/// How long what a method makes lives.
enum Kept {
    /// As long as the process: by what.
    By(Option<Located<String>>),
    /// For one run of the method.
    Call,
}

impl Kept {
    fn by(self) -> Option<Located<String>> {
        match self {
            Self::By(by) => by,
            Self::Call => None,
        }
    }
}

impl<'a> Finder<'_, 'a> {
    fn of_method(
        &self,
        class: usize,
        method: &'a Method,
        service: Option<ServiceId>,
    ) -> Vec<FrozenCredentials> {
        let scope = Scope::of(class, method);
        let mut found = Vec::new();
        for stmt in method.statements() {
            let mut exprs: Vec<(&'a Expr, Option<&'a str>)> = Vec::new();
            walk(std::slice::from_ref(stmt), &mut |visit, _| {
                match visit {
                    Visit::Stmt(Stmt { kind: StmtKind::Local(_, variables), .. }) => {
                        exprs.extend(variables.iter().filter_map(|(name, value)| {
                            Some((value.as_ref()?, Some(name.text.as_str())))
                        }));
                    }
                    Visit::Stmt(Stmt { kind: StmtKind::Return(Some(value)), .. }) => {
                        exprs.push((value, None));
                    }
                    Visit::Stmt(Stmt { kind: StmtKind::Expr(value), .. }) => match &value.kind {
                        ExprKind::Assign(target, value) => exprs.push((value, target.as_name())),
                        _ => exprs.push((value, None)),
                    },
                    _ => {}
                }
                true
            });
            for (expr, held_by) in exprs {
                let keeps = |_: &Taken| self.kept(&scope, method, held_by, 0);
                found.extend(self.clients(&scope, expr, service, keeps));
            }
        }
        found
    }

    /// Frozen credentials in an expression that makes a client or a static provider. `keeps` tells
    /// what keeps the client.
    fn clients(
        &self,
        scope: &Scope<'a>,
        whole: &'a Expr,
        service: Option<ServiceId>,
        keeps: impl Fn(&Taken) -> Kept,
    ) -> Vec<FrozenCredentials> {
        let mut exprs: Vec<&'a Expr> = vec![whole];
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(expr) = exprs.get(at).copied() {
            at += 1;
            exprs.extend(operands(expr));
            let Some(given) = given(expr) else { continue };
            let Some(taken) = self.taken(scope, given, 0) else { continue };
            let kept_by = match keeps(&taken) {
                Kept::By(by) => by,
                // Made anew each time, unless the credentials themselves are kept.
                Kept::Call if taken.kept_by.is_some() => None,
                Kept::Call => continue,
            };
            let client = is_client(whole).then(|| self.shown(scope.class, short(whole)));
            found.push(FrozenCredentials {
                frozen: taken.frozen,
                client: client.or_else(|| Some(self.shown(scope.class, short(expr)))),
                provider: taken.provider,
                kept_by: taken.kept_by.or(kept_by),
                temporary: taken.temporary,
                service,
            });
        }
        found
    }

    fn shown(&self, class: usize, span: Span) -> Located<String> {
        let place = self.values.code.place(class, span);
        let words: Vec<&str> = self.sources.slice(place).split_whitespace().collect();
        Located::written(words.join(" "), place)
    }

    /// Credentials that an expression gives as values.
    fn taken(&self, scope: &Scope<'a>, expr: &'a Expr, depth: usize) -> Option<Taken> {
        if depth > MAX_CALLS {
            return None;
        }
        let session = |frozen| Taken { frozen, provider: None, temporary: true, kept_by: None };
        match &expr.kind {
            ExprKind::Cast(_, inner) => self.taken(scope, inner, depth + 1),
            ExprKind::New(new) if new.of.name == "BasicSessionCredentials" => {
                Some(session(self.shown(scope.class, short(expr))))
            }
            ExprKind::Call(call) => {
                let name = call.name.text.as_str();
                let owner = call.object.as_deref().and_then(Expr::as_name);
                if owner == Some("AwsSessionCredentials") || is_session_builder(call) {
                    return Some(session(self.shown(scope.class, short(expr))));
                }
                if let Some((class, method)) = self.values.code.called(scope, call) {
                    let inner = scope.call(class, method, &call.args);
                    let values = returned(method.statements());
                    return values.into_iter().find_map(|v| self.taken(&inner, v, depth + 1));
                }
                if !matches!(name, "getCredentials" | "resolveCredentials") {
                    return None;
                }
                let object = call.object.as_deref()?;
                let (provider, temporary) = self.provider(scope, object, depth);
                let frozen = self.shown(scope.class, expr.span);
                Some(Taken { frozen, provider, temporary, kept_by: None })
            }
            _ => match self.values.code.named(scope, expr.as_name()?)? {
                Named::Local(_, Some(value)) => self.taken(scope, value, depth + 1),
                Named::Local(..) => None,
                Named::Param(_, index) => {
                    let (caller, given) = scope.argument(index)?;
                    self.taken(caller, given, depth + 1)
                }
                Named::Field(class, field) => {
                    let mut taken = self.of_field(class, field, depth)?;
                    taken.kept_by = taken.kept_by.or_else(|| self.keeping_field(class, field).by());
                    Some(taken)
                }
            },
        }
    }

    /// Credentials in a field: by its initial value or by what methods assign.
    fn of_field(&self, class: usize, field: &'a Field, depth: usize) -> Option<Taken> {
        if let Some(value) = &field.value {
            return self.taken(&Scope::class(class), value, depth + 1);
        }
        self.values.code.class(class).decl.methods.iter().find_map(|method| {
            let scope = Scope::of(class, method);
            let values = super::codebase::assigned(method.statements(), &field.name.text);
            values.into_iter().find_map(|(value, _)| self.taken(&scope, value, depth + 1))
        })
    }

    /// The type of a provider, at the place where the code names it, and whether what it gives
    /// always expires.
    fn provider(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        depth: usize,
    ) -> (Option<Located<String>>, bool) {
        if depth > MAX_CALLS {
            return (None, false);
        }
        let named = |name: &str, span: Span| {
            let place = self.values.code.place(scope.class, span);
            (Some(Located::written(name.to_owned(), place)), TEMPORARY.contains(&name))
        };
        match &expr.kind {
            ExprKind::New(new) => {
                let inner = new.args.iter().flat_map(Expr::items);
                let inside = inner.into_iter().any(|arg| self.provider(scope, arg, depth + 1).1);
                let (provider, temporary) = named(&new.of.name, new.of.span);
                (provider, temporary || inside)
            }
            ExprKind::Call(call) => {
                if let Some((class, method)) = self.values.code.called(scope, call)
                    && let [value] = returned(method.statements())[..]
                {
                    let inner = scope.call(class, method, &call.args);
                    return self.provider(&inner, value, depth + 1);
                }
                match call.object.as_deref() {
                    Some(object) => match object.as_name() {
                        Some(owner) if owner.starts_with(char::is_uppercase) => {
                            named(owner, object.span)
                        }
                        _ => self.provider(scope, object, depth + 1),
                    },
                    None => (None, false),
                }
            }
            _ => {
                let Some(name) = expr.as_name() else { return (None, false) };
                match self.values.code.named(scope, name) {
                    Some(Named::Local(_, Some(value))) => self.provider(scope, value, depth + 1),
                    Some(Named::Field(class, Field { value: Some(value), .. })) => {
                        self.provider(&Scope::class(class), value, depth + 1)
                    }
                    Some(other) => {
                        let of = other.of();
                        let class = match other {
                            Named::Field(class, _) => class,
                            _ => scope.class,
                        };
                        let place = self.values.code.place(class, of.span);
                        let located = Located::written(of.name.clone(), place);
                        (Some(located), TEMPORARY.contains(&of.name.as_str()))
                    }
                    None => (None, false),
                }
            }
        }
    }

    /// A field that lives as long as the process: static, or of an object that is made once.
    fn keeping_field(&self, class: usize, field: &Field) -> Kept {
        let decl = self.values.code.class(class).decl;
        let often = is_job(self.values.code, class) || is_made_often(decl);
        if often && !field.is("static") {
            return Kept::Call;
        }
        Kept::By(Some(self.values.code.word(class, &field.name)))
    }

    /// What keeps what a method makes.
    fn kept(
        &self,
        scope: &Scope<'a>,
        method: &'a Method,
        held_by: Option<&str>,
        depth: usize,
    ) -> Kept {
        let code = self.values.code;
        let class = scope.class;
        if let Some(name) = held_by {
            let local = super::codebase::is_local(method.statements(), name);
            if !local && let Some((class, field)) = code.field(class, name) {
                return self.keeping_field(class, field);
            }
            if let Some(field) = self.copied_to(scope, method, name) {
                return Kept::By(Some(field));
            }
            if !returned(method.statements()).iter().any(|v| mentions(v, name)) {
                // A local of `main` lives as long as the process.
                let forever = method.name.text == "main" && method.is("static");
                return if forever {
                    Kept::By(Some(code.word(class, &method.name)))
                } else {
                    Kept::Call
                };
            }
        }
        if method.annotation("Bean").is_some() {
            return Kept::By(Some(code.word(class, &method.name)));
        }
        if method.returns.name == "void" || depth > 0 {
            return Kept::Call;
        }
        self.kept_by_callers(class, method)
    }

    /// A local that is assigned to a field.
    fn copied_to(
        &self,
        scope: &Scope<'a>,
        method: &'a Method,
        name: &str,
    ) -> Option<Located<String>> {
        let mut found = None;
        walk(method.statements(), &mut |visit, _| {
            if let Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) = visit
                && mentions(value, name)
                && let Some(target) = target.as_name()
                && let Some((class, field)) = self.values.code.field(scope.class, target)
            {
                found = found.take().or_else(|| self.keeping_field(class, field).by());
            }
            true
        });
        found
    }

    /// What keeps what a plain method returns: a field or a bean whose maker calls it.
    fn kept_by_callers(&self, class: usize, method: &'a Method) -> Kept {
        let code = self.values.code;
        let mut called = false;
        for (other, of) in code.classes() {
            for field in &of.decl.fields {
                let at = Scope::class(other);
                if field.value.iter().any(|value| self.calls(&at, value, class, method)) {
                    return self.keeping_field(other, field);
                }
            }
            for caller in of.decl.methods.iter().filter(|caller| *caller != method) {
                let at = Scope::of(other, caller);
                let mut holds: Option<Option<&'a str>> = None;
                walk(caller.statements(), &mut |visit, _| {
                    let (value, name) = match visit {
                        Visit::Stmt(Stmt { kind: StmtKind::Local(_, variables), .. }) => {
                            for (name, value) in variables {
                                if value.iter().any(|v| self.calls(&at, v, class, method)) {
                                    holds = Some(Some(&name.text));
                                }
                            }
                            return true;
                        }
                        Visit::Stmt(Stmt { kind: StmtKind::Return(Some(value)), .. }) => {
                            (value, None)
                        }
                        Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) => {
                            (&**value, target.as_name())
                        }
                        _ => return true,
                    };
                    if self.calls(&at, value, class, method) {
                        holds = Some(name);
                    }
                    true
                });
                if let Some(name) = holds {
                    called = true;
                    if let Kept::By(by) = self.kept(&at, caller, name, 1) {
                        return Kept::By(by);
                    }
                }
            }
        }
        if called || self.callers.entry(class, method).is_some() {
            return Kept::Call;
        }
        Kept::By(None)
    }

    /// Whether an expression is, or has in it, a call of a method.
    fn calls(&self, scope: &Scope<'a>, expr: &'a Expr, class: usize, method: &Method) -> bool {
        let mut all = vec![expr];
        let mut at = 0;
        while let Some(expr) = all.get(at).copied() {
            at += 1;
            if let Some(call) = expr.as_call()
                && call.name.text == method.name.text
                && self
                    .values
                    .code
                    .called(scope, call)
                    .is_some_and(|(c, m)| c == class && m == method)
            {
                return true;
            }
            all.extend(operands(expr));
        }
        false
    }
}

/// The credentials that an expression freezes: the argument of a static provider, or of the
/// constructor of a client of the first SDK.
fn given(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::New(new) => {
            let name = new.of.name.as_str();
            let is_static = name == "AWSStaticCredentialsProvider";
            let is_client =
                (name.starts_with("Amazon") || name.starts_with("AWS")) && name.ends_with("Client");
            (is_static || is_client).then(|| new.args.first())?
        }
        ExprKind::Call(call) => {
            let owner = call.object.as_deref().and_then(Expr::as_name);
            let is_static =
                owner == Some("StaticCredentialsProvider") && call.name.text == "create";
            is_static.then(|| call.args.first())?
        }
        _ => None,
    }
}

/// `AwsSessionCredentials.builder()….build()`.
fn is_session_builder(call: &Call) -> bool {
    let mut root = call;
    while let Some(before) = root.object.as_deref().and_then(Expr::as_call) {
        root = before;
    }
    call.name.text == "build"
        && root.object.as_deref().and_then(Expr::as_name) == Some("AwsSessionCredentials")
}

/// Whether an expression makes a client.
fn is_client(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => call.name.text == "build",
        ExprKind::New(new) => new.of.name.ends_with("Client"),
        _ => false,
    }
}

/// The bytes that name what an expression makes, without arguments: they may hold secrets.
fn short(expr: &Expr) -> Span {
    match &expr.kind {
        ExprKind::New(new) => Span { start: expr.span.start, end: new.of.span.end },
        ExprKind::Call(call) => {
            let mut root = call;
            while let Some(before) = root.object.as_deref().and_then(Expr::as_call) {
                root = before;
            }
            Span { start: expr.span.start, end: root.name.span.end }
        }
        _ => expr.span,
    }
}

/// The parts of an expression, one level down; bodies of lambdas left out.
fn operands(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Call(call) => call.object.as_deref().into_iter().chain(&call.args).collect(),
        ExprKind::New(new) => new.args.iter().collect(),
        ExprKind::Cast(_, inner) | ExprKind::Member(inner, _) => vec![inner],
        ExprKind::Assign(_, value) => vec![value],
        ExprKind::Ternary(_, yes, no) => vec![yes, no],
        ExprKind::Array(items) | ExprKind::Other(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether a value is a variable, or a chain of calls on one.
fn mentions(expr: &Expr, name: &str) -> bool {
    let mut all = vec![expr];
    let mut at = 0;
    while let Some(expr) = all.get(at).copied() {
        at += 1;
        if expr.as_name() == Some(name) {
            return true;
        }
        all.extend(operands(expr));
    }
    false
}

#[cfg(test)]
mod tests;
