//! What of a group's configuration is changed.

use std::fmt;

use super::{ImageId, Persistence};

/// A partial change of a group: what is none stays as it is. Running instances do not change by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChange {
    /// The image that new instances boot from.
    pub image_id: Option<ImageId>,
    /// What outlives a replacement, whole: nothing tells whether the vendor keeps a switch that is left out.
    pub persistence: Option<Persistence>,
}

impl GroupChange {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.image_id.is_none() && self.persistence.is_none()
    }
}

impl fmt::Display for GroupChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.image_id.as_ref().map(|image| format!("image {image}"));
        let root = self.persistence.as_ref().map(|it| {
            format!("root volumes {}", if it.root_device { "persisted" } else { "not persisted" })
        });
        f.write_str(&image.into_iter().chain(root).collect::<Vec<_>>().join(", "))
    }
}
