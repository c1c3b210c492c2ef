//! The end of a user, and of its token in the places.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::Returns;
use super::desk::Desk;
use crate::ansible::{Failure, Planned};
use crate::domain::{User, UserDetails, UserId};
use crate::modules::accounts::accepted;
use crate::plan::account::{Custody, Reach, holding, reach, withdrawal, withdrawn};
use crate::spot::{Sent, SpotError, Unseen};

/// What each place holds.
type Held = [Option<SecretString>];

impl Desk {
    /// It is not to be there.
    pub(super) fn absent<'c>(self, user: Option<User>) -> Result<Planned<'c, Returns>, Failure> {
        let held = self.places.sinks.read()?;
        let Some(user) = user else { return Ok(self.left_over(&held)) };
        let details = self.client.user(&user.id)?;
        let foreign = self.foreign(&held, details.as_ref());
        if !foreign.is_empty() {
            return Err(Failure::new(format!(
                "programmatic user {} is not removed: {} holds another's token; leave that place out",
                self.args.name,
                foreign.join(" and ")
            ))
            .with_error_code(Some("OTHER_TOKEN")));
        }
        let is_meant = proves(&held, &user.id, details.as_ref())
            || details.as_ref().is_some_and(|details| self.is_of_these(details));
        if !is_meant {
            let (id, name, why) = (&user.id, &user.name, self.unproved(details.as_ref()));
            let warning = format!(
                "programmatic user {name} ({id}) is left as it is: no place that is named holds its token, and {why}, so it may be \
                 another's; a task that names neither places nor accounts removes it"
            );
            let returns = self.returns(Some(&user), None);
            let message = format!("programmatic user {name} is left as it is");
            return Ok(Planned::unchanged(returns).with_message(message).with_warnings([warning]));
        }
        let taken = self.those(&held, |_| true);
        let before = json!({"id": user.id, "name": user.name, "token_in": taken});
        let message = format!("programmatic user {} is removed", user.name);
        let act = move || self.take_away(&user.id, &held).map(|()| nothing().into());
        Ok(Planned::change(nothing(), act)
            .with_diff(before, Value::Object(Map::new()))
            .with_message(message))
    }

    /// There is none, and a run that removed it may have been cut off before it had emptied the places.
    fn left_over<'c>(self, held: &Held) -> Planned<'c, Returns> {
        let is_ours = |it: &str| withdrawn(it).is_some();
        let (ours, others) = (self.those(held, is_ours), self.those(held, |it| !is_ours(it)));
        let name = self.args.name.clone();
        let warning = (!others.is_empty()).then(|| {
            format!(
                "{} holds something, and whose it is nobody can tell: left",
                others.join(" and ")
            )
        });
        let planned = if ours.is_empty() {
            let message = format!("there is no programmatic user {name}");
            Planned::unchanged(nothing()).with_message(message)
        } else {
            let before = json!({"token_in": ours});
            let those: Vec<usize> = (0..held.len())
                .filter(|place| held[*place].as_ref().is_some_and(|it| is_ours(it.expose_secret())))
                .collect();
            let act = move || self.places.empty(those).map(|()| nothing().into());
            let message = format!(
                "programmatic user {name} is gone, and the places that had its token are emptied"
            );
            Planned::change(nothing(), act)
                .with_diff(before, json!({"token_in": []}))
                .with_message(message)
        };
        planned.with_warnings(warning)
    }

    /// The places that hold another's token.
    fn foreign(&self, held: &Held, details: Option<&UserDetails>) -> Vec<String> {
        let is_foreign = |held: &str| {
            details.is_some_and(|it| holding(0, Some(held), it).custody == Custody::Foreign)
        };
        self.those(held, is_foreign)
    }

    /// The accounts that the task names.
    fn named(&self) -> Vec<&str> {
        self.args.accounts.iter().flatten().map(|account| account.id.as_str()).collect()
    }

    /// Whether it is meant by its rights: all that it may do is in accounts that the task names. A task that names neither accounts nor
    /// places means it by its name.
    fn is_of_these(&self, details: &UserDetails) -> bool {
        let named = self.named();
        match named.is_empty() {
            true => self.places.sinks.all().is_empty(),
            false => reach(details, &named) == Reach::Within,
        }
    }

    /// Why its rights do not show that it is meant.
    fn unproved(&self, details: Option<&UserDetails>) -> String {
        let named = self.named();
        match details {
            _ if named.is_empty() => "no account is named by which it could be told".to_owned(),
            Some(details) => reach(details, &named).to_string(),
            None => "the vendor tells nothing of what it may do".to_owned(),
        }
    }

