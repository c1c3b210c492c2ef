//! What is named otherwise than by its id, looked up in AWS.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Args, Run};
use crate::ansible::Failure;
use crate::domain::{Region, VpcWanted};
use crate::drive::group::{Vicinity, look_up_security_groups, look_up_subnets};
use crate::drive::{ImageWanted, ec2_access, look_up_image};
use crate::plan::group::{SubnetKind, SubnetsWanted, overlaid};

/// Subnets of a VPC.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend(
    "x-mutually-exclusive" = [["vpc_id", "vpc_tags", "default_vpc"]],
    "x-required-one-of" = [["vpc_id", "vpc_tags", "default_vpc"]],
))]
pub(super) struct SubnetOptions {
    /// The VPC.
    vpc_id: Option<String>,
    /// Tags of the VPC, of which exactly one may have all; in a value `*` and `?` stand for other text.
    vpc_tags: Option<BTreeMap<String, String>>,
    /// Whether the region's default VPC is meant.
    default_vpc: Option<bool>,
    /// The availability zones, each of which has to have such a subnet. All that have one, if none is named.
    #[serde(default)]
    zones: Vec<String>,
    /// Which subnets are meant, by their routes: those of a public one lead to an internet gateway. Whether a subnet gives out
    /// public addresses does not count.
    #[serde(default = "any")]
    kind: Kind,
    /// Tags of the subnets; in a value `*` and `?` stand for other text.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// All.
    Any,
    /// Those that no route leads out of directly.
    Private,
    /// Those with a route to an internet gateway.
    Public,
}

fn any() -> Kind {
    Kind::Any
}

impl SubnetOptions {
    fn wanted(&self) -> Result<SubnetsWanted, Failure> {
        let empty = |what: &str| {
            Failure::new(format!("option subnets.{what} is empty: name a VPC, or set default_vpc"))
        };
        let vpc = match (&self.vpc_id, &self.vpc_tags) {
            (Some(id), _) if id.trim().is_empty() => return Err(empty("vpc_id")),
            (Some(id), _) => VpcWanted::Id(id.clone()),
            (None, Some(tags)) if tags.is_empty() => return Err(empty("vpc_tags")),
            (None, Some(tags)) => VpcWanted::Tags(tags.clone()),
            (None, None) if self.default_vpc == Some(true) => VpcWanted::Default,
            (None, None) => {
                return Err(Failure::new(
                    "option subnets names no VPC: set vpc_id, vpc_tags, or default_vpc to true",
                ));
            }
        };
        let kind = match self.kind {
            Kind::Any => SubnetKind::Any,
            Kind::Private => SubnetKind::Private,
            Kind::Public => SubnetKind::Public,
        };
        Ok(SubnetsWanted { vpc, zones: self.zones.clone(), kind, tags: self.tags.clone() })
    }
}

impl Args {
    /// The image that is named otherwise than by its id.
    fn image_wanted(&self) -> Option<ImageWanted> {
        let by_name = self.image.as_ref().map(crate::modules::rolling::ImageByName::wanted);
        by_name.or_else(|| self.image_ssm_parameter.clone().map(ImageWanted::SsmParameter))
    }
}

impl Run<'_> {
    /// Puts ids into the wish for all that is named otherwise.
    pub(super) fn look_up(&mut self, region: Option<&str>) -> Result<(), Failure> {
        let image = self.args.image_wanted();
        let subnets = self.args.subnets.as_ref().map(SubnetOptions::wanted).transpose()?;
        let names = self.args.security_group_names.clone();
        let asks = image.is_some() || subnets.is_some() || names.is_some();
        let Some(region) = region else {
            return match asks {
                true => Err(Failure::new(
                    "images, subnets and security groups are found in a region: set option region",
                )),
                false => Ok(()),
            };
        };
        let region = Region::new(region);
        if let Some(image) = image {
            self.resolve_image(&region, &image)?;
        }
        if let Some(wanted) = &subnets {
            self.resolve_subnets(&region, wanted)?;
        }
        if let Some(names) = names {
            self.resolve_security_groups(&region, subnets.as_ref().map(|it| &it.vpc), &names)?;
        }
        Ok(())
    }

    fn wish(&mut self, compute: &Value) {
        if let Value::Object(wish) = json!({ "compute": compute }) {
            self.wanted = overlaid(&self.wanted, &wish);
        }
    }

    fn resolve_image(&mut self, region: &Region, asked: &ImageWanted) -> Result<(), Failure> {
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let found = self
            .slowly("looking the machine image up", || look_up_image(&access, region, asked, &[]))
            .map_err(|error| Failure::new(format!("cannot {error}")))?;
        let Some(image) = found.image else {
            return Err(Failure::new(format!(
                "there is no such machine image in region {region}: check name, owners and region"
            )));
        };
        self.wish(&json!({"launchSpecification": {"imageId": image.id.as_str()}}));
        Ok(())
    }

    fn resolve_subnets(&mut self, region: &Region, wanted: &SubnetsWanted) -> Result<(), Failure> {
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let found = self
            .slowly("looking the subnets up", || look_up_subnets(&access, region, wanted))
            .map_err(|error| Failure::new(format!("cannot {error}")))?;
        let found = found.map_err(|problem| Failure::new(problem.to_string()))?;
        let zones = found.iter().map(|(name, ids)| json!({"name": name, "subnetIds": ids}));
        let zones: Vec<Value> = zones.collect();
        self.wish(&json!({ "availabilityZones": zones }));
        Ok(())
    }

    fn resolve_security_groups(
        &mut self,
        region: &Region,
        vpc: Option<&VpcWanted>,
        names: &[String],
    ) -> Result<(), Failure> {
        let subnets = self.subnets_named();
        let place = match vpc {
            Some(vpc) => Vicinity::Vpc(vpc),
            None if subnets.is_empty() => {
                return Err(Failure::new(
                    "security groups are found by name in the VPC of the subnets: set subnets, subnet_ids or zones with them",
                ));
            }
            None => Vicinity::Subnets(&subnets),
        };
        let access =
            ec2_access(&self.args.connection.session_options(), &self.context.world.environment);
        let found = self.slowly("looking the security groups up", || {
            look_up_security_groups(&access, region, &place, names)
        });
        let found = found.map_err(|error| Failure::new(format!("cannot {error}")))?;
        let ids = found.map_err(Failure::new)?;
        self.wish(&json!({"launchSpecification": {"securityGroupIds": ids}}));
        Ok(())
    }

    /// The subnets that are wanted by their ids.
    fn subnets_named(&self) -> Vec<String> {
        let Some(compute) = self.wanted.get("compute") else { return Vec::new() };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let of_zones = list(&compute["availabilityZones"]).into_iter();
        let of_zones = of_zones.flat_map(|zone| list(&zone["subnetIds"]));
        let all = of_zones.chain(list(&compute["subnetIds"]));
        all.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }
}
