//! HCL, the language of Terraform: blocks, attributes and expressions with byte spans.
//!
//! Expressions stay expressions: what a variable or a function gives is for the reader to say.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::structure as parsed;
use hcl_edit::template::{Element, Template};
use wonin_text::Span;

use crate::Problem;

/// One file or one block's inside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// `name = expression`, in order.
    pub attributes: Vec<Attribute>,
    /// Nested blocks, in order.
    pub blocks: Vec<Block>,
}

impl Body {
    /// The expression of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Blocks of one kind.
    pub fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }
}

/// `name = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Value.
    pub value: Expr,
}

/// `kind "label" … { body }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The first word.
    pub kind: String,
    /// Labels, without quotes.
    pub labels: Vec<String>,
    /// The whole block.
    pub span: Span,
    /// Inside.
    pub body: Body,
}

/// An expression with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Bytes of the expression, without white space around it.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

impl Expr {
    /// Replaces every place in the expression; for expressions that stand inside other text.
    pub(crate) fn map_spans(&mut self, moved: &dyn Fn(Span) -> Span) {
        self.span = moved(self.span);
        match &mut self.kind {
            ExprKind::Text(_, inner) => *inner = moved(*inner),
            ExprKind::Template(items) | ExprKind::List(items) | ExprKind::Call(_, items, _) => {
                for item in items.iter_mut() {
                    item.map_spans(moved);
                }
            }
            ExprKind::Object(entries) => {
                for (key, value) in entries {
                    key.map_spans(moved);
                    value.map_spans(moved);
                }
            }
            ExprKind::Attr(inner, _) | ExprKind::Splat(inner) | ExprKind::Unary(_, inner) => {
                inner.map_spans(moved);
            }
            ExprKind::Index(inner, index) => {
                inner.map_spans(moved);
                index.map_spans(moved);
            }
            ExprKind::Conditional(parts) => parts.iter_mut().for_each(|p| p.map_spans(moved)),
            ExprKind::Binary(_, sides) => sides.iter_mut().for_each(|s| s.map_spans(moved)),
            ExprKind::For(each) => {
                each.over.map_spans(moved);
                each.value.map_spans(moved);
                for part in [&mut each.key, &mut each.condition].into_iter().flatten() {
                    part.map_spans(moved);
                }
            }
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Name(_)
            | ExprKind::Opaque(_) => {}
        }
    }
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// Text without interpolation; the span of its bytes inside the quotes.
    Text(String, Span),
    /// Text with interpolation: pieces in order.
    Template(Vec<Expr>),
    /// `[…]`.
    List(Vec<Expr>),
    /// `{…}`: keys (bare words are text) with values.
    Object(Vec<(Expr, Expr)>),
    /// A bare name: `var`, `local`, `each`, `aws_lb`.
    Name(String),
    /// `a.b`.
    Attr(Box<Expr>, String),
    /// `a[b]`.
    Index(Box<Expr>, Box<Expr>),
    /// `a[*]` or `a.*`.
    Splat(Box<Expr>),
    /// `f(…)`; whether the last argument is a list to be spread (`f(list...)`).
    Call(String, Vec<Expr>, bool),
    /// `a ? b : c`.
    Conditional(Box<[Expr; 3]>),
    /// `!a`, `-a`.
    Unary(&'static str, Box<Expr>),
    /// `a + b`.
    Binary(&'static str, Box<[Expr; 2]>),
    /// `[for k, v in c : value if cond]`, with `key =>` for objects.
    For(Box<For>),
    /// Something this tree does not model (template directives), by name.
    Opaque(&'static str),
}

/// A `for` expression.
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    /// Name of the key or index.
    pub key_name: Option<String>,
    /// Name of the value.
    pub value_name: String,
    /// What is gone through.
    pub over: Expr,
    /// The key of each result; makes it an object.
    pub key: Option<Expr>,
    /// The value of each result.
    pub value: Expr,
    /// The filter.
    pub condition: Option<Expr>,
}

/// Parts of one file that may be wrong; with more of them the file is given up.
const BROKEN_MAX: usize = 16;

/// Parses a file. Of a syntax error the block at the beginning of a line that holds it is left out,
/// with one problem; the rest is as it is.
pub fn parse(text: &str) -> (Body, Vec<Problem>) {
    let mut problems = Vec::new();
    // Blanks in the place of what is wrong keep all spans right.
    let mut rest = std::borrow::Cow::Borrowed(text);
    loop {
        let error = match hcl_edit::parser::parse_body(&rest) {
            Ok(body) => return (Reader { text }.body(&body), problems),
            Err(error) => error,
        };
        let at = floor(text, error.location().offset());
        let message = error.message().lines().next().unwrap_or("not valid HCL").to_owned();
        problems.push(Problem { span: Span::new(at, at), message });
        let broken = block_around(&rest, at).filter(|_| problems.len() < BROKEN_MAX);
        let Some(broken) = broken else {
            // What comes after the first is guesswork in a file that is no HCL at all.
            problems.truncate(1);
            return (Body::default(), problems);
        };
        let blank = rest[broken.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
        let blank: String = blank.collect();
        rest.to_mut().replace_range(broken, &blank);
    }
}

/// From the line before an offset that begins with a letter to the next such line: a block as every
/// formatter writes it. `None` where nothing but blanks is left.
fn block_around(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let begins = |start: usize| {
        text.as_bytes().get(start).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'"')
    };
    let starts = || {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        std::iter::once(0).chain(breaks).filter(|&start| begins(start))
    };
    let first = starts().take_while(|&start| start <= at).last().unwrap_or(0);
    let end = starts().find(|&start| start > first && start > at).unwrap_or(text.len());
    text[first..end].bytes().any(|byte| !byte.is_ascii_whitespace()).then_some(first..end)
}

/// Parses a single expression, as it stands inside `"${…}"` of a `.tf.json` file; spans count from
/// the start of `text`.
pub fn parse_template(text: &str) -> Option<Expr> {
    let template = text.parse::<Template>().ok()?;
    let reader = Reader { text };
    let span = Span::new(0, text.len());
    Some(reader.template(&template, span, span))
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn body(&self, body: &parsed::Body) -> Body {
        let mut out = Body::default();
        for structure in body {
            match structure {
                parsed::Structure::Attribute(attribute) => out.attributes.push(Attribute {
                    name: attribute.key.as_str().to_owned(),
                    name_span: span(attribute.key.span()),
                    value: self.expr(&attribute.value),
                }),
                parsed::Structure::Block(block) => out.blocks.push(Block {
                    kind: block.ident.as_str().to_owned(),
                    labels: block.labels.iter().map(|label| label.as_str().to_owned()).collect(),
                    span: self.trimmed(block.span()),
                    body: self.body(&block.body),
                }),
            }
        }
        out
    }

    fn trimmed(&self, range: Option<std::ops::Range<usize>>) -> Span {
        let raw = span(range);
        let text = self.text.get(raw.range()).unwrap_or("");
        let start = raw.start as usize + (text.len() - text.trim_start().len());
        Span::new(start, start + text.trim().len())
    }

    fn boxed(&self, expr: &Expression) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr(&self, expr: &Expression) -> Expr {
        let span = self.trimmed(expr.span());
        let kind = match expr {
            Expression::Null(_) => ExprKind::Null,
            Expression::Bool(value) => ExprKind::Bool(*value.value()),
            Expression::Number(number) => ExprKind::Number(number.value().to_string()),
            Expression::String(text) => {
                ExprKind::Text(text.value().clone(), self.inside_quotes(span))
            }
            Expression::Array(array) => {
                ExprKind::List(array.iter().map(|item| self.expr(item)).collect())
            }
            Expression::Object(object) => ExprKind::Object(
                object
                    .iter()
                    .map(|(key, value)| (self.key(key), self.expr(value.expr())))
                    .collect(),
            ),
            Expression::StringTemplate(template) => {
                return self.template(template, span, self.inside_quotes(span));
            }
            Expression::HeredocTemplate(heredoc) => {
                return self.template(&heredoc.template, span, self.inside_heredoc(span));
            }
            Expression::Parenthesis(inner) => return self.expr(inner.inner()),
            Expression::Variable(name) => ExprKind::Name(name.as_str().to_owned()),
            Expression::Conditional(choice) => ExprKind::Conditional(Box::new([
                self.expr(&choice.cond_expr),
                self.expr(&choice.true_expr),
                self.expr(&choice.false_expr),
            ])),
            Expression::FuncCall(call) => ExprKind::Call(
                call.name.name.as_str().to_owned(),
                call.args.iter().map(|argument| self.expr(argument)).collect(),
                call.args.expand_final(),
            ),
            Expression::Traversal(traversal) => return self.traversal(traversal, span),
            Expression::UnaryOp(operation) => {
                ExprKind::Unary(operation.operator.value().as_str(), self.boxed(&operation.expr))
            }
            Expression::BinaryOp(operation) => ExprKind::Binary(
                operation.operator.value().as_str(),
                Box::new([self.expr(&operation.lhs_expr), self.expr(&operation.rhs_expr)]),
            ),
            Expression::ForExpr(each) => ExprKind::For(Box::new(For {
                key_name: each.intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
                value_name: each.intro.value_var.as_str().to_owned(),
                over: self.expr(&each.intro.collection_expr),
                key: each.key_expr.as_ref().map(|key| self.expr(key)),
                value: self.expr(&each.value_expr),
                condition: each.cond.as_ref().map(|condition| self.expr(&condition.expr)),
            })),
        };
        Expr { span, kind }
    }

    fn key(&self, key: &ObjectKey) -> Expr {
        match key {
            ObjectKey::Ident(name) => {
                let span = self.trimmed(name.span());
                Expr { span, kind: ExprKind::Text(name.as_str().to_owned(), span) }
            }
            ObjectKey::Expression(expr) => self.expr(expr),
        }
    }

    fn traversal(&self, traversal: &hcl_edit::expr::Traversal, span: Span) -> Expr {
        let mut base = self.expr(&traversal.expr);
        for operator in &traversal.operators {
            let inner = Box::new(base);
            let kind = match operator.value() {
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                    ExprKind::Splat(inner)
                }
                TraversalOperator::GetAttr(name) => ExprKind::Attr(inner, name.as_str().to_owned()),
                TraversalOperator::Index(index) => ExprKind::Index(inner, self.boxed(index)),
                TraversalOperator::LegacyIndex(index) => {
                    let number = ExprKind::Number(index.value().to_string());
                    ExprKind::Index(inner, Box::new(Expr { span, kind: number }))
                }
            };
            base = Expr { span, kind };
        }
        base
    }

    /// A template that is one literal is text; `inner` are its bytes without the delimiters.
    fn template(&self, template: &Template, span: Span, inner: Span) -> Expr {
        let pieces: Vec<Expr> = template.iter().map(|element| self.piece(element)).collect();
        let kind = match pieces.as_slice() {
            [] => ExprKind::Text(String::new(), inner),
            [Expr { kind: ExprKind::Text(text, _), .. }] => ExprKind::Text(text.clone(), inner),
            _ => ExprKind::Template(pieces),
        };
        Expr { span, kind }
    }

    fn piece(&self, element: &Element) -> Expr {
        match element {
            Element::Literal(text) => {
                let span = span(text.span());
                Expr { span, kind: ExprKind::Text(text.value().clone(), span) }
            }
            Element::Interpolation(interpolation) => self.expr(&interpolation.expr),
            Element::Directive(directive) => {
                let span = self.trimmed(directive.span());
                Expr { span, kind: ExprKind::Opaque("template directive") }
            }
        }
    }

    fn inside_quotes(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or("");
        if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
            span.part(1..text.len() - 1)
        } else {
            span
        }
    }

