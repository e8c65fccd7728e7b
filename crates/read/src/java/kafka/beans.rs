//! Beans of Spring Kafka: templates and factories, and the maps they are built from.

use wonin_model::{ClientKind, KafkaClient, Located};
use wonin_syntax::java::{Expr, ExprKind, Method, Visit, walk};

use super::{Finder, Supply};
use crate::java::codebase::{Codebase, MAX_CALLS, Named, Scope, assigned, returned};
use crate::java::values::Built;

/// Types of templates; one bean of them and Spring Boot makes none of its own.
const TEMPLATES: &[&str] = &[
    "KafkaOperations",
    "KafkaTemplate",
    "ReactiveKafkaProducerTemplate",
    "ReplyingKafkaTemplate",
    "RoutingKafkaTemplate",
];

/// One `@Bean` method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bean<'a> {
    pub(crate) class: usize,
    pub(crate) method: &'a Method,
}

/// The `@Bean` methods of a module.
#[derive(Debug, Default)]
pub(crate) struct Beans<'a>(Vec<Bean<'a>>);

impl<'a> Beans<'a> {
    /// All of a module.
    pub(crate) fn of(code: &Codebase<'a>, module: usize) -> Self {
        let mut beans = Vec::new();
        for (class, of) in code.of_module(module) {
            let methods = of.decl.methods.iter();
            let of_class = methods.filter(|method| method.annotation("Bean").is_some());
            beans.extend(of_class.map(|method| Bean { class, method }));
        }
        Self(beans)
    }

    /// Those whose type fits.
    pub(crate) fn typed(&self, fits: impl Fn(&str) -> bool) -> Vec<Bean<'a>> {
        self.0.iter().copied().filter(|bean| fits(&bean.method.returns.name)).collect()
    }

    /// One by name: the method's, or one that the annotation gives.
    pub(crate) fn named(&self, name: &str) -> Option<Bean<'a>> {
        self.0.iter().copied().find(|bean| {
            let annotation = bean.method.annotation("Bean");
            let given = annotation.and_then(|bean| bean.arg("name").or_else(|| bean.arg("value")));
            match given {
                Some(given) => given
                    .items()
                    .iter()
                    .any(|item| matches!(&item.kind, ExprKind::Str(text, _) if text == name)),
                None => bean.method.name.text == name,
            }
        })
    }
}

/// Which factory a client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Factory {
    Producer,
    Consumer,
}

impl Factory {
    pub(super) fn kind(self) -> ClientKind {
        match self {
            Self::Producer => ClientKind::Producer,
            Self::Consumer => ClientKind::Consumer,
        }
    }

    pub(super) fn is(self, name: &str) -> bool {
        match self {
            Self::Producer => name.ends_with("ProducerFactory"),
            Self::Consumer => name.ends_with("ConsumerFactory"),
        }
    }
}

