//! TLS of the kinds that do not speak HTTP, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::World;
use crate::drive::gate::ClientFiles;

#[derive(Deserialize, JsonSchema, Default)]
pub(in crate::modules) struct TlsArgs {
    /// Of `zookeeper` and `kafka`: whether their port speaks TLS, as ZooKeeper's `secureClientPort` and Kafka's listeners of type `SSL`
    /// and `SASL_SSL` do. ZooKeeper needs `ca_path` then.
    tls: Option<bool>,
    /// Of `zookeeper` and `kafka` with `tls`: file with the certificate to show, with its chain, in PEM.
    #[schemars(extend("x-type" = "path"))]
    client_cert: Option<String>,
    /// Of `zookeeper` and `kafka` with `tls`: file with its key, in PEM, without a password.
    #[schemars(extend("x-type" = "path"))]
    client_key: Option<String>,
}

impl TlsArgs {
    /// Its options, and whether each is given.
    pub(in crate::modules) fn given(&self) -> [(&'static str, bool); 3] {
        [
            ("tls", self.tls.is_some()),
            ("client_cert", self.client_cert.is_some()),
            ("client_key", self.client_key.is_some()),
        ]
    }

    pub(in crate::modules) fn is_on(&self) -> bool {
        self.tls.unwrap_or(false)
    }

    /// The certificate to show, if there is one; that it goes with a key is checked before.
    pub(in crate::modules) fn client(&self, world: &World) -> Result<Option<ClientFiles>, String> {
        let files = self.client_cert.as_ref().zip(self.client_key.as_ref());
        if files.is_some() && !self.is_on() {
            return Err("client_cert and client_key are without effect without tls".to_owned());
        }
        let expand = |path: &String| world.environment.expand(path);
        Ok(files.map(|(certificate, key)| ClientFiles {
            certificate: expand(certificate),
            key: expand(key),
        }))
    }
}
