//! Answers as the tools print them.

use wonin_model::{Evidence, Signal};

use crate::{MemoryFiles, read};

fn evidence(path: &str, text: &str) -> Evidence {
    read(&MemoryFiles::new([(path, text)]))
}

fn signal<'e>(evidence: &'e Evidence, name: &str) -> &'e Signal {
    let names: Vec<&str> = evidence.signals.iter().map(|signal| signal.name).collect();
    let found = evidence.signals.iter().find(|signal| signal.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among {names:?}"))
}

const EVENTS_JSON: &str = r#"{
  "apiVersion": "v1",
  "kind": "List",
  "items": [
    {
      "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "Unhealthy", "count": 12,
      "firstTimestamp": "2025-04-11T09:00:00Z", "lastTimestamp": "2025-04-11T09:05:30Z",
      "involvedObject": {"kind": "Pod", "name": "web-5d8f9c7b6d-x2x4z", "namespace": "shop"},
      "message": "Liveness probe failed: HTTP probe failed with statuscode: 503"
    },
    {
      "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "Killing", "count": 4,
      "firstTimestamp": "2025-04-11T09:01:00Z", "lastTimestamp": "2025-04-11T09:05:31Z",
      "involvedObject": {"kind": "Pod", "name": "web-5d8f9c7b6d-x2x4z", "namespace": "shop"},
      "message": "Container web failed liveness probe, will be restarted"
    }
  ]
}
"#;

#[test]
fn events_of_kubernetes_count_as_often_as_they_say() {
    let evidence = evidence("events.json", EVENTS_JSON);
    let failed = signal(&evidence, "kubernetes.liveness-failed");
    assert_eq!((failed.count, failed.service.as_deref()), (12, Some("web")));
    assert_eq!(failed.last_ms.unwrap() - failed.first_ms.unwrap(), 330_000);
    assert!(evidence.sources.slice(failed.hits[0].place).starts_with("Liveness probe failed"));
    assert_eq!(evidence.sources.position(failed.hits[0].place).line, 9);
    assert_eq!(signal(&evidence, "kubernetes.killed-by-probe").count, 4);
    assert_eq!(evidence.read[0].format, "events");
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
}

#[test]
fn tables_of_events_are_read() {
    let table = "\
LAST SEEN   TYPE      REASON             OBJECT                     MESSAGE
3m12s       Warning   FailedScheduling   pod/web-5d8f9c7b6d-x2x4z   0/3 nodes are available: 3 Insufficient cpu.
2m          Normal    Pulled             pod/web-5d8f9c7b6d-7kq9l   Container image already present on machine
90s         Warning   BackOff            pod/db-0                   Back-off restarting failed container db in pod db-0
";
    let evidence = evidence("events.txt", table);
    let back_off = signal(&evidence, "kubernetes.back-off");
    assert_eq!((back_off.count, back_off.service.as_deref()), (1, Some("db")));
    let placed = signal(&evidence, "kubernetes.not-scheduled");
    assert_eq!(placed.hits[0].values.get("why").map(String::as_str), Some("3 Insufficient cpu."));
}

#[test]
fn a_described_pod_tells_its_events() {
    let described = "\
Name:             web-5d8f9c7b6d-x2x4z
Namespace:        shop
Containers:
  web:
    Image:          shop/web:1
    State:          Running
    Ready:          False
    Restart Count:  4
    Liveness:       http-get http://:8080/actuator/health delay=10s timeout=1s period=10s #success=1 #failure=3
Events:
  Type     Reason     Age                  From     Message
  ----     ------     ----                 ----     -------
  Warning  Unhealthy  2m (x12 over 9m)     kubelet  Liveness probe failed: Get \"http://10.1.0.5:8080/actuator/health\": dial tcp 10.1.0.5:8080: connect: connection refused
  Normal   Killing    90s (x4 over 8m)     kubelet  Container web failed liveness probe, will be restarted
";
    let evidence = evidence("web.txt", described);
    assert_eq!(evidence.containers[0].restarts, 4);
    let failed = signal(&evidence, "kubernetes.liveness-failed");
    assert_eq!((failed.count, failed.service.as_deref()), (12, Some("web")));
    assert_eq!(signal(&evidence, "kubernetes.killed-by-probe").count, 4);
}