impl<'a> Finder<'_, 'a> {
    /// Producers behind templates: one for each template bean, else one for the factory bean, else
    /// the one of Spring Boot where the code uses a template.
    pub(super) fn producers(&self) -> Vec<KafkaClient> {
        let templates = self.beans.typed(|name| TEMPLATES.contains(&name));
        if !templates.is_empty() {
            return templates.into_iter().map(|bean| self.template(bean)).collect();
        }
        let factories = self.beans.typed(|name| Factory::Producer.is(name));
        let mut clients: Vec<KafkaClient> = Vec::new();
        for bean in factories {
            let scope = Scope::of(bean.class, bean.method);
            let supply = self.of_bean(bean, Factory::Producer, 0);
            clients.extend(self.maker(&scope).map(|maker| {
                let name = format!("producer of {}", maker.name);
                self.client(name, ClientKind::Producer, maker.place, supply)
            }));
        }
        if clients.is_empty()
            && let Some(place) = self.template_use()
        {
            let name = format!("producer of {}", self.application.name);
            let supply = self.auto(ClientKind::Producer);
            clients.push(self.client(name, ClientKind::Producer, place, supply));
        }
        clients
    }

    fn template(&self, bean: Bean<'a>) -> KafkaClient {
        let scope = Scope::of(bean.class, bean.method);
        let supply = match returned(bean.method.statements())[..] {
            [value] => self.of_template(&scope, value, 0),
            _ => None,
        };
        let maker = self.maker(&scope);
        let place = self.values.code.place(bean.class, bean.method.name.span);
        let here = Located::written("*".to_owned(), place);
        let mut supply =
            supply.unwrap_or_else(|| Supply { built: Built::open(&here), maker: maker.clone() });
        if supply.maker.is_some() {
            supply.maker.clone_from(&maker);
        }
        let name = format!("producer of {}", maker.map(|maker| maker.name).unwrap_or_default());
        self.client(name, ClientKind::Producer, place, supply)
    }

    /// `new KafkaTemplate<>(factory)`, perhaps with settings that lie over the factory's.
    fn of_template(&self, scope: &Scope<'a>, expr: &'a Expr, depth: usize) -> Option<Supply> {
        if depth > MAX_CALLS {
            return None;
        }
        match &expr.kind {
            ExprKind::New(new) => {
                let mut supply = self.factory(scope, new.args.first()?, Factory::Producer, 0);
                for arg in &new.args[1..] {
                    let of = self.values.code.type_of(scope, arg);
                    if of.is_some_and(|of| of.ends_with("Map")) {
                        supply.built.put_all(self.values.map(scope, arg));
                        supply.maker = supply.maker.or_else(|| self.maker(scope));
                    }
                }
                Some(supply)
            }
            ExprKind::Call(call) => {
                let (class, method) = self.values.code.called(scope, call)?;
                let [value] = returned(method.statements())[..] else { return None };
                self.of_template(&scope.call(class, method, &call.args), value, depth + 1)
            }
            _ => match self.values.code.named(scope, expr.as_name()?)? {
                Named::Local(_, Some(value)) => self.of_template(scope, value, depth + 1),
                _ => None,
            },
        }
    }

    /// The settings of the factory that an expression gives.
    pub(super) fn factory(
        &self,
        scope: &Scope<'a>,
        expr: &'a Expr,
        factory: Factory,
        depth: usize,
    ) -> Supply {
        let maker = self.maker(scope);
        let here = Located::written("*".to_owned(), self.values.code.place(scope.class, expr.span));
        let open = || Supply { built: Built::open(&here), maker: maker.clone() };
        if depth > MAX_CALLS {
            return open();
        }
        match &expr.kind {
            ExprKind::New(new) if factory.is(&new.of.name) => match new.args.first() {
                Some(map) => Supply { built: self.values.map(scope, map), maker },
                None => open(),
            },
            ExprKind::Call(call) => match self.values.code.called(scope, call) {
                Some((class, method)) => {
                    let [value] = returned(method.statements())[..] else { return open() };
                    let inner = scope.call(class, method, &call.args);
                    self.factory(&inner, value, factory, depth + 1)
                }
                None => open(),
            },
            ExprKind::Cast(_, inner) => self.factory(scope, inner, factory, depth + 1),
            _ => {
                let Some(name) = expr.as_name() else { return open() };
                match self.values.code.named(scope, name) {
                    Some(Named::Local(_, Some(value)))
                        if assigned(scope.body(), name).is_empty() =>
                    {
                        self.factory(scope, value, factory, depth + 1)
                    }
                    Some(Named::Param(param, index)) => match scope.argument(index) {
                        Some((caller, given)) => self.factory(caller, given, factory, depth + 1),
                        None if factory.is(&param.of.name) => {
                            self.injected(Some(name), factory, depth).unwrap_or_else(open)
                        }
                        None => open(),
                    },
                    Some(Named::Field(_, field)) if factory.is(&field.of.name) => {
                        self.injected(Some(name), factory, depth).unwrap_or_else(open)
                    }
                    _ => open(),
                }
            }
        }
    }

    /// The factory that Spring injects: the bean of that name, else the only one, else the
    /// primary one, else Spring Boot's; `None` where several could be meant.
    pub(super) fn injected(
        &self,
        name: Option<&str>,
        factory: Factory,
        depth: usize,
    ) -> Option<Supply> {
        let beans = self.beans.typed(|of| factory.is(of));
        let by_name = name.and_then(|name| self.beans.named(name));
        let primary = || beans.iter().find(|bean| bean.method.annotation("Primary").is_some());
        let chosen = match (&beans[..], by_name) {
            ([], _) => return Some(self.auto(factory.kind())),
            (_, Some(bean)) if factory.is(&bean.method.returns.name) => bean,
            ([bean], _) => *bean,
            _ => *primary()?,
        };
        Some(self.of_bean(chosen, factory, depth + 1))
    }

    fn of_bean(&self, bean: Bean<'a>, factory: Factory, depth: usize) -> Supply {
        let scope = Scope::of(bean.class, bean.method);
        if let [value] = returned(bean.method.statements())[..] {
            return self.factory(&scope, value, factory, depth + 1);
        }
        self.open_bean(bean)
    }

    /// A bean of which it cannot be told what it sets.
    pub(super) fn open_bean(&self, bean: Bean<'a>) -> Supply {
        let place = self.values.code.place(bean.class, bean.method.name.span);
        let here = Located::written("*".to_owned(), place);
        let maker = self.maker(&Scope::of(bean.class, bean.method));
        Supply { built: Built::open(&here), maker }
    }

    /// Where the code first names a template: a field or a parameter.
    fn template_use(&self) -> Option<wonin_text::Place> {
        let is_template = |name: &str| TEMPLATES.contains(&name);
        for (class, of) in self.classes() {
            let fields = of.decl.fields.iter().map(|field| &field.of);
            let params = of.decl.methods.iter().flat_map(|method| &method.params);
            let mut types = fields.chain(params.map(|param| &param.of));
            if let Some(found) = types.find(|of| is_template(&of.name)) {
                return Some(self.values.code.place(class, found.span));
            }
        }
        None
    }

    /// Topics that the code sends to by name.
    pub(super) fn sent_topics(&self) -> Vec<Located<String>> {
        let mut topics: Vec<Located<String>> = Vec::new();
        for (class, of) in self.classes() {
            for method in &of.decl.methods {
                let scope = Scope::of(class, method);
                let mut named: Vec<&'a Expr> = Vec::new();
                walk(method.statements(), &mut |visit, _| {
                    if let Visit::Expr(expr) = visit {
                        named.extend(self.topic_of(&scope, expr));
                    }
                    true
                });
                let found = named.into_iter().filter_map(|expr| self.values.text(&scope, expr));
                topics.extend(found);
            }
        }
        topics.sort_by(|a, b| (&a.value, a.place()).cmp(&(&b.value, b.place())));
        topics.dedup_by(|a, b| a.value == b.value);
        topics
    }

    /// The topic that a `send` or a record names.
    fn topic_of(&self, scope: &Scope<'a>, expr: &'a Expr) -> Option<&'a Expr> {
        match &expr.kind {
            ExprKind::New(new) if new.of.name == "ProducerRecord" => new.args.first(),
            ExprKind::Call(call) if call.name.text == "send" && call.args.len() > 1 => {
                let of = self.values.code.type_of(scope, call.object.as_deref()?)?;
                TEMPLATES.contains(&of.as_str()).then(|| call.args.first())?
            }
            _ => None,
        }
    }
}
