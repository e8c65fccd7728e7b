//! Topics that an application creates by beans.

use wonin_model::{KafkaTopic, Located, ServiceId};
use wonin_syntax::java::{Call, Expr, ExprKind, Visit, walk};

use crate::java::codebase::Scope;
use crate::java::values::Values;

/// Topics that beans of a module create (Spring for Apache Kafka, "Configuring Topics").
pub(crate) fn created(
    values: &Values<'_, '_>,
    module: usize,
    service: Option<ServiceId>,
    cluster: Option<usize>,
) -> Vec<KafkaTopic> {
    let mut topics = Vec::new();
    for (class, of) in values.code.of_module(module) {
        for method in of.decl.methods.iter().filter(|m| m.annotation("Bean").is_some()) {
            let scope = Scope::of(class, method);
            let mut found: Vec<&Expr> = Vec::new();
            walk(method.statements(), &mut |visit, _| {
                if let Visit::Expr(expr) = visit {
                    found.push(expr);
                }
                true
            });
            for expr in found {
                topics.extend(topic(values, &scope, expr, service, cluster));
            }
        }
    }
    topics
}

fn topic<'a>(
    values: &Values<'_, 'a>,
    scope: &Scope<'a>,
    expr: &'a Expr,
    service: Option<ServiceId>,
    cluster: Option<usize>,
) -> Option<KafkaTopic> {
    let number = |expr: &'a Expr| {
        let value = values.number(scope, expr)?.value.try_into().ok()?;
        Some(Located::written(value, values.code.place(scope.class, expr.span)))
    };
    let topic = |name: &'a Expr| {
        Some(KafkaTopic {
            name: values.filled(&values.text(scope, name)?)?,
            cluster,
            service,
            partitions: None,
            replication_factor: None,
            min_insync: None,
        })
    };
    match &expr.kind {
        ExprKind::New(new) if new.of.name == "NewTopic" => {
            let [name, partitions, replicas] = &new.args[..] else { return None };
            let mut topic = topic(name)?;
            topic.partitions = number(partitions);
            topic.replication_factor = number(replicas);
            Some(topic)
        }
        ExprKind::Call(call) if call.name.text == "build" => {
            let steps = steps(call);
            let name = steps.iter().find(|step| {
                step.name.text == "name"
                    && step.object.as_deref().and_then(Expr::as_name) == Some("TopicBuilder")
            })?;
            let mut topic = topic(name.args.first()?)?;
            for step in steps {
                match (step.name.text.as_str(), &step.args[..]) {
                    ("partitions", [count]) => topic.partitions = number(count),
                    ("replicas", [count]) => topic.replication_factor = number(count),
                    ("config", [key, value]) if is_min_insync(key) => {
                        let text = values.text(scope, value)?;
                        topic.min_insync = text.and_then(|text| text.parse().ok());
                    }
                    _ => {}
                }
            }
            Some(topic)
        }
        _ => None,
    }
}

/// The calls of a chain, the last one first.
fn steps(call: &Call) -> Vec<&Call> {
    let mut steps = vec![call];
    while let Some(before) = steps[steps.len() - 1].object.as_deref().and_then(Expr::as_call) {
        steps.push(before);
    }
    steps
}

fn is_min_insync(key: &Expr) -> bool {
    match &key.kind {
        ExprKind::Str(text, _) => text == "min.insync.replicas",
        ExprKind::Member(_, name) => name.text == "MIN_IN_SYNC_REPLICAS_CONFIG",
        _ => false,
    }
}
