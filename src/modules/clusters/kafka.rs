//! The kind `kafka` of a gate, as it is typed.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::World;
use super::secret::{OAUTH_TOKEN, Places};
use super::secured::TlsArgs;
use crate::domain::{KafkaNodeId, one_line};
use crate::drive::gate::{KafkaClient, KafkaLogin, KafkaTarget, KafkaTls, Login, kafka_client};
use crate::plan::safety::{KafkaQuestion, Question};

#[derive(Deserialize, JsonSchema, Default)]
pub(in crate::modules) struct KafkaArgs {
    /// Of `kafka`: brokers as `host:port`, best all of them. They are only asked where the others are; what
    /// is told is believed if two brokers tell it, each by itself, neither of them `target`.
    pub(in crate::modules) bootstrap: Option<Vec<String>>,
    /// Of `kafka`: the ids of all brokers that there should be.
    brokers: Option<Vec<KafkaNodeId>>,
    /// Of `kafka`: the ids of all controllers, where just those must vote in the metadata quorum (KRaft).
    #[schemars(extend("x-refuses-empty" = "if any may vote"))]
    controllers: Option<Vec<KafkaNodeId>>,
    /// Of `kafka`: the unique id of the cluster, where it must be this one.
    #[schemars(extend("x-refuses-empty" = "if it may be any cluster"))]
    pub(in crate::modules) cluster_id: Option<String>,
    /// Of `kafka`: how many more replicas than writes need must be in sync without `target`; `0` when not given. With `1` one more
    /// broker may be lost meanwhile.
    #[schemars(extend("x-keeps-empty" = true))]
    margin: Option<u32>,
    /// Of `kafka`: how one proves who one is; not at all when not given. All but `oauthbearer` take `username` and `password`.
    sasl_mechanism: Option<Mechanism>,
    /// Of `kafka` with `oauthbearer`: the token.
    #[schemars(
        with = "Option<String>",
        extend("x-no-log" = true, "x-env" = ["SPOTINST_ESG_CLUSTER_OAUTH_TOKEN"])
    )]
    oauth_token: Option<SecretString>,
    /// Of `kafka` with `oauthbearer`: file whose first line is the token.
    #[schemars(extend("x-type" = "path"))]
    pub(in crate::modules) oauth_token_file: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mechanism {
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    #[serde(rename = "oauthbearer")]
    OAuthBearer,
}

impl KafkaArgs {
    /// Its options, and whether each is given.
    pub(in crate::modules) fn given(&self) -> [(&'static str, bool); 8] {
        [
            ("bootstrap", self.bootstrap.is_some()),
            ("brokers", self.brokers.is_some()),
            ("controllers", self.controllers.is_some()),
            ("cluster_id", self.cluster_id.is_some()),
            ("margin", self.margin.is_some()),
            ("sasl_mechanism", self.sasl_mechanism.is_some()),
            ("oauth_token", self.oauth_token.is_some()),
            ("oauth_token_file", self.oauth_token_file.is_some()),
        ]
    }

    /// Ready to be asked; nothing is sent.
    pub(in crate::modules) fn observer(
        &self,
        tls: &TlsArgs,
        login: Option<Login>,
        ca_path: Option<&str>,
        validate_certs: Option<bool>,
        world: &World,
    ) -> Result<Box<dyn KafkaClient>, String> {
        let client = tls.client(world)?;
        if !tls.is_on() && (ca_path.is_some() || validate_certs.is_some()) {
            return Err("ca_path and validate_certs are without effect without tls".to_owned());
        }
        let tls = tls.is_on().then(|| KafkaTls {
            ca: ca_path.map(|path| world.environment.expand(path)),
            client,
            validate_certs: validate_certs.unwrap_or(true),
        });
        let bootstrap = self.bootstrap.clone().unwrap_or_default();
        let target = KafkaTarget { bootstrap, tls, login: self.login(login, world)? };
        kafka_client(&target).map_err(|error| error.to_string())
    }

    fn login(&self, login: Option<Login>, world: &World) -> Result<Option<KafkaLogin>, String> {
        let bears = self.sasl_mechanism == Some(Mechanism::OAuthBearer);
        let places = Places {
            typed: ("oauth_token", self.oauth_token.as_ref()),
            file: ("oauth_token_file", self.oauth_token_file.as_deref()),
            variable: bears.then_some(OAUTH_TOKEN),
        };
        let token = places.secret(world)?;
        let Some(mechanism) = self.sasl_mechanism else {
            return match (login, token) {
                (None, None) => Ok(None),
                _ => Err("credentials are without effect without sasl_mechanism".to_owned()),
            };
        };
        Ok(Some(match (mechanism, login, token) {
            (Mechanism::OAuthBearer, None, Some(token)) => KafkaLogin::OAuthBearer(token),
            (Mechanism::OAuthBearer, ..) => {
                return Err("oauthbearer takes oauth_token, or oauth_token_file, and nothing else"
                    .to_owned());
            }
            (Mechanism::Plain, Some(Login { username, password }), None) => {
                KafkaLogin::Plain(username, password)
            }
            (Mechanism::ScramSha256, Some(Login { username, password }), None) => {
                KafkaLogin::ScramSha256(username, password)
            }
            (Mechanism::ScramSha512, Some(Login { username, password }), None) => {
                KafkaLogin::ScramSha512(username, password)
            }
            (Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512, ..) => {
                return Err("this sasl_mechanism takes username and password".to_owned());
            }
        }))
    }

    /// What is asked.
    ///
    /// `asks_ensemble` says whether the same gate asks a ZooKeeper ensemble, too.
    pub(in crate::modules) fn question(
        &self,
        question: Question,
        asks_ensemble: bool,
    ) -> Result<KafkaQuestion, String> {
        let Ok(target) = question.target.trim().parse() else {
            let text = one_line(&question.target);
            return Err(format!("target {text:?} is no id of a broker or a controller"));
        };
        let brokers = each_once("brokers", self.brokers.as_deref().unwrap_or_default())?;
        let controllers = self.controllers.as_deref();
        let controllers = controllers.map(|ids| each_once("controllers", ids)).transpose()?;
        let (cluster_id, margin) = (self.cluster_id.clone(), self.margin.unwrap_or(0));
        Ok(KafkaQuestion {
            question,
            target,
            brokers,
            controllers,
            cluster_id,
            asks_ensemble,
            margin,
        })
    }
}

/// Ids, none of them twice.
fn each_once(option: &str, given: &[KafkaNodeId]) -> Result<BTreeSet<KafkaNodeId>, String> {
    let ids: BTreeSet<KafkaNodeId> = given.iter().copied().collect();
    if ids.len() != given.len() || ids.is_empty() {
        return Err(format!("{option} names each of them once, by its id"));
    }
    Ok(ids)
}
