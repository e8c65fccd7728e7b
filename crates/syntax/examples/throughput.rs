//! How fast YAML parses and how much memory its tree takes:
//! `cargo run --release -p wonin-syntax --example throughput [LINES]`.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring program")]

use std::time::Instant;

use wonin_syntax::yaml;

fn main() {
    let lines = std::env::args().nth(1).and_then(|lines| lines.parse().ok()).unwrap_or(1_000_000);
    let text = compose_like(lines);
    let lines = text.lines().count();
    let before = memory_bytes("VmRSS:");
    let mut best_s = f64::MAX;
    let mut tree_bytes = 0;
    for round in 0..5 {
        let started = Instant::now();
        let tree = yaml::parse(&text);
        best_s = best_s.min(started.elapsed().as_secs_f64());
        if round == 0 {
            tree_bytes = memory_bytes("VmRSS:").saturating_sub(before);
        }
        assert!(tree.problems.is_empty(), "{:?}", tree.problems.first());
    }
    let peak_bytes = memory_bytes("VmHWM:").saturating_sub(before);
    let ratio = |bytes: u64| bytes as f64 / text.len() as f64;
    println!("{lines} lines, {} bytes of YAML", text.len());
    println!("best of 5: {best_s:.3} s, {:.0} lines/s", lines as f64 / best_s);
    println!("tree: {:.2} times the text, peak {:.2} times", ratio(tree_bytes), ratio(peak_bytes));
}

/// A Compose file of at least `lines` lines with what such files hold.
fn compose_like(lines: usize) -> String {
    let mut text =
        String::from("x-common: &common\n  restart: unless-stopped\n  init: true\nservices:\n");
    let mut written = 4;
    for service in 0.. {
        if written >= lines {
            break;
        }
        let one = format!(
            "  service-{service}:\n    <<: *common\n    image: \"registry.example/team/service:{service}\"\n    \
             environment:\n      SPRING_PROFILES_ACTIVE: production\n      \
             DATABASE_URL: jdbc:postgresql://db-{service}:5432/app\n      JAVA_OPTS: '-Xmx512m'\n      \
             POOL: 10\n    ports:\n      - \"{}:8080\"\n      - 9000\n    depends_on:\n      \
             db-{service}: {{ condition: service_healthy }}\n    healthcheck:\n      \
             test: [\"CMD\", \"curl\", \"-f\", \"http://localhost:8080/health\"]\n      interval: 30s\n      \
             retries: 5 # three were too few\n    networks:\n      - backend\n    command: |\n      \
             exec java -jar /app.jar\n\n",
            10_000 + service % 50_000,
        );
        written += one.lines().count();
        text.push_str(&one);
    }
    text
}

/// One figure of this process in bytes, 0 where the system does not tell it.
fn memory_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
