//! All proxies of a process, and what can be asked of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use serde_json::Value;
use tokio::sync::Mutex;

use crate::address;
use crate::error::Error;
use crate::hits::Clock;
use crate::input::{ProxyInput, ToxicChange, ToxicInput};
use crate::limits;
use crate::tcp::plan::{Plan, Toxic, Traffic};
use crate::tcp::proxy::{self, Proxy};
use crate::tcp::workers::Workers;

/// How an [`Engine`] works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Fixes every random decision.
    pub seed: u64,
    /// Threads that carry bytes.
    pub workers: usize,
    /// Connections in all; more are reset.
    pub max_connections: usize,
    /// Whether listeners and upstreams may be on other machines.
    pub allow_remote: bool,
}

/// What every connection may know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) allow_remote: bool,
    pub(crate) max_connections: usize,
    /// Open connections.
    pub(crate) open: Arc<AtomicUsize>,
    /// Bytes that faults hold back.
    pub(crate) held: Arc<AtomicUsize>,
    pub(crate) workers: Workers,
    ids: AtomicU64,
}

/// Proxies by name.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    proxies: Mutex<BTreeMap<String, Proxy>>,
}

/// A proxy at one moment.
#[derive(Clone, Debug)]
pub(crate) struct ProxyView {
    pub(crate) name: String,
    pub(crate) listen: String,
    pub(crate) upstream: String,
    pub(crate) enabled: bool,
    pub(crate) plan: Arc<Plan>,
    pub(crate) retired: Vec<Toxic>,
    pub(crate) traffic: Arc<Traffic>,
}

impl ProxyView {
    fn of(proxy: &Proxy) -> Self {
        Self {
            name: proxy.name.to_string(),
            listen: proxy.listen.clone(),
            upstream: proxy.upstream.to_string(),
            enabled: proxy.enabled,
            plan: proxy.plan(),
            retired: proxy.retired.iter().cloned().collect(),
            traffic: Arc::clone(&proxy.traffic),
        }
    }
}

