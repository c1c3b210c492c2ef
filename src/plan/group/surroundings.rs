//! Whether what a group's configuration names is there in AWS, and fits together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::change::{Changes, at};
use super::image_check::{ImageProblem, ImageUse, image_problems};
use super::refusal::{is_on, whole};
use crate::domain::{ImageId, MachineImage, SecurityGroup, Subnet, printable};

/// What of AWS a configuration is held against: as far as its changes concern it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The region.
    pub region: String,
    /// The images.
    pub images: Option<ImageUse>,
    /// The instance types, each once, sorted.
    pub types: Vec<String>,
    /// The subnets, each with the zone that it is stated in.
    pub subnets: Vec<(String, Option<String>)>,
    /// The zones that are named.
    pub zones: Vec<String>,
    /// The security groups.
    pub security_groups: Vec<String>,
    /// The key pair.
    pub key_pair: Option<String>,
    /// The instance profile, by its name or its ARN.
    pub instance_profile: Option<String>,
}

impl Question {
    /// What a configuration names, as far as one of the changes has to do with it.
    pub fn of(config: &Map<String, Value>, changes: &Changes) -> Self {
        let config = &Value::Object(config.clone());
        let concerned = |words: &[&str]| {
            changes.0.iter().any(|change| words.iter().any(|word| change.path.contains(word)))
        };
        let launch = at(config, "compute.launchSpecification");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut question =
            Self { region: text(&config["region"]).unwrap_or_default(), ..Self::default() };
        if concerned(&[
            "imageId",
            ".images",
            "instanceTypes",
            "blockDeviceMappings",
            "shouldPersistRootDevice",
        ]) {
            question.images = Some(image_use(config)).filter(|it| !it.ids.is_empty());
            question.types = types(config);
        }
        if concerned(&["availabilityZones", "subnetIds", "securityGroupIds"]) {
            let zones = list(at(config, "compute.availabilityZones"));
            for zone in zones {
                let name = text(&zone["name"]);
                let ids = list(&zone["subnetIds"]).chain([&zone["subnetId"]]).filter_map(text);
                question.subnets.extend(ids.map(|id| (id, name.clone())));
                question.zones.extend(name);
            }
            let bare = list(at(config, "compute.subnetIds")).filter_map(text);
            question.subnets.extend(bare.map(|id| (id, None)));
            question.security_groups = list(&launch["securityGroupIds"]).filter_map(text).collect();
        }
        if concerned(&["keyPair"]) {
            question.key_pair = text(&launch["keyPair"]).filter(|name| !name.is_empty());
        }
        if concerned(&["iamRole"]) {
            let role = &launch["iamRole"];
            question.instance_profile = text(&role["arn"]).or_else(|| text(&role["name"]));
        }
        question
    }

    /// Whether there is nothing to be asked.
    pub fn is_empty(&self) -> bool {
        let Self { region, .. } = self;
        *self == Self { region: region.clone(), ..Self::default() }
    }

    /// The name of the instance profile, which is the last part of its ARN.
    pub fn profile_name(&self) -> Option<&str> {
        self.instance_profile.as_deref().map(|named| named.rsplit('/').next().unwrap_or(named))
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn image_use(config: &Value) -> ImageUse {
    let launch = at(config, "compute.launchSpecification");
    let several = list(&launch["images"]).filter_map(|image| image["id"].as_str());
    let ids = launch["imageId"].as_str().into_iter().chain(several).map(ImageId::new).collect();
    let devices = list(&launch["blockDeviceMappings"]).filter_map(|it| {
        let size = whole(&it["ebs"]["volumeSize"]).and_then(|size| u64::try_from(size).ok());
        Some((it["deviceName"].as_str()?.to_owned(), size))
    });
    let root = at(config, "strategy.persistence.shouldPersistRootDevice");
    ImageUse { ids, persists_root: is_on(root), devices: devices.collect() }
}

/// Every instance type that the group may launch.
fn types(config: &Value) -> Vec<String> {
    let types = at(config, "compute.instanceTypes");
    let lists = ["onDemandTypes", "spot"].map(|name| list(&types[name]));
    let listed = lists.into_iter().flatten().filter_map(Value::as_str);
    let all: BTreeSet<&str> = types["ondemand"].as_str().into_iter().chain(listed).collect();
    all.into_iter().map(str::to_owned).collect()
}

/// A fact, if it was asked for and told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight<T> {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// AWS told it.
    Seen(T),
    /// AWS did not tell, and why.
    Unknown(String),
}

impl<T> Sight<T> {
    fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(fact) => Some(fact),
            Self::NotAsked | Self::Unknown(_) => None,
        }
    }

    fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::NotAsked | Self::Seen(_) => None,
        }
    }
}

