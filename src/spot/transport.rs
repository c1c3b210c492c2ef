//! Sending one request and reading its whole answer.

use std::error::Error as StdError;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use secrecy::{ExposeSecret, SecretString};

use super::client::ClientConfig;
use super::credentials::CredentialsError;
use super::envelope::{self, Answer};
use super::error::{SpotError, TransportFault};
use super::pacing::{Allowance, LONGEST_WAIT, Observation};
use super::request::Request;
use crate::domain::Clock;

/// Largest answer that is read, in bytes. The largest known replies (thousands of full group objects) are a tenth.
const MAX_BODY: u64 = 64 << 20;

/// How much is read at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// The HTTP side of a client.
pub(super) struct Transport {
    carrier: Arc<dyn Carrier>,
    authorization: HeaderValue,
    clock: Arc<dyn Clock>,
}

/// Brings a request to a server and the whole answer back. The real one speaks HTTP; a simulation may do without.
pub trait Carrier: Send + Sync {
    /// Sends once.
    ///
    /// # Errors
    ///
    /// There is no whole answer.
    fn carry(&self, parcel: &Parcel) -> Result<Delivered, CarryError>;
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// HTTP method.
    pub method: &'static str,
    /// Where to, with the query.
    pub url: reqwest::Url,
    /// Headers, the authorization among them, marked as sensitive.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// How long sending and reading may take together.
    pub timeout: Duration,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no whole answer. `status` and `headers` are there if its head came.
#[derive(Clone, Debug)]
pub struct CarryError {
    /// What failed.
    pub kind: CarryErrorKind,
    /// The head of the answer, if that came.
    pub head: Option<Box<(u16, HeaderMap)>>,
}

/// What failed.
#[derive(Clone, Debug)]
pub enum CarryErrorKind {
    /// The network, and the innermost cause's words.
    Network(TransportFault, String),
    /// The answer is larger than anything expected.
    TooLarge,
}

/// The one that speaks HTTP.
struct HttpCarrier {
    http: Http,
    clock: Arc<dyn Clock>,
}

/// What came of one sending.
pub(super) struct Exchange {
    /// The whole answer, or why there is none.
    pub(super) outcome: Result<Answer, Failure>,
    /// What the rate limiter learns.
    pub(super) observation: Observation,
    /// How long the server asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// Why there is no whole answer.
pub(super) enum Failure {
    /// The network failed.
    Network {
        /// Which part.
        fault: TransportFault,
        /// The innermost cause's words.
        detail: String,
    },
    /// The answer is larger than anything expected.
    TooLarge {
        /// HTTP status.
        status: u16,
    },
}

impl Transport {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, SpotError> {
        let carrier = match &config.carrier {
            Some(carrier) => Arc::clone(carrier),
            None => Arc::new(HttpCarrier::new(config)?),
        };
        let authorization = authorization(&config.token)?;
        Ok(Self { carrier, authorization, clock: Arc::clone(&config.clock) })
    }

