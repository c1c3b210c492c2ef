//! The simulated organisation: a pure function from requests and instants to answers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::actions::Agenda;
use crate::administration::Administration;
use crate::autonomous::Fate;
use crate::chronicle::Chronicle;
use crate::describe::{Account, Organisation, Token};
use crate::distortion;
use crate::envelope::{self, Answer, Echo, Refusal};
use crate::estate::{Estate, Group, Retained};
use crate::faults::{Fault, FaultKind, Faults};
use crate::fleet::Fleet;
use crate::hooks::{HookQueue, Hooks};
use crate::ids::Ids;
use crate::images::Images;
use crate::lifecycle::{Behaviour, Latency};
use crate::limits::{Limiter, Quota};
use crate::operation::Scope;
use crate::partial;
use crate::populate::populate;
use crate::request::{Delivery, LoggedRequest, Outcome, Request};
use crate::routes::{self, Parameters, Route};
use crate::shapes::Shapes;

/// States further back than this many changes are forgotten.
const HISTORY: usize = 512;

/// Everything that is simulated. Equal fleets, seeds, requests and instants give equal answers.
#[derive(Debug)]
pub struct World {
    pub(crate) organisation: Organisation,
    pub(crate) tokens: Vec<Token>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) administration: Administration,
    pub(crate) estate: Estate,
    pub(crate) latency: Latency,
    pub(crate) behaviour: Behaviour,
    pub(crate) shapes: Shapes,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) agenda: Agenda,
    pub(crate) retained: Vec<Retained>,
    pub(crate) chronicle: Chronicle,
    pub(crate) images: Images,
    pub(crate) hooks: HookQueue,
    pub(crate) fate: Fate,
    /// Each group that is made gets a block of addresses of its own.
    pub(crate) created_groups: u32,
    /// The commands outside for machines of groups that are made.
    pub(crate) new_hooks: Option<Arc<Hooks>>,
    pub(crate) ids: Ids,
    /// Probabilities and request ids draw from here, so that reading more does not change what is created.
    pub(crate) chance: Ids,
    pub(crate) log: Vec<LoggedRequest>,
    seed: u64,
    since: Timestamp,
    requests: u64,
    changed_by: u64,
    history: VecDeque<(Timestamp, Estate)>,
}

/// One admitted request on its way to its route.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) parameters: &'a Parameters,
    pub(crate) account: &'a str,
    pub(crate) token: &'a Token,
    pub(crate) body: Value,
    pub(crate) shapes: Shapes,
    pub(crate) now: Timestamp,
}

/// Everything that a change can change.
struct Snapshot {
    estate: (Estate, Agenda, Chronicle, HookQueue),
    organisation: (Vec<Token>, Vec<Account>, Administration),
}

impl Call<'_> {
    pub(crate) fn parameter(&self, index: usize) -> &str {
        self.parameters.get(index).map_or("", String::as_str)
    }

    /// The group that the path names, if the account has it.
    pub(crate) fn group<'e>(&self, estate: &'e Estate) -> Result<&'e Group, Refusal> {
        let id = self.parameter(0);
        let found = estate.group(id).filter(|group| group.account == self.account);
        found.ok_or_else(|| Refusal::unknown_group(id))
    }
}

impl World {
    /// The world a fleet describes, at its start.
    #[must_use]
    pub fn new(fleet: &Fleet) -> World {
        let seed = fleet.seed();
        let description = fleet.description();
        let mut faults = Faults::default();
        for spec in &description.faults {
            faults.add(spec.clone());
        }
        let mut tokens = description.tokens.clone();
        let settings = description.administration.clone();
        let administration = Administration::new(
            settings,
            &mut tokens,
            &description.accounts,
            seed,
            description.clock.start,
        );
        let mut world = World {
            organisation: description.organisation.clone(),
            tokens,
            accounts: description.accounts.clone(),
            administration,
            estate: populate(description, seed),
            latency: description.latency,
            behaviour: description.behaviour.clone(),
            shapes: description.shapes,
            limiter: Limiter::new(description.limits.clone()),
            faults,
            agenda: Agenda::default(),
            retained: Vec::new(),
            chronicle: Chronicle::default(),
            images: description.images.clone(),
            hooks: HookQueue::default(),
            fate: Fate::default(),
            created_groups: 0,
            new_hooks: description.hooks.clone().map(Arc::new),
            ids: Ids::new(seed),
            chance: Ids::named(seed, "chance"),
            log: Vec::new(),
            seed,
            since: description.clock.start,
            requests: 0,
            changed_by: 0,
            history: VecDeque::new(),
        };
        world.created_groups = u32::try_from(world.estate.groups.len()).unwrap_or(0);
        world.plan_fate(description.clock.start);
        let groups: Vec<String> =
            world.estate.groups.iter().map(|group| group.id.clone()).collect();
        for group in groups {
            world.plan_tasks(&group, description.clock.start);
        }
        world
    }

