//! The tags that make a fleet: what is launched carries them from its first moment, and nothing else says what belongs to it.

use std::collections::BTreeMap;

use thiserror::Error;

/// The fleet's name.
pub const FLEET_TAG: &str = "spotinst-esg:fleet";
/// The run that launched it.
pub const RUN_TAG: &str = "spotinst-esg:run";
/// The one request that launched it.
pub const LAUNCH_TAG: &str = "spotinst-esg:launch";

/// The machine that it stands in for.
pub const REPLACES_TAG: &str = "spotinst-esg:replaces";

/// The cluster from whose profile it was launched; not there if it was launched from none.
pub const CLUSTER_TAG: &str = "spotinst-esg:cluster";

/// EC2 takes at most so many tags; five are ours.
const MOST: usize = 45;
const LONGEST_NAME: usize = 64;

/// A name or tags that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TagError {
    /// A fleet's name.
    #[error(
        "the name {0:?} is not 1 to 64 letters, digits, points, dashes and underscores that begin with a letter or digit"
    )]
    Name(String),
    /// A tag that AWS or this program keeps for itself.
    #[error(
        "the tag {0:?} is reserved: tags that begin with aws: or spotinst-esg: are not yours to set"
    )]
    Reserved(String),
    /// Too many tags, or one too long.
    #[error(
        "{0}: EC2 takes 45 tags besides those of a fleet, keys of 1 to 128 characters and values of at most 256"
    )]
    Size(String),
}

/// A fleet's name is a tag's value, a filter's and a file's name.
///
/// # Errors
///
/// It is none.
pub fn check_name(name: &str) -> Result<(), TagError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST_NAME && name.chars().all(fits) {
        Ok(())
    } else {
        Err(TagError::Name(name.to_owned()))
    }
}

/// The tags of a user.
///
/// # Errors
///
/// EC2 would not take them, or they are not the user's.
pub fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), TagError> {
    if tags.len() > MOST {
        return Err(TagError::Size(format!("there are {} tags", tags.len())));
    }
    for (key, value) in tags {
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("spotinst-esg:") {
            return Err(TagError::Reserved(key.clone()));
        }
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(TagError::Size(format!("the tag {key:?} does not fit")));
        }
    }
    Ok(())
}
