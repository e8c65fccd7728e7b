//! What one file says, before it is joined with others.

use std::sync::Arc;

use wonin_model::{FrozenCredentials, Skipped};
use wonin_syntax::dockerfile::Dockerfile;
use wonin_syntax::hcl::Body;
use wonin_syntax::java::Unit;
use wonin_syntax::{NginxTree, Tree};
use wonin_text::{FileId, SourceFile};

use crate::build::{self, BuildFile};
use crate::java;
use crate::kafka::{self, KafkaProperties};
use crate::spring::{self, SpringFile};
use crate::{compose, dockerfile};
use crate::{kubernetes, nginx, scripts, terraform};

/// A file that one format understood.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) file: FileId,
    pub(crate) path: String,
    pub(crate) format: &'static str,
    pub(crate) content: Content,
}

/// The content, by format.
#[derive(Debug)]
pub(crate) enum Content {
    /// A Compose file.
    Compose(Tree),
    /// A Dockerfile, whether some service is built from it or not.
    Dockerfile(Arc<Dockerfile>),
    /// Terraform configuration.
    Terraform(Body),
    /// A Terraform plan or an answer of the AWS command line.
    DeployJson(Tree),
    /// Kubernetes manifests, read when they are joined.
    Kubernetes,
    /// Properties of a Kafka broker or client.
    Kafka(KafkaProperties),
    /// nginx configuration.
    Nginx(NginxTree),
    /// Spring Boot's configuration.
    Spring(SpringFile),
    /// Java source.
    Java(Unit),
    /// A build file.
    Build(BuildFile),
    /// Code of other languages: the credentials that it keeps.
    Script(Vec<FrozenCredentials>),
}

impl Content {
    /// Whether nothing came out of a text that is not right: such a file was not read.
    pub(crate) fn is_hollow(&self) -> bool {
        match self {
            Self::Compose(tree) => compose::is_hollow(tree),
            Self::DeployJson(tree) => tree.documents.is_empty(),
            Self::Dockerfile(file) => file.stages.is_empty(),
            Self::Terraform(body) => body.attributes.is_empty() && body.blocks.is_empty(),
            Self::Nginx(tree) => tree.directives.is_empty(),
            Self::Spring(file) => file.documents.iter().all(|one| one.entries.is_empty()),
            Self::Java(unit) => unit.types.is_empty(),
            Self::Build(file) => file.dependencies.is_empty() && file.versions.is_empty(),
            // These are accepted for what is in them.
            Self::Kafka(_) | Self::Kubernetes | Self::Script(_) => false,
        }
    }
}

/// A file format. To add one: write its module, add a [`Content`] variant and its line in
/// [`FORMATS`]; what turns the fragments into parts of the stack is a joiner, see `JOINERS`.
pub(crate) struct Format {
    /// Name as shown under `read`.
    pub(crate) name: &'static str,
    /// Whether a file of this path may be of this format; decides what is loaded at all.
    pub(crate) claims: fn(path: &str) -> bool,
    /// Whether the text really is of this format; the first format of the list that says yes gets
    /// the file.
    pub(crate) accepts: fn(path: &str, text: &str) -> bool,
    /// Understands the text; what is wrong in it goes to `skipped`.
    pub(crate) parse: fn(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content,
}

/// All formats, the most specific first.
pub(crate) const FORMATS: &[Format] = &[
    spring::FORMAT,
    java::FORMAT,
    build::FORMAT,
    compose::FORMAT,
    dockerfile::FORMAT,
    terraform::FORMAT,
    terraform::JSON_FORMAT,
    kubernetes::FORMAT,
    kafka::FORMAT,
    nginx::FORMAT,
    scripts::FORMAT,
];
