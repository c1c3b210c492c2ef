//! `spot_aws_connection`: an account is connected to AWS by an IAM role, or made ready for it.

mod desk;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::accounts::{Places, SsmArgs};
use super::connection::{Connection, only};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::drive::{Onboarder, Progress, watched};
use crate::plan::account::RoleArn;
use desk::Desk;

/// Lists may lag for so long, in seconds, after the vendor has taken a role.
const MARGIN: u64 = 90;

/// Connects a Spot account to AWS by an IAM role.
///
/// It takes two steps, between which the role is made, such as by `amazon.aws.iam_role`. With `state=prepared` there is an external
/// id that is good, kept in a parameter of AWS Systems Manager or in a file, as JSON with `account_id`, `external_id` and
/// `valid_until`. The vendor ends it after some time, and any new one ends those before, so a new one is made only if the account is
/// not connected and none is kept that is good for long enough. Of several that are kept the one that ends last counts. A place that
/// holds the external id of another account, or anything else, is not written over: the task fails, and says which.
///
/// With `state=connected` the vendor is told the role, again and again while IAM settles, until it can assume it; and it is done
/// when the organisation's list and a real call show the account connected. What is connected already is not touched.
///
/// With `state=absent` the places are emptied. The vendor has no call that disconnects an account: delete it, or its role.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-if" = [["state", "connected", ["role_arn"]]]))]
pub(super) struct Args {
    /// What is to be.
    state: State,
    /// The role, such as `arn:aws:iam::123456789012:role/Spot`. With `prepared`: no external id is needed if the account is
    /// connected by this role; without it any connection will do.
    #[schemars(extend("x-aliases" = ["iam_role", "iam_role_arn"]))]
    role_arn: Option<String>,
    /// The parameter of AWS Systems Manager that keeps the external id, encrypted.
    ssm_parameter: Option<SsmArgs>,
    /// The file that keeps the external id, with mode 0600.
    #[schemars(extend("x-type" = "path"))]
    id_file: Option<String>,
    /// How much longer, in seconds, an external id has to be good to be kept.
    #[serde(default = "quarter_of_an_hour")]
    min_validity: u32,
    /// Whether a new external id is made in any case. A role that asks for an earlier one has to be changed then.
    #[serde(default)]
    renew: bool,
    /// Whether the external id is returned, too. Then give the task `no_log`.
    #[serde(default)]
    reveal: bool,
    /// Whether an account of the role's AWS account is connected by the role also where the vendor does not tell by which one it is: it may be
    /// another. Each such run counts as a change. For `connected` alone.
    #[serde(default)]
    set_untold: bool,
    /// How long the vendor is told the role again, in seconds.
    #[serde(default = "three_minutes")]
    #[schemars(range(min = 1, max = 3600))]
    wait_timeout: u32,
    #[serde(flatten)]
    connection: Connection,
}

fn quarter_of_an_hour() -> u32 {
    900
}

fn three_minutes() -> u32 {
    180
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There is an external id, unless the account is connected.
    Prepared,
    /// It is connected by the role.
    Connected,
    /// No external id is kept.
    Absent,
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The account.
    #[schemars(extend("x-returned" = "always", "x-sample" = "act-12345678"))]
    account_id: String,
    /// Whether it is connected.
    connected: bool,
    /// The AWS account that it is connected to, null until it is.
    #[schemars(extend("x-sample" = "123456789012"))]
    cloud_account_id: Option<String>,
    /// The role, null if it is not connected or the vendor does not tell.
    iam_role: Option<String>,
    /// Until when the external id is good, null if there is none.
    #[schemars(extend("x-sample" = "2026-01-02T00:00:00.000Z"))]
    valid_until: Option<String>,
    /// The places that keep the external id.
    places: Vec<String>,
    /// The external id, if `reveal` is true and there is one. Of an account that is connected it is the one that is kept, which may
    /// have ended.
    #[schemars(extend("x-returned" = "when `reveal` is true"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// How often the vendor was told the role.
    attempts: u32,
}

/// The module.
pub(super) struct SpotAwsConnection;

impl Module<World> for SpotAwsConnection {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_aws_connection";
    const EXAMPLES: &'static str = include_str!("spot_aws_connection.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let role = args.role_arn.as_deref().map(|text| {
            RoleArn::parse(text).ok_or_else(|| {
                Failure::new(format!(
                    "option role_arn is {text:?}; it must be the ARN of an IAM role, such as \
                     arn:aws:iam::123456789012:role/Spot"
                ))
            })
        });
        let role = role.transpose()?;
        let wait = Duration::from_secs(u64::from(args.wait_timeout) + MARGIN);
        let (session, client) = args.connection.open_for(context.world, wait)?;
        let account = only(session.accounts()?)?;
        let file = args.id_file.as_deref();
        let places =
            Places::new(args.ssm_parameter.as_ref(), file, &args.connection, context.world);
        let link = {
            let progress = Progress::new(session.clock.as_ref(), context.progress);
            let clock = session.clock.as_ref();
            let onboarder = Onboarder { client: &client, clock, progress: &progress };
            let cloud = role.as_ref().map(RoleArn::account);
            watched(&progress, "looking how the account stands to AWS", || {
                onboarder.link(&account, cloud)
            })?
        };
        let state = args.state;
        let desk = Desk { args, session, client, places, link, role };
        match state {
            State::Prepared => desk.prepared(),
            State::Connected => desk.connected(context),
            State::Absent => desk.absent(),
        }
    }
}
