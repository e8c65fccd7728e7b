//! All classes of the code, and what names in them stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wonin_model::Located;
use wonin_syntax::java::{
    Call, Expr, ExprKind, Field, Method, Param, Stmt, StmtKind, Type, TypeDecl, TypeKind, Unit,
    Visit, Word, walk,
};
use wonin_text::{FileId, Place, Span};

/// How many classes up a search goes.
const MAX_SUPERCLASSES: usize = 8;

/// How many steps of a chain of calls a search for a type follows.
const MAX_CHAIN: usize = 50;

/// How many calls a search follows.
pub(crate) const MAX_CALLS: usize = 6;

/// All classes that were parsed, in the order of files.
#[derive(Debug, Default)]
pub(crate) struct Codebase<'a> {
    pub(crate) classes: Vec<Class<'a>>,
    by_name: BTreeMap<&'a str, Vec<usize>>,
    /// Classes by the types that they extend and implement.
    by_super: BTreeMap<&'a str, Vec<usize>>,
    /// Names of methods that return something of a type that may hold threads.
    makers: BTreeSet<&'a str>,
    /// Local variables of methods that have any, by class and place of the method.
    locals: BTreeMap<(usize, u32), Locals<'a>>,
}

/// Local variables by name.
type Locals<'a> = BTreeMap<&'a str, (&'a Type, Option<&'a Expr>)>;

/// Endings of the names of types that may hold threads.
const THREADED: &[&str] =
    &["Client", "Executor", "ExecutorService", "EventLoopGroup", "Pool", "Scheduler", "Timer"];

/// One class.
#[derive(Debug)]
pub(crate) struct Class<'a> {
    pub(crate) decl: &'a TypeDecl,
    pub(crate) unit: &'a Unit,
    pub(crate) file: FileId,
    /// The module it belongs to, by index.
    pub(crate) module: usize,
}

/// Where code stands: a class, a method of it, and the arguments that a caller gave.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) class: usize,
    pub(crate) method: Option<&'a Method>,
    caller: Option<Rc<(Scope<'a>, &'a [Expr])>>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Named<'a> {
    /// A local variable: its type, and its initial value.
    Local(&'a Type, Option<&'a Expr>),
    /// A parameter, by its index.
    Param(&'a Param, usize),
    /// A field of a class.
    Field(usize, &'a Field),
}

impl<'a> Named<'a> {
    /// The declared type.
    pub(crate) fn of(&self) -> &'a Type {
        match self {
            Self::Local(of, _) => of,
            Self::Param(param, _) => &param.of,
            Self::Field(_, field) => &field.of,
        }
    }
}

impl<'a> Scope<'a> {
    /// A method of a class, called by nobody in particular.
    pub(crate) fn of(class: usize, method: &'a Method) -> Self {
        Self { class, method: Some(method), caller: None }
    }

    /// A class outside its methods.
    pub(crate) fn class(class: usize) -> Self {
        Self { class, method: None, caller: None }
    }

    /// A method as called from here with these arguments.
    pub(crate) fn call(&self, class: usize, method: &'a Method, args: &'a [Expr]) -> Self {
        Self { class, method: Some(method), caller: Some(Rc::new((self.clone(), args))) }
    }

    /// What the caller gave for a parameter.
    pub(crate) fn argument(&self, index: usize) -> Option<(&Self, &'a Expr)> {
        let (scope, args) = &**self.caller.as_ref()?;
        Some((scope, args.get(index)?))
    }

    /// The statements of the method.
    pub(crate) fn body(&self) -> &'a [Stmt] {
        self.method.map_or(&[], Method::statements)
    }
}

