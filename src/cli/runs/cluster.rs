//! What a run owes a cluster, and how that is reached.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::caller;
use crate::cli::failure::{Failure, OTHER, USAGE};
use crate::cli::output;
use crate::domain::one_line;
use crate::drive::Environment;
use crate::modules::{Reached, World};
use crate::plan::roll::{ClusterRecord, Run, Standing};

/// A setting of a cluster that a run changed.
#[derive(Debug, Serialize)]
pub(super) struct ShownClusterSetting {
    pub(super) setting: &'static str,
    pub(super) kind: String,
    pub(super) cluster: String,
    pub(super) urls: Vec<String>,
    pub(super) node: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) standing: String,
}

impl From<&ClusterRecord> for ShownClusterSetting {
    fn from(ClusterRecord { change, standing }: &ClusterRecord) -> Self {
        Self {
            setting: change.setting.as_str(),
            kind: change.kind.clone(),
            cluster: change.cluster.clone(),
            urls: change.urls.clone(),
            node: change.node.to_string(),
            from: change.told_before(),
            to: change.told_ours(),
            standing: standing.to_string(),
        }
    }
}

/// What to do about what a run owes a cluster, if it does.
pub(super) fn what_to_do(run: &Run) -> Option<String> {
    let owed: Vec<String> = run.cluster_owed().iter().map(ToString::to_string).collect();
    (!owed.is_empty()).then(|| {
        format!(
            "it ends only when this is put back: {}; give its access as option cluster where the run is ended, or with \
             --cluster FILE where it is given up",
            owed.join("; ")
        )
    })
}

/// What became of what was owed, as it stood before.
pub(super) fn outcomes(run: &Run, owed: &[(String, &'static str)]) -> Vec<(String, String)> {
    let of = |cluster: &str, setting: &str| {
        let is_it = |it: &&ClusterRecord| {
            it.change.cluster == cluster && it.change.setting.as_str() == setting
        };
        run.cluster.iter().rev().find(is_it)
    };
    let told = owed.iter().filter_map(|(cluster, setting)| {
        let record = of(cluster, setting)?;
        let done = match &record.standing {
            Standing::PutBack => format!("put back: {}", record.change.told_before()),
            other => other.to_string(),
        };
        Some((named(setting, cluster), done))
    });
    told.collect()
}

/// A setting with its cluster.
pub(super) fn named(setting: &str, cluster: &str) -> String {
    format!("{setting} of cluster {cluster}")
}

/// Reads how a cluster is reached.
pub(super) fn read(path: &Path, environment: &Environment) -> Result<Reached, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(OTHER, format!("cannot read the cluster's access {shown}: {error}"))
    })?;
    // The parser's words may quote what it read, so only the place is told.
    let mapping: Map<String, Value> = serde_yaml::from_str(&text).map_err(|error| {
        let at = error.location();
        let at = at.map(|at| format!(" (line {}, column {})", at.line(), at.column()));
        let at = at.unwrap_or_default();
        let why = format!(
            "cannot read the cluster's access {shown}: it is no mapping in YAML or JSON{at}"
        );
        Failure::new(USAGE, why)
    })?;
    let world = World {
        environment: environment.clone(),
        seed: fastrand::u64(..),
        caller: caller::of(environment),
        liveness: caller::liveness,
    };
    let (reached, warnings) = Reached::read(mapping, &world).map_err(|why| {
        Failure::new(USAGE, format!("cannot use the cluster's access {shown}: {why}"))
    })?;
    for warning in warnings {
        output::talk(&format!("warning: {}", one_line(&warning)));
    }
    Ok(reached)
}
