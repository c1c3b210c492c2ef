//! From what was read and what was asked to the inventory document.

mod constructed;
mod document;
mod hosts;
mod lenient;
mod names;
mod options;
mod scope;
#[cfg(test)]
mod tests;

pub use constructed::{Constructed, ConstructedError, KeyedGroup};
pub use document::{Document, GroupEntry, is_template};
pub use hosts::HostKind;
pub use names::{GroupNames, HostnameSource, safe_group_name};
pub use options::{
    Ec2Mode, FileOptions, Include, OPTION_NAMES, OptionError, Options, check_option_names, nearest,
};
pub use scope::Scope;

use crate::domain::{Fleet, Notice};

/// Builds the inventory of `fleet` as `options` ask.
///
/// Pure and total: the same input gives the same document, byte for byte, and nothing read is left out
/// without a notice. The notices are those of the fleet followed by what was odd in naming.
///
/// # Errors
///
/// With `strict`, an expression of `compose`, `groups` or `keyed_groups` that cannot be evaluated.
pub fn build(
    fleet: &Fleet,
    options: &Options,
    constructed: &Constructed,
) -> Result<(Document, Vec<Notice>), ConstructedError> {
    let mut notices = fleet.notices.clone();
    let hosts = hosts::collect(fleet, options, &mut notices);
    let mut document = names::assign(hosts, fleet, options, &mut notices);
    constructed.apply(&mut document, options.strict, &mut notices)?;
    Ok((document, notices))
}
