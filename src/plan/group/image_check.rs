//! Whether machine images can be what a group boots from.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::{ImageId, MachineImage, printable};

/// What EC2 keeps for root devices (EC2 user guide, "Device names for volumes": reserved for root, which of the two depends on the
/// image).
const ROOTS: [&str; 2] = ["/dev/sda1", "/dev/xvda"];

/// What a group wants of its images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageUse {
    /// The images: one, or several of which each instance type takes one that fits.
    pub ids: Vec<ImageId>,
    /// Whether the root volume outlives its instance.
    pub persists_root: bool,
    /// The devices that the group describes, with their size in GiB.
    pub devices: Vec<(String, Option<u64>)>,
}

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
    /// No image boots on instance types that the group may launch.
    Architecture {
        /// The images, each with what it is for.
        images: Vec<(ImageId, String)>,
        /// The types, each with what it is for.
        types: Vec<String>,
    },
    /// Its root is to be persisted and is no volume.
    RootIsNoVolume {
        /// The image.
        id: ImageId,
    },
    /// The group describes a root device smaller than what the image holds.
    RootTooSmall {
        /// The image.
        id: ImageId,
        /// The device.
        device: String,
        /// What the group says, in GiB.
        wanted: u64,
        /// What the image needs, in GiB.
        needed: u64,
    },
    /// The group describes a device that is a root's, and the image has another one.
    OtherRoot {
        /// The image.
        id: ImageId,
        /// What the group describes.
        device: String,
        /// The image's own.
        root: String,
    },
}

impl fmt::Display for ImageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |id: &ImageId| printable(id.as_str());
        match self {
            Self::Absent { id } => write!(
                f,
                "machine image {} is not there, or these AWS credentials may not see it: name another, or share it",
                shown(id)
            ),
            Self::NotAvailable { id, state } => write!(
                f,
                "machine image {} is not available but {}: wait for it, or name another",
                shown(id),
                printable(state)
            ),
            Self::Architecture { images, types } => {
                let images: Vec<String> = images
                    .iter()
                    .map(|(id, kind)| format!("{} for {}", shown(id), printable(kind)))
                    .collect();
                write!(
                    f,
                    "machine image {}, and these instance types are not: {}; name another image, or other types",
                    images.join(", "),
                    types.join(", ")
                )
            }
            Self::RootIsNoVolume { id } => write!(
                f,
                "machine image {} boots from an instance store, and persistence.root is on: name an image that boots from EBS",
                shown(id)
            ),
            Self::RootTooSmall { id, device, wanted, needed } => write!(
                f,
                "block device {} has {wanted} GiB and is the root of machine image {}, which needs {needed}: make it larger",
                printable(device),
                shown(id)
            ),
            Self::OtherRoot { id, device, root } => write!(
                f,
                "block device {} is a name of root devices, and the root of machine image {} is {}: name that one, or /dev/sdf \
                 and after for data",
                printable(device),
                shown(id),
                printable(root)
            ),
        }
    }
}

/// What is wrong with images for these instance types. `architectures` are those of the types that EC2 knows; what it does not
/// tell is no problem here, for nothing is known of it.
pub fn image_problems(
    wanted: &ImageUse,
    images: &[MachineImage],
    architectures: &BTreeMap<String, Vec<String>>,
) -> Vec<ImageProblem> {
    let mut problems = Vec::new();
    let mut fit = Vec::new();
    for id in &wanted.ids {
        let Some(image) = images.iter().find(|image| image.id == *id) else {
            problems.push(ImageProblem::Absent { id: id.clone() });
            continue;
        };
        match image.state.as_ref().filter(|state| *state != "available") {
            Some(state) => {
                problems.push(ImageProblem::NotAvailable { id: id.clone(), state: state.clone() });
            }
            None => fit.push(image),
        }
        problems.extend(root_problems(wanted, image));
    }
    let told: Option<Vec<(ImageId, String)>> =
        fit.iter().map(|image| Some((image.id.clone(), image.architecture.clone()?))).collect();
    if let Some(images) = told.filter(|images| !images.is_empty()) {
        let is_misfit = |kinds: &Vec<String>| images.iter().all(|(_, own)| !kinds.contains(own));
        let misfits = architectures.iter().filter(|(_, kinds)| is_misfit(kinds));
        let types: Vec<String> =
            misfits.map(|(kind, kinds)| format!("{kind} ({})", kinds.join(" and "))).collect();
        if !types.is_empty() {
            problems.push(ImageProblem::Architecture { images, types });
        }
    }
    problems
}

