//! What adds up and what does not.

use wonin_model::{PoolPerCall, Scope};

use crate::apps::testing::evidence;

const IMPORTS: &str = "import java.util.concurrent.*; import java.util.*; import org.quartz.*;\n";

fn pools(code: &str) -> Vec<PoolPerCall> {
    let code = format!("{IMPORTS}{code}");
    let evidence = evidence(&[("src/main/java/A.java", &code)]);
    for pool in &evidence.stack.code.pools_per_call {
        assert_eq!(evidence.sources.slice(pool.made.place().unwrap()), pool.made.value);
    }
    evidence.stack.code.pools_per_call
}

/// Made, size, scope, runs in, period.
fn shown(pool: &PoolPerCall) -> (&str, Option<u32>, Scope, &str, Option<u64>) {
    (
        &pool.made.value,
        pool.size.as_ref().map(|size| size.value),
        pool.scope,
        &pool.runs_in.value,
        pool.period_ms.as_ref().map(|period| period.value),
    )
}

#[test]
fn a_field_of_a_quartz_job_is_a_pool_for_every_firing() {
    let found = pools(
        "public class SmsJob extends QuartzJobBean {
            private static final int THREADS = 2 * 2;
            private static final ExecutorService SHARED = Executors.newCachedThreadPool();
            private final ExecutorService pool = Executors.newFixedThreadPool(THREADS);
            protected void executeInternal(JobExecutionContext c) { pool.submit(() -> send()); }
        }
        @Configuration class Jobs {
            @Bean JobDetail sms() { return JobBuilder.newJob(SmsJob.class).storeDurably().build(); }
            @Bean Trigger smsTrigger() { return TriggerBuilder.newTrigger().forJob(sms())
                .withSchedule(SimpleScheduleBuilder.simpleSchedule().withIntervalInSeconds(30)
                .repeatForever()).build(); }
        }",
    );
    let made = "Executors.newFixedThreadPool(THREADS)";
    assert_eq!(found.len(), 1);
    assert_eq!(shown(&found[0]), (made, Some(4), Scope::JobInstance, "SmsJob", Some(30_000)));
    assert!(found[0].sure > 0.9);
}

#[test]
fn scheduled_methods_and_what_they_call() {
    let found = pools(
        "@Component class Poll {
            @Autowired Helper helper;
            @Scheduled(fixedRate = 60 * 1000) void poll() { new Timer(); helper.run(); }
            @Scheduled(cron = \"${poll.cron:0 */5 * * * *}\") void other() {
                Executors.newSingleThreadExecutor().submit(() -> 1);
            }
        }
        @Service class Helper { void run() {
            ExecutorService pool = new ThreadPoolExecutor(1, 8, 1L, TimeUnit.SECONDS, queue);
            pool.submit(task);
        } }",
    );
    let all: Vec<_> = found.iter().map(shown).collect();
    assert_eq!(
        all,
        [
            ("new Timer()", Some(1), Scope::JobRun, "poll", Some(60_000)),
            ("Executors.newSingleThreadExecutor()", Some(1), Scope::JobRun, "other", Some(300_000)),
            (
                "new ThreadPoolExecutor(1, 8, 1L, TimeUnit.SECONDS, queue)",
                Some(8),
                Scope::JobRun,
                "poll",
                Some(60_000)
            ),
        ]
    );
}

#[test]
fn what_is_ended_kept_once_or_made_at_the_start_is_fine() {
    for body in [
        "ExecutorService p = Executors.newCachedThreadPool(); try { p.submit(t); } finally { p.shutdown(); }",
        "try (ExecutorService p = Executors.newFixedThreadPool(2)) { p.submit(t); }",
        "ExecutorService p = Executors.newCachedThreadPool(); end(p);",
        "if (kept == null) { kept = Executors.newCachedThreadPool(); } kept.submit(t);",
        "ExecutorService p = Executors.newCachedThreadPool(); p.submit(t); Closeables.closeQuietly(p);",
        "var v = Executors.newVirtualThreadPerTaskExecutor();",
    ] {
        let found = pools(&format!(
            "@Component class A {{ ExecutorService kept;
               @Scheduled(fixedRate = 1000) void run() {{ {body} }}
               void end(ExecutorService given) {{ given.shutdownNow(); }} }}"
        ));
        assert!(found.is_empty(), "{body}: {found:?}");
    }
    let once = pools(
        "@Configuration class B {
            private final ExecutorService field = Executors.newFixedThreadPool(3);
            @Bean Executor bean() { return Executors.newFixedThreadPool(3); }
            @PostConstruct void begin() { Executors.newFixedThreadPool(3).submit(t); }
            @PostConstruct public void init() {
                for (int i = 0; i < n; i++) { all.add(Executors.newSingleThreadExecutor()); }
            }
            public static void main(String[] a) { Executors.newFixedThreadPool(3).submit(t); }
        }",
    );
    assert!(once.is_empty(), "{once:?}");
}

#[test]
fn a_job_through_an_own_type_and_bare_threads() {
    let found = pools(
        "interface Nightly extends Job {}
        class Report implements Nightly {
            private ExecutorService pool = Executors.newSingleThreadExecutor();
            public void execute(JobExecutionContext c) {
                new Thread(() -> { while (true) { poll(); } }).start();
                new Thread(() -> once()).start();
            }
        }",
    );
    let all: Vec<_> = found.iter().map(|pool| (pool.scope, pool.sure > 0.5)).collect();
    assert_eq!(all, [(Scope::JobInstance, true), (Scope::JobRun, true), (Scope::JobRun, false)]);
}

