//! What makes code run again: jobs, schedules, requests, messages; and what they call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wonin_model::{Located, Scope as Runs};
use wonin_syntax::java::{Expr, ExprKind, Method, Stmt, StmtKind, TypeDecl, TypeKind, Visit, walk};
use wonin_text::Span;

use super::codebase::{Codebase, Scope};
use super::tasks::Task;
use super::values::Values;
use super::{schedules, tasks};

/// How many calls away from an entry a method still counts as run by it.
const MAX_STEPS: usize = 4;

/// Annotations of methods that answer requests.
pub(crate) const HANDLERS: &[&str] = &[
    "DELETE",
    "DeleteMapping",
    "GET",
    "GetMapping",
    "PATCH",
    "POST",
    "PUT",
    "PatchMapping",
    "PostMapping",
    "PutMapping",
    "RequestMapping",
];

/// Annotations of methods that take messages.
const LISTENERS: &[&str] = &[
    "JmsListener",
    "KafkaHandler",
    "KafkaListener",
    "MessageMapping",
    "PulsarListener",
    "RabbitHandler",
    "RabbitListener",
    "RedisListener",
    "SqsListener",
    "StreamListener",
];

/// Types of jobs that Quartz makes anew for every firing.
const JOBS: &[&str] = &["InterruptableJob", "Job", "QuartzJobBean", "StatefulJob"];

/// A method, or a task in one, that something runs again and again.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) class: usize,
    /// What a person would call it.
    pub(crate) name: Located<String>,
    pub(crate) runs: Runs,
    pub(crate) period_ms: Option<Located<u64>>,
}

/// A method as a key: its class and where its name stands.
pub(crate) type Key = (usize, u32);

/// Key of a method.
pub(crate) fn key(class: usize, method: &Method) -> Key {
    (class, method.name.span.start)
}

/// Methods that run again, with the entry that leads to each and how many calls away it is.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    pub(crate) entries: Vec<Entry>,
    reached: BTreeMap<Key, (usize, usize)>,
    /// Tasks that are written out where they are scheduled: class, bytes, entry.
    tasks: Vec<(usize, Span, usize)>,
    /// Methods that run when the program starts, and what only they call.
    started: BTreeSet<Key>,
}

impl Callers {
    /// Finds the entries of all modules and follows their calls. `values` are those of a module.
    pub(crate) fn of<'v, 'a>(
        code: &'v Codebase<'a>,
        values: impl Fn(usize) -> Values<'v, 'a>,
    ) -> Self {
        let mut callers = Self::default();
        let mut starts = Vec::new();
        let mut roots = Vec::new();
        for (class, of) in code.classes() {
            let values = values(of.module);
            for method in of.decl.methods.iter().filter(|method| method.body.is_some()) {
                if let Some(runs) = runs(code, class, method) {
                    let period_ms = schedules::of_entry(&values, class, method);
                    let name = code.word(class, &method.name);
                    roots.push(Root { class, method, entry: callers.entries.len(), steps: 0 });
                    callers.entries.push(Entry { class, name, runs, period_ms });
                } else if is_start(of.decl, method) {
                    starts.push(Root { class, method, entry: 0, steps: 0 });
                }
                for task in tasks::of_method(&values, class, method) {
                    callers.add_task(code, task, &mut roots);
                }
            }
        }
        callers.reached = follow(code, roots);
        callers.started = follow(code, starts).into_keys().collect();
        callers
    }

