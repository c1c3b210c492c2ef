//! What AWS knows of the image that is wanted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Args, Run};
use crate::ansible::Failure;
use crate::domain::{ImageId, Region};
use crate::drive::{
    ImageWanted, ImagesError, Progress, architectures, ec2_access, look_up_image, watched,
};
use crate::plan::group::{Changes, image_problem};

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

impl Args {
    /// The image that is named otherwise than by its id.
    fn image_wanted(&self) -> Option<ImageWanted> {
        let by_name = self.image.as_ref().map(crate::modules::rolling::ImageByName::wanted);
        by_name.or_else(|| self.image_ssm_parameter.clone().map(ImageWanted::SsmParameter))
    }
}

impl Run<'_> {
    /// Puts the id of an image that is named otherwise into the wish.
    pub(super) fn resolve_image(&mut self, region: Option<&str>) -> Result<(), Failure> {
        let Some(asked) = self.args.image_wanted() else { return Ok(()) };
        let Some(region) = region else {
            return Err(Failure::new("an image is found in a region: set option region"));
        };
        let region = Region::new(region);
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let found = self
            .slowly("looking the machine image up", || look_up_image(&access, &region, &asked, &[]))
            .map_err(|error| Failure::new(format!("cannot {error}")))?;
        let Some(image) = found.image else {
            return Err(Failure::new(format!(
                "there is no such machine image in region {region}: check name, owners and region"
            )));
        };
        let wish = json!({"compute": {"launchSpecification": {"imageId": image.id.as_str()}}});
        if let Value::Object(wish) = wish {
            self.wanted = crate::plan::group::overlaid(&self.wanted, &wish);
        }
        Ok(())
    }

    /// Asks AWS whether a new image is there and fits, if that is wanted; answers with what could not be found out.
    pub(super) fn preflight(
        &self,
        config: &Map<String, Value>,
        found: &Changes,
    ) -> Result<Option<String>, Failure> {
        let concerns =
            |path: &str| path.ends_with("Specification.imageId") || path.contains("instanceTypes");
        let is_concerned = found.0.iter().any(|change| concerns(&change.path));
        if self.args.preflight == Preflight::Skip || !is_concerned {
            return Ok(None);
        }
        let config = Value::Object(config.clone());
        let image = config.pointer("/compute/launchSpecification/imageId").and_then(Value::as_str);
        let (Some(image), Some(region)) = (image, config["region"].as_str()) else {
            return Ok(None);
        };
        let (id, region) = (ImageId::new(image), Region::new(region));
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let types = types(&config);
        let asked = self.slowly("asking AWS for the machine image", || {
            let image = look_up_image(&access, &region, &ImageWanted::Id(id.clone()), &[])?.image;
            Ok::<_, ImagesError>((image, architectures(&access, &region, &types)?))
        });
        let is_required = self.args.preflight == Preflight::Required;
        match asked {
            Ok((image, architectures)) => {
                match image_problem(&id, image.as_ref(), &architectures) {
                    None => Ok(None),
                    Some(problem) => Err(Failure::new(format!(
                        "{problem}; name another, or set preflight to skip if AWS is wrong"
                    ))),
                }
            }
            Err(error) if is_required => Err(Failure::new(format!("cannot {error}"))),
            Err(ImagesError::NotBuilt | ImagesError::NoCredentials(_)) => Ok(None),
            Err(error) => Ok(Some(format!("the image was not checked: cannot {error}"))),
        }
    }

    fn slowly<T: Send>(&self, line: &str, work: impl FnOnce() -> T + Send) -> T {
        let progress = Progress::new(self.session.clock.as_ref(), self.context.progress);
        watched(&progress, line, work)
    }
}

/// Every instance type that the group may launch, each once.
fn types(config: &Value) -> Vec<String> {
    let types = &config["compute"]["instanceTypes"];
    let lists = ["onDemandTypes", "spot"].map(|name| types[name].as_array());
    let listed = lists.into_iter().flatten().flatten().filter_map(Value::as_str);
    let mut all: Vec<String> =
        types["ondemand"].as_str().into_iter().chain(listed).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}
