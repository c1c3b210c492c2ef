//! Launching and ending machines, and what must be there beforehand.

use std::collections::BTreeMap;

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    IamInstanceProfileSpecification, InstanceMarketOptionsRequest, InstanceType,
    LaunchTemplateSpecification, LaunchTemplateVersion, MarketType, Placement, ResourceType,
    SpotInstanceType, SpotMarketOptions, Tag, TagSpecification,
};

use super::ec2::{Ec2, filter, text};
use super::pages::Pages;
use super::{Aws, AwsError, instances};
use crate::domain::{
    Ec2Instance, ImageId, InstanceId, LaunchAnswer, LaunchOrder, Refusal, Region, Template,
    TemplateName,
};

const PAGE: i32 = 1000;
/// EC2's answer to a rehearsal of what it would do.
const REHEARSED: &str = "DryRunOperation";

impl Aws {
    /// Asks for one machine. That EC2 refuses is an answer; an error leaves open whether it was launched, and asking again with
    /// the same token then launches nothing twice.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call that EC2 did not answer.
    pub fn run_instance(
        &self,
        region: &Region,
        order: &LaunchOrder<'_>,
    ) -> Result<LaunchAnswer, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("launch a {} in {}", order.machine_type, order.zone);
        self.bounded(attempt.clone(), run(&ec2, &attempt, order))
    }

    /// Reads the instances that have all these tags and are not terminated, sorted by id. The value `*` stands for any.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn tagged_instances(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
    ) -> Result<Vec<Ec2Instance>, AwsError> {
        let ec2 = self.ec2(region);
        self.bounded(instances::attempt(region), tagged(&ec2, tags))
    }

    /// Ends machines; those of which EC2 says that there are none. It says so of one that is long gone, and of one that was launched
    /// a moment ago, and ends nothing of a call that names one: then each is asked for alone.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn terminate_instances(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<InstanceId>, AwsError> {
        let ec2 = self.ec2(region);
        let names: Vec<&str> = ids.iter().map(InstanceId::as_str).collect();
        let attempt = format!("terminate {}", names.join(", "));
        self.bounded(attempt.clone(), terminate(&ec2, &attempt, ids))
    }

    /// Asks whether EC2 would end machines, and ends none.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call: it would not, or gives no answer.
    pub fn rehearse_end(&self, region: &Region, ids: &[InstanceId]) -> Result<(), AwsError> {
        let ec2 = self.ec2(region);
        let names: Vec<&str> = ids.iter().map(InstanceId::as_str).collect();
        let attempt = format!("ask whether {} could be terminated", names.join(", "));
        self.bounded(attempt.clone(), rehearse_end(&ec2, &attempt, ids))
    }

    /// Reads a version of a launch template; none if it or its version does not exist.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn template(
        &self,
        region: &Region,
        name: &TemplateName,
    ) -> Result<Option<Template>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the launch templates of region {region}");
        self.bounded(attempt.clone(), template(&ec2, &attempt, name))
    }
}

async fn run(ec2: &Ec2, attempt: &str, order: &LaunchOrder<'_>) -> Result<LaunchAnswer, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:RunInstances");
    // Each attempt is to be told, and it is decided elsewhere what comes after it.
    let once = aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled());
    let error = match asked(ec2, order).customize().config_override(once).send().await {
        Ok(reply) => {
            let request_id = reply.request_id().map(str::to_owned);
            let instance =
                reply.instances.unwrap_or_default().into_iter().find_map(instances::facts);
            let Some(instance) = instance else {
                return Err(call.bad_reply("an answer without an instance"));
            };
            return Ok(LaunchAnswer::Launched { instance: Box::new(instance), request_id });
        }
        Err(error) => error,
    };
    let SdkError::ServiceError(service) = &error else { return Err(call.failure(error)) };
    let status = service.raw().status().as_u16();
    match service.err().meta().code() {
        Some(REHEARSED) => Ok(LaunchAnswer::WouldLaunch),
        // What goes wrong inside EC2 may go wrong after the launch; throttling refuses before it.
        Some(code) if status < 500 || code == "RequestLimitExceeded" || is_capacity(code) => {
            let message =
                call.redactor.apply(service.err().meta().message().unwrap_or("no message"));
            let request_id = error.request_id().map(str::to_owned);
            Ok(LaunchAnswer::Refused(Refusal { code: code.to_owned(), message, request_id }))
        }
        Some(_) | None => Err(call.failure(error)),
    }
}

/// EC2 tells a lack of capacity with the status of its own failures.
fn is_capacity(code: &str) -> bool {
    code.starts_with("Insufficient") || code == "MaxSpotInstanceCountExceeded"
}

