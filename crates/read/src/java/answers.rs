//! Endpoints that answer success before the outcome of their work exists (failure-knowledge 4,
//! K15 and K16).

use std::collections::BTreeSet;

use wonin_model::{EarlyAnswer, Located, ServiceId};
use wonin_syntax::java::{
    Annotation, Call, Expr, ExprKind, Method, Stmt, StmtKind, Type, Visit, walk,
};
use wonin_text::{Place, Sources, Span};

use super::callers::{HANDLERS, Key, key};
use super::codebase::{Codebase, Scope, calls_in, returned};
use super::values::Values;

/// How many calls away from the endpoint work is looked for.
const MAX_STEPS: usize = 3;

/// Types that stand for a result that comes later.
const FUTURES: &[&str] =
    &["CompletableFuture", "CompletionStage", "Future", "ListenableFuture", "ScheduledFuture"];

/// Types that let a handler answer when the result is there.
const LATER: &[&str] = &[
    "Callable",
    "DeferredResult",
    "Flux",
    "Mono",
    "Multi",
    "Publisher",
    "SseEmitter",
    "StreamingResponseBody",
    "Uni",
    "WebAsyncTask",
];

/// Methods that wait for a result.
const AWAITING: &[&str] = &["get", "join", "resultNow"];

/// Steps of a chain that give a later result again.
const CHAINING: &[&str] = &[
    "addCallback",
    "completeOnTimeout",
    "completable",
    "exceptionally",
    "handle",
    "handleAsync",
    "orTimeout",
    "toCompletableFuture",
    "whenComplete",
    "whenCompleteAsync",
];

/// Names of what callers ask for an outcome with.
const IDS: &[&str] = &["jobId", "taskId", "operationId", "executionId"];

/// All such endpoints of a module.
pub(crate) fn early_answers(
    values: &Values<'_, '_>,
    module: usize,
    service: Option<ServiceId>,
    sources: &Sources,
) -> Vec<EarlyAnswer> {
    let finder = Finder { values, code: values.code, sources };
    let mut found = Vec::new();
    for (class, of) in values.code.of_module(module) {
        for method in &of.decl.methods {
            let handler = HANDLERS.iter().find_map(|name| method.annotation(name));
            if let Some(annotation) = handler.filter(|_| !answers_later(method)) {
                found.extend(finder.handler(class, method, annotation, service));
            }
        }
    }
    found
}

/// Whether a handler promises nothing yet: it returns a later result, or says 202.
fn answers_later(method: &Method) -> bool {
    let mut accepted = false;
    if let Some(status) = method.annotation("ResponseStatus") {
        accepted |= status.args.iter().any(|(_, value)| names_accepted(value));
    }
    walk(method.statements(), &mut |visit, _| {
        if let Visit::Expr(expr) = visit {
            accepted |= names_accepted(expr);
        }
        !accepted
    });
    accepted || is_later(&method.returns)
}

fn names_accepted(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Member(_, name) => name.text == "ACCEPTED",
        ExprKind::Name(name) => name == "ACCEPTED",
        ExprKind::Call(call) => call.name.text == "accepted",
        _ => false,
    }
}

fn is_later(of: &Type) -> bool {
    let name = of.name.as_str();
    LATER.contains(&name) || FUTURES.contains(&name) || of.args.iter().any(is_later)
}

struct Finder<'f, 'a> {
    values: &'f Values<'f, 'a>,
    code: &'f Codebase<'a>,
    sources: &'f Sources,
}

/// Work whose result is dropped.
#[derive(Clone, Copy, Debug)]
struct Work<'a> {
    class: usize,
    /// From the object to the end of the method's name.
    span: Span,
    call: &'a Call,
}

