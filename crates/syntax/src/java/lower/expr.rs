//! From tree-sitter's nodes to expressions.

use tree_sitter::Node;

use super::{Lower, named, span};
use crate::java::{Call, Expr, ExprKind, MAX_DEPTH, Method, New, StmtKind, Type, Word, literal};

/// Operators that are told apart; every other one is called `?`.
const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||"];

/// Whether a node of this kind is an expression that may stand where a statement is expected (the
/// body of a lambda or of a `switch` arrow).
pub(super) fn is_expression(kind: &str) -> bool {
    kind.ends_with("_expression")
        || kind.ends_with("_literal")
        || matches!(
            kind,
            "method_invocation"
                | "identifier"
                | "field_access"
                | "method_reference"
                | "array_access"
                | "this"
                | "true"
                | "false"
        )
}

impl Lower<'_> {
    pub(super) fn expr(&self, node: Node<'_>, depth: usize) -> Expr {
        if node.kind() == "parenthesized_expression" {
            let inner = named(node).into_iter().find(|n| !n.is_extra());
            if let Some(inner) = inner.filter(|_| depth < MAX_DEPTH) {
                return self.expr(inner, depth + 1);
            }
        }
        let kind = if depth > MAX_DEPTH { None } else { self.expr_kind(node, depth + 1) };
        Expr { span: span(node), kind: kind.unwrap_or(ExprKind::Other(Vec::new())) }
    }

    fn boxed(&self, node: Node<'_>, depth: usize) -> Box<Expr> {
        Box::new(self.expr(node, depth))
    }

    fn all(&self, nodes: Vec<Node<'_>>, depth: usize) -> Vec<Expr> {
        let real = nodes.into_iter().filter(|node| !node.is_extra());
        real.map(|node| self.expr(node, depth)).collect()
    }

    fn args(&self, node: Node<'_>, depth: usize) -> Vec<Expr> {
        let args = node.child_by_field_name("arguments").map(named).unwrap_or_default();
        self.all(args, depth)
    }

    fn expr_kind(&self, node: Node<'_>, depth: usize) -> Option<ExprKind> {
        let at = |field: &str| node.child_by_field_name(field);
        Some(match node.kind() {
            "string_literal" => {
                let (value, inner) = literal::string(self.slice(node), span(node))?;
                ExprKind::Str(value, inner)
            }
            "decimal_integer_literal"
            | "hex_integer_literal"
            | "octal_integer_literal"
            | "binary_integer_literal" => match literal::integer(self.slice(node)) {
                Some(value) => ExprKind::Int(value),
                None => ExprKind::Literal(self.slice(node).to_owned()),
            },
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            kind if kind.ends_with("_literal") && kind != "class_literal" => {
                ExprKind::Literal(self.slice(node).to_owned())
            }
            "identifier" | "this" | "super" | "type_identifier" => {
                ExprKind::Name(self.slice(node).to_owned())
            }
            "field_access" => {
                ExprKind::Member(self.boxed(at("object")?, depth), self.word(at("field")?))
            }
            "method_invocation" => ExprKind::Call(Call {
                object: at("object").map(|object| self.boxed(object, depth)),
                name: self.word(at("name")?),
                args: self.args(node, depth),
            }),
            "explicit_constructor_invocation" => ExprKind::Call(Call {
                object: None,
                name: self.word(at("constructor")?),
                args: self.args(node, depth),
            }),
            "object_creation_expression" => self.creation(node, depth)?,
            "class_literal" => ExprKind::Class(self.of_type(*named(node).first()?, 0)),
            "lambda_expression" => self.lambda(node, depth)?,
            "method_reference" => self.method_reference(node, depth)?,
            "binary_expression" => self.binary(node, depth)?,
            "assignment_expression" => {
                ExprKind::Assign(self.boxed(at("left")?, depth), self.boxed(at("right")?, depth))
            }
            "ternary_expression" => ExprKind::Ternary(
                self.boxed(at("condition")?, depth),
                self.boxed(at("consequence")?, depth),
                self.boxed(at("alternative")?, depth),
            ),
            "cast_expression" => {
                ExprKind::Cast(self.of_type(at("type")?, 0), self.boxed(at("value")?, depth))
            }
            "array_creation_expression" => match at("value") {
                Some(value) => ExprKind::Array(self.all(named(value), depth)),
                None => ExprKind::Other(Vec::new()),
            },
            "array_initializer" | "element_value_array_initializer" => {
                ExprKind::Array(self.all(named(node), depth))
            }
            "switch_expression" => {
                ExprKind::Switch(self.boxed(at("condition")?, depth), self.cases(node, depth))
            }
            _ => ExprKind::Other(self.all(named(node), depth)),
        })
    }

    fn creation(&self, node: Node<'_>, depth: usize) -> Option<ExprKind> {
        let mut body = Vec::new();
        for part in named(node).into_iter().filter(|part| part.kind() == "class_body") {
            body.extend(named(part).into_iter().filter_map(|member| match member.kind() {
                "method_declaration" => self.method(member, depth + 1),
                "block" => Some(self.instance_block(member, depth + 1)),
                _ => None,
            }));
        }
        let of = self.of_type(node.child_by_field_name("type")?, 0);
        Some(ExprKind::New(New { of, args: self.args(node, depth), body }))
    }

    /// The block of `new HashMap<>() {{ … }}`, as a method without a name.
    fn instance_block(&self, node: Node<'_>, depth: usize) -> Method {
        Method {
            name: Word::default(),
            is_constructor: true,
            returns: Type { name: "void".to_owned(), ..Type::default() },
            params: Vec::new(),
            annotations: Vec::new(),
            modifiers: Vec::new(),
            body: Some(self.body(node, depth)),
            span: span(node),
        }
    }

    fn lambda(&self, node: Node<'_>, depth: usize) -> Option<ExprKind> {
        let params = node.child_by_field_name("parameters")?;
        let names = match params.kind() {
            "identifier" => vec![self.slice(params).to_owned()],
            "inferred_parameters" => {
                named(params).iter().map(|name| self.slice(*name).to_owned()).collect()
            }
            _ => self.params(params, depth).into_iter().map(|param| param.name.text).collect(),
        };
        let body = node.child_by_field_name("body")?;
        if body.kind() == "block" {
            return Some(ExprKind::Lambda(names, self.body(body, depth)));
        }
        let value = self.expr(body, depth);
        let stmt = crate::java::Stmt { span: span(body), kind: StmtKind::Expr(value) };
        Some(ExprKind::Lambda(names, vec![stmt]))
    }

    fn method_reference(&self, node: Node<'_>, depth: usize) -> Option<ExprKind> {
        let parts = named(node);
        let object = self.boxed(*parts.first()?, depth);
        let last = node.child(node.child_count().checked_sub(1)? as u32)?;
        Some(ExprKind::MethodRef(object, self.word(last)))
    }

    /// Long sums lean to the left; they are built in a loop, so that their length is no depth.
    fn binary(&self, node: Node<'_>, depth: usize) -> Option<ExprKind> {
        let mut chain = vec![node];
        while let Some(left) = chain.last().and_then(|last| last.child_by_field_name("left")) {
            if left.kind() != "binary_expression" || chain.len() > MAX_DEPTH {
                break;
            }
            chain.push(left);
        }
        let first = chain.last()?.child_by_field_name("left")?;
        // A chain too long for the tree keeps its right end.
        let mut sum = match first.kind() {
            "binary_expression" => Expr { span: span(first), kind: ExprKind::Other(Vec::new()) },
            _ => self.expr(first, depth),
        };
        for node in chain.into_iter().rev() {
            let right = self.boxed(node.child_by_field_name("right")?, depth);
            let written = node.child_by_field_name("operator").map_or("", |op| op.kind());
            let operator = OPERATORS.iter().find(|known| **known == written).unwrap_or(&"?");
            let kind = ExprKind::Binary(operator, Box::new(sum), right);
            sum = Expr { span: span(node), kind };
        }
        Some(sum.kind)
    }
}
