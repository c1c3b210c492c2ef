//! The kind `zookeeper` of a gate, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::World;
use super::secured::TlsArgs;
use crate::drive::gate::{ADMIN_PORT, Metrics, TlsFiles, ZooKeeper, ZooKeeperTarget};

#[derive(Deserialize, JsonSchema, Default)]
pub(in crate::modules) struct EnsembleArgs {
    /// Of `zookeeper`: every server of the ensemble, observers too, as `host` or `host:port`; the port is `2181` when not given.
    pub(in crate::modules) servers: Option<Vec<String>>,
    /// Of `zookeeper`: where servers tell more than whether they serve; `mntr` when not given.
    metrics: Option<MetricsFrom>,
    /// Of `zookeeper`: port of the AdminServer; `8080` when not given.
    #[schemars(range(min = 1))]
    admin_port: Option<u16>,
    /// Of `zookeeper`: whether the AdminServer is asked by HTTPS; by HTTP when not given.
    admin_https: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum MetricsFrom {
    /// By the four-letter words `mntr` and `conf`, which `4lw.commands.whitelist` must allow.
    Mntr,
    /// By the AdminServer.
    Admin,
    /// From nowhere. What only they tell is unknown then, and has to be waived.
    None,
}

impl EnsembleArgs {
    /// Its options, and whether each is given.
    pub(in crate::modules) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("servers", self.servers.is_some()),
            ("metrics", self.metrics.is_some()),
            ("admin_port", self.admin_port.is_some()),
            ("admin_https", self.admin_https.is_some()),
        ]
    }

    /// Ready to be asked; nothing is sent.
    pub(in crate::modules) fn observer(
        &self,
        tls: &TlsArgs,
        ca_path: Option<&str>,
        world: &World,
    ) -> Result<ZooKeeper, String> {
        let is_admin = matches!(self.metrics, Some(MetricsFrom::Admin));
        if !is_admin && (self.admin_port.is_some() || self.admin_https.is_some()) {
            return Err(
                "admin_port and admin_https are without effect unless metrics is admin".to_owned()
            );
        }
        let metrics = match self.metrics.unwrap_or(MetricsFrom::Mntr) {
            MetricsFrom::Mntr => Metrics::Words,
            MetricsFrom::None => Metrics::None,
            MetricsFrom::Admin => Metrics::Admin {
                port: self.admin_port.unwrap_or(ADMIN_PORT),
                https: self.admin_https.unwrap_or(false),
            },
        };
        let trust = self.trust(tls, ca_path, world)?;
        let is_on = tls.is_on();
        let tls = trust.clone().filter(|_| is_on);
        let servers = self.servers.clone().unwrap_or_default();
        let target = ZooKeeperTarget { servers, metrics, tls, admin_trust: trust };
        ZooKeeper::new(&target).map_err(|error| error.to_string())
    }

    /// The server that is rolled, by the address at which it is asked.
    pub(in crate::modules) fn target(
        &self,
        observer: &ZooKeeper,
        target: Option<&str>,
    ) -> Result<String, String> {
        let target = ZooKeeper::address(target.unwrap_or_default());
        let target = target.map_err(|error| format!("target: {error}"))?;
        if observer.addresses().any(|server| server == target) {
            return Ok(target);
        }
        let servers: Vec<&str> = observer.addresses().collect();
        Err(format!("target {target} is none of the servers {}", servers.join(", ")))
    }

    fn trust(
        &self,
        tls: &TlsArgs,
        ca_path: Option<&str>,
        world: &World,
    ) -> Result<Option<TlsFiles>, String> {
        let client = tls.client(world)?;
        match ca_path {
            None if tls.is_on() => {
                Err("tls needs ca_path, the certificates of those who vouch for the servers"
                    .to_owned())
            }
            None => Ok(None),
            Some(_) if !tls.is_on() && !self.admin_https.unwrap_or(false) => {
                Err("ca_path is without effect without tls or admin_https".to_owned())
            }
            Some(ca) => Ok(Some(TlsFiles { ca: world.environment.expand(ca), client })),
        }
    }
}
