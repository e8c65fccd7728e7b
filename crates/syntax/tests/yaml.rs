//! YAML as people write it, and as they break it.

use std::fmt::Write as _;

use wonin_syntax::{Content, Node, Style, Tree, yaml};

/// The text at a node's value.
fn value_text<'t>(text: &'t str, node: &Node) -> &'t str {
    &text[node.value_span().range()]
}

fn only(tree: &Tree) -> &Node {
    assert_eq!(tree.documents.len(), 1, "{tree:?}");
    &tree.documents[0]
}

/// A parse without problems.
fn clean(text: &str) -> Node {
    let tree = yaml::parse(text);
    assert_eq!(tree.problems, [], "{text}");
    only(&tree).clone()
}

/// `line: message` of every problem.
fn problems(text: &str, tree: &Tree) -> Vec<String> {
    let line = |at: u32| text[..at as usize].matches('\n').count() + 1;
    tree.problems.iter().map(|p| format!("{}: {}", line(p.span.start), p.message)).collect()
}

#[test]
fn scalars_keep_their_exact_place() {
    let text = "plain: two words # note\nsingle: 'it''s'\ndouble: \"a\\tb\"\nport: \"8099\"\n원인: 값 😀\n";
    let root = clean(text);
    let told = |key: &str| {
        let node = root.get(key).unwrap();
        (node.as_str().unwrap(), &text[node.span.range()], value_text(text, node))
    };
    assert_eq!(told("plain"), ("two words", "two words", "two words"));
    assert_eq!(told("single"), ("it's", "'it''s'", "it''s"));
    assert_eq!(told("double"), ("a\tb", "\"a\\tb\"", "a\\tb"));
    assert_eq!(told("port"), ("8099", "\"8099\"", "8099"));
    assert_eq!(told("원인"), ("값 😀", "값 😀", "값 😀"));
    assert_eq!(&text[root.get("port").unwrap().part(1..3).range()], "09");
    assert_eq!(&text[root.get("double").unwrap().part(0..1).range()], "\"a\\tb\"");
}

#[test]
fn blocks_reach_from_their_header_to_their_last_text() {
    let text = "a: |\n  one\n  two\n\nb: &x >- # why\n\n   folded\n   text\n\nc:\n  - |+\n   keep\n\nd: |\n";
    let root = clean(text);
    let told = |node: &Node| {
        let Content::Scalar(scalar) = &node.content else { panic!("{node:?}") };
        assert_eq!(scalar.style, Style::Block);
        (scalar.value.to_string(), text[node.span.range()].to_owned())
    };
    assert_eq!(told(root.get("a").unwrap()), ("one\ntwo\n".into(), "|\n  one\n  two".into()));
    assert_eq!(told(root.get("b").unwrap()).1, ">- # why\n\n   folded\n   text");
    assert_eq!(value_text(text, root.get("a").unwrap()), "  one\n  two");
    assert_eq!(
        told(&root.get("c").unwrap().items()[0]),
        ("keep\n\n".into(), "|+\n   keep\n\n".into())
    );
    assert_eq!(told(root.get("d").unwrap()).1, "|\n");
}

#[test]
fn nothing_has_a_place_behind_its_colon() {
    let text = "a:\nb : ~\nc: null\nd: &x\ne: 'null'\nf:\n  -\n  - x\n";
    let root = clean(text);
    for key in ["a", "b", "c", "d"] {
        assert!(root.get(key).unwrap().is_null(), "{key}");
    }
    assert_eq!(root.get("a").unwrap().span.range(), 2..2);
    assert_eq!(&text[root.get("b").unwrap().span.range()], "~");
    assert_eq!(root.get("e").unwrap().as_str(), Some("null"));
    assert!(root.get("f").unwrap().items()[0].is_null());
}

#[test]
fn collections_end_with_their_last_child() {
    let text = "a:\n  - x\n  - y: 1\n\n# note\nb: [1, {c: d} ] # note\ne: {}\n";
    let root = clean(text);
    assert_eq!(&text[root.get("a").unwrap().span.range()], "- x\n  - y: 1");
    assert_eq!(&text[root.get("b").unwrap().span.range()], "[1, {c: d} ]");
    assert_eq!(&text[root.get("e").unwrap().span.range()], "{}");
    assert_eq!(&text[root.span.range()], text.trim_end());
}

