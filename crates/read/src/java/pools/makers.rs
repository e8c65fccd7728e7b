//! Expressions that start threads.

use wonin_model::Located;
use wonin_syntax::java::{Call, Expr, ExprKind, Method, New, Stmt, StmtKind, Visit, walk};
use wonin_text::Span;

use crate::java::codebase::{MAX_CALLS, Scope, returned};
use crate::java::values::Values;

/// What kind of thing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Pool,
    Timer,
    Thread,
    Client,
}

/// Something that starts threads.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) thing: Thing,
    /// The class in whose file the making expression stands, and its bytes.
    pub(super) class: usize,
    pub(super) span: Span,
    /// How many threads it may hold.
    pub(super) size: Option<Located<u32>>,
    /// A bare thread that never ends by itself.
    pub(super) endless: bool,
    /// A bare thread that repeats something: it may outlive the next run.
    pub(super) loops: bool,
}

/// How many threads, by the argument that says so.
#[derive(Clone, Copy)]
enum Size {
    One,
    Arg(usize),
    Open,
}

/// Methods of `Executors`. Virtual threads cost next to nothing and are left out.
const EXECUTORS: &[(&str, Size)] = &[
    ("newCachedThreadPool", Size::Open),
    ("newFixedThreadPool", Size::Arg(0)),
    ("newScheduledThreadPool", Size::Arg(0)),
    ("newSingleThreadExecutor", Size::One),
    ("newSingleThreadScheduledExecutor", Size::One),
    ("newThreadPerTaskExecutor", Size::Open),
    ("newWorkStealingPool", Size::Arg(0)),
];

/// Classes by constructor.
const CLASSES: &[(&str, Thing, Size)] = &[
    ("DefaultAsyncHttpClient", Thing::Client, Size::Open),
    ("DefaultEventLoopGroup", Thing::Pool, Size::Arg(0)),
    ("EpollEventLoopGroup", Thing::Pool, Size::Arg(0)),
    ("ForkJoinPool", Thing::Pool, Size::Arg(0)),
    ("HikariDataSource", Thing::Client, Size::Open),
    ("KafkaConsumer", Thing::Client, Size::One),
    ("KafkaProducer", Thing::Client, Size::One),
    ("NioEventLoopGroup", Thing::Pool, Size::Arg(0)),
    ("OkHttpClient", Thing::Client, Size::Open),
    ("RestHighLevelClient", Thing::Client, Size::Open),
    ("ScheduledThreadPoolExecutor", Thing::Pool, Size::Arg(0)),
    ("Thread", Thing::Thread, Size::One),
    ("ThreadPoolExecutor", Thing::Pool, Size::Arg(1)),
    ("ThreadPoolTaskExecutor", Thing::Pool, Size::Open),
    ("ThreadPoolTaskScheduler", Thing::Pool, Size::Open),
    ("Timer", Thing::Timer, Size::One),
    ("ZooKeeper", Thing::Client, Size::Open),
];

/// Clients by static method.
const FACTORIES: &[(&str, &str)] = &[
    ("AdminClient", "create"),
    ("CuratorFrameworkFactory", "newClient"),
    ("Dsl", "asyncHttpClient"),
    ("HazelcastClient", "newHazelcastClient"),
    ("HttpClient", "newHttpClient"),
    ("MongoClients", "create"),
    ("RedisClient", "create"),
    ("Vertx", "vertx"),
];

/// What an expression makes, if it makes something that starts threads: itself, or an object of
/// the code that holds such a thing.
pub(super) fn made<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    expr: &'a Expr,
    depth: usize,
) -> Option<Made> {
    let made = |thing, size| Made {
        thing,
        class: scope.class,
        span: expr.span,
        size,
        endless: false,
        loops: false,
    };
    match &expr.kind {
        ExprKind::Call(call) => {
            let object = call.object.as_deref();
            let owner = object.and_then(Expr::as_name);
            let name = call.name.text.as_str();
            if matches!(owner, Some("Executors")) || object.is_none() {
                let known = EXECUTORS.iter().find(|(known, _)| *known == name);
                if let Some((_, size)) = known {
                    return Some(made(Thing::Pool, sized(values, scope, &call.args, *size, expr)));
                }
            }
            if values.code.may_make(name)
                && let Some((class, method)) = values.code.called(scope, call)
            {
                return handed_out(values, scope, call, class, method, depth);
            }
            let is_factory = FACTORIES.iter().any(|of| Some(of.0) == owner && of.1 == name);
            (is_factory || is_client_builder(values, scope, call))
                .then(|| made(Thing::Client, None))
        }
        ExprKind::New(new) => {
            if let Some((_, thing, size)) = CLASSES.iter().find(|(name, ..)| *name == new.of.name)
                && values.code.find(&new.of.name, scope.class).is_none()
            {
                if *thing == Thing::Client
                    && new.args.is_empty()
                    && new.of.name.starts_with("Kafka")
                {
                    return None;
                }
                let mut made = made(*thing, sized(values, scope, &new.args, *size, expr));
                if *thing == Thing::Thread {
                    (made.loops, made.endless) = loops(new);
                }
                return Some(made);
            }
            holder(values, scope, new, depth)
        }
        _ => None,
    }
}

