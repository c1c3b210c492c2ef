//! Subnets and launch templates in moto.

use super::support::moto;

const IMAGE: &str = "ami-12c6146b";
const REGION: &str = "eu-west-1";

/// One call of EC2, and the texts of the elements of a name in its answer.
pub(crate) fn asked(fields: &[(&str, &str)], element: &str) -> Vec<String> {
    let fields: Vec<_> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let reply = moto::shared().ec2(REGION, &fields);
    moto::elements(&reply, element).map(str::to_owned).collect()
}

/// A VPC of its own with subnets in these zones.
pub(crate) fn subnets(zones: &[&str]) -> Vec<String> {
    let vpc = asked(&[("Action", "CreateVpc"), ("CidrBlock", "10.9.0.0/16")], "vpcId").remove(0);
    let subnet = |(number, zone): (usize, &&str)| {
        let block = format!("10.9.{number}.0/24");
        let fields = [
            ("Action", "CreateSubnet"),
            ("VpcId", vpc.as_str()),
            ("CidrBlock", &block),
            ("AvailabilityZone", zone),
        ];
        asked(&fields, "subnetId").remove(0)
    };
    zones.iter().enumerate().map(subnet).collect()
}

/// A launch template of two versions, of which the second is the newest and the first the default; its id.
pub(crate) fn template(name: &str) -> String {
    let id = asked(
        &[
            ("Action", "CreateLaunchTemplate"),
            ("LaunchTemplateName", name),
            ("LaunchTemplateData.ImageId", IMAGE),
        ],
        "launchTemplateId",
    )
    .remove(0);
    let fields = [
        ("Action", "CreateLaunchTemplateVersion"),
        ("LaunchTemplateId", id.as_str()),
        ("LaunchTemplateData.ImageId", IMAGE),
    ];
    asked(&fields, "launchTemplateId");
    id
}