impl<'a> Finder<'_, 'a> {
    fn handler(
        &self,
        class: usize,
        method: &'a Method,
        annotation: &'a Annotation,
        service: Option<ServiceId>,
    ) -> Option<EarlyAnswer> {
        let scope = Scope::of(class, method);
        if waits_otherwise(method.statements()) || self.can_be_asked(class, method) {
            return None;
        }
        let work = self.dropped(&scope, 0, &mut BTreeSet::new())?;
        let answer = self.answer(class, method)?;
        let place = self.code.place(work.class, work.span);
        Some(EarlyAnswer {
            endpoint: self.endpoint(class, method, annotation),
            answer,
            work: Located::written(self.shown(place), place),
            blocks_common_pool: self.blocks(work),
            service,
        })
    }

    fn shown(&self, place: Place) -> String {
        let words: Vec<&str> = self.sources.slice(place).split_whitespace().collect();
        words.join(" ")
    }

    /// Whether callers get an id to ask for the outcome with: the handler has one, or its class a
    /// path that takes one.
    fn can_be_asked(&self, class: usize, method: &'a Method) -> bool {
        let mut has_id = false;
        walk(method.statements(), &mut |visit, _| {
            if let Visit::Expr(Expr { kind: ExprKind::Name(name), .. }) = visit {
                has_id |= IDS.contains(&name.as_str());
            }
            !has_id
        });
        let scope = Scope::class(class);
        let takes_id = |annotation: &'a Annotation| {
            let arg = annotation.arg("value").or_else(|| annotation.arg("path"));
            let text = arg.and_then(|arg| self.values.text(&scope, arg.items().first()?));
            text.is_some_and(|text| IDS.iter().any(|id| text.value.contains(&format!("{{{id}}}"))))
        };
        let others = self.code.class(class).decl.methods.iter();
        has_id
            || others.flat_map(|other| &other.annotations).any(|annotation| {
                let name = annotation.name.text.as_str();
                (name == "GetMapping" || name == "Path") && takes_id(annotation)
            })
    }

    /// The last answer that is not an error: those before may be given before any work begins.
    fn answer(&self, class: usize, method: &'a Method) -> Option<Located<String>> {
        if method.returns.name == "void" {
            return Some(Located::written(
                "void".to_owned(),
                self.code.place(class, method.returns.span),
            ));
        }
        let values = returned(method.statements());
        let good = values.into_iter().rfind(|value| !is_failure(value))?;
        if waits(good) {
            return None;
        }
        let place = self.code.place(class, good.span);
        Some(Located::written(self.shown(place), place))
    }

    /// `GET /orders/{id}`.
    fn endpoint(
        &self,
        class: usize,
        method: &'a Method,
        annotation: &'a Annotation,
    ) -> Located<String> {
        let scope = Scope::class(class);
        let path = |annotation: &'a Annotation| {
            let arg = annotation.arg("value").or_else(|| annotation.arg("path"))?;
            let text = self.values.text(&scope, arg.items().first()?)?;
            Some((text, arg.span))
        };
        let decl = self.code.class(class).decl;
        let outer = decl.annotation("RequestMapping").or_else(|| decl.annotation("Path"));
        let prefix = outer.and_then(path).map(|(text, _)| text.value).unwrap_or_default();
        // JAX-RS has the path in an annotation of its own.
        let own = path(annotation).or_else(|| method.annotation("Path").and_then(path));
        let verb = match annotation.name.text.strip_suffix("Mapping") {
            Some("Request") => match annotation.arg("method").map(Expr::items) {
                Some([Expr { kind: ExprKind::Member(_, verb), .. }, ..]) => verb.text.clone(),
                _ => "any method".to_owned(),
            },
            Some(verb) => verb.to_ascii_uppercase(),
            None => annotation.name.text.clone(),
        };
        let own_path = own.as_ref().map(|(text, _)| text.value.as_str()).unwrap_or_default();
        let whole = format!("{prefix}/{own_path}");
        let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty()).collect();
        let span = own.map_or(annotation.name.span, |(_, span)| span);
        let text = format!("{verb} /{}", parts.join("/"));
        Located::written(text, self.code.place(class, span))
    }

    /// The first work in a body whose result nobody awaits, in methods that it calls too.
    fn dropped(
        &self,
        scope: &Scope<'a>,
        steps: usize,
        seen: &mut BTreeSet<Key>,
    ) -> Option<Work<'a>> {
        let method = scope.method?;
        if steps > MAX_STEPS || !seen.insert(key(scope.class, method)) {
            return None;
        }
        let body = method.statements();
        if waits_otherwise(body) {
            return None;
        }
        let mut statements: Vec<&'a Stmt> = Vec::new();
        walk(body, &mut |visit, _| {
            match visit {
                Visit::Stmt(stmt) => statements.push(stmt),
                // What runs inside asynchronous work is part of that work.
                Visit::Expr(expr) => return self.work(scope, expr).is_none(),
            }
            true
        });
        statements.into_iter().find_map(|stmt| match &stmt.kind {
            StmtKind::Expr(expr) => match self.unawaited(scope, expr) {
                Some(work) => Some(work),
                None => self.within(scope, expr, steps, seen),
            },
            StmtKind::Local(_, variables) => variables.iter().find_map(|(name, value)| {
                let value = value.as_ref()?;
                match self.unawaited(scope, value) {
                    Some(work) => (!is_used(body, &name.text)).then_some(work),
                    None => self.within(scope, value, steps, seen),
                }
            }),
            StmtKind::Return(Some(value)) => self.within(scope, value, steps, seen),
            _ => None,
        })
    }

    /// Work that a method called by an expression drops.
    fn within(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        steps: usize,
        seen: &mut BTreeSet<Key>,
    ) -> Option<Work<'a>> {
        let call = expr.as_call()?;
        let (class, method) = self.code.called(scope, call)?;
        if is_later(&method.returns) {
            return None;
        }
        self.dropped(&scope.call(class, method, &call.args), steps + 1, seen)
    }

    /// The work at the root of a chain that never waits.
    fn unawaited(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<Work<'a>> {
        let mut current = expr;
        loop {
            if let Some(work) = self.work(scope, current) {
                return Some(work);
            }
            let call = current.as_call()?;
            let chains =
                call.name.text.starts_with("then") || CHAINING.contains(&call.name.text.as_str());
            if !chains {
                return None;
            }
            current = call.object.as_deref()?;
        }
    }

    /// Whether an expression starts work that goes on by itself.
    fn work(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<Work<'a>> {
        let call = expr.as_call()?;
        let name = call.name.text.as_str();
        let span = Span { start: expr.span.start, end: call.name.span.end };
        let work = Work { class: scope.class, span, call };
        if is_supply(call) {
            return Some(work);
        }
        if let Some((_, method)) = self.code.called(scope, call) {
            let goes_on = method.annotation("Async").is_some()
                || FUTURES.contains(&method.returns.name.as_str());
            return goes_on.then_some(work);
        }
        let object = call.object.as_deref()?;
        if name == "subscribe" && is_reactive(object) {
            return Some(work);
        }
        let of = self.code.type_of(scope, object)?;
        let starts = match name {
            "send" | "sendDefault" => {
                of.ends_with("KafkaTemplate")
                    || matches!(of.as_str(), "KafkaOperations" | "KafkaProducer" | "Producer")
            }
            "submit" | "execute" | "schedule" => {
                of.contains("Executor") || of.ends_with("TaskScheduler")
            }
            "start" => of == "Thread",
            _ => false,
        };
        starts.then_some(work)
    }

    /// A wait inside the common pool: in the only argument of `supplyAsync` or `runAsync`.
    fn blocks(&self, work: Work<'a>) -> Option<Place> {
        if !is_supply(work.call) {
            return None;
        }
        let [Expr { kind: ExprKind::Lambda(_, body), .. }] = &work.call.args[..] else {
            return None;
        };
        let decl = self.code.class(work.class).decl;
        let within = |method: &&Method| method.span.range().contains(&(work.span.start as usize));
        let method = decl.methods.iter().find(within)?;
        let scope = Scope::of(work.class, method);
        let waits = |call: &&'a Call| {
            let few = match call.name.text.as_str() {
                "get" => matches!(call.args.len(), 0 | 2),
                "join" => call.args.is_empty(),
                _ => false,
            };
            few && call.object.as_deref().is_some_and(|object| {
                let of = self.code.type_of(&scope, object);
                of.is_some_and(|of| FUTURES.contains(&of.as_str()))
                    || self.unawaited(&scope, object).is_some()
            })
        };
        let found = calls_in(body).into_iter().find(waits)?;
        Some(self.code.place(work.class, found.name.span))
    }
}

