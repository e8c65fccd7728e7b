//! Containers, pods and registrations.

use wonin_model::{ContainerState, Evidence};

use crate::{evidence, shown};

fn container<'a>(evidence: &'a Evidence, name: &str) -> &'a ContainerState {
    evidence.containers.iter().find(|one| one.name == name).unwrap()
}

#[test]
fn docker_inspect_says_how_each_container_ended() {
    let evidence = evidence(&[("inspect.json", include_str!("engines/docker-inspect.json"))]);
    assert_eq!(evidence.containers.len(), 5);
    let web = container(&evidence, "shop-web-1");
    assert_eq!((web.service.as_deref(), web.health.as_deref()), (Some("web"), Some("healthy")));
    let (network, address, place) = &web.addresses[0];
    assert_eq!((network.as_str(), address.as_str()), ("shop_default", "172.24.0.2"));
    assert_eq!(shown(&evidence, *place).1, "172.24.0.2");
    assert_eq!(container(&evidence, "shop-api-1").health.as_deref(), Some("unhealthy"));
    let worker = container(&evidence, "shop-worker-1");
    assert_eq!((worker.oom_killed, worker.exit_code), (true, Some(137)));
    assert_eq!(worker.memory_limit_bytes, Some(16 << 20));
    let job = container(&evidence, "shop-job-1");
    assert_eq!((job.restarts, job.status.as_deref()), (6, Some("restarting")));
    let db = container(&evidence, "shop-db-1");
    assert_eq!((db.oom_killed, db.exit_code), (false, Some(137)));
    assert_eq!(db.finished_ms.unwrap() - db.started_ms.unwrap(), 73);
}

#[test]
fn docker_network_says_who_holds_which_address() {
    let evidence = evidence(&[("network.json", include_str!("engines/docker-network.json"))]);
    let api = container(&evidence, "shop-api-1");
    assert_eq!(api.addresses[0].1, "172.24.0.3");
    assert_eq!(shown(&evidence, api.addresses[0].2).1, "172.24.0.3");
}

#[test]
fn docker_ps_is_read_as_table_and_as_json() {
    for (path, text) in [
        ("ps.txt", include_str!("engines/docker-ps.txt")),
        ("ps.json", include_str!("engines/docker-ps.json")),
    ] {
        let evidence = evidence(&[(path, text)]);
        assert_eq!(evidence.containers.len(), 5, "{path}");
        let job = container(&evidence, "shop-job-1");
        assert_eq!((job.status.as_deref(), job.exit_code), (Some("restarting"), Some(3)));
        assert_eq!(job.image.as_deref(), Some("shop/app:1"));
        let api = container(&evidence, "shop-api-1");
        assert_eq!(api.health.as_deref(), Some("unhealthy"));
        assert_eq!(shown(&evidence, api.place).1, "shop-api-1");
    }
}

#[test]
fn compose_lists_services() {
    let line = r#"{"Command":"\"sleep\"","ExitCode":137,"Health":"","ID":"a","Image":"shop/app:1","Name":"shop-db-1","Project":"shop","Publishers":[],"Service":"db","State":"exited","Status":"Exited (137) 2 minutes ago"}"#;
    let list = format!("[{line},{line}]");
    for (text, count) in [(line, 1), (list.as_str(), 2)] {
        let evidence = evidence(&[("ps.json", text)]);
        assert_eq!(evidence.containers.len(), count);
        let db = container(&evidence, "shop-db-1");
        assert_eq!((db.service.as_deref(), db.exit_code), (Some("db"), Some(137)));
    }
}

const POD: &str = "\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata:
      name: shop-web-5d8f9c7b6d-x2x4z
      namespace: shop
    spec:
      containers:
        - name: web
          resources: { limits: { memory: 512Mi } }
    status:
      podIP: 10.1.2.3
      containerStatuses:
        - name: web
          image: shop/web:1
          ready: false
          restartCount: 12
          state:
            waiting: { reason: CrashLoopBackOff, message: back-off 5m0s }
          lastState:
            terminated: { reason: OOMKilled, exitCode: 137, finishedAt: '2024-06-01T12:00:00Z' }
