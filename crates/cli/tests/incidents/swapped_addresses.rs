//! Containers that come back in another order on a real Docker Engine: each gets another's
//! address, and whoever kept an address talks to the wrong one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use wonin_testbed::docker::Engine;
use wonin_testbed::{available, run, wait_until};

use crate::diagnosis::Diagnosis;

const LIMIT: Duration = Duration::from_secs(30);

/// Two services that say their names to whoever connects, and one that keeps what it looked up
/// when it was started: by its address, which goes into its log.
const COMPOSE: &str = "\
services:
  orders:
    image: tiny
    restart: unless-stopped
    command: nc -ll -p 7000 -e echo orders
    expose: ['7000']
    networks:
      shop: {}
  prices:
    image: tiny
    restart: unless-stopped
    command: nc -ll -p 7001 -e echo prices
    expose: ['7001']
    networks:
      shop: {}
  front:
    image: tiny
    restart: unless-stopped
    command: sleep 3600
    networks:
      shop: {}
networks:
  shop:
    ipam:
      config:
        - subnet: 172.30.7.0/24
";

/// The stack, and the folder with its Compose file.
struct Shop {
    engine: Engine,
    folder: TempDir,
}

impl Shop {
    fn start(compose: &str) -> Option<Self> {
        let engine = available(Engine::start())?;
        engine.import_busybox();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("docker-compose.yml"), compose).unwrap();
        fs::create_dir_all(folder.path().join("live")).unwrap();
        fs::create_dir_all(folder.path().join("logs")).unwrap();
        let shop = Self { engine, folder };
        // One after the other, so that everybody knows who got which address.
        for service in ["orders", "prices", "front"] {
            let up = ["-p", "shop", "up", "-d", "--no-deps", service];
            available(shop.engine.compose(shop.folder.path(), &up))?;
        }
        Some(shop)
    }

    fn address(&self, service: &str) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        self.engine.ask(&["inspect", "--format", format, &format!("shop_{service}_1")])
    }

    /// Who answers to `front` at `target`; what `nc` complains of otherwise.
    fn who(&self, target: &str, port: &str) -> String {
        let said = self.engine.docker(&[
            "exec",
            "shop_front_1",
            "timeout",
            "5",
            "nc",
            "-w",
            "2",
            target,
            port,
        ]);
        let text = if said.status.success() { said.stdout } else { said.stderr };
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Keeps what `docker inspect` and `docker network inspect` say now.
    fn save(&self, when: &str) {
        let containers =
            self.engine.ask(&["inspect", "shop_orders_1", "shop_prices_1", "shop_front_1"]);
        let path = self.folder.path().join(format!("live/containers-{when}.json"));
        fs::write(path, containers).unwrap();
    }

    /// Stops both and starts them the other way round, as an engine may after a reboot.
    fn reboot(&self) {
        self.engine.ask(&["stop", "-t", "0", "shop_orders_1", "shop_prices_1"]);
        self.engine.ask(&["start", "shop_prices_1"]);
        self.engine.ask(&["start", "shop_orders_1"]);
    }
}

/// A line as a client on a JVM would log it.
fn log(folder: &Path, text: &str) {
    let now = run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]), LIMIT);
    let now = String::from_utf8_lossy(&now.stdout).trim().to_owned();
    let line = format!(
        "{now} ERROR 1 --- [front] [main] shop.front.OrdersClient : java.net.ConnectException: {text}\n"
    );
    let path = folder.join("logs/front.log");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, before + &line).unwrap();
}

#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn containers_that_start_the_other_way_round_swap_addresses() {
    let Some(shop) = Shop::start(COMPOSE) else { return };
    let (orders, prices) = (shop.address("orders"), shop.address("prices"));
    assert!(wait_until(LIMIT, || shop.who(&orders, "7000") == "orders"));
    shop.save("before");

    shop.reboot();
    println!(
        "orders {orders} -> {}, prices {prices} -> {}",
        shop.address("orders"),
        shop.address("prices")
    );
    assert_eq!((shop.address("orders"), shop.address("prices")), (prices.clone(), orders.clone()));
    // Whoever kept the address asks the wrong one: there somebody else listens, on another port.
    assert!(wait_until(LIMIT, || shop.who(&orders, "7001") == "prices"));
    let refused = shop.who(&orders, "7000");
    println!("front, which kept {orders}: {refused}");
    assert!(refused.contains("Connection refused"), "{refused}");
    // By name everything is well.
    assert!(wait_until(LIMIT, || shop.who("orders", "7000") == "orders"));

    log(shop.folder.path(), &format!("Connection refused: /{orders}:7000"));
    shop.save("after");
    let diagnosis = Diagnosis::of(shop.folder.path());
    println!("{:#?}", diagnosis.all());
    diagnosis.assert_observed("stale-registration");
    let told = diagnosis.all().join("\n");
    assert!(told.contains(&format!("{orders}:7000 is held by prices now")), "{told}");
}

/// With fixed addresses, and a range for the others that leaves them out, the order of starts does
/// not matter.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn fixed_addresses_outside_of_the_range_stay() {
    let fixed = COMPOSE
        .replacen("      shop: {}\n", "      shop:\n        ipv4_address: 172.30.7.10\n", 1)
        .replacen("      shop: {}\n", "      shop:\n        ipv4_address: 172.30.7.11\n", 1)
        .replace(
            "        - subnet: 172.30.7.0/24\n",
            "        - subnet: 172.30.7.0/24\n          ip_range: 172.30.7.128/25\n",
        );
    let Some(shop) = Shop::start(&fixed) else { return };
    assert_eq!(shop.address("orders"), "172.30.7.10");
    assert!(wait_until(LIMIT, || shop.who("172.30.7.10", "7000") == "orders"));
    shop.reboot();
    assert_eq!(shop.address("orders"), "172.30.7.10");
    assert_eq!(shop.address("prices"), "172.30.7.11");
    assert!(wait_until(LIMIT, || shop.who("172.30.7.10", "7000") == "orders"));
    assert!(wait_until(LIMIT, || shop.who("orders", "7000") == "orders"));
    shop.save("after");
    let diagnosis = Diagnosis::of(shop.folder.path());
    println!("{:#?}", diagnosis.all());
    assert!(!diagnosis.names("stale-registration"));
}

/// Without the range, a dynamic container takes the fixed address of one that is not up.
#[test]
#[ignore = "needs root and a Docker engine; ./test runs it"]
fn fixed_addresses_within_the_pool_can_be_taken() {
    let fixed =
        COMPOSE.replacen("      shop: {}\n", "      shop:\n        ipv4_address: 172.30.7.2\n", 1);
    let Some(shop) = Shop::start(&fixed) else { return };
    shop.engine.ask(&["stop", "-t", "0", "shop_orders_1", "shop_prices_1"]);
    shop.engine.ask(&["start", "shop_prices_1"]);
    println!("prices took {}", shop.address("prices"));
    assert_eq!(shop.address("prices"), "172.30.7.2");
    let started = shop.engine.docker(&["start", "shop_orders_1"]);
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    println!("{}", said.trim());
    assert!(!started.status.success() && said.contains("Address already in use"), "{said}");
}