/// `CompletableFuture.supplyAsync` and `runAsync`.
fn is_supply(call: &Call) -> bool {
    let owner = call.object.as_deref().and_then(Expr::as_name);
    matches!(call.name.text.as_str(), "supplyAsync" | "runAsync")
        && matches!(owner, Some("CompletableFuture") | None)
}

/// Whether a chain is one of a reactive client or type, which runs when it is subscribed to.
fn is_reactive(chain: &Expr) -> bool {
    let mut current = chain;
    while let Some(call) = current.as_call() {
        if matches!(call.name.text.as_str(), "bodyToFlux" | "bodyToMono" | "toBodilessEntity") {
            return true;
        }
        let Some(object) = call.object.as_deref() else { return false };
        current = object;
    }
    matches!(current.as_name(), Some("Flux" | "Mono"))
}

/// Whether the result in a variable is awaited, returned or handed on.
fn is_used(body: &[Stmt], name: &str) -> bool {
    let mut used = false;
    walk(body, &mut |visit, _| {
        match visit {
            Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) => {
                let object = call.object.as_deref();
                used |= AWAITING.contains(&call.name.text.as_str())
                    && object.is_some_and(|object| root(object) == Some(name));
                used |= call.args.iter().any(|arg| root(arg) == Some(name));
            }
            Visit::Expr(Expr { kind: ExprKind::New(new), .. }) => {
                used |= new.args.iter().any(|arg| root(arg) == Some(name));
            }
            Visit::Expr(Expr { kind: ExprKind::Assign(_, value), .. }) => {
                used |= root(value) == Some(name);
            }
            Visit::Stmt(Stmt { kind: StmtKind::Return(Some(value)), .. }) => {
                used |= root(value) == Some(name);
            }
            _ => {}
        }
        !used
    });
    used
}

