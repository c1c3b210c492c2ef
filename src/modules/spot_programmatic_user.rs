//! `spot_programmatic_user`: a user for programs, and its token where it should be.

mod desk;
mod removal;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::accounts::{Places, SsmArgs, untold};
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::{AccountId, AccountRole, Grants, PolicyMapping, User, UserKind};
use crate::drive::{Progress, watched};
use desk::Desk;

/// How long lists may lag behind what was accepted.
const LAG: Duration = Duration::from_secs(60);

/// Makes or removes a programmatic user of a Spot organisation, and keeps its token where it is told to.
///
/// The vendor tells a token once, when the user is made. It goes into a parameter of AWS Systems Manager, into a file that only its
/// owner may read, or both, and is returned only if `reveal` is true; then give the task `no_log`.
///
/// A user of that name that is there is not made again: its token is looked for in the places named, held against the last
/// characters that the vendor tells of it, and copied to places that lack it.
///
/// A place that holds something else is written over only with `when_lost=replace`, whether there is such a user or not, and then a
/// warning names it.
///
/// The places are read before a user is made. If none of them takes the token the new user is removed again. A user that is made anew
/// is removed only once each of the places was written.
///
/// With `state=absent` one that may be another's is left, with a warning: it is removed if one of the places named holds its token, if
/// all that it may do is in `accounts`, or if neither places nor accounts are named. Of one that is in user groups nobody can tell in
/// which accounts they allow it something, so its rights do not show that it is the one. While it is removed, the places tell whose token
/// they held, so that a task that was cut off is gone on with when it is run again; if the vendor refuses, they get it back.
///
/// The token of the task must be that of an organisation administrator.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-mutually-exclusive" = [["accounts", "policies"]]))]
pub(super) struct Args {
    /// Whether it is to be there.
    #[serde(default)]
    state: State,
    /// Its name, by which it is found. The vendor takes none that holds one of `+ = @`.
    name: String,
    /// What is written beside a new one.
    description: Option<String>,
    /// The accounts that a new one may see to. The vendor keeps them as policies of its own, so they are not changed later; where their names show
    /// another role, that is warned of. With
    /// `state=absent` those by which it is told that it is the one.
    accounts: Option<Vec<AccountGrant>>,
    /// The policies that it is to have, and no others of its own. Those of its user groups stay, and are told with a warning.
    policies: Option<Vec<PolicyGrant>>,
    /// The parameter of AWS Systems Manager that keeps the token, encrypted.
    ssm_parameter: Option<SsmArgs>,
    /// The file that keeps the token, with mode 0600.
    #[schemars(extend("x-type" = "path"))]
    token_file: Option<String>,
    /// Whether the token is returned, too.
    #[serde(default)]
    reveal: bool,
    /// What to do about a user whose token is in none of the places, and about places that hold something else than its token.
    #[serde(default)]
    when_lost: WhenLost,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there, and its token in each of the places.
    #[default]
    Present,
    /// It is not, and the places are empty.
    Absent,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum WhenLost {
    /// Fail.
    #[default]
    Fail,
    /// Remove the user and make it anew, and write over what the places hold. Whoever uses the old token is locked out.
    Replace,
}

#[derive(Clone, Deserialize, JsonSchema)]
struct AccountGrant {
    /// The account, such as `act-12345678`.
    id: String,
    /// What it may do there.
    role: Role,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    /// Read.
    Viewer,
    /// Read and change.
    Editor,
}

#[derive(Clone, Deserialize, JsonSchema)]
struct PolicyGrant {
    /// The policy, such as `pol-12345678`.
    policy_id: String,
    /// The accounts it is for; `*` for all.
    account_ids: Vec<String>,
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The user; null if there is none, and in check mode if it is still to be made.
    #[schemars(extend("x-returned" = "always"))]
    user: Option<Shown>,
    /// The places that keep the token.
    places: Vec<String>,
    /// The token, if `reveal` is true and it is known.
    #[schemars(extend("x-returned" = "when `reveal` is true"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Clone, Serialize, JsonSchema)]
struct Shown {
    /// Its id.
    #[schemars(extend("x-sample" = "pu-12345678"))]
    id: String,
    /// Its name.
    name: String,
}

impl From<&User> for Shown {
    fn from(user: &User) -> Self {
        Self { id: user.id.to_string(), name: user.name.clone() }
    }
}

impl Args {
    /// What a new user is granted, if anything.
    fn grants(&self) -> Option<Grants> {
        let role = |role: Role| match role {
            Role::Viewer => AccountRole::Viewer,
            Role::Editor => AccountRole::Editor,
        };
        let accounts = self.accounts.as_ref().filter(|accounts| !accounts.is_empty());
        let accounts = accounts.map(|accounts| {
            let pairs =
                accounts.iter().map(|one| (AccountId::new(one.id.as_str()), role(one.role)));
            Grants::Accounts(pairs.collect())
        });
        accounts.or_else(|| self.mappings().map(Grants::Policies))
    }

    /// The policies, in an order that can be compared.
    fn mappings(&self) -> Option<Vec<PolicyMapping>> {
        let policies = self.policies.as_ref().filter(|policies| !policies.is_empty())?;
        let one = |it: &PolicyGrant| PolicyMapping {
            policy: it.policy_id.clone(),
            accounts: it.account_ids.clone(),
        };
        Some(sorted(policies.iter().map(one).collect()))
    }
}

/// The same whatever order they came in.
fn sorted(mut policies: Vec<PolicyMapping>) -> Vec<PolicyMapping> {
    policies.iter_mut().for_each(|one| one.accounts.sort());
    policies.sort();
    policies
}

/// The module.
pub(super) struct SpotProgrammaticUser;

impl Module<World> for SpotProgrammaticUser {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_programmatic_user";
    const EXAMPLES: &'static str = include_str!("spot_programmatic_user.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open_for(context.world, LAG)?;
        let file = args.token_file.as_deref();
        let places =
            Places::new(args.ssm_parameter.as_ref(), file, &args.connection, context.world);
        let listed = {
            let progress = Progress::new(session.clock.as_ref(), context.progress);
            watched(&progress, "reading the users of the organisation", || client.list_users())?
        };
        let user = only_one(&args.name, listed.items)?;
        if user.is_none() {
            untold(&format!("programmatic user {}", args.name), &listed.left_out)?;
        }
        let warnings = listed.oddities.into_iter().chain(listed.left_out);
        let state = args.state;
        let desk = Desk { args, session, client, places };
        let planned = match (state, user) {
            (State::Present, Some(user)) => desk.present(user),
            (State::Present, None) => desk.missing(),
            (State::Absent, user) => desk.absent(user),
        };
        Ok(planned?.with_warnings(warnings))
    }
}

/// The programmatic user of that name.
///
/// # Errors
///
/// There are several.
fn only_one(name: &str, users: Vec<User>) -> Result<Option<User>, Failure> {
    let is_it = |user: &User| user.kind == UserKind::Programmatic && user.name == name;
    let mut found: Vec<User> = users.into_iter().filter(is_it).collect();
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|user| user.id.as_str()).collect();
        let ids = ids.join(", ");
        return Err(Failure::new(format!(
            "several programmatic users are called {name} ({ids}): remove all but one of them"
        )));
    }
    Ok(found.pop())
}
