//! `@KafkaListener` methods and the factories of their containers.

use wonin_model::{ClientKind, KafkaClient, Located};
use wonin_syntax::java::{Annotation, Call, Expr, ExprKind, Visit, Word, walk};

use super::beans::{Bean, Factory};
use super::{Finder, Supply};
use crate::java::codebase::Scope;
use crate::java::values::Built;

/// The bean that a listener uses unless it names another.
const DEFAULT_FACTORY: &str = "kafkaListenerContainerFactory";

impl<'a> Finder<'_, 'a> {
    /// One consumer for each listener.
    pub(super) fn listeners(&self) -> Vec<KafkaClient> {
        let mut clients = Vec::new();
        for (class, of) in self.classes() {
            // Micronaut has an annotation of the same name.
            if of.unit.imports_below("io.micronaut") {
                continue;
            }
            let name = &of.decl.name;
            for annotation in listening(&of.decl.annotations) {
                clients.push(self.listener(class, annotation, name, &name.text));
            }
            for method in &of.decl.methods {
                for annotation in listening(&method.annotations) {
                    let title = format!("{}.{}", name.text, method.name.text);
                    clients.push(self.listener(class, annotation, &method.name, &title));
                }
            }
        }
        clients
    }

    fn listener(
        &self,
        class: usize,
        annotation: &'a Annotation,
        at: &Word,
        title: &str,
    ) -> KafkaClient {
        let mut supply = self.container(class, annotation);
        let here =
            Located::written(String::new(), self.values.code.place(class, annotation.name.span));
        let values = &mut supply.built.values;
        for (arg, setting) in [("groupId", "group.id"), ("clientIdPrefix", "client.id")] {
            if let Some(expr) = annotation.arg(arg) {
                values.set(setting, self.attribute(class, expr), &here);
            }
        }
        let id_is_group = !matches!(
            annotation.arg("idIsGroup").map(|expr| &expr.kind),
            Some(ExprKind::Bool(false))
        );
        if let (None, Some(id), true) =
            (annotation.arg("groupId"), annotation.arg("id"), id_is_group)
        {
            values.set("group.id", self.attribute(class, id), &here);
        }
        for item in annotation.arg("properties").map(Expr::items).unwrap_or_default() {
            let pair = self.attribute(class, item).and_then(|text| pair(&text));
            match pair {
                Some((key, value)) => values.set(&key, Some(value), &here),
                None => values.unknown.push(here.with("*".to_owned())),
            }
        }
        let place = self.values.code.place(class, at.span);
        let name = format!("listener {title}");
        let mut client = self.client(name, ClientKind::Consumer, place, supply);
        client.topics = self.topics(class, annotation);
        client
    }

    fn topics(&self, class: usize, annotation: &'a Annotation) -> Vec<Located<String>> {
        let items = annotation.arg("topics").map(Expr::items).unwrap_or_default();
        let texts = items.iter().filter_map(|item| self.attribute(class, item));
        texts.flat_map(|text| text.split(',')).collect()
    }

    /// The text of an annotation's attribute, its placeholders filled in.
    fn attribute(&self, class: usize, expr: &'a Expr) -> Option<Located<String>> {
        let text = self.values.text(&Scope::class(class), expr)?;
        self.values.filled(&text)
    }

    /// The settings of the container that a listener runs in.
    fn container(&self, class: usize, annotation: &'a Annotation) -> Supply {
        let named = annotation.arg("containerFactory");
        let open = |expr: &Expr| {
            let place = self.values.code.place(class, expr.span);
            Supply { built: Built::open(&Located::written("*".to_owned(), place)), maker: None }
        };
        match named {
            Some(expr) => {
                let name = self.attribute(class, expr).filter(|name| !name.value.is_empty());
                let bean = name.as_ref().and_then(|name| self.beans.named(&name.value));
                match (bean, name) {
                    (Some(bean), _) => self.of_container_bean(bean),
                    (None, Some(name)) if name.value == DEFAULT_FACTORY => self.default_container(),
                    _ => open(expr),
                }
            }
            None => self.default_container(),
        }
    }

    fn default_container(&self) -> Supply {
        if let Some(bean) = self.beans.named(DEFAULT_FACTORY) {
            return self.of_container_bean(bean);
        }
        self.injected(None, Factory::Consumer, 0).unwrap_or_else(|| {
            let beans = self.beans.typed(|of| Factory::Consumer.is(of));
            let place =
                beans.first().map(|bean| self.values.code.place(bean.class, bean.method.name.span));
            let built = place.map_or_else(Built::default, |place| {
                Built::open(&Located::written("*".to_owned(), place))
            });
            Supply { built, maker: None }
        })
    }

    /// What a bean that makes a container factory puts into it.
    fn of_container_bean(&self, bean: Bean<'a>) -> Supply {
        let scope = Scope::of(bean.class, bean.method);
        let mut given: Option<&'a Expr> = None;
        walk(bean.method.statements(), &mut |visit, _| {
            if let Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) = visit {
                given = given.or_else(|| consumer_factory(call));
            }
            true
        });
        match given {
            Some(expr) => self.factory(&scope, expr, Factory::Consumer, 0),
            None => self.open_bean(bean),
        }
    }
}

/// The factory that a call hands to a container factory.
fn consumer_factory(call: &Call) -> Option<&Expr> {
    match (call.name.text.as_str(), &call.args[..]) {
        ("setConsumerFactory", [factory]) | ("configure", [_, factory]) => Some(factory),
        _ => None,
    }
}

/// `@KafkaListener`, also within `@KafkaListeners`.
fn listening(annotations: &[Annotation]) -> impl Iterator<Item = &Annotation> {
    annotations.iter().filter(|annotation| annotation.name.text == "KafkaListener")
}

/// A property of a listener: `key=value`, `key:value` or `key value`.
fn pair(text: &Located<String>) -> Option<(String, Located<String>)> {
    let at = text.value.find(['=', ':', ' '])?;
    let key = text.value[..at].trim().to_owned();
    let rest = &text.value[at + 1..];
    let lead = rest.len() - rest.trim_start().len();
    let start = at + 1 + lead;
    Some((key, text.part(start..start + rest.trim().len())))
}