    fn add_task<'a>(&mut self, code: &Codebase<'a>, task: Task<'a>, roots: &mut Vec<Root<'a>>) {
        let Task { class, method, span, name, period_ms, body } = task;
        let entry = self.entries.len();
        self.entries.push(Entry { class, name, runs: Runs::JobRun, period_ms });
        match body {
            Some((class, method)) => roots.push(Root { class, method, entry, steps: 0 }),
            None => {
                let called = calls(code, class, method, Some(span));
                let root = |(class, method)| Root { class, method, entry, steps: 1 };
                roots.extend(called.into_iter().map(root));
                self.tasks.push((class, span, entry));
            }
        }
    }

    /// The entry that runs a place of a method, if it lies in a task that is scheduled there.
    pub(crate) fn task(&self, class: usize, span: Span) -> Option<&Entry> {
        let holds = |(of, task, _): &&(usize, Span, usize)| {
            *of == class && task.contains(span.start as usize)
        };
        let (.., entry) = self.tasks.iter().find(holds)?;
        Some(&self.entries[*entry])
    }

    /// The entry that leads to a method, and how many calls away it is.
    pub(crate) fn entry(&self, class: usize, method: &Method) -> Option<(&Entry, usize)> {
        let (entry, steps) = self.reached.get(&key(class, method))?;
        Some((&self.entries[*entry], *steps))
    }

    /// Whether a method runs at the start alone.
    pub(crate) fn is_start_only(&self, class: usize, method: &Method) -> bool {
        let key = key(class, method);
        self.started.contains(&key) && !self.reached.contains_key(&key)
    }
}

/// Where following calls begins.
struct Root<'a> {
    class: usize,
    method: &'a Method,
    entry: usize,
    /// How many calls away from the entry it is already.
    steps: usize,
}

/// All methods that calls lead to, breadth first: from which entry, and after how many calls.
fn follow<'a>(code: &Codebase<'a>, roots: Vec<Root<'a>>) -> BTreeMap<Key, (usize, usize)> {
    let mut reached = BTreeMap::new();
    let mut waiting = VecDeque::from(roots);
    while let Some(Root { class, method, entry, steps }) = waiting.pop_front() {
        if reached.contains_key(&key(class, method)) {
            continue;
        }
        reached.insert(key(class, method), (entry, steps));
        if steps < MAX_STEPS {
            let called = calls(code, class, method, None);
            let next = |(class, method)| Root { class, method, entry, steps: steps + 1 };
            waiting.extend(called.into_iter().map(next));
        }
    }
    reached
}

/// Whether what follows a condition runs once for each thing that comes along: `if
/// (!known.contains(it)) { …; known.add(it); }`, or `if (known.add(it)) { … }`. Runs that bring the
/// same things run it once.
fn is_first(condition: &Expr, then: &[Stmt]) -> bool {
    let asked = |expr: &Expr, names: &[&str]| {
        let call = expr.as_call().filter(|call| names.contains(&call.name.text.as_str()))?;
        call.object.as_ref()?.as_name().map(str::to_owned)
    };
    if asked(condition, &["add", "compareAndSet"]).is_some() {
        return true;
    }
    // A negation is known by its operand alone.
    let ExprKind::Other(operands) = &condition.kind else { return false };
    let [operand] = operands.as_slice() else { return false };
    let Some(known) = asked(operand, &["contains", "containsKey"]) else { return false };
    let mut noted = false;
    walk(then, &mut |visit, _| {
        if let Visit::Expr(expr) = visit {
            noted |= asked(expr, &["add", "put"]).is_some_and(|name| name == known);
        }
        !noted
    });
    noted
}

/// Methods of the code that a body, or a part of it, calls: by call or by reference.
fn calls<'a>(
    code: &Codebase<'a>,
    class: usize,
    method: &'a Method,
    within: Option<Span>,
) -> Vec<(usize, &'a Method)> {
    let scope = Scope::of(class, method);
    let mut exprs: Vec<&'a Expr> = Vec::new();
    // A condition is visited before what it guards.
    let mut once: Vec<&Stmt> = Vec::new();
    walk(method.statements(), &mut |visit, _| {
        match visit {
            Visit::Stmt(stmt) if once.iter().any(|guarded| std::ptr::eq(*guarded, stmt)) => {
                return false;
            }
            Visit::Stmt(Stmt { kind: StmtKind::If(condition, then, _), .. })
                if is_first(condition, then) =>
            {
                once.extend(then);
            }
            Visit::Expr(expr)
                if within.is_none_or(|span| span.contains(expr.span.start as usize)) =>
            {
                exprs.push(expr);
            }
            _ => {}
        }
        true
    });
    let target = |expr: &'a Expr| match &expr.kind {
        ExprKind::Call(call) => code.called(&scope, call),
        ExprKind::MethodRef(object, name) => code.referred(&scope, object, &name.text),
        _ => None,
    };
    exprs.into_iter().filter_map(target).collect()
}

