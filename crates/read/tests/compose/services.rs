//! The keys of one service, in every form.

use wonin_model::{Condition, HealthTest, MountKind, Origin, Restart};

use crate::{at, environment, of_compose, service, skipped, written};

#[test]
fn map_and_list_forms_of_environment_have_exact_places() {
    let evidence = of_compose(concat!(
        "services:\n",
        "  a:\n",
        "    image: redis:7\n",
        "    environment:\n",
        "      KAFKA_NODE_ID: 1\n",
        "      QUOTED: \"x y\"\n",
        "      NOTHING:\n",
        "  b:\n",
        "    image: redis:7\n",
        "    environment:\n",
        "      - KAFKA_NODE_ID=1\n",
        "      - \"QUOTED=x=y\"\n",
        "      - EMPTY=\n",
        "      - NOTHING\n",
    ));
    let a = service(&evidence, "a");
    assert_eq!(environment(a), ["KAFKA_NODE_ID=1", "QUOTED=x y"]);
    assert_eq!(written(&evidence, &a.environment["QUOTED"]), "x y");
    let b = service(&evidence, "b");
    assert_eq!(environment(b), ["EMPTY=", "KAFKA_NODE_ID=1", "QUOTED=x=y"]);
    assert_eq!(written(&evidence, &b.environment["KAFKA_NODE_ID"]), "1");
    assert_eq!(written(&evidence, &b.environment["QUOTED"]), "x=y");
    assert_eq!(skipped(&evidence), [""; 0]);
}

#[test]
fn names_and_bodies_point_at_their_keys() {
    let evidence = of_compose("services:\n  web:\n    image: a/b:1\n    restart: always\n");
    let web = service(&evidence, "web");
    assert_eq!(written(&evidence, &web.name), "web");
    assert_eq!(at(&evidence, web.body.unwrap()), "docker-compose.yml: image");
    assert_eq!(evidence.sources.position(web.body.unwrap()).column, 5);
    assert_eq!(web.repository(), "a/b");
    let flow = of_compose("services:\n  web: {image: a}\n");
    assert_eq!(service(&flow, "web").body, None);
}

#[test]
fn ports_and_mounts() {
    let evidence = of_compose(
        r#"
services:
  a:
    image: a
    ports:
      - "9092:9092"
      - 8080
      - target: 80
        published: "8000"
        host_ip: 127.0.0.1
    expose: ["7000", 7001]
    volumes:
      - data:/data
      - ./conf.yml:/etc/conf.yml:ro
      - type: bind
        source: ../logs
        target: /logs
      - {type: tmpfs, target: /tmp}
    tmpfs: /run
volumes:
  data:
"#,
    );
    let a = service(&evidence, "a");
    let ports: Vec<_> = a.ports.iter().map(|p| (p.value.published, p.value.target)).collect();
    assert_eq!(ports, [(Some(9092), 9092), (None, 8080), (Some(8000), 80)]);
    let first = a.ports[0].place().unwrap();
    assert_eq!(evidence.sources.slice(first), "9092:9092");
    assert_eq!(a.expose.iter().map(|p| p.value).collect::<Vec<_>>(), [7000, 7001]);
    let mounts: Vec<_> = a
        .mounts
        .iter()
        .map(|m| (m.value.kind, m.value.source.as_str(), m.value.target.as_str()))
        .collect();
    assert_eq!(
        mounts,
        [
            (MountKind::Volume, "data", "/data"),
            (MountKind::File, "conf.yml", "/etc/conf.yml"),
            (MountKind::Directory, "../logs", "/logs"),
            (MountKind::Tmpfs, "", "/tmp"),
            (MountKind::Tmpfs, "", "/run"),
        ]
    );
    assert!(a.mounts[1].value.read_only);
    assert!(a.keeps_data());
    assert!(evidence.stack.projects[0].volumes.contains_key("data"));
}

