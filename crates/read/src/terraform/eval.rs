//! Expressions to values: variables, locals, references, templates, operators.
//!
//! What cannot be known from the files (data sources, attributes set at apply, variables without a
//! value) stays [`Data::Unknown`] or [`Data::Resource`]; nothing is guessed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use wonin_syntax::hcl::{Body, Expr, ExprKind, For};
use wonin_text::{FileId, Place, Span};

use super::module::{Declared, Module};
use super::operators::binary;
use super::value::{Data, Value};
use super::{functions, public, types};

/// How many expressions one world may evaluate, and how deep; both far above real modules.
const WORK_LIMIT: u32 = 2_000_000;
const DEPTH_LIMIT: u32 = 96;

/// Loads the text of a file named in an expression, relative to the given path.
pub(crate) type Load<'a> = dyn FnMut(&str) -> Result<(FileId, String), String> + 'a;

/// One root module with all local modules below it.
pub(crate) struct World<'a> {
    /// Modules by directory.
    pub(crate) modules: &'a BTreeMap<String, Module<'a>>,
    pub(crate) instances: RefCell<Vec<Instance>>,
    pub(crate) load: RefCell<Box<Load<'a>>>,
    work: Cell<u32>,
    depth: Cell<u32>,
    /// Variables and locals being evaluated, to stop at cycles.
    active: RefCell<Vec<(usize, String)>>,
    cache: RefCell<BTreeMap<(usize, String), Value>>,
}

/// One use of a module.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) dir: String,
    /// `module.x.` or empty for the root.
    pub(crate) prefix: String,
    /// Arguments of the call; `None` for the root.
    pub(crate) arguments: Option<BTreeMap<String, Value>>,
}

/// What names mean at one place.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) instance: usize,
    pub(crate) file: FileId,
    /// `each.key`, `each.value`, `count.index`, and names bound by `for` and `dynamic`.
    pub(crate) bound: Vec<(String, Value)>,
}

impl Scope {
    fn place(&self, span: Span) -> Place {
        Place { file: self.file, span }
    }

    pub(crate) fn with(&self, name: &str, value: Value) -> Self {
        let mut inner = self.clone();
        inner.bound.push((name.to_owned(), value));
        inner
    }

