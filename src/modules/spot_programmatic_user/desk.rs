//! One call of the module: what is to be done about the user and its token, and doing it.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{Args, LAG, Places, Returns, Shown, WhenLost, only_one, sorted};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Grants, PolicyMapping, User, UserDetails, UserId};
use crate::drive::{Session, until};
use crate::modules::accounts::accepted;
use crate::plan::account::{
    Holding, TokenStep, called, holding, other_roles, token_step, withdrawn,
};
use crate::spot::{Client, Made, Unseen};

pub(super) struct Desk {
    pub(super) args: Args,
    pub(super) session: Session,
    pub(super) client: Client,
    pub(super) places: Places,
}

impl Desk {
    /// There is none.
    pub(super) fn missing<'c>(self) -> Result<Planned<'c, Returns>, Failure> {
        self.is_ready()?;
        // A place that cannot be read now would not take the token then.
        let held = self.places.sinks.read()?;
        let taken = self.others(&held);
        let after = json!({"name": self.args.name, "token_in": self.places.names()});
        let returns = self.returns(None, None);
        let message = format!("programmatic user {} is made", self.args.name);
        let places = taken.join(" and ");
        // It may be another organisation's token, or no token at all, and is told nowhere else.
        if !taken.is_empty() && self.args.when_lost != WhenLost::Replace {
            return Err(Failure::new(format!(
                "there is no programmatic user {}, and {places} holds something: name another place for the new token, empty that one, or set \
                 when_lost: replace to have it written over; nothing was made",
                self.args.name
            ))
            .with_error_code(Some("OTHER_TOKEN")));
        }
        let before = match &taken[..] {
            [] => Value::Object(Map::new()),
            taken => json!({"something_else_in": taken}),
        };
        Ok(Planned::change(returns, move || self.create())
            .with_diff(before, after)
            .with_message(message)
            .with_warnings(replaces(&taken)))
    }

    /// It is there; its token, and its policies, may not be.
    pub(super) fn present<'c>(self, user: User) -> Result<Planned<'c, Returns>, Failure> {
        let details = self.client.user(&user.id)?.ok_or_else(|| {
            Failure::new(format!("the vendor lists user {} and tells nothing of it", user.id))
        })?;
        let mut beside = self.beside(&details);
        beside.extend(self.in_other_roles(&details));
        Ok(self.standing(user, &details)?.with_warnings(beside))
    }

    /// What the user may do besides `policies`, where that is to be all.
    fn beside(&self, details: &UserDetails) -> Vec<String> {
        if self.args.mappings().is_none() {
            return Vec::new();
        }
        let name = &details.user.name;
        let grouped = details.groups.iter().map(|group| {
            format!(
                "programmatic user {name} has the policies of the user group {} besides",
                called(group)
            )
        });
        let unread = details.unread.iter().map(|what| {
            format!("programmatic user {name} may be allowed more than can be told: {what}")
        });
        grouped.chain(unread).collect()
    }

    /// The roles of a user that is there are not changed, since the vendor keeps them as policies of its own.
    fn in_other_roles(&self, details: &UserDetails) -> Option<String> {
        let Some(Grants::Accounts(wanted)) = self.args.grants() else { return None };
        let others = other_roles(details, &wanted);
        let name = &details.user.name;
        (!others.is_empty()).then(|| {
            format!(
                "programmatic user {name} has other roles than `accounts` says, which is for a new one ({}): it stays as it is; `policies` changes them",
                others.join("; ")
            )
        })
    }

