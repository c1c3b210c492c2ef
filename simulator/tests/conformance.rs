//! Every simulated route's answers, held against the vendor's published description.
//!
//! Where the two differ on purpose, the difference is listed below with its reason; an exception that no answer needs any
//! more fails the test, so that the list cannot rot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use spot_sim::{ClockMode, Fleet, ROUTES, Request, World};

/// Routes that exist though the description does not have them.
const UNDESCRIBED: &[(&str, &str)] = &[
    (
        "GET /setup/account/{accountId}",
        "the vendor's Go SDK and its Terraform provider read single accounts here",
    ),
    (
        "GET /setup/credentials/aws",
        "the vendor's Go SDK and its Terraform provider read an account's role here",
    ),
    (
        "PUT /setup/user/{userId}/policyMapping",
        "the vendor's Go SDK and its Terraform provider change a user's policies here",
    ),
];

const ROLE: &str = "arn:aws:iam::123456789012:role/SpotRole";

/// Items that the description nests under a key and the vendor's clients read flat: route, key, reason. Their content is
/// held against the description all the same.
const FLAT: &[(&str, &str, &str)] = &[
    (
        "POST /aws/ec2/group",
        "group",
        "the description repeats the body of the request; clients read the item as a bare group",
    ),
    (
        "PUT /aws/ec2/group/{groupId}",
        "group",
        "the description repeats the body of the request; clients read the item as a bare group",
    ),
    (
        "PUT /aws/ec2/group/{groupId}/capacity",
        "capacity",
        "the description repeats the body of the request; `shapes.wrap_capacity` answers that way",
    ),
    (
        "GET /aws/ec2/managedInstance",
        "config",
        "the vendor's Go SDK reads the item flat; `shapes.managed_as_described` answers as described",
    ),
    (
        "GET /aws/ec2/managedInstance/{MI_ID}",
        "managedInstance",
        "the vendor's Go SDK reads the item flat; `shapes.managed_as_described` answers as described",
    ),
];

/// Places in answers where the description is wrong: route, place in the answer (array indices as `*`), reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "GET /aws/ec2/group",
        "/response/items/*/compute/availabilityZones",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group",
        "/response/items/*/compute/instanceTypes/spot",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group",
        "/response/items/*/compute/launchSpecification/securityGroupIds",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/availabilityZones",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/instanceTypes/spot",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/launchSpecification/securityGroupIds",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/launchSpecification/tags",
        "the example value was taken for the type; clients of the vendor read and write a list here",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/launchSpecification/imageId",
        "described as a boolean whose example is an image id",
    ),
    (
        "GET /aws/ec2/group/{groupId}",
        "/response/items/*/compute/product",
        "described as an object whose example is a string",
    ),
    (
        "GET /aws/ec2/group/{groupId}/status",
        "/response/items/*/spotInstanceRequestId",
        "null for an on-demand instance, as in the description's own example",
    ),
    (
        "GET /aws/ec2/group/{groupId}/suspension",
        "/response/items/*/processes",
        "described as a string whose example is a list; recorded as a list by the vendor's Python client fixtures",
    ),
    (
        "POST /aws/ec2/group/{groupId}/amiBackup",
        "/response/items/*",
        "described as objects whose example is true",
    ),
    (
        "PUT /aws/ec2/group/{groupId}",
        "/response/items/*/group/strategy/persistence",
        "described as a list; the vendor's SDKs and help pages have an object. `shapes.persistence: array` answers as described",
    ),
    (
        "GET /aws/ec2/managedInstance/{MI_ID}",
        "/response/items/*",
        "the description wants an object and a list at once: nothing can satisfy it",
    ),
    (
        "GET /setup/user/{userId}",
        "/response/items",
        "the description wants an object and a list at once: nothing can satisfy it",
    ),
];

