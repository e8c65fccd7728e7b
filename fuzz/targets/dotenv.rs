#![no_main]

#[path = "../../crates/syntax/tests/spans/mod.rs"]
mod spans;

libfuzzer_sys::fuzz_target!(|text: &str| {
    spans::check(text, &wonin_syntax::dotenv::parse(text), spans::dotenv);
});