/// What a method of the code makes and hands to its caller; a bean is made once.
fn handed_out<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    call: &'a Call,
    class: usize,
    method: &'a Method,
    depth: usize,
) -> Option<Made> {
    if depth >= MAX_CALLS || method.annotation("Bean").is_some() {
        return None;
    }
    let [value] = returned(method.statements())[..] else { return None };
    made(values, &scope.call(class, method, &call.args), value, depth + 1)
}

/// An object of the code with a pool in a field of its own, or made by its constructor.
fn holder<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    new: &'a New,
    depth: usize,
) -> Option<Made> {
    if depth >= MAX_CALLS {
        return None;
    }
    let class = values.code.find(&new.of.name, scope.class)?;
    let decl = values.code.class(class).decl;
    let fields = decl.fields.iter().filter(|field| !field.is("static"));
    let initial = fields.filter_map(|field| field.value.as_ref());
    let held = initial.filter_map(|value| made(values, &Scope::class(class), value, depth + 1));
    let mut set = Vec::new();
    for method in decl.methods.iter().filter(|method| method.is_constructor) {
        let inner = Scope::of(class, method);
        walk(method.statements(), &mut |visit, _| {
            if let Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) = visit
                && target.as_name().is_some_and(|name| decl.field(name).is_some())
            {
                set.extend(made(values, &inner, value, depth + 1));
            }
            true
        });
    }
    held.chain(set).find(|made| matches!(made.thing, Thing::Pool | Thing::Timer))
}

/// `S3Client.builder()….build()`, `AmazonS3ClientBuilder.standard()….build()`,
/// `HttpClient.newBuilder()….build()`.
fn is_client_builder(values: &Values<'_, '_>, scope: &Scope<'_>, call: &Call) -> bool {
    if !matches!(call.name.text.as_str(), "build" | "defaultClient") {
        return false;
    }
    let mut root = call;
    while let Some(before) = root.object.as_deref().and_then(Expr::as_call) {
        root = before;
    }
    let Some(owner) = root.object.as_deref().and_then(Expr::as_name) else { return false };
    let unit = values.code.class(scope.class).unit;
    match root.name.text.as_str() {
        "newBuilder" => owner == "HttpClient",
        "standard" | "defaultClient" => {
            owner.ends_with("ClientBuilder") && unit.imports_below("com.amazonaws")
        }
        "builder" => owner.ends_with("Client") && unit.imports_below("software.amazon.awssdk"),
        _ => false,
    }
}

fn sized<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    args: &'a [Expr],
    size: Size,
    whole: &Expr,
) -> Option<Located<u32>> {
    match size {
        Size::Open => None,
        Size::One => Some(Located::written(1, values.code.place(scope.class, whole.span))),
        Size::Arg(index) => {
            let arg = args.get(index)?;
            let number = u32::try_from(values.number(scope, arg)?.value).ok()?;
            // Beyond this it is no bound that anything reaches.
            let bounded = number < i32::MAX as u32;
            bounded.then(|| Located::written(number, values.code.place(scope.class, arg.span)))
        }
    }
}

/// Whether what a thread runs has a loop, and whether one without end.
fn loops(new: &New) -> (bool, bool) {
    let mut found = (false, false);
    let mut look = |body: &[Stmt]| {
        walk(body, &mut |visit, _| {
            if let Visit::Stmt(Stmt { kind: StmtKind::Loop(inner), .. }) = visit {
                found = (true, found.1 || inner.endless);
            }
            true
        });
    };
    new.body.iter().for_each(|method| look(method.statements()));
    for arg in &new.args {
        match &arg.kind {
            ExprKind::Lambda(_, body) => look(body),
            ExprKind::New(inner) => inner.body.iter().for_each(|m| look(m.statements())),
            _ => {}
        }
    }
    found
}