    /// The lines between the opening line and the closing delimiter.
    fn inside_heredoc(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or("");
        let start = text.find('\n').map_or(0, |at| at + 1);
        let end = text.rfind('\n').map_or(text.len(), |at| at + 1).max(start);
        span.part(start..end)
    }
}

fn span(range: Option<std::ops::Range<usize>>) -> Span {
    range.map_or_else(Span::default, |range| Span::new(range.start, range.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Expr {
        let (body, problems) = parse(text);
        assert_eq!(problems, []);
        body.attributes.into_iter().next().expect("one attribute").value
    }

    #[test]
    fn blocks_and_attributes_keep_their_places() {
        let text = "resource \"aws_lb\" \"front\" {\n  idle_timeout = 60 # seconds\n}\n";
        let (body, problems) = parse(text);
        assert_eq!(problems, []);
        let block = &body.blocks[0];
        assert_eq!((block.kind.as_str(), block.labels.len()), ("resource", 2));
        let value = &block.body.attribute("idle_timeout").unwrap().value;
        assert_eq!(&text[value.span.range()], "60");
        assert!(text[block.span.range()].ends_with('}'));
    }

    #[test]
    fn text_knows_the_bytes_inside_its_quotes() {
        let text = "a = \"원인\"\n";
        let ExprKind::Text(value, inner) = only(text).kind else { panic!("text") };
        assert_eq!((value.as_str(), &text[inner.range()]), ("원인", "원인"));
    }

    #[test]
    fn references_and_calls_are_trees() {
        let expr = only("a = lookup(var.sizes, \"x\", 3) + aws_lb.front[0].arn\n");
        assert!(matches!(expr.kind, ExprKind::Binary("+", _)));
    }

    #[test]
    fn a_broken_block_is_one_problem_and_the_rest_is_read() {
        let text =
            "a = 1\nresource \"x\" \"y\" {\n  b = = 2\n}\n\nresource \"x\" \"z\" {\n  c = 3\n}\n";
        let (body, problems) = parse(text);
        assert_eq!(problems.len(), 1);
        assert_eq!(text[..problems[0].span.start as usize].matches('\n').count(), 2);
        assert_eq!((body.attributes.len(), body.blocks.len()), (1, 1));
        let value = &body.blocks[0].body.attribute("c").unwrap().value;
        assert_eq!(&text[value.span.range()], "3");
        // What never closes takes all that follows with it.
        let (body, problems) = parse("a = 1\nb = {\n  c = 1\n");
        assert_eq!((body.attributes.len(), problems.len()), (1, 1));
    }

    #[test]
    fn a_file_that_is_no_hcl_at_all_is_given_up() {
        let text = "nothing of this\n".repeat(40);
        let (body, problems) = parse(&text);
        assert_eq!(body, Body::default());
        assert_eq!(problems.len(), 1);
        assert_eq!(parse("").1, []);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_its_places_within(
            pieces in proptest::collection::vec("[a-z]{1,3} = |\\{\n|\\}\n|\"원|\n|<<A\n|1\n|[ -~]{0,6}", 0..40),
        ) {
            let text = pieces.concat();
            let (body, problems) = parse(&text);
            for problem in problems {
                proptest::prop_assert!(text.get(problem.span.range()).is_some());
            }
            for block in &body.blocks {
                proptest::prop_assert!(text.get(block.span.range()).is_some());
            }
        }
    }
}