";

#[test]
fn pods_say_why_they_do_not_run() {
    let evidence = evidence(&[("pods.yaml", POD)]);
    let web = container(&evidence, "shop-web-5d8f9c7b6d-x2x4z");
    assert_eq!((web.service.as_deref(), web.restarts), (Some("shop-web"), 12));
    assert_eq!(web.status.as_deref(), Some("CrashLoopBackOff"));
    assert_eq!((web.oom_killed, web.exit_code), (true, Some(137)));
    assert_eq!(web.memory_limit_bytes, Some(512 << 20));
    assert_eq!(web.finished_ms, Some(1_717_243_200_000));
    assert_eq!(shown(&evidence, web.place), (7, "shop-web-5d8f9c7b6d-x2x4z"));
}

#[test]
fn tables_and_descriptions_of_pods() {
    let table = "\
NAME                        READY   STATUS             RESTARTS        AGE   IP
shop-web-5d8f9c7b6d-x2x4z   0/1     CrashLoopBackOff   12 (3m12s ago)  2h    10.1.2.3
db-0                        1/1     Running            0               2h    <none>
";
    let description = "\
Name:             shop-web-5d8f9c7b6d-x2x4z
Namespace:        shop
Status:           Running
IP:               10.1.2.3
Containers:
  web:
    Image:          shop/web:1
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
    Ready:          False
    Restart Count:  12
    Limits:
      memory:  512Mi
Conditions:
  Type              Status
";
    let evidence = evidence(&[("pods.txt", table), ("web.txt", description)]);
    let web = container(&evidence, "shop-web-5d8f9c7b6d-x2x4z");
    assert_eq!((web.restarts, web.status.as_deref()), (12, Some("CrashLoopBackOff")));
    assert_eq!(shown(&evidence, web.addresses[0].2).1, "10.1.2.3");
    assert_eq!(container(&evidence, "db-0").service.as_deref(), Some("db"));
    let described = container(&evidence, "shop-web-5d8f9c7b6d-x2x4z/web");
    assert_eq!((described.oom_killed, described.restarts), (true, 12));
    assert_eq!(described.exit_code, Some(137));
    assert_eq!(described.status.as_deref(), Some("CrashLoopBackOff"));
}

