//! The proxy before the brokers of one cluster.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::{info, warn};

use super::check::check;
use super::core::{Core, lock};
use super::learn::{self, NotLearnt};
use super::node::Node;
use super::plan::{Plan, Rule};
use super::{Act, Escape, KafkaBrokerView, KafkaFault, KafkaFaultView, KafkaHits, KafkaOptions};
use crate::error::Error;
use crate::tcp::workers::{Workers, workers_for};
use crate::{address, limits};

/// A listener for each broker, and faults on what passes. A clone is the same proxy; it ends with
/// [`KafkaProxy::stop`], or when the last clone is gone.
#[derive(Clone, Debug)]
pub struct KafkaProxy {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

impl KafkaProxy {
    /// Asks for the brokers and listens for each of them. Threads of its own carry the bytes.
    ///
    /// A broker that lets nobody ask before having logged in (SASL) gets a listener for each
    /// bootstrap address; the others follow when a client asks.
    pub async fn start(options: KafkaOptions) -> Result<Self, Error> {
        let listen = format!("{}:0", options.listen_host);
        let listen_ip: IpAddr = address::listen(&listen, options.allow_remote).await?.ip();
        if options.bootstrap.is_empty() {
            return Err(Error::new(400, "no bootstrap address is given"));
        }
        for bootstrap in &options.bootstrap {
            address::check_upstream(bootstrap, options.allow_remote)?;
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = Workers::start(workers_for(threads))
            .map_err(|error| Error::new(500, format!("cannot start threads: {error}")))?;
        let place = (listen_ip, options.first_port);
        let core = Arc::new(Core::new(options.seed, options.allow_remote, place, workers));
        // From here on whatever was started ends with the handle.
        let proxy = Self { handle: Arc::new(Handle { core }) };
        proxy.learn(&options).await?;
        Ok(proxy)
    }

    async fn learn(&self, options: &KafkaOptions) -> Result<(), Error> {
        let core = self.core();
        let listen = |node, host: &str, port| {
            core.ensure(node, host, port).map_err(|error| Error::new(500, error.to_string()))
        };
        match learn::brokers(&options.bootstrap, options.allow_remote).await {
            Ok(mut brokers) => {
                brokers.sort_by_key(|broker| broker.id);
                for broker in brokers {
                    let upstream = format!("{}:{}", broker.host, broker.port);
                    address::check_upstream(&upstream, options.allow_remote)
                        .map_err(|error| error.within(&format!("broker {}", broker.id)))?;
                    listen(Node::Broker(broker.id), &broker.host, broker.port)?;
                }
                Ok(())
            }
            Err(NotLearnt::Unreachable(why)) => {
                Err(Error::new(502, format!("no broker can be reached: {why}")))
            }
            Err(NotLearnt::Silent(why)) => {
                warn!(why, "the brokers are not known before a client asks for them");
                for (n, bootstrap) in options.bootstrap.iter().enumerate() {
                    let (host, port) = address::split(bootstrap)?;
                    listen(Node::Bootstrap(n), host, i32::from(port))?;
                }
                Ok(())
            }
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// The seed of all random decisions.
    pub fn seed(&self) -> u64 {
        self.core().seed
    }

    /// What clients are to use as `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        let brokers = self.brokers().into_iter().filter(|broker| !broker.controller);
        brokers.map(|broker| broker.listen.to_string()).collect::<Vec<_>>().join(",")
    }

    /// All listeners, brokers first, by node id.
    pub fn brokers(&self) -> Vec<KafkaBrokerView> {
        let view = |edge: Arc<super::core::Edge>| KafkaBrokerView {
            node_id: edge.node.id(),
            controller: matches!(edge.node, Node::Controller(_)),
            listen: edge.listen,
            upstream: edge.upstream().to_string(),
            accepted: edge.accepted.load(Relaxed),
            open: edge.open.load(Relaxed),
        };
        self.core().edges().into_iter().map(view).collect()
    }

    /// Adds a fault. It acts when this returns; listeners are closed then too.
    pub fn add(&self, name: &str, fault: KafkaFault) -> Result<(), Error> {
        check(name, &fault)?;
        let core = self.core();
        let id = core.rule_ids.fetch_add(1, Relaxed);
        let refuses = matches!(fault.act, Act::Refuse {});
        let rule = Arc::new(Rule::new(id, name, fault, core.seed, core.clock));
        let mut outcome = Ok(0);
        core.plan.send_if_modified(|plan| {
            if plan.find(name).is_some() {
                outcome = Err(Error::new(409, format!("fault `{name}` already exists")));
                return false;
            }
            if plan.rules.len() >= limits::KAFKA_FAULTS {
                let max = limits::KAFKA_FAULTS;
                outcome = Err(Error::new(429, format!("there are {max} faults, the limit")));
                return false;
            }
            let mut rules = plan.rules.clone();
            rules.push(rule);
            *plan = Arc::new(Plan { revision: plan.revision + 1, rules });
            outcome = Ok(plan.revision);
            true
        });
        let revision = outcome?;
        info!(fault = name, "fault added");
        if refuses {
            core.wait_until_applied(revision);
        }
        Ok(())
    }

    /// Removes a fault; false if there is none of that name. What it held back goes on.
    pub fn remove(&self, name: &str) -> bool {
        let core = self.core();
        let mut removed = None;
        core.plan.send_if_modified(|plan| {
            let Some(rule) = plan.find(name).cloned() else { return false };
            let mut rules = plan.rules.clone();
            rules.retain(|kept| kept.id != rule.id);
            *plan = Arc::new(Plan { revision: plan.revision + 1, rules });
            removed = Some((rule, plan.revision));
            true
        });
        let Some((rule, revision)) = removed else { return false };
        info!(fault = name, "fault removed");
        let refused = matches!(rule.fault.act, Act::Refuse {});
        let mut retired = lock(&core.retired);
        if retired.len() == limits::RETIRED {
            retired.pop_front();
        }
        retired.push_back(rule);
        drop(retired);
        if refused {
            core.wait_until_applied(revision);
        }
        true
    }

    /// What a fault did so far, also one that was removed; of several of one name the latest.
    pub fn hits(&self, name: &str) -> Option<KafkaHits> {
        let core = self.core();
        if let Some(rule) = core.plan.borrow().find(name) {
            return Some(rule.hits.count());
        }
        let retired = lock(&core.retired);
        retired.iter().rev().find(|rule| &*rule.name == name).map(|rule| rule.hits.count())
    }

    /// All faults with what they did, those that were removed first.
    pub fn faults(&self) -> Vec<KafkaFaultView> {
        let view = |rule: &Arc<Rule>, removed| KafkaFaultView {
            name: rule.name.to_string(),
            fault: rule.fault.clone(),
            removed,
            hits: rule.hits.count(),
        };
        let core = self.core();
        let mut views: Vec<_> = lock(&core.retired).iter().map(|rule| view(rule, true)).collect();
        views.extend(core.plan.borrow().rules.iter().map(|rule| view(rule, false)));
        views
    }

    /// Connections of clients that go to brokers without passing here. A client is a process that
    /// has a connection to one of the listeners. Linux only; see [`KafkaProxy::unseen`] for what
    /// cannot be seen.
    pub fn escapes(&self) -> Vec<Escape> {
        super::escape::look(self.core()).escapes
    }

    /// In words, what [`KafkaProxy::escapes`] cannot see here.
    pub fn unseen(&self) -> Vec<String> {
        super::escape::look(self.core()).unseen
    }

    /// Closes all listeners and connections.
    pub async fn stop(&self) {
        let core = self.core();
        core.stop.cancel();
        core.tasks.close();
        if tokio::time::timeout(limits::STOP, core.tasks.wait()).await.is_err() {
            tracing::debug!(left = core.tasks.len(), "connections are still being closed");
        }
    }
}

/// The listeners' addresses, for whoever looks for clients.
pub(super) fn listeners(core: &Core) -> Vec<SocketAddr> {
    core.edges().iter().map(|edge| edge.listen).collect()
}
