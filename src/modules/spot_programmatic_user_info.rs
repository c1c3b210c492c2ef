//! `spot_programmatic_user_info`: the users for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::{User, UserDetails, UserGroup, UserKind};
use crate::drive::{Progress, watched};

/// Lists the programmatic users of a Spot organisation, with their policies and the ends of their tokens.
///
/// The token must be that of an organisation administrator. The list is empty, and that is no failure, if no user matches.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only the user of this name.
    name: Option<String>,
    /// Only the user of this id, such as `pu-12345678`.
    id: Option<String>,
    #[serde(flatten)]
    connection: Connection,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The users that match, in the vendor's order.
    #[schemars(extend("x-returned" = "always"))]
    users: Vec<Found>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    /// Its id.
    #[schemars(extend("x-sample" = "pu-12345678"))]
    id: String,
    /// Its name.
    name: String,
    /// Its own policies.
    policies: Vec<FoundPolicy>,
    /// The user groups that it is in, whose policies it has besides.
    groups: Vec<FoundGroup>,
    /// The last characters of its tokens, as far as the vendor tells them.
    #[schemars(extend("x-sample" = ["3fd1"]))]
    last_digits: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct FoundPolicy {
    /// The policy's id.
    policy_id: String,
    /// The accounts it is for.
    account_ids: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct FoundGroup {
    /// The group's id; empty where the vendor sends none.
    #[schemars(extend("x-sample" = "ugr-12345678"))]
    id: String,
    /// Its name; empty where the vendor sends none.
    name: String,
    /// The names of its policies. For which accounts they are the vendor does not tell here.
    policy_names: Vec<String>,
}

impl From<UserGroup> for FoundGroup {
    fn from(group: UserGroup) -> Self {
        Self { id: group.id, name: group.name, policy_names: group.policies }
    }
}

impl From<UserDetails> for Found {
    fn from(details: UserDetails) -> Self {
        let policies = details.policies.into_iter();
        Self {
            id: details.user.id.to_string(),
            name: details.user.name,
            policies: policies
                .map(|it| FoundPolicy { policy_id: it.policy, account_ids: it.accounts })
                .collect(),
            groups: details.groups.into_iter().map(FoundGroup::from).collect(),
            last_digits: details.tokens.into_iter().filter_map(|it| it.last_digits).collect(),
        }
    }
}

/// The module.
pub(super) struct SpotProgrammaticUserInfo;

impl Module<World> for SpotProgrammaticUserInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_programmatic_user_info";
    const EXAMPLES: &'static str = include_str!("spot_programmatic_user_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open(context.world)?;
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let is_wanted = |user: &User| {
            user.kind == UserKind::Programmatic
                && args.name.as_ref().is_none_or(|name| *name == user.name)
                && args.id.as_ref().is_none_or(|id| id == user.id.as_str())
        };
        let (users, warnings) =
            watched(&progress, "reading the users of the organisation", || {
                let listed = client.list_users()?;
                let wanted = listed.items.iter().filter(|user| is_wanted(user));
                let details = wanted.map(|user| client.user(&user.id));
                // One that is removed meanwhile is passed over.
                let details: Result<Vec<_>, _> = details.collect();
                let details: Vec<UserDetails> = details?.into_iter().flatten().collect();
                let unread = details.iter().flat_map(|one| {
                    let id = &one.user.id;
                    one.unread.iter().map(move |what| format!("what user {id} may do: {what}"))
                });
                let unread: Vec<String> = unread.collect();
                let users = details.into_iter().map(Found::from).collect();
                let warnings = listed.oddities.into_iter().chain(listed.left_out).chain(unread);
                Ok::<_, crate::spot::SpotError>((users, warnings))
            })?;
        Ok(Planned::unchanged(Returns { users }).with_warnings(warnings))
    }
}