/// What AWS told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Those of the images that are there.
    pub images: Sight<Vec<MachineImage>>,
    /// The architectures of those instance types that the region knows.
    pub architectures: Sight<BTreeMap<String, Vec<String>>>,
    /// Those of the subnets that are there.
    pub subnets: Sight<Vec<Subnet>>,
    /// Those of the security groups that are there.
    pub security_groups: Sight<Vec<SecurityGroup>>,
    /// Whether the key pair is there.
    pub key_pair: Sight<bool>,
    /// The ARN of the instance profile of that name, if it is there.
    pub instance_profile: Sight<Option<String>>,
}

impl Surroundings {
    /// What was not told, each with what was not checked therefore.
    pub fn unknowns(&self) -> Vec<String> {
        [
            ("the machine image", self.images.unknown()),
            ("the architecture of the instance types", self.architectures.unknown()),
            ("the subnets", self.subnets.unknown()),
            ("the security groups", self.security_groups.unknown()),
            ("the key pair", self.key_pair.unknown()),
            ("the instance profile", self.instance_profile.unknown()),
        ]
        .into_iter()
        .filter_map(|(what, why)| Some(format!("not checked: {what}; cannot {}", why?)))
        .collect()
    }
}

/// Why instances could not be launched as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// An image will not do.
    Image(ImageProblem),
    /// A zone that is none of the region.
    Zone(String),
    /// A subnet that is not there.
    Subnet(String),
    /// A subnet that is in another zone than it is stated in.
    OtherZone {
        /// The subnet.
        id: String,
        /// Where it is stated.
        stated: String,
        /// Where it is.
        found: String,
    },
    /// Subnets of several VPCs: one subnet of each.
    Vpcs(Vec<(String, String)>),
    /// A security group that is not there.
    SecurityGroup(String),
    /// A security group of another VPC than the subnets.
    OtherVpc {
        /// The security group.
        id: String,
        /// Its VPC.
        found: String,
        /// That of the subnets.
        wanted: String,
    },
    /// A key pair that is not there.
    KeyPair(String),
    /// An instance profile that is not there.
    Profile(String),
    /// The ARN of something that is no instance profile of these credentials' account.
    OtherProfile {
        /// What was given.
        named: String,
        /// What is there by that name.
        found: String,
    },
}

impl Misfit {
    /// What is wrong and what to do, in words that name the region.
    pub fn words(&self, region: &str) -> String {
        let shown = |text: &str| printable(text);
        match self {
            Self::Image(problem) => problem.to_string(),
            Self::Zone(zone) => {
                format!("zone {} is none of {region}: name one that is", shown(zone))
            }
            Self::Subnet(id) => format!(
                "subnet {} is not there in {region}, or these AWS credentials may not see it: name another",
                shown(id)
            ),
            Self::OtherZone { id, stated, found } => format!(
                "subnet {} is in {} and stated in {}: put it there",
                shown(id),
                shown(found),
                shown(stated)
            ),
            Self::Vpcs(all) => {
                let all: Vec<String> =
                    all.iter().map(|(subnet, vpc)| format!("{subnet} of {vpc}")).collect();
                format!("the subnets are of several VPCs ({}): name those of one", all.join(", "))
            }
            Self::SecurityGroup(id) => format!(
                "security group {} is not there in {region}: name another, or make it",
                shown(id)
            ),
            Self::OtherVpc { id, found, wanted } => format!(
                "security group {} is of {found}, and the subnets are of {wanted}: name one of {wanted}",
                shown(id)
            ),
            Self::KeyPair(name) => format!(
                "key pair {} is not there in {region}: import it there, or name another",
                shown(name)
            ),
            Self::Profile(name) => format!(
                "instance profile {} is not there: make it (a role alone is none), or name another by iam_role",
                shown(name)
            ),
            Self::OtherProfile { named, found } => format!(
                "iam_role is {}, and the instance profile of that name is {}: name that one",
                shown(named),
                shown(found)
            ),
        }
    }
}