#[test]
fn events_of_ecs_services_are_those_of_a_log() {
    let services = r#"{"services": [{"serviceArn": "arn:aws:ecs:eu-west-1:1:service/c/web", "serviceName": "web",
      "desiredCount": 2, "deployments": [{"id": "ecs-svc/1", "rolloutState": "FAILED", "updatedAt": 1744362300.5,
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start."}],
      "events": [
        {"id": "2", "createdAt": "2025-04-11T09:02:00.000000+00:00",
         "message": "(service web) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:x) due to (reason Health checks failed)"},
        {"id": "1", "createdAt": "2025-04-11T09:01:00.000000+00:00",
         "message": "(service web) has started 1 tasks: (task 1a2b)."}]}]}"#;
    let evidence = evidence("services.json", services);
    let unhealthy = signal(&evidence, "ecs.unhealthy");
    assert_eq!(unhealthy.service.as_deref(), Some("web"));
    assert_eq!(unhealthy.first_ms, Some(1_744_362_120_000));
    assert_eq!(signal(&evidence, "ecs.circuit-breaker").first_ms, Some(1_744_362_300_500));
    let log = evidence.logs.iter().find(|log| log.format == "events").unwrap();
    assert_eq!((log.events, log.clock_jumps), (3, 0));
}

#[test]
fn tasks_of_ecs_say_why_they_stopped() {
    let tasks = r#"{"tasks": [{"taskArn": "arn:aws:ecs:eu-west-1:1:task/c/1a2b", "group": "service:web",
      "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
      "stoppedAt": "2025-04-11T09:03:00+00:00", "startedAt": "2025-04-11T09:00:00+00:00",
      "containers": [{"name": "web", "image": "shop/web:7", "lastStatus": "STOPPED", "exitCode": 137,
        "reason": "OutOfMemoryError: Container killed due to memory usage",
        "networkInterfaces": [{"privateIpv4Address": "10.0.1.7"}]}]}], "failures": []}"#;
    let evidence = evidence("tasks.json", tasks);
    let web = &evidence.containers[0];
    assert_eq!((web.name.as_str(), web.service.as_deref()), ("1a2b/web", Some("web")));
    assert_eq!((web.exit_code, web.oom_killed), (Some(137), true));
    assert_eq!(web.addresses[0].1, "10.0.1.7");
    assert_eq!(signal(&evidence, "ecs.essential-exited").service.as_deref(), Some("web"));
}

#[test]
fn tasks_of_swarm_say_why_they_do_not_run() {
    let list = "\
ID             NAME             IMAGE        NODE      DESIRED STATE   CURRENT STATE             ERROR                              PORTS
xr42qxxrgqjq   shop_web.1       shop/web:7   vm2       Ready           Rejected 2 seconds ago    \"No such image: shop/web:7\"        
yhgtqyjwksb3    \\_ shop_web.1   shop/web:6   vm1       Shutdown        Failed 9 seconds ago      \"task: non-zero exit (1)\"          
zz21qxxrgqjq   shop_db.1        shop/db:7              Running         Pending 5 minutes ago     \"no suitable node (scheduling …\"   
aa21qxxrgqjq   shop_job.1       shop/job:1   vm1       Running         Running 2 days ago                                           
ab21qxxrgqjq    \\_ shop_job.1   shop/job:1   vm1       Shutdown        Failed 2 days ago         \"task: non-zero exit (9)\"          
";
    let compose = "services:\n  web:\n    image: shop/web:7\n";
    let files = MemoryFiles::new([("compose.yml", compose), ("live/tasks.txt", list)]);
    let evidence = read(&files);
    let image = signal(&evidence, "swarm.no-image");
    assert_eq!(image.service.as_deref(), Some("web"));
    assert_eq!(image.hits[0].values.get("image").map(String::as_str), Some("shop/web:7"));
    assert!(evidence.sources.slice(image.hits[0].place).contains("No such image"));
    let why = signal(&evidence, "swarm.no-node").hits[0].values.get("why").cloned();
    assert_eq!(why.as_deref(), Some("scheduling constraints not satisfied"));
    let exited = signal(&evidence, "swarm.task-exited");
    assert_eq!((exited.count, exited.all("code")), (1, vec!["1"]));
    assert_eq!(evidence.containers.len(), 3);
    assert_eq!(evidence.containers[0].service.as_deref(), Some("web"));
    assert!(evidence.skipped.is_empty(), "{:?}", evidence.skipped);
}

#[test]
fn what_is_no_answer_gives_nothing() {
    for (path, text) in [
        ("a.json", r#"{"kind": "Pod", "reason": "x"}"#),
        ("a.txt", "LAST SEEN  TYPE  REASON  OBJECT  MESSAGE\n"),
        ("a.txt", "Name:  x\nNamespace:  y\nEvents:  <none>\n"),
        ("a.json", r#"{"services": [{"serviceName": "x", "events": [{"message": 3}, {}]}]}"#),
        ("a.json", r#"{"services": {"serviceName": "#),
    ] {
        let evidence = evidence(path, text);
        assert!(evidence.signals.is_empty(), "{text}");
    }
}
