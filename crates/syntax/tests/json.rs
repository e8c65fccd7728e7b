//! JSON as it should be and as it is.

use wonin_syntax::{Node, json};

fn clean(text: &str) -> Node {
    let tree = json::parse(text);
    assert_eq!(tree.problems, [], "{text}");
    assert_eq!(tree.documents.len(), 1);
    tree.documents[0].clone()
}

/// Messages of all problems with the text that they point at.
fn told<'t>(text: &'t str, tree: &wonin_syntax::Tree) -> Vec<(String, &'t str)> {
    tree.problems.iter().map(|p| (p.message.clone(), &text[p.span.range()])).collect()
}

#[test]
fn values_keep_their_exact_place() {
    let text =
        r#"{"a": [1, -2.5e+3, true, null], "원인": "값 \"x\"\u00e9\ud83d\ude00\/", "e": {}}"#;
    let root = clean(text);
    let a = root.get("a").unwrap();
    assert_eq!(&text[a.span.range()], "[1, -2.5e+3, true, null]");
    assert_eq!(a.items()[1].as_str(), Some("-2.5e+3"));
    assert!(a.items()[3].is_null());
    let cause = root.get("원인").unwrap();
    assert_eq!(cause.as_str(), Some("값 \"x\"é😀/"));
    assert_eq!(&text[cause.value_span().range()], r#"값 \"x\"\u00e9\ud83d\ude00\/"#);
    assert!(root.get("e").unwrap().is_mapping());
}

#[test]
fn values_after_each_other_are_documents() {
    let tree = json::parse("{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(tree.documents.len(), 2);
    assert_eq!(tree.problems, []);
}

#[test]
fn mistakes_are_told_and_the_rest_is_read() {
    let text =
        "{\n  // note\n  \"a\": 1\n  \"b\": [1, 2,],\n  c: 3,\n  \"d\": yes,\n  \"a\": \"\\q\",\n}";
    let tree = json::parse(text);
    let root = &tree.documents[0];
    assert_eq!(root.get("a").unwrap().as_str(), Some("\\q"));
    assert_eq!(root.get("b").unwrap().items().len(), 2);
    assert_eq!(root.get("d").unwrap().as_str(), Some("yes"));
    let told = told(text, &tree);
    let messages: Vec<_> = told.iter().map(|(message, _)| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "JSON has no comments",
            "a comma is missing",
            "nothing behind this comma",
            "a name in double quotes is missing",
            "neither number, `true`, `false` nor `null`",
            "no escape that JSON knows",
            "nothing behind this comma",
            "`a` stands twice, the last one counts",
        ]
    );
    assert_eq!(root.get("c").unwrap().as_str(), Some("3"));
}

#[test]
fn unclosed_text_gives_what_was_there() {
    let text = "{\"a\": {\"b\": [1, \"x";
    let tree = json::parse(text);
    assert_eq!(tree.documents[0].at(&["a", "b"]).unwrap().items().len(), 2);
    assert!(told(text, &tree).contains(&("this bracket is never closed".to_owned(), "[")));
}

#[test]
fn depth_is_bounded() {
    let text = format!("{{\"a\": {}1{}, \"b\": 2}}", "[".repeat(100_000), "]".repeat(100_000));
    let tree = json::parse(&text);
    assert_eq!(tree.documents[0].get("b").unwrap().as_str(), Some("2"));
    assert_eq!(tree.problems.len(), 1);
}
