//! Tasks of Docker Swarm that do not run, and why: `docker service ps`, `docker stack ps`. Their
//! ages are of the moment of asking, which nobody wrote down.

use super::{Entry, Form};
use crate::live::swarm;

pub(super) const TASKS: Form = Form {
    accepts: swarm::lists_tasks,
    read: |text, entries| {
        let tasks = swarm::tasks(text);
        entries.extend(swarm::present(&tasks).into_iter().filter_map(|task| {
            Some(Entry {
                span: task.at,
                text: format!("{}: {}", task.state, task.error.as_ref()?),
                is_warning: true,
                times: 1,
                service: Some(task.service().to_owned()),
                ..Entry::default()
            })
        }));
    },
};
