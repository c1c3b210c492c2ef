//! One predicate of `cluster_gate`, as it is typed.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::World;
use crate::ansible::Failure;
use crate::domain::{InstanceId, Region, one_line};
use crate::drive::gate::{
    Command, Ensemble, Http, HttpTarget, KafkaCluster, Login, Look, Machine, Probe, Prometheus,
    SearchCluster, Source, Tcp,
};
use crate::drive::{Ec2Access, Ec2Error, ec2_access};
use crate::modules::clusters::{EnsembleArgs, KafkaArgs, SearchArgs, TlsArgs, secret};
use crate::modules::connection::Connection;
use crate::plan::Verdict;
use crate::plan::gate::{Expectation, Predicate, Wanted};
use crate::plan::safety::{Extent, Phase, Question};

/// Longest name of a gate, in characters.
const LONGEST_NAME: usize = 100;

#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-required-together" = [["client_cert", "client_key"]],
    "x-required-if" = [
        ["kind", "tcp", ["host", "port"]],
        ["kind", "http", ["url"]],
        ["kind", "command", ["command"]],
        ["kind", "prometheus", ["url", "query"]],
        ["kind", "zookeeper", ["servers", "phase", "target"]],
        ["kind", "elasticsearch", ["urls", "nodes", "phase", "target"]],
        ["kind", "kafka", ["bootstrap", "brokers", "phase", "target"]],
        ["kind", "ec2", ["instance_id", "region"]]
    ]
))]
pub(super) struct GateArgs {
    /// What it is called: in reports and by waivers. No two have the same name.
    pub(super) name: String,
    /// How it is looked at.
    pub(super) kind: Kind,
    /// How long one look may take, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 600))]
    timeout: u32,
    /// Of `tcp`: name or address.
    host: Option<String>,
    /// Of `tcp`: port.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Of `ec2`: the instance.
    #[schemars(extend("x-keeps-empty" = true))]
    instance_id: Option<String>,
    /// Of `ec2`: its region.
    region: Option<String>,
    /// Of `http`: what to ask. Of `prometheus`: the server, to whose path `/api/v1/query` is added. It holds no credentials.
    url: Option<String>,
    /// Of `http`: the method; `GET` when not given.
    method: Option<Method>,
    /// Of `http`, `prometheus` and `elasticsearch`: headers to send. Their values are hidden wherever they would show.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("x-no-log" = true))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Of `http`, `prometheus` and `elasticsearch`: name for HTTP's basic authentication. Of `kafka`: name for SASL.
    username: Option<String>,
    /// Of `http`, `prometheus`, `elasticsearch` and `kafka`: its password.
    #[schemars(
        with = "Option<String>",
        extend("x-no-log" = true, "x-env" = ["SPOTINST_ESG_CLUSTER_PASSWORD"])
    )]
    password: Option<SecretString>,
    /// Of `http`, `prometheus`, `elasticsearch` and `kafka`: file whose first line is the password.
    #[schemars(extend("x-type" = "path"))]
    password_file: Option<String>,
    /// Of `http`: what to send. A text is sent as it is, anything else as JSON.
    body: Option<Value>,
    /// Of `http`: the statuses that are good; `200` when not given.
    status: Option<Vec<u16>>,
    /// Of `http`: whether redirects are followed, within the same scheme, host and port; they are not when not given.
    follow_redirects: Option<bool>,
    /// Of `http`, `prometheus`, `elasticsearch` and `kafka`: whether the server must prove who it is; it must when not given.
    validate_certs: Option<bool>,
    /// Of `http`, `prometheus`, `elasticsearch`, `zookeeper` and `kafka`: file with the certificates that are trusted in place of the system's, in PEM.
    #[schemars(extend("x-type" = "path"))]
    ca_path: Option<String>,
    /// Of `command`: the program and its arguments. No shell reads them. It runs on the controller, with the environment of the
    /// task; a mebibyte of its output is read.
    command: Option<Vec<String>>,
    /// Of `command`: the exit status that is good; `0` when not given.
    exit_status: Option<i32>,
    /// Of `prometheus`: the query.
    query: Option<String>,
    /// Of `prometheus`: what it means if the query gives no series; `unknown` when not given.
    empty: Option<Empty>,
    /// Of `http` and `command`: where in the body, or in what the command writes to stdout, the value is, as RFC 9535 has it,
    /// such as `$.value`. Without it the value is the whole text, without the blanks around it.
    #[schemars(extend("x-keeps-empty" = true))]
    json_path: Option<String>,
    /// What the value must be. A text may stand for the number or the truth that is found, and the other way round.
    #[schemars(extend("x-keeps-empty" = true, "x-type" = "raw"))]
    equals: Option<Value>,
    /// The least that the value may be; a text that is a number will do.
    #[schemars(extend("x-keeps-empty" = true))]
    min: Option<f64>,
    /// The most that the value may be; a text that is a number will do.
    #[schemars(extend("x-keeps-empty" = true))]
    max: Option<f64>,
    /// Of `http` and `command`: regular expression that must be found in the value. It is not tied to the start or the end.
    #[schemars(extend("x-keeps-empty" = true))]
    matches: Option<String>,
    /// Of `zookeeper`, `elasticsearch` and `kafka`: at which point of the roll of `target` it is asked.
    phase: Option<PhaseArg>,
    /// Of `zookeeper`, `elasticsearch` and `kafka`: the node that is rolled, as it is in `servers` or `nodes`, or by its id in Kafka.
    target: Option<String>,
    #[serde(flatten)]
    ensemble: EnsembleArgs,
    #[serde(flatten)]
    search: SearchArgs,
    #[serde(flatten)]
    kafka: KafkaArgs,
    #[serde(flatten)]
    tls: TlsArgs,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PhaseArg {
    /// Before its service is stopped: the cluster is whole and can lose it.
    Pre,
    /// Of `elasticsearch` only: after allocation was restricted, the moment before its service is stopped. The others are still there and
    /// have a majority and every shard without it; what `pre` asks besides is not asked, since it would find fault with the restriction.
    Still,
    /// Its service is stopped, its machine still there: the others carry on.
    Mid,
    /// Of `elasticsearch` only: it is a member again, with `node_id`. Shards may have yet to be given to it, so the time for this is
    /// before allocation is put back.
    Back,
    /// It is back: the cluster is as whole as before.
    Post,
}