    fn bound(&self, name: &str) -> Option<&Value> {
        self.bound.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(
        modules: &'a BTreeMap<String, Module<'a>>,
        root: &str,
        load: Box<Load<'a>>,
    ) -> Self {
        let root = Instance { dir: root.to_owned(), prefix: String::new(), arguments: None };
        Self {
            modules,
            instances: RefCell::new(vec![root]),
            load: RefCell::new(load),
            work: Cell::new(0),
            depth: Cell::new(0),
            active: RefCell::default(),
            cache: RefCell::default(),
        }
    }

    pub(crate) fn instance(&self, index: usize) -> Instance {
        self.instances.borrow()[index].clone()
    }

    pub(crate) fn module(&self, index: usize) -> Option<&'a Module<'a>> {
        self.modules.get(&self.instances.borrow()[index].dir)
    }

    /// The value of an expression.
    pub(crate) fn eval(&self, expr: &Expr, scope: &Scope) -> Value {
        let place = scope.place(expr.span);
        self.work.set(self.work.get() + 1);
        if self.work.get() > WORK_LIMIT || self.depth.get() > DEPTH_LIMIT {
            return Value::unknown("the expression is too large to follow", place);
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.eval_kind(expr, scope, place);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn eval_kind(&self, expr: &Expr, scope: &Scope, place: Place) -> Value {
        match &expr.kind {
            ExprKind::Null => Value::new(Data::Null, place),
            ExprKind::Bool(truth) => Value::new(Data::Bool(*truth), place),
            ExprKind::Number(text) => match text.parse() {
                Ok(number) => Value::new(Data::Number(number), place),
                Err(_) => Value::unknown("not a number", place),
            },
            ExprKind::Text(text, inner) => {
                Value::new(Data::Text(text.clone()), scope.place(*inner))
            }
            ExprKind::Template(pieces) => self.template(pieces, scope, place),
            ExprKind::List(items) => {
                let items = items.iter().map(|item| self.eval(item, scope)).collect();
                Value::new(Data::List(items), place)
            }
            ExprKind::Object(entries) => self.object(entries, scope, place),
            ExprKind::Name(_) | ExprKind::Attr(..) | ExprKind::Index(..) => {
                self.reference(expr, scope, place)
            }
            ExprKind::Splat(inner) => self.splat(inner, scope, place),
            ExprKind::Call(name, arguments, spread) => {
                functions::call(self, name, arguments, *spread, scope, place)
            }
            ExprKind::Conditional(parts) => {
                let condition = self.eval(&parts[0], scope);
                match condition.bool() {
                    Some(true) => self.eval(&parts[1], scope).used_at(place),
                    Some(false) => self.eval(&parts[2], scope).used_at(place),
                    None => Value::unknown(
                        condition.why_unknown().unwrap_or_else(|| "condition unknown".to_owned()),
                        place,
                    ),
                }
            }
            ExprKind::Unary(operator, inner) => {
                let inner = self.eval(inner, scope);
                let data = match (*operator, inner.number(), inner.bool()) {
                    ("-", Some(number), _) => Data::Number(-number),
                    ("!", _, Some(truth)) => Data::Bool(!truth),
                    _ => Data::Unknown(inner.why_unknown().unwrap_or_default()),
                };
                Value::computed(data, place, &[&inner])
            }
            ExprKind::Binary(operator, sides) => {
                let (left, right) = (self.eval(&sides[0], scope), self.eval(&sides[1], scope));
                Value::computed(binary(operator, &left, &right), place, &[&left, &right])
            }
            ExprKind::For(each) => self.for_expr(each, scope, place),
            ExprKind::Opaque(what) => Value::unknown(format!("{what} is not followed"), place),
        }
    }

    fn template(&self, pieces: &[Expr], scope: &Scope, place: Place) -> Value {
        let values: Vec<Value> = pieces.iter().map(|piece| self.eval(piece, scope)).collect();
        // "${x}" alone keeps the type of x.
        if let [only] = values.as_slice() {
            return only.clone().used_at(place);
        }
        let mut text = String::new();
        for value in &values {
            match value.text() {
                Some(piece) => text.push_str(&piece),
                None => {
                    let why = value.why_unknown().unwrap_or_else(|| "not text".to_owned());
                    return Value::unknown(why, place);
                }
            }
        }
        let from: Vec<&Value> = values
            .iter()
            .filter(|value| value.place().is_some_and(|at| !contains(place, at)))
            .collect();
        Value::computed(Data::Text(text), place, &from)
    }

    fn object(&self, entries: &[(Expr, Expr)], scope: &Scope, place: Place) -> Value {
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.eval(key, scope);
            let Some(name) = key.text() else { continue };
            map.push((name, self.eval(value, scope)));
        }
        Value::new(Data::Map(map), place)
    }

    fn splat(&self, inner: &Expr, scope: &Scope, place: Place) -> Value {
        let value = self.eval(inner, scope);
        match value.data {
            Data::List(_) | Data::Unknown(_) | Data::Resource { .. } => value,
            Data::Null => Value::new(Data::List(Vec::new()), place),
            _ => Value::new(Data::List(vec![value]), place),
        }
    }

    fn for_expr(&self, each: &For, scope: &Scope, place: Place) -> Value {
        let over = self.eval(&each.over, scope);
        let pairs: Vec<(Value, Value)> = match &over.data {
            Data::List(items) => (0u32..)
                .zip(items)
                .map(|(index, item)| {
                    (Value::new(Data::Number(f64::from(index)), place), item.clone())
                })
                .collect(),
            Data::Map(entries) => entries
                .iter()
                .map(|(key, item)| (Value::new(Data::Text(key.clone()), place), item.clone()))
                .collect(),
            _ => {
                let why = over.why_unknown().unwrap_or_else(|| "not a collection".to_owned());
                return Value::unknown(why, place);
            }
        };
        let mut items = Vec::new();
        let mut map = Vec::new();
        for (key, value) in pairs {
            let mut inner = scope.with(&each.value_name, value);
            if let Some(name) = &each.key_name {
                inner = inner.with(name, key);
            }
            if let Some(condition) = &each.condition {
                match self.eval(condition, &inner).bool() {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return Value::unknown("the filter of a `for` is unknown", place),
                }
            }
            let result = self.eval(&each.value, &inner);
            match &each.key {
                Some(key) => {
                    let Some(name) = self.eval(key, &inner).text() else { continue };
                    map.push((name, result));
                }
                None => items.push(result),
            }
        }
        let data = if each.key.is_some() { Data::Map(map) } else { Data::List(items) };
        Value::new(data, place)
    }

    /// A chain of names and indexes: `var.x`, `local.y.z`, `aws_lb.front[0].arn`, `each.value.a`.
    fn reference(&self, expr: &Expr, scope: &Scope, place: Place) -> Value {
        let mut steps = Vec::new();
        let mut at = expr;
        loop {
            match &at.kind {
                ExprKind::Attr(inner, name) => {
                    steps.push(Step::Name(name.clone()));
                    at = inner;
                }
                ExprKind::Index(inner, index) => {
                    let index = self.eval(index, scope);
                    steps.push(index.text().map_or(Step::Unknown, Step::Name));
                    at = inner;
                }
                _ => break,
            }
        }
        steps.reverse();
        let (root, rest) = match &at.kind {
            ExprKind::Name(root) => (root.as_str(), steps.as_slice()),
            // A call or a bracketed expression with attributes behind it.
            _ => return walk(self.eval(at, scope), &steps, place),
        };
        if let Some(value) = scope.bound(root) {
            return walk(value.clone(), rest, place);
        }
        let name = match rest.first() {
            Some(Step::Name(name)) => name.as_str(),
            _ => "",
        };
        match root {
            "var" => {
                walk(self.variable(scope.instance, name, place), &rest[1.min(rest.len())..], place)
            }
            "local" => {
                walk(self.local(scope.instance, name, place), &rest[1.min(rest.len())..], place)
            }
            "module" => self.module_output(scope, rest, place),
            "data" => match available_zone(rest) {
                Some(zone) => Value::new(Data::Text(zone), place),
                None => Value::unknown("data sources are read at apply", place),
            },
            "path" => {
                let dir = self.instance(if name == "module" { scope.instance } else { 0 }).dir;
                let dir = if dir.is_empty() { ".".to_owned() } else { dir };
                Value::new(Data::Text(dir), place)
            }
            "terraform" if name == "workspace" => Value::new(Data::Text("default".into()), place),
            _ => self.resource(scope, root, rest, place),
        }
    }

    fn guarded(&self, key: (usize, String), place: Place, make: impl FnOnce() -> Value) -> Value {
        if let Some(known) = self.cache.borrow().get(&key) {
            return known.clone();
        }
        if self.active.borrow().contains(&key) {
            return Value::unknown(format!("{} refers to itself", key.1), place);
        }
        self.active.borrow_mut().push(key.clone());
        let value = make();
        self.active.borrow_mut().pop();
        self.cache.borrow_mut().insert(key, value.clone());
        value
    }

    /// A variable: argument of the call, `.tfvars`, then `default`.
    pub(crate) fn variable(&self, instance: usize, name: &str, at: Place) -> Value {
        let value = self.guarded((instance, format!("var.{name}")), at, || {
            let Some(module) = self.module(instance) else {
                return Value::unknown("unknown module", at);
            };
            let holder = self.instance(instance);
            let declared = module.variables.get(name);
            let own = |file| Scope { instance, file, bound: Vec::new() };
            let given = match &holder.arguments {
                Some(arguments) => arguments.get(name).cloned(),
                None => module.given.get(name).map(|(file, expr)| self.eval(expr, &own(*file))),
            };
            // `null` for a variable that may not be null means its default.
            let refuses_null = declared.is_some_and(|declared| {
                let nullable = declared.block.body.attribute("nullable");
                nullable.is_some_and(|nullable| {
                    self.eval(&nullable.value, &own(declared.file)).bool() == Some(false)
                })
            });
            let given = given.filter(|value| !(refuses_null && value.is_null()));
            if let Some(value) = given {
                let typed = declared
                    .and_then(|declared| Some((declared, declared.block.body.attribute("type")?)));
                return match typed {
                    Some((declared, of)) => {
                        types::complete(self, value, &of.value, &own(declared.file))
                    }
                    None => value,
                };
            }
            match declared {
                Some(declared) => match declared.block.body.attribute("default") {
                    Some(default) => self.eval(&default.value, &own(declared.file)),
                    None => Value::unknown(
                        format!("var.{name} has no default and no value in terraform.tfvars"),
                        declared.place(),
                    ),
                },
                None => Value::unknown(format!("var.{name} is not declared"), at),
            }
        });
        value.used_at(at)
    }

    fn local(&self, instance: usize, name: &str, at: Place) -> Value {
        let value = self.guarded((instance, format!("local.{name}")), at, || {
            match self.module(instance).and_then(|module| module.locals.get(name)) {
                Some((file, expr)) => {
                    self.eval(expr, &Scope { instance, file: *file, bound: Vec::new() })
                }
                None => Value::unknown(format!("local.{name} is not declared"), at),
            }
        });
        value.used_at(at)
    }

    fn module_output(&self, scope: &Scope, rest: &[Step], place: Place) -> Value {
        let names: Vec<&str> = rest
            .iter()
            .map(|step| match step {
                Step::Name(name) => name.as_str(),
                Step::Unknown => "?",
            })
            .collect();
        let prefix = self.instance(scope.instance).prefix;
        let Some(call) = names.first() else { return Value::unknown("module", place) };
        // `module.a.out`, or `module.a["k"].out` for repeated modules.
        let found =
            |path: String| self.instances.borrow().iter().position(|known| known.prefix == path);
        let single = found(format!("{prefix}module.{call}.")).map(|index| (index, 1));
        let keyed = || {
            let key = names.get(1)?;
            found(format!("{prefix}module.{call}[{key}].")).map(|index| (index, 2))
        };
        let Some((index, used)) = single.or_else(keyed) else {
            let declared = self.module(scope.instance).and_then(|module| module.calls.get(*call));
            let made = declared.and_then(|declared| {
                let address = format!("{prefix}module.{call}.");
                public::output(declared, &address, &rest[1..], place)
            });
            if let Some(value) = made {
                return value;
            }
            return Value::unknown(format!("module.{call} is not a local module"), place);
        };
        let Some(output) = names.get(used) else { return Value::unknown("module", place) };
        let declared = self.module(index).and_then(|module| module.outputs.get(*output));
        let value = declared.and_then(|declared| {
            let scope = Scope { instance: index, file: declared.file, bound: Vec::new() };
            declared.block.body.attribute("value").map(|value| self.eval(&value.value, &scope))
        });
        match value {
            Some(value) => walk(value, &rest[used + 1..], place),
            None => Value::unknown(format!("module.{call} has no output `{output}`"), place),
        }
    }

    /// A resource of the module: an argument that is written in its block gives the value, all
    /// else is known only after apply.
    fn resource(&self, scope: &Scope, kind: &str, rest: &[Step], place: Place) -> Value {
        let Some(Step::Name(name)) = rest.first() else {
            return Value::unknown(format!("`{kind}` is not known here"), place);
        };
        let base = format!("{kind}.{name}");
        let module = self.module(scope.instance);
        let Some(declared) = module.and_then(|module| module.resources.get(&base)) else {
            return Value::unknown(format!("{base} is not declared"), place);
        };
        let repeated = declared.block.body.attribute("count").is_some()
            || declared.block.body.attribute("for_each").is_some();
        let mut steps = &rest[1..];
        let mut address = format!("{}{base}", self.instance(scope.instance).prefix);
        if repeated && let Some(Step::Name(key)) = steps.first() {
            address = format!("{address}[{key}]");
            steps = &steps[1..];
        }
        let attribute = match steps.first() {
            Some(Step::Name(attribute)) => attribute.clone(),
            _ => String::new(),
        };
        if let Some(written) = declared.block.body.attribute(&attribute)
            && !repeated
        {
            let key = (scope.instance, format!("{base}.{attribute}"));
            let inner = Scope { instance: scope.instance, file: declared.file, bound: Vec::new() };
            let value = self.guarded(key, place, || self.eval(&written.value, &inner));
            return walk(value.used_at(place), &steps[1..], place);
        }
        Value::new(Data::Resource { address, attribute }, place)
    }

    /// A block's inside as a map: attributes by name, nested blocks as lists of maps; `dynamic`
    /// blocks are unrolled where their collection is known.
    pub(crate) fn body(&self, body: &Body, scope: &Scope, place: Place) -> Value {
        let mut map: Vec<(String, Value)> = body
            .attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), self.eval(&attribute.value, scope)))
            .collect();
        for block in &body.blocks {
            let at = scope.place(block.span);
            let (kind, values) = if block.kind == "dynamic" {
                let kind = block.labels.first().cloned().unwrap_or_default();
                let values = self.dynamic(Declared { file: scope.file, block }, &kind, scope);
                (kind, values)
            } else {
                (block.kind.clone(), vec![self.body(&block.body, scope, at)])
            };
            match map.iter_mut().find(|(name, _)| *name == kind) {
                Some((_, Value { data: Data::List(items), .. })) => items.extend(values),
                Some(_) => {}
                None => map.push((kind, Value::new(Data::List(values), at))),
            }
        }
        Value::new(Data::Map(map), place)
    }

    fn dynamic(&self, declared: Declared<'_>, kind: &str, scope: &Scope) -> Vec<Value> {
        let body = &declared.block.body;
        let Some(over) = body.attribute("for_each") else { return Vec::new() };
        let Some(content) = body.blocks("content").next() else { return Vec::new() };
        let iterator = match body.attribute("iterator").map(|attribute| &attribute.value.kind) {
            Some(ExprKind::Name(name)) => name.as_str(),
            _ => kind,
        };
        let over = self.eval(&over.value, scope);
        // A list of anything will do here; what is no text has its index for a key.
        let pairs = match &over.data {
            Data::List(items) => (0u32..)
                .zip(items)
                .map(|(n, item)| (item.text().unwrap_or_else(|| n.to_string()), item.clone()))
                .collect(),
            _ => each(&over).unwrap_or_default(),
        };
        pairs
            .into_iter()
            .map(|(key, value)| {
                let at = scope.place(content.span);
                let pair = vec![
                    ("key".to_owned(), Value::new(Data::Text(key), at)),
                    ("value".to_owned(), value),
                ];
                let inner = scope.with(iterator, Value::new(Data::Map(pair), at));
                self.body(&content.body, &inner, at)
            })
            .collect()
    }
}