fn root_problems(wanted: &ImageUse, image: &MachineImage) -> Vec<ImageProblem> {
    let Some(root) = &image.root else { return Vec::new() };
    let id = || image.id.clone();
    let mut problems = Vec::new();
    if wanted.persists_root && root.is_ebs == Some(false) {
        problems.push(ImageProblem::RootIsNoVolume { id: id() });
    }
    for (device, size) in &wanted.devices {
        if *device == root.name {
            if let (Some(wanted), Some(needed)) = (*size, root.size_gib)
                && wanted < needed
            {
                let device = device.clone();
                problems.push(ImageProblem::RootTooSmall { id: id(), device, wanted, needed });
            }
        } else if ROOTS.contains(&device.as_str()) && ROOTS.contains(&root.name.as_str()) {
            let (device, root) = (device.clone(), root.name.clone());
            problems.push(ImageProblem::OtherRoot { id: id(), device, root });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RootDevice;

    fn image(id: &str, state: &str, architecture: Option<&str>) -> MachineImage {
        MachineImage {
            id: ImageId::new(id),
            name: None,
            architecture: architecture.map(str::to_owned),
            state: Some(state.to_owned()),
            created_at: None,
            root: Some(RootDevice {
                name: "/dev/xvda".to_owned(),
                is_ebs: Some(id != "ami-store"),
                size_gib: Some(8),
            }),
        }
    }

    fn of(ids: &[&str]) -> ImageUse {
        ImageUse { ids: ids.iter().copied().map(ImageId::new).collect(), ..ImageUse::default() }
    }

    fn types() -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([
            ("m5.large".to_owned(), vec!["x86_64".to_owned()]),
            ("m6g.large".to_owned(), vec!["arm64".to_owned()]),
        ])
    }

    #[test]
    fn an_image_must_be_there_be_ready_and_fit_the_instance_types() {
        let judged = |images: &[MachineImage]| image_problems(&of(&["ami-1"]), images, &types());
        assert!(matches!(judged(&[])[..], [ImageProblem::Absent { .. }]));
        let pending = judged(&[image("ami-1", "pending", Some("x86_64"))]);
        assert!(matches!(pending[..], [ImageProblem::NotAvailable { .. }]));
        let misfit = judged(&[image("ami-1", "available", Some("x86_64"))])[0].to_string();
        assert!(misfit.contains("m6g.large (arm64)") && !misfit.contains("m5.large"), "{misfit}");
        assert!(judged(&[image("ami-1", "available", None)]).is_empty(), "nothing is known of it");
        let known = [image("ami-1", "available", Some("x86_64"))];
        assert!(image_problems(&of(&["ami-1"]), &known, &BTreeMap::new()).is_empty());
    }

    #[test]
    fn of_several_images_one_has_to_fit_each_type() {
        let both = [
            image("ami-1", "available", Some("x86_64")),
            image("ami-2", "available", Some("arm64")),
        ];
        assert!(image_problems(&of(&["ami-1", "ami-2"]), &both, &types()).is_empty());
        let one = image_problems(&of(&["ami-1", "ami-3"]), &both, &types());
        assert!(matches!(
            one[..],
            [ImageProblem::Absent { .. }, ImageProblem::Architecture { .. }]
        ));
    }

    #[test]
    fn the_root_that_is_described_has_to_be_the_images_and_large_enough() {
        let known = [image("ami-1", "available", None), image("ami-store", "available", None)];
        let judged = |ids: &[&str], persists_root: bool, device: &str, size: Option<u64>| {
            let devices = vec![(device.to_owned(), size)];
            image_problems(&ImageUse { persists_root, devices, ..of(ids) }, &known, &types())
        };
        assert!(judged(&["ami-1"], true, "/dev/xvda", Some(8)).is_empty());
        assert!(judged(&["ami-1"], true, "/dev/xvdb", Some(1)).is_empty());
        let small = judged(&["ami-1"], false, "/dev/xvda", Some(7));
        assert!(matches!(small[..], [ImageProblem::RootTooSmall { wanted: 7, needed: 8, .. }]));
        let other = judged(&["ami-1"], false, "/dev/sda1", Some(50));
        assert!(matches!(other[..], [ImageProblem::OtherRoot { .. }]));
        let store = judged(&["ami-store"], true, "/dev/xvdb", None);
        assert!(matches!(store[..], [ImageProblem::RootIsNoVolume { .. }]));
        assert!(judged(&["ami-store"], false, "/dev/xvdb", None).is_empty());
    }
}
