//! `spot_aws_connection_info`: how an account stands to AWS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::{Connection, only};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::drive::{Onboarder, Progress, watched};
use crate::plan::account::RoleSeen;

/// Tells whether a Spot account is connected to AWS, by the organisation's list and by a real call.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
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
        Ok(Planned::unchanged(Returns {
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
