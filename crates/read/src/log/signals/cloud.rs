//! Credentials and clocks (failure-knowledge 10), and what ECS and load balancers report
//! (rollout-semantics 2, 9).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    text("aws.expired-token", "ExpiredToken", r"ExpiredToken(?:Exception)?"),
    text("aws.expired-token", "The provided token has expired", r"The provided token has expired"),
    text(
        "aws.expired-token",
        "The security token included in the request is expired",
        r"The security token included in the request is expired",
    ),
    text(
        "aws.expired-token",
        "The credentials received have been expired",
        r"The credentials received have been expired",
    ),
    text(
        "aws.no-credentials",
        "Unable to load credentials",
        r"Unable to load credentials(?: from (?P<from>[^\n.]+))?",
    ),
    text(
        "aws.no-credentials",
        "Unable to load AWS credentials",
        r"Unable to load AWS credentials from any provider in the chain",
    ),
    text("aws.no-credentials", "NoCredentialsError", r"NoCredentialsError"),
    text(
        "aws.no-credentials",
        "Could not load credentials from any providers",
        r"Could not load credentials from any providers",
    ),
    text("aws.no-credentials", "no EC2 IMDS role found", r"no EC2 IMDS role found"),
    text(
        "aws.invalid-token",
        "InvalidToken",
        r"\(InvalidToken\) when|Code: InvalidToken\b|<Code>InvalidToken<|api error InvalidToken\b",
    ),
    text("aws.unknown-key", "InvalidClientTokenId", r"InvalidClientTokenId"),
    text("aws.unknown-key", "UnrecognizedClientException", r"UnrecognizedClientException"),
    text("aws.unknown-key", "InvalidAccessKeyId", r"InvalidAccessKeyId"),
    text("aws.clock-skewed", "RequestTimeTooSkewed", r"RequestTimeTooSkewed"),
    text("aws.clock-skewed", "RequestExpired", r"RequestExpired"),
    text("aws.clock-skewed", "RequestInTheFuture", r"RequestInTheFuture"),
    text("aws.clock-skewed", "Signature not yet current", r"Signature not yet current"),
    text("aws.clock-skewed", "Signature expired: ", r"Signature expired: \S+ is now earlier than"),
    text("aws.signature-mismatch", "SignatureDoesNotMatch", r"SignatureDoesNotMatch"),
    text(
        "aws.access-denied",
        "AccessDenied",
        r"\(AccessDenied(?:Exception)?\) when|Code: AccessDenied\b|<Code>AccessDenied<|api error AccessDenied|AccessDeniedException: User: arn:",
    ),
    text("aws.throttled", "ThrottlingException", r"ThrottlingException"),
    text(
        "aws.throttled",
        "ProvisionedThroughputExceededException",
        r"ProvisionedThroughputExceededException",
    ),
    text(
        "aws.throttled",
        "SlowDown",
        r"\(SlowDown\)|Code: SlowDown\b|<Code>SlowDown<|api error SlowDown|SlowDown: Please reduce",
    ),
    // Azure and Google.
    text(
        "azure.secret-expired",
        "AADSTS7000222",
        r"AADSTS7000222: The provided client secret keys(?: for app '(?P<app>[^']+)')? are expired",
    ),
    text(
        "azure.secret-rejected",
        "AADSTS7000215",
        r"AADSTS7000215: Invalid client secret(?: is)? provided",
    ),
    text("azure.token-expired", "ExpiredAuthenticationToken", r"ExpiredAuthenticationToken"),
    text(
        "azure.token-expired",
        "Lifetime validation failed, the token is expired",
        r"Lifetime validation failed, the token is expired",
    ),
    text(
        "google.clock-skewed",
        "Token must be a short-lived token",
        r"Token must be a short-lived token (?:\(60 minutes\) )?and in a reasonable timeframe",
    ),
    text(
        "google.grant-expired",
        "Token has been expired or revoked",
        r"Token has been expired or revoked",
    ),
    // ECS events.
    text(
        "aws.request-failed",
        "Unable to execute HTTP request: ",
        r"Unable to execute HTTP request: (?P<why>[^\n]+)",
    ),
    text(
        "ecs.unhealthy",
        "is unhealthy in",
        r"\(service (?P<service>[^),]+)[^)]*\).*?(?:\((?:task|instance) (?P<task>[^)\s]+)\).*?)?is unhealthy in \(?target-group (?P<target_group>[^)\s]+)\)?(?: due to \(reason (?P<why>[^)]+)\))?",
    ),
    text(
        "ecs.health-checks-failed",
        "Task failed ELB health checks",
        r"Task failed ELB health checks",
    ),
    text(
        "ecs.health-checks-failed",
        "Health checks failed",
        r"Health checks failed(?: with these codes: \[(?P<codes>[^\]]+)\])?",
    ),
    text(
        "ecs.container-unhealthy",
        "Task failed container health checks",
        r"Task failed container health checks",
    ),
    text(
        "ecs.draining",
        "has begun draining connections",
        r"(?:\(service (?P<service>[^),]+)[^)]*\))?.*?has begun draining connections on (?P<tasks>\d+) tasks?",
    ),
    text(
        "ecs.stopped",
        "has stopped ",
        r"\(service (?P<service>[^),]+)[^)]*\).*?has stopped (?P<tasks>\d+) running tasks?",
    ),
    text(
        "ecs.started",
        "has started ",
        r"\(service (?P<service>[^),]+)[^)]*\).*?has started (?P<tasks>\d+) tasks?",
    ),
    text(
        "ecs.not-placed",
        "was unable to place a task",
        r"\(?service (?P<service>[^),\s]+)[^)]*\)? was unable to place a task(?: because (?P<why>[^.\n]+)|\. Reason: (?P<reason>(?:Capacity|RESOURCE|No Container|You've reached)[^.\n]*))",
    ),
    text(
        "ecs.task-not-started",
        "was unable to place a task. Reason: ",
        r"was unable to place a task\. Reason: (?P<why>(?:Cannot|ResourceInitialization)\w+)",
    ),
    text(
        "ecs.deadlock",
        "was unable to stop or start tasks during a deployment",
        r"\(service (?P<service>[^),]+)[^)]*\) was unable to stop or start tasks during a deployment(?: because (?P<why>[^.\n]+))?",
    ),
    text(
        "ecs.not-starting",
        "is unable to consistently start tasks",
        r"\(service (?P<service>[^),]+)[^)]*\) is unable to consistently start tasks successfully",
    ),
    text(
        "ecs.steady",
        "has reached a steady state",
        r"\(service (?P<service>[^),]+)[^)]*\) has reached a steady state",
    ),
    text(
        "ecs.deployment-completed",
        "deployment completed",
        r"\(service (?P<service>[^),]+)[^)]*\).*?deployment completed",
    ),
    text(
        "ecs.circuit-breaker",
        "ECS deployment circuit breaker",
        r"ECS deployment circuit breaker: (?P<why>[^.\n]+)",
    ),
    text(
        "ecs.deployment-failed",
        "deployment failed: tasks failed to start",
        r"deployment failed: tasks failed to start",
    ),
    text("ecs.rolling-back", "rolling back to", r"rolling back to (?:deploymentId )?(?P<to>\S+)"),
    text(
        "ecs.killed-for-memory",
        "OutOfMemoryError: Container killed",
        r"OutOfMemoryError: Container killed due to (?:high )?memory usage",
    ),
    text(
        "ecs.essential-exited",
        "Essential container in task exited",
        r"Essential container in task exited",
    ),
    text(
        "ecs.cannot-pull",
        "CannotPullContainerError",
        r"CannotPullContainerError: (?P<why>[^\n]+)",
    ),
    text(
        "ecs.no-resources",
        "ResourceInitializationError",
        r"ResourceInitializationError: (?P<why>[^\n]+)",
    ),
    text(
        "ecs.not-steady-in-time",
        "timeout while waiting for state to become",
        r"timeout while waiting for state to become '(?P<state>[^']+)'.*?timeout: (?P<time>[^)\s]+)\)",
    ),
    text(
        "ecs.not-steady-in-time",
        "Max attempts exceeded",
        r"Waiter ServicesStable failed: Max attempts exceeded",
    ),
];