#[test]
fn pinot_lists_the_dead_with_the_living() {
    let evidence = evidence(&[
        ("instances.json", r#"{"instances":["Broker_172.24.0.9_8099","Broker_172.24.0.11_8099"]}"#),
        (
            "brokers-online.json",
            r#"[{"port":8099,"host":"172.24.0.11","instanceName":"Broker_172.24.0.11_8099"}]"#,
        ),
        (
            "zk.txt",
            "[zk: localhost:2181(CONNECTED) 0] ls /pc/INSTANCES\n[Broker_172.24.0.9_8099]\n[zk: localhost:2181(CONNECTED) 1] ls /pc/LIVEINSTANCES\n[Broker_172.24.0.11_8099]\n",
        ),
    ]);
    let told: Vec<(&str, Option<bool>)> =
        evidence.registrations.iter().map(|one| (one.host.as_str(), one.alive)).collect();
    assert_eq!(
        told,
        [
            ("172.24.0.11", Some(true)),
            ("172.24.0.9", None),
            ("172.24.0.11", None),
            ("172.24.0.9", None),
            ("172.24.0.11", Some(true)),
        ]
    );
    let place = evidence.registrations[1].place;
    assert_eq!(shown(&evidence, place), (1, "Broker_172.24.0.9_8099"));
}

#[test]
fn registries_of_services() {
    let eureka = r#"{"applications":{"application":[{"name":"SHOP","instance":[{"instanceId":"shop:1","app":"SHOP","hostName":"h","ipAddr":"10.0.0.7","port":{"$":8080,"@enabled":"true"},"status":"UP","leaseInfo":{}}]}]}}"#;
    let xml = "<applications><application><name>SHOP</name><instance><instanceId>shop:1</instanceId><app>SHOP</app><ipAddr>10.0.0.7</ipAddr><port enabled=\"true\">8080</port><status>DOWN</status></instance></application></applications>";
    let consul = r#"[{"Node":"n","Address":"10.0.0.7","ServiceID":"shop-1","ServiceName":"shop","ServiceAddress":"","ServicePort":8080}]"#;
    let health = r#"[{"Node":{"Address":"10.0.0.7"},"Service":{"ID":"shop-1","Service":"shop","Address":"","Port":8080},"Checks":[{"Status":"critical"}]}]"#;
    let nacos = r#"{"name":"shop","hosts":[{"instanceId":"i","ip":"10.0.0.7","port":8080,"healthy":false,"ephemeral":true,"clusterName":"DEFAULT"}]}"#;
    for (path, text, alive) in [
        ("a.json", eureka, Some(true)),
        ("a.xml", xml, Some(false)),
        ("a.json", consul, None),
        ("a.json", health, Some(false)),
        ("a.json", nacos, Some(false)),
    ] {
        let evidence = evidence(&[(path, text)]);
        let one = &evidence.registrations[0];
        assert_eq!((one.host.as_str(), one.port, one.alive), ("10.0.0.7", Some(8080), alive));
        assert_eq!(shown(&evidence, one.place).1, "10.0.0.7", "{text}");
    }
}

#[test]
fn kafka_says_who_leads_and_who_lags() {
    let topics = "\
Topic: orders\tTopicId: A\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: min.insync.replicas=2
\tTopic: orders\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1,2
\tTopic: orders\tPartition: 1\tLeader: none\tReplicas: 2,1\tIsr: 2
";
    let quorum = "\
NodeId\tLogEndOffset\tLag\tLastFetchTimestamp\tLastCaughtUpTimestamp\tStatus
1\t1289\t0\t1717243200000\t1717243200000\tLeader
2\t-1\t1290\t-1\t-1\tFollower
";
    let evidence = evidence(&[("topics.txt", topics), ("quorum.txt", quorum)]);
    let leaders: Vec<Option<i64>> = evidence.partitions.iter().map(|one| one.leader).collect();
    assert_eq!(leaders, [Some(1), None]);
    assert_eq!(evidence.partitions[1].in_sync, [2]);
    let voters: Vec<(i64, Option<i64>, Option<i64>)> =
        evidence.voters.iter().map(|one| (one.node, one.lag, one.caught_up_ms)).collect();
    assert_eq!(voters, [(1, Some(0), Some(1_717_243_200_000)), (2, Some(1290), None)]);
    assert_eq!(shown(&evidence, evidence.voters[1].place).0, 3);
}

#[test]
fn certificates_say_for_whom_and_until_when() {
    let evidence = evidence(&[("tls/chain.pem", include_str!("certificates/chain.pem"))]);
    let [own, root] = evidence.certificates.as_slice() else { panic!("two certificates") };
    assert_eq!((own.subject.as_str(), own.is_authority), ("shop.example", false));
    assert_eq!(own.names, ["shop.example", "*.shop.example", "10.0.0.7"]);
    // 2027-02-23 03:07:39 and 2076-11-12 03:07:39.
    assert_eq!((own.not_after_ms, root.not_after_ms), (1_803_352_059_000, 3_372_376_059_000));
    assert_eq!((root.subject.as_str(), root.is_authority), ("Shop Root", true));
    assert_eq!(shown(&evidence, root.place).1, "-----BEGIN CERTIFICATE-----");
}

#[test]
fn scrapes_in_a_row_are_one_series() {
    let scrape = |threads: u32| {
        format!(
            "# HELP jvm_threads_live_threads Live threads\n# TYPE jvm_threads_live_threads gauge\njvm_threads_live_threads {threads}.0\n"
        )
    };
    let (first, second, third) = (scrape(20), scrape(60), scrape(100));
    let evidence = evidence(&[("m-9.prom", &first), ("m-10.prom", &second), ("m-11.prom", &third)]);
    assert_eq!(evidence.series.len(), 1);
    let values: Vec<u64> = evidence.series[0].values().map(|value| value as u64).collect();
    assert_eq!(values, [20, 60, 100]);
    assert_eq!(shown(&evidence, evidence.series[0].place).0, 3);
}
