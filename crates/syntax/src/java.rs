//! Java source, as far as reading configuration and habits out of it needs.
//!
//! The grammar is tree-sitter's, which keeps going on broken code; what it gives is turned into a
//! small tree of its own in which every name and value has its byte span. Nesting is cut at
//! [`MAX_DEPTH`], so whoever walks the tree may recurse.

mod literal;
mod lower;
mod walk;

use std::ops::ControlFlow;

use wonin_text::Span;

use crate::Problem;

pub use walk::{Around, Visit, walk};

/// How deep declarations, statements and expressions may nest; what lies deeper is left out. Far
/// beyond what people write, and small enough for the stack of a worker thread.
pub const MAX_DEPTH: usize = 100;

/// One source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The package; empty for the default one.
    pub package: String,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Top-level types in order.
    pub types: Vec<TypeDecl>,
    /// Where the text is not Java.
    pub problems: Vec<Problem>,
}

/// An import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The dotted name, without `.*`.
    pub path: String,
    /// Ends in `.*`.
    pub wildcard: bool,
    /// `import static`.
    pub is_static: bool,
}

/// A name at its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub text: String,
    /// Its bytes.
    pub span: Span,
}

/// A mention of a type, reduced to its simple name: `java.util.Map<String, Object>[]` is `Map`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Type {
    /// The simple name; `void` and primitives by their keyword.
    pub name: String,
    /// Type arguments, nested ones included.
    pub args: Vec<Type>,
    /// The bytes of the whole mention.
    pub span: Span,
}

/// What kind of type is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TypeKind {
    Class,
    Interface,
    Enum,
    Record,
    Annotation,
}

/// A declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDecl {
    /// Class, interface and so on.
    pub kind: TypeKind,
    /// Its name.
    pub name: Word,
    /// Annotations on it.
    pub annotations: Vec<Annotation>,
    /// `static`, `abstract` and so on.
    pub modifiers: Vec<String>,
    /// `extends` of a class.
    pub extends: Option<Type>,
    /// `implements` of a class, `extends` of an interface.
    pub implements: Vec<Type>,
    /// Fields; a record's components are among them.
    pub fields: Vec<Field>,
    /// Methods and constructors.
    pub methods: Vec<Method>,
    /// Static and instance initialiser blocks.
    pub initializers: Vec<Initializer>,
    /// Types declared inside.
    pub nested: Vec<TypeDecl>,
    /// The bytes of the whole declaration.
    pub span: Span,
}

/// An initialiser block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initializer {
    /// `static { … }`.
    pub is_static: bool,
    /// What it does.
    pub body: Vec<Stmt>,
}

/// An annotation with its arguments; the single nameless one is called `value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Simple name, without `@` and package.
    pub name: Word,
    /// Arguments by name.
    pub args: Vec<(String, Expr)>,
}

/// One variable of a field declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Word,
    /// Its type.
    pub of: Type,
    /// Annotations on it.
    pub annotations: Vec<Annotation>,
    /// `static`, `final` and so on.
    pub modifiers: Vec<String>,
    /// Its initial value.
    pub value: Option<Expr>,
}

/// A parameter of a method, constructor or record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: Word,
    /// Its type.
    pub of: Type,
    /// Annotations on it.
    pub annotations: Vec<Annotation>,
}

/// A method or constructor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name; a constructor bears that of its class.
    pub name: Word,
    /// Whether it is a constructor.
    pub is_constructor: bool,
    /// What it returns; `void` for constructors.
    pub returns: Type,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Annotations on it.
    pub annotations: Vec<Annotation>,
    /// `static`, `private` and so on.
    pub modifiers: Vec<String>,
    /// What it does; `None` where it is only declared.
    pub body: Option<Vec<Stmt>>,
    /// The bytes of the whole declaration.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stmt {
    /// Its bytes.
    pub span: Span,
    /// What it is.
    pub kind: StmtKind,
}

/// Kinds of statements; a body in braces is the list of its statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StmtKind {
    /// Local variables of one type.
    Local(Type, Vec<(Word, Option<Expr>)>),
    /// An expression for its effect; also `this(…)` and `super(…)`.
    Expr(Expr),
    /// `return`, `yield`.
    Return(Option<Expr>),
    /// `throw`.
    Throw(Expr),
    /// `if`: condition, then, else.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// `for`, `while`, `do`.
    Loop(Loop),
    /// `try`, with or without resources.
    Try(Try),
    /// `{ … }`, `synchronized`, a label.
    Block(Vec<Stmt>),
    /// `switch` with the statements of all its cases.
    Switch(Expr, Vec<Stmt>),
    /// A class declared inside a method.
    Type(Box<TypeDecl>),
}

/// Any loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loop {
    /// What runs once before it.
    pub init: Vec<Stmt>,
    /// Condition, update, and what an enhanced `for` goes over.
    pub header: Vec<Expr>,
    /// Whether it goes on for ever as far as its header tells: `while (true)`, `for (;;)`.
    pub endless: bool,
    /// What it repeats.
    pub body: Vec<Stmt>,
}

