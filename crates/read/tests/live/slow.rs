//! Slow logs of PostgreSQL, MariaDB, Redis and nginx, as those wrote them.

use wonin_model::{Evidence, Slow};

use crate::{evidence, shown};

fn template<'a>(evidence: &'a Evidence, text: &str) -> &'a Slow {
    let found = evidence.slow.iter().find(|slow| slow.template == text);
    found.unwrap_or_else(|| {
        let known: Vec<&str> = evidence.slow.iter().map(|slow| slow.template.as_str()).collect();
        panic!("no `{text}` in {known:#?}")
    })
}

#[test]
fn postgresql_tells_each_statement_once() {
    let evidence = evidence(&[("db.log", include_str!("slow/postgresql.log"))]);
    let counted: Vec<(u64, &str)> =
        evidence.slow.iter().map(|slow| (slow.count, slow.template.as_str())).collect();
    assert_eq!(
        counted,
        [
            (1, "SELECT pg_sleep(?)"),
            (1, "UPDATE stock SET available = ? WHERE sku = ?"),
            (5, "select pg_sleep(?), ?::int from generate_series(?, …)"),
            (1, "select count(*), pg_sleep(?) from stock where sku > ?"),
        ]
    );
    let update = template(&evidence, "UPDATE stock SET available = ? WHERE sku = ?");
    assert_eq!(update.lock_us, Some(764_990));
    assert_eq!(update.clients, [("127.0.0.1".to_owned(), 1)]);
    // The same file is a log as well.
    assert_eq!(evidence.logs.len(), 1);
    let (line, text) = shown(&evidence, evidence.slow[0].place);
    assert_eq!((line, text.ends_with("statement: SELECT pg_sleep(1);")), (43, true));
}

#[test]
fn postgresql_in_csv_and_json_is_the_same() {
    for (path, text) in [
        ("db.csv.log", include_str!("slow/postgresql.csv")),
        ("db.json", include_str!("slow/postgresql.json")),
    ] {
        let evidence = evidence(&[(path, text)]);
        let slow = template(&evidence, "select ?, pg_sleep(?)");
        assert_eq!((slow.count, slow.total_us), (1, 150_800), "{path}");
        assert_eq!(slow.clients[0].0, "127.0.0.1");
    }
}

#[test]
fn mariadb_writes_begins_and_the_holder_is_told_from_the_waiting() {
    let evidence = evidence(&[("mariadb-slow.log", include_str!("slow/mariadb-slow.log"))]);
    let update = template(&evidence, "update t set v = v + ? where id = ?");
    assert_eq!((update.count, update.total_us), (3, 3_255_799));
    assert_eq!(update.service_us, Some(0));
    assert_eq!(update.lock_us, Some(3_455));
    let sleep = template(&evidence, "select sleep(?)");
    assert_eq!((sleep.count, sleep.service_us), (2, Some(1_400_126)));
    assert_eq!(sleep.clients, [("root@127.0.0.1".to_owned(), 2)]);
    template(&evidence, "select sleep(?), ?");
    template(&evidence, "select * from t where id in (?, …) and sleep(?)");
    assert!(evidence.loads[0].whole_seconds);
    assert!(evidence.logs.is_empty());
}

#[test]
fn redis_counts_its_own_time_alone() {
    for (path, text) in [
        ("slowlog.txt", include_str!("slow/redis-slowlog.txt")),
        ("slowlog.json", include_str!("slow/redis-slowlog.json")),
    ] {
        let evidence = evidence(&[(path, text)]);
        let keys = template(&evidence, "KEYS session:*");
        assert_eq!((keys.total_us, keys.service_us), (99_662, Some(99_662)), "{path}");
        let set = template(&evidence, "SET session:# …");
        assert_eq!((set.count, set.max_us), (2, 2_393));
        assert_eq!(keys.clients, [("127.0.0.1".to_owned(), 1)]);
        assert_eq!(evidence.loads[0].events, 7);
        assert_eq!(evidence.loads[0].total_us, 675_157);
        let place = shown(&evidence, keys.place).1;
        assert!(place.contains("session:*") || place.contains("(integer) 32"), "{place}");
    }
}