/// The variable at the root of a chain of calls.
fn root(expr: &Expr) -> Option<&str> {
    let mut current = expr;
    while let Some(object) = current.as_call().and_then(|call| call.object.as_deref()) {
        current = object;
    }
    current.as_name()
}

/// Whether an answer waits for a result.
fn waits(answer: &Expr) -> bool {
    let stmt = Stmt { span: answer.span, kind: StmtKind::Expr(answer.clone()) };
    let mut found = false;
    walk(std::slice::from_ref(&stmt), &mut |visit, _| {
        if let Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) = visit {
            found |= AWAITING.contains(&call.name.text.as_str()) && call.args.len() != 1;
        }
        !found
    });
    found
}

/// Whether a body waits by a latch or for a pool to end.
fn waits_otherwise(body: &[Stmt]) -> bool {
    let mut found = false;
    walk(body, &mut |visit, around| {
        if let Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) = visit {
            let name = call.name.text.as_str();
            found |= matches!(name, "await" | "awaitTermination") && !around.deferred;
        }
        !found
    });
    found
}

/// Whether an answer says that something went wrong.
fn is_failure(expr: &Expr) -> bool {
    const FAILURES: &[&str] =
        &["badRequest", "internalServerError", "notFound", "unprocessableEntity"];
    let mut found = false;
    let stmt = Stmt { span: expr.span, kind: StmtKind::Expr(expr.clone()) };
    walk(std::slice::from_ref(&stmt), &mut |visit, _| {
        if let Visit::Expr(expr) = visit {
            found |= match &expr.kind {
                ExprKind::Call(call) => FAILURES.contains(&call.name.text.as_str()),
                ExprKind::Member(owner, name) => {
                    is_status(owner)
                        && !matches!(name.text.as_str(), "OK" | "CREATED" | "NO_CONTENT")
                }
                _ => false,
            };
        }
        !found
    });
    found
}

/// `HttpStatus` of Spring, `Status` and `Response.Status` of JAX-RS.
fn is_status(owner: &Expr) -> bool {
    match &owner.kind {
        ExprKind::Member(_, name) => name.text == "Status",
        _ => matches!(owner.as_name(), Some("HttpStatus" | "Status")),
    }
}

#[cfg(test)]
mod tests;
