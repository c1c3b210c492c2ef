//! What a roll is to bring about.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ImageId, Persistence};
use crate::plan::stateful::Snapshot;

/// What was asked for, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// Every instance runs this image.
    Image {
        /// Its id.
        id: ImageId,
    },
    /// Every instance runs the image of this name.
    NamedImage {
        /// Its name, with `*` and `?` as EC2 reads them.
        name: String,
        /// Accounts, or EC2's names for some, that may own it.
        owners: Vec<String>,
        /// Whether the newest of several is meant.
        newest: bool,
    },
    /// Every instance runs the image whose id this SSM parameter holds.
    SsmParameter {
        /// Its name.
        name: String,
    },
    /// Every instance was launched after this.
    LaunchedAfter {
        /// The moment.
        moment: Timestamp,
    },
    /// Every instance runs the image that its group names at present.
    PresentConfiguration,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { id } => write!(f, "image {id}"),
            Self::NamedImage { name, owners, newest } => {
                let newest = if *newest { "newest " } else { "" };
                write!(f, "{newest}image named {name:?} of {}", owners.join(", "))
            }
            Self::SsmParameter { name } => write!(f, "image in the SSM parameter {name:?}"),
            Self::LaunchedAfter { moment } => write!(f, "a launch after {moment}"),
            Self::PresentConfiguration => f.write_str("the group's present configuration"),
        }
    }
}

/// What was asked for, and what it means now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What was asked for.
    pub wanted: Wanted,
    /// The image that a recycled instance boots from; none if the group names none.
    pub image_id: Option<ImageId>,
}

/// Whether an instance is as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is; there is nothing to do to it.
    There(String),
    /// It is not.
    Differs(String),
    /// It is said to be, but its root volume is persisted, and then an image tells nothing of what is on it.
    OnPaper(String),
    /// Nothing tells.
    Unknowable(String),
}

impl Target {
    /// Compares an instance with it.
    ///
    /// An instance whose root is persisted boots from an image that the platform made of it, so that an image other than
    /// the wanted one tells nothing of where the root came from (vendor help: root volume persistence).
    pub fn matches(&self, seen: &Snapshot, persistence: &Persistence) -> Match {
        if let Wanted::LaunchedAfter { moment } = &self.wanted {
            return match seen.launched_at.as_ref().and_then(|at| at.instant()) {
                Some(at) if at > *moment => Match::There(format!("launched at {at}")),
                Some(at) => Match::Differs(format!("launched at {at}")),
                None => Match::Unknowable("its launch time is not told".to_owned()),
            };
        }
        let Some(wanted) = &self.image_id else {
            return Match::Unknowable("the group names no image".to_owned());
        };
        match &seen.image_id {
            Some(image) if image == wanted && persistence.root_device => Match::OnPaper(format!(
                "runs {image} on paper, but on a persisted root, which may hold anything, and no run that is known here brought it"
            )),
            Some(image) if image == wanted => Match::There(format!("runs {image}")),
            Some(image) if persistence.root_device => Match::Unknowable(format!(
                "runs {image}, which the platform made of its persisted root; whether that came from {wanted} cannot be told"
            )),
            Some(image) => Match::Differs(format!("runs {image}")),
            None => Match::Unknowable("its image is not told".to_owned()),
        }
    }
}