impl<'a> Codebase<'a> {
    /// All classes of files, each with its module, in the order of modules.
    pub(crate) fn new(units: impl IntoIterator<Item = (FileId, usize, &'a Unit)>) -> Self {
        let mut code = Self::default();
        for (file, module, unit) in units {
            for decl in unit.all_types() {
                let index = code.classes.len();
                code.by_name.entry(&decl.name.text).or_default().push(index);
                if decl.kind != TypeKind::Interface {
                    for of in decl.extends.iter().chain(&decl.implements) {
                        code.by_super.entry(&of.name).or_default().push(index);
                    }
                }
                let threaded = decl
                    .methods
                    .iter()
                    .filter(|method| THREADED.iter().any(|end| method.returns.name.ends_with(end)));
                for method in &decl.methods {
                    let found = locals(method.statements());
                    if !found.is_empty() {
                        code.locals.insert((index, method.span.start), found);
                    }
                }
                code.makers.extend(threaded.map(|method| method.name.text.as_str()));
                code.classes.push(Class { decl, unit, file, module });
            }
        }
        code
    }

    /// A class by index.
    pub(crate) fn class(&self, index: usize) -> &Class<'a> {
        &self.classes[index]
    }

    /// Classes with their indices.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (usize, &Class<'a>)> {
        self.classes.iter().enumerate()
    }

    /// Classes of a module, without looking at those of others.
    pub(crate) fn of_module(&self, module: usize) -> impl Iterator<Item = (usize, &Class<'a>)> {
        let first = self.classes.partition_point(|class| class.module < module);
        let own = self.classes[first..].iter().take_while(move |class| class.module == module);
        own.enumerate().map(move |(index, class)| (first + index, class))
    }

    /// The place of bytes in the file of a class.
    pub(crate) fn place(&self, class: usize, span: Span) -> Place {
        Place { file: self.classes[class].file, span }
    }

    /// A word at its place.
    pub(crate) fn word(&self, class: usize, word: &Word) -> Located<String> {
        Located::written(word.text.clone(), self.place(class, word.span))
    }

    /// Whether some method of this name returns what may hold threads.
    pub(crate) fn may_make(&self, method: &str) -> bool {
        self.makers.contains(method)
    }

    /// The class that a simple name means in another class: of the same file, else of the same
    /// module, else the only one there is.
    pub(crate) fn find(&self, name: &str, from: usize) -> Option<usize> {
        let all = self.by_name.get(name)?;
        let home = &self.classes[from];
        let only = |is: &dyn Fn(&Class<'a>) -> bool| {
            let mut found = all.iter().copied().filter(|index| is(&self.classes[*index]));
            found.next().filter(|_| found.next().is_none())
        };
        only(&|class| class.file == home.file)
            .or_else(|| only(&|class| class.module == home.module))
            .or_else(|| only(&|_| true))
    }

    /// The one class that implements or extends a type of this name.
    pub(crate) fn implementer(&self, name: &str, module: usize) -> Option<usize> {
        let all = self.by_super.get(name)?;
        if let [only] = all[..] {
            return Some(only);
        }
        let mut near = all.iter().filter(|index| self.classes[**index].module == module);
        near.next().filter(|_| near.next().is_none()).copied()
    }

    /// A class and those it extends, as far as they are part of the code.
    pub(crate) fn lineage(&self, class: usize) -> Vec<usize> {
        let mut line = vec![class];
        while line.len() < MAX_SUPERCLASSES {
            let last = line[line.len() - 1];
            let parent = self.classes[last].decl.extends.as_ref();
            match parent.and_then(|parent| self.find(&parent.name, last)) {
                Some(parent) if !line.contains(&parent) => line.push(parent),
                _ => break,
            }
        }
        line
    }

    /// A method by name and number of arguments, with the class that has its body: the class
    /// itself, those it extends, or the only implementation of an interface.
    pub(crate) fn method(
        &self,
        class: usize,
        name: &str,
        args: usize,
    ) -> Option<(usize, &'a Method)> {
        let in_line = |class: usize| {
            self.lineage(class).into_iter().find_map(|class| {
                let methods = &self.classes[class].decl.methods;
                let fits = |method: &&Method| {
                    method.name.text == name && method.params.len() == args && method.body.is_some()
                };
                methods.iter().find(fits).map(|method| (class, method))
            })
        };
        in_line(class).or_else(|| {
            let home = &self.classes[class];
            in_line(self.implementer(&home.decl.name.text, home.module)?)
        })
    }

    /// A field by name, of the class or one it extends.
    pub(crate) fn field(&self, class: usize, name: &str) -> Option<(usize, &'a Field)> {
        let line = self.lineage(class);
        line.into_iter()
            .find_map(|class| self.classes[class].decl.field(name).map(|field| (class, field)))
    }

    /// What a name stands for: a local variable, a parameter, a field.
    pub(crate) fn named(&self, scope: &Scope<'a>, name: &str) -> Option<Named<'a>> {
        let locals =
            scope.method.and_then(|method| self.locals.get(&(scope.class, method.span.start)));
        if let Some((of, value)) = locals.and_then(|locals| locals.get(name)) {
            return Some(Named::Local(of, *value));
        }
        let params = scope.method.map_or(&[][..], |method| &method.params);
        if let Some(index) = params.iter().position(|param| param.name.text == name) {
            return Some(Named::Param(&params[index], index));
        }
        self.field(scope.class, name).map(|(class, field)| Named::Field(class, field))
    }

    /// The simple name of an expression's type, as far as declarations tell.
    pub(crate) fn type_of(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<String> {
        self.type_within(scope, expr, 0)
    }

    fn type_within(&self, scope: &Scope<'a>, expr: &'a Expr, depth: usize) -> Option<String> {
        if depth > MAX_CHAIN {
            return None;
        }
        match &expr.kind {
            ExprKind::New(new) => Some(new.of.name.clone()),
            ExprKind::Cast(of, _) => Some(of.name.clone()),
            ExprKind::Name(name) if name == "this" => {
                Some(self.classes[scope.class].decl.name.text.clone())
            }
            ExprKind::Call(call) => {
                let object = self.object(scope, call, depth);
                let class = object.class(self, scope.class);
                let method =
                    class.and_then(|class| self.method(class, &call.name.text, call.args.len()));
                match (method, object) {
                    (Some((_, method)), _) => Some(method.returns.name.clone()),
                    (None, Object::Of(of)) => returned_by(&of, &call.name.text),
                    (None, _) => None,
                }
            }
            _ => match self.named(scope, expr.as_name()?)? {
                Named::Local(of, Some(value)) if of.name == "var" => {
                    self.type_within(scope, value, depth + 1)
                }
                named => Some(named.of().name.clone()),
            },
        }
    }

    /// What a call is made on.
    fn object(&self, scope: &Scope<'a>, call: &'a Call, depth: usize) -> Object {
        let Some(object) = call.object.as_deref() else { return Object::Own };
        if object.is_this() {
            return Object::Own;
        }
        if let ExprKind::Name(name) = &object.kind
            && name.starts_with(char::is_uppercase)
            && self.named(scope, name).is_none()
        {
            return Object::Of(name.clone());
        }
        self.type_within(scope, object, depth + 1).map_or(Object::Unknown, Object::Of)
    }

    /// The class that a call goes to: its own, that of the object's type, or the one it names.
    pub(crate) fn target(&self, scope: &Scope<'a>, call: &'a Call) -> Option<usize> {
        self.object(scope, call, 0).class(self, scope.class)
    }

    /// The method that a call goes to, where it is part of the code.
    pub(crate) fn called(&self, scope: &Scope<'a>, call: &'a Call) -> Option<(usize, &'a Method)> {
        let class = self.target(scope, call)?;
        self.method(class, &call.name.text, call.args.len())
    }

    /// The method that `object::name` refers to, where it is part of the code.
    pub(crate) fn referred(
        &self,
        scope: &Scope<'a>,
        object: &'a Expr,
        name: &str,
    ) -> Option<(usize, &'a Method)> {
        let owner = self.type_of(scope, object).or_else(|| Some(object.as_name()?.to_owned()))?;
        self.of_name(&owner, name, scope.class)
    }

    /// The first method of this name of a class, as seen from another.
    pub(crate) fn of_name(
        &self,
        owner: &str,
        name: &str,
        from: usize,
    ) -> Option<(usize, &'a Method)> {
        let class = self.find(owner, from)?;
        let methods = &self.classes[class].decl.methods;
        methods.iter().find(|method| method.name.text == name).map(|method| (class, method))
    }
}

/// What a call is made on: the own object, one of a type of this name (or the type itself), or
/// nobody knows what.
enum Object {
    Own,
    Of(String),
    Unknown,
}

impl Object {
    fn class(&self, code: &Codebase<'_>, own: usize) -> Option<usize> {
        match self {
            Self::Own => Some(own),
            Self::Of(name) => code.find(name, own),
            Self::Unknown => None,
        }
    }
}

/// What methods of well-known types return, where that decides.
fn returned_by(of: &str, method: &str) -> Option<String> {
    let of = match (of, method) {
        ("CompletableFuture", "supplyAsync" | "runAsync" | "allOf" | "anyOf") => {
            "CompletableFuture"
        }
        ("Executors", _) => "ExecutorService",
        ("CompletableFuture" | "CompletionStage", name)
            if name.starts_with("then")
                || matches!(name, "handle" | "exceptionally" | "whenComplete" | "orTimeout") =>
        {
            "CompletableFuture"
        }
        (template, "send" | "sendDefault") if template.ends_with("KafkaTemplate") => {
            "CompletableFuture"
        }
        ("KafkaProducer" | "Producer", "send") => "Future",
        (executor, "submit" | "schedule") if executor.contains("Execut") => "Future",
        _ => return None,
    };
    Some(of.to_owned())
}

/// The local variables of a body, those of lambdas included; of equal names the first one counts.
fn locals(body: &[Stmt]) -> Locals<'_> {
    let mut found = Locals::new();
    walk(body, &mut |visit, _| {
        match visit {
            Visit::Stmt(Stmt { kind: StmtKind::Local(of, variables), .. }) => {
                for (word, value) in variables {
                    found.entry(&word.text).or_insert((of, value.as_ref()));
                }
            }
            Visit::Stmt(Stmt { kind: StmtKind::Try(tried), .. }) => {
                for (declared, value) in &tried.resources {
                    if let Some((of, word)) = declared {
                        found.entry(&word.text).or_insert((of, Some(value)));
                    }
                }
            }
            _ => {}
        }
        true
    });
    found
}

