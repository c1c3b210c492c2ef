//! Waivers as options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ansible::Failure;
use crate::domain::one_line;
use crate::plan::Waiver;
use crate::plan::safety::{COPIES_ELSEWHERE, Technology, covers_the_unknown};

/// A predicate that is taken upon oneself.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(super) struct WaiverArgs {
    /// The name of the predicate.
    predicate: String,
    /// Why it need not pass. It is repeated in the warning.
    reason: String,
    /// Of which objects only, as they are reported, in which `*` and `?` may stand. A predicate that a gate judges topic by topic or
    /// index by index needs it: `*` means all of them, those that are made later included, and a warning says so. Of any other
    /// predicate all objects are waived without it; with an empty list none is.
    #[schemars(extend("x-keeps-empty" = true))]
    objects: Option<Vec<String>>,
}

/// Each with a reason.
///
/// # Errors
///
/// One has none.
pub(super) fn waivers(options: &[WaiverArgs]) -> Result<Vec<Waiver>, Failure> {
    let waiver = |option: &WaiverArgs| {
        let (reason, predicate) = (one_line(option.reason.trim()), one_line(&option.predicate));
        if reason.is_empty() {
            return Err(Failure::new(format!("the waiver of {predicate} gives no reason")));
        }
        Ok(Waiver { predicate, reason, objects: option.objects.clone() })
    };
    options.iter().map(waiver).collect()
}

/// Those that are heeded where allocation is restricted: each names its indices, as at the gate.
///
/// # Errors
///
/// One gives no reason, or names no objects.
pub(super) fn waivers_of_copies(options: &[WaiverArgs]) -> Result<Vec<Waiver>, Failure> {
    let given = waivers(options)?;
    for waiver in &given {
        if waiver.predicate.rsplit('.').next() == Some(COPIES_ELSEWHERE) {
            let judged = covers_the_unknown(Technology::Search, COPIES_ELSEWHERE, waiver);
            judged.map_err(Failure::new)?;
        }
    }
    Ok(given)
}
