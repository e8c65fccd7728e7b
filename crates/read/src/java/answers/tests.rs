//! Who answers too early.

use wonin_model::EarlyAnswer;

use crate::apps::testing::evidence;

const IMPORTS: &str = "import java.util.concurrent.*; import org.springframework.kafka.core.*;\n";

fn answers(code: &str) -> Vec<EarlyAnswer> {
    let code = format!("{IMPORTS}{code}");
    evidence(&[("src/main/java/A.java", &code)]).stack.code.early_answers
}

fn of_handler(body: &str) -> Vec<EarlyAnswer> {
    answers(&format!(
        "@RestController @RequestMapping(\"/api\") class C {{
            private final KafkaTemplate<String, String> template;
            private final ExecutorService pool; private final Mailer mailer;
            @PostMapping(\"/send\") ResponseEntity<String> send() throws Exception {{ {body} }}
        }}
        @Service class Mailer {{
            private KafkaTemplate<String, String> out; private ExecutorService pool;
            @Async void later() {{ }}
            CompletableFuture<String> future() {{ return CompletableFuture.supplyAsync(() -> \"x\"); }}
            void through() {{ inner(); }}
            private void inner() {{ out.send(\"t\", \"v\"); }}
            void waits() {{ out.send(\"t\", \"v\").get(); }}
            void counts() {{
                CountDownLatch left = new CountDownLatch(2);
                for (int i = 0; i < 2; i++) {{ pool.submit(() -> left.countDown()); }}
                left.await();
            }}
        }}"
    ))
}

#[test]
fn results_that_nobody_awaits() {
    let ok = "return ResponseEntity.ok(\"sent\");";
    for (body, work) in [
        ("template.send(\"t\", \"v\");", "template.send"),
        ("template.send(\"t\", \"v\").whenComplete((r, e) -> log(e));", "template.send"),
        ("CompletableFuture.runAsync(() -> work());", "CompletableFuture.runAsync"),
        (
            "var f = CompletableFuture.supplyAsync(() -> work()).thenApply(x -> x);",
            "CompletableFuture.supplyAsync",
        ),
        ("pool.submit(() -> work());", "pool.submit"),
        ("mailer.later();", "mailer.later"),
        ("mailer.future();", "mailer.future"),
        ("mailer.through();", "out.send"),
        (
            "client.post().retrieve().bodyToMono(X.class).subscribe();",
            "client.post().retrieve().bodyToMono(X.class).subscribe",
        ),
        (
            "try { items.forEach(i -> template.send(\"t\", i)); } catch (Exception e) { log(e); }",
            "template.send",
        ),
    ] {
        let found = of_handler(&format!("{body} {ok}"));
        assert_eq!(found.len(), 1, "{body}");
        assert_eq!(found[0].work.value, work);
        assert_eq!(found[0].endpoint.value, "POST /api/send");
        assert_eq!(found[0].answer.value, "ResponseEntity.ok(\"sent\")");
    }
}

#[test]
fn results_that_count_and_honest_answers() {
    let ok = "return ResponseEntity.ok(\"sent\");";
    for body in [
        format!("template.send(\"t\", \"v\").get(); {ok}"),
        format!("var f = template.send(\"t\", \"v\"); f.get(1, TimeUnit.SECONDS); {ok}"),
        format!("var f = template.send(\"t\", \"v\"); CompletableFuture.allOf(f).join(); {ok}"),
        format!("mailer.waits(); {ok}"),
        format!("mailer.counts(); {ok}"),
        format!("String x = mailer.future().join(); {ok}"),
        "template.send(\"t\", \"v\"); return ResponseEntity.accepted().build();".to_owned(),
        "template.send(\"t\", \"v\"); return new ResponseEntity<>(HttpStatus.ACCEPTED);".to_owned(),
        "template.send(\"t\", \"v\"); return ResponseEntity.status(HttpStatus.BAD_GATEWAY).build();".to_owned(),
        ok.to_owned(),
    ] {
        assert!(of_handler(&body).is_empty(), "{body}");
    }
    let later = "@RestController class C { KafkaTemplate<String, String> t;
        @GetMapping(\"/x\") CompletableFuture<String> x() { return t.send(\"a\", \"b\").thenApply(r -> \"x\"); } }";
    assert!(answers(later).is_empty());
}

#[test]
fn a_wait_inside_the_common_pool_is_told() {
    let code = |args: &str| {
        format!(
            "@RestController class C {{ KafkaTemplate<String, String> t; ExecutorService own;
            @GetMapping(\"/x\") void x() {{ CompletableFuture.supplyAsync(() -> {{
                try {{ return t.send(\"a\", \"b\").get(); }} catch (Exception e) {{ return map.get(1); }}
            }}{args}); }} }}"
        )
    };
    let blocking = answers(&code(""));
    assert!(blocking[0].blocks_common_pool.is_some());
    assert_eq!(
        (blocking[0].endpoint.value.as_str(), blocking[0].answer.value.as_str()),
        ("GET /x", "void")
    );
    assert!(answers(&code(", own"))[0].blocks_common_pool.is_none());
}
