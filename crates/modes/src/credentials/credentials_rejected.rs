//! # The other side does not accept the credentials
//!
//! ## What fails
//!
//! Every connection is refused with an authentication error, from the start or from one moment on.
//!
//! ## Why
//!
//! The password, key or account differs from what the other side knows: it was changed on one side
//! only, it is that of another environment, or it never reached the process (an empty variable).
//! A trap of database images: `POSTGRES_PASSWORD`, `MYSQL_ROOT_PASSWORD` and the like count when
//! the data directory is made and never again; with an old volume a new value changes nothing.
//!
//! ## Example
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120 ERROR api.Db - org.postgresql.util.PSQLException: FATAL: password authentication failed for user "app"
//! ```
//!
//! ## Fix
//!
//! Make both sides agree.
//!
//! ```text logs/api.log
//! 2025-03-02 10:12:31.120  INFO api.Db - connected
//! ```
//!
//! ## How to rehearse
//!
//! Change the password on a copy of the server, and start the client.
//!
//! ## Evidence
//!
//! - PostgreSQL, MySQL, Redis, MongoDB, RabbitMQ, Apache Kafka: texts of their errors.
//! - Microsoft Entra, "Authentication and authorization error codes"; Google Identity, "Using OAuth
//!   2.0" (expiration of refresh tokens).
//! - Docker library documentation of `postgres` and `mysql`: variables count for an empty data
//!   directory only.
//! - Inferred: which of the two sides is wrong.

use wonin_model::{Evidence, Finding, Mode, ModeMeta, NotChecked, Service, Severity};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::{Part, Values, beside, signals};

pub(crate) struct CredentialsRejected;

static META: ModeMeta = ModeMeta {
    id: "credentials-rejected",
    family: "credentials",
    summary: "the other side does not accept the account or its secret",
    source: include_str!("credentials_rejected.rs"),
};

const AGREE: &[&str] = &[
    "compare what the process really got (its environment, its mounted secret) with what the server knows; a value with special characters may need quotes",
];
const AWS: &[&str] = &[
    "find out who the caller is (`aws sts get-caller-identity`), and where its key comes from: the environment beats the role",
];

const AZURE: &[&str] = &[
    "make a new secret for the application and give its value to the service; a managed identity or a federated credential has none that ends",
];

const ROWS: &[Row] = &[
    row(
        "postgres.authentication-failed",
        "PostgreSQL refused the account",
        |v| refused("PostgreSQL", v),
        AGREE,
    ),
    row("mysql.access-denied", "MySQL refused the account", |v| refused("MySQL", v), AGREE),
    row("redis.authentication-failed", "Redis refused the client", |v| refused("Redis", v), AGREE),
    row(
        "mongo.authentication-failed",
        "MongoDB refused the account",
        |v| refused("MongoDB", v),
        AGREE,
    ),
    row(
        "rabbitmq.authentication-failed",
        "RabbitMQ refused the account",
        |v| refused("RabbitMQ", v),
        AGREE,
    ),
    row("kafka.authentication-failed", "Kafka refused the client", |v| refused("Kafka", v), AGREE),
    row(
        "aws.unknown-key",
        "AWS does not know the key",
        |_| {
            "AWS does not know the access key: it was deleted, or is of another partition or account".to_owned()
        },
        AWS,
    ),
    row(
        "aws.invalid-token",
        "AWS takes the session token for malformed",
        |_| "AWS does not accept the session token: it does not belong to the key".to_owned(),
        AWS,
    ),
    row(
        "aws.no-credentials",
        "no credentials were found",
        |_| {
            "the AWS SDK finds no credentials: none in the environment or profile, and no role that answers".to_owned()
        },
        &[
            "give the task, pod or instance a role, and see that its endpoint is reached (IMDSv2 with a hop limit of 1 is not, from inside a container)",
        ],
    )
    .weigh(Severity::High, 85)
    .at_least(MISSING_MIN),
    row(
        "aws.access-denied",
        "AWS allows it to nobody of this name",
        |_| {
            "AWS refuses the action: the account is known, and its policy does not allow it"
                .to_owned()
        },
        &[
            "add the action to the policy of the role; check that the role is the one that was meant (`aws sts get-caller-identity`)",
        ],
    ),
    row(
        "azure.secret-expired",
        "Entra ID refuses the client secret: it has expired",
        |v| match v.get("app") {
            Some(app) => format!(
                "the client secret of the Azure application {app} has expired: no token is given for it any more"
            ),
            None => "the client secret of an Azure application has expired: no token is given for it any more".to_owned(),
        },
        AZURE,
    )
    .weigh(Severity::High, 95),
    row(
        "azure.secret-rejected",
        "Entra ID does not know the client secret",
        |_| {
            "Entra ID refuses the client secret of the application: it is not one of those it has, or its id was given in place of its value".to_owned()
        },
        AZURE,
    ),
    row(
        "google.grant-expired",
        "Google takes the refresh token no more",
        |_| {
            "Google refuses the refresh token: it expired or was revoked (in an application under test after 7 days)".to_owned()
        },
        &["let the user consent again, or use a service account, whose tokens are not revoked that way"],
    ),
    row(
        "image.pull-denied",
        "the registry gave no image",
        |_| "the registry refuses the image: no login, or no such repository".to_owned(),
        &["log in on the host that pulls, or set imagePullSecrets; check the name of the image"],
    ),
];