#[test]
fn health_checks_in_every_form() {
    let evidence = of_compose(
        r#"
services:
  line:
    image: a
    healthcheck:
      test: curl -f http://localhost/ || exit 1
      interval: 1m30s
      timeout: 10s
      retries: 5
      start_period: 40s
      start_interval: 500ms
  exec:
    image: a
    healthcheck:
      test: [CMD, pg_isready, -U, app]
      interval: 5
  none: {image: a, healthcheck: {test: ["NONE"]}}
  off: {image: a, healthcheck: {disable: true}}
  options: {image: a, healthcheck: {retries: 9}}
"#,
    );
    let test = |name| service(&evidence, name).healthcheck.as_ref().unwrap();
    let line = test("line");
    assert_eq!(line.test.value, HealthTest::Shell("curl -f http://localhost/ || exit 1".into()));
    assert_eq!(line.interval_ms.as_ref().unwrap().value, 90_000);
    assert_eq!(
        evidence.sources.slice(line.interval_ms.as_ref().unwrap().place().unwrap()),
        "1m30s"
    );
    assert_eq!(line.start_period_ms.as_ref().unwrap().value, 40_000);
    assert_eq!(line.start_interval_ms.as_ref().unwrap().value, 500);
    assert_eq!(line.retries.as_ref().unwrap().value, 5);
    assert_eq!(at(&evidence, line.place), "docker-compose.yml: healthcheck");
    let words = ["pg_isready", "-U", "app"].map(str::to_owned).to_vec();
    assert_eq!(test("exec").test.value, HealthTest::Exec(words));
    assert!(test("exec").interval_ms.is_none());
    assert_eq!(test("none").test.value, HealthTest::Disabled);
    assert_eq!(test("off").test.value, HealthTest::Disabled);
    assert_eq!(test("options").test.value, HealthTest::Inherited);
    assert_eq!(
        skipped(&evidence),
        ["docker-compose.yml:16: `interval: 5` is not a duration such as `30s`"]
    );
}

#[test]
fn dependencies_in_both_forms_and_links() {
    let evidence = of_compose(
        r"
services:
  a:
    image: a
    depends_on: [b, c]
    links: ['d:database', b]
  e:
    image: a
    depends_on:
      b: {condition: service_healthy}
      c:
        condition: service_completed_successfully
        required: false
  b: {image: a}
  c: {image: a}
  d: {image: a}
",
    );
    let shown = |name| -> Vec<_> {
        let all = service(&evidence, name).depends_on.iter();
        all.map(|d| (d.service.value.clone(), d.condition.value, d.required)).collect()
    };
    let dependency = |name: &str, condition, required| (name.to_owned(), condition, required);
    assert_eq!(shown("a"), ["b", "c", "d"].map(|name| dependency(name, Condition::Started, true)));
    assert_eq!(
        shown("e"),
        [dependency("b", Condition::Healthy, true), dependency("c", Condition::Completed, false)]
    );
    for of_a in &service(&evidence, "a").depends_on {
        written(&evidence, &of_a.service);
    }
    let healthy = &service(&evidence, "e").depends_on[0].condition;
    assert_eq!(at(&evidence, healthy.place().unwrap()), "docker-compose.yml: service_healthy");
}

#[test]
fn networks_and_addresses() {
    let evidence = of_compose(
        r"
services:
  listed: {image: a, networks: [back]}
  mapped:
    image: a
    networks:
      back:
        ipv4_address: 172.24.0.9
        aliases: [db, store]
      front:
  plain: {image: a}
  host: {image: a, network_mode: host}
networks:
  back:
    driver: bridge
    ipam:
      config:
        - subnet: 172.24.0.0/16
          ip_range: 172.24.5.0/24
  front: {external: true}
",
    );
    let names = |name| -> Vec<_> {
        service(&evidence, name).networks.iter().map(|n| n.network.as_str()).collect()
    };
    assert_eq!(names("listed"), ["back"]);
    assert_eq!(names("mapped"), ["back", "front"]);
    assert_eq!(names("plain"), ["default"]);
    assert_eq!(names("host"), [""; 0]);
    let back = &service(&evidence, "mapped").networks[0];
    assert_eq!(written(&evidence, back.ipv4_address.as_ref().unwrap()), "172.24.0.9");
    assert_eq!(back.aliases.len(), 2);
    let networks = &evidence.stack.projects[0].networks;
    assert_eq!(networks.keys().collect::<Vec<_>>(), ["back", "default", "front"]);
    assert_eq!(written(&evidence, &networks["back"].subnets[0]), "172.24.0.0/16");
    assert_eq!(written(&evidence, &networks["back"].ip_ranges[0]), "172.24.5.0/24");
    assert!(networks["front"].external && networks["default"].place.is_none());
    assert_eq!(evidence.stack.resolve(0, "store").map(|id| id.0), Some(1));
    assert_eq!(evidence.stack.resolve(1, "store"), None);
}

