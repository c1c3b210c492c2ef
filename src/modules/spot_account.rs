//! `spot_account`: an account of the organisation is there, or is not.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::accounts::{ShownAccount, accepted, untold};
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{Account, AccountId, Clock};
use crate::drive::{AccountsSeen, Onboarder, Progress, Session, until, watched};
use crate::plan::account::{AccountRefusal, AccountWanted, Choice, adopt_only, choose};
use crate::spot::{Client, Made, SpotError, Unseen};

/// How long lists may lag behind what was accepted.
const LAG: Duration = Duration::from_secs(60);

/// Makes, adopts, renames or deletes an account of a Spot organisation.
///
/// An account that is there is adopted: by its id; else by the AWS account that it is connected to; else by its name. Several that
/// fit are an error that names them.
///
/// A free plan has one account and allows no other. Where the vendor makes no further account and there is one only, that one is
/// adopted, with a warning, if `adopt_single` is true; its name stays.
///
/// The token must be that of an organisation administrator.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-one-of" = [["id", "name", "cloud_account_id"]]))]
pub(super) struct Args {
    /// Whether it is to be there.
    #[serde(default)]
    state: State,
    /// Its id, such as `act-12345678`. An account that is named so is renamed if `name` differs.
    id: Option<String>,
    /// Its name, with at least one letter from a to z.
    name: Option<String>,
    /// The AWS account that it is connected to or is to be, twelve digits. `spot_aws_connection` connects it.
    #[schemars(extend("x-aliases" = ["aws_account_id"]))]
    cloud_account_id: Option<String>,
    /// Whether the only account of the organisation, whatever its name, is taken if the vendor makes no further one.
    #[serde(default)]
    adopt_single: bool,
    /// Whether it may be deleted. An account that has groups or managed instances is never deleted.
    #[serde(default)]
    confirm_delete: bool,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not.
    Absent,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The account; null if there is none, and in check mode if it is still to be made.
    #[schemars(extend("x-returned" = "always"))]
    account: Option<ShownAccount>,
    /// Whether it is the only account of the organisation, taken since the vendor makes no further one.
    adopted: bool,
}

impl Returns {
    fn of(account: Account) -> Self {
        Self { account: Some(account.into()), adopted: false }
    }

    fn nothing() -> Self {
        Self { account: None, adopted: false }
    }
}

/// The module.
pub(super) struct SpotAccount;

/// Whether the vendor refuses because of how many accounts the plan allows, as far as its words tell: its codes are not published.
/// A limit of requests passes, and says nothing of the plan.
fn is_of_the_plan(refusal: &SpotError) -> bool {
    let SpotError::Rejected { code, message, field: None, .. } = refusal else { return false };
    if refusal.is_transient() {
        return false;
    }
    let said = words(&format!("{} {message}", code.as_deref().unwrap_or_default()));
    let has = |known: &[&str]| said.iter().any(|word| known.contains(&word.as_str()));
    has(&["account", "accounts"])
        && has(&["limit", "limits", "plan", "quota", "maximum"])
        && !has(&["request", "requests", "rate", "throttled", "throttling", "retry"])
}

/// The words of a text in small letters; those of a code such as `RequestLimitExceeded`, too.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in text.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_small) {
            words.push(String::new());
        }
        was_small = letter.is_lowercase();
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

impl Module<World> for SpotAccount {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_account";
    const EXAMPLES: &'static str = include_str!("spot_account.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open_for(context.world, LAG)?;
        let wanted = AccountWanted {
            id: args.id.clone().map(AccountId::new),
            name: args.name.clone(),
            cloud_account: args.cloud_account_id.clone(),
        };
        let AccountsSeen { listed, only_of } = {
            let progress = Progress::new(session.clock.as_ref(), context.progress);
            let clock = session.clock.as_ref();
            let onboarder = Onboarder { client: &client, clock, progress: &progress };
            watched(&progress, "reading the accounts of the organisation", || {
                onboarder.accounts(wanted.cloud_account.as_deref())
            })?
        };
        let chosen = choose(&wanted, &listed.items);
        if is_missing(&chosen) {
            untold("the account", &listed.left_out)?;
        }
        if let Some(cloud) = only_of.filter(|_| is_for_whole_lists(&chosen)) {
            return Err(Failure::new(format!(
                "cannot tell whether the account is there: the token may not list the accounts of the organisation, and those connected to AWS \
                 account {cloud}, which it may list, are not all; take the token of an organisation administrator"
            ))
            .with_error_code(Some("LIST_INCOMPLETE")));
        }
        let warnings = listed.oddities.into_iter().chain(listed.left_out);
        let (accounts, adopt) = (listed.items, args.adopt_single);
        let desk = Desk { session, client, wanted, accounts, adopt };
        let planned = match args.state {
            State::Present => desk.present(chosen?),
            State::Absent => desk.absent(chosen, args.confirm_delete),
        };
        Ok(planned?.with_warnings(warnings))
    }
}

