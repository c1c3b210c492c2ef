//! `runs restore`: gives a run up and leaves every setting as it was found.

use serde::Serialize;

use super::{Desk, cluster, give};
use crate::cli::arguments::RunsRestoreArguments;
use crate::cli::caller;
use crate::cli::consent;
use crate::cli::failure::{Failure, REFUSED};
use crate::cli::output;
use crate::domain::one_line;
use crate::drive::roll::{Journal, RollError, Roller, survey};
use crate::drive::{Environment, Progress, watched};
use crate::modules::Reached;
use crate::plan::roll::{Claim, Outcome, Run, Setting, Standing, restorations};

/// How long reading the group may take, in seconds.
const LOOKING: u64 = 120;

/// How long putting everything back may take: each setting is looked for until it is seen, in seconds.
const PUTTING_BACK: u64 = 1020;

/// What was done, or would be.
#[derive(Serialize)]
struct Restored {
    run: String,
    dry_run: bool,
    /// What the run changed and owed.
    settings: Vec<RestoredSetting>,
    /// Why it was frozen, which nobody is kept by any more.
    frozen: Option<String>,
    /// What is to be done by hand.
    look_at: Option<String>,
    outcome: &'static str,
}

#[derive(Serialize)]
struct RestoredSetting {
    setting: String,
    /// What was done, or would be.
    done: String,
}

/// What is done about a cluster.
struct Way {
    reached: Reached,
    leaves_cluster: bool,
}

/// Runs the command.
pub(super) fn run(
    arguments: &RunsRestoreArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.journals, environment)?;
    let mut journal = desk.runs.open(&arguments.run)?;
    let reached = match &arguments.cluster {
        Some(path) => cluster::read(path, environment)?,
        None => Reached::No,
    };
    let way = Way { reached, leaves_cluster: arguments.leave_cluster };
    let restored = match &arguments.reason {
        Some(reason) if !arguments.dry_run => {
            refuse(&desk, journal.run())?;
            if !arguments.yes && journal.run().is_open() {
                agree(&desk, journal.run())?;
            }
            carry_out(&desk, &mut journal, reason, &way, arguments.yes)?
        }
        _ => foresee(&desk, journal.run())?,
    };
    for setting in restored.settings.iter().filter(|it| it.done.starts_with("left")) {
        output::talk(&format!("warning: {} is {}", setting.setting, one_line(&setting.done)));
    }
    if let Some(look_at) = &restored.look_at {
        output::talk(&format!("warning: {}", one_line(look_at)));
    }
    give(&restored, arguments.journals.output, || table(&restored))
}

fn foresee(desk: &Desk<'_>, run: &Run) -> Result<Restored, Failure> {
    if let Claim::Held(holder) = desk.claim(run) {
        output::talk(&format!("warning: {holder} carries it out: it cannot be given up now"));
    }
    let outcome = run.given_up();
    let is_open = run.is_open();
    let of_group: Vec<RestoredSetting> = if !is_open || run.owed(outcome).is_empty() {
        Vec::new()
    } else {
        let (client, say) = (desk.client(LOOKING)?, |line: &str| output::talk(&one_line(line)));
        let (plan, progress) = (&run.plan, Progress::new(&desk.clock, &say));
        let seen = watched(&progress, &format!("reading group {}", plan.group), || {
            survey(&client, &plan.account, &plan.group)
        })?;
        let told = |(setting, done): (Setting, String)| RestoredSetting {
            setting: setting.as_str().to_owned(),
            done,
        };
        let all = restorations(run, outcome, &seen).into_iter();
        all.map(|it| told((it.setting, it.act.to_string()))).collect()
    };
    let of_clusters = run.cluster_owed().into_iter().map(|owed| RestoredSetting {
        setting: cluster::named(owed.setting.as_str(), &owed.cluster),
        done: format!("set {}, unless someone else has set it (--cluster)", owed.told_before()),
    });
    let settings = of_clusters.chain(of_group).collect();
    Ok(Restored {
        run: run.id().to_owned(),
        dry_run: true,
        settings,
        frozen: freeze(run),
        look_at: run.left_in_flight(),
        outcome: run.ended.as_ref().filter(|_| !is_open).map_or(outcome, |it| it.outcome).as_str(),
    })
}