#[test]
fn limits_restart_and_replicas() {
    let evidence = of_compose(
        r"
services:
  old: {image: a, restart: on-failure:3, mem_limit: 512m, cpus: 0.5, pids_limit: -1, scale: 2}
  new:
    image: a
    restart: 'no'
    mem_limit: 1g
    stop_grace_period: 1m
    ulimits: {nproc: 65535}
    deploy:
      replicas: 3
      restart_policy: {condition: any}
      resources: {limits: {memory: 256M, cpus: '0.25', pids: 100}}
  swarm: {image: a, ulimits: {nproc: {soft: 10, hard: 20}}, deploy: {restart_policy: {delay: 5s}}}
",
    );
    let old = service(&evidence, "old");
    assert_eq!(old.restart.as_ref().unwrap().value, Restart::OnFailure);
    assert_eq!(old.memory_limit_bytes.as_ref().unwrap().value, 512 << 20);
    assert_eq!(old.cpu_limit_millis.as_ref().unwrap().value, 500);
    assert_eq!(old.pids_limit, None);
    assert_eq!(old.replicas.as_ref().unwrap().value, 2);
    let new = service(&evidence, "new");
    assert_eq!(new.restart.as_ref().unwrap().value, Restart::Always);
    assert_eq!(new.memory_limit_bytes.as_ref().unwrap().value, 256 << 20);
    assert_eq!(new.cpu_limit_millis.as_ref().unwrap().value, 250);
    assert_eq!(new.pids_limit.as_ref().unwrap().value, 100);
    assert_eq!(new.nproc_limit.as_ref().unwrap().value, 65535);
    assert_eq!(new.stop_grace_ms.as_ref().unwrap().value, 60_000);
    let swarm = service(&evidence, "swarm");
    assert_eq!(swarm.nproc_limit.as_ref().unwrap().value, 10);
    assert!(matches!(swarm.restart.as_ref().unwrap().origin, Origin::Default(_)));
}

#[test]
fn commands_in_both_forms() {
    let evidence = of_compose(
        r#"
services:
  a:
    image: a
    entrypoint: /bin/sh -c
    command: ["redis-server", "--appendonly", "yes"]
    cap_add: [NET_ADMIN]
    labels: ["app=x", "empty="]
    profiles: [debug]
"#,
    );
    let a = service(&evidence, "a");
    assert_eq!(a.entrypoint.as_ref().unwrap().value, ["/bin/sh", "-c"]);
    assert_eq!(a.command.as_ref().unwrap().value, ["redis-server", "--appendonly", "yes"]);
    assert_eq!(written(&evidence, &a.cap_add[0]), "NET_ADMIN");
    assert_eq!(written(&evidence, &a.labels["app"]), "x");
    assert_eq!(written(&evidence, &a.profiles[0]), "debug");
}

#[test]
fn files_of_configs_and_secrets_count_as_mounts() {
    let evidence = of_compose(
        r"
services:
  web:
    image: nginx
    configs: [{source: site, target: /etc/nginx/nginx.conf}, plain]
    secrets: [key, {source: chain, target: chain.pem}, {source: user, target: /etc/user}, told, far]
configs:
  site: {file: ./nginx.conf}
  plain: {file: plain.txt}
secrets:
  key: {file: ./keys/key.pem}
  chain: {file: /srv/chain.pem}
  user: {file: ../user}
  told: {environment: TOLD}
  far: {external: true}
",
    );
    let mounts = &service(&evidence, "web").mounts;
    let shown: Vec<_> = mounts.iter().map(|m| (&*m.value.source, &*m.value.target)).collect();
    let expected = [
        ("nginx.conf", "/etc/nginx/nginx.conf"),
        ("plain.txt", "/plain"),
        ("keys/key.pem", "/run/secrets/key"),
        ("/srv/chain.pem", "/run/secrets/chain.pem"),
        ("../user", "/etc/user"),
    ];
    assert_eq!(shown, expected);
    assert!(mounts.iter().all(|mount| mount.value.read_only));
}

#[test]
fn odd_shapes_are_passed_over() {
    let evidence = of_compose(
        r"
services:
  list: [1, 2]
  nothing:
  text: hello
  odd:
    image: {a: b}
    ports: 80
    environment: text
    volumes: {a: b}
    networks: 5
    healthcheck: no
    deploy: [x]
    depends_on: {a: [b]}
    command: {a: b}
",
    );
    assert_eq!(evidence.stack.services.len(), 4);
    assert!(service(&evidence, "odd").ports.is_empty());
    assert!(of_compose("services: {").stack.services.is_empty());
    assert!(of_compose("").stack.services.is_empty());
    assert!(of_compose("- services").stack.services.is_empty());
}

#[test]
fn ranges_of_ports_are_cut_and_named() {
    let evidence = of_compose(
        "services:\n  a:\n    image: a\n    ports: ['30000-39999:10000-19999/udp', '80:80']\n",
    );
    assert_eq!(service(&evidence, "a").ports.len(), 257);
    assert_eq!(
        skipped(&evidence),
        ["docker-compose.yml:4: more than 256 ports at once: only the first of them are read"]
    );
}