/// Fewer complaints of missing credentials may be those of a start: a provider that tries several
/// sources says so of each.
const MISSING_MIN: u64 = 3;

fn refused(server: &str, values: &Values) -> String {
    match values.get("user").filter(|user| !user.is_empty()) {
        Some(user) => format!(
            "{server} refuses the account {user}: its credentials are not those that the server knows"
        ),
        None => format!("{server} refuses the credentials of the client"),
    }
}

impl Mode for CredentialsRejected {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own = recognised(&META, evidence, ROWS);
        // What expired was found.
        if !signals(evidence, &["aws.expired-token"]).is_empty() {
            own.retain(|one| one.signals.iter().all(|one| one.signal != "aws.no-credentials"));
        }
        let own = own.into_iter().map(|finding| kept_elsewhere(evidence, finding));
        findings.extend(own.map(|finding| disconnected(evidence, finding)));
    }
}

/// Adds what a Kafka client says each time that it is refused.
fn disconnected(evidence: &Evidence, finding: Finding) -> Finding {
    let is_kafka = finding.signals.iter().any(|one| one.signal == "kafka.authentication-failed");
    match beside(evidence, "kafka.bootstrap-disconnected", finding.service.as_deref()) {
        Some(signal) if is_kafka => {
            Part::whole(signal).tell(finding, "follows: the broker closes the connection")
        }
        _ => finding,
    }
}

/// Variables of database images that count for an empty data directory only.
const FIRST_START: &[(&str, &str, &str)] = &[
    ("postgres.authentication-failed", "postgres", "POSTGRES_PASSWORD"),
    ("mysql.access-denied", "mysql", "MYSQL_PASSWORD"),
    ("mysql.access-denied", "mysql", "MYSQL_ROOT_PASSWORD"),
    ("mysql.access-denied", "mariadb", "MARIADB_PASSWORD"),
    ("mysql.access-denied", "mariadb", "MARIADB_ROOT_PASSWORD"),
    ("mongo.authentication-failed", "mongo", "MONGO_INITDB_ROOT_PASSWORD"),
];

/// Adds that a password of the files may not be the one in the volume. The value itself is not
/// shown.
fn kept_elsewhere(evidence: &Evidence, mut finding: Finding) -> Finding {
    for (signal, image, variable) in FIRST_START {
        if !finding.signals.iter().any(|one| one.signal == *signal) {
            continue;
        }
        let is_it =
            |service: &&Service| service.repository().ends_with(image) && service.keeps_data();
        for service in evidence.stack.services.iter().filter(is_it) {
            let Some(value) = service.environment.get(*variable) else { continue };
            let name = &service.name.value;
            let claim = format!(
                "{variable} of {name} counts for an empty data directory only, and {name} keeps its own"
            );
            finding = finding.because_at(claim, value.origin.clone());
        }
    }
    finding
}
