//! What an Elasticsearch or OpenSearch cluster tells by HTTP.

mod member;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

use super::http::{Http, HttpError, HttpTarget};
use crate::domain::{
    Clock, Observation, Obstacle, ObstacleKind, SearchCluster, SearchHealth, SearchIdentity,
    SearchNode, SearchProduct, Seen, ShardCopy,
};

pub use member::{SearchMember, Told};

/// The list of ten thousands of shards is some mebibytes long.
const LONGEST: usize = 64 << 20;

/// Recoveries under way, in bytes.
const RECOVERIES: &str = "_cat/recovery?active_only=true&format=json&bytes=b\
    &h=index,shard,target_node,stage,bytes_recovered,translog_ops_recovered";

/// How a cluster is asked.
#[derive(Clone, Debug)]
pub struct SearchTarget {
    /// Its nodes. The first that answers as one of a formed cluster is asked for everything.
    pub urls: Vec<String>,
    /// How, for each of them: login, headers and certificates; its URL is not used.
    pub http: HttpTarget,
}

/// A cluster that can be asked any number of times.
#[derive(Debug)]
pub struct Search {
    nodes: Vec<(Url, Http)>,
}

impl Search {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wanted cannot be asked for.
    pub fn new(target: &SearchTarget) -> Result<Self, HttpError> {
        let mut nodes = Vec::new();
        for url in &target.urls {
            let url = format!("{}/", url.trim().trim_end_matches('/'));
            let http = Http::new(&HttpTarget {
                url: url.clone(),
                method: "GET".to_owned(),
                ..target.http.clone()
            })?
            .reading(LONGEST);
            let url = Url::parse(&url).map_err(|_| HttpError::Url("is no URL"))?;
            nodes.push((url, http));
        }
        if nodes.is_empty() {
            return Err(HttpError::Url("is missing: urls is empty"));
        }
        Ok(Self { nodes })
    }

    /// What may show nowhere, though a server may well repeat it.
    pub fn secrets(&self) -> &[String] {
        self.nodes.first().map_or(&[], |(_, http)| http.secrets())
    }

    /// Where it is asked, fit to be shown.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|(_, http)| http.object()).collect()
    }

    /// Asks once; each question within `timeout`.
    pub fn look(&self, timeout: Duration, clock: &dyn Clock) -> SearchCluster {
        match self.first(timeout, clock) {
            // Nobody belongs to a formed cluster: what the first one says of it is all there is.
            Some((asker, identity @ Ok(_))) => asker.rest(identity),
            Some((_, Err(obstacle))) => silent(&obstacle),
            None => silent(&Obstacle { kind: ObstacleKind::Empty, detail: String::new() }),
        }
    }

    /// The first node that answers as one of a formed cluster; else the very first, with what it said.
    fn first<'a>(
        &'a self,
        timeout: Duration,
        clock: &'a dyn Clock,
    ) -> Option<(Asker<'a>, Result<SearchIdentity, Obstacle>)> {
        let mut first = None;
        for (url, http) in &self.nodes {
            let asker = Asker { url, http, timeout, clock };
            let identity = asker.ask("", read::identity);
            if identity.as_ref().is_ok_and(|it| it.cluster_uuid.is_some()) {
                return Some((asker, identity));
            }
            first.get_or_insert((asker, identity));
        }
        first
    }
}

/// Nobody answers.
fn silent(obstacle: &Obstacle) -> SearchCluster {
    fn no<T>(obstacle: &Obstacle) -> Result<T, Obstacle> {
        Err(obstacle.clone())
    }
    SearchCluster {
        identity: no(obstacle),
        health: no(obstacle),
        nodes: no(obstacle),
        master: no(obstacle),
        shards: no(obstacle),
        voting: no(obstacle),
        settings: no(obstacle),
        shutdowns: no(obstacle),
        disks: no(obstacle),
        high_watermark: no(obstacle),
        snapshots: no(obstacle),
        recoveries: no(obstacle),
    }
}

struct Asker<'a> {
    url: &'a Url,
    http: &'a Http,
    timeout: Duration,
    clock: &'a dyn Clock,
}