    /// Sends `request` to `url` and reads the answer, both within `timeout`.
    pub(super) fn exchange(
        &self,
        request: &Request,
        url: reqwest::Url,
        timeout: Duration,
    ) -> Exchange {
        let json = HeaderValue::from_static("application/json");
        let headers = [
            (AUTHORIZATION, self.authorization.clone()),
            (ACCEPT, json.clone()),
            (CONTENT_TYPE, json),
        ];
        let body = request.body.as_ref().filter(|_| request.method != "GET");
        let parcel = Parcel {
            method: request.method,
            url,
            headers: headers.into_iter().collect(),
            body: body.map(ToString::to_string).unwrap_or_default().into_bytes(),
            timeout,
        };
        let carried = self.carrier.carry(&parcel);
        let now = self.clock.now();
        let head = match &carried {
            Ok(delivered) => Some((delivered.status, &delivered.headers)),
            Err(error) => error.head.as_ref().map(|head| (head.0, &head.1)),
        };
        let (observation, retry_after) = match head {
            Some((status, headers)) => (observe(status, headers, now), retry_after(headers, now)),
            None => (Observation::Unanswered, None),
        };
        Exchange { outcome: carried.map(answer).map_err(failure), observation, retry_after }
    }
}

fn answer(delivered: Delivered) -> Answer {
    let Delivered { status, headers, body } = delivered;
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (request_id, location) = (header("x-request-id"), header(LOCATION.as_str()));
    Answer { status, body, request_id, location }
}

fn failure(error: CarryError) -> Failure {
    let status = error.head.map_or(0, |head| head.0);
    match error.kind {
        CarryErrorKind::Network(fault, detail) => Failure::Network { fault, detail },
        CarryErrorKind::TooLarge => Failure::TooLarge { status },
    }
}

impl HttpCarrier {
    fn new(config: &ClientConfig) -> Result<Self, SpotError> {
        install_crypto();
        let setup = |error: reqwest::Error| SpotError::Setup { problem: innermost(&error) };
        let mut builder = Http::builder()
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            .timeout(config.call_timeout)
            // A redirect would carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false);
        if config.endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let clock = Arc::clone(&config.clock);
        Ok(Self { http: builder.build().map_err(setup)?, clock })
    }

    fn read(&self, mut response: Response, ends: Duration) -> Result<Vec<u8>, CarryErrorKind> {
        let mut body = Vec::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            // Each read has its own timeout, so an answer that trickles in is bounded here.
            if self.clock.monotonic() > ends {
                let detail = format!("after {} bytes", body.len());
                return Err(CarryErrorKind::Network(TransportFault::Timeout, detail));
            }
            match response.read(&mut chunk) {
                Ok(0) => return Ok(body),
                Ok(length) => body.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken_body(&error)),
            }
            if body.len() as u64 > MAX_BODY {
                return Err(CarryErrorKind::TooLarge);
            }
        }
    }
}

impl Carrier for HttpCarrier {
    fn carry(&self, parcel: &Parcel) -> Result<Delivered, CarryError> {
        // It is ours, so it cannot be refused.
        let method = reqwest::Method::from_bytes(parcel.method.as_bytes()).unwrap_or_default();
        let ends = self.clock.monotonic() + parcel.timeout;
        let mut prepared = self
            .http
            .request(method, parcel.url.clone())
            .timeout(parcel.timeout)
            .headers(parcel.headers.clone());
        if parcel.method != "GET" {
            // An empty body makes `Content-Length: 0` explicit, which some servers insist on.
            prepared = prepared.body(parcel.body.clone());
        }
        let response = prepared
            .send()
            .map_err(|error| CarryError { kind: network_failure(&error), head: None })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match self.read(response, ends) {
            Ok(body) => Ok(Delivered { status, headers, body }),
            Err(kind) => Err(CarryError { kind, head: Some(Box::new((status, headers))) }),
        }
    }
}

/// Chooses ring for all TLS of this process, unless something else has been chosen already.
fn install_crypto() {
    // The error only says that a provider is installed, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn authorization(token: &SecretString) -> Result<HeaderValue, CredentialsError> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CredentialsError::UnusableToken);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| CredentialsError::UnusableToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an answer's headers say of the rate limit (vendor help: API rate limits).
fn observe(status: u16, headers: &HeaderMap, now: Timestamp) -> Observation {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let count = |name: &str| text(name).and_then(|text| text.trim().parse::<u32>().ok());
    let reset = text("x-ratelimit-reset").and_then(seconds);
    if status == 429 {
        return Observation::Refused { wait: reset.max(retry_after(headers, now)) };
    }
    match count("x-ratelimit-remaining") {
        Some(remaining) => {
            Observation::Counted(Allowance { limit: count("x-ratelimit-limit"), remaining, reset })
        }
        // A gateway that fails knows nothing of limits.
        None if status >= 500 => Observation::Unanswered,
        None => Observation::Uncounted,
    }
}

/// `Retry-After` in both its forms: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds(text).or_else(|| {
        let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
        Some(Duration::try_from(date.duration_since(now)).unwrap_or_default().min(LONGEST_WAIT))
    })
}