/// Requests that reach every route, in an order in which all succeed on the demo fleet.
fn requests() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("GET", "/aws/ec2/group?accountId=act-demo0001", Value::Null),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c", Value::Null),
        ("GET", "/aws/ec2/group/sig-4b6d8fa1", Value::Null),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/status", Value::Null),
        ("GET", "/aws/ec2/group/sig-4b6d8fa1/status", Value::Null),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/instanceHealthiness", Value::Null),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/statefulInstance", Value::Null),
        ("GET", "/aws/ec2/group/sig-3a5c7e90/statefulInstance", Value::Null),
        ("GET", "/aws/ec2/group/sig-4b6d8fa1/statefulInstance", Value::Null),
        ("GET", "/aws/ec2/group/sig-3a5c7e90/suspension", Value::Null),
        (
            "POST",
            "/aws/ec2/group/sig-1f0a5b3c/suspension",
            json!({"processes": ["SCHEDULING"], "suspensions": [{"name": "AUTO_HEALING", "ttlInMinutes": 5}]}),
        ),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/suspension", Value::Null),
        ("DELETE", "/aws/ec2/group/sig-1f0a5b3c/suspension", json!({"processes": ["SCHEDULING"]})),
        ("PUT", "/aws/ec2/group/sig-1f0a5b3c", json!({"group": {"description": "brokers"}})),
        ("PUT", "/aws/ec2/group/sig-3a5c7e90/capacity", json!({"capacity": {"target": 2}})),
        ("PUT", "/aws/ec2/group/sig-3a5c7e90/statefulInstance/ssi-3e5a0003/resume", Value::Null),
        ("POST", "/aws/ec2/instance/i-0a1b2c3d4e5f60001/lock?ttlInMinutes=5", Value::Null),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/status", Value::Null),
        ("POST", "/aws/ec2/instance/i-0a1b2c3d4e5f60001/unlock", Value::Null),
        ("GET", "/aws/ec2/instance/i-0a1b2c3d4e5f60001", Value::Null),
        (
            "POST",
            "/aws/ec2/instance/interruption",
            json!({"instancesToInterrupt": ["i-0a1b2c3d4e5f60003"]}),
        ),
        ("PUT", "/aws/ec2/group/sig-1f0a5b3c/statefulInstance/ssi-5e1f0001/recycle", Value::Null),
        ("PUT", "/aws/ec2/group/sig-1f0a5b3c/statefulInstance/ssi-5e1f0002/pause", Value::Null),
        (
            "PUT",
            "/aws/ec2/group/sig-2c4d6e8f/statefulInstance/ssi-2b0c0003/deallocate",
            Value::Null,
        ),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/statefulInstance", Value::Null),
        (
            "DELETE",
            "/aws/ec2/group/sig-3a5c7e90/statefulInstance/{paused}/volume/{volume}",
            Value::Null,
        ),
        ("GET", "/aws/ec2/group/sig-1f0a5b3c/logs?fromDate=0&toDate=9000000000000", Value::Null),
        ("GET", "/aws/ec2/group/sig-4b6d8fa1/events?fromDate=2026-01-01", Value::Null),
        (
            "PUT",
            "/aws/ec2/group/sig-4b6d8fa1/roll",
            json!({"batchSizePercentage": 50, "gracePeriod": 300}),
        ),
        ("GET", "/aws/ec2/group/sig-4b6d8fa1/roll?limit=5", Value::Null),
        ("POST", "/aws/ec2/group/sig-4b6d8fa1/amiBackup", Value::Null),
        ("GET", "/aws/ec2/managedInstance", Value::Null),
        ("GET", "/aws/ec2/managedInstance/smi-7d9e0f12", Value::Null),
        ("GET", "/aws/ec2/managedInstance/smi-7d9e0f12/status", Value::Null),
        ("PUT", "/aws/ec2/managedInstance/smi-7d9e0f12/recycle", Value::Null),
        ("PUT", "/aws/ec2/managedInstance/smi-7d9e0f12/pause{later}", Value::Null),
        ("DELETE", "/aws/ec2/managedInstance/smi-7d9e0f12/volume/vol-7d9e0f12{later}", Value::Null),
        ("PUT", "/aws/ec2/managedInstance/smi-7d9e0f12/resume", Value::Null),
        (
            "DELETE",
            "/aws/ec2/managedInstance/smi-7d9e0f12{later}",
            json!({"deallocationConfig": {"shouldTerminateInstance": true}}),
        ),
        ("POST", "/aws/ec2/group?accountId=act-demo0001", new_group()),
        ("DELETE", "/aws/ec2/group/sig-4b6d8fa1", Value::Null),
        ("GET", "/setup/account", Value::Null),
        ("GET", "/setup/account/act-demo0001", Value::Null),
        ("POST", "/setup/account", json!({"account": {"name": "made"}})),
        ("PUT", "/setup/account/{made}", json!({"account": {"name": "made again"}})),
        ("POST", "/setup/credentials/aws/externalId?accountId=act-demo0001", Value::Null),
        (
            "POST",
            "/setup/credentials/aws?accountId=act-demo0001",
            json!({"credentials": {"iamRole": ROLE}}),
        ),
        ("GET", "/setup/credentials/aws?accountId=act-demo0001", Value::Null),
        (
            "POST",
            "/setup/user/programmatic",
            json!({"name": "robot", "accounts": [{"id": "act-demo0001", "role": "viewer"}]}),
        ),
        ("GET", "/setup/organization/user", Value::Null),
        ("GET", "/setup/organization/policy", Value::Null),
        ("GET", "/setup/user/{robot}", Value::Null),
        (
            "PUT",
            "/setup/user/{robot}/policyMapping",
            json!({"policies": [{"policyId": "pol-22222222", "accountIds": ["*"]}]}),
        ),
        ("DELETE", "/setup/user/{robot}", Value::Null),
        ("DELETE", "/setup/account/{made}", Value::Null),
    ]
}

