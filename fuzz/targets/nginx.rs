#![no_main]

#[path = "../../crates/syntax/tests/spans/mod.rs"]
mod spans;

use wonin_syntax::{NginxDirective, NginxWord, parse_nginx};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let tree = parse_nginx(text);
    spans::check_problems(text, &tree.problems);
    tree.directives.iter().for_each(|one| directive(text, one, tree.problems.is_empty()));
});

fn directive(text: &str, one: &NginxDirective, is_clean: bool) {
    spans::slice(text, one.span);
    std::iter::once(&one.name).chain(&one.args).for_each(|one| word(text, one, is_clean));
    one.children().iter().for_each(|one| directive(text, one, is_clean));
}

fn word(text: &str, word: &NginxWord, is_clean: bool) {
    spans::slice(text, word.inner);
    let written = spans::slice(text, word.span);
    if is_clean {
        let alone = parse_nginx(&format!("d {written};"));
        assert_eq!(alone.directives[0].args[0].value, word.value, "{written:?} in {text:?}");
    }
}