#[test]
fn nginx_writes_the_time_of_a_request_in_seconds() {
    let evidence = evidence(&[("access.log", include_str!("slow/nginx-access.log"))]);
    let usage = template(&evidence, "GET /devices/{}/usage");
    assert_eq!((usage.count, usage.max_us), (8, 1_409_000));
    let loop_over = template(&evidence, "GET /devices/{}/usage?from=*");
    let burst = loop_over.burst.as_ref().unwrap();
    assert_eq!((burst.count, burst.distinct, burst.varying), (6, 6, 1));
    assert!(evidence.loads[0].whole_seconds);
}

#[test]
fn a_combined_log_keeps_its_services_apart() {
    let web =
        include_str!("slow/nginx-access.log").lines().map(|line| format!("web-1  | {line}\n"));
    let db = include_str!("slow/postgresql.log").lines().map(|line| format!("db-1   | {line}\n"));
    let text: String = web.chain(db).collect();
    let evidence = evidence(&[("compose.log", &text)]);
    let loads: Vec<(&str, Option<&str>, u64)> = evidence
        .loads
        .iter()
        .map(|load| (load.source, load.service.as_deref(), load.events))
        .collect();
    assert_eq!(loads, [("postgresql", Some("db"), 8), ("access-log", Some("web"), 15)]);
}

#[test]
fn the_night_of_the_contractor_is_full() {
    let text = include_str!("../../../../cases/unknown-failures/serial-server/requests.log");
    let evidence = evidence(&[("requests.log", text)]);
    let readings = "select from readings where date within ? ?, meter=?";
    assert_eq!(evidence.slow[0].template, readings);
    let slow = template(&evidence, readings);
    assert_eq!((slow.count, slow.service_us.unwrap() / 1_000_000), (480, 182));
    let burst = slow.burst.as_ref().unwrap();
    assert_eq!((burst.client.as_str(), burst.count, burst.distinct), ("10.0.9.20", 480, 480));
    assert_eq!((burst.varying, burst.span_ms / 1000), (1, 191));
    // The dashboards wait as long as he does and hardly cost anything.
    let dashboard = "select last value by meter from latest where site=?";
    let dashboard = template(&evidence, dashboard);
    assert!(dashboard.max_us > 2_500_000);
    assert!(dashboard.service_us.unwrap() < 14_000_000);
    let load = &evidence.loads[0];
    let busy = |slot: &&wonin_model::LoadSlot| slot.service_us * 10 > load.slot_ms as u64 * 8_000;
    let busy: Vec<i64> = load.slots.iter().filter(busy).map(|slot| slot.at_ms).collect();
    let three = 1_650_250_800_000;
    assert!(busy.iter().all(|at| (three - 16_000..three + 192_000).contains(at)), "{busy:?}");
    assert!(busy.last().unwrap() - busy[0] >= 160_000, "{busy:?}");
}

#[test]
fn one_statement_behind_a_flood_of_alerts() {
    let text = include_str!("../../../../cases/unknown-failures/alert-flood/postgresql.log");
    let evidence = evidence(&[("postgresql.log", text)]);
    let culprit = "UPDATE stock SET price = reprice(sku, price) WHERE warehouse = ?";
    let slow = template(&evidence, culprit);
    let service: u64 = evidence.slow.iter().filter_map(|slow| slow.service_us).sum();
    assert!(slow.service_us.unwrap() * 100 > service * 99, "{slow:?} of {service}");
    let load = &evidence.loads[0];
    assert_eq!((load.events, load.templates), (26, 5));
    assert_eq!((load.total_us - slow.total_us) / 1_000_000, 87);
}
