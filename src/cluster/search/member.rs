//! One node of a formed cluster, asked and told on behalf of a roll. It does as it is told; what is to be done is decided elsewhere.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Asker, Search, read};
use crate::domain::{
    Clock, Obstacle, ObstacleKind, SearchIdentity, SearchSetting, SearchShutdown, ShardSight,
    printable,
};

/// So much of a server's reason is repeated, in characters.
const REASON: usize = 300;

/// A flush writes what is in memory, so it takes longer than a question.
const FLUSH: Duration = Duration::from_secs(60);

/// A node that answers for a formed cluster.
pub struct SearchMember<'a> {
    asker: Asker<'a>,
    identity: SearchIdentity,
    cluster: String,
}

/// What came of telling a cluster something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It says that it was done.
    Done,
    /// It will not do it.
    Refused(Obstacle),
    /// It may have been done or not.
    Unknown(Obstacle),
}

impl Search {
    /// The first node that answers as one of a formed cluster; each question within `timeout`.
    ///
    /// # Errors
    ///
    /// None does.
    pub fn member<'a>(
        &'a self,
        timeout: Duration,
        clock: &'a dyn Clock,
    ) -> Result<SearchMember<'a>, Obstacle> {
        let nobody = || Obstacle { kind: ObstacleKind::Empty, detail: String::new() };
        let (asker, identity) = self.first(timeout, clock).ok_or_else(nobody)?;
        let identity = identity?;
        let Some(cluster) = identity.cluster_uuid.clone() else {
            let detail = format!("{} belongs to no formed cluster", asker.http.object());
            return Err(Obstacle { kind: ObstacleKind::NotUnderstood, detail });
        };
        Ok(SearchMember { asker, identity, cluster })
    }
}

impl SearchMember<'_> {
    /// Product and version.
    pub fn identity(&self) -> &SearchIdentity {
        &self.identity
    }

    /// The cluster's unique id.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// What is set of the cluster.
    ///
    /// # Errors
    ///
    /// It was not told.
    pub fn settings(&self) -> Result<Vec<SearchSetting>, Obstacle> {
        self.asker.ask("_cluster/settings?flat_settings=true", read::settings)
    }

    /// Its nodes, its shards, and then how it is.
    pub fn shards(&self) -> ShardSight {
        ShardSight {
            nodes: self.asker.nodes(),
            shards: self.asker.shards(),
            health: self.asker.health(),
        }
    }

    /// Sets a persistent setting, or takes it away.
    pub fn set_persistent(&self, name: &str, value: Option<&str>) -> Told {
        let body = json!({"persistent": {name: value}});
        self.tell(Method::PUT, "_cluster/settings", Some(&body))
    }

    /// How a node is registered to be shut down, if it is. A build without the commercial part has no such register.
    ///
    /// # Errors
    ///
    /// It was not told.
    pub fn shutdown(&self, node_id: &str) -> Result<Option<SearchShutdown>, Obstacle> {
        let path = path_of(node_id)?;
        let (status, told) = self.asker.get(&path)?;
        match status {
            200 => read::shutdown(&told, node_id),
            // An error page of whoever stands between tells nothing.
            404 if is_its_own(&told) => Ok(None),
            status => Err(self.asker.refused(&path, status)),
        }
    }

    /// Registers a node for a restart. Its shards are waited for as long as `delay` says.
    pub fn register_shutdown(&self, node_id: &str, reason: &str, delay: &str) -> Told {
        let body = json!({"type": "restart", "reason": reason, "allocation_delay": delay});
        match path_of(node_id) {
            Ok(path) => self.tell(Method::PUT, &path, Some(&body)),
            Err(obstacle) => Told::Refused(obstacle),
        }
    }

    /// Takes the registration back. One that is not there is taken back already.
    pub fn delete_shutdown(&self, node_id: &str) -> Told {
        let path = match path_of(node_id) {
            Ok(path) => path,
            Err(obstacle) => return Told::Refused(obstacle),
        };
        match self.asker.answer(Method::DELETE, &path, None, self.asker.timeout) {
            Ok((404, told)) if is_its_own(&told) => Told::Done,
            answer => self.told(&path, answer),
        }
    }

    /// Has all indices written to disk, so that little has to be replayed after a restart.
    ///
    /// # Errors
    ///
    /// In words: it was not done, or not of all shards.
    pub fn flush(&self) -> Result<(), String> {
        let timeout = self.asker.timeout.max(FLUSH);
        let (status, told) = self
            .asker
            .answer(Method::POST, "_flush", None, timeout)
            .map_err(|obstacle| obstacle.to_string())?;
        if status != 200 {
            return Err(self.why("_flush", status, &told).detail);
        }
        match told.pointer("/_shards/failed").and_then(Value::as_u64) {
            Some(0) => Ok(()),
            Some(failed) => Err(format!("{failed} shards were not flushed")),
            None => Err("it is not told whether all shards were flushed".to_owned()),
        }
    }

    fn tell(&self, method: Method, path: &str, body: Option<&Value>) -> Told {
        self.told(path, self.asker.answer(method, path, body, self.asker.timeout))
    }

    fn told(&self, path: &str, answer: Result<(u16, Value), Obstacle>) -> Told {
        match answer {
            Err(obstacle) => Told::Unknown(obstacle),
            Ok((200, told)) if told["acknowledged"] == true => Told::Done,
            // It was taken on, and not all nodes know of it yet.
            Ok((200, _)) => {
                let detail = format!("{}{path} is not acknowledged", self.asker.http.object());
                Told::Unknown(Obstacle { kind: ObstacleKind::Time, detail })
            }
            Ok((status @ (408 | 429 | 500..), told)) => {
                Told::Unknown(self.why(path, status, &told))
            }
            Ok((status, told)) => Told::Refused(self.why(path, status, &told)),
        }
    }

    fn why(&self, path: &str, status: u16, told: &Value) -> Obstacle {
        let mut obstacle = self.asker.refused(path, status);
        let reason = told.pointer("/error/reason").or_else(|| told.get("error"));
        if let Some(reason) = reason.and_then(Value::as_str) {
            let reason: String = printable(reason).chars().take(REASON).collect();
            obstacle.detail = format!("{}: {reason}", obstacle.detail);
        }
        obstacle
    }
}

/// Whether an answer is the cluster's own: it tells the error, or that it has nothing, in JSON.
fn is_its_own(told: &Value) -> bool {
    told.get("error").is_some() || told.get("nodes").is_some()
}

/// An id is a part of a path here, so it must not lead elsewhere.
fn path_of(node_id: &str) -> Result<String, Obstacle> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if node_id.is_empty() || !node_id.chars().all(is_plain) {
        let detail = format!("{} is no id of a node", printable(node_id));
        return Err(Obstacle { kind: ObstacleKind::NotUnderstood, detail });
    }
    Ok(format!("_nodes/{node_id}/shutdown"))
}