/// Whether no account fits, as far as the list tells.
fn is_missing(chosen: &Result<Choice, AccountRefusal>) -> bool {
    matches!(
        chosen,
        Ok(Choice::Missing { .. })
            | Err(AccountRefusal::NoSuchId { .. } | AccountRefusal::NameMissing { .. })
    )
}

/// Whether only a list of all accounts shows that there is none. That none is connected to an AWS account is shown by those that are.
fn is_for_whole_lists(chosen: &Result<Choice, AccountRefusal>) -> bool {
    is_missing(chosen) && !matches!(chosen, Err(AccountRefusal::NameMissing { .. }))
}

/// One call of the module.
struct Desk {
    session: Session,
    client: Client,
    wanted: AccountWanted,
    accounts: Vec<Account>,
    adopt: bool,
}

impl Desk {
    fn present<'c>(self, chosen: Choice) -> Result<Planned<'c, Returns>, Failure> {
        match chosen {
            Choice::Found { account, rename: None } => {
                let message = format!("account {} is there", account.id);
                Ok(Planned::unchanged(Returns::of(account)).with_message(message))
            }
            Choice::Found { account, rename: Some(name) } => {
                let renamed = Account { name: name.clone(), ..account.clone() };
                let message = format!("account {} is called {name}", account.id);
                let (before, after) = (shown(Some(&account)), shown(Some(&renamed)));
                let act = move || self.rename(&account.id, &name);
                Ok(Planned::change(Returns::of(renamed), act)
                    .with_diff(before, after)
                    .with_message(message))
            }
            Choice::Missing { name } => {
                let after = json!({"name": name});
                let message = format!("account {name} is made");
                let act = move || self.create(&name);
                Ok(Planned::change(Returns::nothing(), act)
                    .with_diff(Value::Object(serde_json::Map::new()), after)
                    .with_message(message))
            }
        }
    }

    fn rename(&self, id: &AccountId, name: &str) -> Result<Outcome<Returns>, Failure> {
        let doubt = accepted(self.client.rename_account(id, name))?;
        let is_it = |account: &Account| account.id == *id && account.name == name;
        match self.look(is_it).map_err(since("was renamed, or may have been"))? {
            Some(account) => Ok(Returns::of(account).into()),
            None => Err(unseen(doubt, format!("account {id} is not called {name}"))),
        }
    }

    fn create(&self, name: &str) -> Result<Outcome<Returns>, Failure> {
        match self.client.create_account(name) {
            Made::Made(account) => Ok(Returns::of(account).into()),
            Made::Refused(refusal) if self.adopt && is_of_the_plan(&refusal) => {
                let account = adopt_only(&self.wanted, &self.accounts)
                    .map_err(|why| Failure::new(format!("{refusal}; {why}")))?;
                let warning = format!(
                    "the vendor makes no account {name} ({refusal}); the only one of the organisation, {} ({}), is used in \
                     its place",
                    account.id, account.name
                );
                Ok(Outcome {
                    changed: false,
                    message: Some(format!("account {} is used", account.id)),
                    warnings: vec![warning],
                    after: Some(Value::Object(serde_json::Map::new())),
                    ..Outcome::from(Returns { adopted: true, ..Returns::of(account) })
                })
            }
            Made::Refused(error) => match &self.accounts[..] {
                [only] if matches!(error, SpotError::Rejected { .. }) => {
                    Err(Failure::new(format!(
                        "{error}; if the plan allows no other account, adopt the only one by its id {} ({}), or set adopt_single: true",
                        only.id, only.name
                    )))
                }
                _ => Err(error.into()),
            },
            // Creation has no key that makes sending it again harmless: what became of it is looked for.
            Made::Unknown(error) => match self
                .look(|account| account.name == name)
                .map_err(since("may have been made"))?
            {
                Some(account) => Ok(Returns::of(account).into()),
                None => Err(unseen(Some(error), format!("no account {name} is listed"))),
            },
        }
    }

