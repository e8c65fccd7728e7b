//! What container health checks prove, and which images bring one of their own.

use wonin_model::{HealthCheck, HealthTest, Image, Service};

/// Why a check proves less than it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blind {
    /// The program that it runs is not in the image: it never passes.
    NoTool(&'static str),
    /// It succeeds whatever happens.
    CannotFail,
    /// `curl` without `--fail`: an answer of 500 passes.
    IgnoresStatus,
    /// It only opens a connection, which the kernel accepts for a program that hangs.
    PortOnly,
    /// It only looks whether the process exists, which the engine knows anyway.
    ProcessOnly,
}

/// What is wrong with the check of a service.
pub(crate) fn blindness(service: &Service, test: &HealthTest) -> Option<Blind> {
    let script = match test {
        HealthTest::Exec(words) => match words.as_slice() {
            [shell, flag, body] if is_shell(shell) && flag.ends_with('c') => body.clone(),
            [] => return None,
            words => return no_tool(service, &words[0], false).or_else(|| of_command(words)),
        },
        HealthTest::Shell(body) => body.clone(),
        HealthTest::Disabled | HealthTest::Inherited => return None,
    };
    let first = script.split_whitespace().next().unwrap_or("");
    no_tool(service, first, true).or_else(|| of_script(&script))
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
}

/// Programs that images are known not to hold; only images that are run as they are.
fn no_tool(service: &Service, program: &str, by_shell: bool) -> Option<Blind> {
    let image = &service.image.as_ref().filter(|_| service.build_context.is_none())?.value;
    let tag = image.tag.as_deref().unwrap_or("");
    let small = tag.contains("slim") || tag.contains("alpine");
    let bare = image.registry == "gcr.io" && image.repository.starts_with("distroless/");
    if bare && by_shell && !tag.contains("debug") {
        return Some(Blind::NoTool("sh"));
    }
    let lacks_curl = match image.repository.as_str() {
        "postgres" | "redis" | "alpine" | "busybox" => true,
        "python" | "node" => small,
        _ => false,
    };
    (lacks_curl && program == "curl").then_some(Blind::NoTool("curl"))
}

/// A script of one or several commands.
fn of_script(text: &str) -> Option<Blind> {
    let text = text.trim().trim_end_matches(';').trim_end();
    if ends_in_success(text) || finds_itself(text) {
        return Some(Blind::CannotFail);
    }
    if text.contains("/dev/tcp/") {
        // Only what reads an answer can judge it.
        let reads = ["<&", "read ", "head ", "grep"].iter().any(|word| text.contains(word));
        return (!reads).then_some(Blind::PortOnly);
    }
    // What is piped or captured is judged by something that is not looked into.
    let hidden = ["|&", "$(", "`", "<<", "&&", ";"].iter().any(|sign| text.contains(sign));
    let commands: Vec<&str> = text.split("||").collect();
    if hidden || commands.iter().any(|command| command.contains('|')) {
        return None;
    }
    let words: Vec<String> =
        commands[0].split_whitespace().map(|word| word.trim_matches(QUOTES).to_owned()).collect();
    of_command(&words)
}

const QUOTES: [char; 2] = ['"', '\''];

/// Whether the last word of the script is always success.
fn ends_in_success(text: &str) -> bool {
    let last = |sign: &str| text.rsplit_once(sign).map(|(_, last)| last.trim());
    let always = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        let plain = !command.contains(['|', '&', ';', '<', '>']);
        match words.as_slice() {
            ["true" | ":" | "/bin/true"] | ["exit", "0"] => true,
            ["echo", ..] => plain,
            _ => false,
        }
    };
    let alone = !text.contains(['|', '&', ';']) && (always(text) || text == "exit");
    alone || last("||").is_some_and(always) || last(";").is_some_and(always)
}

/// `ps … | grep name` finds the shell that runs it, whose command line holds the name.
fn finds_itself(text: &str) -> bool {
    let Some((list, filter)) = text.split_once('|') else { return false };
    let filter = filter.split("||").next().unwrap_or("").trim();
    list.trim().starts_with("ps")
        && !list.trim_start_matches("ps").starts_with(char::is_alphanumeric)
        && filter.starts_with("grep")
        && !filter.contains(['|', '[', '^', '$'])
        && !filter.contains(" -v")
}

