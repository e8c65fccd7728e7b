#![no_main]

#[path = "../../crates/syntax/tests/spans/mod.rs"]
mod spans;

use wonin_syntax::java::{Expr, ExprKind, TypeDecl, Visit, parse, walk};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some(unit) = parse(text) else { return };
    spans::check_problems(text, &unit.problems);
    for declared in unit.all_types() {
        declaration(text, declared, unit.problems.is_empty());
    }
});

fn declaration(text: &str, one: &TypeDecl, is_clean: bool) {
    spans::slice(text, one.span);
    assert_eq!(spans::slice(text, one.name.span), one.name.text);
    for field in &one.fields {
        assert_eq!(spans::slice(text, field.name.span), field.name.text);
        field.value.iter().for_each(|value| expression(text, value, is_clean));
    }
    for method in &one.methods {
        spans::slice(text, method.span);
        walk(method.body.as_deref().unwrap_or(&[]), &mut |visit, _| {
            match visit {
                Visit::Stmt(stmt) => spans::check_span(text, stmt.span),
                Visit::Expr(expr) => expression(text, expr, is_clean),
            }
            true
        });
    }
}

fn expression(text: &str, expr: &Expr, is_clean: bool) {
    let written = spans::slice(text, expr.span);
    if let ExprKind::Str(value, inner) = &expr.kind {
        spans::slice(text, *inner);
        if is_clean {
            let alone = parse(&format!("class A {{ String a = {written}; }}"));
            let field = alone.and_then(|unit| unit.types[0].field("a").cloned());
            let kind = field.and_then(|field| field.value).map(|value| value.kind);
            let is_same = matches!(&kind, Some(ExprKind::Str(again, _)) if again == value);
            assert!(is_same, "{written:?} gives {kind:?} in {text:?}");
        }
    }
}
