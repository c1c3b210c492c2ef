//! The kind `elasticsearch` of a gate, as it is typed.

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::World;
use super::secret::{API_KEY, Places};
use crate::drive::gate::{HttpTarget, Search, SearchTarget};
use crate::plan::safety::{Extent, Phase, Question, SearchQuestion};

#[derive(Deserialize, JsonSchema, Default)]
pub(in crate::modules) struct SearchArgs {
    /// Of `elasticsearch`: where nodes are asked, such as `https://10.0.0.1:9200`. The first that answers is asked for everything, so
    /// name all of them. They hold no credentials.
    pub(in crate::modules) urls: Option<Vec<String>>,
    /// Of `elasticsearch`: the names (`node.name`) of all nodes that there should be, `target` among them.
    nodes: Option<Vec<String>>,
    /// Of `elasticsearch`: the unique id of the cluster, where it must be this one.
    #[schemars(extend("x-refuses-empty" = "if it may be any cluster"))]
    pub(in crate::modules) cluster_uuid: Option<String>,
    /// Of `elasticsearch`: the persistent id that `target` must have, as `elasticsearch_allocation` tells it before the node is
    /// stopped. It lives in the node's data folder, so a node that comes back with another one has come back without its data.
    #[schemars(extend("x-refuses-empty" = "if it may come back without its data"))]
    node_id: Option<String>,
    /// Of `elasticsearch`: an API key, as Elasticsearch encodes it. The variable counts only if there is neither `username` nor a
    /// header `Authorization`.
    #[schemars(
        with = "Option<String>",
        extend("x-no-log" = true, "x-env" = ["SPOTINST_ESG_CLUSTER_API_KEY"])
    )]
    api_key: Option<SecretString>,
    /// Of `elasticsearch`: file whose first line is the API key.
    #[schemars(extend("x-type" = "path"))]
    pub(in crate::modules) api_key_file: Option<String>,
}

impl SearchArgs {
    /// Its options, and whether each is given.
    pub(in crate::modules) fn given(&self) -> [(&'static str, bool); 6] {
        [
            ("urls", self.urls.is_some()),
            ("nodes", self.nodes.is_some()),
            ("cluster_uuid", self.cluster_uuid.is_some()),
            ("node_id", self.node_id.is_some()),
            ("api_key", self.api_key.is_some()),
            ("api_key_file", self.api_key_file.is_some()),
        ]
    }

    /// Ready to be asked; nothing is sent.
    pub(in crate::modules) fn observer(
        &self,
        mut http: HttpTarget,
        world: &World,
    ) -> Result<Search, String> {
        let is_authorized = http.login.is_some()
            || http.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"));
        let places = Places {
            typed: ("api_key", self.api_key.as_ref()),
            file: ("api_key_file", self.api_key_file.as_deref()),
            variable: (!is_authorized).then_some(API_KEY),
        };
        if let Some(key) = places.secret(world)? {
            if http.login.is_some() {
                return Err("give either api_key or username and password".to_owned());
            }
            let value = SecretString::from(format!("ApiKey {}", key.expose_secret()));
            http.headers.insert("Authorization".to_owned(), value);
        }
        let target = SearchTarget { urls: self.urls.clone().unwrap_or_default(), http };
        Search::new(&target).map_err(|error| error.to_string())
    }

    /// What is asked.
    pub(in crate::modules) fn question(
        &self,
        question: Question,
        extent: Extent,
    ) -> Result<SearchQuestion, String> {
        let given = self.nodes.iter().flatten();
        let nodes: std::collections::BTreeSet<String> =
            given.clone().map(|name| name.trim().to_owned()).collect();
        if nodes.iter().any(String::is_empty) || nodes.len() != given.count() {
            return Err("nodes names each node once".to_owned());
        }
        if !nodes.contains(&question.target) {
            let nodes: Vec<String> = nodes.into_iter().collect();
            let text =
                format!("target {} is none of the nodes {}", question.target, nodes.join(", "));
            return Err(text);
        }
        let node_id = self.node_id.clone();
        match (&node_id, question.phase, extent) {
            (Some(_), Phase::Mid, _) => {
                return Err("node_id is no option of phase mid: the node is away then".to_owned());
            }
            (None, _, Extent::Members) => return Err("phase back needs node_id".to_owned()),
            (Some(_), Phase::Pre | Phase::Post, _) | (None, _, Extent::Whole | Extent::Losable) => {
            }
        }
        let cluster_uuid = self.cluster_uuid.clone();
        Ok(SearchQuestion { question, nodes, cluster_uuid, node_id, extent })
    }
}
