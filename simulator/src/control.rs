//! The control API: time, faults, the request log, odd data. It needs no token and counts for no limit.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::administration::AdministrationSettings;
use crate::autonomous::{Fated, Rates};
use crate::chronicle::Cause;
use crate::deployments::DeploymentStatus;
use crate::edit;
use crate::faults::FaultSpec;
use crate::iam;
use crate::images::Images;
use crate::lifecycle::{Behaviour, Latency};
use crate::limits::LimitSettings;
use crate::overview;
use crate::shapes::Shapes;
use crate::simulation::Simulation;

/// The control requests: method, path and what they do.
pub const CONTROLS: &[(&str, &str, &str)] = &[
    ("GET", "/_sim/health", "whether it runs: the seed, the virtual time, hooks underway"),
    (
        "GET",
        "/_sim/state",
        "everything that exists and is underway; what was accepted, what happened by itself, why machines went",
    ),
    (
        "GET",
        "/_sim/machines",
        "the little of it that a cluster on the machines lives by: machines, volumes, what was accepted",
    ),
    ("POST", "/_sim/reset", "start over with the same fleet; {\"seed\": N} takes another seed"),
    (
        "POST",
        "/_sim/advance",
        "{\"seconds\": N}: move the virtual clock forward; a virtual clock stands still while hooks run, and the answer comes \
         when all have ended",
    ),
    ("POST", "/_sim/seed", "{\"seed\": N}: draw ids and odds from this seed from now on"),
    ("GET", "/_sim/faults", "the faults with their counters"),
    ("POST", "/_sim/faults", "add a fault, or a list of them; answers their ids"),
    ("DELETE", "/_sim/faults", "remove all faults; {\"id\": N} removes one"),
    ("GET", "/_sim/requests", "the request log, oldest first, credentials blanked out"),
    ("DELETE", "/_sim/requests", "empty the request log"),
    (
        "POST",
        "/_sim/interrupt",
        "{\"instanceId\": \"i-…\" or \"ssi-…\"}: take the machine away, as a Spot interruption does; with \"cause\" \
         unhealthy, preventive_replacement, out_of_strategy or revert_to_spot unless that is suspended",
    ),
    (
        "POST",
        "/_sim/deployment",
        "{\"group\": id, \"status\": \"in_progress\", \"seconds\": N}: put a deployment on any group, for N seconds or \
         until another status such as \"finished\" is put",
    ),
    (
        "POST",
        "/_sim/edit",
        "{\"group\"|\"instance\"|\"managed\": id, \"set\": {path: value}, \"unset\": [path]}: shape odd data",
    ),
    (
        "POST",
        "/_sim/role",
        "{\"arn\": ARN, \"trust\": {…}}: what IAM has by that name, from now on; without \"trust\" nothing",
    ),
    (
        "POST",
        "/_sim/settings",
        "{\"administration\"|\"latency\"|\"behaviour\"|\"shapes\"|\"limits\"|\"autonomous\": {…}, \"images\": […]}: replace these parts of the fleet",
    ),
];

type Answer = Result<Value, String>;

/// Carries out a control request; answers the status and the body.
pub(crate) fn control(
    simulation: &mut Simulation,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let now = simulation.now();
    simulation.world.settle(now);
    simulation.world.begin();
    let answer = match (method, path) {
        ("GET", "/_sim/health") => Ok(json!({
            "status": "ok", "seed": simulation.world.seed(), "now": now.to_string(),
            "clock": simulation.clock.mode(),
            "hooksUnderway": simulation.world.hooks.outstanding.len(),
        })),
        ("GET", "/_sim/state") => Ok(overview::state(simulation, now)),
        ("GET", "/_sim/machines") => Ok(overview::machines(simulation)),
        ("POST", "/_sim/reset") => reset(simulation, body),
        ("POST", "/_sim/advance") => advance(simulation, body),
        ("POST", "/_sim/seed") => seed(simulation, body),
        ("GET", "/_sim/faults") => Ok(json!({"faults": simulation.world.faults.all})),
        ("POST", "/_sim/faults") => add_faults(simulation, body),
        ("DELETE", "/_sim/faults") => Ok(remove_faults(simulation, body)),
        ("GET", "/_sim/requests") => Ok(json!({"requests": simulation.world.log})),
        ("DELETE", "/_sim/requests") => {
            simulation.world.log.clear();
            Ok(json!({}))
        }
        ("POST", "/_sim/interrupt") => interrupt(simulation, body),
        ("POST", "/_sim/deployment") => deployment(simulation, body),
        ("POST", "/_sim/edit") => edit::edit(&mut simulation.world, body, now),
        ("POST", "/_sim/role") => role(simulation, body),
        ("POST", "/_sim/settings") => settings(simulation, body),
        _ => {
            let known = CONTROLS.iter().map(|(method, path, _)| format!("{method} {path}"));
            let known: Vec<String> = known.collect();
            return (404, json!({"error": format!("no control {method} {path}"), "known": known}));
        }
    };
    match answer {
        Ok(body) => (200, body),
        Err(problem) => (400, json!({"error": problem})),
    }
}