/// Whether a class is a job of Quartz, itself or through types of the code.
pub(crate) fn is_job(code: &Codebase<'_>, class: usize) -> bool {
    let mut types = code.lineage(class);
    let mut at = 0;
    while let Some(class) = types.get(at).copied() {
        at += 1;
        let of = code.class(class);
        let imports = of.unit.imports_below("org.quartz")
            || of.unit.imports_below("org.springframework.scheduling.quartz");
        let params = of.decl.methods.iter().flat_map(|method| &method.params);
        let runs = imports || params.into_iter().any(|p| p.of.name == "JobExecutionContext");
        if runs && JOBS.iter().any(|job| of.decl.is_a(job)) {
            return code.class(types[0]).decl.kind == TypeKind::Class;
        }
        for parent in &of.decl.implements {
            let parent = code.find(&parent.name, class);
            types.extend(parent.filter(|parent| !types.contains(parent)));
        }
    }
    false
}

/// What runs a method, if something runs it again and again.
fn runs(code: &Codebase<'_>, class: usize, method: &Method) -> Option<Runs> {
    let has = |names: &[&str]| names.iter().any(|name| method.annotation(name).is_some());
    if has(&["Scheduled", "Schedules", "Recurring"]) {
        return Some(Runs::JobRun);
    }
    let name = method.name.text.as_str();
    if matches!(name, "execute" | "executeInternal") && is_job(code, class) {
        return Some(Runs::JobRun);
    }
    let decl = code.class(class).decl;
    let serves = decl.is_a("HttpServlet") && (name.starts_with("do") || name == "service");
    if serves || has(HANDLERS) || has(LISTENERS) {
        return Some(Runs::Request);
    }
    if method.annotation("EventListener").is_some() {
        let event = method.params.first().map_or("", |param| param.of.name.as_str());
        let of_start = event.starts_with("Application") || event.starts_with("Context");
        return (!of_start && !event.is_empty()).then_some(Runs::Request);
    }
    None
}

/// Whether a method runs once, when the program or a bean starts.
fn is_start(decl: &TypeDecl, method: &Method) -> bool {
    let has = |name: &str| method.annotation(name).is_some();
    let name = method.name.text.as_str();
    method.is_constructor && is_bean(decl)
        || has("Bean")
        || has("PostConstruct")
        || has("EventListener")
        || matches!(name, "main" | "afterPropertiesSet" | "onApplicationEvent")
        || name == "run" && ["CommandLineRunner", "ApplicationRunner"].iter().any(|r| decl.is_a(r))
}

/// Annotations that make a class a bean of which there is one.
const STEREOTYPES: &[&str] = &[
    "Component",
    "Configuration",
    "Controller",
    "ControllerAdvice",
    "Repository",
    "RestController",
    "Service",
    "Singleton",
    "SpringBootApplication",
];

/// Whether a class is a bean of which there is one.
pub(crate) fn is_bean(decl: &TypeDecl) -> bool {
    STEREOTYPES.iter().any(|name| decl.annotation(name).is_some()) && !is_made_often(decl)
}

/// Whether a class is a bean that is made for every use or request.
pub(crate) fn is_made_often(decl: &TypeDecl) -> bool {
    let scope = decl
        .annotation("Scope")
        .and_then(|scope| scope.arg("value").or_else(|| scope.arg("scopeName")));
    let named = scope.is_some_and(|scope| match &scope.kind {
        ExprKind::Str(text, _) => text != "singleton",
        ExprKind::Member(_, name) => !name.text.contains("SINGLETON"),
        _ => false,
    });
    named || decl.annotation("RequestScope").is_some()
}