/// The pairs that `for_each` goes through; `None` where they are unknown.
pub(crate) fn each(over: &Value) -> Option<Vec<(String, Value)>> {
    match &over.data {
        Data::Map(entries) => Some(entries.clone()),
        Data::List(items) => Some(
            items.iter().filter_map(|item| item.text().map(|key| (key, item.clone()))).collect(),
        ),
        Data::Null => Some(Vec::new()),
        _ => None,
    }
}

/// One step of a reference.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Name(String),
    Unknown,
}

/// `data.aws_availability_zones.this.names[0]`: which zone it is shows at apply; that another index
/// is another zone holds before.
fn available_zone(rest: &[Step]) -> Option<String> {
    let [Step::Name(kind), Step::Name(name), Step::Name(list), Step::Name(index)] = rest else {
        return None;
    };
    let is_one = kind == "aws_availability_zones"
        && (list == "names" || list == "zone_ids")
        && index.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| format!("{list}[{index}] of data.{kind}.{name}"))
}

fn walk(mut value: Value, steps: &[Step], place: Place) -> Value {
    for step in steps {
        let Step::Name(name) = step else { return Value::unknown("index unknown", place) };
        value = match &value.data {
            Data::Map(_) => match value.get(name) {
                Some(inner) => inner.clone(),
                None => return Value::unknown(format!("no attribute `{name}`"), place),
            },
            Data::List(items) => match name.parse::<usize>() {
                Ok(index) => match items.get(index) {
                    Some(item) => item.clone(),
                    None => return Value::unknown(format!("no element {index}"), place),
                },
                // An attribute behind a splat.
                Err(_) => {
                    let inner = items.iter().filter_map(|item| item.get(name).cloned()).collect();
                    Value::new(Data::List(inner), place)
                }
            },
            Data::Resource { address, attribute } => {
                let attribute =
                    if attribute.is_empty() { name.clone() } else { format!("{attribute}.{name}") };
                Value::new(Data::Resource { address: address.clone(), attribute }, place)
            }
            Data::Unknown(why) => return Value::unknown(why.clone(), place),
            _ => return Value::unknown(format!("no attribute `{name}`"), place),
        };
    }
    value
}

fn contains(outer: Place, inner: Place) -> bool {
    outer.file == inner.file
        && outer.span.start <= inner.span.start
        && inner.span.end <= outer.span.end
}
