//! What a launch's journal holds: each line is there before what it announces is done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ladder::Rung;
use super::replacement::Launched;
use crate::domain::{InstanceId, Refusal};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub event: Event,
}

/// What happens in a launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It begins.
    Begun {
        /// The run.
        run: String,
        /// The fleet.
        fleet: String,
        /// The region.
        region: String,
        /// How many machines it is to launch.
        wanted: u32,
        /// Digest of what is launched, which may hold a secret and is not written down.
        blueprint: String,
        /// The AWS account; none in journals of before it was written down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// The machine in whose place it launches one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
        /// The cluster from whose profile it launches.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<String>,
        /// Whether it is a step of something larger, which alone goes on with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_step: bool,
        /// Whether it was to bring the fleet to a count: a launch of so many more is another.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_exact: bool,
    },
    /// One machine is about to be asked for.
    Asked {
        /// What EC2 knows a repetition by, and the machine's tag.
        token: String,
        /// What is asked for.
        rung: Rung,
        /// In which subnet.
        subnet: Option<String>,
    },
    /// What came of it.
    Answered {
        /// Of which.
        token: String,
        /// What came.
        outcome: Outcome,
    },
    /// These are about to be terminated.
    Terminating {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// The launch fell short, and these were kept as was asked: a clean-up of what follows leaves them alone.
    Kept {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// These were launched and have been taken back since: they count no more.
    Gone {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// These are gone, and others were launched in their place, or live and have lost their tags only: they count.
    StoodIn {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// It is over.
    Ended {
        /// Why.
        reason: String,
    },
}

/// What came of asking for one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was launched.
    Launched {
        /// Its id.
        instance: InstanceId,
        /// What AWS support asks for.
        request_id: Option<String>,
    },
    /// EC2 refused.
    Refused(Refusal),
    /// No answer came, and no machine with its tag was seen.
    Lost {
        /// Why.
        reason: String,
    },
}

/// One machine that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What EC2 knows a repetition by.
    pub token: String,
    /// What was asked for.
    pub rung: Rung,
    /// In which subnet.
    pub subnet: Option<String>,
    /// What came of it; none if that is not known.
    pub outcome: Option<Outcome>,
}

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The fleet.
    pub fleet: String,
    /// The region.
    pub region: String,
    /// How many machines it is to launch.
    pub wanted: u32,
    /// Digest of what is launched.
    pub blueprint: String,
    /// The AWS account; none if that was not written down.
    pub account: Option<String>,
    /// The machine in whose place it launches one.
    pub replaces: Option<String>,
    /// The cluster from whose profile it launches.
    pub cluster: Option<String>,
    /// Whether it is a step of something larger, which alone goes on with it.
    pub is_step: bool,
    /// Whether it was to bring the fleet to a count.
    pub is_exact: bool,
    /// What was asked for, in order.
    pub attempts: Vec<Attempt>,
    /// What of it was to be terminated again.
    pub terminating: Vec<InstanceId>,
    /// What of it somebody was told is kept.
    pub kept: Vec<InstanceId>,
    /// What of it is there no more.
    pub gone: Vec<InstanceId>,
    /// What of it is gone and was replaced, or lives and has lost its tags.
    pub stood_in: Vec<InstanceId>,
    /// Why it is over; none if it is not.
    pub ended: Option<String>,
}

/// A journal that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} {problem}")]
pub struct Torn {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Run {
    /// The run of a first line.
    pub fn begin(event: &Event) -> Option<Self> {
        let Event::Begun {
            run,
            fleet,
            region,
            wanted,
            blueprint,
            account,
            replaces,
            cluster,
            is_step,
            is_exact,
        } = event
        else {
            return None;
        };
        Some(Self {
            id: run.clone(),
            fleet: fleet.clone(),
            region: region.clone(),
            wanted: *wanted,
            blueprint: blueprint.clone(),
            account: account.clone(),
            replaces: replaces.clone(),
            cluster: cluster.clone(),
            is_step: *is_step || replaces.is_some(),
            is_exact: *is_exact,
            attempts: Vec::new(),
            terminating: Vec::new(),
            kept: Vec::new(),
            gone: Vec::new(),
            stood_in: Vec::new(),
            ended: None,
        })
    }

