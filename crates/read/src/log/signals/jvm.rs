//! The JVM, its threads and its frameworks (failure-knowledge 3, 11).

use super::{Text, text};

pub(super) const TEXTS: &[Text] = &[
    // Starting.
    text(
        "app.started",
        "Started ",
        r"Started (?P<app>[\w$.]+) in (?P<s>\d+(?:\.\d+)?) seconds(?: \((?:JVM|process) running for (?P<process_s>[\d.]+)\))?",
    ),
    text(
        "app.started",
        "started in ",
        r"(?P<app>\S+) (?:\S+ )?(?:on JVM )?\(?(?:powered by [^)]*\) )?started in (?P<s>\d+\.\d+)s",
    ),
    text("app.starting", "Starting ", r"Starting (?P<app>[\w$.]+) (?:v\S+ )?using Java"),
    text(
        "app.failed-to-start",
        "APPLICATION FAILED TO START",
        r"APPLICATION FAILED TO START(?s:.{0,40}?Description:\s+(?P<why>[^\n]+))?",
    ),
    text("app.failed-to-start", "Application run failed", r"Application run failed"),
    text("app.shutdown-started", "Commencing graceful shutdown", r"Commencing graceful shutdown"),
    text(
        "app.shutdown-aborted",
        "Graceful shutdown aborted",
        r"Graceful shutdown aborted with one or more requests still active",
    ),
    text(
        "app.shutdown-aborted",
        "Failed to shut down",
        r"Failed to shut down (?P<beans>\d+) beans? with phase value \d+ within timeout of (?P<ms>\d+)",
    ),
    text(
        "spring.bean-failed",
        "Error creating bean with name",
        r"Error creating bean with name '(?P<bean>[^']+)'",
    ),
    text(
        "spring.placeholder-missing",
        "Could not resolve placeholder",
        r"Could not resolve placeholder '(?P<key>[^']+)'",
    ),
    text(
        "spring.config-failed",
        "Failed to bind properties under",
        r"Failed to bind properties under '(?P<key>[^']+)'",
    ),
    text("spring.task-rejected", "TaskRejectedException", r"TaskRejectedException"),
    text(
        "spring.transaction-timeout",
        "TransactionTimedOutException",
        r"TransactionTimedOutException",
    ),
    text("spring.health-down", "health check failed", r"(?P<what>\w+) health check failed"),
    // Memory.
    text(
        "jvm.out-of-memory",
        "java.lang.OutOfMemoryError",
        r"java\.lang\.OutOfMemoryError(?:: (?P<why>[^\n]+))?",
    ),
    text(
        "netty.direct-memory",
        "OutOfDirectMemoryError",
        r"OutOfDirectMemoryError: failed to allocate (?P<bytes>\d+) byte\(s\) of direct memory \(used: (?P<used>\d+), max: (?P<limit>\d+)\)",
    ),
    text("jvm.out-of-memory", "OutOfMemoryError: ", r"OutOfMemoryError: (?P<why>[^\n]+)"),
    text(
        "jvm.no-native-thread",
        "unable to create native thread",
        r"unable to create (?:new )?native thread",
    ),
    text(
        "jvm.thread-not-started",
        "Failed to start thread",
        r#"Failed to start (?:the native )?thread "(?P<thread>[^"]*)".*?(?:pthread_create(?: failed)? \((?P<errno>\w+)\))"#,
    ),
    text(
        "jvm.thread-not-started",
        "Failed to start the native thread",
        r#"Failed to start the native thread for java\.lang\.Thread "(?P<thread>[^"]*)""#,
    ),
    text("jvm.stack-overflow", "StackOverflowError", r"java\.lang\.StackOverflowError"),
    text(
        "jvm.crashed",
        "A fatal error has been detected by the Java Runtime Environment",
        r"A fatal error has been detected by the Java Runtime Environment",
    ),
    text("jvm.heap-dumped", "Dumping heap to", r"Dumping heap to (?P<path>\S+)"),
    text(
        "jvm.long-pause",
        "Detected pause in JVM",
        r"Detected pause in JVM or host machine \(eg GC\): pause of approximately (?P<ms>\d+)ms",
    ),
    text(
        "jvm.insufficient-memory",
        "There is insufficient memory for the Java Runtime Environment",
        r"There is insufficient memory for the Java Runtime Environment to continue",
    ),
    // Pools of threads.
    text(
        "jvm.task-rejected",
        "RejectedExecutionException",
        r"RejectedExecutionException(?:[^\n]*?\[(?P<state>\w+), pool size = (?P<size>\d+), active threads = (?P<active>\d+), queued tasks = (?P<queued>\d+))?",
    ),
    text(
        "jvm.class-missing",
        "ClassNotFoundException",
        r"ClassNotFoundException: (?P<class>[\w.$]+)",
    ),
    text("jvm.class-missing", "NoClassDefFoundError", r"NoClassDefFoundError: (?P<class>[\w./$]+)"),
    text("jvm.method-missing", "NoSuchMethodError", r"NoSuchMethodError: (?P<method>[^\n]+)"),
    text(
        "jvm.wrong-class-version",
        "UnsupportedClassVersionError",
        r"UnsupportedClassVersionError: (?P<why>[^\n]+)",
    ),
    text(
        "vertx.blocked-thread",
        "has been blocked for",
        r"Thread (?P<thread>\S+) has been blocked for (?P<ms>\d+) ms",
    ),
    text(
        "tomcat.stuck-thread",
        "may be stuck",
        r"Thread \[?(?P<thread>[^\]\s]+)\]? \(id=\[?\d+\]?\) has been active for \[?(?P<ms>[\d,]+)\]? milliseconds",
    ),
    text(
        "tomcat.leaked-thread",
        "appears to have started a thread named",
        r"web application \[(?P<app>[^\]]+)\] appears to have started a thread named \[(?P<thread>[^\]]+)\]",
    ),
    text(
        "tomcat.max-threads",
        "All threads (",
        r"All threads \((?P<threads>\d+)\) are currently busy",
    ),
    // Quartz.
    text(
        "quartz.misfire",
        "misfired trigger",
        r"(?:Handling (?P<triggers>\d+) trigger\(s\) that missed|misfired trigger)",
    ),
    text(
        "quartz.misfire",
        "that missed their scheduled fire-time",
        r"Handling (?P<triggers>\d+) trigger\(s\) that missed their scheduled fire-time",
    ),
    text(
        "quartz.job-failed",
        "threw an unhandled Exception",
        r"Job (?P<job>\S+) threw an unhandled Exception",
    ),
    // Other runtimes.
    text("go.panic", "panic: ", r"(?m)^panic: (?P<why>[^\n]+)"),
    text(
        "go.fatal",
        "fatal error: ",
        r"fatal error: (?P<why>all goroutines are asleep - deadlock!|concurrent map [\w ]+|runtime: out of memory|stack overflow)",
    ),
    text("python.memory-error", "MemoryError", r"(?m)^MemoryError"),
    text("node.out-of-memory", "JavaScript heap out of memory", r"JavaScript heap out of memory"),
    text("node.unhandled-rejection", "UnhandledPromiseRejection", r"UnhandledPromiseRejection"),
    text(
        "gunicorn.worker-killed",
        "was sent SIGKILL! Perhaps out of memory?",
        r"Worker \(pid:(?P<pid>\d+)\) was sent SIGKILL! Perhaps out of memory\?",
    ),
    text("gunicorn.worker-timeout", "WORKER TIMEOUT", r"WORKER TIMEOUT \(pid:(?P<pid>\d+)\)"),
    text("dotnet.pool-starved", "ThreadPool is starved", r"ThreadPool is starved"),
    text(
        "dotnet.pool-exhausted",
        "The timeout period elapsed prior to obtaining a connection from the pool",
        r"The timeout period elapsed prior to obtaining a connection from the pool",
    ),
];
