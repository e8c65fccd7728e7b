//! Small sources, whole answers.

use std::fmt::Write;

use super::*;

const SAMPLE: &str = r#"package app.messages;

import java.util.*;
import static org.quartz.JobBuilder.newJob;
import org.springframework.kafka.core.KafkaTemplate;

@Configuration("x")
public class Config<T> extends Base implements org.quartz.Job, Other<T> {
    private static final int SIZE = 1_000, MORE = 0x10;
    @Value("${a:b}") String address;

    static { System.out.println("once"); }

    public Config(KafkaTemplate<String, String> template) { this.template = template; }

    @KafkaListener(topics = {"a", "b"}, groupId = "g")
    public Map<String, Object> settings(@Value("${x}") String x, int... rest) throws Exception {
        Map<String, Object> map = new HashMap<>();
        map.put("k" + 1 + "v", (Object) SIZE);
        for (int i = 0; i < 3; i++) { work(i); }
        while (true) { if (x == null) break; else work(2); }
        try (Pool pool = Executors.newFixedThreadPool(4)) {
            pool.submit(() -> future.get());
        } catch (IllegalStateException | Error e) {
            throw e;
        } finally {
            map.clear();
        }
        String kind = switch (x) { case "a" -> "one"; default -> { yield "two"; } };
        run(new Runnable() { public void run() { work(3); } }, this::work);
        return map;
    }

    record Point(int x, String name) {}
    enum Kind { A, B; static final String NAME = "kind"; }
}
"#;

fn calls(body: &[Stmt]) -> Vec<(String, Around)> {
    let mut found = Vec::new();
    walk(body, &mut |visit, around| {
        if let Visit::Expr(Expr { kind: ExprKind::Call(call), .. }) = visit {
            found.push((call.name.text.clone(), around));
        }
        true
    });
    found
}

#[test]
fn declarations_carry_what_is_written_on_them() {
    let unit = parse(SAMPLE).unwrap();
    assert_eq!(unit.problems, []);
    assert_eq!(unit.package, "app.messages");
    assert!(unit.imports_type("java.util.Map") && unit.imports_below("org.quartz"));
    assert!(unit.imports[1].is_static);
    let names: Vec<_> = unit.all_types().iter().map(|t| t.name.text.clone()).collect();
    assert_eq!(names, ["Config", "Point", "Kind"]);
    let config = &unit.types[0];
    assert!(config.is_a("Job") && config.is_a("Base") && config.is_a("Other"));
    let value = config.annotation("Configuration").unwrap().arg("value").unwrap();
    assert!(matches!(&value.kind, ExprKind::Str(text, _) if text == "x"));
    assert!(matches!(
        config.field("SIZE").unwrap().value.as_ref().unwrap().kind,
        ExprKind::Int(1000)
    ));
    assert!(matches!(
        config.field("MORE").unwrap().value.as_ref().unwrap().kind,
        ExprKind::Int(16)
    ));
    assert!(config.field("address").unwrap().annotation("Value").is_some());
    assert!(config.initializers[0].is_static);
    assert_eq!(config.nested[0].fields[1].of.name, "String");
    assert!(config.nested[1].field("NAME").unwrap().is("static"));
}

#[test]
fn methods_carry_parameters_and_types() {
    let unit = parse(SAMPLE).unwrap();
    let [constructor, method] = &unit.types[0].methods[..] else { panic!("two methods") };
    assert!(constructor.is_constructor);
    assert_eq!(constructor.params[0].of.name, "KafkaTemplate");
    assert_eq!(constructor.params[0].of.args.len(), 2);
    assert_eq!(method.returns.name, "Map");
    assert!(method.params[0].annotation("Value").is_some());
    assert_eq!(method.params[1].name.text, "rest");
    let topics = method.annotation("KafkaListener").unwrap().arg("topics").unwrap();
    assert_eq!(topics.items().len(), 2);
}

