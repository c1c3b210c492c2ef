//! What a new start makes of earlier runs.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::damaged::Damaged;
use super::holder::{Claim, Holder, Liveness, claim};
use super::phase::Phase;
use super::run::Run;
use super::target::Wanted;
use crate::domain::{GroupId, StatefulInstanceId, shell_word};

/// What a start does first.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// Nothing stands in its way.
    Begin,
    /// A run with the same aim was cut off: it is gone on with.
    Adopt(Box<Run>),
    /// Runs with another aim were cut off, with nothing of a node under way: their settings are put back first, and then
    /// it is decided again.
    PutBack(Vec<Run>),
}

/// Why nothing may be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Someone else rolls the group or its system.
    Held {
        /// His run.
        run_id: String,
        /// Who.
        holder: Box<Holder>,
        /// What he rolls.
        group: GroupId,
        /// Of which system.
        system: String,
        /// For how long.
        age: SignedDuration,
        /// How long he has given no sign of life.
        silent: SignedDuration,
    },
    /// An earlier run is frozen.
    Frozen {
        /// That run.
        run_id: String,
        /// Because of which node.
        node: Option<StatefulInstanceId>,
        /// Why.
        reason: String,
        /// Where its journal is, if not where journals usually are.
        state_dir: Option<PathBuf>,
    },
    /// An earlier run with another aim was cut off in the middle of a node.
    InFlight {
        /// That run.
        run_id: String,
        /// Its aim.
        wanted: Box<Wanted>,
        /// The node.
        node: StatefulInstanceId,
        /// Its phase.
        phase: Phase,
        /// Where its journal is, if not where journals usually are.
        state_dir: Option<PathBuf>,
    },
    /// An earlier run was cut off in the middle of a node, and has nodes left that are not asked for.
    LeftOut {
        /// That run.
        run_id: String,
        /// The node.
        node: StatefulInstanceId,
        /// Its phase.
        phase: Phase,
        /// Those that are not asked for.
        left: Vec<StatefulInstanceId>,
        /// Where its journal is, if not where journals usually are.
        state_dir: Option<PathBuf>,
    },
    /// A journal that may be of the group or its system cannot be read.
    Damaged(Box<Damaged>),
}

impl Taken {
    /// What stands in the way if this run is frozen, be it that its settings have yet to be put back.
    pub fn frozen(run: &Run, state_dir: Option<&Path>) -> Option<Self> {
        let frozen = run.frozen.as_ref()?;
        let (run_id, reason) = (run.id().to_owned(), frozen.reason.clone());
        let state_dir = state_dir.map(Path::to_owned);
        Some(Self::Frozen { run_id, node: frozen.node.clone(), reason, state_dir })
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { run_id, holder, group, system, age, silent } => write!(
                f,
                "run {run_id} of group {group} (system {system:?}) is carried out by {holder}, begun {} ago, last sign of \
                 life {} ago; wait for it or end it",
                told(*age),
                told(*silent)
            ),
            Self::Frozen { run_id, node, reason, state_dir } => {
                let at = node.as_ref().map(|node| format!(" at {node}")).unwrap_or_default();
                let command = |word| runs_command(word, run_id, state_dir.as_deref());
                write!(
                    f,
                    "run {run_id} is frozen{at}: {reason}; see `{}`, then let it go on with `{}` or give it up with `{}`",
                    command("show"),
                    command("resume"),
                    command("restore")
                )
            }
            Self::InFlight { run_id, wanted, node, phase, state_dir } => write!(
                f,
                "run {run_id} was cut off while {node} was in phase {phase}; finish it first by running it again with its own \
                 target ({wanted}), or give it up with `{}`",
                runs_command("restore", run_id, state_dir.as_deref())
            ),
            Self::LeftOut { run_id, node, phase, left, state_dir } => {
                let left: Vec<&str> = left.iter().map(StatefulInstanceId::as_str).collect();
                write!(
                    f,
                    "run {run_id} was cut off while {node} was in phase {phase}, and only leaves out {}, which it has yet to roll: \
                     finish it first with only as it was then, or give it up with `{}`",
                    left.join(", "),
                    runs_command("restore", run_id, state_dir.as_deref())
                )
            }
            Self::Damaged(damaged) => damaged.fmt(f),
        }
    }
}

