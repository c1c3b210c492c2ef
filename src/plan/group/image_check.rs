//! Whether a machine image can be what a group boots from.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::{ImageId, MachineImage, printable};

/// Why an image will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageProblem {
    /// It is not there, or these credentials may not see it.
    Absent {
        /// The image.
        id: ImageId,
    },
    /// It is not ready for use.
    NotAvailable {
        /// The image.
        id: ImageId,
        /// Its state, in EC2's spelling.
        state: String,
    },
    /// It does not boot on instance types that the group may launch.
    Architecture {
        /// The image.
        id: ImageId,
        /// What it is for.
        architecture: String,
        /// The types, each with what it is for.
        types: Vec<String>,
    },
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { id } => write!(
                f,
                "machine image {} is not there, or these AWS credentials may not see it",
                printable(id.as_str())
            ),
            Self::NotAvailable { id, state } => write!(
                f,
                "machine image {} is not available but {}",
                printable(id.as_str()),
                printable(state)
            ),
            Self::Architecture { id, architecture, types } => write!(
                f,
                "machine image {} is for {}, and these instance types are not: {}",
                printable(id.as_str()),
                printable(architecture),
                types.join(", ")
            ),
        }
    }
}

/// What is wrong with an image for these instance types. `architectures` are those of the types that EC2 knows; what it does not
/// tell is no problem here, for nothing is known of it.
pub fn image_problem(
    id: &ImageId,
    image: Option<&MachineImage>,
    architectures: &BTreeMap<String, Vec<String>>,
) -> Option<ImageProblem> {
    let Some(image) = image else { return Some(ImageProblem::Absent { id: id.clone() }) };
    if let Some(state) = image.state.as_ref().filter(|state| *state != "available") {
        return Some(ImageProblem::NotAvailable { id: id.clone(), state: state.clone() });
    }
    let architecture = image.architecture.as_ref()?;
    let misfits = architectures.iter().filter(|(_, fitting)| !fitting.contains(architecture));
    let types: Vec<String> =
        misfits.map(|(kind, fitting)| format!("{kind} ({})", fitting.join(" and "))).collect();
    (!types.is_empty()).then(|| ImageProblem::Architecture {
        id: id.clone(),
        architecture: architecture.clone(),
        types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_must_be_there_be_ready_and_fit_the_instance_types() {
        let id = ImageId::new("ami-1");
        let image = |state: &str, architecture: Option<&str>| MachineImage {
            id: ImageId::new("ami-1"),
            name: None,
            architecture: architecture.map(str::to_owned),
            state: Some(state.to_owned()),
            created_at: None,
        };
        let types = BTreeMap::from([
            ("m5.large".to_owned(), vec!["x86_64".to_owned()]),
            ("m6g.large".to_owned(), vec!["arm64".to_owned()]),
        ]);
        let judged = |image: Option<MachineImage>| image_problem(&id, image.as_ref(), &types);
        assert!(matches!(judged(None), Some(ImageProblem::Absent { .. })));
        let pending = judged(Some(image("pending", Some("x86_64"))));
        assert!(matches!(pending, Some(ImageProblem::NotAvailable { .. })));
        let misfit = judged(Some(image("available", Some("x86_64")))).unwrap().to_string();
        assert!(misfit.contains("m6g.large (arm64)") && !misfit.contains("m5.large"), "{misfit}");
        assert_eq!(judged(Some(image("available", None))), None, "nothing is known of it");
        let fits = image_problem(&id, Some(&image("available", Some("x86_64"))), &BTreeMap::new());
        assert_eq!(fits, None);
    }
}