/// Whether a body declares a local variable of this name.
pub(crate) fn is_local(body: &[Stmt], name: &str) -> bool {
    let mut found = false;
    walk(body, &mut |visit, _| {
        if let Visit::Stmt(Stmt { kind: StmtKind::Local(_, variables), .. }) = visit {
            found |= variables.iter().any(|(word, _)| word.text == name);
        }
        !found
    });
    found
}

/// The values that `return` statements of a body give, those of lambdas and anonymous classes
/// left out.
pub(crate) fn returned(body: &[Stmt]) -> Vec<&Expr> {
    let mut found = Vec::new();
    walk(body, &mut |visit, around| {
        if let Visit::Stmt(Stmt { kind: StmtKind::Return(Some(value)), .. }) = visit
            && !around.deferred
        {
            found.push(value);
        }
        true
    });
    found
}

/// All calls in a body, in the order of places.
pub(crate) fn calls_in(body: &[Stmt]) -> Vec<&Call> {
    let mut found = Vec::new();
    walk(body, &mut |visit, _| {
        if let Visit::Expr(expr) = visit {
            found.extend(expr.as_call());
        }
        true
    });
    found
}

/// All assignments to a name in a body: the value, and whether it is made on every run.
pub(crate) fn assigned<'a>(body: &'a [Stmt], name: &str) -> Vec<(&'a Expr, bool)> {
    let mut found = Vec::new();
    walk(body, &mut |visit, around| {
        if let Visit::Expr(Expr { kind: ExprKind::Assign(target, value), .. }) = visit
            && target.as_name() == Some(name)
        {
            let always = !around.conditional && !around.deferred && !around.in_loop;
            found.push((&**value, always));
        }
        true
    });
    found
}
