//! What AWS knows of all that a configuration names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Run;
use crate::ansible::Failure;
use crate::drive::group::look_around;
use crate::drive::{ImagesError, Progress, ec2_access, watched};
use crate::plan::group::{Changes, Question, misfits};

/// Whether AWS is asked.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Preflight {
    /// If there are credentials for it. What it may not tell is a warning.
    Auto,
    /// It is, and it fails if it cannot be.
    Required,
    /// It is not.
    Skip,
}

impl Run<'_> {
    /// Asks AWS whether what changes is there and fits, if that is wanted; answers with what could not be found out.
    pub(super) fn preflight(
        &self,
        config: &Map<String, Value>,
        found: &Changes,
    ) -> Result<Vec<String>, Failure> {
        let question = Question::of(config, found);
        if self.args.preflight == Preflight::Skip || question.is_empty() {
            return Ok(Vec::new());
        }
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let asked =
            self.slowly("asking AWS for what the group names", || look_around(&access, &question));
        let is_required = self.args.preflight == Preflight::Required;
        let around = match asked {
            Ok(around) => around,
            Err(error) if is_required => return Err(Failure::new(format!("cannot {error}"))),
            Err(ImagesError::NotBuilt | ImagesError::NoCredentials(_)) => return Ok(Vec::new()),
            Err(error) => return Ok(vec![format!("AWS was not asked: cannot {error}")]),
        };
        let unknowns = around.unknowns();
        let misfits = misfits(&question, &around);
        if !misfits.is_empty() {
            let words: Vec<String> =
                misfits.iter().map(|misfit| misfit.words(&question.region)).collect();
            return Err(Failure::new(format!(
                "nothing was sent, as instances could not be launched so: {}; or set preflight to skip if AWS is wrong",
                words.join("; ")
            ))
            .with_error_code(Some("PREFLIGHT")));
        }
        match is_required && !unknowns.is_empty() {
            true => Err(Failure::new(format!(
                "preflight is required and was not complete: {}",
                unknowns.join("; ")
            ))),
            false => Ok(unknowns),
        }
    }

    pub(super) fn slowly<T: Send>(&self, line: &str, work: impl FnOnce() -> T + Send) -> T {
        let progress = Progress::new(self.session.clock.as_ref(), self.context.progress);
        watched(&progress, line, work)
    }
}
