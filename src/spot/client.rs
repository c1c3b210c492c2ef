//! The client: one method a call, and the loop that sends, paces and repeats.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::envelope::{self, Reply};
use super::error::SpotError;
use super::pacing::{Admission, Observation, Ticket};
use super::pacing_store::{Pacing, RouteBudget};
use super::request::{Idempotency, Request};
use super::transport::{Carrier, Exchange, Failure, Transport};
use super::{Listed, wire};
use crate::domain::{
    Account, AccountId, Clock, Group, GroupId, Healthiness, ManagedInstance, ManagedInstanceId,
    ManagedStatus, Member, StatefulInstance,
};

/// How often one call is sent at most.
const MAX_ATTEMPTS: u32 = 5;

/// The first pause before sending again, doubled each time; jitter adds up to as much again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No pause of our own is longer; a server's wish may be.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a broken server's wish to be left alone is granted.
const LONGEST_WISH: Duration = Duration::from_secs(60);

/// How often it is looked whether an awaited answer has come: from the first, doubled up to the second.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const SLOWEST_LOOK: Duration = Duration::from_millis(50);

/// What a [`Client`] needs.
pub struct ClientConfig {
    /// Where the API is.
    pub endpoint: Endpoint,
    /// The API token. It is sent in a header and appears nowhere else.
    pub token: SecretString,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where rate limits are kept.
    pub pacing: Pacing,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for one whole answer, connecting included.
    pub call_timeout: Duration,
    /// When all calls of this client must be over, as [`Clock::monotonic`] tells it; none for no bound.
    pub deadline: Option<Duration>,
    /// Seed of the jitter in pauses.
    pub retry_seed: u64,
    /// Whether reads of several routes may be under way at the same time. A simulation whose seed must reproduce says no.
    pub reads_at_once: bool,
    /// What carries requests; HTTP if none is named.
    pub carrier: Option<Arc<dyn Carrier>>,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl ClientConfig {
    /// Ten seconds to connect, sixty for an answer, no deadline, this program's name and version as user agent.
    pub fn new(
        endpoint: Endpoint,
        token: SecretString,
        clock: Arc<dyn Clock>,
        pacing: Pacing,
    ) -> Self {
        Self {
            endpoint,
            token,
            clock,
            pacing,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            deadline: None,
            retry_seed: 0,
            reads_at_once: true,
            carrier: None,
            user_agent: concat!("spotinst-esg/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A client of the Spot API, usable from several threads at once.
///
/// Reads are sent again, up to five times, after a refusal for the rate limit, a server error, or a network failure.
/// Nothing is sent before the rate limit allows it, and no wait begins that the deadline would cut short.
///
/// # Errors
///
/// All calls: see [`SpotError`], one variant for each thing that can be done about it.
pub struct Client {
    transport: Transport,
    pub(super) endpoint: Endpoint,
    token: SecretString,
    clock: Arc<dyn Clock>,
    pacing: Pacing,
    organisation: String,
    call_timeout: Duration,
    deadline: Option<Duration>,
    retry_seed: u64,
    reads_at_once: bool,
    calls: AtomicU64,
    /// How far the vendor's clock is ahead of ours, in milliseconds.
    ahead: AtomicI64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint.to_string())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`SpotError::Credentials`] if the token cannot be sent in a header, [`SpotError::Setup`] if TLS cannot be
    /// prepared.
    pub fn new(config: ClientConfig) -> Result<Self, SpotError> {
        Ok(Self {
            transport: Transport::new(&config)?,
            organisation: organisation(&config.endpoint, &config.token),
            endpoint: config.endpoint,
            token: config.token,
            clock: config.clock,
            pacing: config.pacing,
            call_timeout: config.call_timeout,
            deadline: config.deadline,
            retry_seed: config.retry_seed,
            reads_at_once: config.reads_at_once,
            calls: AtomicU64::new(0),
            ahead: AtomicI64::new(0),
        })
    }

    /// All groups of an account, stateful or not, in all regions.
    pub fn list_groups(&self, account: &AccountId) -> Result<Listed<Group>, SpotError> {
        let reply = self.call(&Request::list_groups(account)?)?;
        Ok(wire::listed(reply, "group", |item, odd| wire::group(account, item, odd)))
    }

    /// One group. A reply that holds it not is no error but an oddity and an empty list.
    pub fn get_group(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<Group>, SpotError> {
        let reply = self.call(&Request::get_group(account, group)?)?;
        let mut listed = wire::listed(reply, "group", |item, odd| wire::group(account, item, odd));
        listed.items.retain(|found| {
            let is_asked = found.id == *group;
            if !is_asked {
                let other = envelope::excerpt(found.id.as_str(), "");
                listed.left_out.push(format!("the reply holds group {other} instead: left out"));
            }
            is_asked
        });
        if listed.items.is_empty() {
            listed.left_out.push("the reply does not hold the group asked for".to_owned());
        }
        Ok(listed)
    }

    /// The stateful instances of a group, paused ones included; none if the group is stateless.
    pub fn list_stateful_instances(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<StatefulInstance>, SpotError> {
        let reply = self.call(&Request::list_stateful_instances(account, group)?)?;
        Ok(wire::listed(reply, "stateful instance", wire::stateful_instance))
    }

    /// The running EC2 instances of a group, with zone, type, addresses and lifecycle.
    pub fn group_status(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<Member>, SpotError> {
        let reply = self.call(&Request::group_status(account, group)?)?;
        Ok(wire::listed(reply, "instance", wire::member))
    }

    /// What the platform believes of the health of a group's EC2 instances.
    pub fn instance_healthiness(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<Healthiness>, SpotError> {
        let reply = self.call(&Request::instance_healthiness(account, group)?)?;
        Ok(wire::listed(reply, "instance", wire::healthiness))
    }

    /// All managed instances of an account, configuration only: their status is a call of its own.
    pub fn list_managed_instances(
        &self,
        account: &AccountId,
    ) -> Result<Listed<ManagedInstance>, SpotError> {
        let reply = self.call(&Request::list_managed_instances(account)?)?;
        Ok(wire::listed(reply, "managed instance", |item, odd| {
            wire::managed_instance(account, item, odd)
        }))
    }

    /// The live half of one managed instance.
    pub fn managed_instance_status(
        &self,
        account: &AccountId,
        id: &ManagedInstanceId,
    ) -> Result<Listed<ManagedStatus>, SpotError> {
        let reply = self.call(&Request::managed_instance_status(account, id)?)?;
        let mut listed = wire::listed(reply, "managed instance", |item, odd| {
            wire::managed_status(id, item, odd)
        });
        if listed.items.is_empty() {
            listed.left_out.push("the reply does not hold the status asked for".to_owned());
        }
        Ok(listed)
    }

    /// The accounts of the organisation; with `cloud_account_id`, those connected to that AWS account. Without it the
    /// vendor wants an organisation administrator's token.
    pub fn list_accounts(
        &self,
        cloud_account_id: Option<&str>,
    ) -> Result<Listed<Account>, SpotError> {
        let reply = self.call(&Request::list_accounts(cloud_account_id)?)?;
        Ok(wire::listed(reply, "account", wire::account))
    }

    /// What is known of this token's rate limits, by route.
    pub fn budgets(&self) -> Vec<RouteBudget> {
        self.pacing.budgets(&self.organisation, self.clock.now())
    }

    /// Whether a group's stateful instances may be listed more often than need be: more than half of what the vendor allows of
    /// such calls is left, or it tells of no limit.
    pub fn may_list_often(&self, account: &AccountId, group: &GroupId) -> bool {
        Request::list_stateful_instances(account, group).is_ok_and(|request| {
            self.pacing.is_ample(&self.organisation, &request.limited_route(), self.clock.now())
        })
    }

    /// Whether reads of several routes may be under way at the same time.
    pub fn reads_at_once(&self) -> bool {
        self.reads_at_once
    }

    /// Time since any fixed moment, by the clock that the calls are timed with.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The present moment by the vendor's clock, as far as its last answer told it: its ends of suspensions and its
    /// schedules go by that, and the two clocks may differ.
    pub fn vendor_now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let now = self.clock.now();
        now.checked_add(ahead).unwrap_or(now)
    }

    fn note_time(&self, reply: &Reply) {
        if let Some(written) = reply.written_at {
            let ahead = written.duration_since(self.clock.now()).as_millis();
            self.ahead.store(i64::try_from(ahead).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// A text of the network on one line, printable, cut, and without the token.
    pub(super) fn shown(&self, text: &str) -> String {
        envelope::excerpt(text, self.token.expose_secret())
    }

    /// Sends until there is a result, or none to be had.
    pub(super) fn call(&self, request: &Request) -> Result<Reply, SpotError> {
        let mut effort = Effort { started: self.clock.monotonic(), attempts: 0, last: None };
        let mut pauses = self.pauses();
        loop {
            let ticket = self.admitted(request, &effort)?;
            // The last look at the time before it is on its way.
            if self.is_out_of_patience(request, &effort, Duration::ZERO) {
                return Err(self.late(request, ticket, &effort));
            }
            effort.attempts += 1;
            let (outcome, wish) = self.attempt(request, ticket);
            let error = match outcome {
                Ok(reply) => {
                    self.note_time(&reply);
                    return Ok(reply);
                }
                Err(error) => error.after_attempts(effort.attempts),
            };
            if !may_resend(&error, request.idempotency) {
                return Err(error);
            }
            let Some(pause) = pauses.next() else { return Err(error) };
            let wait = pause.min(LONGEST_PAUSE).max(wish);
            if self.is_out_of_patience(request, &effort, wait) {
                return Err(error);
            }
            effort.last = Some(error);
            self.pass(request, wait, &mut effort)?;
        }
    }

    /// Sends once. The second value is how long the server wants to be left alone.
    fn attempt(&self, request: &Request, ticket: Ticket) -> (Result<Reply, SpotError>, Duration) {
        let url = self.endpoint.url(&request.path, &request.query);
        let left = self.time_left().unwrap_or(Duration::MAX);
        let Exchange { outcome, observation, retry_after } =
            self.transport.exchange(request, url, self.call_timeout.min(left));
        let opened = match outcome {
            Ok(answer) => envelope::open(request, &answer, self.token.expose_secret())
                .map_err(|error| error.at(&self.endpoint)),
            Err(failure) => Err(self.failed(request, failure)),
        };
        let observation = match (&opened, observation) {
            (_, refused @ Observation::Refused { .. }) => refused,
            // Only the body says so; the block must be kept all the same.
            (Err(SpotError::RateLimited { .. }), _) => Observation::Refused { wait: retry_after },
            (_, other) => other,
        };
        let route = request.limited_route();
        let now = self.clock.now();
        let block = self.pacing.settle(&self.organisation, &route, ticket, observation, now);
        match opened {
            Err(SpotError::RateLimited { doing, route, request_id, .. }) => {
                let limited =
                    SpotError::RateLimited { doing, route, retry_after: block, request_id };
                (Err(limited), block)
            }
            other => (other, retry_after.unwrap_or_default().min(LONGEST_WISH)),
        }
    }

    fn failed(&self, request: &Request, failure: Failure) -> SpotError {
        let doing = request.doing.clone();
        match failure {
            Failure::Network { fault, detail } => {
                let detail = envelope::excerpt(&detail, self.token.expose_secret());
                let server = self.endpoint.to_string();
                SpotError::Transport { doing, server, fault, detail, attempts: 1 }
            }
            Failure::TooLarge { status } => SpotError::BadReply {
                doing,
                server: self.endpoint.to_string(),
                status,
                problem: "it is larger than 64 MiB".to_owned(),
                is_torn: false,
                request_id: None,
            },
        }
    }

    /// Gives a request up that was admitted: the process stood still meanwhile, and another may be at work since.
    fn late(&self, request: &Request, ticket: Ticket, effort: &Effort) -> SpotError {
        let after = self.clock.monotonic().saturating_sub(effort.started);
        let (route, now) = (request.limited_route(), self.clock.now());
        self.pacing.settle(&self.organisation, &route, ticket, Observation::Unanswered, now);
        SpotError::Late { doing: request.doing.clone(), after }
    }

    /// Waits until the rate limit admits the request.
    fn admitted(&self, request: &Request, effort: &Effort) -> Result<Ticket, SpotError> {
        let route = request.limited_route();
        let mut look = FIRST_LOOK;
        loop {
            if self.time_left().is_some_and(|left| left.is_zero()) {
                return Err(self.out_of_time(request, effort.last.clone(), effort));
            }
            match self.pacing.admit(&self.organisation, &route, self.clock.now()) {
                Admission::Go(ticket) => return Ok(ticket),
                Admission::Blocked(wait)
                    if self.is_too_long(wait) || self.is_out_of_patience(request, effort, wait) =>
                {
                    let request_id =
                        effort.last.as_ref().and_then(|last| last.request_id().map(Box::from));
                    let doing = request.doing.clone();
                    return Err(SpotError::RateLimited {
                        doing,
                        route,
                        retry_after: wait,
                        request_id,
                    });
                }
                Admission::Blocked(wait) => self.clock.sleep(wait),
                Admission::Busy if self.is_out_of_patience(request, effort, look) => {
                    let (doing, retry_after) = (request.doing.clone(), look);
                    return Err(SpotError::RateLimited {
                        doing,
                        route,
                        retry_after,
                        request_id: None,
                    });
                }
                Admission::Busy => {
                    self.clock.sleep(look);
                    look = (look * 2).min(SLOWEST_LOOK);
                }
            }
        }
    }

    /// Lets `wait` pass, unless the deadline comes first: then the error that made us wait is told at once.
    fn pass(
        &self,
        request: &Request,
        wait: Duration,
        effort: &mut Effort,
    ) -> Result<(), SpotError> {
        if !self.is_too_long(wait) {
            self.clock.sleep(wait);
            return Ok(());
        }
        Err(match effort.last.take() {
            Some(limited @ SpotError::RateLimited { .. }) => limited,
            last => self.out_of_time(request, last, effort),
        })
    }

    fn out_of_time(
        &self,
        request: &Request,
        last: Option<SpotError>,
        effort: &Effort,
    ) -> SpotError {
        SpotError::Deadline {
            doing: request.doing.clone(),
            after: self.clock.monotonic().saturating_sub(effort.started),
            attempts: effort.attempts,
            last: last.map(Box::new),
        }
    }

    /// Whether what was known when the request was made would be too old after this wait.
    fn is_out_of_patience(&self, request: &Request, effort: &Effort, wait: Duration) -> bool {
        let spent = self.clock.monotonic().saturating_sub(effort.started);
        request.patience.is_some_and(|patience| spent + wait > patience)
    }

    fn is_too_long(&self, wait: Duration) -> bool {
        self.time_left().is_some_and(|left| wait >= left)
    }

    fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(self.clock.monotonic()))
    }

    /// The pauses of one call; each call has its own jitter, or all threads would come back at once.
    fn pauses(&self) -> ExponentialBackoff {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_factor(2.0)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times((MAX_ATTEMPTS - 1) as usize)
            .with_jitter()
            .with_jitter_seed(self.retry_seed.wrapping_add(call))
            .build()
    }
}

/// What one call has cost so far.
struct Effort {
    /// When it began, monotonic.
    started: Duration,
    /// How often it was sent.
    attempts: u32,
    /// How the last try ended.
    last: Option<SpotError>,
}

/// Whether the request may be sent again after this error.
///
/// A refusal for the rate limit proves that nothing was done. Any other failure of a mutation leaves open whether it
/// took effect, so its effect has to be looked for instead.
fn may_resend(error: &SpotError, idempotency: Idempotency) -> bool {
    match idempotency {
        Idempotency::Read => error.is_transient(),
        Idempotency::Mutation => matches!(error, SpotError::RateLimited { .. }),
    }
}

/// Tells organisations apart without telling the token: limits are counted per organisation, which one token is of.
fn organisation(endpoint: &Endpoint, token: &SecretString) -> String {
    let mut digest = Sha256::new();
    digest.update(endpoint.to_string());
    digest.update([0]);
    digest.update(token.expose_secret());
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