fn ten() -> u32 {
    10
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A connection is accepted.
    Tcp,
    /// An HTTP server answers as expected. Jolokia is asked so, too.
    Http,
    /// A command on the controller ends as expected.
    Command,
    /// An instant query gives values as expected.
    Prometheus,
    /// A ZooKeeper ensemble can lose a server, does without it, or has it back.
    Zookeeper,
    /// The same of an Elasticsearch or OpenSearch cluster and a node.
    Elasticsearch,
    /// The same of a Kafka cluster and a broker or controller.
    Kafka,
    /// A machine runs and EC2's status checks of it pass.
    Ec2,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
    Post,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Empty {
    Pass,
    Fail,
    Unknown,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Command => "command",
            Self::Prometheus => "prometheus",
            Self::Zookeeper => "zookeeper",
            Self::Elasticsearch => "elasticsearch",
            Self::Kafka => "kafka",
            Self::Ec2 => "ec2",
        }
    }
}

impl GateArgs {
    /// Whether it asks a ZooKeeper ensemble.
    pub(super) fn asks_ensemble(&self) -> bool {
        self.kind == Kind::Zookeeper
    }

    /// Ready to be looked at; nothing is sent. `asks_ensemble` says whether any gate beside it asks a ZooKeeper ensemble.
    pub(super) fn source(
        &self,
        asks_ensemble: bool,
        connection: &Connection,
        world: &World,
    ) -> Result<Box<dyn Source>, Failure> {
        let name = &self.name;
        if *name != one_line(name.trim()) || name.is_empty() || name.chars().count() > LONGEST_NAME
        {
            let text = format!(
                "the name of a gate is one line of up to {LONGEST_NAME} printable characters, without blanks around \
                 it; this is none: {}",
                one_line(&name.chars().take(LONGEST_NAME).collect::<String>())
            );
            return Err(Failure::new(text));
        }
        self.refuse_foreign().map_err(|text| self.refused(&text))?;
        let expects = Expectation::read(&self.wanted()).map_err(|it| self.refused(&it))?;
        let timeout = Duration::from_secs(u64::from(self.timeout));
        let (look, predicate) = match self.kind {
            Kind::Zookeeper => {
                let observer = self.ensemble.observer(&self.tls, self.ca_path.as_deref(), world);
                let observer = observer.map_err(|it| self.refused(&it))?;
                let target = self.ensemble.target(&observer, self.target.as_deref());
                let question = self.question(target.map_err(|it| self.refused(&it))?);
                return Ok(Box::new(Ensemble { observer, question, timeout }));
            }
            Kind::Elasticsearch => {
                let observer = self.search.observer(self.target(world)?, world);
                let observer = observer.map_err(|it| self.refused(&it))?;
                let question = self.question(self.target.clone().unwrap_or_default());
                let extent = match self.phase {
                    Some(PhaseArg::Back) => Extent::Members,
                    Some(PhaseArg::Still) => Extent::Losable,
                    Some(PhaseArg::Pre | PhaseArg::Mid | PhaseArg::Post) | None => Extent::Whole,
                };
                let question =
                    self.search.question(question, extent).map_err(|it| self.refused(&it))?;
                return Ok(Box::new(SearchCluster { observer, question, timeout }));
            }
            Kind::Kafka => {
                let kafka = self.kafka(timeout, asks_ensemble, world);
                return kafka.map_err(|it| self.refused(&it));
            }
            Kind::Ec2 => {
                let access = ec2_access(&connection.session_options(), &world.environment);
                let access = Ec2Access { timeout, ..access };
                return self.machine(access).map_err(|it| self.refused(&it));
            }
            Kind::Tcp => (self.tcp(), Predicate::Accepts),
            Kind::Http => {
                let http = Http::new(&self.target(world)?).map_err(|it| self.refused(&it))?;
                (
                    Look::Http(Box::new(http)),
                    Predicate::Answers { statuses: self.statuses()?, expects },
                )
            }
            Kind::Command => (
                self.command()?,
                Predicate::Exits { status: self.exit_status.unwrap_or(0), expects },
            ),
            Kind::Prometheus => (self.prometheus(world)?, self.measures(expects)?),
        };
        Ok(Box::new(Probe { name: name.clone(), look, predicate, timeout }))
    }

