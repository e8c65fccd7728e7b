//! The JSON form of HCL (`.tf.json`): objects as blocks, texts as templates.

use wonin_text::Span;

use crate::hcl::{Attribute, Block, Body, Expr, ExprKind, parse_template};
use crate::{Content, Node, Style, json};

/// Block kinds with how many labels they take; everything else is an attribute.
const BLOCKS: &[(&str, usize)] =
    &[("resource", 2), ("data", 2), ("variable", 1), ("output", 1), ("module", 1), ("locals", 0)];

/// Parses a `.tf.json` file into the same tree as [`crate::hcl::parse`]. Nested blocks stay
/// attributes whose value is an object or a list of objects: only the provider's schema could tell
/// them apart.
pub fn parse(text: &str) -> (Body, Vec<crate::Problem>) {
    let tree = json::parse(text);
    let mut body = Body::default();
    for root in &tree.documents {
        for entry in root.entries() {
            let kind = entry.key.as_str().unwrap_or_default();
            match BLOCKS.iter().find(|(name, _)| *name == kind) {
                Some((_, labels)) => {
                    blocks(kind, *labels, &entry.value, &mut Vec::new(), &mut body);
                }
                None => body.attributes.push(attribute(&entry.key, &entry.value)),
            }
        }
    }
    (body, tree.problems)
}

/// Goes down `left` levels of labels; a list stands for several blocks.
fn blocks(kind: &str, left: usize, node: &Node, labels: &mut Vec<String>, out: &mut Body) {
    for item in node.items() {
        blocks(kind, left, item, labels, out);
    }
    if !node.is_mapping() {
        return;
    }
    if left == 0 {
        let attributes =
            node.entries().iter().map(|entry| attribute(&entry.key, &entry.value)).collect();
        out.blocks.push(Block {
            kind: kind.to_owned(),
            labels: labels.clone(),
            span: node.span,
            body: Body { attributes, blocks: Vec::new() },
        });
        return;
    }
    for entry in node.entries() {
        labels.push(entry.key.as_str().unwrap_or_default().to_owned());
        blocks(kind, left - 1, &entry.value, labels, out);
        labels.pop();
    }
}

fn attribute(key: &Node, value: &Node) -> Attribute {
    Attribute {
        name: key.as_str().unwrap_or_default().to_owned(),
        name_span: key.value_span(),
        value: expr(value),
    }
}

fn expr(node: &Node) -> Expr {
    let kind = match &node.content {
        Content::Null => ExprKind::Null,
        Content::Scalar(scalar) if scalar.style == Style::Plain => match &*scalar.value {
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            number => ExprKind::Number(number.to_owned()),
        },
        Content::Scalar(scalar) => return text(&scalar.value, node.value_span(), node.span),
        Content::Sequence(items) => ExprKind::List(items.iter().map(expr).collect()),
        Content::Mapping(entries) => {
            ExprKind::Object(entries.iter().map(|e| (expr(&e.key), expr(&e.value))).collect())
        }
    };
    Expr { span: node.span, kind }
}

/// A text as a template. Places inside are exact where the JSON text has no escapes.
fn text(value: &str, inner: Span, whole: Span) -> Expr {
    let literal = || Expr { span: whole, kind: ExprKind::Text(value.to_owned(), inner) };
    if !value.contains("${") && !value.contains("%{") {
        return literal();
    }
    let Some(mut template) = parse_template(value) else { return literal() };
    let exact = inner.len() == value.len();
    let moved = |span: Span| {
        if exact {
            let start = inner.start as usize;
            Span::new(start + span.start as usize, start + span.end as usize)
        } else {
            whole
        }
    };
    template.map_spans(&moved);
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_native_syntax_give_the_same_blocks() {
        let text = r#"{"resource": {"aws_ecs_service": {"web": {
            "desired_count": 2, "task_definition": "${aws_ecs_task_definition.web.arn}"}}}}"#;
        let (body, problems) = parse(text);
        assert_eq!(problems, []);
        let block = &body.blocks[0];
        assert_eq!(block.labels, ["aws_ecs_service", "web"]);
        let task = &block.body.attribute("task_definition").unwrap().value;
        assert!(
            matches!(task.kind, ExprKind::Attr(..)) || matches!(task.kind, ExprKind::Template(_))
        );
        let count = &block.body.attribute("desired_count").unwrap().value;
        assert_eq!(&text[count.span.range()], "2");
    }
}
