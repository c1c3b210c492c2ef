//! Whose token it is, what it may not do, and how accounts stand to AWS.

use secrecy::{ExposeSecret, SecretString};

use super::{Check, DoctorArguments, failed};
use crate::domain::{AccountId, Clock, Region, UserDetails, UserKind, VendorTime};
use crate::drive::{
    Environment, Onboarder, Progress, Session, SessionOptions, Sink, Sinks, TokenOwner, ec2_access,
    token_owner,
};
use crate::plan::account::{Kept, Link, RoleSeen, RoleTold, StoredExternalId, role_told};
use crate::spot::{Client, SpotError};

const OWNER: &str = "token owner";
const RIGHTS: &str = "rights";

/// Whose token it is, with the user where that is known for certain; only an administrator's can tell.
pub(super) fn owner(client: &Client, token: &SecretString) -> (Check, Option<UserDetails>) {
    match token_owner(client, token) {
        Ok(TokenOwner::User(details)) => {
            (owned(&TokenOwner::User(details.clone())), Some(*details))
        }
        Ok(owner) => (owned(&owner), None),
        Err(error @ SpotError::Unauthorized { .. }) => (failed(OWNER, &error), None),
        Err(error) => (Check::ok(OWNER, format!("not to be told: {error}")), None),
    }
}

fn owned(owner: &TokenOwner) -> Check {
    match owner {
        TokenOwner::User(details) => {
            let user = &details.user;
            let found = format!("{} user {} ({})", user.kind.as_str(), user.name, user.id);
            match user.kind {
                UserKind::Personal => Check::warn(
                    OWNER,
                    found,
                    "a personal token ends with its person: have programs use one of spot_programmatic_user",
                ),
                UserKind::Programmatic | UserKind::Other(_) => Check::ok(OWNER, found),
            }
        }
        TokenOwner::Several(users) => {
            let ids: Vec<&str> = users.iter().map(|one| one.user.id.as_str()).collect();
            let found = format!("one of {}, whose tokens end alike", ids.join(", "));
            Check::ok(OWNER, found)
        }
        TokenOwner::Nobody { asked, of } => {
            Check::ok(OWNER, format!("none of {asked} users asked about, of {of}"))
        }
    }
}

/// Whether the owner of the token may change groups of these accounts, by the names of its policies: nothing is changed to find out.
pub(super) fn changes(owner: Option<&UserDetails>, accounts: &[AccountId]) -> Vec<Check> {
    let Some(owner) = owner else { return Vec::new() };
    let one = |account: &AccountId| match role_told(owner, account) {
        RoleTold::Editor(policy) => {
            Check::ok(RIGHTS, format!("{account}: may change groups, by policy {policy}"))
        }
        RoleTold::Viewer(policies) => Check::warn(
            RIGHTS,
            format!("{account}: may not change groups: all it has there is {policies}"),
            "to change groups give its user the account's editor policy; reading works without",
        ),
        RoleTold::Untold(why) => {
            Check::ok(RIGHTS, format!("{account}: whether it may change groups is not told: {why}"))
        }
    };
    accounts.iter().map(one).collect()
}

/// What onboarding needs and the token may not do. Only reading is tried.
pub(super) fn rights(client: &Client, owner: Option<&UserDetails>) -> Check {
    const NAME: &str = RIGHTS;
    // A viewer's token reads as well as an editor's, and nothing is changed to find out.
    const UNTRIED: &str = "; whether it may change groups was not tried";
    let untried = if owner.is_some() { "" } else { UNTRIED };
    let mut missing = Vec::new();
    for (what, asked) in [
        ("list accounts", client.list_accounts(None).map(drop)),
        ("list users", client.list_users().map(drop)),
    ] {
        match asked {
            Ok(()) => {}
            Err(SpotError::Masked { .. } | SpotError::Forbidden { .. }) => missing.push(what),
            Err(error) => return failed(NAME, &error),
        }
    }
    if missing.is_empty() {
        return Check::ok(NAME, format!("an administrator of the organisation{untried}"));
    }
    let missing = missing.join(" and ");
    let found = format!("may not {missing}: no administrator of the organisation{untried}");
    Check::warn(
        NAME,
        found,
        "nothing to do unless accounts or users are to be made: that takes an organisation administrator's token; to change groups \
         it takes the account's editor policy",
    )
}

