//! moto as the AWS side: a real HTTP server on loopback that keeps EC2 instances in memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// Binds before it says its port, so that no other process can take it and nobody has to poll for readiness. It ends
/// with its standard input: a test binary that is killed, or ends without dropping its statics, leaves no server behind.
const SERVER: &str = r#"
import logging, os, sys, threading
def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=end_with_parent, daemon=True).start()
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.port, flush=True)
server.serve_forever()
"#;

/// The account that owns everything in moto.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A running server; it ends when this is dropped.
pub(crate) struct Moto {
    url: String,
    http: reqwest::blocking::Client,
    server: Child,
    _keeps_it_running: Option<ChildStdin>,
}

/// What to launch.
pub(crate) struct Launch<'a> {
    pub(crate) count: usize,
    pub(crate) is_spot: bool,
    pub(crate) tags: &'a [(&'a str, &'a str)],
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Self { count: 1, is_spot: false, tags: &[] }
    }
}

/// The one server of this test binary: its first start takes seconds, its first launch up to twenty.
pub(crate) fn shared() -> &'static Moto {
    static SHARED: OnceLock<Moto> = OnceLock::new();
    SHARED.get_or_init(Moto::start)
}

impl Moto {
    /// Starts a server of one's own and returns when it answers.
    pub(crate) fn start() -> Self {
        let python = super::tools().join("servers").join("bin").join("python");
        let mut server = Command::new(&python)
            .args(["-c", SERVER])
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("start moto with {}, which xtask installs: {error}", python.display())
            });
        let mut port = String::new();
        let said = BufReader::new(server.stdout.take().unwrap()).read_line(&mut port);
        assert!(said.is_ok() && !port.is_empty(), "moto ended before it listened");
        let keeps_it_running = server.stdin.take();

        // Another test may have chosen the provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        Self { url, http, server, _keeps_it_running: keeps_it_running }
    }

    /// For `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Launches instances and returns their ids in EC2's order.
    pub(crate) fn run_instances(&self, region: &str, launch: &Launch<'_>) -> Vec<String> {
        let count = launch.count.to_string();
        let mut fields = vec![
            ("Action".to_owned(), "RunInstances".to_owned()),
            ("ImageId".to_owned(), "ami-12c6146b".to_owned()),
            ("InstanceType".to_owned(), "m5.large".to_owned()),
            ("MinCount".to_owned(), count.clone()),
            ("MaxCount".to_owned(), count),
        ];
        if launch.is_spot {
            fields.push(("InstanceMarketOptions.MarketType".to_owned(), "spot".to_owned()));
        }
        if !launch.tags.is_empty() {
            fields.push(("TagSpecification.1.ResourceType".to_owned(), "instance".to_owned()));
        }
        for (number, (key, value)) in (1..).zip(launch.tags) {
            let tag = format!("TagSpecification.1.Tag.{number}");
            fields.push((format!("{tag}.Key"), (*key).to_owned()));
            fields.push((format!("{tag}.Value"), (*value).to_owned()));
        }
        let reply = self.ec2(region, &fields);
        let ids: Vec<String> = elements(&reply, "instanceId").map(str::to_owned).collect();
        assert_eq!(ids.len(), launch.count, "{reply}");
        ids
    }

    /// Terminates instances.
    pub(crate) fn terminate_instances(&self, region: &str, ids: &[String]) {
        let action = ("Action".to_owned(), "TerminateInstances".to_owned());
        let ids = (1..).zip(ids).map(|(number, id)| (format!("InstanceId.{number}"), id.clone()));
        self.ec2(region, &std::iter::once(action).chain(ids).collect::<Vec<_>>());
    }

    /// Registers an image and returns its id.
    pub(crate) fn register_image(&self, region: &str, name: &str) -> String {
        let fields = [("Action", "RegisterImage"), ("Name", name)];
        let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let reply = self.ec2(region, &fields);
        elements(&reply, "imageId").next().unwrap_or_else(|| panic!("{reply}")).to_owned()
    }

    /// Stores a parameter in Systems Manager.
    pub(crate) fn put_parameter(&self, region: &str, name: &str, value: &str) {
        let body = serde_json::json!({"Name": name, "Value": value, "Type": "String"});
        self.ssm(region, "PutParameter", &body).unwrap();
    }

    /// One call of Systems Manager; the error is what it says instead.
    pub(crate) fn ssm(&self, region: &str, action: &str, body: &Value) -> Result<Value, String> {
        self.json(region, "ssm", &format!("AmazonSSM.{action}"), body)
    }

    /// Makes a KMS key and returns its id.
    pub(crate) fn kms_key(&self, region: &str) -> String {
        let made = self.json(region, "kms", "TrentService.CreateKey", &serde_json::json!({}));
        made.unwrap()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// One call of IAM's query protocol.
    pub(crate) fn iam(&self, action: &str) -> String {
        let reply = self
            .http
            .post(&self.url)
            .header("Host", "iam.amazonaws.com")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Authorization", authorization("us-east-1", "iam"))
            .body(format!("Action={action}&Version=2010-05-08&Scope=Local"))
            .send()
            .unwrap();
        let status = reply.status();
        let body = reply.text().unwrap();
        assert!(status.is_success(), "moto answered {status}: {body}");
        body
    }

    /// One call of a service that speaks JSON.
    pub(crate) fn json(
        &self,
        region: &str,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let reply = self
            .http
            .post(&self.url)
            .header("Host", format!("{service}.{region}.amazonaws.com"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", target)
            .header("Authorization", authorization(region, service))
            .body(body.to_string())
            .send()
            .unwrap();
        let (succeeded, text) = (reply.status().is_success(), reply.text().unwrap());
        if !succeeded {
            return Err(text);
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The value of a parameter in Systems Manager.
    pub(crate) fn parameter(&self, region: &str, name: &str) -> String {
        let body = serde_json::json!({"Name": name});
        let reply = self
            .http
            .post(&self.url)
            .header("Host", format!("ssm.{region}.amazonaws.com"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", "AmazonSSM.GetParameter")
            .header("Authorization", authorization(region, "ssm"))
            .body(body.to_string())
            .send()
            .unwrap();
        let text = reply.text().unwrap();
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        told["Parameter"]["Value"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    /// One call of EC2's query protocol. moto checks no signature but takes the region from it.
    pub(crate) fn ec2(&self, region: &str, fields: &[(String, String)]) -> String {
        let mut form = reqwest::Url::parse("http://form/?Version=2016-11-15").unwrap();
        form.query_pairs_mut().extend_pairs(fields);
        let reply = self
            .http
            .post(&self.url)
            .header("Host", format!("ec2.{region}.amazonaws.com"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Authorization", authorization(region, "ec2"))
            .body(form.query().unwrap().to_owned())
            .send()
            .unwrap();
        let status = reply.status();
        let body = reply.text().unwrap();
        assert!(status.is_success(), "moto answered {status}: {body}");
        body
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn authorization(region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=none"
    )
}

/// The texts of all elements of a name, in the order of the document.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts: Vec<&str> = xml.split(open.as_str()).skip(1).collect();
    parts.into_iter().map(move |part| part.split(close.as_str()).next().unwrap_or_default())
}
