//! Thread pools, threads and clients that are made again and again (failure-knowledge 11).

mod makers;

use wonin_model::{Located, PoolPerCall, Scope as Runs, ServiceId};
use wonin_syntax::java::{Around, Expr, ExprKind, Method, Stmt, StmtKind, Visit, walk};
use wonin_text::{Sources, Span};

use super::callers::{Callers, is_bean, is_job, is_made_often};
use super::codebase::{MAX_CALLS, Scope, calls_in};
use super::values::Values;
use makers::{Made, Thing};

/// Methods that end what they are called on.
const CLOSING: &[&str] =
    &["close", "destroy", "shutdown", "shutdownGracefully", "shutdownNow", "stop"];

/// All that a module makes again and again, in the order of places.
pub(crate) fn pools(
    values: &Values<'_, '_>,
    callers: &Callers,
    module: usize,
    services: &[Option<ServiceId>],
    sources: &Sources,
) -> Vec<PoolPerCall> {
    let finder = Finder { values, callers, services, sources };
    let mut found = Vec::new();
    for (class, of) in values.code.of_module(module) {
        let job = is_job(values.code, class);
        if job || is_made_often(of.decl) {
            finder.of_instances(class, job, &mut found);
        }
        for method in &of.decl.methods {
            if !(job && method.is_constructor) {
                finder.of_method(class, method, &mut found);
            }
        }
    }
    found.sort_by_key(|pool| (pool.made.place(), pool.runs_in.place()));
    found.dedup_by(|a, b| a.made.place() == b.made.place());
    found
}

struct Finder<'f, 'a> {
    values: &'f Values<'f, 'a>,
    callers: &'f Callers,
    /// The service of each module.
    services: &'f [Option<ServiceId>],
    sources: &'f Sources,
}

/// What runs the code that makes something.
struct By {
    runs: Runs,
    /// The class in whose file it stands, and what is run: a class, a method, a task.
    class: usize,
    name: Located<String>,
    period_ms: Option<Located<u64>>,
    sure: f32,
}

/// What becomes of a thing that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Ended in the same method.
    Closed,
    /// Handed to the caller.
    Returned,
    /// Kept in a field.
    Field,
    /// Dropped at the end of the method, its threads alive.
    Dropped,
}

