//! One call of the module, one function for each state.

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Args, Places, Returns};
use crate::ansible::{Context, Failure, Outcome, Planned};
use crate::domain::{Clock, VendorTime};
use crate::drive::{Onboarder, Progress, Session};
use crate::modules::World;
use crate::plan::account::{
    Kept, Link, Linking, Preparation, RoleArn, RoleSeen, StoredExternalId, Taken, latest, linking,
    prepare,
};
use crate::spot::{Client, Made};

pub(super) struct Desk {
    pub(super) args: Args,
    pub(super) session: Session,
    pub(super) client: Client,
    pub(super) places: Places,
    pub(super) link: Link,
    pub(super) role: Option<RoleArn>,
}

impl Desk {
    pub(super) fn prepared<'c>(self) -> Result<Planned<'c, Returns>, Failure> {
        if self.places.sinks.all().is_empty() && !self.args.reveal {
            return Err(Failure::new(
                "no place is named for the external id: give ssm_parameter or id_file, or set reveal: true",
            ));
        }
        if let Some(role) = &self.role {
            linking(&self.link, role)?;
        }
        let held = self.places.sinks.read()?;
        let kept: Vec<Kept> = held.iter().map(read).collect();
        let margin = SignedDuration::from_secs(i64::from(self.args.min_validity));
        let preparation = prepare(
            &self.link,
            self.role.as_ref(),
            &kept,
            self.args.renew,
            self.client.vendor_now(),
            margin,
        );
        match preparation.map_err(|taken| self.taken(&taken))? {
            Preparation::Connected => {
                let message = format!("account {} is connected", self.link.account);
                // Whoever holds the role's trust against it wants the one that is kept, even if it has ended.
                let own = latest(&self.link.account, &kept);
                Ok(Planned::unchanged(self.returns(own.first().copied())).with_message(message))
            }
            Preparation::Kept(id) => {
                let returns = self.returns(Some(&id));
                let those = kept.iter().enumerate();
                let lacking = those.filter(|(_, it)| **it != Kept::Id(id.clone()));
                let lacking: Vec<usize> = lacking.map(|(place, _)| place).collect();
                let end = id.valid_until.as_deref().unwrap_or_default();
                let message = format!("the external id is good until {end}");
                if lacking.is_empty() {
                    let open = self.places.sinks.open_places();
                    return Ok(Planned::unchanged(returns)
                        .with_message(message)
                        .with_warnings(open));
                }
                let names = self.places.names();
                let having = kept.len() - lacking.len();
                let (before, after) = (json!({"places": having}), json!({"places": names.len()}));
                let expected = returns.clone();
                let act = move || self.keep(&id, lacking).map(|()| returns.into());
                Ok(Planned::change(expected, act).with_diff(before, after).with_message(message))
            }
            Preparation::New(why) => {
                let message = format!("a new external id is made: {why}");
                let before = json!({"external_id": "none that is good"});
                let after = json!({"external_id": "a new one", "places": self.places.names()});
                let returns = self.returns(None);
                Ok(Planned::change(returns, move || self.issue())
                    .with_diff(before, after)
                    .with_message(message))
            }
        }
    }

    /// What another place keeps may be kept nowhere else, so nothing is put over it.
    fn taken(&self, taken: &Taken) -> Failure {
        let names = self.places.names();
        let told = |(place, account): &(usize, Option<String>)| {
            let name = names.get(*place).map_or("a place", String::as_str);
            match account {
                Some(account) => format!(
                    "{name} holds the external id of account {account}, which state=absent with that account_id takes out"
                ),
                None => format!("{name} holds something that is no external id with its account"),
            }
        };
        let told: Vec<String> = taken.places.iter().map(told).collect();
        Failure::new(format!(
            "no external id of account {} is put where something else is kept: {}; name another place, or empty that one; nothing was made",
            self.link.account,
            told.join(", and ")
        ))
        .with_error_code(Some("OTHER_EXTERNAL_ID"))
    }

    /// Makes an external id. One that is lost with its reply does no harm: the next one ends it.
    fn issue(&self) -> Result<Outcome<Returns>, Failure> {
        self.places.sinks.try_out()?;
        let made = match self.client.create_external_id(&self.link.account) {
            Made::Made(made) => made,
            Made::Refused(error) => return Err(error.into()),
            // It may have been made, and then those before have ended.
            Made::Unknown(error) => return Err(Failure::from(error).retryable(true).changed(true)),
        };
        let id = StoredExternalId {
            account_id: self.link.account.to_string(),
            external_id: made.value.expose_secret().to_owned(),
            valid_until: made.valid_until.as_ref().map(VendorTime::to_string),
        };
        self.keep(&id, (0..self.places.sinks.all().len()).collect())?;
        let end = id.valid_until.as_deref().unwrap_or("a moment that the vendor does not tell");
        let message = format!("a new external id was made, good until {end}");
        Ok(Outcome { message: Some(message), ..Outcome::from(self.returns(Some(&id))) })
    }

