//! Gateways: what stood between the caller and the program (failure-knowledge 6).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    text(
        "nginx.upstream-timed-out",
        "upstream timed out (110",
        r#"upstream timed out \(110: [^)]*\) while (?P<doing>connecting to upstream|reading response header from upstream|reading upstream|sending request to upstream)(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.connect-failed",
        "while connecting to upstream",
        r#"connect\(\) failed \((?P<errno>\d+): (?P<why>[^)]+)\) while connecting to upstream(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.prematurely-closed",
        "upstream prematurely closed connection",
        r#"upstream prematurely closed connection(?: while (?P<doing>[^,\n]+))?(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.reset",
        "while reading response header from upstream",
        r#"recv\(\) failed \(104: Connection reset by peer\) while reading response header from upstream(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.no-live-upstreams",
        "no live upstreams while connecting to upstream",
        r#"no live upstreams while connecting to upstream(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.upstream-disabled",
        "upstream server temporarily disabled",
        r#"upstream server temporarily disabled(?:[^\n]*?upstream: "(?P<upstream>[^"]+)")?"#,
    ),
    text(
        "nginx.upstream-name-unknown",
        "host not found in upstream",
        r#"host not found in upstream "(?P<host>[^"]+)""#,
    ),
    text(
        "nginx.name-not-resolved",
        "could not be resolved (",
        r"(?P<host>\S+) could not be resolved \((?P<why>[^)]+)\)",
    ),
    text(
        "nginx.limited",
        "limiting requests, excess",
        r#"limiting requests, excess: (?P<excess>[\d.]+) by zone "(?P<zone>[^"]+)""#,
    ),
    text(
        "nginx.limited",
        "limiting connections by zone",
        r#"limiting connections by zone "(?P<zone>[^"]+)""#,
    ),
    text(
        "nginx.worker-connections",
        "worker_connections are not enough",
        r"(?P<limit>\d+) worker_connections are not enough",
    ),
    text(
        "nginx.body-too-large",
        "client intended to send too large body",
        r"client intended to send too large body: (?P<bytes>\d+) bytes",
    ),
    text("http.status-499", "\" 499 ", r#""(?P<method>[A-Z]+) (?P<path>[^\s?"]*)[^"]*" 499 "#),
    text("http.status-500", "\" 500 ", r#""(?P<method>[A-Z]+) (?P<path>[^\s?"]*)[^"]*" 500 "#),
    text("http.status-502", "\" 502 ", r#""(?P<method>[A-Z]+) (?P<path>[^\s?"]*)[^"]*" 502 "#),
    text("http.status-503", "\" 503 ", r#""(?P<method>[A-Z]+) (?P<path>[^\s?"]*)[^"]*" 503 "#),
    text("http.status-504", "\" 504 ", r#""(?P<method>[A-Z]+) (?P<path>[^\s?"]*)[^"]*" 504 "#),
    text("http.status-429", "429 Too Many Requests", r"429 Too Many Requests"),
    text("envoy.upstream-failure", " UF", r#""[A-Z]+ [^"]*" 503 (?P<flags>UF\S*) "#),
    text("envoy.no-healthy-upstream", "no healthy upstream", r"no healthy upstream"),
    text("envoy.no-healthy-upstream", " UH ", r#""[A-Z]+ [^"]*" 503 (?P<flags>UH\S*) "#),
    text("envoy.upstream-timeout", " UT ", r#""[A-Z]+ [^"]*" 504 (?P<flags>UT\S*) "#),
    text(
        "envoy.upstream-reset",
        "upstream connect error or disconnect/reset before headers",
        r"upstream connect error or disconnect/reset before headers(?:\. (?:retried and the latest )?reset reason: (?P<why>[^\n,]+))?",
    ),
    // Access logs of AWS' Application Load Balancer: times, status of the balancer, of the target.
    text("alb.target-closed", " -1 502 - ", r" (?P<target>[\d.]+:\d+) [\d.]+ [\d.]+ -1 502 - "),
    text("alb.target-silent", " -1 504 - ", r" (?P<target>[\d.]+:\d+|-) [\d.-]+ -1 -1 504 - "),
    text("alb.no-target", " -1 503 - ", r" - -1 -1 -1 503 - "),
    text(
        "haproxy.no-server",
        "has no server available",
        r"(?:backend|proxy) (?P<backend>\S+) has no server available",
    ),
    text(
        "haproxy.server-down",
        " is DOWN, reason: ",
        r"Server (?P<server>\S+) is DOWN, reason: (?P<why>[^,\n]+)",
    ),
    text("traefik.bad-gateway", "Bad Gateway", r"(?:502|'502|level=\w+)[^\n]*Bad Gateway"),
    text(
        "spring-gateway.no-instance",
        "Unable to find instance for",
        r"Unable to find instance for (?P<service>\S+)",
    ),
    text(
        "spring-gateway.no-instance",
        "No servers available for service",
        r"No servers available for service: (?P<service>\S+)",
    ),
    text(
        "spring-gateway.no-instance",
        "Load balancer does not contain an instance for the service",
        r"Load balancer does not contain an instance for the service (?P<service>\S+)",
    ),
];