    /// Removes a user and empties the places. Wherever it is cut off, the next run finds what to go on with: the places tell whose token
    /// they held until the user is gone, and after that.
    fn take_away(&self, id: &UserId, held: &Held) -> Result<(), Failure> {
        let taken: Vec<usize> = (0..held.len()).filter(|place| held[*place].is_some()).collect();
        self.end(id, held, &taken)?;
        self.places.empty(0..held.len()).map_err(|failure| failure.changed(true))
    }

    /// Removes a user that another one succeeds, once each place has shown that it can be written.
    pub(super) fn succeed(&self, id: &UserId, held: &Held) -> Result<(), Failure> {
        let every: Vec<usize> = (0..held.len()).collect();
        self.end(id, held, &every)
            .map_err(|failure| failure.adding("; no user was made in place of it"))
    }

    /// Has these places tell whose token they held, and removes the user. As long as it stays, they get back what they held.
    fn end(&self, id: &UserId, held: &Held, places: &[usize]) -> Result<(), Failure> {
        self.withdraw(id, held, places)?;
        let doubt = self.ask_away(id).map_err(|failure| self.given_back(held, places, failure))?;
        self.see_gone(id, doubt)
    }

    /// Has each of these places tell whose token it was.
    fn withdraw(&self, id: &UserId, held: &Held, places: &[usize]) -> Result<(), Failure> {
        let text = SecretString::from(withdrawal(id));
        for (count, place) in places.iter().enumerate() {
            if let (_, Some(failure)) = self.places.store([*place], &text, &self.label()) {
                // What was perhaps written holds nothing else than it did if that was nothing.
                let written = &places[..=count];
                let written = written.iter().filter(|it| *it != place || held[**it].is_some());
                let written: Vec<usize> = written.copied().collect();
                return Err(self.given_back(held, &written, failure));
            }
        }
        Ok(())
    }

    /// Since the user stays, these places hold again what they held.
    fn given_back(&self, held: &Held, places: &[usize], failure: Failure) -> Failure {
        let mut lost = Vec::new();
        for &place in places {
            let why = match &held[place] {
                Some(held) => self.places.store([place], held, &self.label()).1,
                None => self.places.empty([place]).err(),
            };
            lost.extend(why.map(|why| why.message().to_owned()));
        }
        if lost.is_empty() {
            return failure;
        }
        let words = format!("; and a place is not as it was: {}", lost.join("; "));
        failure.adding(&words).changed(true)
    }

    /// Deletes a user and proves that it is gone.
    pub(super) fn remove(&self, id: &UserId) -> Result<(), Failure> {
        let doubt = self.ask_away(id)?;
        self.see_gone(id, doubt)
    }

    /// Asks for the end of a user; one that is gone already is no error. Answers why it is not known whether it was carried out.
    fn ask_away(&self, id: &UserId) -> Result<Option<SpotError>, Failure> {
        match self.client.delete_user(id) {
            Sent::Refused(SpotError::NotFound { .. }) => Ok(None),
            sent => accepted(sent),
        }
    }

    fn see_gone(&self, id: &UserId, doubt: Option<SpotError>) -> Result<(), Failure> {
        let done = "was removed, or perhaps so";
        let listed = self.client.list_users().map_err(Unseen::of(format!("user {id}"), done))?;
        let is_there = listed.items.iter().any(|user| user.id == *id);
        let seen = match &listed.left_out[..] {
            [] if !is_there => return Ok(()),
            [first, ..] if !is_there => format!("cannot tell whether user {id} is gone: {first}"),
            _ => format!("user {id} is still listed"),
        };
        let why = doubt.map_or_else(String::new, |error| format!("{error}; "));
        Err(Failure::new(format!("{why}{seen}"))
            .with_error_code(Some("NOT_SEEN"))
            .retryable(true)
            .changed(true))
    }
}

/// Whether a place has one of the user's tokens, or had it until a run began to remove the user.
fn proves(held: &Held, id: &UserId, details: Option<&UserDetails>) -> bool {
    held.iter().flatten().map(ExposeSecret::expose_secret).any(|held| {
        let is_token =
            details.is_some_and(|it| holding(0, Some(held), it).custody == Custody::Held);
        is_token || withdrawn(held).as_ref() == Some(id)
    })
}

fn nothing() -> Returns {
    Returns { user: None, places: Vec::new(), token: None }
}
