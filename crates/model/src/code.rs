//! What source code shows about failing.

use wonin_text::Place;

use crate::{Located, ServiceId};

/// Facts found in source code, in the order of files and places.
#[derive(Debug, Default)]
pub struct Code {
    /// Thread pools (or bare threads, timers, clients) made again and again.
    pub pools_per_call: Vec<PoolPerCall>,
    /// Credentials read once and kept.
    pub frozen_credentials: Vec<FrozenCredentials>,
    /// Endpoints that answer before the work is known to have worked.
    pub early_answers: Vec<EarlyAnswer>,
}

/// What makes a piece of code run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A field of a class that a scheduler instantiates for every firing (Quartz `Job`).
    JobInstance,
    /// The body of a scheduled method or job.
    JobRun,
    /// The body of a request handler or message listener.
    Request,
    /// The body of another method.
    Call,
}

/// A thread pool that is made on every run and not shut down.
#[derive(Debug)]
pub struct PoolPerCall {
    /// The expression, as written: `Executors.newFixedThreadPool(4)`.
    pub made: Located<String>,
    /// Threads that one pool may hold; `None` without a bound.
    pub size: Option<Located<u32>>,
    /// What runs it.
    pub scope: Scope,
    /// Where the thing that runs it is declared (class or method), with its name.
    pub runs_in: Located<String>,
    /// The schedule, where it is known (`@Scheduled(fixedRate = 60000)`): milliseconds.
    pub period_ms: Option<Located<u64>>,
    /// The service or application it belongs to.
    pub service: Option<ServiceId>,
    /// Fields of beans that are made per request or per job carry the same risk, locals shut
    /// down in `finally` do not: how sure the reader is, 0 to 1.
    pub sure: f32,
}

/// Credentials taken out of their provider, or written as session tokens, and kept for the life
/// of the process (failure-knowledge 10).
#[derive(Debug)]
pub struct FrozenCredentials {
    /// The expression that freezes them, or the environment variable that holds the token.
    pub frozen: Located<String>,
    /// Where the client that keeps them is made.
    pub client: Option<Located<String>>,
    /// The provider that would refresh them, where the code shows one.
    pub provider: Option<Located<String>>,
    /// How long they live once read: a bean, a static field, a local of one call.
    pub kept_by: Option<Located<String>>,
    /// Whether a session token is known to be in them (role credentials); permanent keys do not
    /// expire.
    pub temporary: bool,
    /// The service it belongs to.
    pub service: Option<ServiceId>,
}

/// An endpoint that answers success before the outcome exists (failure-knowledge 4, K15).
#[derive(Debug)]
pub struct EarlyAnswer {
    /// The endpoint: `GET /sendMessage`.
    pub endpoint: Located<String>,
    /// The answer it gives.
    pub answer: Located<String>,
    /// The asynchronous work whose result nobody awaits.
    pub work: Located<String>,
    /// A blocking wait inside a shared pool, as in `supplyAsync(() -> future.get())`.
    pub blocks_common_pool: Option<Place>,
    /// The service it belongs to.
    pub service: Option<ServiceId>,
}