impl Engine {
    /// Starts the threads; there are no proxies yet.
    pub fn start(options: Options) -> io::Result<Self> {
        let shared = Shared {
            seed: options.seed,
            clock: Clock::new(),
            allow_remote: options.allow_remote,
            max_connections: options.max_connections,
            open: Arc::default(),
            held: Arc::default(),
            workers: Workers::start(options.workers)?,
            ids: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared), proxies: Mutex::default() })
    }

    /// The seed of all random decisions.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Creates the proxies of a configuration: Toxiproxy's list, where each may have `toxics` too.
    /// Gives their number.
    pub async fn configure(&self, text: &[u8]) -> Result<usize, Error> {
        let value = crate::input::json(text)?;
        let inputs = crate::input::proxies(&value)?;
        let is_twice = |n: usize| inputs[..n].iter().any(|one| one.name == inputs[n].name);
        if let Some(n) = (0..inputs.len()).find(|n| is_twice(*n)) {
            let why = format!("there is a proxy `{}` already, at proxy {}", inputs[n].name, n + 1);
            return Err(Error::bad_body(why));
        }
        let (_, outcome) = self.populate(inputs).await;
        outcome?;
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            let toxics = item.get("toxics").and_then(Value::as_array);
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            for toxic in toxics.map(Vec::as_slice).unwrap_or_default() {
                let within = |error: Error| error.within(&format!("toxics of proxy `{name}`"));
                let input = ToxicInput::parse(toxic).map_err(Error::named).map_err(within)?;
                self.add_toxic(name, input).await.map_err(within)?;
            }
        }
        Ok(items.len())
    }

    /// Closes all listeners and connections.
    pub async fn stop(&self) {
        let proxies = std::mem::take(&mut *self.proxies.lock().await);
        let mut stopping = Vec::new();
        for (_, mut proxy) in proxies {
            stopping.push(proxy.stop().await);
        }
        for connections in stopping {
            proxy::wait_for(connections).await;
        }
    }

    pub(crate) async fn list(&self) -> Vec<ProxyView> {
        self.proxies.lock().await.values().map(ProxyView::of).collect()
    }

    pub(crate) async fn get(&self, name: &str) -> Result<ProxyView, Error> {
        let proxies = self.proxies.lock().await;
        proxies.get(name).map(ProxyView::of).ok_or_else(Error::proxy_not_found)
    }

    pub(crate) async fn create(&self, input: ProxyInput) -> Result<ProxyView, Error> {
        let mut proxies = self.proxies.lock().await;
        if proxies.contains_key(&input.name) {
            return Err(Error::new(409, "proxy already exists"));
        }
        let proxy = self.make(&input, proxies.len()).await?;
        let view = ProxyView::of(&proxy);
        proxies.insert(input.name, proxy);
        Ok(view)
    }

    /// Makes a proxy and starts it if asked.
    async fn make(&self, input: &ProxyInput, count: usize) -> Result<Proxy, Error> {
        if count >= limits::PROXIES {
            return Err(Error::new(
                429,
                format!("there are {count} proxies, the limit: delete some"),
            ));
        }
        if input.name.len() > limits::NAME_BYTES {
            let max = limits::NAME_BYTES;
            return Err(Error::bad_body(format!("`name` is longer than {max} bytes")));
        }
        address::check_upstream(&input.upstream, self.shared.allow_remote)?;
        let shared = Arc::clone(&self.shared);
        let mut proxy = Proxy::new(shared, &input.name, &input.listen, &input.upstream);
        if input.enabled {
            proxy.start().await?;
        }
        Ok(proxy)
    }

    /// Changes addresses or the enabled state of a proxy; a changed address closes its connections.
    pub(crate) async fn update(&self, name: &str, body: &Value) -> Result<ProxyView, Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(name).ok_or_else(Error::proxy_not_found)?;
        let input = ProxyInput::over(body, &ProxyView::of(proxy))?;
        address::check_upstream(&input.upstream, self.shared.allow_remote)?;
        let mut stopped = None;
        if self.differs(proxy, &input).await? {
            stopped = Some(proxy.stop().await);
            proxy.listen = input.listen;
            proxy.upstream = input.upstream.into();
        }
        if input.enabled != proxy.enabled {
            if input.enabled {
                proxy.start().await?;
            } else {
                stopped = Some(proxy.stop().await);
            }
        }
        let view = ProxyView::of(proxy);
        drop(proxies);
        if let Some(connections) = stopped {
            proxy::wait_for(connections).await;
        }
        Ok(view)
    }

    async fn differs(&self, proxy: &Proxy, input: &ProxyInput) -> Result<bool, Error> {
        let listen = address::listen(&input.listen, self.shared.allow_remote).await?;
        Ok(proxy.listen != listen.to_string() || *proxy.upstream != input.upstream)
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let proxy = self.proxies.lock().await.remove(name);
        let connections = proxy.ok_or_else(Error::proxy_not_found)?.stop().await;
        proxy::wait_for(connections).await;
        Ok(())
    }

    /// Creates what is new, replaces what differs, keeps the rest. What was done before an error
    /// stays.
    pub(crate) async fn populate(
        &self,
        inputs: Vec<ProxyInput>,
    ) -> (Vec<ProxyView>, Result<(), Error>) {
        let mut done = Vec::new();
        for input in inputs {
            match self.add_or_replace(input).await {
                Ok(view) => done.push(view),
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    async fn add_or_replace(&self, input: ProxyInput) -> Result<ProxyView, Error> {
        let mut proxies = self.proxies.lock().await;
        let mut count = proxies.len();
        let mut stopped = None;
        if let Some(existing) = proxies.get_mut(&input.name) {
            if !self.differs(existing, &input).await? {
                return Ok(ProxyView::of(existing));
            }
            count -= 1;
            stopped = Some(existing.stop().await);
        }
        let proxy = self.make(&input, count).await?;
        let view = ProxyView::of(&proxy);
        proxies.insert(input.name, proxy);
        drop(proxies);
        if let Some(connections) = stopped {
            proxy::wait_for(connections).await;
        }
        Ok(view)
    }

    /// Enables all proxies and removes all faults.
    pub(crate) async fn reset(&self) -> Result<(), Error> {
        for proxy in self.proxies.lock().await.values_mut() {
            proxy.change(Plan::default()).await?;
            proxy.start().await?;
        }
        Ok(())
    }

    pub(crate) async fn add_toxic(&self, proxy: &str, input: ToxicInput) -> Result<Toxic, Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(proxy).ok_or_else(Error::proxy_not_found)?;
        let mut plan = (*proxy.plan()).clone();
        if plan.find(&input.name).is_some() {
            return Err(Error::new(409, "toxic already exists"));
        }
        if plan.all().count() >= limits::TOXICS {
            let max = limits::TOXICS;
            return Err(Error::new(429, format!("the proxy has {max} toxics, the limit")));
        }
        let toxic = Toxic {
            id: self.shared.ids.fetch_add(1, Relaxed),
            revision: 0,
            name: input.name,
            direction: input.direction,
            stream: input.stream,
            toxicity: input.toxicity,
            fault: input.fault,
            hits: Arc::default(),
        };
        plan.toxics[toxic.direction.index()].push(toxic.clone());
        proxy.change(plan).await?;
        tracing::info!(proxy = ?proxy.name, toxic = ?toxic.name, kind = toxic.fault.kind(), stream = ?toxic.stream, toxicity = toxic.toxicity, attributes = %toxic.fault.attributes(), "fault added");
        Ok(toxic)
    }

    pub(crate) async fn update_toxic(
        &self,
        proxy: &str,
        name: &str,
        body: Result<Value, Error>,
    ) -> Result<Toxic, Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(proxy).ok_or_else(Error::proxy_not_found)?;
        let mut plan = (*proxy.plan()).clone();
        let toxic = plan.toxics.iter_mut().flatten().find(|toxic| toxic.name == name);
        let toxic = toxic.ok_or_else(Error::toxic_not_found)?;
        let change = ToxicChange::parse(&body?, toxic)?;
        toxic.revision += 1;
        toxic.toxicity = change.toxicity;
        toxic.fault = change.fault;
        let changed = toxic.clone();
        proxy.change(plan).await?;
        tracing::info!(proxy = ?proxy.name, toxic = ?name, toxicity = changed.toxicity, attributes = %changed.fault.attributes(), "fault changed");
        Ok(changed)
    }

    pub(crate) async fn remove_toxic(&self, proxy: &str, name: &str) -> Result<(), Error> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(proxy).ok_or_else(Error::proxy_not_found)?;
        let mut plan = (*proxy.plan()).clone();
        if plan.find(name).is_none() {
            return Err(Error::toxic_not_found());
        }
        for toxics in &mut plan.toxics {
            toxics.retain(|toxic| toxic.name != name);
        }
        proxy.change(plan).await?;
        tracing::info!(proxy = ?proxy.name, toxic = ?name, "fault removed");
        Ok(())
    }
}
