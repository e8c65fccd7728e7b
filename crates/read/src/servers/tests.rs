//! What services are read as servers of.

use wonin_model::{Evidence, Server};

use crate::{MemoryFiles, read};

fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

/// The only server of one service with these lines below its key.
fn server(service: &str, files: &[(&str, &str)]) -> Server {
    let lines: Vec<String> = service.lines().map(|line| format!("    {line}\n")).collect();
    let compose = format!("services:\n  it:\n{}", lines.concat());
    let mut all = vec![("compose.yaml", compose.as_str())];
    all.extend(files);
    let evidence = evidence(&all);
    assert_eq!(evidence.stack.servers.len(), 1, "{:?}", evidence.skipped);
    evidence.stack.servers.into_iter().next().unwrap()
}

/// Selected settings as `name=value`, defaults with `~` before.
fn row(server: &Server, names: &[&str]) -> String {
    let one = |name: &&str| match server.settings.get(name) {
        Some(value) if value.origin.is_default() => format!("~{}", value.value),
        Some(value) => value.value.clone(),
        None => "-".to_owned(),
    };
    names.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn pinot_takes_its_name_from_flags_and_files() {
    let names = ["pinot.set.instance.id.to.hostname", "host", "port", "zk.address"];
    let plain = server("image: apachepinot/pinot:1.0.0\ncommand: StartBroker -zkAddress zoo", &[]);
    assert_eq!(row(&plain, &names), "~false - ~8099 zoo");
    let file = "pinot.set.instance.id.to.hostname=true\npinot.server.netty.port=9098\n";
    let lines = "image: apachepinot/pinot:1.0.0\n\
                 command: StartServer -zkAddress=zoo -configFileName /conf/server.conf\n\
                 volumes: ['./pinot:/conf']";
    let configured = server(lines, &[("pinot/server.conf", file)]);
    assert_eq!(row(&configured, &names), "true - 9098 zoo");
    let unread =
        "image: apachepinot/pinot:1.0.0\ncommand: StartController -configFileName /c/x.conf";
    assert_eq!(row(&server(unread, &[]), &names), "- - - -");
}

#[test]
fn databases_say_how_many_connections() {
    let names = ["max_connections", "superuser_reserved_connections"];
    assert_eq!(row(&server("image: postgres:16", &[]), &names), "~100 ~3");
    let lines =
        "image: postgres:16\ncommand: postgres -c max_connections=300 -c shared_buffers=1GB";
    assert_eq!(row(&server(lines, &[]), &names), "300 ~3");
    let lines = "image: postgres:16\ncommand: -c config_file=/etc/postgresql.conf\n\
                 volumes: ['./pg.conf:/etc/postgresql.conf:ro']";
    let file = [("pg.conf", "max_connections = 40\n")];
    assert_eq!(row(&server(lines, &file), &names), "40 ~3");
    let lines = "image: mysql:8\ncommand: ['--max-connections=500', '--character-set-server=x']";
    assert_eq!(row(&server(lines, &[]), &names[..1]), "500");
    let lines = "image: mariadb:11\nvolumes: ['./db:/etc/mysql/conf.d']";
    let file = [("db/a.cnf", "[mysqld]\nmax_connections=60\n")];
    assert_eq!(row(&server(lines, &file), &names[..1]), "60");
}

#[test]
fn redis_and_its_sentinels() {
    let names = ["cluster-enabled", "cluster-announce-ip", "appendonly"];
    let lines = "image: redis:7\ncommand: redis-server /r/redis.conf --appendonly yes\n\
                 volumes: ['./redis.conf:/r/redis.conf']";
    let file = [("redis.conf", "cluster-enabled yes\nappendonly no\n")];
    assert_eq!(row(&server(lines, &file), &names), "yes - yes");
    let names = ["sentinel.monitor", "sentinel.resolve-hostnames", "sentinel.announce-hostnames"];
    let lines = "image: redis:7\ncommand: redis-sentinel /etc/sentinel.conf\n\
                 volumes: ['./s.conf:/etc/sentinel.conf']";
    let file = [("s.conf", "sentinel resolve-hostnames yes\nsentinel monitor m redis 6379 2\n")];
    assert_eq!(row(&server(lines, &file), &names), "redis yes ~no");
    let lines = "image: redis:7\ncommand: >\n  sh -c 'echo \"sentinel monitor m 10.0.0.2 6379 2\" \
                 > /s.conf && redis-server /s.conf --sentinel'";
    assert_eq!(row(&server(lines, &[]), &names), "10.0.0.2 - -");
}

#[test]
fn clusters_say_their_members() {
    let zoo = "image: zookeeper:3.8\nenvironment:\n  ZOO_MY_ID: 1\n  \
               ZOO_SERVERS: server.1=0.0.0.0:2888:3888;2181 server.2=zoo2:2888:3888;2181";
    assert_eq!(row(&server(zoo, &[]), &["servers", "myid"]), "it:2888,zoo2:2888 1");
    let zoo = "image: confluentinc/cp-zookeeper:7.6.1\nenvironment:\n  \
               ZOOKEEPER_SERVERS: zoo1:22888:23888;zoo2:32888:33888";
    assert_eq!(row(&server(zoo, &[]), &["servers"]), "zoo1:22888,zoo2:32888");
    let etcd = "image: quay.io/coreos/etcd:v3.5\ncommand: etcd --name=e1 \
                --initial-cluster e1=http://10.0.0.5:2380 -initial-advertise-peer-urls http://e1:2380";
    assert_eq!(
        row(&server(etcd, &[]), &["name", "initial-cluster", "initial-advertise-peer-urls"]),
        "e1 e1=http://10.0.0.5:2380 http://e1:2380"
    );
    let consul = "image: hashicorp/consul:1.17\ncommand: agent -server -bootstrap-expect=3 \
                  -retry-join=c1 -retry-join=10.0.0.9 -bind='{{ GetInterfaceIP \"eth0\" }}'";
    assert_eq!(row(&server(consul, &[]), &["bootstrap-expect", "retry-join"]), "3 c1,10.0.0.9");
    let search = "image: elasticsearch:8.1.0\nenvironment:\n  - node.name=es01\n  \
                  - discovery.seed_hosts=es02,es03\n  - ES_JAVA_OPTS=-Xms512m -Xmx512m";
    let names = ["node.name", "discovery.seed_hosts", "jvm.heap-max-bytes"];
    assert_eq!(row(&server(search, &[]), &names), "es01 es02,es03 536870912");
    let nacos = "image: nacos/nacos-server:v2.2\nenvironment:\n  PREFER_HOST_MODE: hostname\n  \
                 NACOS_SERVERS: n1:8848 n2:8848";
    let names = ["prefer-hostname-over-ip", "cluster.nodes"];
    assert_eq!(row(&server(nacos, &[]), &names), "true n1:8848,n2:8848");
    let mongo = "image: mongo:7\ncommand: ['--replSet', 'rs0', '--bind_ip_all']";
    assert_eq!(row(&server(mongo, &[]), &["replSet"]), "rs0");
    let cassandra = "image: cassandra:4\nenvironment: [CASSANDRA_SEEDS=10.0.0.3]";
    assert_eq!(row(&server(cassandra, &[]), &["seeds", "listen_address"]), "10.0.0.3 -");
    let flink = "image: flink:1.18\ncommand: taskmanager\nenvironment:\n  FLINK_PROPERTIES: |\n    \
                 jobmanager.rpc.address: jobmanager\n    taskmanager.numberOfTaskSlots: 2";
    assert_eq!(row(&server(flink, &[]), &["jobmanager.rpc.address"]), "jobmanager");
}

#[test]
fn heaps_of_any_java_program_are_read() {
    let app = server("image: example/app\nenvironment: [JAVA_TOOL_OPTIONS=-Xmx768m]", &[]);
    assert_eq!(row(&app, &["jvm.heap-max-bytes"]), "805306368");
    assert_eq!(app.product, wonin_model::ServerProduct::Jvm);
    let kafka = server("image: apache/kafka:3.9.0", &[]);
    assert_eq!(row(&kafka, &["jvm.heap-max-bytes"]), "~1073741824");
}