/// In which state the node is left, before it is: giving up takes the freeze away, and nothing else is in a roll's way then.
fn tell_node(run: &Run) {
    if let Some(reason) = freeze(run) {
        output::talk(&one_line(&format!(
            "the freeze goes with it, and rolls may be begun again: {reason}"
        )));
    }
    if let Some(left) = run.left_in_flight() {
        output::talk(&one_line(&left));
    }
}

fn freeze(run: &Run) -> Option<String> {
    let frozen = run.frozen.as_ref()?;
    let node = frozen.node.as_ref().map(|node| format!("at {node}: ")).unwrap_or_default();
    Some(format!("{node}{}", frozen.reason))
}

/// Refuses what someone carries out.
fn refuse(desk: &Desk<'_>, run: &Run) -> Result<(), Failure> {
    let Claim::Held(holder) = desk.claim(run) else { return Ok(()) };
    let run_id = run.id().to_owned();
    let error = RollError::NotHolder { run_id, holder: Box::new(holder) };
    let told = format!("{error}; end that first, it puts the settings back itself");
    Err(Failure::new(REFUSED, told))
}

/// Shows what would be done, and asks.
fn agree(desk: &Desk<'_>, run: &Run) -> Result<(), Failure> {
    let needs =
        |why: &str| Failure::new(REFUSED, format!("run {} is not given up: {why}", run.id()));
    consent::terminal(needs)?;
    let foreseen = foresee(desk, run)?;
    table(&foreseen).lines().for_each(output::talk);
    tell_node(run);
    consent::ask("give it up?", needs)
}

fn carry_out(
    desk: &Desk<'_>,
    journal: &mut Journal,
    reason: &str,
    way: &Way,
    is_unasked: bool,
) -> Result<Restored, Failure> {
    let (run, me) = (journal.run(), desk.me(journal.run()));
    let owed = if run.is_open() { run.owed(run.given_up()) } else { Vec::new() };
    let of_clusters: Vec<(String, &str)> =
        run.cluster_owed().iter().map(|it| (it.cluster.clone(), it.setting.as_str())).collect();
    let (frozen, look_at) = (freeze(run), run.left_in_flight());
    if run.is_open() {
        let client = desk.client(PUTTING_BACK)?;
        if is_unasked {
            tell_node(run);
        }
        let say = |line: &str| output::talk(&one_line(line));
        let progress = Progress::new(&desk.clock, &say);
        let roller = Roller {
            client: &client,
            clock: &desk.clock,
            progress: &progress,
            runs: &desk.runs,
            me: &me,
            liveness: caller::liveness,
            cluster: way.reached.access(),
        };
        if way.leaves_cluster {
            roller.give_up_leaving_clusters(journal, reason.to_owned())?;
        } else {
            roller.give_up(journal, reason.to_owned())?;
        }
    }
    let run = journal.run();
    let changed = run.changed_settings(&journal.entries()?).into_iter();
    let of_group = changed.filter(|it| owed.contains(&it.setting)).map(|it| RestoredSetting {
        setting: it.setting.as_str().to_owned(),
        done: match &it.standing {
            Standing::PutBack => format!("put back: {}", it.from),
            other => other.to_string(),
        },
    });
    let of_clusters = cluster::outcomes(run, &of_clusters).into_iter();
    let of_clusters = of_clusters.map(|(setting, done)| RestoredSetting { setting, done });
    let settings = of_clusters.chain(of_group);
    Ok(Restored {
        run: run.id().to_owned(),
        dry_run: false,
        settings: settings.collect(),
        frozen,
        look_at,
        outcome: run.ended.as_ref().map_or(Outcome::Aborted, |ended| ended.outcome).as_str(),
    })
}

fn table(restored: &Restored) -> String {
    let verb = if restored.dry_run { "would be" } else { "is" };
    let mut text = format!("run {} {verb} {}\n", one_line(&restored.run), restored.outcome);
    for it in &restored.settings {
        text += &format!("  {:<16}  {}\n", it.setting, one_line(&it.done));
    }
    if let Some(frozen) = &restored.frozen {
        text += &format!("  {:<16}  lifted: {}\n", "freeze", one_line(frozen));
    }
    if restored.settings.is_empty() {
        text += "  nothing is owed\n";
    }
    text
}
