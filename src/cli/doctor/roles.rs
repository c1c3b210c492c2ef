//! Whether IAM has the roles that Spot needs, and whether they let it in.

use super::Check;
use crate::drive::{Ec2Access, Ec2Error, RoleReader};
use crate::plan::account::{
    Link, RoleArn, RoleSeen, StoredExternalId, TrustProblem, trust_problem,
};

/// What EC2 launches Spot instances by.
const LINKED: &str = "AWSServiceRoleForEC2Spot";

/// Looks at the roles of IAM, if there are AWS credentials. `links` are the accounts, `kept` the external id that is kept, `named` a
/// role that the user named.
pub(super) fn checks(
    access: &Ec2Access,
    links: &[Link],
    kept: Option<&StoredExternalId>,
    named: Option<&str>,
) -> Vec<Check> {
    let reader = match RoleReader::connect(access) {
        Ok(reader) => reader,
        // Of credentials another line tells.
        Err(_) => return Vec::new(),
    };
    let mut checks = vec![linked(&reader)];
    for link in links {
        let own = kept.filter(|kept| kept.account_id == link.account.as_str());
        let told = match &link.role {
            RoleSeen::Role(arn) => Some(arn.clone()),
            RoleSeen::Nothing | RoleSeen::Untold => None,
        };
        let Some(role) = named.map(str::to_owned).or(told) else { continue };
        checks.push(trust(&reader, link, &role, own));
    }
    checks
}

fn linked(reader: &RoleReader) -> Check {
    const NAME: &str = "EC2 Spot role";
    match reader.role(LINKED) {
        Ok(Some(_)) => Check::ok(NAME, format!("{LINKED} is there")),
        Ok(None) => Check::warn(
            NAME,
            format!("{LINKED} is not there: no Spot instance can be launched in this AWS account"),
            "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com, or spotinst.esg.onboard",
        ),
        Err(error) => untold(NAME, LINKED, &error),
    }
}

fn trust(reader: &RoleReader, link: &Link, role: &str, kept: Option<&StoredExternalId>) -> Check {
    const NAME: &str = "role trust";
    const ADVICE: &str = "spotinst.esg.onboard mends a role of its own making; by hand, have a new external id by \
                          spot_aws_connection (state: prepared, renew: true) and let the trust of the role ask for it";
    const OWN_CONDITION: &str = "see that the vendor's requests meet the condition; spotinst.esg.onboard leaves it as it is";
    let account = &link.account;
    let name = role.rsplit('/').next().unwrap_or(role);
    if let (Some(arn), Some(own)) = (RoleArn::parse(role), reader.account())
        && arn.account() != own
    {
        let found =
            format!("{account}: {role} is of another AWS account than these credentials ({own})");
        return Check::ok(NAME, found);
    }
    let found = match reader.role(name) {
        Ok(found) => found,
        Err(error) => return untold(NAME, role, &error),
    };
    let Some(found) = found else {
        return Check::warn(NAME, format!("{account}: {role} is not there"), ADVICE);
    };
    let external_id = kept.map(|kept| kept.external_id.as_str());
    match trust_problem(&found.trust, external_id) {
        None => {
            let id = if external_id.is_some() {
                "the external id that is kept"
            } else {
                "an external id"
            };
            Check::ok(NAME, format!("{account}: {} lets the vendor in by {id}", found.arn))
        }
        Some(problem) => {
            let advice = match problem {
                TrustProblem::NotUnderstood { .. } => OWN_CONDITION,
                TrustProblem::NotTrusted
                | TrustProblem::Denied
                | TrustProblem::OtherExternalId
                | TrustProblem::NoExternalId => ADVICE,
            };
            Check::warn(NAME, format!("{account}: {}: {problem}", found.arn), advice)
        }
    }
}

/// It may well be there.
fn untold(check: &'static str, role: &str, error: &Ec2Error) -> Check {
    Check::ok(check, format!("{role}: not to be told: {error}"))
}