/// One command with its arguments.
fn of_command(words: &[String]) -> Option<Blind> {
    let program = words.first()?.rsplit('/').next()?;
    let has = |names: &[&str]| words[1..].iter().any(|word| names.contains(&word.as_str()));
    match program {
        "true" => Some(Blind::CannotFail),
        "echo" | "exit" if words.len() < 2 || program == "echo" || words[1] == "0" => {
            Some(Blind::CannotFail)
        }
        "curl" => curl(&words[1..]),
        "nc" | "ncat" | "netcat" => {
            let scans = words[1..].iter().any(|word| is_short_flag(word, 'z'));
            scans.then_some(Blind::PortOnly)
        }
        "telnet" => Some(Blind::PortOnly),
        "pgrep" | "pidof" => Some(Blind::ProcessOnly),
        "kill" if has(&["-0"]) => Some(Blind::ProcessOnly),
        _ => None,
    }
}

fn curl(arguments: &[String]) -> Option<Blind> {
    let judged = arguments.iter().any(|word| {
        is_short_flag(word, 'f')
            || is_short_flag(word, 'w')
            || word.starts_with("--fail")
            || word.starts_with("--write-out")
    });
    if judged {
        return None;
    }
    if arguments.iter().any(|word| word.starts_with("telnet:")) {
        return Some(Blind::PortOnly);
    }
    let other = ["ftp:", "sftp:", "unix:", "ldap:", "dict:", "gopher:", "file:", "smtp:"];
    let speaks_http =
        !arguments.iter().any(|word| other.iter().any(|scheme| word.starts_with(scheme)));
    (speaks_http && !arguments.is_empty()).then_some(Blind::IgnoresStatus)
}

/// Whether a word holds this letter as a short flag (`-sf`).
fn is_short_flag(word: &str, letter: char) -> bool {
    let Some(flags) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
        return false;
    };
    flags.chars().take_while(char::is_ascii_alphabetic).any(|flag| flag == letter)
}

/// Whether an image brings a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCheck {
    /// Known to have none.
    None,
    /// Known to have one.
    Some,
    /// Not known.
    Unknown,
}

/// Images (without registry) whose Dockerfile has a `HEALTHCHECK`.
const CHECKED: &[&str] = &[
    "gitlab/gitlab-ce",
    "gitlab/gitlab-ee",
    "vaultwarden/server",
    "louislam/uptime-kuma",
    "pihole/pihole",
    "netdata/netdata",
    "localstack/localstack",
    "itzg/minecraft-server",
    "containrrr/watchtower",
    "axllent/mailpit",
    "mysql/mysql-server",
    "kong",
    "kong/kong",
    "jellyfin/jellyfin",
    "immich-app/immich-server",
];

/// Images (without registry) that are known to have none; a trailing `/` stands for all of a name.
const UNCHECKED: &[&str] = &[
    "alpine",
    "apache/kafka",
    "apachepinot/pinot",
    "bitnami/",
    "bitnamilegacy/",
    "busybox",
    "cassandra",
    "confluentinc/",
    "debian",
    "eclipse-temurin",
    "elasticsearch",
    "elasticsearch/elasticsearch",
    "haproxy",
    "httpd",
    "mariadb",
    "memcached",
    "mongo",
    "mysql",
    "nginx",
    "node",
    "openjdk",
    "postgis/postgis",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "timescale/timescaledb",
    "traefik",
    "ubuntu",
    "valkey/valkey",
    "zookeeper",
];

/// Whether the image behind a service without a written check brings one. For a service that is
/// built, the Dockerfile has none where it was read; then the image that it starts from decides.
pub(crate) fn own_check(service: &Service) -> OwnCheck {
    let image = match (&service.build_context, &service.base_image, &service.image) {
        (_, Some(base), _) => &base.value,
        (None, None, Some(image)) => &image.value,
        _ => return OwnCheck::Unknown,
    };
    of_image(image)
}

