//! One request, sent until it has an answer or its effect is seen.

use std::time::Duration;

use super::error::LaunchError;
use super::launcher::{Job, Launcher, tag};
use crate::domain::{Ec2Instance, LaunchAnswer, LaunchOrder, Refusal, Region};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{Class, FLEET_TAG, LAUNCH_TAG, Outcome, RUN_TAG, Rung};

/// So often a request without an answer is sent again, with the same token.
const SENDS: u32 = 3;

/// EC2's code for a token whose machine is gone already (EC2 API error codes).
const TERMINATED: &str = "IdempotentInstanceTerminated";
/// And for one that was given with something else.
const MISMATCH: &str = "IdempotentParameterMismatch";

/// Whether a request may have been sent before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Never,
    /// With the same parameters.
    Same,
    /// With others: if EC2 has heard of its token, it says that these are not the same.
    Other,
}

/// What one request came to.
pub(super) enum Told {
    Known(Outcome),
    /// Nobody knows.
    Silence(String),
}

impl Launcher<'_> {
    /// Sends a request until it has an answer, or its effect is seen. `before` is whether it may have been sent already.
    pub(super) fn send(
        &self,
        job: &Job,
        run: &str,
        rung: &Rung,
        subnet: Option<&str>,
        token: &str,
        before: Before,
    ) -> Result<Told, LaunchError> {
        let place = &rung.place;
        let order = order(job, run, rung, subnet, token, false);
        let mut reason = String::new();
        for number in 0..SENDS {
            match self.cloud.run_instance(&job.region, &order) {
                Ok(LaunchAnswer::Launched { instance, request_id }) => {
                    let instance = instance.id;
                    return Ok(Told::Known(Outcome::Launched { instance, request_id }));
                }
                Ok(LaunchAnswer::Refused(refusal)) if before == Before::Never && number == 0 => {
                    return Ok(Told::Known(Outcome::Refused(refusal)));
                }
                Ok(LaunchAnswer::Refused(refusal)) => match again(refusal, before) {
                    Again::Outcome(outcome) => {
                        let found = self.find(&job.region, token, job.settle)?;
                        return Ok(Told::Known(found.unwrap_or(outcome)));
                    }
                    Again::Unheard(why) => reason = why,
                    Again::Heard(why) => {
                        reason = format!("EC2 has launched it and does not list it: {why}");
                        break;
                    }
                },
                Ok(LaunchAnswer::WouldLaunch) => {
                    reason =
                        format!("EC2 took the request for {} for a rehearsal", place.machine_type);
                }
                Err(error) => reason = error.to_string(),
            }
            let patience = Duration::from_secs(1 << number);
            if let Some(outcome) = self.find(&job.region, token, patience)? {
                return Ok(Told::Known(outcome));
            }
        }
        match self.find(&job.region, token, job.settle)? {
            Some(outcome) => Ok(Told::Known(outcome)),
            None => Ok(Told::Silence(unknown(token, &reason, before))),
        }
    }

    /// The machine that a request launched, if it is seen in time.
    pub(super) fn find(
        &self,
        region: &Region,
        token: &str,
        patience: Duration,
    ) -> Result<Option<Outcome>, LaunchError> {
        let tags = tag(LAUNCH_TAG, token);
        let found = until(self.clock, patience, || {
            let found = self.cloud.tagged_instances(region, &tags)?.pop();
            Ok::<Option<Ec2Instance>, Ec2Error>(found)
        })?;
        Ok(found.ok().map(|it| Outcome::Launched { instance: it.id, request_id: None }))
    }
}

/// What a refusal tells of a request that may have been sent before.
enum Again {
    /// It launched nothing, unless a machine is found.
    Outcome(Outcome),
    /// Nothing: EC2 refuses like this before it looks at the token.
    Unheard(String),
    /// EC2 knows the token, so that it has launched a machine for it.
    Heard(String),
}

fn again(refusal: Refusal, before: Before) -> Again {
    let reason = format!("{}: {}", refusal.code, refusal.message);
    match Class::of(&refusal.code) {
        _ if refusal.code == TERMINATED => Again::Outcome(Outcome::Lost { reason }),
        _ if refusal.code == MISMATCH => Again::Heard(reason),
        Class::Throttled | Class::Auth | Class::Unknown => Again::Unheard(reason),
        // It is these parameters that are wrong, and not those of before.
        Class::Parameter | Class::Unsupported if before == Before::Other => Again::Unheard(reason),
        _ => Again::Outcome(Outcome::Refused(refusal)),
    }
}

/// Nobody knows what became of a request, and how that is found out.
pub(super) fn unknown(token: &str, reason: &str, before: Before) -> String {
    let with = match before {
        Before::Never | Before::Same => "",
        Before::Other => {
            ", with the options that it was sent with, or end that launch with exact_count"
        }
    };
    format!(
        "it is not known whether request {token} launched anything ({reason}); run this again to find out{with}"
    )
}

pub(super) fn order<'a>(
    job: &'a Job,
    run: &str,
    rung: &'a Rung,
    subnet: Option<&'a str>,
    token: &'a str,
    is_rehearsal: bool,
) -> LaunchOrder<'a> {
    let mut tags = tag(RUN_TAG, run);
    tags.insert(LAUNCH_TAG.to_owned(), token.to_owned());
    let fleet = job.blueprint.tags.get(FLEET_TAG);
    debug_assert!(fleet.is_some(), "a machine without its fleet's tag would be an orphan");
    LaunchOrder {
        blueprint: &job.blueprint,
        machine_type: &rung.place.machine_type,
        zone: &rung.place.zone,
        subnet,
        is_spot: rung.place.is_spot,
        max_price: job.max_price.filter(|_| rung.place.is_spot),
        tags,
        token,
        is_rehearsal,
    }
}
