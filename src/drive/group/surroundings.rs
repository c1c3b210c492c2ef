//! What AWS has around a group, in builds with and without AWS.

use std::collections::BTreeMap;

use crate::domain::VpcWanted;
use crate::drive::ImagesError;
use crate::plan::group::SubnetsProblem;

/// Where security groups are looked for by their names.
#[derive(Clone, Copy, Debug)]
pub enum Vicinity<'a> {
    /// In this VPC.
    Vpc(&'a VpcWanted),
    /// In the VPC of these subnets.
    Subnets(&'a [String]),
}

/// Subnets by zone; inside, why none are chosen, and outside, why AWS did not tell.
pub type SubnetsFound = Result<Result<BTreeMap<String, Vec<String>>, SubnetsProblem>, ImagesError>;

#[cfg(feature = "aws")]
mod real {
    use super::{SubnetsFound, Vicinity};
    use crate::aws::{Aws, AwsError};
    use crate::domain::Region;
    use crate::drive::ec2::aws_config;
    use crate::drive::{Ec2Access, ImagesError};
    use crate::plan::group::{
        Question, Sight, SubnetKind, SubnetsWanted, Surroundings, choose_subnets, one_vpc,
    };

    fn sight<T>(told: Result<T, AwsError>) -> Sight<T> {
        told.map_or_else(|error| Sight::Unknown(error.to_string()), Sight::Seen)
    }

    /// Asks AWS for what a configuration names. What AWS does not tell, or not to these credentials, is unknown.
    ///
    /// # Errors
    ///
    /// AWS cannot be asked at all.
    pub fn look_around(
        access: &Ec2Access,
        question: &Question,
    ) -> Result<Surroundings, ImagesError> {
        let aws = Aws::connect(aws_config(access))?;
        let region = &Region::new(&question.region);
        let mut around = Surroundings::default();
        if let Some(wanted) = &question.images {
            around.images = sight(aws.describe_images(region, &wanted.ids));
            around.architectures = sight(aws.architectures(region, &question.types));
        }
        if !question.subnets.is_empty() {
            let ids: Vec<String> = question.subnets.iter().map(|(id, _)| id.clone()).collect();
            around.subnets = sight(aws.subnets(region, &ids));
        }
        if !question.security_groups.is_empty() {
            around.security_groups = sight(aws.security_groups(region, &question.security_groups));
        }
        if let Some(name) = &question.key_pair {
            around.key_pair = sight(aws.has_key_pair(region, name));
        }
        if let Some(name) = question.profile_name() {
            around.instance_profile = sight(aws.instance_profile(region, name));
        }
        Ok(around)
    }

    /// The subnets that are wanted, by zone.
    ///
    /// # Errors
    ///
    /// AWS does not tell; inside of that, why none are chosen.
    pub fn look_up_subnets(
        access: &Ec2Access,
        region: &Region,
        wanted: &SubnetsWanted,
    ) -> SubnetsFound {
        let aws = Aws::connect(aws_config(access))?;
        let vpc = match one_vpc(&wanted.vpc, &aws.vpcs(region, &wanted.vpc)?) {
            Ok(vpc) => vpc,
            Err(problem) => return Ok(Err(problem)),
        };
        let subnets = aws.subnets_of(region, &vpc, &wanted.tags)?;
        let tables = match wanted.kind {
            SubnetKind::Any => Vec::new(),
            SubnetKind::Private | SubnetKind::Public => aws.route_tables(region, &vpc)?,
        };
        Ok(choose_subnets(wanted, &vpc, &subnets, &tables))
    }

    /// The ids of the security groups of these names, in the order of the names.
    ///
    /// # Errors
    ///
    /// AWS does not tell; inside of that, what is missing.
    pub fn look_up_security_groups(
        access: &Ec2Access,
        region: &Region,
        place: &Vicinity<'_>,
        names: &[String],
    ) -> Result<Result<Vec<String>, String>, ImagesError> {
        let aws = Aws::connect(aws_config(access))?;
        let vpc = match place {
            Vicinity::Vpc(wanted) => one_vpc(wanted, &aws.vpcs(region, wanted)?),
            Vicinity::Subnets(ids) => {
                let mut vpcs: Vec<String> =
                    aws.subnets(region, ids)?.into_iter().map(|subnet| subnet.vpc).collect();
                vpcs.sort();
                vpcs.dedup();
                match &vpcs[..] {
                    [one] => Ok(one.clone()),
                    [] => {
                        return Ok(Err(format!(
                            "no subnet of {} is there in {region}",
                            ids.join(", ")
                        )));
                    }
                    _ => return Ok(Err(format!("subnets {} are of several VPCs", ids.join(", ")))),
                }
            }
        };
        let vpc = match vpc {
            Ok(vpc) => vpc,
            Err(problem) => return Ok(Err(problem.to_string())),
        };
        let found = aws.security_groups_named(region, &vpc, names)?;
        let ids = names.iter().map(|name| {
            let group = found.iter().find(|group| group.name == *name);
            group.map(|group| group.id.clone()).ok_or_else(|| {
                format!(
                    "VPC {vpc} has no security group {}: make it, or name another by security_group_names",
                    crate::domain::printable(name)
                )
            })
        });
        Ok(ids.collect())
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use super::{SubnetsFound, Vicinity};
    use crate::domain::Region;
    use crate::drive::{Ec2Access, ImagesError};
    use crate::plan::group::{Question, SubnetsWanted, Surroundings};

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`ImagesError::NotBuilt`].
    pub fn look_around(
        _access: &Ec2Access,
        _question: &Question,
    ) -> Result<Surroundings, ImagesError> {
        Err(ImagesError::NotBuilt)
    }

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`ImagesError::NotBuilt`].
    pub fn look_up_subnets(
        _access: &Ec2Access,
        _region: &Region,
        _wanted: &SubnetsWanted,
    ) -> SubnetsFound {
        Err(ImagesError::NotBuilt)
    }

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`ImagesError::NotBuilt`].
    pub fn look_up_security_groups(
        _access: &Ec2Access,
        _region: &Region,
        _place: &Vicinity<'_>,
        _names: &[String],
    ) -> Result<Result<Vec<String>, String>, ImagesError> {
        Err(ImagesError::NotBuilt)
    }
}

pub use real::{look_around, look_up_security_groups, look_up_subnets};
