//! From tree-sitter's nodes to the tree of this module: declarations and statements.

mod expr;

use tree_sitter::Node;
use wonin_text::Span;

use super::{
    Annotation, Expr, Field, Import, Initializer, Loop, MAX_DEPTH, Method, Param, Stmt, StmtKind,
    Try, Type, TypeDecl, TypeKind, Unit, Word,
};
use crate::Problem;

/// How many places of broken code are told; a file that is not Java has one at every word.
const MAX_PROBLEMS: usize = 20;

/// The whole file.
pub(crate) fn unit(text: &str, root: Node<'_>) -> Unit {
    let lower = Lower { text };
    let mut unit = Unit { problems: problems(root), ..Unit::default() };
    for node in named(root) {
        match node.kind() {
            "package_declaration" => {
                let name = named(node).into_iter().find(|n| n.kind().ends_with("identifier"));
                unit.package = name.map(|name| lower.dotted(name)).unwrap_or_default();
            }
            "import_declaration" => unit.imports.extend(lower.import(node)),
            _ => unit.types.extend(lower.type_decl(node, 0)),
        }
    }
    unit
}

/// Errors in the order of the text, without going into them.
fn problems(root: Node<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut cursor = root.walk();
    'all: loop {
        let node = cursor.node();
        let broken = node.is_error() || node.is_missing();
        if broken {
            let message = if node.is_missing() { "something is missing" } else { "not Java" };
            found.push(Problem { span: span(node), message: message.to_owned() });
        }
        let inside = !broken && node.has_error() && cursor.goto_first_child();
        if inside || found.len() >= MAX_PROBLEMS {
            if found.len() >= MAX_PROBLEMS {
                break;
            }
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'all;
            }
        }
    }
    found
}

/// The text with the functions that read nodes of it. `depth` counts nesting, see [`MAX_DEPTH`].
struct Lower<'t> {
    text: &'t str,
}