    fn kafka(
        &self,
        timeout: Duration,
        asks_ensemble: bool,
        world: &World,
    ) -> Result<Box<dyn Source>, String> {
        let (ca_path, validate_certs) = (self.ca_path.as_deref(), self.validate_certs);
        let observer =
            self.kafka.observer(&self.tls, self.login(world)?, ca_path, validate_certs, world)?;
        let question = self.question(self.target.clone().unwrap_or_default());
        let question = self.kafka.question(question, asks_ensemble)?;
        Ok(Box::new(KafkaCluster { observer, question, timeout }))
    }

    /// The options are checked before, as far as they are there at all.
    fn machine(&self, access: Ec2Access) -> Result<Box<dyn Source>, String> {
        let id = self.instance_id.as_deref().unwrap_or_default().trim();
        if !id.starts_with("i-") {
            return Err(format!(
                "instance_id is no id of an instance, such as i-0123456789abcdef0: {:?}",
                one_line(id)
            ));
        }
        if cfg!(not(feature = "aws")) {
            return Err(Ec2Error::NotBuilt.to_string());
        }
        let region = Region::new(self.region.as_deref().unwrap_or_default().trim());
        let (gate, id) = (self.name.clone(), InstanceId::new(id));
        Ok(Box::new(Machine { gate, access, region, id }))
    }