#[test]
fn a_walk_knows_what_surrounds_a_call() {
    let unit = parse(SAMPLE).unwrap();
    let found = calls(unit.types[0].methods[1].statements());
    let around = |name: &str, nth: usize| {
        found.iter().filter(|(called, _)| called == name).nth(nth).unwrap().1
    };
    assert!(around("work", 0).in_loop && !around("work", 0).conditional);
    assert!(around("work", 1).in_loop && around("work", 1).conditional);
    assert!(around("work", 2).deferred);
    assert!(around("get", 0).deferred);
    assert!(!around("newFixedThreadPool", 0).deferred);
    assert_eq!(around("clear", 0), Around::default());
}

#[test]
fn broken_code_gives_what_can_be_understood() {
    let text = "class A { void good() { call(); } void bad( { oops } int x = 3; }\nclass B {}";
    let unit = parse(text).unwrap();
    assert!(!unit.problems.is_empty());
    assert!(unit.types.iter().any(|t| t.methods.iter().any(|m| m.name.text == "good")));
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("class A {{ int x = {}1{}; }}", "(".repeat(3000), ")".repeat(3000));
    assert!(parse(&deep).is_some());
    let nested = format!("class A {{ void f() {{ {}{} }} }}", "{".repeat(3000), "}".repeat(3000));
    assert!(parse(&nested).is_some());
    let sum = format!("class A {{ String x = {}\"\"; }}", "\"a\" + ".repeat(3000));
    assert!(parse(&sum).is_some());
    let chain = format!("class A {{ Object x = a{}; }}", ".b()".repeat(3000));
    assert!(parse(&chain).is_some());
    assert!(parse("\u{0}\u{1}{{{{)))) class class").is_some());
    assert!(parse("").unwrap().types.is_empty());
}

#[test]
fn text_blocks_lose_their_indentation() {
    let text = "class A { String x = \"\"\"\n      a\n        b\\n\n      \"\"\"; }";
    let unit = parse(text).unwrap();
    let value = unit.types[0].fields[0].value.as_ref().unwrap();
    assert!(matches!(&value.kind, ExprKind::Str(text, _) if text == "a\n  b\n\n"));
}

/// Every literal of a walk through a file.
fn literals(unit: &Unit) -> Vec<&Expr> {
    let mut found = Vec::new();
    for method in unit.all_types().into_iter().flat_map(|t| &t.methods) {
        walk(method.statements(), &mut |visit, _| {
            if let Visit::Expr(expr) = visit
                && matches!(expr.kind, ExprKind::Str(..) | ExprKind::Int(_) | ExprKind::Bool(_))
            {
                found.push(expr);
            }
            true
        });
    }
    found
}

proptest::proptest! {
    #[test]
    fn the_span_of_a_literal_spells_its_value(
        texts in proptest::collection::vec("[ -~가-힣]{0,12}", 1..6),
        numbers in proptest::collection::vec(0i64..1_000_000, 1..6),
    ) {
        let mut source = String::from("/* 원인 */ class A { void f() {");
        for text in &texts {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            write!(source, " g(\"{escaped}\");").unwrap();
        }
        for number in &numbers {
            write!(source, " g({number}L);").unwrap();
        }
        source += "} }";
        let unit = parse(&source).unwrap();
        proptest::prop_assert_eq!(&unit.problems, &[]);
        let found = literals(&unit);
        proptest::prop_assert_eq!(found.len(), texts.len() + numbers.len());
        for (expr, text) in found.iter().zip(&texts) {
            let ExprKind::Str(value, inner) = &expr.kind else { panic!("a string") };
            proptest::prop_assert_eq!(value, text);
            let again = format!("class B {{ void f() {{ g(\"{}\"); }} }}", &source[inner.range()]);
            let again = parse(&again).unwrap();
            let literal = &literals(&again)[0].kind;
            proptest::prop_assert!(matches!(literal, ExprKind::Str(same, _) if same == value));
        }
        for (expr, number) in found[texts.len()..].iter().zip(&numbers) {
            proptest::prop_assert_eq!(&expr.kind, &ExprKind::Int(*number));
            proptest::prop_assert_eq!(
                source[expr.span.range()].trim_end_matches('L').parse::<i64>().unwrap(), *number
            );
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(class|void|[{}()<>;=\".@]|new |[a-z ]){0,60}") {
        if let Some(unit) = parse(&text) {
            for decl in unit.all_types() {
                proptest::prop_assert!(decl.span.range().end <= text.len());
            }
        }
    }
}