/// Seconds, whole or not; nothing if it is no number.
fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| !seconds.is_nan())?;
    Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_WAIT.as_secs_f64())))
}

fn network_failure(error: &reqwest::Error) -> CarryErrorKind {
    let fault = if causes(error).any(|cause| cause.is::<rustls::Error>()) {
        TransportFault::Tls
    } else if error.is_dns() {
        TransportFault::Dns
    } else if error.is_connect() && error.is_timeout() {
        TransportFault::ConnectTimeout
    } else if error.is_connect() {
        TransportFault::Connect
    } else if error.is_timeout() {
        TransportFault::Timeout
    } else {
        TransportFault::Cut
    };
    CarryErrorKind::Network(fault, innermost(error))
}

fn broken_body(error: &std::io::Error) -> CarryErrorKind {
    let timed_out = causes(error).any(|cause| {
        cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
    });
    let fault = if timed_out { TransportFault::Timeout } else { TransportFault::Cut };
    CarryErrorKind::Network(fault, innermost(error))
}

/// The error and everything below it; an I/O error's own content is not its source, so it is looked into.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause| below(*cause))
}

fn below<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}

/// The innermost cause's words: those outside repeat the URL or say "error sending request".
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = causes(error).last().map(ToString::to_string).unwrap_or_default();
    envelope::excerpt(&last, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let table = [
            ("3", Some(3.0)),
            (" 2.5 ", Some(2.5)),
            ("-4", Some(0.0)),
            ("1e99", Some(3600.0)),
            ("inf", Some(3600.0)),
            ("NaN", None),
            ("Fri, 20 Nov 2026 12:00:07 GMT", Some(7.0)),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some(0.0)),
            ("Sat, 20 Nov 2027 11:00:00 GMT", Some(3600.0)),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in table {
            let got = retry_after(&headers(&[("retry-after", text)]), now());
            assert_eq!(got.map(|wait| wait.as_secs_f64()), expected, "{text:?}");
        }
    }

    #[test]
    fn headers_tell_the_rate_limiter_what_it_may_believe() {
        let counted = |limit, remaining, reset: Option<u64>| {
            let reset = reset.map(Duration::from_secs);
            Observation::Counted(Allowance { limit, remaining, reset })
        };
        let refused =
            |wait: Option<u64>| Observation::Refused { wait: wait.map(Duration::from_secs) };
        let full = [
            ("x-ratelimit-limit", "20"),
            ("x-ratelimit-remaining", "4"),
            ("x-ratelimit-reset", "9"),
        ];
        type Case<'a> = (u16, &'a [(&'static str, &'a str)], Observation);
        let table: Vec<Case<'_>> = vec![
            (200, &full, counted(Some(20), 4, Some(9))),
            (400, &full, counted(Some(20), 4, Some(9))),
            (500, &full, counted(Some(20), 4, Some(9))),
            (200, &[("x-ratelimit-remaining", "4")], counted(None, 4, None)),
            (200, &[("x-ratelimit-remaining", "-1")], Observation::Uncounted),
            (200, &[], Observation::Uncounted),
            (401, &[], Observation::Uncounted),
            (502, &[], Observation::Unanswered),
            (429, &[], refused(None)),
            (429, &full, refused(Some(9))),
            (429, &[("retry-after", "12"), ("x-ratelimit-reset", "5")], refused(Some(12))),
            (429, &[("retry-after", "soon"), ("x-ratelimit-reset", "5")], refused(Some(5))),
            (429, &[("x-ratelimit-reset", "99999999")], refused(Some(3600))),
        ];
        for (status, pairs, expected) in table {
            assert_eq!(observe(status, &headers(pairs), now()), expected, "{status} {pairs:?}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
        for token in ["", "abc\ndef-secret", "abc def", "schlüssel"] {
            let error = authorization(&SecretString::from(token.to_owned())).unwrap_err();
            assert!(!error.to_string().contains("secret"));
        }
        let value = authorization(&SecretString::from("abc-secret".to_owned())).unwrap();
        assert!(!format!("{value:?}").contains("secret"));
    }
}