/// How the accounts stand to AWS.
pub(super) fn connections(client: &Client, session: &Session) -> (Vec<Check>, Vec<Link>) {
    const NAME: &str = "connection";
    let clock: &dyn Clock = session.clock.as_ref();
    let silent = |_: &str| {};
    let progress = Progress::new(clock, &silent);
    let onboarder = Onboarder { client, clock, progress: &progress };
    let accounts = session.accounts().unwrap_or_default().into_iter();
    let (mut checks, mut links) = (Vec::new(), Vec::new());
    for account in accounts {
        let looked = onboarder.link(&account, None).and_then(|link| {
            let refusal = onboarder.probe(&account)?;
            Ok((link, refusal))
        });
        checks.push(match looked {
            Ok((link, refusal)) => {
                let check = connection(&link, refusal.as_ref());
                links.push(link);
                check
            }
            Err(SpotError::Masked { .. } | SpotError::Forbidden { .. }) => {
                Check::ok(NAME, format!("{account}: not to be told to this token"))
            }
            Err(error) => failed(NAME, &error),
        });
    }
    (checks, links)
}

fn connection(link: &Link, refusal: Option<&SpotError>) -> Check {
    const NAME: &str = "connection";
    let account = &link.account;
    let role = match &link.role {
        RoleSeen::Role(role) => format!("by {role}"),
        RoleSeen::Nothing => "by no role that the vendor tells".to_owned(),
        RoleSeen::Untold => "by a role that the vendor does not tell".to_owned(),
    };
    match (&link.cloud_account, refusal) {
        (Some(cloud), None) => {
            Check::ok(NAME, format!("{account}: connected to AWS account {cloud} {role}"))
        }
        (Some(cloud), Some(error)) => Check::warn(
            NAME,
            format!(
                "{account}: listed with AWS account {cloud} {role}, and does not answer: {error}"
            ),
            "see that the role is there and trusts 922761411349 with the external id it was connected with",
        ),
        (None, _) => Check::warn(
            NAME,
            format!("{account}: connected to no AWS account"),
            "ansible-playbook spotinst.esg.onboard connects it; its role must ask for the latest external id",
        ),
    }
}

/// Whether the external id that is kept is still good, and which it is. `links` are the accounts: one that is connected needs no
/// other, however old.
pub(super) fn external_id(
    arguments: &DoctorArguments,
    options: &SessionOptions,
    environment: &Environment,
    session: &Session,
    links: &[Link],
) -> Option<(Check, Option<StoredExternalId>)> {
    const NAME: &str = "external id";
    const ADVICE: &str =
        "have a new one by spot_aws_connection (state: prepared), and the role ask for it";
    let file = arguments.external_id_file.as_deref();
    let file = file.map(|file| Sink::File(environment.expand(&file.display().to_string())));
    let parameter = arguments.external_id_parameter.clone().map(|name| {
        let region = arguments.region.clone().map(Region::new);
        Sink::Ssm { name, region, kms_key: None }
    });
    let sink = file.or(parameter)?;
    let place = sink.to_string();
    let held = Sinks::new(vec![sink], ec2_access(options, environment)).read();
    let held = match held {
        Ok(mut held) => held.pop().flatten(),
        Err(error) => {
            let check = Check::fail(NAME, error.to_string(), super::OTHER, "name another place");
            return Some((check, None));
        }
    };
    let id = match Kept::read(held.as_ref().map(ExposeSecret::expose_secret)) {
        Kept::Nothing => {
            return Some((Check::warn(NAME, format!("{place} holds none"), ADVICE), None));
        }
        Kept::Unreadable => {
            let found = format!("{place} holds something else");
            return Some((Check::warn(NAME, found, ADVICE), None));
        }
        Kept::Id(id) => id,
    };
    let end = id.valid_until.clone().unwrap_or_default();
    let found = format!("{place}: of account {}, good until {end}", id.account_id);
    let is_good =
        VendorTime::new(end.as_str()).instant().is_some_and(|end| session.clock.now() < end);
    let is_connected =
        links.iter().any(|link| link.account.as_str() == id.account_id && link.is_connected());
    let check = if is_good {
        Check::ok(NAME, found)
    } else if is_connected {
        let needless = "needed no longer, for the account is connected by it or an earlier one";
        Check::ok(NAME, format!("{found}; {needless}"))
    } else {
        Check::warn(NAME, format!("{found}, which is over or cannot be read"), ADVICE)
    };
    Some((check, Some(id)))
}
