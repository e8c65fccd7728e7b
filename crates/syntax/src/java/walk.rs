//! Going through all that a piece of code does.

use super::{Expr, ExprKind, Loop, Stmt, StmtKind, Try};

/// What a walk passes, in the order of the text.
#[derive(Clone, Copy, Debug)]
pub enum Visit<'a> {
    /// A statement, before what is inside it.
    Stmt(&'a Stmt),
    /// An expression, before its operands.
    Expr(&'a Expr),
}

/// What surrounds a place in the code that is walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Inside the body of a loop.
    pub in_loop: bool,
    /// Inside a lambda or an anonymous class: runs at another time, perhaps on another thread.
    pub deferred: bool,
    /// Under an `if`: not on every run.
    pub conditional: bool,
}

/// Walks statements with all that is inside them, lambdas and anonymous classes included. The
/// visitor says whether to go inside.
pub fn walk<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(Visit<'a>, Around) -> bool) {
    statements(body, Around::default(), visit);
}

type Visitor<'v, 'a> = &'v mut dyn FnMut(Visit<'a>, Around) -> bool;

fn statements<'a>(body: &'a [Stmt], around: Around, visit: Visitor<'_, 'a>) {
    for stmt in body {
        if visit(Visit::Stmt(stmt), around) {
            statement(stmt, around, visit);
        }
    }
}

fn statement<'a>(stmt: &'a Stmt, around: Around, visit: Visitor<'_, 'a>) {
    match &stmt.kind {
        StmtKind::Local(_, variables) => {
            for value in variables.iter().filter_map(|(_, value)| value.as_ref()) {
                expression(value, around, visit);
            }
        }
        StmtKind::Expr(value) | StmtKind::Throw(value) | StmtKind::Return(Some(value)) => {
            expression(value, around, visit);
        }
        StmtKind::Return(None) | StmtKind::Type(_) => {}
        StmtKind::If(condition, then, otherwise) => {
            expression(condition, around, visit);
            let around = Around { conditional: true, ..around };
            statements(then, around, visit);
            statements(otherwise, around, visit);
        }
        StmtKind::Loop(inner) => repeated(inner, around, visit),
        StmtKind::Try(inner) => tried(inner, around, visit),
        StmtKind::Block(body) => statements(body, around, visit),
        StmtKind::Switch(subject, body) => {
            expression(subject, around, visit);
            statements(body, Around { conditional: true, ..around }, visit);
        }
    }
}

fn repeated<'a>(inner: &'a Loop, around: Around, visit: Visitor<'_, 'a>) {
    statements(&inner.init, around, visit);
    for part in &inner.header {
        expression(part, around, visit);
    }
    statements(&inner.body, Around { in_loop: true, ..around }, visit);
}

fn tried<'a>(inner: &'a Try, around: Around, visit: Visitor<'_, 'a>) {
    for (_, value) in &inner.resources {
        expression(value, around, visit);
    }
    statements(&inner.body, around, visit);
    for body in &inner.catches {
        statements(body, Around { conditional: true, ..around }, visit);
    }
    statements(&inner.finally, around, visit);
}

fn expression<'a>(expr: &'a Expr, around: Around, visit: Visitor<'_, 'a>) {
    if !visit(Visit::Expr(expr), around) {
        return;
    }
    let later = Around { deferred: true, ..around };
    match &expr.kind {
        ExprKind::Member(object, _) | ExprKind::MethodRef(object, _) => {
            expression(object, around, visit);
        }
        ExprKind::Call(call) => {
            if let Some(object) = &call.object {
                expression(object, around, visit);
            }
            expressions(&call.args, around, visit);
        }
        ExprKind::New(new) => {
            expressions(&new.args, around, visit);
            for method in &new.body {
                statements(method.statements(), later, visit);
            }
        }
        ExprKind::Lambda(_, body) => statements(body, later, visit),
        ExprKind::Binary(_, left, right) | ExprKind::Assign(left, right) => {
            expression(left, around, visit);
            expression(right, around, visit);
        }
        ExprKind::Ternary(condition, yes, no) => {
            expression(condition, around, visit);
            let around = Around { conditional: true, ..around };
            expression(yes, around, visit);
            expression(no, around, visit);
        }
        ExprKind::Cast(_, inner) => expression(inner, around, visit),
        ExprKind::Array(items) | ExprKind::Other(items) => expressions(items, around, visit),
        ExprKind::Switch(subject, body) => {
            expression(subject, around, visit);
            statements(body, Around { conditional: true, ..around }, visit);
        }
        ExprKind::Str(..)
        | ExprKind::Int(_)
        | ExprKind::Literal(_)
        | ExprKind::Bool(_)
        | ExprKind::Name(_)
        | ExprKind::Class(_) => {}
    }
}

fn expressions<'a>(all: &'a [Expr], around: Around, visit: Visitor<'_, 'a>) {
    for expr in all {
        expression(expr, around, visit);
    }
}
