//! Clients made without Spring, or by hand beside it: `new KafkaProducer<>(settings)`.

use wonin_model::{ClientKind, KafkaClient};
use wonin_syntax::java::{Expr, ExprKind, Method, Visit, walk};

use super::{Finder, Supply};
use crate::java::codebase::{Class, Scope};

/// Makers of clients by a static method: class, method, kind.
const MADE_BY: &[(&str, &str, ClientKind)] = &[
    ("Admin", "create", ClientKind::Admin),
    ("AdminClient", "create", ClientKind::Admin),
    ("ReceiverOptions", "create", ClientKind::Consumer),
    ("SenderOptions", "create", ClientKind::Producer),
];

/// Classes whose constructor takes settings: name, position of the settings, kind.
const MADE_NEW: &[(&str, usize, ClientKind)] = &[
    ("KafkaAdmin", 0, ClientKind::Admin),
    ("KafkaConsumer", 0, ClientKind::Consumer),
    ("KafkaProducer", 0, ClientKind::Producer),
    ("KafkaStreams", 1, ClientKind::Unknown),
];

impl<'a> Finder<'_, 'a> {
    /// Clients that code makes by hand. A consumer bean that nobody takes is none: nobody polls it.
    pub(super) fn raw(&self) -> Vec<KafkaClient> {
        let mut clients = Vec::new();
        for (class, of) in self.classes() {
            let imports = of.unit.imports_below("org.apache.kafka")
                || of.unit.imports_below("org.springframework.kafka")
                || of.unit.imports_below("reactor.kafka");
            if !imports {
                continue;
            }
            for field in &of.decl.fields {
                if let Some(value) = &field.value {
                    clients.extend(self.made(&Scope::class(class), value, &field.name.text));
                }
            }
            for method in of.decl.methods.iter().filter(|method| !self.is_stray(of, method)) {
                let scope = Scope::of(class, method);
                let mut found: Vec<&'a Expr> = Vec::new();
                walk(method.statements(), &mut |visit, _| {
                    if let Visit::Expr(expr) = visit {
                        found.push(expr);
                    }
                    true
                });
                for expr in found {
                    clients.extend(self.made(&scope, expr, &method.name.text));
                }
            }
        }
        clients
    }

    fn made(&self, scope: &Scope<'a>, expr: &'a Expr, within: &str) -> Option<KafkaClient> {
        let (settings, kind, what) = match &expr.kind {
            ExprKind::New(new) => {
                let (name, at, kind) = MADE_NEW.iter().find(|(name, ..)| *name == new.of.name)?;
                (new.args.get(*at)?, *kind, *name)
            }
            ExprKind::Call(call) => {
                let owner = call.object.as_deref()?.as_name()?;
                let (name, _, kind) = MADE_BY
                    .iter()
                    .find(|(known, method, _)| *known == owner && *method == call.name.text)?;
                (call.args.first()?, *kind, *name)
            }
            _ => return None,
        };
        let class = self.values.code.class(scope.class);
        let built = self.values.map(scope, settings);
        let place = self.values.code.place(scope.class, expr.span);
        let name = format!("{what} of {}.{within}", class.decl.name.text);
        let mut client = self.client(name, kind, place, Supply { built, maker: None });
        // What Spring Boot is told is nobody's promise to a client that is made by hand.
        client.not_applied.clear();
        Some(client)
    }

    /// Whether a method makes a consumer bean that no field and no parameter takes.
    fn is_stray(&self, of: &Class<'a>, method: &Method) -> bool {
        let is_consumer = |name: &str| matches!(name, "KafkaConsumer" | "Consumer");
        if method.annotation("Bean").is_none()
            || !is_consumer(&method.returns.name)
            || !of.unit.imports_below("org.apache.kafka.clients.consumer")
        {
            return false;
        }
        !self.classes().any(|(_, class)| {
            let kafka = class.unit.imports_below("org.apache.kafka.clients.consumer");
            let fields = class.decl.fields.iter().map(|field| &field.of.name);
            let params = class.decl.methods.iter().flat_map(|method| &method.params);
            kafka && fields.chain(params.map(|param| &param.of.name)).any(|name| is_consumer(name))
        })
    }
}