fn reset(simulation: &mut Simulation, body: &Value) -> Answer {
    if simulation.has_hooks() {
        return Err("a fleet with hooks has machines that run: start another server".to_owned());
    }
    if let Some(seed) = body["seed"].as_u64() {
        simulation.fleet = simulation.fleet.clone().with_seed(seed);
    }
    simulation.reset();
    Ok(json!({"seed": simulation.world.seed()}))
}

/// The seconds by which a clock is to be advanced.
pub(crate) fn span(body: &Value) -> Result<f64, String> {
    let seconds = body["seconds"].as_f64().filter(|seconds| *seconds >= 0.0);
    seconds.ok_or_else(|| "`seconds` must be a number, zero or more".to_owned())
}

fn advance(simulation: &mut Simulation, body: &Value) -> Answer {
    simulation.clock.advance(span(body)?);
    let now = simulation.now();
    simulation.world.settle(now);
    Ok(json!({"now": now.to_string()}))
}

fn seed(simulation: &mut Simulation, body: &Value) -> Answer {
    let seed = body["seed"].as_u64().ok_or("`seed` must be a whole number, zero or more")?;
    simulation.world.reseed(seed);
    Ok(json!({"seed": seed}))
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn add_faults(simulation: &mut Simulation, body: &Value) -> Answer {
    let specs: Vec<FaultSpec> = match body {
        Value::Array(_) => parsed(body)?,
        one => vec![parsed(one)?],
    };
    if let Some(objection) = specs.iter().find_map(FaultSpec::objection) {
        return Err(objection);
    }
    let faults = &mut simulation.world.faults;
    let ids: Vec<u64> = specs.into_iter().map(|spec| faults.add(spec)).collect();
    Ok(json!({"id": ids.first(), "ids": ids}))
}

fn remove_faults(simulation: &mut Simulation, body: &Value) -> Value {
    let faults = &mut simulation.world.faults.all;
    let before = faults.len();
    match body["id"].as_u64() {
        Some(id) => faults.retain(|fault| fault.id != id),
        None => faults.clear(),
    }
    json!({"removed": before - faults.len()})
}

fn interrupt(simulation: &mut Simulation, body: &Value) -> Answer {
    let id = body["instanceId"].as_str().ok_or("`instanceId` is missing")?;
    let cause: Cause = match &body["cause"] {
        Value::Null => Cause::Interruption,
        given => parsed(given)?,
    };
    if !cause.is_autonomous() || cause == Cause::Schedule {
        return Err(format!("{} is nothing that strikes a single instance", body["cause"]));
    }
    let now = simulation.now();
    match simulation.world.replace_by_itself(id, cause, now) {
        Fated::Done => Ok(json!({"interrupted": id})),
        Fated::Blocked(by) => Ok(json!({"blocked": by})),
        Fated::Impossible => {
            Err(format!("{id} is no running instance, or an action on it is underway"))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placed {
    group: String,
    status: DeploymentStatus,
    seconds: Option<f64>,
}

fn deployment(simulation: &mut Simulation, body: &Value) -> Answer {
    let Placed { group, status, seconds } = parsed(body)?;
    let now = simulation.now();
    simulation.world.place_deployment(&group, status, seconds, now)
}

fn role(simulation: &mut Simulation, body: &Value) -> Answer {
    let arn = body["arn"].as_str().ok_or("`arn` is missing")?;
    let trust = Some(&body["trust"]).filter(|trust| trust.is_object()).cloned();
    let now = simulation.now();
    simulation.world.learn_role(arn, trust, now);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    administration: Option<AdministrationSettings>,
    latency: Option<Latency>,
    behaviour: Option<Behaviour>,
    shapes: Option<Shapes>,
    limits: Option<LimitSettings>,
    autonomous: Option<Rates>,
    images: Option<Images>,
}

fn settings(simulation: &mut Simulation, body: &Value) -> Answer {
    let given: Settings = parsed(body)?;
    if let Some(objection) = given.autonomous.and_then(Rates::objection) {
        return Err(objection);
    }
    if let Some(endpoint) = given.administration.as_ref().and_then(|it| it.iam_endpoint.as_ref()) {
        iam::host(endpoint)?;
    }
    let now = simulation.now();
    let world = &mut simulation.world;
    if let Some(administration) = given.administration {
        world.administration.settings = administration;
    }
    world.latency = given.latency.unwrap_or(world.latency);
    world.shapes = given.shapes.unwrap_or(world.shapes);
    if let Some(behaviour) = given.behaviour {
        world.behaviour = behaviour;
    }
    if let Some(limits) = given.limits {
        world.limiter.settings = limits;
        world.limiter.clear();
    }
    if let Some(images) = given.images {
        world.images = images;
    }
    if let Some(rates) = given.autonomous {
        world.change(now, |estate| estate.set_rates(rates));
        world.plan_fate(now);
    }
    Ok(json!({}))
}