    /// The same, once it was looked at.
    fn standing<'c>(
        self,
        user: User,
        details: &UserDetails,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let held = self.places.sinks.read()?;
        let holdings: Vec<Holding> = held
            .iter()
            .enumerate()
            .map(|(place, it)| {
                holding(place, it.as_ref().map(ExposeSecret::expose_secret), details)
            })
            .collect();
        let step = token_step(&holdings);
        let drift = self.drift(details);
        let known = |place: usize| held.get(place).and_then(Option::as_ref);
        let names = self.places.names();
        let called = |place: &usize| names.get(*place).cloned().unwrap_or_default();
        let listed = |places: &[usize]| places.iter().map(called).collect::<Vec<_>>();
        match step {
            TokenStep::Kept { unproved } => {
                let token = known(0).cloned();
                let mut warnings: Vec<String> = listed(&unproved)
                    .iter()
                    .map(|place| {
                        format!("{place} holds a token, and the vendor tells nothing to prove it by")
                    })
                    .collect();
                warnings.extend(self.places.sinks.open_places());
                let returns = self.returns(Some(&user), token.as_ref());
                Ok(self.mapped(user, drift, Vec::new(), token, returns).with_warnings(warnings))
            }
            TokenStep::Copied { from, to, over } => {
                let others = listed(&over);
                if !others.is_empty() && self.args.when_lost != WhenLost::Replace {
                    return Err(Failure::new(format!(
                        "{} holds something else than a token of programmatic user {}, whose token {} holds: leave that place out, empty it, \
                         or set when_lost: replace to have it written over; nothing was changed",
                        others.join(" and "),
                        self.args.name,
                        called(&from)
                    ))
                    .with_error_code(Some("OTHER_TOKEN")));
                }
                let token = known(from).cloned();
                let returns = self.returns(Some(&user), token.as_ref());
                let warning = replaces(&others);
                Ok(self.mapped(user, drift, to, token, returns).with_warnings(warning))
            }
            TokenStep::Lost if self.args.when_lost == WhenLost::Replace => self.anew(user, held),
            TokenStep::Lost => Err(Failure::new(format!(
                "programmatic user {} ({}) is there, and its token, which the vendor tells once, is not in {}: name the \
                 place that has it, or set when_lost: replace to have the user made anew",
                self.args.name,
                user.id,
                names.join(" or in ")
            ))
            .with_error_code(Some("TOKEN_LOST"))),
        }
    }

    /// Its token is nowhere: it is removed and made again. A place that took the word that stands for the old token takes the new one,
    /// too, so the old user, whose token may be in use elsewhere, stays until each place took it.
    fn anew<'c>(
        self,
        user: User,
        held: Vec<Option<SecretString>>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        self.is_ready()?;
        let others = self.others(&held);
        let mut before = json!({"id": user.id, "token_in": []});
        if !others.is_empty() {
            before["something_else_in"] = json!(others);
        }
        let after = json!({"name": self.args.name, "token_in": self.places.names()});
        let message = format!("programmatic user {} is made anew", self.args.name);
        let returns = self.returns(None, None);
        let act = move || {
            self.places.sinks.try_out()?;
            self.succeed(&user.id, &held)?;
            self.create().map_err(|failure| failure.changed(true))
        };
        Ok(Planned::change(returns, act)
            .with_diff(before, after)
            .with_message(message)
            .with_warnings(replaces(&others)))
    }

    /// What is to be done about policies and places of a user that is there.
    fn mapped<'c>(
        self,
        user: User,
        drift: Option<(Vec<PolicyMapping>, Vec<PolicyMapping>)>,
        to: Vec<usize>,
        token: Option<SecretString>,
        returns: Returns,
    ) -> Planned<'c, Returns> {
        if drift.is_none() && to.is_empty() {
            let message = format!("programmatic user {} is there", user.name);
            return Planned::unchanged(returns).with_message(message);
        }
        let names = self.places.names();
        let lacking: Vec<&String> = to.iter().filter_map(|place| names.get(*place)).collect();
        let having: Vec<&String> = names.iter().filter(|name| !lacking.contains(name)).collect();
        let (mut before, mut after) = (json!({"token_in": having}), json!({"token_in": names}));
        if let Some((found, wanted)) = &drift {
            (before["policies"], after["policies"]) = (shown(found), shown(wanted));
        }
        let message = format!("programmatic user {} is brought into line", user.name);
        let expected = returns.clone();
        let act = move || {
            if let Some((_, wanted)) = drift {
                self.map(&user.id, &wanted)?;
            }
            if let Some(token) = token {
                let (_, failure) = self.places.store(to, &token, &self.label());
                if let Some(failure) = failure {
                    return Err(failure.changed(true));
                }
            }
            Ok(returns.into())
        };
        Planned::change(expected, act).with_diff(before, after).with_message(message)
    }

    /// The policies there are and those there should be, if they differ.
    fn drift(&self, details: &UserDetails) -> Option<(Vec<PolicyMapping>, Vec<PolicyMapping>)> {
        let wanted = self.args.mappings()?;
        let found = sorted(details.policies.clone());
        (found != wanted).then_some((found, wanted))
    }

    fn map(&self, id: &UserId, wanted: &[PolicyMapping]) -> Result<(), Failure> {
        let doubt = accepted(self.client.set_policies(id, wanted))?;
        let done = "was given other policies, or perhaps so";
        let details = self.client.user(id).map_err(Unseen::of(format!("user {id}"), done))?;
        let found = details.map(|details| sorted(details.policies)).unwrap_or_default();
        if found == wanted {
            return Ok(());
        }
        let why = doubt.map_or_else(String::new, |error| format!("{error}; "));
        Err(Failure::new(format!("{why}user {id} has other policies than it was given"))
            .with_error_code(Some("NOT_SEEN"))
            .retryable(true)
            .changed(true))
    }

    /// Refuses to make a user whose token nobody would get, or that would be allowed nothing.
    fn is_ready(&self) -> Result<(), Failure> {
        if self.places.sinks.all().is_empty() && !self.args.reveal {
            return Err(Failure::new(format!(
                "programmatic user {} is not made: its token is told once, and no place is named for it; give \
                 ssm_parameter or token_file, or set reveal: true",
                self.args.name
            )));
        }
        if self.args.grants().is_none() {
            return Err(Failure::new(format!(
                "programmatic user {} is not made: give accounts or policies, or it would be allowed nothing",
                self.args.name
            )));
        }
        Ok(())
    }

    fn create(&self) -> Result<Outcome<Returns>, Failure> {
        let name = self.args.name.as_str();
        let Some(grants) = self.args.grants() else {
            return Err(Failure::new(format!("programmatic user {name} would be allowed nothing")));
        };
        self.places.sinks.try_out()?;
        let description = self.args.description.as_deref();
        let made = match self.client.create_programmatic_user(name, description, &grants) {
            Made::Made(made) => made,
            Made::Refused(error) => return Err(error.into()),
            Made::Unknown(error) => return Err(self.doubtful(error)?),
        };
        let every = 0..self.places.sinks.all().len();
        let (stored, failure) = self.places.store(every, &made.token, &self.label());
        let user = User {
            id: made.id,
            name: name.to_owned(),
            kind: crate::domain::UserKind::Programmatic,
        };
        match failure {
            None => {
                let message = format!("programmatic user {name} was made");
                let returns = self.returns(Some(&user), Some(&made.token));
                Ok(Outcome { message: Some(message), ..Outcome::from(returns) })
            }
            // The next run copies it from there.
            Some(failure) if !stored.is_empty() => {
                let text = format!(
                    "programmatic user {name} was made, its token is in {}, and one place did not take it: {failure}",
                    stored.join(" and ")
                );
                Err(Failure::new(text).with_error_code(Some("SINK")).changed(true).retryable(true))
            }
            Some(failure) => {
                let left = self.remove(&user.id).err();
                let told = format!("no place took the token of programmatic user {name}");
                let text = match &left {
                    None => format!("{told}, which was removed again: {failure}"),
                    Some(left) => {
                        format!("{told}: {failure}; and {} may still be there: {left}", user.id)
                    }
                };
                let failure = Failure::new(text).with_error_code(Some("SINK"));
                Err(failure.changed(left.is_some()))
            }
        }
    }

    /// The reply was lost, and with it the token if the user was made, which lists may show late.
    fn doubtful(&self, error: crate::spot::SpotError) -> Result<Failure, Failure> {
        let name = &self.args.name;
        let found = until(self.session.clock.as_ref(), LAG, || {
            let listed = self.client.list_users().map_err(|error| {
                let unseen = Unseen::of(format!("user {name}"), "may have been made");
                Failure::from(unseen(error)).changed(true)
            })?;
            only_one(name, listed.items).map_err(|failure| failure.changed(true))
        })?;
        Ok(match found {
            Err(_) => Failure::new(format!(
                "{error}; user {name} may have been made all the same, and is not listed after {} s: run again, which looks for it",
                LAG.as_secs()
            ))
            .with_error_code(Some("NOT_SEEN"))
            .retryable(true)
            .changed(true),
            Ok(user) => Failure::new(format!(
                "{error}; user {name} ({}) was made and its token is lost with the reply: run again with when_lost: replace",
                user.id
            ))
            .with_error_code(Some("TOKEN_LOST"))
            .changed(true),
        })
    }

    pub(super) fn label(&self) -> String {
        format!("API token of the Spot programmatic user {}", self.args.name)
    }

    /// The places that hold something like this.
    pub(super) fn those(
        &self,
        held: &[Option<SecretString>],
        fits: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let pairs = self.places.names().into_iter().zip(held);
        let fits = |held: &SecretString| fits(held.expose_secret());
        pairs.filter(|(_, held)| held.as_ref().is_some_and(fits)).map(|(name, _)| name).collect()
    }

    /// The places that hold something, which is not what stands for a token that was withdrawn.
    fn others(&self, held: &[Option<SecretString>]) -> Vec<String> {
        self.those(held, |it| withdrawn(it).is_none())
    }

    pub(super) fn returns(&self, user: Option<&User>, token: Option<&SecretString>) -> Returns {
        let token = token.filter(|_| self.args.reveal);
        Returns {
            user: user.map(Shown::from),
            places: self.places.names(),
            token: token.map(|token| token.expose_secret().to_owned()),
        }
    }
}

/// It may be another organisation's token, or no token at all, and is told nowhere else.
fn replaces(others: &[String]) -> Option<String> {
    let places = others.join(" and ");
    (!others.is_empty()).then(|| format!("{places} holds something else, which the token replaces"))
}

fn shown(policies: &[PolicyMapping]) -> Value {
    let one = |it: &PolicyMapping| json!({"policy_id": it.policy, "account_ids": it.accounts});
    policies.iter().map(one).collect()
}
