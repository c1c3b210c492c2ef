//! `spot_account_info`: which accounts the token can see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::accounts::ShownAccount;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::Account;
use crate::drive::{Progress, watched};

/// Lists the accounts of a Spot organisation.
///
/// Without filters the vendor wants an organisation administrator's token.
///
/// The list is empty, and that is no failure, if no account matches.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only the account of this name.
    name: Option<String>,
    /// Only the account of this id, such as `act-12345678`.
    id: Option<String>,
    /// Only the accounts connected to this AWS account, twelve digits.
    #[schemars(extend("x-aliases" = ["aws_account_id"]))]
    cloud_account_id: Option<String>,
    #[serde(flatten)]
    connection: Connection,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The accounts that match, in the vendor's order.
    #[schemars(extend("x-returned" = "always"))]
    accounts: Vec<ShownAccount>,
    /// What of the vendor's list cannot be read, in words: whole entries, and with O(cloud_account_id) to which AWS account one is
    /// connected. Where there is anything, an account that is not among `accounts` may be there all the same.
    #[schemars(extend("x-returned" = "always"))]
    left_out: Vec<String>,
}

/// The module.
pub(super) struct SpotAccountInfo;

impl Module<World> for SpotAccountInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_account_info";
    const EXAMPLES: &'static str = include_str!("spot_account_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open(context.world)?;
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let listed = watched(&progress, "reading the accounts of the organisation", || {
            client.list_accounts(args.cloud_account_id.as_deref())
        })?;
        let is_wanted = |account: &Account| {
            args.name.as_ref().is_none_or(|name| *name == account.name)
                && args.id.as_ref().is_none_or(|id| id == account.id.as_str())
        };
        // Whoever asks by name or id misses none of these.
        let is_missed =
            |account: &&Account| args.cloud_account_id.is_some() && account.is_cloud_unread;
        let unread = listed.items.iter().filter(is_missed).map(|account| {
            format!("what AWS account {} is connected to cannot be read: it may be any", account.id)
        });
        let left_out = listed.left_out.iter().cloned().chain(unread).collect();
        let accounts = listed.items.into_iter().filter(is_wanted).map(ShownAccount::from).collect();
        let warnings: Vec<String> =
            listed.oddities.into_iter().chain(listed.left_out.iter().cloned()).collect();
        Ok(Planned::unchanged(Returns { accounts, left_out }).with_warnings(warnings))
    }
}
