#![no_main]

#[path = "../../crates/syntax/tests/spans/mod.rs"]
mod spans;

use wonin_syntax::hcl::{Body, parse, parse_template};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (read, problems) = parse(text);
    spans::check_problems(text, &problems);
    body(text, &read);
    if let Some(template) = parse_template(text) {
        spans::slice(text, template.span);
    }
});

fn body(text: &str, one: &Body) {
    for attribute in &one.attributes {
        assert_eq!(spans::slice(text, attribute.name_span), attribute.name);
        spans::slice(text, attribute.value.span);
    }
    for block in &one.blocks {
        spans::slice(text, block.span);
        body(text, &block.body);
    }
}