    /// Takes the next line in.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Begun { .. } => {}
            Event::Terminating { instances } => self.terminating.extend(instances.iter().cloned()),
            Event::Kept { instances } => self.kept.extend(instances.iter().cloned()),
            Event::Gone { instances } => self.gone.extend(instances.iter().cloned()),
            Event::StoodIn { instances } => self.stood_in.extend(instances.iter().cloned()),
            Event::Asked { token, rung, subnet } => self.attempts.push(Attempt {
                token: token.clone(),
                rung: rung.clone(),
                subnet: subnet.clone(),
                outcome: None,
            }),
            Event::Answered { token, outcome } => {
                let asked = self.attempts.iter_mut().rev().find(|it| it.token == *token);
                if let Some(attempt) = asked {
                    attempt.outcome = Some(outcome.clone());
                }
            }
            Event::Ended { reason } => self.ended = Some(reason.clone()),
        }
    }

    /// Every machine that it launched, whatever became of it.
    pub fn ever_launched(&self) -> Vec<Launched> {
        let one = |attempt: &Attempt| match &attempt.outcome {
            Some(Outcome::Launched { instance, .. }) => Some(Launched {
                instance: instance.clone(),
                run: self.id.clone(),
                zone: attempt.rung.place.zone.clone(),
                replaces: self.replaces.clone(),
                cluster: self.cluster.clone(),
            }),
            Some(Outcome::Refused(_) | Outcome::Lost { .. }) | None => None,
        };
        self.attempts.iter().filter_map(one).collect()
    }

    /// What was asked for when a machine was launched.
    pub fn rung(&self, id: &InstanceId) -> Option<&Rung> {
        self.attempts.iter().find_map(|attempt| match &attempt.outcome {
            Some(Outcome::Launched { instance, .. }) if instance == id => Some(&attempt.rung),
            Some(Outcome::Launched { .. } | Outcome::Refused(_) | Outcome::Lost { .. }) | None => {
                None
            }
        })
    }

    /// What nobody knows the outcome of.
    pub fn pending(&self) -> Vec<Attempt> {
        self.attempts.iter().filter(|it| it.outcome.is_none()).cloned().collect()
    }

    /// What was to be terminated and was not seen to be gone.
    pub fn ending(&self) -> Vec<InstanceId> {
        self.terminating.iter().filter(|id| !self.gone.contains(id)).cloned().collect()
    }

    /// How many of those that it is to launch are there, by themselves or by what was launched in their place.
    pub fn done(&self) -> u32 {
        u32::try_from(self.launched().len() + self.stood_in.len()).unwrap_or(u32::MAX)
    }

    /// The machines that it launched, that were to stay and that nobody found to be gone, with what was asked for.
    pub fn launched(&self) -> BTreeMap<InstanceId, Rung> {
        let left = || self.terminating.iter().chain(&self.gone).chain(&self.stood_in);
        let stays = |id: &InstanceId| !left().any(|it| it == id);
        let launched = self.attempts.iter().filter_map(|attempt| match &attempt.outcome {
            Some(Outcome::Launched { instance, .. }) if stays(instance) => {
                Some((instance.clone(), attempt.rung.clone()))
            }
            Some(Outcome::Launched { .. } | Outcome::Refused(_) | Outcome::Lost { .. }) | None => {
                None
            }
        });
        launched.collect()
    }
}

/// The run that these lines tell.
///
/// # Errors
///
/// The first line is no beginning.
pub fn run_of(entries: &[Entry]) -> Result<Run, Torn> {
    let first = entries.first().and_then(|entry| Run::begin(&entry.event));
    let mut run = first.ok_or(Torn { line: 1, problem: "does not begin a launch" })?;
    for entry in entries.iter().skip(1) {
        run.note(&entry.event);
    }
    Ok(run)
}
