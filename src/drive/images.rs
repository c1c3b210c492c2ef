//! Which machine image is meant and whether it is there, in builds with and without AWS.

use thiserror::Error;

use crate::domain::{ImageId, MachineImage, Region, printable};

/// The image that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageWanted {
    /// This one.
    Id(ImageId),
    /// One that is ready for use, by its name.
    Named {
        /// The name; `*` and `?` stand for other text.
        name: String,
        /// Who may have made it: account ids, `self`, or EC2's words for vendors such as `amazon`. None at all means
        /// `self`: any account may give any name to a public image.
        owners: Vec<String>,
        /// Whether the newest is meant where several fit. Otherwise several are an error.
        newest: bool,
    },
    /// The one whose id this parameter of Systems Manager holds.
    SsmParameter(String),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The wanted image. None: there is none that these credentials may see; a private image of another account than
    /// theirs is invisible.
    pub image: Option<MachineImage>,
    /// Those of the other images asked for that are there.
    pub others: Vec<MachineImage>,
}

/// Why images cannot be looked up. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImagesError {
    /// This binary was built without the feature `aws`.
    #[error(
        "look up machine images: this binary was built without AWS support; install a build with it"
    )]
    NotBuilt,
    /// No usable credentials.
    #[error("{0}")]
    NoCredentials(String),
    /// The credentials are good and not allowed to ask.
    #[error("{0}")]
    Denied(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
    /// Several images fit.
    #[error(
        "look up the machine image {} in region {region}: {count} images fit ({}); narrow the name, or ask for the newest",
        printable(.name), .some.join(", ")
    )]
    Ambiguous {
        /// The name that was asked for.
        name: String,
        /// Where.
        region: Region,
        /// How many fit.
        count: usize,
        /// Some of them, newest first, each with name and date.
        some: Vec<String>,
    },
    /// What was asked for, or what the parameter holds, names no image.
    #[error("{0}")]
    BadParameter(String),
}