impl<'a> Finder<'_, 'a> {
    /// Fields of classes that are made for every firing or request, and what their constructors
    /// make.
    fn of_instances(&self, class: usize, job: bool, found: &mut Vec<PoolPerCall>) {
        let decl = self.values.code.class(class).decl;
        let runs = if job { Runs::JobInstance } else { Runs::Request };
        let sure = if job { 0.95 } else { 0.7 };
        let period_ms = decl.methods.iter().find_map(|method| {
            self.callers.entry(class, method).and_then(|(entry, _)| entry.period_ms.clone())
        });
        let mut add = |scope: &Scope<'a>, expr: &'a Expr| {
            if let Some(made) = self.made(scope, expr)
                && made.thing != Thing::Thread
            {
                let period_ms = period_ms.clone();
                let name = self.values.code.word(class, &decl.name);
                found.push(self.pool(made, By { runs, class, name, period_ms, sure }));
            }
        };
        for field in decl.fields.iter().filter(|field| !field.is("static")) {
            if let Some(value) = &field.value {
                add(&Scope::class(class), value);
            }
        }
        for method in decl.methods.iter().filter(|method| method.is_constructor) {
            let scope = Scope::of(class, method);
            for (expr, _, fate) in self.fates(&scope, method) {
                if matches!(fate, Fate::Field | Fate::Dropped) {
                    add(&scope, expr);
                }
            }
        }
    }

    fn of_method(&self, class: usize, method: &'a Method, found: &mut Vec<PoolPerCall>) {
        if method.is_constructor || method.annotation("Bean").is_some() {
            return;
        }
        let scope = Scope::of(class, method);
        for (expr, around, fate) in self.fates(&scope, method) {
            let lazily = fate == Fate::Field && around.conditional;
            if matches!(fate, Fate::Closed | Fate::Returned) || lazily {
                continue;
            }
            let Some(made) = self.made(&scope, expr) else { continue };
            let Some(by) = self.run_by(class, method, (expr.span, around), &made) else { continue };
            found.push(self.pool(made, by));
        }
    }

    /// What runs a method that makes something, and how sure it is that this adds up.
    fn run_by(
        &self,
        class: usize,
        method: &'a Method,
        (span, around): (Span, Around),
        made: &Made,
    ) -> Option<By> {
        let code = self.values.code;
        let task = self.callers.task(class, span).map(|entry| (entry, 0));
        if let Some((entry, steps)) = task.or_else(|| self.callers.entry(class, method)) {
            let near = 0.9 - 0.05 * steps as f32;
            let sure = match made.thing {
                Thing::Pool | Thing::Timer => near,
                Thing::Client => near - 0.2,
                Thing::Thread if made.endless => near,
                Thing::Thread if made.loops => 0.5,
                Thing::Thread if entry.runs == Runs::Request || around.in_loop => 0.4,
                Thing::Thread => 0.3,
            };
            return Some(By {
                runs: entry.runs,
                class: entry.class,
                name: entry.name.clone(),
                period_ms: entry.period_ms.clone(),
                sure,
            });
        }
        // What becomes of an object of the code, the code decides elsewhere.
        if made.class != class || !method.span.range().contains(&(made.span.start as usize)) {
            return None;
        }
        let by = |sure| {
            let name = code.word(class, &method.name);
            Some(By { runs: Runs::Call, class, name, period_ms: None, sure })
        };
        // A container calls it once: as often as its loop goes round, and no more.
        let of_container = method.annotation("PostConstruct").is_some();
        if around.in_loop && made.thing != Thing::Thread && !of_container {
            return by(0.8);
        }
        let decl = code.class(class).decl;
        let once = self.callers.is_start_only(class, method)
            || ["init", "start", "setUp", "configure"]
                .iter()
                .any(|s| method.name.text.starts_with(s));
        if once || made.thing == Thing::Thread || method.is("private") {
            return None;
        }
        by(match made.thing {
            Thing::Client => 0.25,
            _ if is_bean(decl) => 0.4,
            _ => 0.3,
        })
    }

    fn pool(&self, made: Made, by: By) -> PoolPerCall {
        let place = self.values.code.place(made.class, made.span);
        let text = self.sources.slice(place);
        let text: Vec<&str> = text.split_whitespace().collect();
        PoolPerCall {
            made: Located::written(text.join(" "), place),
            size: made.size,
            scope: by.runs,
            runs_in: by.name,
            period_ms: by.period_ms,
            service: self.services[self.values.code.class(by.class).module],
            sure: by.sure,
        }
    }

    /// All things that a method makes, and what becomes of each.
    fn fates(&self, scope: &Scope<'a>, method: &'a Method) -> Vec<(&'a Expr, Around, Fate)> {
        let body = method.statements();
        let holders = holders(body);
        let mut found: Vec<(&'a Expr, Around, Fate)> = Vec::new();
        walk(body, &mut |visit, around| {
            let Visit::Expr(expr) = visit else { return true };
            if self.made(scope, expr).is_none() {
                return true;
            }
            let mut holder = holders
                .iter()
                .filter(|holder| holder.span.range().contains(&(expr.span.start as usize)));
            let fate =
                holder.next_back().map_or(Fate::Dropped, |holder| self.fate(scope, body, holder));
            found.push((expr, around, fate));
            false
        });
        found
    }

    fn fate(&self, scope: &Scope<'a>, body: &'a [Stmt], holder: &Holder<'a>) -> Fate {
        match holder.kind {
            Held::Resource => Fate::Closed,
            Held::Returned => Fate::Returned,
            Held::Variable(name) => {
                if self.closes(scope, body, name, 0) {
                    return Fate::Closed;
                }
                let code = self.values.code;
                let is_local = super::codebase::is_local(body, name);
                if !is_local && code.field(scope.class, name).is_some() {
                    return if self.is_replaced(scope, name) { Fate::Closed } else { Fate::Field };
                }
                if super::codebase::returned(body).iter().any(|v| v.as_name() == Some(name)) {
                    return Fate::Returned;
                }
                self.kept(scope, body, name).unwrap_or_else(|| {
                    if is_handed_on(body, name) { Fate::Returned } else { Fate::Dropped }
                })
            }
        }
    }

    /// Whether the class ends what a field holds before a method makes it anew: another method
    /// calls one that does, and then this one.
    fn is_replaced(&self, scope: &Scope<'a>, field: &str) -> bool {
        let Some(own) = scope.method else { return false };
        let methods = &self.values.code.class(scope.class).decl.methods;
        let mut before: Vec<&str> = Vec::new();
        for one in methods {
            let own_calls = calls_in(one.statements()).into_iter();
            let own_calls = own_calls.filter(|call| call.object.is_none());
            let called: Vec<&str> = own_calls.map(|call| call.name.text.as_str()).collect();
            if let Some(last) = called.iter().rposition(|name| *name == own.name.text) {
                before.extend(&called[..last]);
            }
        }
        methods.iter().any(|one| {
            before.contains(&one.name.text.as_str())
                && self.closes(&Scope::of(scope.class, one), one.statements(), field, 0)
        })
    }

    /// A local variable that is put into a field.
    fn kept(&self, scope: &Scope<'a>, body: &'a [Stmt], name: &str) -> Option<Fate> {
        let mut kept = None;
        walk(body, &mut |visit, _| {
            if let Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) = visit
                && value.as_name() == Some(name)
                && let Some(target) = target.as_name()
                && self.values.code.field(scope.class, target).is_some()
            {
                kept = Some(Fate::Field);
            }
            true
        });
        kept
    }

    /// Whether a body ends what a variable holds: itself, or by handing it to a method that does.
    fn closes(&self, scope: &Scope<'a>, body: &'a [Stmt], name: &str, depth: usize) -> bool {
        let mut closed = false;
        let mut handed: Vec<(usize, &'a Method, usize)> = Vec::new();
        walk(body, &mut |visit, _| {
            match visit {
                Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) => {
                    let object = call.object.as_deref().and_then(Expr::as_name);
                    let ends = CLOSING.contains(&call.name.text.as_str())
                        || call.name.text == "cancel"
                            && self.is_timer(scope, call.object.as_deref());
                    closed |= object == Some(name) && ends;
                    let index = call.args.iter().position(|arg| arg.as_name() == Some(name));
                    // Curator's CloseableUtils, Guava's Closeables, Commons' IOUtils.
                    closed |= index == Some(0) && call.name.text == "closeQuietly";
                    if let (Some(index), Some((class, method))) =
                        (index, self.values.code.called(scope, call))
                    {
                        handed.push((class, method, index));
                    }
                }
                Visit::Expr(Expr { kind: ExprKind::MethodRef(object, method), .. }) => {
                    closed |=
                        object.as_name() == Some(name) && CLOSING.contains(&method.text.as_str());
                }
                Visit::Stmt(Stmt { kind: StmtKind::Try(tried), .. }) => {
                    let mut resources = tried.resources.iter();
                    closed |= resources.any(|(_, value)| value.as_name() == Some(name));
                }
                _ => {}
            }
            !closed
        });
        closed
            || depth < MAX_CALLS
                && handed.into_iter().any(|(class, method, index)| {
                    method.params.get(index).is_some_and(|param| {
                        let inner = Scope::of(class, method);
                        self.closes(&inner, method.statements(), &param.name.text, depth + 1)
                    })
                })
    }

    fn is_timer(&self, scope: &Scope<'a>, object: Option<&'a Expr>) -> bool {
        object.and_then(|object| self.values.code.type_of(scope, object)).as_deref()
            == Some("Timer")
    }

    fn made(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<Made> {
        makers::made(self.values, scope, expr, 0)
    }
}

