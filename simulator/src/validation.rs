//! What the vendor refuses of a group's configuration, in the wording of its validation library.
//!
//! The rules are those of its description, its help pages and its clients; that all of them are checked in one go before
//! anything is made is an assumption.

use serde_json::Value;

use crate::envelope::Refusal;

/// What a new group must name (openapi: `required` of `paths./aws/ec2/group.post`).
const REQUIRED: &[&str] = &[
    "name",
    "region",
    "capacity",
    "capacity.target",
    "capacity.minimum",
    "capacity.maximum",
    "capacity.unit",
    "strategy",
    "strategy.availabilityVsCost",
    "compute",
    "compute.product",
    "compute.launchSpecification",
    "compute.launchSpecification.securityGroupIds",
    "compute.launchSpecification.monitoring",
];

/// What only the vendor writes.
const READ_ONLY: &[&str] = &["id", "createdAt", "updatedAt"];

/// Fields with a closed set of values.
const CHOICES: &[(&str, &[&str])] = &[
    ("capacity.unit", &["instance", "weight"]),
    (
        "strategy.availabilityVsCost",
        &["costOriented", "availabilityOriented", "balanced", "cheapest", "equalAzDistribution"],
    ),
    ("strategy.revertToSpot.performAt", &["never", "always", "timeWindow"]),
    ("strategy.persistence.blockDevicesMode", &["reattach", "onLaunch"]),
    ("strategy.scalingStrategy.terminationPolicy", &["default", "newestInstance"]),
    (
        "compute.launchSpecification.healthCheckType",
        &[
            "ELB",
            "HCS",
            "TARGET_GROUP",
            "ECS_CLUSTER_INSTANCE",
            "EC2",
            "OPSWORKS",
            "K8S_NODE",
            "NOMAD_NODE",
            "CUSTOM",
        ],
    ),
    ("compute.launchSpecification.metadataOptions.httpTokens", &["optional", "required"]),
    ("compute.launchSpecification.creditSpecification.cpuCredits", &["unlimited", "standard"]),
];

/// Whole numbers with bounds.
const BOUNDS: &[(&str, u64, u64)] = &[
    ("strategy.risk", 0, 100),
    ("strategy.onDemandCount", 0, u64::MAX),
    ("strategy.drainingTimeout", 0, 3600),
    ("strategy.maxReplacementsPercentage", 0, 100),
    ("compute.launchSpecification.healthCheckGracePeriod", 0, u64::MAX),
    ("compute.launchSpecification.metadataOptions.httpPutResponseHopLimit", 1, 64),
];

/// Lists, each of texts or of objects.
const LISTS: &[(&str, bool)] = &[
    ("compute.availabilityZones", false),
    ("compute.subnetIds", true),
    ("compute.elasticIps", true),
    ("compute.privateIps", true),
    ("compute.preferredAvailabilityZones", true),
    ("compute.instanceTypes.spot", true),
    ("compute.instanceTypes.onDemandTypes", true),
    ("compute.instanceTypes.preferredSpot", true),
    ("compute.instanceTypes.weights", false),
    ("compute.launchSpecification.securityGroupIds", true),
    ("compute.launchSpecification.images", false),
    ("compute.launchSpecification.tags", false),
    ("compute.launchSpecification.blockDeviceMappings", false),
    ("compute.launchSpecification.networkInterfaces", false),
    ("scheduling.tasks", false),
    ("strategy.signals", false),
];

fn at<'v>(config: &'v Value, path: &str) -> &'v Value {
    config.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null)
}

fn refuse(path: &str, problem: &str) -> Refusal {
    let name = path.rsplit('.').next().unwrap_or(path);
    Refusal::invalid(&format!("body:group.{path}"), format!("\"{name}\" {problem}"))
}

/// What a creation must and must not name.
pub(crate) fn required(config: &Value) -> Result<(), Refusal> {
    if let Some(given) = READ_ONLY.iter().find(|key| !config[**key].is_null()) {
        return Err(refuse(given, "is not allowed"));
    }
    if let Some(missing) = REQUIRED.iter().find(|path| at(config, path).is_null()) {
        return Err(refuse(missing, "is required"));
    }
    let compute = &config["compute"];
    if compute["availabilityZones"].is_null() && compute["subnetIds"].is_null() {
        return Err(refuse("compute.availabilityZones", "is required"));
    }
    Ok(())
}

/// What holds for any configuration, new or merged.
pub(crate) fn check(config: &Value) -> Result<(), Refusal> {
    for path in ["name", "region", "compute.product"] {
        if !at(config, path).is_string() {
            return Err(refuse(path, "must be a string"));
        }
    }
    for (path, choices) in CHOICES {
        let value = at(config, path);
        if !value.is_null() && !value.as_str().is_some_and(|text| choices.contains(&text)) {
            return Err(refuse(path, &format!("must be one of [{}]", choices.join(", "))));
        }
    }
    for (path, least, most) in BOUNDS {
        check_bounds(path, at(config, path), *least, *most)?;
    }
    for (path, of_texts) in LISTS {
        let value = at(config, path);
        let Some(items) = value.as_array() else {
            if value.is_null() {
                continue;
            }
            return Err(refuse(path, "must be an array"));
        };
        let fits = |item: &Value| if *of_texts { item.is_string() } else { item.is_object() };
        if !items.iter().all(fits) {
            let what = if *of_texts { "string" } else { "object" };
            return Err(refuse(path, &format!("must contain items of type {what}")));
        }
    }
    check_capacity(&config["capacity"])?;
    check_signals(at(config, "strategy.signals"))?;
    check_user_data(config)?;
    check_choices(config)
}

