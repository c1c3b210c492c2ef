//! EC2's status checks.

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{InstanceStatus, InstanceStatusSummary, SummaryStatus};

use super::AwsError;
use super::ec2::Ec2;
use crate::domain::{InstanceHealth, InstanceId, Region, StatusCheck};

/// What EC2 answers of an instance that it does not know, or not yet everywhere.
const UNKNOWN_INSTANCE: &str = "InvalidInstanceID.NotFound";

/// What is attempted, for messages.
pub(super) fn attempt(region: &Region, id: &InstanceId) -> String {
    format!("read the status checks of instance {id} in region {region}")
}

/// The checks of one instance, running or not; none if EC2 does not know it.
pub(super) async fn of(ec2: Ec2, id: &InstanceId) -> Result<Option<InstanceHealth>, AwsError> {
    let call = ec2.call(attempt(&ec2.region, id), "ec2:DescribeInstanceStatus");
    let asked = ec2.client.describe_instance_status().instance_ids(id.as_str());
    let reply = match asked.include_all_instances(true).send().await {
        Ok(reply) => reply,
        Err(error) if error.code() == Some(UNKNOWN_INSTANCE) => return Ok(None),
        Err(error) => return Err(call.failure(error)),
    };
    let all = reply.instance_statuses.unwrap_or_default().into_iter();
    // A server that answers of another one has said nothing of this one.
    Ok(all.map(health).find(|health| health.id == *id))
}

fn health(told: InstanceStatus) -> InstanceHealth {
    let summary = |it: Option<InstanceStatusSummary>| it?.status.as_ref().map(check);
    InstanceHealth {
        id: InstanceId::new(told.instance_id.unwrap_or_default()),
        state: told.instance_state.and_then(|it| it.name).map(|name| name.as_str().to_owned()),
        system: summary(told.system_status),
        instance: summary(told.instance_status),
        volumes: told
            .attached_ebs_status
            .and_then(|it| it.status)
            .map(|status| StatusCheck::parse(status.as_str())),
    }
}

fn check(status: &SummaryStatus) -> StatusCheck {
    StatusCheck::parse(status.as_str())
}