/// Classes that use what they are given and never end it.
const BORROWERS: &[&str] = &["ExecutorCompletionService", "Thread"];

/// Whether a variable is given to a new object, which may end it when it ends itself.
fn is_handed_on(body: &[Stmt], name: &str) -> bool {
    let mut handed = false;
    walk(body, &mut |visit, _| {
        if let Visit::Expr(Expr { kind: ExprKind::New(new), .. }) = visit {
            let takes = new.args.iter().any(|arg| arg.as_name() == Some(name));
            handed |= takes && !BORROWERS.contains(&new.of.name.as_str());
        }
        !handed
    });
    handed
}

/// Who holds what an expression gives.
struct Holder<'a> {
    /// The bytes of the expression.
    span: Span,
    kind: Held<'a>,
}

#[derive(Clone, Copy)]
enum Held<'a> {
    Variable(&'a str),
    Resource,
    Returned,
}

/// All expressions of a body that something holds, outer ones first.
fn holders(body: &[Stmt]) -> Vec<Holder<'_>> {
    let mut holders = Vec::new();
    walk(body, &mut |visit, _| {
        match visit {
            Visit::Stmt(Stmt { kind: StmtKind::Local(_, variables), .. }) => {
                for (name, value) in variables {
                    let kind = Held::Variable(&name.text);
                    holders.extend(value.iter().map(|value| Holder { span: value.span, kind }));
                }
            }
            Visit::Stmt(Stmt { kind: StmtKind::Return(Some(value)), .. }) => {
                holders.push(Holder { span: value.span, kind: Held::Returned });
            }
            Visit::Stmt(Stmt { kind: StmtKind::Try(tried), .. }) => {
                for (_, value) in &tried.resources {
                    holders.push(Holder { span: value.span, kind: Held::Resource });
                }
            }
            Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) => {
                if let Some(name) = target.as_name() {
                    holders.push(Holder { span: value.span, kind: Held::Variable(name) });
                }
            }
            // What a lambda makes is held by nothing outside it.
            Visit::Expr(Expr { kind: ExprKind::Lambda(..), span }) => {
                holders.push(Holder { span: *span, kind: Held::Variable("") });
            }
            _ => {}
        }
        true
    });
    holders
}

#[cfg(test)]
mod tests;