/// Whether the text has the form of an image id. It is a guard against other texts in its place, not a proof.
pub fn looks_like_image_id(text: &str) -> bool {
    text.strip_prefix("ami-").is_some_and(|rest| {
        (8..=17).contains(&rest.len())
            && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(feature = "aws")]
mod real {
    use super::{ImageWanted, ImagesError, LookedUp, looks_like_image_id};
    use crate::aws::{Aws, AwsError};
    use crate::domain::{ImageId, MachineImage, Region, printable};
    use crate::drive::Ec2Access;
    use crate::drive::ec2::aws_config;

    /// So many hits show which names fit.
    const MOST_SHOWN: usize = 5;

    impl From<AwsError> for ImagesError {
        fn from(error: AwsError) -> Self {
            let text = error.to_string();
            match error {
                AwsError::NoCredentials | AwsError::Credentials { .. } => Self::NoCredentials(text),
                AwsError::Denied { .. } => Self::Denied(text),
                _ => Self::Failed(text),
            }
        }
    }

    /// Finds the wanted image, and those of `also` that are there. It waits as long as `access` allows for the
    /// credentials, and as long again for each of at most two questions.
    ///
    /// # Errors
    ///
    /// Any [`ImagesError`]. No answer is ever made of a part of what was asked.
    pub fn look_up(
        access: &Ec2Access,
        region: &Region,
        wanted: &ImageWanted,
        also: &[ImageId],
    ) -> Result<LookedUp, ImagesError> {
        check(region, wanted)?;
        let aws = Aws::connect(aws_config(access)).map_err(|error| {
            let attempt = format!("look up {} in region {region}", told(wanted));
            match ImagesError::from(error) {
                ImagesError::NoCredentials(why) => {
                    ImagesError::NoCredentials(format!("{attempt}: {why}"))
                }
                other => other,
            }
        })?;
        let (id, named) = match wanted {
            ImageWanted::Id(id) => (Some(id.clone()), None),
            ImageWanted::SsmParameter(name) => (Some(published(&aws, region, name)?), None),
            ImageWanted::Named { name, owners, newest } => {
                let found = aws.find_images(region, name, owners)?;
                (None, chosen(found, region, name, *newest)?)
            }
        };
        let mut ids = also.to_vec();
        ids.extend(id.clone());
        let found = aws.describe_images(region, &ids)?;
        let image =
            named.or_else(|| found.iter().find(|image| Some(&image.id) == id.as_ref()).cloned());
        let others = found.into_iter().filter(|image| also.contains(&image.id)).collect();
        Ok(LookedUp { image, others })
    }

    /// What is wanted, in words.
    fn told(wanted: &ImageWanted) -> String {
        match wanted {
            ImageWanted::Id(id) => format!("the machine image {}", printable(id.as_str())),
            ImageWanted::Named { name, .. } => format!("the machine image {}", printable(name)),
            ImageWanted::SsmParameter(name) => {
                format!("the machine image of parameter {}", printable(name))
            }
        }
    }

    /// Refuses what would ask for something else than was meant.
    fn check(region: &Region, wanted: &ImageWanted) -> Result<(), ImagesError> {
        let (what, text) = match wanted {
            ImageWanted::Id(id) => ("id", id.as_str()),
            ImageWanted::Named { name, .. } => ("name", name.as_str()),
            ImageWanted::SsmParameter(name) => ("parameter", name.as_str()),
        };
        if text.trim().is_empty() {
            let attempt = format!("look up a machine image in region {region} by its {what}");
            let why = "the text is empty; name an image";
            return Err(ImagesError::BadParameter(format!("{attempt}: {why}")));
        }
        Ok(())
    }

    /// The image id that a parameter holds. What it holds instead is not shown: it may be a secret.
    fn published(aws: &Aws, region: &Region, name: &str) -> Result<ImageId, ImagesError> {
        let attempt =
            || format!("read the image from parameter {} of region {region}", printable(name));
        let bad = |why: &str| ImagesError::BadParameter(format!("{}: {why}", attempt()));
        let value = aws.parameter(region, name)?;
        let value =
            value.ok_or_else(|| bad("there is no such parameter; check name and region"))?;
        let value = value.trim();
        if !looks_like_image_id(value) {
            return Err(bad("its value is no image id such as ami-0123456789abcdef0"));
        }
        Ok(ImageId::new(value))
    }

    /// The only image, or the newest of several, which come newest first.
    fn chosen(
        found: Vec<MachineImage>,
        region: &Region,
        name: &str,
        newest: bool,
    ) -> Result<Option<MachineImage>, ImagesError> {
        let date = |image: &MachineImage| image.created_at.as_ref().and_then(|at| at.instant());
        // An image without a date might be the newest, and of two with the same date either.
        let is_clear = newest
            && found.iter().all(|image| date(image).is_some())
            && found.first().map(date) != found.get(1).map(date);
        if found.len() > 1 && !is_clear {
            let some = found.iter().take(MOST_SHOWN).map(shown).collect();
            let (name, region, count) = (name.to_owned(), region.clone(), found.len());
            return Err(ImagesError::Ambiguous { name, region, count, some });
        }
        Ok(found.into_iter().next())
    }

    fn shown(image: &MachineImage) -> String {
        let name = image.name.as_deref().map_or_else(|| "no name".to_owned(), printable);
        let date = image.created_at.as_ref().map_or("no date", |at| at.as_str());
        format!("{} {name} {}", printable(image.id.as_str()), printable(date))
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::domain::VendorTime;

        fn image(id: &str, date: Option<&str>) -> MachineImage {
            MachineImage {
                id: ImageId::new(id),
                name: Some(format!("of \u{1b}{id}")),
                architecture: None,
                state: None,
                created_at: date.map(VendorTime::new),
                root: None,
            }
        }

        fn choose(found: &[MachineImage], newest: bool) -> Result<Option<String>, ImagesError> {
            let chosen = chosen(found.to_vec(), &Region::new("eu-west-1"), "kafka-*", newest)?;
            Ok(chosen.map(|image| image.id.as_str().to_owned()))
        }

        #[test]
        fn one_image_is_chosen_only_where_it_is_clear_which() {
            let (new, old) = (Some("2026-02-01T00:00:00.000Z"), Some("2026-01-01T00:00:00.000Z"));
            let one = [image("ami-1", None)];
            assert_eq!(choose(&[], true), Ok(None));
            assert_eq!(choose(&one, true), Ok(Some("ami-1".to_owned())));
            assert_eq!(choose(&one, false), Ok(Some("ami-1".to_owned())));
            let two = [image("ami-2", new), image("ami-1", old)];
            assert_eq!(choose(&two, true), Ok(Some("ami-2".to_owned())));
            assert!(matches!(choose(&two, false), Err(ImagesError::Ambiguous { count: 2, .. })));
            for unclear in [
                [image("ami-1", new), image("ami-2", new)],
                [image("ami-1", new), image("ami-2", None)],
                [image("ami-1", Some("later")), image("ami-2", Some("later"))],
            ] {
                assert!(matches!(choose(&unclear, true), Err(ImagesError::Ambiguous { .. })));
            }
        }

        #[test]
        fn several_hits_are_named_printably_and_not_without_end() {
            let many: Vec<_> = (0..9).map(|n| image(&format!("ami-{n}"), None)).collect();
            let text = choose(&many, false).unwrap_err().to_string();
            assert!(text.contains("kafka-* in region eu-west-1: 9 images fit"), "{text}");
            assert!(text.contains("ami-4") && !text.contains("ami-5"), "{text}");
            assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
        }
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use super::{ImageWanted, ImagesError, LookedUp};
    use crate::domain::{ImageId, Region};
    use crate::drive::Ec2Access;

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`ImagesError::NotBuilt`].
    pub fn look_up(
        _access: &Ec2Access,
        _region: &Region,
        _wanted: &ImageWanted,
        _also: &[ImageId],
    ) -> Result<LookedUp, ImagesError> {
        Err(ImagesError::NotBuilt)
    }
}

pub use real::look_up;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_ids_are_told_from_other_texts() {
        for id in ["ami-12c6146b", "ami-0123456789abcdef0"] {
            assert!(looks_like_image_id(id), "{id}");
        }
        for text in [
            "",
            "ami-",
            "ami-1",
            "ami-12C6146B",
            "i-0123456789abcdef0",
            "ami-0123456789abcdef01",
            "ami-12c6146b ",
            "resolve:ssm:/x",
            "ami-kafka123",
        ] {
            assert!(!looks_like_image_id(text), "{text:?}");
        }
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn a_build_without_aws_says_so() {
        let access = crate::drive::Ec2Access {
            profile: None,
            endpoint_url: None,
            use_metadata_service: false,
            timeout: std::time::Duration::from_secs(1),
        };
        let (region, wanted) = (Region::new("eu-west-1"), ImageWanted::Id(ImageId::new("ami-1")));
        let error = look_up(&access, &region, &wanted, &[]).unwrap_err();
        assert_eq!(error, ImagesError::NotBuilt);
        assert!(error.to_string().contains("without AWS support"), "{error}");
    }
}
