//! A Compose project that was started for one run alone: all of it goes when the run is over.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::client::{Client, Refused, encoded};
use super::{LATE, PROJECT, list};
use crate::undo::Outcome;

/// From one look at the engine to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long removing may be tried: a network goes only after its last container.
const REMOVED: Duration = Duration::from_secs(30);

/// What removes a project: containers, networks and volumes that carry its label, and the folder
/// that its files were copied to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProjectUndo {
    pub(crate) socket: PathBuf,
    pub(crate) project: String,
    pub(crate) folder: Option<PathBuf>,
}

impl ProjectUndo {
    /// Removes all of it and looks whether it is gone; may be called at any moment and again.
    /// Where it may still be starting (`may_come_later`), it is looked again for a while.
    pub(crate) async fn heal(&self, may_come_later: bool) -> Result<Outcome, String> {
        let client = Client::at(&self.socket);
        let begin = Instant::now();
        let quiet = if may_come_later { LATE } else { Duration::ZERO };
        let mut removed = 0;
        let mut empty_since = None;
        loop {
            let found = self.remove(&client).await;
            match &found {
                Ok(0) => {
                    let since = *empty_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= quiet {
                        break;
                    }
                }
                Ok(count) => {
                    removed += count;
                    empty_since = None;
                }
                Err(_) => empty_since = None,
            }
            if begin.elapsed() > REMOVED {
                let why = found.err().unwrap_or_else(|| "parts of it come again".to_owned());
                return Err(format!("project {} cannot be removed: {why}", self.project));
            }
            sleep(LOOK_AGAIN).await;
        }
        let folder = self.remove_folder()?;
        let name = &self.project;
        Ok(match removed {
            0 if !folder => Outcome::whole(format!("nothing of project {name} is there")),
            _ => Outcome::healed(format!(
                "project {name} is gone, with its containers, networks and volumes"
            )),
        })
    }

    /// Asks for the removal of everything that is there; says how many things that were.
    async fn remove(&self, client: &Client) -> Result<usize, String> {
        let labels = [format!("{PROJECT}={}", self.project)];
        let mut count = 0;
        for id in list(client, &labels).await? {
            gone(client.delete(&format!("/containers/{}?force=1&v=1", encoded(&id))).await)?;
            count += 1;
        }
        let filters = encoded(&json!({ "label": labels }).to_string());
        let networks = client.get(&format!("/networks?filters={filters}")).await?;
        for id in names(&networks, "Id") {
            gone(client.delete(&format!("/networks/{}", encoded(id))).await)?;
            count += 1;
        }
        let volumes = client.get(&format!("/volumes?filters={filters}")).await?;
        for name in names(&volumes["Volumes"], "Name") {
            gone(client.delete(&format!("/volumes/{}?force=1", encoded(name))).await)?;
            count += 1;
        }
        Ok(count)
    }

    /// Whether there was a folder.
    fn remove_folder(&self) -> Result<bool, String> {
        let Some(folder) = &self.folder else { return Ok(false) };
        remove_folder(folder)
            .map_err(|error| format!("folder {} cannot be removed: {error}", folder.display()))
    }
}

fn remove_folder(folder: &Path) -> io::Result<bool> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn names<'a>(list: &'a Value, key: &'static str) -> impl Iterator<Item = &'a str> {
    list.as_array().into_iter().flatten().filter_map(move |one| one[key].as_str())
}

/// What another removed meanwhile is as good.
fn gone(answer: Result<Value, Refused>) -> Result<(), String> {
    match answer {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}