/// `try`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Try {
    /// Resources, closed at the end: those declared by name, others without.
    pub resources: Vec<(Option<(Type, Word)>, Expr)>,
    /// What is tried.
    pub body: Vec<Stmt>,
    /// Bodies of the `catch` clauses.
    pub catches: Vec<Vec<Stmt>>,
    /// Body of `finally`.
    pub finally: Vec<Stmt>,
}

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// Its bytes; parentheses around it are left out.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A string or text block: its value, and the bytes inside the quotes.
    Str(String, Span),
    /// An integer of any base, underscores and suffix left out.
    Int(i64),
    /// Another literal: fraction, character, `null`.
    Literal(String),
    /// `true`, `false`.
    Bool(bool),
    /// A name alone; `this` and `super` too.
    Name(String),
    /// `object.name`.
    Member(Box<Expr>, Word),
    /// A call.
    Call(Call),
    /// `new`.
    New(New),
    /// `x -> …`; an expression body is a single [`StmtKind::Expr`].
    Lambda(Vec<String>, Vec<Stmt>),
    /// `object::name`.
    MethodRef(Box<Expr>, Word),
    /// `X.class`.
    Class(Type),
    /// Two operands.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `target = value` and its relatives.
    Assign(Box<Expr>, Box<Expr>),
    /// `condition ? yes : no`.
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `{ … }` of arrays and annotations, `new T[] { … }`.
    Array(Vec<Expr>),
    /// A cast.
    Cast(Type, Box<Expr>),
    /// `switch` with the statements of all its cases.
    Switch(Box<Expr>, Vec<Stmt>),
    /// Everything else, by its operands.
    Other(Vec<Expr>),
}

/// A method call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it is called on; `None` for the own class and static imports.
    pub object: Option<Box<Expr>>,
    /// The method.
    pub name: Word,
    /// The arguments.
    pub args: Vec<Expr>,
}

/// The making of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// Of which type.
    pub of: Type,
    /// The arguments.
    pub args: Vec<Expr>,
    /// Methods of the anonymous class, if it is one; its blocks as methods without a name.
    pub body: Vec<Method>,
}

/// Parses a source file.
///
/// Broken code gives what can be understood, and a problem where it is broken. `None` means that
/// the parser gave up on a text that is far from Java.
pub fn parse(text: &str) -> Option<Unit> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_java::LANGUAGE.into()).ok()?;
    let tree = parse_within_bound(&mut parser, text)?;
    Some(lower::unit(text, tree.root_node()))
}

/// Error recovery on text that is not Java can take very long; the parser reports every hundred
/// steps or so, and ordinary code takes a few steps per byte.
fn parse_within_bound(parser: &mut tree_sitter::Parser, text: &str) -> Option<tree_sitter::Tree> {
    let mut left = text.len() + 10_000;
    let mut progress = |_: &tree_sitter::ParseState| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut progress);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| &bytes[at.min(bytes.len())..], None, Some(options))
}

impl Unit {
    /// All types of the file, nested ones after the one that holds them.
    pub fn all_types(&self) -> Vec<&TypeDecl> {
        let mut all: Vec<&TypeDecl> = Vec::new();
        let mut waiting: Vec<&TypeDecl> = self.types.iter().rev().collect();
        while let Some(next) = waiting.pop() {
            all.push(next);
            waiting.extend(next.nested.iter().rev());
        }
        all
    }

    /// Whether a type of this full name is imported, by itself, with its package, or as a static
    /// member's owner.
    pub fn imports_type(&self, full_name: &str) -> bool {
        let package = full_name.rsplit_once('.').map_or("", |(package, _)| package);
        self.imports.iter().any(|import| {
            if import.wildcard { import.path == package } else { import.path == full_name }
        })
    }

    /// Whether anything below this package is imported.
    pub fn imports_below(&self, package: &str) -> bool {
        self.imports.iter().any(|import| {
            import.path.strip_prefix(package).is_some_and(|r| r.is_empty() || r.starts_with('.'))
        })
    }
}

impl TypeDecl {
    /// Its annotation of this simple name.
    pub fn annotation(&self, name: &str) -> Option<&Annotation> {
        find(&self.annotations, name)
    }

    /// Whether it is declared as a subtype of a type with this simple name.
    pub fn is_a(&self, name: &str) -> bool {
        self.extends.iter().chain(&self.implements).any(|of| of.name == name)
    }

    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.text == name)
    }
}

impl Field {
    /// Its annotation of this simple name.
    pub fn annotation(&self, name: &str) -> Option<&Annotation> {
        find(&self.annotations, name)
    }

    /// Whether it has this modifier.
    pub fn is(&self, modifier: &str) -> bool {
        self.modifiers.iter().any(|given| given == modifier)
    }
}

impl Param {
    /// Its annotation of this simple name.
    pub fn annotation(&self, name: &str) -> Option<&Annotation> {
        find(&self.annotations, name)
    }
}

impl Method {
    /// Its annotation of this simple name.
    pub fn annotation(&self, name: &str) -> Option<&Annotation> {
        find(&self.annotations, name)
    }

    /// Whether it has this modifier.
    pub fn is(&self, modifier: &str) -> bool {
        self.modifiers.iter().any(|given| given == modifier)
    }

    /// Its statements; none where it is only declared.
    pub fn statements(&self) -> &[Stmt] {
        self.body.as_deref().unwrap_or(&[])
    }
}

impl Annotation {
    /// An argument by name.
    pub fn arg(&self, name: &str) -> Option<&Expr> {
        self.args.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }
}

impl Expr {
    /// The call, if it is one.
    pub fn as_call(&self) -> Option<&Call> {
        match &self.kind {
            ExprKind::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The name, if it is a name alone, `this.name` included.
    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            ExprKind::Member(object, name) if object.is_this() => Some(&name.text),
            _ => None,
        }
    }

    /// Whether it is `this`.
    pub fn is_this(&self) -> bool {
        matches!(&self.kind, ExprKind::Name(name) if name == "this")
    }

    /// The items of an array, or the expression itself as the only one.
    pub fn items(&self) -> &[Expr] {
        match &self.kind {
            ExprKind::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }
}

fn find<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a Annotation> {
    annotations.iter().find(|annotation| annotation.name.text == name)
}

#[cfg(test)]
mod tests;