/// A span of time in words, to the second below a minute and to the minute above.
pub fn told(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A command about a run, as a person types it.
pub fn runs_command(word: &str, run_id: &str, state_dir: Option<&Path>) -> String {
    let folder = state_dir.map(|folder| shell_word(&folder.to_string_lossy()));
    let folder = folder.map(|folder| format!(" --state-dir {folder}")).unwrap_or_default();
    let reason = if word == "show" { "" } else { " --reason …" };
    format!("spotinst-esg runs {word} {}{reason}{folder}", shell_word(run_id))
}

/// What a start wants.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// Its system.
    pub system: &'a str,
    /// The aim.
    pub wanted: &'a Wanted,
    /// The nodes that alone may be rolled; all if none is named.
    pub only: &'a [StatefulInstanceId],
    /// Where the journals are, if not where they usually are.
    pub state_dir: Option<&'a Path>,
    /// Who starts it.
    pub me: &'a Holder,
    /// When.
    pub now: Timestamp,
}

/// The nodes of a run that it has not begun with and that are not asked for. With them it is not of the same aim: nobody has asked
/// for them now.
fn left_out(run: &Run, only: &[StatefulInstanceId]) -> Vec<StatefulInstanceId> {
    if only.is_empty() {
        return Vec::new();
    }
    let left =
        run.nodes.iter().filter(|node| matches!(node.phase, Phase::Planned | Phase::PreGate));
    let ids = left.map(|node| node.planned.id.clone());
    ids.filter(|id| !only.contains(id)).collect()
}

/// Decides from all runs, each with what is known of its holder's life.
///
/// # Errors
///
/// Another run must be waited for or looked at first.
pub fn opening(runs: Vec<(Run, Liveness)>, intent: Intent<'_>) -> Result<Opening, Taken> {
    let Intent { group, system, wanted, only, me, now, state_dir } = intent;
    let shares = |run: &Run| run.plan.group == *group || run.plan.system == system;
    let open = runs.into_iter().filter(|(run, _)| run.is_open() && shares(run));
    let (mut adopted, mut put_back) = (None, Vec::new());
    for (run, liveness) in open {
        let silence = run.silence();
        let is_same = run.plan.group == *group && run.plan.target.wanted == *wanted;
        let holder = match claim(run.holder.as_ref(), run.last_sign, me, liveness, silence, now) {
            Claim::Held(holder) => Some(holder),
            // The caller is at it already: what he does not go on with was not cut off.
            Claim::Own if !is_same => Some(me.clone()),
            Claim::Free | Claim::Own | Claim::Abandoned(_) => None,
        };
        if let Some(holder) = holder {
            return Err(Taken::Held {
                run_id: run.id().to_owned(),
                holder: Box::new(holder),
                group: run.plan.group.clone(),
                system: run.plan.system.clone(),
                age: now.duration_since(run.began_at),
                silent: now.duration_since(run.last_sign),
            });
        }
        if run.frozen.is_some() && run.ended.is_none() {
            // It was cut off before its settings were put back; after that it stays in the way.
            put_back.push(run);
            continue;
        }
        if let Some(taken) = Taken::frozen(&run, state_dir) {
            return Err(taken);
        }
        let left = left_out(&run, only);
        if is_same
            && !left.is_empty()
            && let Some(node) = run.in_flight()
        {
            return Err(Taken::LeftOut {
                run_id: run.id().to_owned(),
                node: node.planned.id.clone(),
                phase: node.phase,
                left,
                state_dir: state_dir.map(Path::to_owned),
            });
        }
        let is_same = is_same && left.is_empty();
        if is_same && adopted.is_none() {
            adopted = Some(run);
        } else if let Some(node) = run.in_flight() {
            return Err(Taken::InFlight {
                run_id: run.id().to_owned(),
                wanted: Box::new(run.plan.target.wanted.clone()),
                node: node.planned.id.clone(),
                phase: node.phase,
                state_dir: state_dir.map(Path::to_owned),
            });
        } else {
            put_back.push(run);
        }
    }
    Ok(match adopted {
        _ if !put_back.is_empty() => Opening::PutBack(put_back),
        Some(run) => Opening::Adopt(Box::new(run)),
        None => Opening::Begin,
    })
}