/// All that stands in the way, as far as AWS told.
pub fn misfits(question: &Question, around: &Surroundings) -> Vec<Misfit> {
    let mut found = Vec::new();
    // A type that the region does not know is one that the vendor passes over.
    let none = BTreeMap::new();
    let architectures = around.architectures.seen().unwrap_or(&none);
    if let (Some(wanted), Some(images)) = (&question.images, around.images.seen()) {
        let problems = image_problems(wanted, images, architectures);
        found.extend(problems.into_iter().map(Misfit::Image));
    }
    let strange = question.zones.iter().filter(|zone| !zone.starts_with(&question.region));
    found.extend(strange.cloned().map(Misfit::Zone));
    let vpcs = around.subnets.seen().map(|subnets| place(question, subnets, &mut found));
    if let Some(groups) = around.security_groups.seen() {
        for id in &question.security_groups {
            match (groups.iter().find(|group| group.id == *id), vpcs.as_ref()) {
                (None, _) => found.push(Misfit::SecurityGroup(id.clone())),
                (Some(group), Some(vpcs)) => match &vpcs[..] {
                    [(_, vpc)] if *vpc != group.vpc => found.push(Misfit::OtherVpc {
                        id: id.clone(),
                        found: group.vpc.clone(),
                        wanted: vpc.clone(),
                    }),
                    // Of several VPCs it is told already.
                    _ => {}
                },
                (Some(_), None) => {}
            }
        }
    }
    if let (Some(name), Some(false)) = (&question.key_pair, around.key_pair.seen()) {
        found.push(Misfit::KeyPair(name.clone()));
    }
    if let (Some(named), Some(told)) = (&question.instance_profile, around.instance_profile.seen())
    {
        match told {
            None => found.push(Misfit::Profile(named.clone())),
            Some(arn) if named.starts_with("arn:") && named != arn => {
                found.push(Misfit::OtherProfile { named: named.clone(), found: arn.clone() });
            }
            Some(_) => {}
        }
    }
    found
}

