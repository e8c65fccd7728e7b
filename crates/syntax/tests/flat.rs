//! Properties and environment files: one flat mapping per document.

use wonin_syntax::{Content, Node, Style, Tree, dotenv, properties};

/// Names and values of a document, in order; `None` for names without a value.
fn pairs(document: &Node) -> Vec<(&str, Option<&str>)> {
    document
        .entries()
        .iter()
        .map(|e| (e.key.as_str().expect("keys are text"), e.value.as_str()))
        .collect()
}

/// The text at the value of a key.
fn written<'t>(text: &'t str, document: &Node, key: &str) -> &'t str {
    &text[document.get(key).expect("written above").value_span().range()]
}

/// `line: message` of every problem.
fn problems(text: &str, tree: &Tree) -> Vec<String> {
    let line = |at: u32| text[..at as usize].matches('\n').count() + 1;
    tree.problems.iter().map(|p| format!("{}: {}", line(p.span.start), p.message)).collect()
}

#[test]
fn properties_know_all_separators_comments_and_escapes() {
    let text = "# note\n! note\n  a=1\nb : 2 \nc 3\nd\ne\\:f\\ g=x\\ty\\u00e9\\uD83D\\uDE00\\z\n원인 = 값\r\n\r\nh==\n";
    let tree = properties::parse(text);
    assert_eq!(tree.problems, []);
    assert_eq!(
        pairs(&tree.documents[0]),
        [
            ("a", Some("1")),
            ("b", Some("2 ")),
            ("c", Some("3")),
            ("d", Some("")),
            ("e:f g", Some("x\tyé😀z")),
            ("원인", Some("값")),
            ("h", Some("=")),
        ]
    );
    assert_eq!(written(text, &tree.documents[0], "원인"), "값");
    assert_eq!(written(text, &tree.documents[0], "e:f g"), "x\\ty\\u00e9\\uD83D\\uDE00\\z");
}

#[test]
fn properties_continue_over_lines() {
    let text =
        "servers = a:9092,\\\n          b:9092,\\\r\n  c:9092\nkey\\\n  rest \\\n = v\nend=x\\";
    let tree = properties::parse(text);
    assert_eq!(
        pairs(&tree.documents[0]),
        [("servers", Some("a:9092,b:9092,c:9092")), ("keyrest", Some("v")), ("end", Some("x"))]
    );
    assert!(written(text, &tree.documents[0], "servers").ends_with("c:9092"));
}

#[test]
fn properties_documents_are_separated_as_spring_does() {
    let text = "a=1\n#---\nspring.config.activate.on-profile=prod\na=2\n #---\nb=3\n!---\n";
    let tree = properties::parse(text);
    let told: Vec<_> = tree.documents.iter().map(pairs).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1][1..], [("a", Some("2")), ("b", Some("3"))]);
}

#[test]
fn the_last_of_equal_properties_counts() {
    let text = "a=1\nb=2\na=3\n";
    let tree = properties::parse(text);
    assert_eq!(pairs(&tree.documents[0]), [("b", Some("2")), ("a", Some("3"))]);
    assert_eq!(problems(text, &tree), ["3: `a` stands twice, the last one counts"]);
    let tree = properties::parse("a=\\u12\n");
    assert_eq!(pairs(&tree.documents[0]), [("a", Some("\\u12"))]);
    assert_eq!(tree.problems.len(), 1);
}

#[test]
fn environment_files_know_quotes_comments_and_names_alone() {
    let text = "# note\nA=1 # note\nexport B = two words\nC='$raw # x'\nD=\"a\\nb \\\"q\\\" \\$x ${Y}\" # note\nE=\nF: yaml\nG=x#y\nH\nI='it\\'s'\n";
    let tree = dotenv::parse(text);
    assert_eq!(tree.problems, []);
    let document = &tree.documents[0];
    assert_eq!(
        pairs(document),
        [
            ("A", Some("1")),
            ("B", Some("two words")),
            ("C", Some("$raw # x")),
            ("D", Some("a\nb \"q\" $$x ${Y}")),
            ("E", Some("")),
            ("F", Some("yaml")),
            ("G", Some("x#y")),
            ("H", None),
            ("I", Some("it's")),
        ]
    );
    let style = |key: &str| match &document.get(key).unwrap().content {
        Content::Scalar(scalar) => scalar.style,
        other => panic!("{other:?}"),
    };
    assert_eq!(["A", "C", "D"].map(style), [Style::Plain, Style::Single, Style::Double]);
    assert_eq!(written(text, document, "C"), "$raw # x");
}

#[test]
fn quoted_environment_values_span_lines() {
    let text = "KEY=\"one\ntwo\"\r\nB='x\ny'\nC=3\n";
    let tree = dotenv::parse(text);
    assert_eq!(tree.problems, []);
    assert_eq!(
        pairs(&tree.documents[0]),
        [("KEY", Some("one\ntwo")), ("B", Some("x\ny")), ("C", Some("3"))]
    );
}

#[test]
fn mistakes_in_environment_files_cost_one_line() {
    let text = "A=1\nB C=2\n=3\nD=\"open\nE='x' y\nF=6\nA=7\n";
    let tree = dotenv::parse(text);
    assert_eq!(
        problems(text, &tree),
        [
            "2: ' ' cannot be part of a variable's name",
            "3: a value without a name",
            "4: the quote is never closed",
            "5: text behind the closing quote",
            "7: `A` stands twice, the last one counts",
        ]
    );
    assert_eq!(pairs(&tree.documents[0]), [("E", Some("x")), ("F", Some("6")), ("A", Some("7"))]);
}
