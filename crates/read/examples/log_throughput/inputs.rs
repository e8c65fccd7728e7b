//! Made logs, each hard on another part of the reader, and files that are read again and again.

use std::io::Read;

/// Lines of one block of a made log; a longer log repeats the block.
const BLOCK_LINES: u64 = 100_000;

/// A made log: its name, and how one of its events is written.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    event: fn(u64) -> String,
}

/// All made logs.
pub(crate) const MADE: &[Made] = &[
    Made { name: "program", event: program },
    Made { name: "random-words", event: random_words },
    Made { name: "hikari", event: hikari },
    Made { name: "hikari-traced", event: hikari_traced },
    Made { name: "kafka", event: kafka },
    Made { name: "traces", event: trace },
    Made { name: "json", event: json },
    Made { name: "access", event: access },
];

impl Made {
    /// Its first block.
    pub(crate) fn block(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut lines = 0;
        let mut number = 0;
        while lines < BLOCK_LINES {
            let event = (self.event)(number);
            lines += 1 + event.matches('\n').count() as u64;
            out.extend_from_slice(event.as_bytes());
            out.push(b'\n');
            number += 1;
        }
        out
    }
}

/// The same bytes again and again.
pub(crate) struct Again {
    pub(crate) block: Vec<u8>,
    pub(crate) at: usize,
}

impl Read for Again {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.block[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.block.len();
        Ok(count)
    }
}

/// A time of day that goes on by a millisecond with each event.
fn clock(number: u64) -> String {
    let (second, ms) = (number / 1000 % 86_400, number % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", second / 3600, second / 60 % 60, second % 60)
}

/// A program that works and now and then fails.
fn program(number: u64) -> String {
    let time = clock(number);
    match number % 50 {
        7 => format!(
            "2024-06-01T{time}Z ERROR 1 --- [shop] [nio-8080-exec-{}] c.e.OrderController : Sending failed\norg.springframework.kafka.KafkaException: Send failed\n\tat c.e.OrderController.send(OrderController.java:31)\nCaused by: org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.",
            number % 9
        ),
        8..20 => format!(
            "2024-06-01T{time}Z  WARN 1 --- [shop] [worker-{}] c.e.Stock : Stock of item {number} is low: {} left",
            number % 7,
            number % 13
        ),
        _ => format!(
            "2024-06-01T{time}Z  INFO 1 --- [shop] [nio-8080-exec-{}] c.e.OrderController : Order {number} of customer {} accepted in {} ms",
            number % 9,
            number * 7919 % 100_003,
            number % 97
        ),
    }
}

/// Eight words that no other line has: nothing to learn, and much to forget.
fn random_words(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut line = format!("2024-06-01T{}Z INFO", clock(number));
    for _ in 0..8 {
        line.push(' ');
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut letters = state >> 20;
        for _ in 0..3 + (state >> 60) % 6 {
            line.push(char::from(b'a' + (letters % 26) as u8));
            letters /= 26;
        }
    }
    line
}

/// A pool without free connections: a signal with many values in each line.
fn hikari(number: u64) -> String {
    format!(
        "2024-06-01T{}Z ERROR 1 --- [shop] [nio-8080-exec-{}] o.h.engine.jdbc.spi.SqlExceptionHelper : HikariPool-1 - Connection is not available, request timed out after {}ms (total=10, active=10, idle=0, waiting={})",
        clock(number),
        number % 9,
        30_000 + number % 10,
        number % 190
    )
}

/// The same with an identifier that no other line has.
fn hikari_traced(number: u64) -> String {
    let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hikari(number).replacen("[shop]", &format!("[shop,{id:016x},{:08x}]", id >> 32), 1)
}

/// A client that finds no broker: a signal in each line.
fn kafka(number: u64) -> String {
    format!(
        "[2024-06-01 {}] WARN [Producer clientId=producer-1] Connection to node {} (kafka-{}/172.18.0.3:9092) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)",
        clock(number).replace('.', ","),
        number % 3,
        number % 3
    )
}

/// An exception with its frames and its cause.
fn trace(number: u64) -> String {
    let mut event = format!(
        "2024-06-01T{}Z ERROR 1 --- [shop] [nio-8080-exec-{}] o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw exception\njava.lang.IllegalStateException: Order {number} is closed",
        clock(number),
        number % 9
    );
    for frame in 0..20 {
        let frame = format!("\n\tat org.example.shop.Layer{frame}.call(Layer{frame}.java:40)");
        event.push_str(&frame);
    }
    event.push_str("\nCaused by: java.net.ConnectException: Connection refused\n\t... 19 more");
    event
}

/// An object in each line.
fn json(number: u64) -> String {
    format!(
        r#"{{"@timestamp":"2024-06-01T{}Z","log.level":"INFO","message":"Order {number} of customer {} accepted in {} ms","service.name":"shop","process.thread.name":"nio-8080-exec-{}","log.logger":"org.example.shop.OrderController"}}"#,
        clock(number),
        number * 7919 % 100_003,
        number % 97,
        number % 9
    )
}

/// A gateway's requests.
fn access(number: u64) -> String {
    let time = clock(number);
    format!(
        r#"10.0.{}.{} - - [01/Jun/2024:{} +0000] "GET /orders/{number}?page={} HTTP/1.1" {} {} "-" "Mozilla/5.0 (X11; Linux x86_64) Firefox/126.0""#,
        number % 7,
        number % 251,
        &time[..8],
        number % 5,
        if number.is_multiple_of(50) { 502 } else { 200 },
        number * 31 % 20_000
    )
}
