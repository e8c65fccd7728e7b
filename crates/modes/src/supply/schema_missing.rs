//! # The program expects a table or database that is not there
//!
//! ## What fails
//!
//! Statements fail with `does not exist`, or the program does not start because a migration
//! failed. Other instances, still on the old version, may run well.
//!
//! ## Why
//!
//! Code and schema come apart: the migration did not run, ran against another database, failed
//! half-way, or the new code started before it was through.
//!
//! ## Example
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120 ERROR api.Db - org.postgresql.util.PSQLException: ERROR: relation "invoices" does not exist
//! ```
//!
//! ## Fix
//!
//! Run the migration, and let the code wait for it.
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120  INFO api.Db - 3 migrations applied
//! ```
//!
//! ## How to rehearse
//!
//! Start the program against an empty database.
//!
//! ## Evidence
//!
//! - PostgreSQL: texts of errors 42P01 and 3D000. Flyway and Liquibase: texts of their errors.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked};

use crate::shared::rows::{Row, recognised, row};

pub(crate) struct SchemaMissing;

static META: ModeMeta = ModeMeta {
    id: "schema-missing",
    family: "supply",
    summary: "code and database schema do not fit each other",
    source: include_str!("schema_missing.rs"),
};

const MIGRATE: &[&str] = &[
    "run the migrations against this very database (host, database and schema of the connection), and let deployments wait for them",
];

const ROWS: &[Row] = &[
    row(
        "migration.failed",
        "the migration failed",
        |_| {
            "a migration of the database failed: the program does not start until it is repaired"
                .to_owned()
        },
        &[
            "the innermost cause below it names the statement; repair it, then the tool's own record of it (Flyway: repair)",
        ],
    ),
    row(
        "migration.locked",
        "the migration waits for a lock",
        |_| "migrations wait for a lock that an earlier run left behind".to_owned(),
        &["make sure that no other instance migrates, then release it (Liquibase: releaseLocks)"],
    ),
    row(
        "postgres.no-relation",
        "the table is not there",
        |values| match values.get("relation") {
            Some(relation) => {
                format!("the table {relation} is not there: likely its migration did not run")
            }
            None => "a table is not there: likely its migration did not run".to_owned(),
        },
        MIGRATE,
    ),
    row(
        "postgres.no-database",
        "the database is not there",
        |values| match values.get("database") {
            Some(database) => format!("the database {database} is not there"),
            None => "the database is not there".to_owned(),
        },
        &[
            "create it; the variables of the image (POSTGRES_DB) count for an empty data directory only",
        ],
    ),
];

impl Mode for SchemaMissing {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        findings.extend(recognised(&META, evidence, ROWS));
    }
}
