//! The files of one directory as a Terraform module.

use std::collections::BTreeMap;

use wonin_syntax::hcl::{Block, Body, Expr};
use wonin_text::{FileId, Place};

/// A block with the file it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared<'a> {
    pub(crate) file: FileId,
    pub(crate) block: &'a Block,
}

impl Declared<'_> {
    pub(crate) fn place(&self) -> Place {
        Place { file: self.file, span: self.block.span }
    }
}

/// All declarations of one directory.
#[derive(Debug, Default)]
pub(crate) struct Module<'a> {
    pub(crate) variables: BTreeMap<String, Declared<'a>>,
    pub(crate) locals: BTreeMap<String, (FileId, &'a Expr)>,
    /// By `type.name`.
    pub(crate) resources: BTreeMap<String, Declared<'a>>,
    pub(crate) data: BTreeMap<String, Declared<'a>>,
    pub(crate) outputs: BTreeMap<String, Declared<'a>>,
    pub(crate) calls: BTreeMap<String, Declared<'a>>,
    /// Values of `terraform.tfvars` and `*.auto.tfvars`.
    pub(crate) given: BTreeMap<String, (FileId, &'a Expr)>,
}

impl<'a> Module<'a> {
    /// Adds the declarations of one `.tf` file.
    pub(crate) fn add(&mut self, file: FileId, body: &'a Body) {
        for block in &body.blocks {
            let declared = Declared { file, block };
            let label = |index: usize| block.labels.get(index).cloned().unwrap_or_default();
            match block.kind.as_str() {
                "variable" => {
                    self.variables.insert(label(0), declared);
                }
                "locals" => {
                    for attribute in &block.body.attributes {
                        self.locals.insert(attribute.name.clone(), (file, &attribute.value));
                    }
                }
                "resource" => {
                    self.resources.insert(format!("{}.{}", label(0), label(1)), declared);
                }
                "data" => {
                    self.data.insert(format!("{}.{}", label(0), label(1)), declared);
                }
                "output" => {
                    self.outputs.insert(label(0), declared);
                }
                "module" => {
                    self.calls.insert(label(0), declared);
                }
                _ => {}
            }
        }
    }

    /// Adds the values of one `.tfvars` file; later files win.
    pub(crate) fn give(&mut self, file: FileId, body: &'a Body) {
        for attribute in &body.attributes {
            self.given.insert(attribute.name.clone(), (file, &attribute.value));
        }
    }
}
