//! `runs resume`: a person has looked, and lets a frozen run be gone on with.

use serde::Serialize;

use super::{Desk, give, shown};
use crate::cli::arguments::RunsResumeArguments;
use crate::cli::consent;
use crate::cli::failure::{FROZEN, Failure, REFUSED};
use crate::cli::output;
use crate::domain::one_line;
use crate::drive::roll::survey;
use crate::drive::{Environment, Progress, watched};
use crate::plan::roll::{Claim, NodeLook, Run, Status, runs_command};

/// How long reading the group may take, in seconds.
const LOOKING: u64 = 120;

/// What came of it.
#[derive(Serialize)]
struct Resumed<'a> {
    run: &'a str,
    frozen: String,
    reason: &'a str,
    /// How the nodes are; nothing if they could not be read.
    nodes: Option<Vec<SeenNode>>,
    next: String,
}

/// A node at the vendor.
#[derive(Serialize)]
struct SeenNode {
    id: String,
    state: String,
    instance_id: Option<String>,
    image_id: Option<String>,
    private_ip: Option<String>,
    zone: Option<String>,
    volumes: Vec<String>,
    odd: Vec<String>,
}

/// Runs the command.
pub(super) fn run(
    arguments: &RunsResumeArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.journals, environment)?;
    let mut journal = desk.runs.open(&arguments.run)?;
    let frozen = refuse(&desk, journal.run())?;
    output::talk(&format!("run {} is frozen: {}", journal.run().id(), one_line(&frozen)));
    let me = desk.me(journal.run());
    let say = |line: &str| output::talk(&one_line(line));
    let progress = Progress::new(&desk.clock, &say);
    let client = desk.client(LOOKING);
    let looked = client.as_ref().map_err(Failure::line).and_then(|client| {
        let plan = &journal.run().plan;
        let group = &plan.group;
        watched(&progress, &format!("reading group {group}"), || {
            survey(client, &plan.account, group).map_err(|error| error.to_string())
        })
    });
    let nodes: Option<Vec<SeenNode>> = match &looked {
        Ok(survey) => Some(journal.run().to_look_at(survey).iter().map(SeenNode::from).collect()),
        Err(_) => None,
    };
    tell(nodes.as_deref(), looked.as_ref().err());
    agree(arguments, looked.is_ok())?;
    let next = shown::go_on(journal.run(), desk.runs.named());
    desk.claimant(&me).thaw(&mut journal, arguments.reason.clone())?;
    let run = journal.run().id().to_owned();
    let resumed = Resumed { run: &run, frozen, reason: &arguments.reason, nodes, next };
    give(&resumed, arguments.journals.output, || {
        format!("run {run} may go on; now {}\n", one_line(&resumed.next))
    })
}

/// Why it is frozen, unless it is not, or is someone's.
fn refuse(desk: &Desk<'_>, run: &Run) -> Result<String, Failure> {
    let refused = |why: String| {
        Err(Failure::new(REFUSED, format!("cannot let run {} go on: {why}", run.id())))
    };
    let claim = desk.claim(run);
    let show = || runs_command("show", run.id(), desk.runs.named());
    match (run.status(&claim), &claim, &run.frozen) {
        (Status::Frozen, Claim::Held(holder), _) => {
            refused(format!("{holder} carries it out; wait until that has ended"))
        }
        (Status::Frozen, _, Some(frozen)) => {
            let node = frozen.node.as_ref().map(|node| format!("at {node}: ")).unwrap_or_default();
            Ok(format!("{node}{}", frozen.reason))
        }
        (Status::Completed | Status::Aborted, _, _) => {
            refused(format!("it has ended; see `{}`", show()))
        }
        (status, _, _) => {
            refused(format!("it is not frozen but {}; see `{}`", status.as_str(), show()))
        }
    }
}

/// Speaks to the person who decides.
fn tell(nodes: Option<&[SeenNode]>, problem: Option<&String>) {
    if let Some(problem) = problem {
        output::talk(&format!("how it is at the vendor now is not known: {}", one_line(problem)));
    }
    for node in nodes.unwrap_or_default() {
        let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
        let facts = format!(
            "{} is {}: instance {}, image {}, address {}, zone {}, volumes {}",
            node.id,
            node.state,
            text(&node.instance_id),
            text(&node.image_id),
            text(&node.private_ip),
            text(&node.zone),
            if node.volumes.is_empty() { "none".to_owned() } else { node.volumes.join(", ") },
        );
        output::talk(&one_line(&facts));
        for odd in &node.odd {
            output::talk(&format!("  but {}", one_line(odd)));
        }
    }
}

/// Asks, where there is someone to ask.
fn agree(arguments: &RunsResumeArguments, is_seen: bool) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    let needs =
        |why: &str| Failure::new(FROZEN, format!("run {} stays frozen: {why}", arguments.run));
    if !is_seen {
        return Err(needs("its node could not be read; mend that, or go on without with --yes"));
    }
    consent::ask("let it go on?", needs)
}

impl From<&NodeLook> for SeenNode {
    fn from(look: &NodeLook) -> Self {
        let seen = look.seen.as_ref().map(|node| &node.seen);
        let data = |it: &crate::plan::stateful::Snapshot| {
            it.data_volumes().into_iter().map(str::to_owned).collect()
        };
        Self {
            id: look.id.to_string(),
            state: seen.map_or("not listed".to_owned(), |it| it.state.to_string()),
            instance_id: seen.and_then(|it| it.instance_id.as_ref()).map(ToString::to_string),
            image_id: seen.and_then(|it| it.image_id.as_ref()).map(ToString::to_string),
            private_ip: seen.and_then(|it| it.private_ip.clone()),
            zone: seen.and_then(|it| it.availability_zone.clone()),
            volumes: seen.map(data).unwrap_or_default(),
            odd: look.odd.clone(),
        }
    }
}