    /// What is to be told of the files that hold its secrets.
    pub(super) fn warnings(&self, world: &World) -> Vec<String> {
        let (key, token) = (&self.search.api_key_file, &self.kafka.oauth_token_file);
        secret::warnings([self.password_file.as_ref(), key.as_ref(), token.as_ref()], world)
    }

    fn login(&self, world: &World) -> Result<Option<Login>, String> {
        let (password, file) = (self.password.as_ref(), self.password_file.as_deref());
        secret::login(self.username.as_ref(), password, file, world)
    }

    /// What is asked of a cluster; the phase is there, the options are checked before.
    fn question(&self, target: String) -> Question {
        let phase = match self.phase {
            Some(PhaseArg::Mid) => Phase::Mid,
            Some(PhaseArg::Back | PhaseArg::Post) => Phase::Post,
            Some(PhaseArg::Pre | PhaseArg::Still) | None => Phase::Pre,
        };
        Question { gate: self.name.clone(), phase, target }
    }

    fn refused(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!("gate {}: {why}", one_line(&self.name)))
    }

    /// An option of another kind would be taken for a check that is never made.
    fn refuse_foreign(&self) -> Result<(), String> {
        use Kind::{Command, Ec2, Elasticsearch, Http, Kafka, Prometheus, Tcp, Zookeeper};
        let own = match self.phase {
            Some(PhaseArg::Back) => Some("back"),
            Some(PhaseArg::Still) => Some("still"),
            Some(PhaseArg::Pre | PhaseArg::Mid | PhaseArg::Post) | None => None,
        };
        if let Some(phase) = own.filter(|_| self.kind != Elasticsearch) {
            return Err(format!("phase {phase} is no phase of {}", self.kind.as_str()));
        }
        let by_http: &[Kind] = &[Http, Prometheus, Elasticsearch];
        let clusters: &[Kind] = &[Zookeeper, Elasticsearch, Kafka];
        let with_login: &[Kind] = &[Http, Prometheus, Elasticsearch, Kafka];
        let valued: &[Kind] = &[Http, Command, Prometheus];
        let texts: &[Kind] = &[Http, Command];
        let of = |given: &[(&'static str, bool)], kinds: &'static [Kind]| {
            given.iter().map(|(name, is_given)| (*name, *is_given, kinds)).collect::<Vec<_>>()
        };
        let of_clusters = [
            of(&self.ensemble.given(), &[Zookeeper]),
            of(&self.search.given(), &[Elasticsearch]),
            of(&self.kafka.given(), &[Kafka]),
            of(&self.tls.given(), &[Zookeeper, Kafka]),
        ]
        .concat();
        for (option, is_given, kinds) in [
            ("host", self.host.is_some(), &[Tcp][..]),
            ("port", self.port.is_some(), &[Tcp]),
            ("instance_id", self.instance_id.is_some(), &[Ec2]),
            ("region", self.region.is_some(), &[Ec2]),
            ("url", self.url.is_some(), &[Http, Prometheus]),
            ("method", self.method.is_some(), &[Http]),
            ("headers", self.headers.is_some(), by_http),
            ("username", self.username.is_some(), with_login),
            ("password", self.password.is_some(), with_login),
            ("password_file", self.password_file.is_some(), with_login),
            ("body", self.body.is_some(), &[Http]),
            ("status", self.status.is_some(), &[Http]),
            ("follow_redirects", self.follow_redirects.is_some(), &[Http]),
            ("validate_certs", self.validate_certs.is_some(), with_login),
            (
                "ca_path",
                self.ca_path.is_some(),
                &[Http, Prometheus, Zookeeper, Elasticsearch, Kafka],
            ),
            ("phase", self.phase.is_some(), clusters),
            ("target", self.target.is_some(), clusters),
            ("command", self.command.is_some(), &[Command]),
            ("exit_status", self.exit_status.is_some(), &[Command]),
            ("query", self.query.is_some(), &[Prometheus]),
            ("empty", self.empty.is_some(), &[Prometheus]),
            ("json_path", self.json_path.is_some(), texts),
            ("equals", self.equals.is_some(), valued),
            ("min", self.min.is_some(), valued),
            ("max", self.max.is_some(), valued),
            ("matches", self.matches.is_some(), texts),
        ]
        .into_iter()
        .chain(of_clusters)
        {
            if is_given && !kinds.contains(&self.kind) {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                let (kinds, own) = (kinds.join(" and "), self.kind.as_str());
                return Err(format!("{option} is an option of {kinds}, and it is {own}"));
            }
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            json_path: self.json_path.clone(),
            equals: self.equals.clone(),
            minimum: self.min,
            maximum: self.max,
            matches: self.matches.clone(),
        }
    }

    /// Both are there: the options are checked before.
    fn tcp(&self) -> Look {
        let host = self.host.clone().unwrap_or_default().trim().to_owned();
        Look::Tcp(Tcp { host, port: self.port.unwrap_or_default() })
    }

    fn target(&self, world: &World) -> Result<HttpTarget, Failure> {
        let method = match self.method.unwrap_or(Method::Get) {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        };
        let login = self.login(world).map_err(|it| self.refused(&it))?;
        Ok(HttpTarget {
            url: self.url.clone().unwrap_or_default(),
            method: method.to_owned(),
            headers: self.headers.clone().unwrap_or_default(),
            login,
            body: self.body.clone(),
            follow_redirects: self.follow_redirects.unwrap_or(false),
            validate_certs: self.validate_certs.unwrap_or(true),
            ca_path: self.ca_path.as_ref().map(|path| world.environment.expand(path)),
        })
    }

    fn statuses(&self) -> Result<Vec<u16>, Failure> {
        let statuses = self.status.clone().unwrap_or_else(|| vec![200]);
        if statuses.is_empty() || statuses.iter().any(|status| !(100..=599).contains(status)) {
            return Err(self.refused(&"status is a list of one or more from 100 to 599"));
        }
        Ok(statuses)
    }

    fn command(&self) -> Result<Look, Failure> {
        let mut words = self.command.iter().flatten().cloned();
        let Some(program) = words.next().filter(|program| !program.trim().is_empty()) else {
            return Err(self.refused(&"command is a list that begins with a program"));
        };
        Ok(Look::Command(Command { program, arguments: words.collect() }))
    }

    fn prometheus(&self, world: &World) -> Result<Look, Failure> {
        let query = self.query.as_deref().unwrap_or_default();
        let made = Prometheus::new(&self.target(world)?, query);
        Ok(Look::Prometheus(Box::new(made.map_err(|it| self.refused(&it))?)))
    }

    fn measures(&self, expects: Option<Expectation>) -> Result<Predicate, Failure> {
        let is_number = |value: &Value| match value {
            Value::Number(_) => true,
            Value::String(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        };
        if self.equals.as_ref().is_some_and(|value| !is_number(value)) {
            return Err(self.refused(&"equals is a number where values are measured"));
        }
        let Some(expects) = expects else {
            return Err(
                self.refused(&"nothing says what the values must be; add min, max or equals")
            );
        };
        let when_empty = match self.empty.unwrap_or(Empty::Unknown) {
            Empty::Pass => Verdict::Pass,
            Empty::Fail => Verdict::Fail,
            Empty::Unknown => Verdict::Unknown,
        };
        Ok(Predicate::Measures { expects, when_empty })
    }
}
