//! Applications that carry a configuration of their own.

use std::collections::BTreeMap;

use wonin_text::Place;

use crate::{Located, ServiceId, Settings};

/// One Spring Boot application: the `application.*` files and the code of one module.
#[derive(Debug)]
pub struct App {
    /// Name for people: `spring.application.name`, else the module's directory.
    pub name: String,
    /// The module's directory relative to the given path.
    pub dir: String,
    /// The service built from it, where known.
    pub service: Option<ServiceId>,
    /// Where its main configuration begins.
    pub place: Place,
    /// Spring Boot's version from the build file (`3.4.0`).
    pub boot_version: Option<Located<String>>,
    /// Versions of other libraries that the build file names, by `group:artifact`
    /// (`org.apache.kafka:kafka-clients`, `org.apache.pinot:pinot-java-client`).
    pub libraries: BTreeMap<String, Located<String>>,
    /// Effective properties under canonical names (kebab-case, `spring.kafka.bootstrap-servers`),
    /// environment of the service laid over the files; without active profiles only the default
    /// documents count.
    pub properties: Settings,
}