/// A group with one of most things.
fn new_group() -> Value {
    json!({"group": {
        "name": "made", "description": "by a test", "region": "us-east-1",
        "capacity": {"minimum": 0, "target": 1, "maximum": 5, "unit": "instance"},
        "strategy": {"risk": 100, "availabilityVsCost": "balanced", "drainingTimeout": 120,
            "signals": [{"name": "INSTANCE_READY", "timeout": 600}]},
        "compute": {
            "product": "Linux/UNIX (Amazon VPC)",
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]},
            "availabilityZones": [{"name": "us-east-1a", "subnetIds": ["subnet-1"]}],
            "launchSpecification": {
                "imageId": "ami-1", "securityGroupIds": ["sg-1"], "monitoring": false, "userData": "ZWNobw==",
                "tags": [{"tagKey": "Name", "tagValue": "made"}],
                "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 10, "volumeType": "gp3"}}],
            },
        },
    }})
}

struct Deviation {
    route: String,
    place: String,
    problem: String,
}

#[test]
fn every_answer_is_as_described_or_a_listed_exception() {
    let Some(description) = description() else { return };
    let fleet = Fleet::demo().with_clock(Some(ClockMode::Virtual), None);
    let mut world = World::new(&fleet);
    let (mut reached, mut deviations) = (BTreeSet::new(), Vec::new());
    let mut now = fleet.clock().start;
    let trust =
        json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}});
    world.learn_role(ROLE, Some(trust), now);
    for (method, target, body) in requests() {
        let target = filled(&mut world, target, &mut now);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let outcome = world.handle(&request(method, path, query, &body), now);
        let seed = fleet.seed();
        assert_eq!(outcome.status, 200, "{method} {target}: {} (seed {seed})", outcome.json());
        let template = template(method, path);
        let route = format!("{method} {template}");
        reached.insert(route.clone());
        if UNDESCRIBED.iter().any(|(undescribed, _)| *undescribed == route) {
            continue;
        }
        let schema = schema(&description, method, template);
        deviations.extend(validated(&route, &schema, &nested(&route, outcome.json())));
    }
    let all: BTreeSet<String> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.template)).collect();
    assert_eq!(reached, all, "a route without a request here, or the other way round");
    judge(&deviations);
}

#[test]
fn undescribed_routes_are_really_undescribed() {
    let Some(description) = description() else { return };
    for (route, reason) in UNDESCRIBED {
        let (method, template) = route.split_once(' ').expect("method and template");
        let found = &description["paths"][template][method.to_lowercase()];
        assert!(
            found.is_null(),
            "{route} is described by now; it was an exception because {reason}"
        );
    }
}

/// Fails on deviations that are not listed, and on listed ones that are not needed.
fn judge(deviations: &[Deviation]) {
    let mut unlisted = BTreeMap::new();
    let mut needed = BTreeSet::new();
    for one in deviations {
        let listed = EXCEPTIONS
            .iter()
            .position(|(route, place, _)| *route == one.route && *place == one.place);
        match listed {
            Some(index) => {
                needed.insert(index);
            }
            None => {
                unlisted.insert((&one.route, &one.place), &one.problem);
            }
        }
    }
    let unlisted: Vec<String> = unlisted
        .iter()
        .map(|((route, place), problem)| format!("{route} at {place}: {problem}"))
        .collect();
    assert!(unlisted.is_empty(), "not as described:\n{}", unlisted.join("\n"));
    for (index, (route, place, reason)) in EXCEPTIONS.iter().enumerate() {
        assert!(needed.contains(&index), "needless exception: {route} at {place} ({reason})");
    }
}

