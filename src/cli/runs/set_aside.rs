//! `runs set-aside`: a person has looked, and takes a journal that cannot be read out of the way.

use std::path::Path;

use serde::Serialize;

use super::shown::ShownSetting;
use super::{Desk, give};
use crate::cli::arguments::RunsSetAsideArguments;
use crate::cli::caller;
use crate::cli::consent;
use crate::cli::failure::{Failure, REFUSED, USAGE};
use crate::cli::output;
use crate::domain::one_line;
use crate::drive::Environment;
use crate::drive::roll::Runs;
use crate::plan::roll::ChangedSetting;

/// What was done.
#[derive(Serialize)]
struct Moved<'a> {
    run: &'a str,
    reason: &'a str,
    /// What was wrong with it; nothing if it could be read.
    problem: Option<String>,
    /// What its run had changed of the group, as far as it can be read.
    settings: Vec<ShownSetting>,
    from: String,
    to: String,
}

/// Runs the command.
pub(super) fn run(
    arguments: &RunsSetAsideArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let (folder, name) = named(arguments)?;
    let mut desk = Desk::open(&arguments.journals, environment)?;
    if let Some(folder) = folder {
        desk.runs = Runs::new(folder);
    }
    let known = desk.runs.all()?;
    let damaged = known.damaged.into_iter().find(|it| it.name() == name);
    if let Some(damaged) = &damaged {
        output::talk(&one_line(&damaged.to_string()));
    }
    let changed = match &damaged {
        Some(damaged) => damaged.changed.clone(),
        None => ended(&desk, &name)?,
    };
    let refused = |why: &str| {
        Failure::new(REFUSED, format!("the journal of run {name} stays where it is: {why}"))
    };
    let is_known =
        damaged.is_some() || known.runs.iter().any(|run| run.id() == name && !run.is_open());
    if is_known {
        tell(&changed, damaged.is_some());
    }
    // What is refused, or not there, needs no yes.
    if is_known && !arguments.yes {
        consent::ask("take it out of the way?", refused)?;
    }
    let me = caller::itself();
    let deciding = desk.claimant(&me).deciding()?;
    let to = desk.runs.set_aside(&deciding, &name, &arguments.reason, desk.now())?;
    let file_name = format!("{name}.jsonl");
    let moved = Moved {
        run: &name,
        reason: &arguments.reason,
        problem: damaged.map(|damaged| damaged.problem),
        settings: changed.into_iter().map(Into::into).collect(),
        from: desk.runs.folder().join(file_name).display().to_string(),
        to: to.display().to_string(),
    };
    give(&moved, arguments.journals.output, || {
        format!("run {} is set aside: {}\n", one_line(&name), one_line(&moved.to))
    })
}

/// What a run that can be read has changed, if there is one.
fn ended(desk: &Desk<'_>, name: &str) -> Result<Vec<ChangedSetting>, Failure> {
    let Ok(journal) = desk.runs.open(name) else { return Ok(Vec::new()) };
    Ok(journal.run().changed_settings(&journal.entries()?))
}

/// Nobody puts back what is told by a journal that is out of the way.
fn tell(changed: &[ChangedSetting], is_damaged: bool) {
    for it in changed {
        let ChangedSetting { setting, from, to, standing } = it;
        let setting = setting.as_str();
        let line = format!("it had changed {setting} from {from} to {to}: {standing}");
        output::talk(&one_line(&line));
    }
    if is_damaged {
        let told = if changed.is_empty() {
            "nothing that can be read of it tells what it had changed of its group"
        } else {
            "what its other lines told is not known, and once it is out of the way nobody puts any of this back"
        };
        output::talk(told);
    }
}

/// The folder, if a file is named by its path, and the run.
fn named(
    arguments: &RunsSetAsideArguments,
) -> Result<(Option<std::path::PathBuf>, String), Failure> {
    let text = arguments.journal.as_str();
    let refused =
        |why: &str| Failure::new(USAGE, format!("{} is not a journal: {why}", one_line(text)));
    let name_of = |text: &str| text.strip_suffix(".jsonl").unwrap_or(text).to_owned();
    if !text.contains('/') {
        return match name_of(text) {
            name if name.is_empty() || name.starts_with('.') => Err(refused("it names no run")),
            name => Ok((None, name)),
        };
    }
    if arguments.journals.state_dir.is_some() {
        return Err(refused("with --state-dir a run is named, not a path"));
    }
    let path = Path::new(text);
    let (Some(folder), Some(file_name)) =
        (path.parent(), path.file_name().and_then(|it| it.to_str()))
    else {
        return Err(refused("the path names no file"));
    };
    if !file_name.ends_with(".jsonl") {
        return Err(refused("its name does not end in .jsonl"));
    }
    if folder.is_relative() {
        return Err(refused("the path does not begin at the root"));
    }
    Ok((Some(folder.to_owned()), name_of(file_name)))
}