#[test]
fn aliases_point_to_the_anchor_and_say_the_way() {
    let text = "a: &shared\n  k: v\nb: *shared\nc: &s text\nd: [*s]\n";
    let root = clean(text);
    let (a, b) = (root.get("a").unwrap(), root.get("b").unwrap());
    assert_eq!((a.span, &a.content), (b.span, &b.content));
    assert_eq!(&text[b.via().unwrap().range()], "*shared");
    assert_eq!(a.via(), None);
    let d = &root.get("d").unwrap().items()[0];
    assert_eq!((d.as_str(), &text[d.span.range()]), (Some("text"), "text"));
    assert_eq!(&text[d.via().unwrap().range()], "*s");
}

#[test]
fn merges_lose_to_own_keys_and_to_earlier_merges() {
    let text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  c: 3\nw: {<<: {q: 1}}\nv:\n  '<<': 1\n";
    let root = clean(text);
    let z = root.get("z").unwrap();
    let told: Vec<_> = z
        .entries()
        .iter()
        .map(|e| (e.key.as_str().unwrap(), e.value.as_str().unwrap(), e.value.via()))
        .map(|(k, v, via)| (k, v, via.map(|via| &text[via.range()])))
        .collect();
    assert_eq!(told, [("c", "3", None), ("a", "1", Some("*x")), ("b", "1", Some("*x"))]);
    let w = root.at(&["w", "q"]).unwrap();
    assert_eq!(&text[w.via().unwrap().range()], "<<");
    assert_eq!(root.at(&["v", "<<"]).unwrap().as_str(), Some("1"));
}

#[test]
fn tags_stay_with_their_values() {
    let text = "a: !reset\nb: !override [1]\nc: !!str 12\nd: !reset null\ne: ! x\nf: !!str\n";
    let root = clean(text);
    let tag = |key: &str| root.get(key).unwrap().tag();
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(tag),
        [Some("reset"), Some("override"), Some("!str"), Some("reset"), None]
    );
    assert!(root.get("a").unwrap().is_null());
    assert_eq!(root.get("f").unwrap().as_str(), Some(""));
}

#[test]
fn streams_keep_every_document_that_says_something() {
    let tree = yaml::parse("---\na: 1\n---\n# nothing\n---\nb: 2\n...\n");
    assert_eq!(tree.documents.len(), 2);
    assert_eq!(tree.documents[1].get("b").unwrap().as_str(), Some("2"));
}

#[test]
fn the_first_of_two_equal_keys_counts() {
    let text = "a: 1\nb: 2\na: 3\n";
    let tree = yaml::parse(text);
    assert_eq!(only(&tree).get("a").unwrap().as_str(), Some("1"));
    assert_eq!(only(&tree).entries().len(), 2);
    assert_eq!(problems(text, &tree), ["3: `a` stands twice, the first one counts"]);
}

#[test]
fn what_precedes_a_mistake_is_kept_and_later_documents_are_read() {
    let text = "services:\n  a:\n    image: x\n  b:\n    ports: [1, 2\n  c:\n    image: y\n---\nlater: yes\n";
    let tree = yaml::parse(text);
    assert_eq!(tree.documents.len(), 2);
    assert_eq!(tree.documents[0].at(&["services", "a", "image"]).unwrap().as_str(), Some("x"));
    assert_eq!(tree.documents[1].get("later").unwrap().as_str(), Some("yes"));
    assert_eq!(tree.problems.len(), 1, "{:?}", tree.problems);

    let text = "a: 1\nb:\n  c: 2\n   d: 3\n";
    let tree = yaml::parse(text);
    assert_eq!(only(&tree).get("a").unwrap().as_str(), Some("1"));
    assert!(problems(text, &tree)[0].starts_with("4: not valid YAML: "), "{:?}", tree.problems);
}

#[test]
fn templates_are_said_not_read() {
    for text in [
        "a: 1\nb: {{ .Values.x }}\n",
        "a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n",
        "a: 1\nlist:\n  {{- range .Values.x }}\n  - {{ . }}\n  {{- end }}\n",
        "a:\n{% if x %}\n  b: 1\n{% endif %}\n",
    ] {
        let tree = yaml::parse(text);
        assert_eq!(tree.documents, [], "{text}");
        assert_eq!(tree.problems.len(), 1, "{text}");
        assert!(tree.problems[0].message.starts_with("templated, not read"), "{text}");
    }
    let root = clean("a: \"{{.Node.Hostname}}\"\nb: |\n  {{ range x }}\n");
    assert_eq!(root.get("a").unwrap().as_str(), Some("{{.Node.Hostname}}"));
}