fn of_image(image: &Image) -> OwnCheck {
    let name = image.repository.as_str();
    let in_list = |list: &[&str]| {
        list.iter().any(|known| match known.strip_suffix('/') {
            Some(owner) => name.split_once('/').is_some_and(|(given, _)| given == owner),
            None => *known == name,
        })
    };
    match () {
        () if in_list(CHECKED) => OwnCheck::Some,
        () if in_list(UNCHECKED) => OwnCheck::None,
        () => OwnCheck::Unknown,
    }
}

/// Whether a service has a check that runs: written, and not switched off.
pub(crate) fn written_check(service: &Service) -> Option<&HealthCheck> {
    service
        .healthcheck
        .as_deref()
        .filter(|check| matches!(check.test.value, HealthTest::Exec(_) | HealthTest::Shell(_)))
}

/// When the engine calls a container unhealthy whose checks fail at once from its start, in
/// milliseconds: `A + (R - 1) · I` (rollout-semantics 5.1).
pub(crate) fn unhealthy_after_ms(check: &HealthCheck) -> Timing {
    let ms = |value: &Option<wonin_model::Located<u64>>, default: u64| {
        value.as_ref().map_or(default, |value| value.value)
    };
    let interval = ms(&check.interval_ms, 30_000);
    let retries = u64::from(check.retries.as_ref().map_or(3, |retries| retries.value.max(1)));
    let start_period = ms(&check.start_period_ms, 0);
    let start_interval = ms(&check.start_interval_ms, 5000).max(1);
    let first = match start_period {
        0 => interval,
        period => start_interval.saturating_mul(period.div_ceil(start_interval)),
    };
    let total = first.saturating_add((retries - 1).saturating_mul(interval));
    Timing { first_ms: first, interval_ms: interval, retries, total_ms: total }
}

/// The parts of that sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) first_ms: u64,
    pub(crate) interval_ms: u64,
    pub(crate) retries: u64,
    pub(crate) total_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Option<Blind> {
        of_script(text)
    }

    #[test]
    fn scripts_that_cannot_fail() {
        for text in [
            "exit 0",
            "true",
            "curl -f http://localhost || true",
            "curl -f http://localhost || exit 0",
            "curl http://localhost; exit 0",
            "pg_isready || echo waiting",
            "echo ok",
            "ps aux | grep java",
            "ps -ef | grep java || exit 1",
        ] {
            assert_eq!(script(text), Some(Blind::CannotFail), "{text}");
        }
    }

    #[test]
    fn scripts_that_prove_something() {
        for text in [
            "curl -f http://localhost/health",
            "curl -sSf http://localhost/health || exit 1",
            "curl --fail http://localhost",
            "curl -s http://localhost | grep UP",
            "curl -s -o /dev/null -w '%{http_code}' http://localhost",
            "wget -qO- http://localhost || exit 1",
            "pg_isready -U app",
            "echo ruok | nc localhost 2181 | grep imok",
            "echo ruok | nc localhost 2181",
            "ps aux | grep [j]ava",
            "ps aux | grep java | grep -v grep",
            "redis-cli ping",
            "[ \"$(redis-cli ping)\" = PONG ]",
            "psql -c 'select 1' || exit 1",
            "exec 3<>/dev/tcp/localhost/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; grep 200 <&3",
        ] {
            assert_eq!(script(text), None, "{text}");
        }
    }

    #[test]
    fn scripts_that_prove_little() {
        assert_eq!(script("curl http://localhost || exit 1"), Some(Blind::IgnoresStatus));
        assert_eq!(script("curl -s localhost:8080/health"), Some(Blind::IgnoresStatus));
        assert_eq!(script("nc -z localhost 9092"), Some(Blind::PortOnly));
        assert_eq!(script("nc -zv localhost 9092 || exit 1"), Some(Blind::PortOnly));
        assert_eq!(script("cat < /dev/tcp/localhost/9092"), Some(Blind::PortOnly));
        assert_eq!(script("echo > /dev/tcp/localhost/8080"), Some(Blind::PortOnly));
        assert_eq!(script("bash -c 'echo > /dev/tcp/localhost/8080'"), Some(Blind::PortOnly));
        assert_eq!(script("pgrep java"), Some(Blind::ProcessOnly));
    }
}
