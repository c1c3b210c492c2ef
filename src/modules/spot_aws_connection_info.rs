//! `spot_aws_connection_info`: how an account stands to AWS.

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::World;
use super::accounts::{Places, SsmArgs};
use super::connection::{Connection, only};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::drive::{Onboarder, Progress, watched};
use crate::plan::account::{Kept, RoleSeen, TrustProblem, trust_problem};

/// Tells whether a Spot account is connected to AWS, by the organisation's list and by a real call.
///
/// With `ssm_parameter` it tells whose external id is kept there, and not the id; with `trust` whether a role that has it lets the
/// vendor in by that id.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// The parameter of AWS Systems Manager that `spot_aws_connection` keeps an external id in.
    ssm_parameter: Option<SsmArgs>,
    /// The trust policy of a role, as `amazon.aws.iam_role_info` tells it. It holds an external id, so give the task `no_log`.
    trust: Option<Map<String, Value>>,
    #[serde(flatten)]
    connection: Connection,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The account.
    #[schemars(extend("x-returned" = "always", "x-sample" = "act-12345678"))]
    account_id: String,
    /// Whether it is listed as connected and answers as connected accounts do.
    connected: bool,
    /// The AWS account that it is listed with, null if it is with none.
    #[schemars(extend("x-sample" = "123456789012"))]
    cloud_account_id: Option<String>,
    /// The role, null if there is none or the vendor does not tell.
    iam_role: Option<String>,
    /// What the vendor says in place of an answer, null if it answers.
    refusal: Option<String>,
    /// What `ssm_parameter` holds.
    #[schemars(extend("x-returned" = "when `ssm_parameter` is given"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<ShownKept>,
    /// What is wrong with the trust.
    #[schemars(extend("x-returned" = "when `trust` is given and something is wrong with it"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_problem: Option<ShownProblem>,
}

/// What a place holds that is for an external id.
#[derive(Serialize, JsonSchema)]
struct ShownKept {
    /// Whether it holds anything.
    is_there: bool,
    /// The Spot account that the external id is for, null if there is none or it is something else.
    account_id: Option<String>,
}

impl From<&Kept> for ShownKept {
    fn from(kept: &Kept) -> Self {
        let account_id = match kept {
            Kept::Id(id) => Some(id.account_id.clone()),
            Kept::Nothing | Kept::Unreadable => None,
        };
        Self { is_there: *kept != Kept::Nothing, account_id }
    }
}

/// What is wrong with a trust.
#[derive(Serialize, JsonSchema)]
struct ShownProblem {
    /// In words.
    text: String,
    /// Whether it is certain; it is not where a condition is not understood, and may be the owner's own.
    is_certain: bool,
}

impl From<TrustProblem> for ShownProblem {
    fn from(problem: TrustProblem) -> Self {
        Self { is_certain: problem.is_certain(), text: problem.to_string() }
    }
}

/// The module.
pub(super) struct SpotAwsConnectionInfo;

impl Module<World> for SpotAwsConnectionInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_aws_connection_info";
    const EXAMPLES: &'static str = include_str!("spot_aws_connection_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open(context.world)?;
        let account = only(session.accounts()?)?;
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let clock = session.clock.as_ref();
        let onboarder = Onboarder { client: &client, clock, progress: &progress };
        let (link, refusal) = watched(&progress, "looking how the account stands to AWS", || {
            Ok::<_, crate::spot::SpotError>((
                onboarder.link(&account, None)?,
                onboarder.probe(&account)?,
            ))
        })?;
        let places =
            Places::new(args.ssm_parameter.as_ref(), None, &args.connection, context.world);
        let held = places.sinks.read()?;
        let kept =
            held.first().map(|held| Kept::read(held.as_ref().map(ExposeSecret::expose_secret)));
        // One of another account, or none, cannot be compared: then it is only asked whether there is an external id.
        let own = match &kept {
            Some(Kept::Id(id)) if id.account_id == account.as_str() => {
                Some(id.external_id.as_str())
            }
            Some(Kept::Id(_) | Kept::Nothing | Kept::Unreadable) | None => None,
        };
        let problem = args.trust.and_then(|trust| trust_problem(&Value::Object(trust), own));
        Ok(Planned::unchanged(Returns {
            kept: kept.as_ref().map(ShownKept::from),
            trust_problem: problem.map(ShownProblem::from),
            account_id: account.to_string(),
            connected: link.is_connected() && refusal.is_none(),
            cloud_account_id: link.cloud_account,
            iam_role: match link.role {
                RoleSeen::Role(role) => Some(role),
                RoleSeen::Nothing | RoleSeen::Untold => None,
            },
            refusal: refusal.map(|error| error.to_string()),
        }))
    }
}