/// Holds subnets against the zones that they are stated in; answers the VPCs, each with one of its subnets.
fn place(question: &Question, known: &[Subnet], found: &mut Vec<Misfit>) -> Vec<(String, String)> {
    let mut vpcs: BTreeMap<String, String> = BTreeMap::new();
    for (id, stated) in &question.subnets {
        let Some(subnet) = known.iter().find(|subnet| subnet.id == *id) else {
            found.push(Misfit::Subnet(id.clone()));
            continue;
        };
        vpcs.entry(subnet.vpc.clone()).or_insert_with(|| id.clone());
        if let Some(stated) = stated.as_ref().filter(|zone| **zone != subnet.zone) {
            found.push(Misfit::OtherZone {
                id: id.clone(),
                stated: stated.clone(),
                found: subnet.zone.clone(),
            });
        }
    }
    let vpcs: Vec<(String, String)> = vpcs.into_iter().map(|(vpc, id)| (id, vpc)).collect();
    if vpcs.len() > 1 {
        found.push(Misfit::Vpcs(vpcs.clone()));
    }
    vpcs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::group::changes;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn config() -> Value {
        json!({
            "region": "eu-west-1",
            "strategy": {"persistence": {"shouldPersistRootDevice": true}},
            "compute": {
                "availabilityZones": [{"name": "eu-west-1a", "subnetIds": ["s-a"]}, {"name": "eu-west-1b", "subnetIds": ["s-b"]}],
                "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large", "m5a.large"]},
                "launchSpecification": {
                    "imageId": "ami-1", "securityGroupIds": ["sg-1"], "keyPair": "ops",
                    "iamRole": {"arn": "arn:aws:iam::1:instance-profile/team/zk"},
                    "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "9"}}],
                },
            },
        })
    }

    fn whole_question() -> Question {
        Question::of(&map(&config()), &changes(&map(&config()), &Map::new()))
    }

    fn fitting() -> Surroundings {
        let subnet = |id: &str, zone: &str| Subnet {
            id: id.to_owned(),
            zone: zone.to_owned(),
            vpc: "vpc-1".to_owned(),
            free_addresses: 1,
        };
        let group = |id: &str, vpc: &str| SecurityGroup {
            id: id.to_owned(),
            name: "x".to_owned(),
            vpc: vpc.to_owned(),
        };
        let kinds = || vec!["x86_64".to_owned()];
        Surroundings {
            images: Sight::Unknown("look".to_owned()),
            architectures: Sight::Seen(BTreeMap::from([
                ("m5.large".to_owned(), kinds()),
                ("m5a.large".to_owned(), kinds()),
            ])),
            subnets: Sight::Seen(vec![subnet("s-a", "eu-west-1a"), subnet("s-b", "eu-west-1b")]),
            security_groups: Sight::Seen(vec![group("sg-1", "vpc-1"), group("sg-2", "vpc-2")]),
            key_pair: Sight::Seen(true),
            instance_profile: Sight::Seen(Some(
                "arn:aws:iam::1:instance-profile/team/zk".to_owned(),
            )),
        }
    }

    #[test]
    fn everything_that_is_named_is_asked_about_and_only_what_changes() {
        let all = whole_question();
        assert_eq!(all.types, ["m5.large", "m5a.large"]);
        assert_eq!(all.subnets.len(), 2);
        assert_eq!(all.profile_name(), Some("zk"));
        let images = all.images.unwrap();
        assert!(images.persists_root && images.devices == [("/dev/xvda".to_owned(), Some(9))]);
        let described = map(&json!({"description": "x"}));
        let none = Question::of(&map(&config()), &changes(&described, &Map::new()));
        assert!(none.is_empty(), "{none:?}");
        let mut texts = config();
        texts["strategy"]["persistence"]["shouldPersistRootDevice"] = json!("True");
        let texts = Question::of(&map(&texts), &changes(&map(&texts), &Map::new()));
        assert!(texts.images.unwrap().persists_root);
        let key = map(&json!({"compute": {"launchSpecification": {"keyPair": "ops"}}}));
        let key = Question::of(&map(&config()), &changes(&key, &Map::new()));
        assert_eq!(key.key_pair.as_deref(), Some("ops"));
        assert!(key.images.is_none() && key.subnets.is_empty());
    }

    #[test]
    fn what_fits_is_left_alone_and_what_is_not_told_is_named() {
        let question = whole_question();
        assert_eq!(misfits(&question, &fitting()), []);
        assert_eq!(fitting().unknowns(), ["not checked: the machine image; cannot look"]);
        assert_eq!(misfits(&question, &Surroundings::default()), []);
    }

    #[test]
    fn each_misfit_is_told_by_its_name() {
        let tell = |around: &Surroundings, question: &Question| {
            let all = misfits(question, around);
            all.iter().map(|it| it.words("eu-west-1")).collect::<Vec<_>>().join("; ")
        };
        let mut around = fitting();
        around.subnets = Sight::Seen(vec![]);
        around.security_groups = Sight::Seen(vec![]);
        around.key_pair = Sight::Seen(false);
        around.instance_profile = Sight::Seen(None);
        let words = tell(&around, &whole_question());
        for name in ["subnet s-a is not", "group sg-1", "pair ops", "team/zk is not"] {
            assert!(words.contains(name), "{name}: {words}");
        }
        let mut question = whole_question();
        question.subnets[0].1 = Some("eu-west-1b".to_owned());
        question.zones = vec!["eu-west-2a".to_owned()];
        question.security_groups.push("sg-2".to_owned());
        question.instance_profile = Some("arn:aws:iam::1:role/zk".to_owned());
        let words = tell(&fitting(), &question);
        for name in [
            "s-a is in eu-west-1a and stated in eu-west-1b",
            "zone eu-west-2a is none of eu-west-1",
            "sg-2 is of vpc-2, and the subnets are of vpc-1",
            "is arn:aws:iam::1:role/zk, and the instance profile of that name is",
        ] {
            assert!(words.contains(name), "{name}: {words}");
        }
        let mut around = fitting();
        if let Sight::Seen(subnets) = &mut around.subnets {
            subnets[1].vpc = "vpc-2".to_owned();
        }
        let words = tell(&around, &whole_question());
        assert!(words.contains("several VPCs (s-a of vpc-1, s-b of vpc-2)"), "{words}");
    }
}