/// The vendor's description; without it the test fails under CI and says so elsewhere.
fn description() -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("shared/spec/spot-openapi-subset.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the description is JSON")),
        Err(error) => {
            #[expect(clippy::disallowed_methods, reason = "the one question to the environment")]
            let ci = std::env::var_os("CI").is_some();
            assert!(!ci, "{} cannot be read: {error}", file.display());
            #[expect(
                clippy::print_stdout,
                reason = "whoever runs the test must see that it did not"
            )]
            {
                println!("skipped: {} cannot be read: {error}", file.display());
            }
            None
        }
    }
}

fn request(method: &str, path: &str, query: &str, body: &Value) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("authorization".to_owned(), "Bearer demo-token".to_owned())],
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    }
}

/// A paused instance of the Elasticsearch group with one of its volumes, in place of `{paused}` and `{volume}`.
fn filled(world: &mut World, target: &str, now: &mut Timestamp) -> String {
    // An hour later, when what was underway is over.
    if let Some(target) = target.strip_suffix("{later}") {
        *now = now.checked_add(SignedDuration::from_secs(3600)).expect("an instant");
        return target.to_owned();
    }
    let mut newest = |list: &str, key: &str| {
        let items = world.handle(&request("GET", list, "", &Value::Null), *now).json();
        let items = items["response"]["items"].as_array().cloned().unwrap_or_default();
        items.last().and_then(|item| item[key].as_str()).expect("an item").to_owned()
    };
    if target.contains("{made}") {
        return target.replace("{made}", &newest("/setup/account", "accountId"));
    }
    if target.contains("{robot}") {
        return target.replace("{robot}", &newest("/setup/organization/user", "userId"));
    }
    if !target.contains("{paused}") {
        return target.to_owned();
    }
    let list = "/aws/ec2/group/sig-3a5c7e90/statefulInstance";
    let pause = format!("{list}/ssi-3e5a0001/pause");
    world.handle(&request("PUT", &pause, "", &Value::Null), *now);
    *now = now.checked_add(SignedDuration::from_secs(3600)).expect("an instant");
    let items = world.handle(&request("GET", list, "", &Value::Null), *now).json();
    let volume =
        items["response"]["items"][0]["devices"][0]["volumeId"].as_str().expect("a volume");
    target.replace("{paused}", "ssi-3e5a0001").replace("{volume}", volume)
}

fn template(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(a, b)| a.starts_with('{') || a == b)
    };
    let found = ROUTES.iter().find(|route| route.method == method && fits(route.template));
    found.unwrap_or_else(|| panic!("{method} {path} is no route")).template
}

fn schema(description: &Value, method: &str, template: &str) -> Value {
    let operation = &description["paths"][template][method.to_lowercase()];
    let content = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(content.is_object(), "{method} {template} is not described");
    let mut schema = content.clone();
    translate(&mut schema);
    schema
}

/// From the dialect of OpenAPI 3.0 to JSON Schema: `nullable` becomes a type.
fn translate(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.remove("nullable") == Some(json!(true))
                && let Some(kind) = fields.get_mut("type")
            {
                *kind = json!([kind.take(), "null"]);
            }
            // The description writes several examples of one shape as a choice; the first stands for all, as errors in a
            // choice would have no place.
            if let Some(Value::Array(choice)) = fields.remove("anyOf")
                && let Some(Value::Object(first)) = choice.into_iter().next()
            {
                fields.extend(first);
            }
            // Examples may hold anything, also what looks like a schema.
            fields.remove("example");
            fields.values_mut().for_each(translate);
        }
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The answer with its items nested as the description wants them.
fn nested(route: &str, mut answer: Value) -> Value {
    let Some((_, key, _)) = FLAT.iter().find(|(flat, _, _)| *flat == route) else { return answer };
    let items = answer.pointer_mut("/response/items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let inner = item.take();
        *item = match *key {
            "managedInstance" => json!([{"managedInstance": inner}]),
            key => json!({key: inner}),
        };
    }
    answer
}

fn validated(route: &str, schema: &Value, answer: &Value) -> Vec<Deviation> {
    let validator = jsonschema::draft4::new(schema).expect("a schema");
    let errors = validator.iter_errors(answer).map(|error| {
        let place = error.instance_path().to_string();
        let place: Vec<&str> = place
            .split('/')
            .map(|part| if part.parse::<usize>().is_ok() { "*" } else { part })
            .collect();
        Deviation { route: route.to_owned(), place: place.join("/"), problem: error.to_string() }
    });
    errors.collect()
}
