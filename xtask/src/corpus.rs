//! Stacks to measure with, made by rule: the same bytes on every machine.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// What a corpus holds.
pub(crate) struct Size {
    pub(crate) files: usize,
    pub(crate) lines: usize,
}

/// Eleven files as a team has them.
pub(crate) fn small(dir: &Path) -> io::Result<Size> {
    let mut size = Size { files: 0, lines: 0 };
    let mut put = |path: &str, text: &str| put(dir, path, text, &mut size);
    put("docker-compose.yml", &compose(0, 8))?;
    put(".env", "TAG=1.27\nDB_POOL=10\nHOST=db\n")?;
    for app in ["orders", "users"] {
        put(&format!("{app}/Dockerfile"), DOCKERFILE)?;
        put(&format!("{app}/src/main/resources/application.yml"), APPLICATION)?;
        put(&format!("{app}/src/main/java/app/Config.java"), JAVA)?;
    }
    put("nginx.conf", NGINX)?;
    put("kafka/server.properties", &properties(0, 30))?;
    put("k8s/orders.yml", &kubernetes(0, 2))?;
    Ok(size)
}

/// At least `lines` lines in files of about a thousand, a third of each format.
pub(crate) fn large(dir: &Path, lines: usize) -> io::Result<Size> {
    let mut size = Size { files: 0, lines: 0 };
    let mut n = 0;
    while size.lines < lines {
        put(dir, &format!("p{n}/docker-compose.yml"), &compose(n, 60), &mut size)?;
        put(dir, &format!("p{n}/k8s/app.yml"), &kubernetes(n, 40), &mut size)?;
        put(dir, &format!("p{n}/server.properties"), &properties(n, 1000), &mut size)?;
        n += 1;
    }
    Ok(size)
}

fn put(dir: &Path, path: &str, text: &str, size: &mut Size) -> io::Result<()> {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap_or(dir))?;
    fs::write(path, text)?;
    size.files += 1;
    size.lines += text.lines().count();
    Ok(())
}

fn compose(seed: usize, services: usize) -> String {
    let mut out = String::from(
        "x-common: &common\n  restart: unless-stopped\n  networks: [back]\n\nservices:\n",
    );
    for n in 0..services {
        let port = 1024 + (seed * 7 + n) % 60_000;
        // Writing to a string cannot fail, here and below.
        _ = write!(
            out,
            "  svc{n}:\n    <<: *common\n    image: acme/svc{n}:${{TAG:-1.{seed}}}\n    environment:\n      \
             SPRING_DATASOURCE_URL: jdbc:postgresql://svc0:5432/app\n      POOL: ${{DB_POOL:-{n}}}\n      \
             JAVA_OPTS: -Xmx{}m\n    ports:\n      - \"{port}:8080\"\n    depends_on:\n      - svc0\n    \
             healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost:8080/health\"]\n      \
             interval: 10s\n      timeout: 3s\n      retries: 3\n",
            128 + n
        );
    }
    out.push_str("\nnetworks:\n  back: {}\n");
    out
}

fn kubernetes(seed: usize, deployments: usize) -> String {
    let mut out = String::new();
    for n in 0..deployments {
        _ = write!(
            out,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{seed}-{n}\nspec:\n  \
             replicas: {}\n  selector:\n    matchLabels:\n      app: app-{n}\n  template:\n    metadata:\n      \
             labels:\n        app: app-{n}\n    spec:\n      containers:\n        - name: app\n          \
             image: acme/app:1.{n}\n          ports:\n            - containerPort: 8080\n          \
             livenessProbe:\n            httpGet:\n              path: /health\n              port: 8080\n            \
             periodSeconds: 10\n",
            n % 4 + 1
        );
    }
    out
}

fn properties(seed: usize, lines: usize) -> String {
    let mut out = format!(
        "# node {seed}\nnode.id={seed}\nprocess.roles=broker,controller\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
    );
    for n in 0..lines {
        _ = writeln!(out, "some.group{}.setting{n}={}", n % 9, seed * 31 + n);
    }
    out
}

const DOCKERFILE: &str = "FROM eclipse-temurin:21-jre\nWORKDIR /app\nCOPY build/libs/app.jar app.jar\nENV JAVA_OPTS=-Xmx256m\nEXPOSE 8080\nHEALTHCHECK --interval=5s CMD curl -f http://localhost:8080/health || exit 1\nENTRYPOINT [\"java\", \"-jar\", \"app.jar\"]\n";

const APPLICATION: &str = "spring:\n  datasource:\n    url: jdbc:postgresql://${HOST:db}:5432/app\n    hikari:\n      maximum-pool-size: 20\n  kafka:\n    bootstrap-servers: kafka:9092\n    consumer:\n      group-id: app\nserver:\n  port: 8080\nmanagement:\n  endpoints:\n    web:\n      exposure:\n        include: health\n";

const JAVA: &str = "package app;\n\nimport java.util.concurrent.Executors;\n\nclass Config {\n    void run() {\n        var pool = Executors.newFixedThreadPool(4);\n        pool.submit(() -> System.out.println(1));\n    }\n}\n";

const NGINX: &str = "events {}\nhttp {\n  upstream app { server orders:8080; }\n  server {\n    listen 80;\n    location / { proxy_pass http://app; proxy_read_timeout 10s; }\n  }\n}\n";