fn check_bounds(path: &str, value: &Value, least: u64, most: u64) -> Result<(), Refusal> {
    if value.is_null() {
        return Ok(());
    }
    // The vendor's Go SDK sends the risk as a float.
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    let Some(whole) = whole else { return Err(refuse(path, "must be a number")) };
    #[expect(clippy::cast_precision_loss, reason = "the bounds are small")]
    let (least_float, most_float) = (least as f64, most as f64);
    if whole < least_float {
        return Err(refuse(path, &format!("must be larger than or equal to {least}")));
    }
    if whole > most_float {
        return Err(refuse(path, &format!("must be less than or equal to {most}")));
    }
    Ok(())
}

/// The minimum, the target and the maximum, in this order.
pub(crate) fn check_capacity(capacity: &Value) -> Result<(), Refusal> {
    let number = |name: &str| {
        let field = format!("body:group.capacity.{name}");
        let refuse = || Refusal::invalid(&field, format!("\"{name}\" must be a number"));
        capacity[name].as_u64().ok_or_else(refuse)
    };
    let (minimum, target, maximum) = (number("minimum")?, number("target")?, number("maximum")?);
    if minimum > target {
        let message = format!("\"minimum\" must be less than or equal to {target}");
        return Err(Refusal::invalid("body:group.capacity.minimum", message));
    }
    if target > maximum {
        let message = format!("\"target\" must be less than or equal to {maximum}");
        return Err(Refusal::invalid("body:group.capacity.target", message));
    }
    Ok(())
}

fn check_signals(signals: &Value) -> Result<(), Refusal> {
    for (index, signal) in signals.as_array().into_iter().flatten().enumerate() {
        let known = ["INSTANCE_READY", "INSTANCE_READY_TO_SHUTDOWN"];
        if !signal["name"].as_str().is_some_and(|name| known.contains(&name)) {
            let path = format!("strategy.signals.{index}.name");
            return Err(refuse(&path, &format!("must be one of [{}]", known.join(", "))));
        }
        check_bounds(&format!("strategy.signals.{index}.timeout"), &signal["timeout"], 60, 1800)?;
    }
    Ok(())
}

/// That user data must be base64 is in the description; how the refusal is worded is invented.
fn check_user_data(config: &Value) -> Result<(), Refusal> {
    for key in ["userData", "shutdownScript"] {
        let path = format!("compute.launchSpecification.{key}");
        let value = at(config, &path);
        let is_coded = |text: &str| {
            let body = text.trim_end_matches('=');
            let coded = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
            text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.chars().all(coded)
        };
        if !value.is_null() && !value.as_str().is_some_and(is_coded) {
            return Err(refuse(&path, "must be a valid base64 string"));
        }
    }
    Ok(())
}

/// Fields that exclude each other, in the vendor's documented wording.
fn check_choices(config: &Value) -> Result<(), Refusal> {
    let compute = &config["compute"];
    let (launch, types) = (&compute["launchSpecification"], &compute["instanceTypes"]);
    let conflict = |field: &str, a: &str, b: &str| {
        let message = format!("\"value\" contains a conflict between exclusive peers [{a}, {b}]");
        Err(Refusal::invalid(field, message))
    };
    if launch["imageId"].is_string() && launch["images"].is_array() {
        return conflict("body:group.compute.launchSpecification", "imageId", "images");
    }
    if types["spot"].is_array() && types["resourceRequirements"].is_object() {
        return conflict("body:group.compute.instanceTypes", "resourceRequirements", "spot");
    }
    if types["ondemand"].is_string() && types["onDemandTypes"].is_array() {
        let message = "Cannot set both 'ondemand' and 'onDemandTypes' parameters".to_owned();
        return Err(Refusal::invalid("body:group.compute.instanceTypes", message));
    }
    if compute["availabilityZones"].is_array() && compute["subnetIds"].is_array() {
        return conflict("body:group.compute", "availabilityZones", "subnetIds");
    }
    Ok(())
}

/// Several images are for groups without state (vendor help: several images).
pub(crate) fn check_images(config: &Value) -> Result<(), Refusal> {
    let several = at(config, "compute.launchSpecification.images");
    if persists(config) && several.as_array().is_some_and(|images| images.len() > 1) {
        return Err(refuse(
            "compute.launchSpecification.images",
            "is not allowed in a stateful group",
        ));
    }
    Ok(())
}

/// Never, or only in windows, is for groups with state and for those that are oriented to availability.
pub(crate) fn check_revert(config: &Value) -> Result<(), Refusal> {
    check_images(config)?;
    let bound = matches!(
        at(config, "strategy.revertToSpot.performAt").as_str(),
        Some("never" | "timeWindow")
    );
    let available = config["strategy"]["availabilityVsCost"] == "availabilityOriented";
    if bound && !available && !persists(config) {
        return Err(refuse(
            "strategy.revertToSpot.performAt",
            "must be always, unless availabilityVsCost is availabilityOriented or something is persisted",
        ));
    }
    Ok(())
}

fn persists(config: &Value) -> bool {
    let persistence = &config["strategy"]["persistence"];
    ["shouldPersistRootDevice", "shouldPersistBlockDevices", "shouldPersistPrivateIp"]
        .iter()
        .any(|key| persistence[*key] == true)
}
