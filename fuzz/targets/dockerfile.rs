#![no_main]

#[path = "../../crates/syntax/tests/spans/mod.rs"]
mod spans;

libfuzzer_sys::fuzz_target!(|text: &str| {
    spans::check_dockerfile(text, &wonin_syntax::dockerfile::parse(text));
});
