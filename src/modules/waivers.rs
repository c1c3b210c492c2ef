//! Waivers as options.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ansible::Failure;
use crate::domain::one_line;
use crate::plan::Waiver;

/// A predicate that is taken upon oneself.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(super) struct WaiverArgs {
    /// The name of the predicate.
    predicate: String,
    /// Why it need not pass. It is repeated in the warning.
    reason: String,
    /// Of which objects only, as they are reported, in which `*` and `?` may stand. Without it all objects of the predicate are
    /// waived; with an empty list none is.
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