#[test]
fn unknown_and_circular_aliases_are_problems() {
    let text = "a: *none\nb: &b [*b]\nc: 1\n";
    let tree = yaml::parse(text);
    assert_eq!(
        problems(text, &tree),
        ["1: no anchor `&none` before this alias", "2: alias `*b` contains itself"]
    );
    assert_eq!(only(&tree).get("c").unwrap().as_str(), Some("1"));
    assert!(only(&tree).get("a").unwrap().is_null());
}

#[test]
fn what_nests_too_deeply_is_left_out_and_the_rest_goes_on() {
    let text = format!("a: {}{}\nb: 1\n", "[".repeat(300), "]".repeat(300));
    let tree = yaml::parse(&text);
    assert_eq!(tree.problems.len(), 1);
    assert_eq!(only(&tree).get("b").unwrap().as_str(), Some("1"));
    // Far beyond, the scanner ends the document.
    let tree = yaml::parse(&format!("b: 1\na: {}", "[".repeat(100_000)));
    assert_eq!(only(&tree).get("b").unwrap().as_str(), Some("1"));
}

#[test]
fn alias_chains_cannot_build_what_could_not_be_written() {
    let mut text = String::from("- &a0 [x]\n");
    for level in 1..5000 {
        writeln!(text, "- &a{level} [*a{}]", level - 1).unwrap();
    }
    let tree = yaml::parse(&text);
    assert!(tree.problems.len() > 10);
    assert!(format!("{tree:?}").len() > 1000); // A walk by recursion is safe.
}

#[test]
fn bombs_stay_small() {
    let mut text = String::from("a0: &a0 {x: [lol, lol, lol, lol, lol, lol, lol, lol, lol]}\n");
    for level in 1..100 {
        let all = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{all}]").unwrap();
    }
    assert_eq!(only(&yaml::parse(&text)).entries().len(), 100);

    // Merges copy entries, so they have a budget.
    let keys: Vec<String> = (0..2000).map(|key| format!("k{key}: 1")).collect();
    let mut text = format!("base: &b {{{}}}\n", keys.join(", "));
    for service in 0..500 {
        writeln!(text, "s{service}: {{<<: *b}}").unwrap();
    }
    let tree = yaml::parse(&text);
    assert!(tree.problems.iter().any(|p| p.message.contains("too much is merged")));
}

#[test]
fn line_ends_and_byte_order_marks_do_not_shift_places() {
    let text = "\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\nc: \"z\"\r\n";
    let root = clean(text);
    assert_eq!(value_text(text, root.get("a").unwrap()), "1");
    assert_eq!(value_text(text, root.get("b").unwrap()), "  x\r\n  y");
    assert_eq!(value_text(text, root.get("c").unwrap()), "z");
}

#[test]
fn what_a_build_fills_in_is_plain_text() {
    let text = "a: @project.version@\nb:\n  - @x@/y # @z@\nc: v@1@\nd: \"@e@\"\nf: @broken\n";
    let tree = yaml::parse(text);
    let root = only(&tree);
    assert_eq!(root.get("a").unwrap().as_str(), Some("@project.version@"));
    assert_eq!(value_text(text, root.get("a").unwrap()), "@project.version@");
    assert_eq!(root.get("b").unwrap().items()[0].as_str(), Some("@x@/y"));
    assert_eq!(root.get("d").unwrap().as_str(), Some("@e@"));
    assert_eq!(problems(text, &tree).len(), 1);
    assert!(problems(text, &tree)[0].starts_with("6: not valid YAML: "));
}

#[test]
fn odd_blocks_keep_their_places() {
    // A root block may stand at the first column; an empty one before another that looks alike.
    for (text, value, written) in [
        (">\n{", "{\n", ">\n{"),
        ("\u{feff}|\n  x\n", "x\n", "|\n  x"),
        ("|\n x\n   \n", "x\n  \n", "|\n x\n   "),
        ("|\n\n", "", "|\n"),
    ] {
        let root = clean(text);
        assert_eq!((root.as_str(), &text[root.span.range()]), (Some(value), written));
    }
    let tree = yaml::parse("a: >-\n>>> x\n");
    assert_eq!(only(&tree).get("a").unwrap().as_str(), Some(""));
    let text = "? q\n:: x\n";
    assert_eq!(clean(text).entries()[0].value.span.range(), 4..4);
}