    /// The seed of all ids and probabilities.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Takes note of the trust of the role that IAM has by that name now; none if there is no such role.
    pub fn learn_role(&mut self, arn: &str, trust: Option<Value>, now: Timestamp) {
        self.administration.learn_role(arn, trust, now);
    }

    /// Draws ids and probabilities from a new seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.ids = Ids::new(seed);
        self.chance = Ids::named(seed, "chance");
    }

    /// Changes the estate and remembers what it was.
    pub(crate) fn change<T>(&mut self, now: Timestamp, edit: impl FnOnce(&mut Estate) -> T) -> T {
        if self.since < now || self.changed_by != self.requests {
            self.history.push_back((self.since, self.estate.clone()));
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
            self.since = self.since.max(now);
            self.changed_by = self.requests;
        }
        edit(&mut self.estate)
    }

    /// Marks what follows as one change of its own, for reads of the previous state.
    pub(crate) fn begin(&mut self) {
        self.requests += 1;
    }

    /// The estate some virtual seconds ago, or before the last change.
    fn stale(&self, seconds: Option<f64>, now: Timestamp) -> &Estate {
        let oldest = self.history.front().map_or(&self.estate, |(_, estate)| estate);
        let Some(seconds) = seconds else {
            return self.history.back().map_or(&self.estate, |(_, estate)| estate);
        };
        let then = now.saturating_sub(crate::clock::seconds(seconds)).unwrap_or(Timestamp::MIN);
        if self.since <= then {
            return &self.estate;
        }
        let found = self.history.iter().rev().find(|(since, _)| *since <= then);
        found.map_or(oldest, |(_, estate)| estate)
    }

    /// Answers one request at the virtual instant `now`, which must not go backwards.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Outcome {
        self.settle(now);
        self.begin();
        let echo = Echo {
            id: self.chance.request(),
            url: request.target(),
            method: request.method.clone(),
            timestamp: self.shapes.time(now),
        };
        let found = routes::find(&request.method, &request.path);
        let template = found.as_ref().map_or("", |(route, _)| route.template);
        let token = self.authenticate(request);
        let organisation = match &token {
            Some(_) => self.organisation.id.to_string(),
            None => "unauthenticated".to_owned(),
        };
        let quota = self.limiter.admit(&organisation, &request.method, template, now);
        let (mut outcome, struck) = match (token, found) {
            (None, _) => (self.refuse(&echo, &Refusal::unauthorised()), Vec::new()),
            _ if !quota.admitted => (self.limited(&echo), Vec::new()),
            (Some(_), None) => {
                let refusal = Refusal::unknown_route(&request.method, &request.path);
                (self.refuse(&echo, &refusal), Vec::new())
            }
            (Some(token), Some((route, parameters))) => {
                self.admitted(request, &echo, route, &parameters, &token, now)
            }
        };
        head(&mut outcome, quota, &echo);
        distortion::headers(&mut outcome, &struck, self.limiter.penalty());
        outcome.delay += Duration::from_millis(self.latency.answer_ms);
        self.record(request, template, &outcome, &struck, now);
        outcome
    }

    fn admitted(
        &mut self,
        request: &Request,
        echo: &Echo,
        route: &'static Route,
        parameters: &Parameters,
        token: &Token,
        now: Timestamp,
    ) -> (Outcome, Vec<Fault>) {
        let faults = &mut self.faults;
        let struck =
            faults.strike(&request.method, route.template, &request.path, &mut self.chance);
        if let Some(outcome) = distortion::instead(&struck, echo) {
            return (outcome, struck);
        }
        let answer = self.dispatch(request, route, parameters, token, &struck, now);
        let outcome = match answer {
            Ok(answer) => answered(200, &envelope::success(echo, answer)),
            Err(refusal) => self.refuse(echo, &refusal),
        };
        (distortion::after(outcome, &struck, echo), struck)
    }

    fn refuse(&self, echo: &Echo, refusal: &Refusal) -> Outcome {
        answered(refusal.status, &envelope::refused(echo, refusal))
    }

    fn limited(&self, echo: &Echo) -> Outcome {
        answered(429, &envelope::rate_limited(echo))
    }

    fn dispatch(
        &mut self,
        request: &Request,
        route: &Route,
        parameters: &Parameters,
        token: &Token,
        struck: &[Fault],
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let account = self.authorise(request, route.scope, token)?;
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let shapes = self.shapes;
        let call = Call { request, parameters, account: &account, token, body, shapes, now };
        if route.template.starts_with("/aws/") && self.is_unconnected(&account) {
            return Err(Refusal::not_connected(&account));
        }
        if matches!(route.scope, Scope::Write | Scope::Administration) {
            let lost = struck.iter().any(|fault| fault.spec.kind == FaultKind::LostUpdate);
            let before = lost.then(|| self.snapshot());
            let kept = partial::kept(&self.estate, &call, route.operation, struck);
            let answer = self.write(route.operation, &call);
            if let Some(kept) = kept.filter(|_| answer.is_ok()) {
                partial::put_back(self, call.parameter(0), &kept, now);
            }
            if let Some(before) = before {
                (self.estate, self.agenda, self.chronicle, self.hooks) = before.estate;
                (self.tokens, self.accounts, self.administration) = before.organisation;
            }
            return answer;
        }
        let stale = struck.iter().find(|fault| fault.spec.kind == FaultKind::Stale);
        let estate = match stale {
            Some(fault) => self.stale(fault.spec.seconds, now),
            None => &self.estate,
        };
        self.read(route.operation, estate, &call)
    }

    fn is_unconnected(&self, account: &str) -> bool {
        let found = self.accounts.iter().find(|one| one.id == account);
        found.is_some_and(|one| one.needs_credentials && one.cloud_provider.is_none())
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            estate: (
                self.estate.clone(),
                self.agenda.clone(),
                self.chronicle.clone(),
                self.hooks.clone(),
            ),
            organisation: (self.tokens.clone(), self.accounts.clone(), self.administration.clone()),
        }
    }

    fn record(
        &mut self,
        request: &Request,
        template: &str,
        outcome: &Outcome,
        struck: &[Fault],
        now: Timestamp,
    ) {
        let mut secrets: BTreeSet<&str> =
            self.tokens.iter().map(|one| one.token.as_str()).collect();
        secrets.extend(self.administration.secrets());
        let given = request.header("authorization").and_then(|value| value.split_once(' '));
        secrets.extend(given.map(|(_, token)| token.trim()));
        let status = if outcome.delivery == Delivery::Cut { 0 } else { outcome.status };
        let line = LoggedRequest::redacted(request, &secrets, template, status, now, struck);
        self.log.push(line);
    }
}

/// An answer with a JSON body.
pub(crate) fn answered(status: u16, body: &Value) -> Outcome {
    Outcome {
        status,
        headers: vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())],
        body: body.to_string().into_bytes(),
        delay: Duration::ZERO,
        delivery: Delivery::Whole,
    }
}

fn head(outcome: &mut Outcome, quota: Quota, echo: &Echo) {
    let mut put = |name: &str, value: String| outcome.headers.push((name.to_owned(), value));
    put("x-ratelimit-limit", quota.limit.to_string());
    put("x-ratelimit-remaining", quota.remaining.to_string());
    put("x-ratelimit-reset", quota.reset.to_string());
    put("x-request-id", echo.id.clone());
}

#[cfg(test)]
mod tests;