    fn keep(&self, id: &StoredExternalId, places: Vec<usize>) -> Result<(), Failure> {
        let text = serde_json::to_string(id)
            .map_err(|error| Failure::new(format!("internal error: {error}")))?;
        let label = format!("External id of the Spot account {}", self.link.account);
        let (_, failure) = self.places.store(places, &SecretString::from(text), &label);
        failure.map_or(Ok(()), |failure| Err(failure.changed(true)))
    }

    pub(super) fn connected<'c>(
        self,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let Some(role) = self.role.clone() else {
            return Err(Failure::new("state=connected needs role_arn"));
        };
        let step = linking(&self.link, &role)?;
        let (is_answering, unproved) = match step {
            Linking::Set => (false, false),
            Linking::Done { proved: false } if self.args.set_untold => (false, true),
            Linking::Done { proved } => (self.probe(context)?, !proved),
        };
        if is_answering {
            let message = format!("account {} is connected by {role}", self.link.account);
            let warning = unproved.then(|| {
                format!(
                    "the vendor tells that account {} is connected to AWS account {}, and not by which role",
                    self.link.account,
                    role.account()
                )
            });
            let returns = self.returns(None);
            return Ok(Planned::unchanged(returns).with_message(message).with_warnings(warning));
        }
        let before =
            json!({"cloud_account_id": self.link.cloud_account, "iam_role": seen(&self.link)});
        let after = json!({"cloud_account_id": role.account(), "iam_role": role.as_str()});
        let message = format!("account {} is connected by {role}", self.link.account);
        let expected = Returns {
            connected: true,
            cloud_account_id: Some(role.account().to_owned()),
            iam_role: Some(role.to_string()),
            ..self.returns(None)
        };
        let returns = expected.clone();
        let act = move || {
            let clock: &dyn Clock = self.session.clock.as_ref();
            let progress = Progress::new(clock, context.progress);
            let onboarder = Onboarder { client: &self.client, clock, progress: &progress };
            let patience = Duration::from_secs(u64::from(self.args.wait_timeout));
            let attempts = onboarder.connect(&self.link.account, &role, patience)?;
            Ok(Returns { attempts, ..returns }.into())
        };
        Ok(Planned::change(expected, act).with_diff(before, after).with_message(message))
    }

    fn probe(&self, context: Context<'_, World>) -> Result<bool, Failure> {
        let clock: &dyn Clock = self.session.clock.as_ref();
        let progress = Progress::new(clock, context.progress);
        let onboarder = Onboarder { client: &self.client, clock, progress: &progress };
        Ok(onboarder.probe(&self.link.account)?.is_none())
    }

    pub(super) fn absent<'c>(self) -> Result<Planned<'c, Returns>, Failure> {
        let held = self.places.sinks.read()?;
        let kept: Vec<Kept> = held.iter().map(read).collect();
        let is_foreign = |it: &Kept| match it {
            Kept::Nothing => false,
            Kept::Unreadable => true,
            Kept::Id(id) => id.account_id != self.link.account.as_str(),
        };
        let names = self.places.names();
        let pairs = || names.iter().zip(&kept);
        if let Some((name, _)) = pairs().find(|(_, it)| is_foreign(it)) {
            return Err(Failure::new(format!(
                "{name} holds something else than an external id of account {}: left as it is",
                self.link.account
            )));
        }
        let taken: Vec<&String> =
            pairs().filter(|(_, it)| **it != Kept::Nothing).map(|(name, _)| name).collect();
        let returns = Returns { places: Vec::new(), ..self.returns(None) };
        if taken.is_empty() {
            let message = "no external id is kept";
            return Ok(Planned::unchanged(returns).with_message(message));
        }
        let before = json!({"places": taken});
        let expected = returns.clone();
        let act = move || self.places.empty(0..kept.len()).map(|()| returns.into());
        let after = json!({"places": Vec::<Value>::new()});
        let message = "the external id is kept no longer";
        Ok(Planned::change(expected, act).with_diff(before, after).with_message(message))
    }

    fn returns(&self, id: Option<&StoredExternalId>) -> Returns {
        Returns {
            account_id: self.link.account.to_string(),
            connected: self.link.is_connected(),
            cloud_account_id: self.link.cloud_account.clone(),
            iam_role: seen(&self.link),
            valid_until: id.and_then(|id| id.valid_until.clone()),
            places: self.places.names(),
            external_id: id.filter(|_| self.args.reveal).map(|id| id.external_id.clone()),
            attempts: 0,
        }
    }
}

fn read(held: &Option<SecretString>) -> Kept {
    Kept::read(held.as_ref().map(ExposeSecret::expose_secret))
}

fn seen(link: &Link) -> Option<String> {
    match &link.role {
        RoleSeen::Role(role) => Some(role.clone()),
        RoleSeen::Nothing | RoleSeen::Untold => None,
    }
}