    fn absent<'c>(
        self,
        chosen: Result<Choice, AccountRefusal>,
        confirmed: bool,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let account = match chosen {
            Ok(Choice::Found { account, .. }) => account,
            Ok(Choice::Missing { .. })
            | Err(AccountRefusal::NoSuchId { .. } | AccountRefusal::NameMissing { .. }) => {
                let message = "there is no such account";
                return Ok(Planned::unchanged(Returns::nothing()).with_message(message));
            }
            Err(refusal) => return Err(refusal.into()),
        };
        if !confirmed {
            let (id, name) = (&account.id, &account.name);
            return Err(Failure::new(format!(
                "account {id} ({name}) is not deleted without confirm_delete: true"
            ))
            .with_error_code(Some("NOT_CONFIRMED")));
        }
        self.is_empty(&account)?;
        let before = shown(Some(&account));
        let message = format!("account {} is deleted", account.id);
        let act = move || self.delete(&account.id);
        Ok(Planned::change(Returns::nothing(), act)
            .with_diff(before, Value::Object(serde_json::Map::new()))
            .with_message(message))
    }

    /// Proves that an account manages nothing. One that is connected to no AWS account cannot.
    fn is_empty(&self, account: &Account) -> Result<(), Failure> {
        let groups = match self.client.list_groups(&account.id) {
            Ok(groups) => groups,
            Err(SpotError::Rejected { .. } | SpotError::Masked { .. })
                if account.cloud_account_id.is_none() && !account.is_cloud_unread =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let managed = self.client.list_managed_instances(&account.id)?;
        let left_out = groups.left_out.len() + managed.left_out.len();
        let names = groups.items.iter().map(|group| group.id.to_string());
        let names = names.chain(managed.items.iter().map(|one| one.id.to_string()));
        let names: Vec<String> = names.collect();
        if names.is_empty() && left_out == 0 {
            return Ok(());
        }
        let seen = if names.is_empty() {
            "what it has cannot be read whole".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        let id = &account.id;
        Err(Failure::new(format!("account {id} is not deleted: {seen}; delete that first"))
            .with_error_code(Some("ACCOUNT_IN_USE")))
    }

    fn delete(&self, id: &AccountId) -> Result<Outcome<Returns>, Failure> {
        let doubt = accepted(self.client.delete_account(id))?;
        let clock = self.session.clock.as_ref();
        let gone = until(clock, LAG, || {
            let listed = self.client.list_accounts(None)?;
            let is_there = listed.items.iter().any(|account| account.id == *id);
            Ok::<_, SpotError>((!is_there && listed.left_out.is_empty()).then_some(()))
        });
        match gone.map_err(since("was deleted, or may have been"))? {
            Ok(()) => Ok(Returns::nothing().into()),
            Err(_) => Err(unseen(doubt, format!("account {id} is still listed"))),
        }
    }

    /// Looks for an account that is expected to be listed soon.
    fn look(&self, is_it: impl Fn(&Account) -> bool) -> Result<Option<Account>, SpotError> {
        let clock: &dyn Clock = self.session.clock.as_ref();
        let found = until(clock, LAG, || {
            let listed = self.client.list_accounts(None)?;
            Ok::<_, SpotError>(listed.items.into_iter().find(&is_it))
        })?;
        Ok(found.ok())
    }
}

/// What was done, or perhaps so, and cannot be looked at.
fn since(done: &'static str) -> impl FnOnce(SpotError) -> Failure {
    move |error| Unseen::of("the account", done)(error).into()
}

/// A change that was accepted, or may have been, and does not show.
fn unseen(doubt: Option<SpotError>, seen: String) -> Failure {
    let text = match doubt {
        Some(error) => format!("{error}; {seen}"),
        None => format!("the vendor accepted it, and after {} s {seen}", LAG.as_secs()),
    };
    Failure::new(text).with_error_code(Some("NOT_SEEN")).retryable(true).changed(true)
}

fn shown(account: Option<&Account>) -> Value {
    account.map_or(Value::Null, |account| {
        json!({"id": account.id, "name": account.name, "cloud_account_id": account.cloud_account_id})
    })
}