#[test]
fn requests_holders_and_makers() {
    let found = pools(
        "@RestController class C {
            @GetMapping(\"/a\") String a() { Sender s = new Sender(); s.send(); return \"a\"; }
            @PostMapping(\"/b\") String b() { make().submit(t); return \"b\"; }
            @GetMapping(\"/c\") String c() {
                CompletableFuture.supplyAsync(() -> 1, Executors.newWorkStealingPool()); return \"c\";
            }
            private ExecutorService make() { return Executors.newScheduledThreadPool(5); }
        }
        class Sender { private final ExecutorService pool = Executors.newFixedThreadPool(9); void send() {} }",
    );
    let all: Vec<_> = found
        .iter()
        .map(|p| (p.size.as_ref().map(|s| s.value), p.scope, p.runs_in.value.as_str()))
        .collect();
    assert_eq!(
        all,
        [
            (None, Scope::Request, "c"),
            (Some(5), Scope::Request, "b"),
            (Some(9), Scope::Request, "a")
        ]
    );
}

#[test]
fn plain_methods_are_told_with_little_confidence() {
    let found = pools(
        "@Service class D { public void often() { Executors.newFixedThreadPool(2).submit(t); }
            void loop() { for (Item i : items) { Timer timer = new Timer(); timer.schedule(t, 1); } } }",
    );
    let all: Vec<_> = found.iter().map(|pool| (pool.scope, pool.sure < 0.5)).collect();
    assert_eq!(all, [(Scope::Call, true), (Scope::Call, false)]);
}

#[test]
fn tasks_that_a_scheduler_repeats() {
    let found = pools(
        "class Jobs {
            private final ExecutorService shared = Executors.newFixedThreadPool(3);
            static class Ask implements Runnable {
                private final ExecutorService own = Executors.newFixedThreadPool(2);
                public void run() { own.submit(() -> 1); }
            }
            public static void main(String[] args) {
                ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
                clock.scheduleAtFixedRate(() -> new Ask().run(), 0, 5, TimeUnit.SECONDS);
                clock.scheduleWithFixedDelay(Jobs::clean, 0, 1, TimeUnit.MINUTES);
                new Timer().schedule(new TimerTask() {
                    public void run() { ExecutorService once = Executors.newCachedThreadPool(); }
                }, 0, 250);
            }
            static void clean() { Executors.newFixedThreadPool(7).submit(() -> 1); }
        }",
    );
    let shown: Vec<_> = found.iter().map(shown).collect();
    let job = Scope::JobRun;
    let task = "the task that main schedules";
    assert_eq!(
        shown,
        [
            ("Executors.newFixedThreadPool(2)", Some(2), job, task, Some(5000)),
            ("Executors.newCachedThreadPool()", None, job, task, Some(250)),
            ("Executors.newFixedThreadPool(7)", Some(7), job, task, Some(60_000)),
        ]
    );
}

#[test]
fn tasks_that_run_once_or_clean_up_leave_nothing() {
    let found = pools(
        "class Jobs {
            private final ExecutorService shared = Executors.newFixedThreadPool(3);
            public static void main(String[] args) {
                ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
                clock.schedule(() -> Executors.newFixedThreadPool(2).submit(() -> 1), 5, TimeUnit.SECONDS);
                clock.scheduleAtFixedRate(() -> {
                    ExecutorService own = Executors.newFixedThreadPool(2);
                    try { own.submit(() -> 1); } finally { own.shutdown(); }
                }, 0, 5, TimeUnit.SECONDS);
                clock.scheduleAtFixedRate(() -> shared.submit(() -> 1), 0, 5, TimeUnit.SECONDS);
            }
        }",
    );
    assert!(found.is_empty(), "{found:?}");
}

/// Runs that bring the same things again start nothing for them again.
#[test]
fn what_runs_once_for_each_thing_is_fine() {
    let code = |condition: &str| {
        format!(
            "@Component class Queues {{
                private final Set<String> known = new HashSet<>(); @Autowired Worker worker;
                @Scheduled(fixedDelay = 1000) void look() {{
                    for (String queue : names()) {{
                        if ({condition}) {{ worker.start(queue); known.add(queue); }}
                    }}
                }}
            }}
            @Service class Worker {{ void start(String queue) {{
                Executors.newSingleThreadScheduledExecutor().scheduleWithFixedDelay(() -> poll(queue), 1, 1, TimeUnit.SECONDS);
            }} }}"
        )
    };
    for once in ["!known.contains(queue)", "known.add(queue)"] {
        assert!(pools(&code(once)).is_empty(), "{once}");
    }
    for again in ["known.contains(queue)", "queue.isReady()"] {
        assert_eq!(pools(&code(again)).len(), 1, "{again}");
    }
}

/// A connection that is made anew after the old one was ended is one at a time.
#[test]
fn what_is_ended_before_it_is_made_anew_is_fine() {
    let code = |reconnect: &str| {
        format!(
            "@Component class Discovery {{
                private ExecutorService pool;
                @Scheduled(fixedRate = 1000) void check() {{ if (isLost()) {{ reconnect(); }} }}
                void reconnect() {{ {reconnect} }}
                private void end() {{ pool.shutdown(); }}
                private void begin() {{ pool = Executors.newFixedThreadPool(2); pool.submit(task); }}
            }}"
        )
    };
    assert!(pools(&code("end(); begin();")).is_empty());
    assert_eq!(pools(&code("begin();")).len(), 1);
}