fn asked(ec2: &Ec2, order: &LaunchOrder<'_>) -> RunInstancesFluentBuilder {
    let blueprint = order.blueprint;
    let groups = &blueprint.security_group_ids;
    let mut asked = ec2
        .client
        .run_instances()
        .instance_type(InstanceType::from(order.machine_type))
        .min_count(1)
        .max_count(1)
        .client_token(order.token)
        .placement(Placement::builder().availability_zone(order.zone).build())
        .set_subnet_id(order.subnet.map(str::to_owned))
        .set_image_id(blueprint.image_id.as_ref().map(ImageId::to_string))
        .set_key_name(blueprint.key_name.clone())
        .set_security_group_ids((!groups.is_empty()).then(|| groups.clone()))
        .set_user_data(blueprint.user_data.as_ref().map(aws_smithy_types::base64::encode))
        .set_iam_instance_profile(blueprint.instance_profile.as_deref().map(instance_profile))
        .set_launch_template(blueprint.template.as_ref().map(|name| {
            LaunchTemplateSpecification::builder()
                .set_launch_template_id(name.id.clone())
                .set_launch_template_name(name.name.clone().filter(|_| name.id.is_none()))
                .version(&name.version)
                .build()
        }));
    if order.is_spot {
        let options = SpotMarketOptions::builder()
            .spot_instance_type(SpotInstanceType::OneTime)
            .set_max_price(order.max_price.map(|price| price.to_string()))
            .build();
        let market = InstanceMarketOptionsRequest::builder()
            .market_type(MarketType::Spot)
            .spot_options(options)
            .build();
        asked = asked.instance_market_options(market);
    }
    let tags = blueprint.tags.iter().chain(&order.tags);
    let tags: Vec<Tag> =
        tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    for resource in [ResourceType::Instance, ResourceType::Volume] {
        let specification = TagSpecification::builder().resource_type(resource);
        asked = asked.tag_specifications(specification.set_tags(Some(tags.clone())).build());
    }
    if order.is_rehearsal { asked.dry_run(true) } else { asked }
}

fn instance_profile(named: &str) -> IamInstanceProfileSpecification {
    let profile = IamInstanceProfileSpecification::builder();
    if named.starts_with("arn:") { profile.arn(named) } else { profile.name(named) }.build()
}

async fn tagged(ec2: &Ec2, tags: &BTreeMap<String, String>) -> Result<Vec<Ec2Instance>, AwsError> {
    let call = ec2.call(instances::attempt(&ec2.region), "ec2:DescribeInstances");
    let living = ["pending", "running", "stopping", "stopped", "shutting-down"];
    let mut asked = ec2.client.describe_instances().max_results(PAGE);
    asked = asked.filters(filter("instance-state-name", living));
    for (key, value) in tags {
        asked = asked.filters(filter(&format!("tag:{key}"), [value]));
    }
    let mut pages = Pages::new(&call);
    let mut found: BTreeMap<InstanceId, Ec2Instance> = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        let reservations = page.reservations.unwrap_or_default().into_iter();
        let all = reservations.flat_map(|it| it.instances.unwrap_or_default());
        for instance in all.filter_map(instances::facts) {
            // In a filter `*` and `?` stand for other text; here a tag is what it is, but for the star that means any.
            let fits = |(key, value): (&String, &String)| {
                instance.tags.get(key).is_some_and(|has| value == "*" || has == value)
            };
            if tags.iter().all(fits) {
                found.insert(instance.id.clone(), instance);
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(found.into_values().collect());
        }
    }
}

async fn terminate(
    ec2: &Ec2,
    attempt: &str,
    ids: &[InstanceId],
) -> Result<Vec<InstanceId>, AwsError> {
    if terminated(ec2, attempt, ids).await? {
        return Ok(Vec::new());
    }
    let mut unheard = Vec::new();
    for id in ids {
        if ids.len() == 1 || !terminated(ec2, attempt, std::slice::from_ref(id)).await? {
            unheard.push(id.clone());
        }
    }
    Ok(unheard)
}

/// Whether EC2 knows them all, and ends them.
async fn terminated(ec2: &Ec2, attempt: &str, ids: &[InstanceId]) -> Result<bool, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:TerminateInstances");
    let ids = ids.iter().map(ToString::to_string).collect();
    let sent = ec2.client.terminate_instances().set_instance_ids(Some(ids)).send().await;
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => Ok(false),
        Err(error) => Err(call.failure(error)),
    }
}

async fn rehearse_end(ec2: &Ec2, attempt: &str, ids: &[InstanceId]) -> Result<(), AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:TerminateInstances");
    let ids = ids.iter().map(ToString::to_string).collect();
    let asked = ec2.client.terminate_instances().set_instance_ids(Some(ids)).dry_run(true);
    match asked.send().await {
        Ok(_) => Err(call.bad_reply("a rehearsal was answered like the end itself")),
        // One that is not known yet, or no more, is found out about when it is to be ended.
        Err(error)
            if [REHEARSED, "InvalidInstanceID.NotFound"].map(Some).contains(&error.code()) =>
        {
            Ok(())
        }
        Err(error) => Err(call.failure(error)),
    }
}

async fn template(
    ec2: &Ec2,
    attempt: &str,
    name: &TemplateName,
) -> Result<Option<Template>, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:DescribeLaunchTemplateVersions");
    let sent = ec2
        .client
        .describe_launch_template_versions()
        .set_launch_template_id(name.id.clone())
        .set_launch_template_name(name.name.clone().filter(|_| name.id.is_none()))
        .versions(&name.version)
        .send()
        .await;
    let reply = match sent {
        Ok(reply) => reply,
        Err(error) if error.code().is_some_and(|it| it.starts_with("InvalidLaunchTemplate")) => {
            return Ok(None);
        }
        Err(error) => return Err(call.failure(error)),
    };
    let found = reply.launch_template_versions.unwrap_or_default().into_iter().next();
    Ok(found.and_then(facts))
}

fn facts(version: LaunchTemplateVersion) -> Option<Template> {
    let data = version.launch_template_data;
    let image = data.as_ref().and_then(|it| text(it.image_id.clone()));
    // `resolve:ssm:…` is resolved when it is launched.
    let image = image.filter(|image| image.starts_with("ami-"));
    Some(Template {
        id: text(version.launch_template_id)?,
        version: version.version_number?,
        image: image.map(ImageId::new),
        sets_market: data.as_ref().is_some_and(|it| it.instance_market_options.is_some()),
        has_interfaces: data
            .and_then(|it| it.network_interfaces)
            .is_some_and(|all| !all.is_empty()),
    })
}