impl Asker<'_> {
    fn rest(&self, identity: Result<SearchIdentity, Obstacle>) -> SearchCluster {
        let product = identity.as_ref().ok().map(|it| it.product);
        // The health is asked last, so that what it calls settled covers what was read before.
        let settings = "_cluster/settings?flat_settings=true&include_defaults=true";
        let settings: Result<Value, Obstacle> = self.ask(settings, |it| Ok(it.clone()));
        let and_then = |settings: &Result<Value, Obstacle>| settings.clone();
        SearchCluster {
            nodes: self.nodes(),
            master: self.ask("_cat/master?format=json&h=node", read::master),
            shards: self.shards(),
            voting: self.ask(
                "_cluster/state/metadata?filter_path=metadata.cluster_coordination",
                read::voting,
            ),
            high_watermark: and_then(&settings).and_then(|it| read::watermark(&it)),
            settings: settings.and_then(|it| read::settings(&it)),
            shutdowns: match product {
                Some(SearchProduct::Elasticsearch) => self.shutdowns(),
                Some(SearchProduct::OpenSearch) => Ok(Vec::new()),
                None => Err(Obstacle {
                    kind: ObstacleKind::NotUnderstood,
                    detail: "which product it is is not known".to_owned(),
                }),
            },
            disks: self.ask("_cat/allocation?format=json&h=node,disk.percent", read::disks),
            snapshots: self.ask("_snapshot/_status", read::snapshots),
            recoveries: self.ask(RECOVERIES, read::recoveries),
            health: self.health(),
            identity,
        }
    }

    fn nodes(&self) -> Result<BTreeMap<String, SearchNode>, Obstacle> {
        self.ask("_nodes?filter_path=nodes.*.name,nodes.*.roles", read::nodes)
    }

    fn shards(&self) -> Result<Vec<ShardCopy>, Obstacle> {
        self.ask("_cat/shards?format=json&h=index,shard,prirep,state,node", read::shards)
    }

    fn health(&self) -> Result<SearchHealth, Obstacle> {
        self.ask("_cluster/health?wait_for_events=languid&timeout=5s", read::health)
    }

    /// A build without the commercial part has no such register: then nothing can be in it.
    fn shutdowns(&self) -> Result<Vec<String>, Obstacle> {
        let (status, told) = self.get("_nodes/shutdown")?;
        match status {
            200 => read::shutdowns(&told),
            // An error page of whoever stands between tells nothing.
            400 | 404 | 405 if told.get("error").is_some() => Ok(Vec::new()),
            status => Err(self.refused("_nodes/shutdown", status)),
        }
    }

    fn ask<T>(
        &self,
        path: &str,
        read: impl FnOnce(&Value) -> Result<T, Obstacle>,
    ) -> Result<T, Obstacle> {
        let (status, told) = self.get(path)?;
        // A health that has to be waited for too long comes with 408 and is told all the same.
        let is_good = status == 200 || (status == 408 && told.get("timed_out").is_some());
        if is_good { read(&told) } else { Err(self.refused(path, status)) }
    }

    fn get(&self, path: &str) -> Result<(u16, Value), Obstacle> {
        self.answer(Method::GET, path, None, self.timeout)
    }

    /// Status and body; no body where an error comes without JSON.
    fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<(u16, Value), Obstacle> {
        let blocked = |kind, detail: String| Err(Obstacle { kind, detail });
        let Ok(url) = self.url.join(path) else {
            return blocked(ObstacleKind::NotUnderstood, path.to_owned());
        };
        let Observation { object, seen } = self.http.order(method, url, body, timeout, self.clock);
        match seen {
            Err(Obstacle { kind, detail }) => blocked(kind, format!("{object}: {detail}")),
            Ok(Seen::Answered { body, .. }) if body.is_cut => {
                blocked(ObstacleKind::TooLarge, object)
            }
            Ok(Seen::Answered { status, body }) => match serde_json::from_slice(&body.bytes) {
                Ok(told) => Ok((status, told)),
                Err(_) if matches!(status, 400..) => Ok((status, Value::Null)),
                Err(_) => blocked(
                    ObstacleKind::NotUnderstood,
                    format!("{object} does not answer in JSON"),
                ),
            },
            Ok(Seen::Accepted | Seen::Refused | Seen::Exited { .. } | Seen::Series(_)) => {
                blocked(ObstacleKind::Connection, object)
            }
        }
    }

    fn refused(&self, path: &str, status: u16) -> Obstacle {
        let path = path.split('?').next().unwrap_or(path);
        let detail = format!("{}{path}: status {status}", self.http.object());
        let kind = match status {
            401 | 403 => ObstacleKind::NotAllowed,
            _ => ObstacleKind::NotUnderstood,
        };
        Obstacle { kind, detail }
    }
}
