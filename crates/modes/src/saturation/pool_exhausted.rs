//! # A shared pool whose threads wait for something slow
//!
//! ## What fails
//!
//! While one dependency is down, requests that have nothing to do with it stall as well: the pool
//! that runs all asynchronous work has no free thread.
//!
//! ## Why
//!
//! `CompletableFuture.supplyAsync` and parallel streams share the common pool of the JVM, which has
//! one thread fewer than there are processors. A task that blocks there (`future.get()` inside
//! `supplyAsync`) keeps its thread until its own timeout. With two processors or fewer Java starts
//! one thread per task instead, and nothing is shared.
//!
//! ## Example
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import java.util.concurrent.CompletableFuture;
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.GetMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @GetMapping("/orders")
//!     public String order() {
//!         CompletableFuture.supplyAsync(() -> {
//!             try {
//!                 return template.send("orders", "one").get();
//!             } catch (Exception cause) {
//!                 throw new IllegalStateException(cause);
//!             }
//!         });
//!         return "ordered";
//!     }
//! }
//! ```
//!
//! ## Fix
//!
//! Chain the future that the client already returns, or give the work a bounded pool of its own.
//!
//! ```java src/main/java/shop/OrderController.java
//! package shop;
//!
//! import java.util.concurrent.CompletableFuture;
//! import org.springframework.kafka.core.KafkaTemplate;
//! import org.springframework.web.bind.annotation.GetMapping;
//! import org.springframework.web.bind.annotation.RestController;
//!
//! @RestController
//! public class OrderController {
//!     private final KafkaTemplate<String, String> template;
//!
//!     public OrderController(KafkaTemplate<String, String> template) {
//!         this.template = template;
//!     }
//!
//!     @GetMapping("/orders")
//!     public CompletableFuture<String> order() {
//!         return template.send("orders", "one").thenApply(sent -> "ordered");
//!     }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Stop the dependency, call the endpoint as often as there are processors, then call something
//! else that runs asynchronously.
//!
//! ## Evidence
//!
//! - JDK: `ForkJoinPool.commonPool` (parallelism = processors - 1), `CompletableFuture` (a thread
//!   per task when that parallelism is below 2).
//! - Inferred: how long each task waits.

use wonin_model::{
    ClientKind, EarlyAnswer, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin,
    Role, Severity,
};
use wonin_text::Place;

use crate::shared::measure::setting_ms;
use crate::shared::reach::{app_index, code_owner};
use crate::shared::words::duration_ms;

pub(crate) struct PoolExhausted;

static META: ModeMeta = ModeMeta {
    id: "pool-exhausted",
    family: "saturation",
    summary: "tasks that wait occupy a pool that others share",
    source: include_str!("pool_exhausted.rs"),
};

impl Mode for PoolExhausted {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut told = Vec::new();
        for early in &evidence.stack.code.early_answers {
            let Some(place) = early.blocks_common_pool.filter(|at| !told.contains(at)) else {
                continue;
            };
            told.push(place);
            findings.extend(blocked(evidence, early, place));
        }
    }
}

fn blocked(evidence: &Evidence, early: &EarlyAnswer, place: Place) -> Option<Finding> {
    let service = early.service.map(|id| evidence.stack.service(id));
    let cpus = service.and_then(|service| service.cpu_limit_millis.as_ref());
    // The JVM rounds a share of a processor up.
    let processors = cpus.map(|limit| limit.value.div_ceil(1000));
    if processors.is_some_and(|number| number <= 2) {
        return None;
    }
    let workers = match processors {
        Some(number) => format!("{number} - 1 = {}", number - 1),
        None => "processors - 1".to_owned(),
    };
    let title = format!(
        "{} likely stalls all asynchronous work of the JVM while its dependency is down: it blocks the common pool",
        early.endpoint.value
    );
    let wait = longest_wait(evidence, early);
    let arithmetic = match &wait {
        Some((_, wait)) => format!(
            "{workers} threads, each held for up to {}: that many calls within {} stop everything else in the pool",
            duration_ms(wait.value),
            duration_ms(wait.value)
        ),
        None => {
            format!("{workers} threads: that many waiting calls stop everything else in the pool")
        }
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 65)
        .arithmetic(arithmetic)
        .because_at("waits inside the common pool", Origin::Written(place))
        .because("the endpoint that starts it", &early.endpoint);
    if let Some((name, wait)) = &wait {
        finding = finding.because(format!("{name}: ends the wait, in ms"), wait);
    }
    if let Some(cpus) = cpus {
        finding = finding.because("thousandths of a processor for the container", cpus);
    }
    if let Some(name) = code_owner(evidence, early.service, early.endpoint.place()) {
        finding = finding.service(name);
    }
    Some(finding.fix(Fix::advice(
        "chain the future that the client returns, or pass supplyAsync a bounded executor of its own",
    )))
}

/// How long the application's Kafka producer may keep a task, where that is what it waits for.
fn longest_wait(evidence: &Evidence, early: &EarlyAnswer) -> Option<(&'static str, Located<u64>)> {
    let waits = early.blocks_common_pool?;
    let file = evidence.sources.file(waits.file);
    let line = file.line(evidence.sources.position(waits).line)?;
    if !file.slice(line).contains("send") {
        return None;
    }
    let app = app_index(evidence, early.endpoint.place()?.file)?;
    let mut clients = evidence.stack.kafka_clients.iter();
    let producer = clients.find(|one| one.kind == ClientKind::Producer && one.app == Some(app))?;
    let wait = setting_ms(&producer.settings, "delivery.timeout.ms")?;
    Some(("delivery.timeout.ms", wait))
}
