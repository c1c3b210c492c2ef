//! What must be there before anything is launched.

use std::collections::{BTreeMap, BTreeSet};

use super::error::LaunchError;
use crate::domain::{Blueprint, ImageId, Region, Subnet};
use crate::drive::market::Cloud;
use crate::plan::launch::Place;
use crate::plan::offers::Offer;

/// Where machines may be.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Zones; all with an offer if empty.
    pub zones: Vec<String>,
    /// Subnets, of which a zone may have several; the zones' default ones if empty.
    pub subnets: Vec<String>,
    /// The VPC that the subnets must be in, if it matters.
    pub vpc: Option<String>,
}

/// Where machines will be, and which offers can be there.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The zones.
    pub zones: BTreeSet<String>,
    /// Their subnets, those with the most free addresses first.
    pub subnets: BTreeMap<String, Vec<Subnet>>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The image.
    pub image: ImageId,
    /// `x86_64`, `arm64`, …
    pub architecture: String,
}

fn refused(reason: String) -> LaunchError {
    LaunchError::Refused(reason)
}

/// Looks at zones and subnets.
///
/// # Errors
///
/// One of them does not exist or does not fit.
pub fn preflight(
    cloud: &dyn Cloud,
    region: &Region,
    site: &Site,
    offers: &[Offer],
) -> Result<Ground, LaunchError> {
    let known = cloud.zones(region)?;
    if let Some(zone) = site.zones.iter().find(|zone| !known.contains_key(*zone)) {
        return Err(refused(format!("there is no availability zone {zone} in {region}")));
    }
    if let Some(vpc) = site.vpc.as_ref().filter(|_| site.subnets.is_empty()) {
        let text = format!("vpc_id {vpc} only says where subnets must be: name subnets, too");
        return Err(refused(text));
    }
    let mut ground = Ground::default();
    let subnets = cloud.subnets(region, &site.subnets)?;
    for id in &site.subnets {
        let Some(subnet) = subnets.iter().find(|subnet| subnet.id == *id) else {
            return Err(refused(format!("there is no subnet {id} in {region}")));
        };
        let vpc = site.vpc.as_ref().unwrap_or(&subnets[0].vpc);
        if subnet.vpc != *vpc {
            return Err(refused(format!("subnet {id} is in {} and not in {vpc}", subnet.vpc)));
        }
        ground.subnets.entry(subnet.zone.clone()).or_default().push(subnet.clone());
    }
    for of_zone in ground.subnets.values_mut() {
        of_zone.sort_by(|a, b| b.free_addresses.cmp(&a.free_addresses).then(a.id.cmp(&b.id)));
        of_zone.dedup_by(|a, b| a.id == b.id);
    }
    if let Some(zone) = site.zones.iter().find(|it| !ground.has(site, it)) {
        return Err(refused(format!("none of the subnets is in zone {zone}")));
    }
    let wanted = |zone: &String| site.zones.is_empty() || site.zones.contains(zone);
    let priced = offers.iter().map(|offer| offer.zone.clone());
    ground.zones = priced.filter(|zone| wanted(zone) && ground.has(site, zone)).collect();
    if let Some(zone) = site.zones.iter().find(|zone| !ground.zones.contains(*zone)) {
        return Err(refused(format!("no offer that fits the policy is in zone {zone}")));
    }
    if ground.zones.is_empty() {
        return Err(refused("no offer is in a zone of the subnets".to_owned()));
    }
    Ok(ground)
}

impl Ground {
    fn has(&self, site: &Site, zone: &str) -> bool {
        site.subnets.is_empty() || self.subnets.contains_key(zone)
    }

    /// Whether a machine may be there.
    pub(super) fn takes(&self, place: &Place, subnet: Option<&str>) -> bool {
        let of_zone = self.subnets.get(&place.zone);
        let has = |id: &str| of_zone.is_some_and(|all| all.iter().any(|it| it.id == id));
        self.zones.contains(&place.zone) && subnet.map_or(self.subnets.is_empty(), has)
    }

    /// The subnet for the next machine of a zone that has so many: one after the other, but for those that are full.
    pub fn subnet(&self, zone: &str, number: u32, full: &BTreeSet<String>) -> Option<&str> {
        let of_zone = self.subnets.get(zone)?.iter().filter(|subnet| !full.contains(&subnet.id));
        let of_zone: Vec<&Subnet> = of_zone.collect();
        let at = usize::try_from(number).unwrap_or_default() % of_zone.len().max(1);
        of_zone.get(at).map(|subnet| subnet.id.as_str())
    }
}

/// Looks at template and image; what the image runs on, if that is known. The template's version is fixed here, so that all machines
/// of a launch are of one, and a repetition is one.
///
/// # Errors
///
/// One of them does not exist or does not fit.
pub fn built(
    cloud: &dyn Cloud,
    region: &Region,
    site: &Site,
    blueprint: &mut Blueprint,
) -> Result<Option<Built>, LaunchError> {
    let mut image = blueprint.image_id.clone();
    if let Some(name) = &mut blueprint.template {
        let shown = name.id.clone().or_else(|| name.name.clone()).unwrap_or_default();
        let version = name.version.clone();
        let Some(found) = cloud.template(region, name)? else {
            let text =
                format!("there is no launch template {shown} with version {version} in {region}");
            return Err(refused(text));
        };
        if found.sets_market {
            let text = format!(
                "launch template {shown} sets market options itself, which decides whether machines are spot: take them out"
            );
            return Err(refused(text));
        }
        if found.has_interfaces && !site.subnets.is_empty() {
            let text = format!(
                "launch template {shown} describes network interfaces, beside which no subnet can be named"
            );
            return Err(refused(text));
        }
        (name.id, name.name, name.version) = (Some(found.id), None, found.version.to_string());
        image = image.or(found.image);
    }
    let Some(image) = image else {
        return match &blueprint.template {
            // It is resolved when it is launched.
            Some(_) => Ok(None),
            None => Err(refused("neither launch_template nor image_id is given".to_owned())),
        };
    };
    match cloud.image(region, &image)? {
        None => Err(refused(format!("there is no image {image} in {region}"))),
        Some(found) if found.state.as_deref().is_some_and(|state| state != "available") => {
            let state = found.state.unwrap_or_default();
            Err(refused(format!("image {image} is {state}")))
        }
        Some(found) => Ok(found.architecture.map(|architecture| Built { image, architecture })),
    }
}
