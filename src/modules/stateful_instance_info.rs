//! `stateful_instance_info`: which stateful instances there are, with the facts of the inventory.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::World;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::Notice;
use crate::drive::{Progress, Wanted, connect_ec2, ec2_access, observe};
use crate::plan::inventory::{Constructed, FileOptions, build};

/// Lists stateful instances with the facts that the inventory knows of them.
///
/// The names are those of the inventory's variables without their prefix, so `privateIp` here is `spotinst_privateIp`
/// there. What the vendor does not tell is left out.
///
/// The list is empty, and that is no failure, if nothing matches. All filters that are given must agree.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only instances of the Elastigroups with these ids or names, in which `*` and `?` may stand. Managed instances go by
    /// their own.
    #[schemars(extend("x-aliases" = ["group_ids", "esgs", "group_id", "esg_id", "esg"]))]
    elastigroups: Option<Vec<String>>,
    /// Only the instances with these ids, such as `ssi-12345678`; an EC2 instance's id serves as well.
    #[schemars(extend("x-aliases" = ["id", "ssi", "stateful_instance_ids"]))]
    ids: Option<Vec<String>>,
    /// Only instances in these states, such as `ACTIVE` or `ERROR`.
    states: Option<Vec<String>>,
    /// Only instances whose group has these tags: by name a value or a list of them, in which `*` and `?` may stand. An
    /// empty list asks only that the tag is there.
    tags: Option<BTreeMap<String, Value>>,
    /// Only instances in these regions.
    regions: Option<Vec<String>>,
    /// What is listed: `stateful` for instances of Elastigroups, `managed_instances` for those.
    #[serde(default = "stateful")]
    include: Vec<String>,
    /// Whether EC2 is asked for its facts: `auto` does so if AWS credentials are found, `true` insists, `false` leaves it.
    #[serde(default = "auto")]
    ec2: String,
    /// Whether it fails if anything that was asked for could not be read. Without, that is a warning.
    #[serde(default = "yes")]
    strict: bool,
    /// Most calls under way at once.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 256))]
    concurrency: u16,
    #[serde(flatten)]
    connection: Connection,
}

fn stateful() -> Vec<String> {
    vec!["stateful".to_owned()]
}

fn auto() -> String {
    "auto".to_owned()
}

fn yes() -> bool {
    true
}

fn ten() -> u16 {
    10
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The instances that match, by account, group and id. Each has `accountId`, `id`, `kind`, `name`, `devices`, `tags` and
    /// `persistence`, and where they are told `esg_id`, `esg_name`, `state`, `instanceId`, `imageId`, `privateIp`,
    /// `publicIp`, `region`, `availabilityZone`, `instanceType`, `lifecycle`, `launchedAt`, `createdAt`, `esg_imageId`,
    /// `image_drift` and `ansible_host`.
    #[schemars(extend("x-returned" = "always"))]
    stateful_instances: Vec<Map<String, Value>>,
}

/// The module.
pub(super) struct StatefulInstanceInfo;

impl Args {
    /// The inventory's own options, so that both mean and refuse the same.
    fn file_options(&self) -> Result<FileOptions, Failure> {
        let tags = match &self.tags {
            Some(tags) => Some(values(tags)?),
            None => None,
        };
        Ok(FileOptions {
            elastigroups: self.elastigroups.clone(),
            states: self.states.clone(),
            regions: self.regions.clone(),
            include: Some(self.include.clone()),
            ec2: Some(self.ec2.clone()),
            strict: self.strict,
            hostnames: Some(vec!["id".to_owned()]),
            hostvar_prefix: Some(String::new()),
            tags,
            ..FileOptions::default()
        })
    }

    fn is_wanted(&self, facts: &Map<String, Value>) -> bool {
        let Some(ids) = &self.ids else { return true };
        let names = ["id", "instanceId"].map(|name| facts.get(name).and_then(Value::as_str));
        names.iter().flatten().any(|name| ids.iter().any(|id| id == name))
    }
}

/// Each tag with the values that will do.
fn values(tags: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let text = |name: &String, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Failure::new(format!(
            "option tags: {name} is {value}; it is a text or a list of texts"
        ))),
    };
    let mut wanted = BTreeMap::new();
    for (name, value) in tags {
        let texts = match value {
            Value::Null => Vec::new(),
            Value::Array(list) => {
                list.iter().map(|value| text(name, value)).collect::<Result<_, _>>()?
            }
            one => vec![text(name, one)?],
        };
        wanted.insert(name.clone(), texts);
    }
    Ok(wanted)
}

impl Module<World> for StatefulInstanceInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "stateful_instance_info";
    const EXAMPLES: &'static str = include_str!("stateful_instance_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let refused = |error: crate::plan::inventory::OptionError| Failure::new(error.to_string());
        let typed = args.file_options()?;
        let options = typed.document_options().map_err(refused)?;
        let (session, client) = args.connection.open(context.world)?;
        let wanted = Wanted {
            accounts: session.accounts()?,
            scope: options.scope.clone(),
            include: options.include,
            ec2: typed.ec2_mode().map_err(refused)?,
            concurrency: usize::from(args.concurrency),
        };
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let access = ec2_access(&args.connection.session_options(), &context.world.environment);
        let fleet =
            observe(&client, &wanted, || connect_ec2(&access), &progress).map_err(|error| {
                match error {
                    crate::drive::ObserveError::Spot(error) => Failure::from(error),
                    other @ crate::drive::ObserveError::Ec2(_) => Failure::new(other.to_string()),
                }
            })?;
        let (document, notices) = build(&fleet, &options, &Constructed::default())
            .map_err(|error| Failure::new(error.to_string()))?;
        let (missing, odd): (Vec<Notice>, Vec<Notice>) =
            notices.into_iter().partition(|notice| notice.is_failure);
        if args.strict && !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(Notice::to_string).collect();
            let text =
                format!("cannot list all of it, which `strict` asks for: {}", missing.join("; "));
            return Err(Failure::new(text).retryable(true));
        }
        let mut found: Vec<Map<String, Value>> =
            document.hosts.into_values().filter(|facts| args.is_wanted(facts)).collect();
        let key = |facts: &Map<String, Value>, name: &str| facts.get(name).map(Value::to_string);
        found.sort_by_cached_key(|facts| {
            ["accountId", "esg_name", "esg_id", "id"].map(|name| key(facts, name))
        });
        let warnings = missing.iter().chain(&odd).map(Notice::to_string);
        Ok(Planned::unchanged(Returns { stateful_instances: found }).with_warnings(warnings))
    }
}
