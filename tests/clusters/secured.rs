//! Kafka that is to be logged in to: its certificates, who may do what, and the gate as each of them asks it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::gates::Asked;
use super::kafka::{TOPIC, make_topic_called, tool};
use super::told;
use super::yard::{Cluster, Node, Yard};

/// Three nodes that are brokers and controllers.
pub(crate) const CLUSTER: Cluster = Cluster { technology: "kafka-secured", ensemble: None };

/// The topic that not everyone may see.
pub(crate) const HIDDEN: &str = "payroll";

/// Where one logs in by SASL over TLS, and where by a certificate.
const LOGINS: u16 = 9094;
const CERTIFICATES: u16 = 9095;

/// The gate as somebody asks it: the port and the options that say who it is.
pub(crate) struct As {
    port: u16,
    options: Value,
}

impl As {
    /// One who logs in.
    pub(crate) fn login(yard: &Yard, mechanism: &str, username: &str, password: &str) -> Self {
        let options = json!({
            "tls": true, "ca_path": file(yard, "ca.pem"), "sasl_mechanism": mechanism, "username": username,
            "password": password,
        });
        Self { port: LOGINS, options }
    }

    /// One who shows a certificate.
    pub(crate) fn certificate(yard: &Yard) -> Self {
        let options = json!({
            "tls": true, "ca_path": file(yard, "ca.pem"), "client_cert": file(yard, "gate.crt"),
            "client_key": file(yard, "gate.key"),
        });
        Self { port: CERTIFICATES, options }
    }

    /// The same without some of its options.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.options.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
        self
    }
}

impl Asked for As {
    fn options(&self, nodes: &[Node]) -> Value {
        let mut options = self.options.clone();
        options["kind"] = json!("kafka");
        let bootstrap = nodes.iter().map(|node| format!("{}:{}", node.address, self.port));
        options["bootstrap"] = json!(bootstrap.collect::<Vec<_>>());
        options["brokers"] = json!(nodes.iter().map(|node| node.number).collect::<Vec<_>>());
        options
    }

    fn name(&self, node: &Node) -> String {
        node.number.to_string()
    }
}

fn file(yard: &Yard, name: &str) -> PathBuf {
    yard.path("tls").join(name)
}

/// An authority, certificates of all nodes for their addresses, and one of the gate.
pub(crate) fn make_certificates(yard: &Yard) {
    fs::create_dir(yard.path("tls")).unwrap();
    let key =
        ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let make = |name: &str, subject: &str, more: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(key).args(["-x509", "-subj", subject]).args(more);
        command.arg("-keyout").arg(file(yard, &format!("{name}.key")));
        told(command.arg("-out").arg(file(yard, &format!("{name}.crt"))));
    };
    make("ca", "/CN=authority of a yard", &[]);
    let by = [file(yard, "ca.crt"), file(yard, "ca.key")].map(|it| it.display().to_string());
    let signed = |name: &str, subject: &str, more: &[&str]| {
        let by = ["-CA", &by[0], "-CAkey", &by[1], "-addext", "basicConstraints=critical,CA:FALSE"];
        make(name, subject, &[&by[..], more].concat());
    };
    signed("gate", "/CN=gate", &[]);
    for node in yard.nodes(CLUSTER.technology) {
        let address = node.address.to_string();
        let name = format!("subjectAltName=IP:{address}");
        signed(&address, "/CN=broker", &["-addext", &name]);
        let parts =
            ["key", "crt"].map(|it| fs::read(file(yard, &format!("{address}.{it}"))).unwrap());
        fs::write(file(yard, &format!("{address}.pem")), parts.concat()).unwrap();
    }
    fs::copy(file(yard, "ca.crt"), file(yard, "ca.pem")).unwrap();
}

/// Makes the topic that is hidden from `limited`, who may see and ask all else that the gate asks.
pub(crate) fn limit(yard: &Yard, nodes: &[Node]) {
    make_topic_called(yard, CLUSTER.technology, nodes, HIDDEN, &[]);
    for object in [&["--cluster"][..], &["--topic", TOPIC]] {
        let mut command = tool(yard, CLUSTER.technology, "AclCommand", nodes);
        command.args(["--add", "--allow-principal", "User:limited"]).args(object);
        command.args(["--operation", "Describe", "--operation", "DescribeConfigs"]);
        told(&mut yard.guarded(&command));
    }
}