impl<'t> Lower<'t> {
    fn slice(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    fn word(&self, node: Node<'_>) -> Word {
        Word { text: self.slice(node).to_owned(), span: span(node) }
    }

    /// A dotted name without blanks and comments in it.
    fn dotted(&self, node: Node<'_>) -> String {
        self.slice(node).split_whitespace().collect()
    }

    fn import(&self, node: Node<'_>) -> Option<Import> {
        let name = named(node).into_iter().find(|n| n.kind().ends_with("identifier"))?;
        let has = |kind: &str| children(node).iter().any(|child| child.kind() == kind);
        Some(Import {
            path: self.dotted(name),
            wildcard: has("asterisk"),
            is_static: has("static"),
        })
    }

    fn type_decl(&self, node: Node<'_>, depth: usize) -> Option<TypeDecl> {
        let kind = match node.kind() {
            "class_declaration" => TypeKind::Class,
            "interface_declaration" => TypeKind::Interface,
            "enum_declaration" => TypeKind::Enum,
            "record_declaration" => TypeKind::Record,
            "annotation_type_declaration" => TypeKind::Annotation,
            _ => return None,
        };
        if depth > MAX_DEPTH {
            return None;
        }
        let (annotations, modifiers) = self.modifiers(node, depth);
        let supers = |of: Node<'_>| self.types_in(of);
        let extends = node.child_by_field_name("superclass").map(supers).unwrap_or_default();
        let mut implements = node.child_by_field_name("interfaces").map(supers).unwrap_or_default();
        for part in named(node).into_iter().filter(|n| n.kind() == "extends_interfaces") {
            implements.extend(self.types_in(part));
        }
        let mut decl = TypeDecl {
            kind,
            name: self.word(node.child_by_field_name("name")?),
            annotations,
            modifiers,
            extends: extends.into_iter().next(),
            implements,
            fields: Vec::new(),
            methods: Vec::new(),
            initializers: Vec::new(),
            nested: Vec::new(),
            span: span(node),
        };
        if let Some(components) = node.child_by_field_name("parameters") {
            decl.fields.extend(self.params(components, depth).into_iter().map(component));
        }
        if let Some(body) = node.child_by_field_name("body") {
            self.members(body, &mut decl, depth + 1);
        }
        Some(decl)
    }

    fn members(&self, body: Node<'_>, decl: &mut TypeDecl, depth: usize) {
        for node in named(body) {
            match node.kind() {
                "field_declaration" | "constant_declaration" => {
                    decl.fields.extend(self.fields(node, depth));
                }
                "method_declaration"
                | "constructor_declaration"
                | "compact_constructor_declaration" => {
                    decl.methods.extend(self.method(node, depth));
                }
                "static_initializer" => {
                    let body = named(node).into_iter().flat_map(|n| self.body(n, depth)).collect();
                    decl.initializers.push(Initializer { is_static: true, body });
                }
                "block" => {
                    let body = self.body(node, depth);
                    decl.initializers.push(Initializer { is_static: false, body });
                }
                // Members of an enum; and whatever could be made out inside broken code.
                "enum_body_declarations" | "ERROR" if depth < MAX_DEPTH => {
                    self.members(node, decl, depth + 1);
                }
                _ => decl.nested.extend(self.type_decl(node, depth)),
            }
        }
    }

    fn fields(&self, node: Node<'_>, depth: usize) -> Vec<Field> {
        let (annotations, modifiers) = self.modifiers(node, depth);
        let of = self.type_at(node, "type");
        let mut fields = Vec::new();
        for (name, value) in self.declarators(node, depth) {
            fields.push(Field {
                name,
                of: of.clone(),
                annotations: annotations.clone(),
                modifiers: modifiers.clone(),
                value,
            });
        }
        fields
    }

    fn declarators(&self, node: Node<'_>, depth: usize) -> Vec<(Word, Option<Expr>)> {
        let mut cursor = node.walk();
        let declarators = node.children_by_field_name("declarator", &mut cursor);
        declarators
            .filter_map(|declarator| {
                let name = self.word(declarator.child_by_field_name("name")?);
                let value = declarator.child_by_field_name("value");
                Some((name, value.map(|value| self.expr(value, depth + 1))))
            })
            .collect()
    }

    fn method(&self, node: Node<'_>, depth: usize) -> Option<Method> {
        let (annotations, modifiers) = self.modifiers(node, depth);
        let params = node.child_by_field_name("parameters");
        let body = node.child_by_field_name("body");
        Some(Method {
            name: self.word(node.child_by_field_name("name")?),
            is_constructor: node.kind() != "method_declaration",
            returns: self.type_at(node, "type"),
            params: params.map(|params| self.params(params, depth)).unwrap_or_default(),
            annotations,
            modifiers,
            body: body.map(|body| self.body(body, depth + 1)),
            span: span(node),
        })
    }

    fn params(&self, node: Node<'_>, depth: usize) -> Vec<Param> {
        let mut params = Vec::new();
        for node in named(node) {
            let declared = if node.kind() == "spread_parameter" {
                named(node).into_iter().find(|n| n.kind() == "variable_declarator")
            } else {
                Some(node)
            };
            let name = declared.and_then(|declared| declared.child_by_field_name("name"));
            if let Some(name) = name {
                let (annotations, _) = self.modifiers(node, depth);
                let of = self.type_at(node, "type");
                params.push(Param { name: self.word(name), of, annotations });
            }
        }
        params
    }

    fn modifiers(&self, node: Node<'_>, depth: usize) -> (Vec<Annotation>, Vec<String>) {
        let mut annotations = Vec::new();
        let mut words = Vec::new();
        for modifiers in named(node).into_iter().filter(|n| n.kind() == "modifiers") {
            for part in children(modifiers) {
                match part.kind() {
                    "annotation" | "marker_annotation" => {
                        annotations.extend(self.annotation(part, depth + 1));
                    }
                    word if !part.is_named() => words.push(word.to_owned()),
                    _ => {}
                }
            }
        }
        (annotations, words)
    }

    fn annotation(&self, node: Node<'_>, depth: usize) -> Option<Annotation> {
        let name = node.child_by_field_name("name")?;
        let whole = self.slice(name);
        let simple = whole.rsplit('.').next().unwrap_or(whole);
        let start = name.end_byte() - simple.len();
        let mut args = Vec::new();
        for arg in node.child_by_field_name("arguments").map(named).unwrap_or_default() {
            if arg.kind() == "element_value_pair" {
                let key = arg.child_by_field_name("key");
                let value = arg.child_by_field_name("value");
                if let (Some(key), Some(value)) = (key, value) {
                    args.push((self.slice(key).to_owned(), self.expr(value, depth + 1)));
                }
            } else {
                args.push(("value".to_owned(), self.expr(arg, depth + 1)));
            }
        }
        let span = Span::new(start, name.end_byte());
        Some(Annotation { name: Word { text: simple.to_owned(), span }, args })
    }

    fn type_at(&self, node: Node<'_>, field: &str) -> Type {
        let found = node.child_by_field_name(field).or_else(|| {
            named(node).into_iter().find(|child| child.kind().ends_with("type_identifier"))
        });
        match found {
            Some(found) => self.of_type(found, 0),
            None => Type { name: "void".to_owned(), ..Type::default() },
        }
    }

    /// The types that a clause such as `implements A, B<C>` lists.
    fn types_in(&self, clause: Node<'_>) -> Vec<Type> {
        let mut types = Vec::new();
        for node in named(clause) {
            if node.kind() == "type_list" {
                types.extend(named(node).into_iter().map(|of| self.of_type(of, 0)));
            } else {
                types.push(self.of_type(node, 0));
            }
        }
        types
    }

    fn of_type(&self, node: Node<'_>, depth: usize) -> Type {
        let mut of = Type { span: span(node), ..Type::default() };
        match node.kind() {
            _ if depth > MAX_DEPTH => {}
            "generic_type" => {
                for part in named(node) {
                    if part.kind() == "type_arguments" {
                        of.args.extend(named(part).iter().map(|n| self.of_type(*n, depth + 1)));
                    } else {
                        of.name = self.of_type(part, depth + 1).name;
                    }
                }
            }
            "array_type" => {
                if let Some(element) = node.child_by_field_name("element") {
                    let element = self.of_type(element, depth + 1);
                    (of.name, of.args) = (element.name, element.args);
                }
            }
            "annotated_type" => {
                if let Some(last) = named(node).last() {
                    let inner = self.of_type(*last, depth + 1);
                    (of.name, of.args) = (inner.name, inner.args);
                }
            }
            _ => {
                let whole = self.dotted(node);
                whole.rsplit('.').next().unwrap_or("").clone_into(&mut of.name);
            }
        }
        of
    }

    /// The statements of a block, or the one statement that stands in its place.
    fn body(&self, node: Node<'_>, depth: usize) -> Vec<Stmt> {
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        if matches!(node.kind(), "block" | "constructor_body") {
            return self.statements(named(node), depth);
        }
        self.statements(vec![node], depth)
    }

    fn statements(&self, nodes: Vec<Node<'_>>, depth: usize) -> Vec<Stmt> {
        nodes.into_iter().filter_map(|node| self.statement(node, depth + 1)).collect()
    }

    fn statement(&self, node: Node<'_>, depth: usize) -> Option<Stmt> {
        if depth > MAX_DEPTH {
            return None;
        }
        let kind = match node.kind() {
            "line_comment" | "block_comment" | "modifiers" => return None,
            "local_variable_declaration" => {
                StmtKind::Local(self.type_at(node, "type"), self.declarators(node, depth))
            }
            "expression_statement" => {
                let inner = *named(node).iter().find(|n| !n.is_extra())?;
                match inner.kind() {
                    "switch_expression" => return self.statement(inner, depth),
                    _ => StmtKind::Expr(self.expr(inner, depth)),
                }
            }
            "explicit_constructor_invocation" => StmtKind::Expr(self.expr(node, depth)),
            "return_statement" | "yield_statement" => {
                let value = named(node).into_iter().find(|n| !n.is_extra());
                StmtKind::Return(value.map(|value| self.expr(value, depth)))
            }
            "throw_statement" => {
                StmtKind::Throw(self.expr(*named(node).iter().find(|n| !n.is_extra())?, depth))
            }
            "if_statement" => {
                let branch = |field| node.child_by_field_name(field).map(|n| self.body(n, depth));
                let condition = self.expr(node.child_by_field_name("condition")?, depth);
                let then = branch("consequence").unwrap_or_default();
                StmtKind::If(condition, then, branch("alternative").unwrap_or_default())
            }
            "for_statement" | "enhanced_for_statement" | "while_statement" | "do_statement" => {
                StmtKind::Loop(self.repeated(node, depth))
            }
            "try_statement" | "try_with_resources_statement" => {
                StmtKind::Try(self.tried(node, depth))
            }
            "block" => StmtKind::Block(self.body(node, depth)),
            "synchronized_statement" => {
                StmtKind::Block(self.body(node.child_by_field_name("body")?, depth))
            }
            "labeled_statement" | "ERROR" => StmtKind::Block(self.statements(named(node), depth)),
            "switch_expression" | "switch_statement" => {
                let subject = self.expr(node.child_by_field_name("condition")?, depth);
                StmtKind::Switch(subject, self.cases(node, depth))
            }
            kind if kind.ends_with("_declaration") => {
                StmtKind::Type(Box::new(self.type_decl(node, depth)?))
            }
            kind if expr::is_expression(kind) => StmtKind::Expr(self.expr(node, depth)),
            _ => return None,
        };
        Some(Stmt { span: span(node), kind })
    }

    fn repeated(&self, node: Node<'_>, depth: usize) -> Loop {
        let mut result = Loop::default();
        let mut cursor = node.walk();
        for init in node.children_by_field_name("init", &mut cursor) {
            result.init.extend(self.statement(init, depth + 1));
        }
        for field in ["condition", "update", "value"] {
            let mut cursor = node.walk();
            for part in node.children_by_field_name(field, &mut cursor) {
                result.header.push(self.expr(part, depth + 1));
            }
        }
        if node.kind() == "enhanced_for_statement"
            && let Some(name) = node.child_by_field_name("name")
        {
            let variable =
                StmtKind::Local(self.type_at(node, "type"), vec![(self.word(name), None)]);
            result.init.push(Stmt { span: span(name), kind: variable });
        }
        let condition = node.child_by_field_name("condition");
        result.endless = match condition {
            None => node.kind() == "for_statement",
            Some(condition) => {
                matches!(self.expr(condition, depth + 1).kind, super::ExprKind::Bool(true))
            }
        };
        let body = node.child_by_field_name("body");
        result.body = body.map(|body| self.body(body, depth + 1)).unwrap_or_default();
        result
    }

    fn tried(&self, node: Node<'_>, depth: usize) -> Try {
        let mut result = Try::default();
        for part in named(node) {
            match part.kind() {
                "resource_specification" => {
                    result.resources.extend(
                        named(part)
                            .iter()
                            .filter_map(|resource| self.resource(*resource, depth + 1)),
                    );
                }
                "block" => result.body = self.body(part, depth + 1),
                "catch_clause" => {
                    let body = part.child_by_field_name("body");
                    result.catches.extend(body.map(|body| self.body(body, depth + 1)));
                }
                "finally_clause" => {
                    let body = named(part).into_iter().find(|n| n.kind() == "block");
                    result.finally = body.map(|b| self.body(b, depth + 1)).unwrap_or_default();
                }
                _ => {}
            }
        }
        result
    }

    fn resource(&self, node: Node<'_>, depth: usize) -> Option<(Option<(Type, Word)>, Expr)> {
        if let Some(value) = node.child_by_field_name("value") {
            let name = self.word(node.child_by_field_name("name")?);
            return Some((Some((self.type_at(node, "type"), name)), self.expr(value, depth)));
        }
        let value = named(node).into_iter().find(|n| !n.is_extra())?;
        Some((None, self.expr(value, depth)))
    }

    /// The statements of all cases of a `switch`.
    fn cases(&self, node: Node<'_>, depth: usize) -> Vec<Stmt> {
        let mut all = Vec::new();
        for group in node.child_by_field_name("body").map(named).unwrap_or_default() {
            let parts = named(group).into_iter().filter(|part| part.kind() != "switch_label");
            all.extend(self.statements(parts.collect(), depth));
        }
        all
    }
}

/// A record's component is a final field of the same name.
fn component(param: Param) -> Field {
    let Param { name, of, annotations } = param;
    Field { name, of, annotations, modifiers: vec!["final".to_owned()], value: None }
}

fn span(node: Node<'_>) -> Span {
    Span::new(node.start_byte(), node.end_byte())
}

fn named(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).collect()
}
