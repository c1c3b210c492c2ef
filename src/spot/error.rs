//! What can go wrong between us and the vendor, and what to do about it.

use std::time::Duration;

use super::credentials::CredentialsError;
use super::endpoint::Endpoint;

/// Why a call to the Spot API gave no result.
///
/// Every message says what was attempted on what, why it failed and, where known, what to do. None holds the token:
/// texts that come from the network are shortened, made printable and have the token struck out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpotError {
    /// The token is not accepted (HTTP 401).
    #[error(
        "cannot {doing}: the API token is not accepted (HTTP 401: {message}); check the token, it may be expired or \
         revoked"
    )]
    Unauthorized {
        /// What was attempted on what.
        doing: String,
        /// The vendor's words.
        message: String,
        /// The vendor's error code.
        code: Option<Box<str>>,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// The token is accepted but may not do this (HTTP 403).
    #[error("cannot {doing}: the token lacks the permission (HTTP 403: {message})")]
    Forbidden {
        /// What was attempted on what.
        doing: String,
        /// The vendor's words.
        message: String,
        /// The vendor's error code.
        code: Option<Box<str>>,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// HTTP 400 with the vendor's stand-in for errors it does not show. A missing permission looks like this, too.
    #[error(
        "cannot {doing}: the vendor hides the reason (HTTP {status}: {message}); it may mean that the token lacks the \
         permission, or that the account is another organisation's"
    )]
    Masked {
        /// What was attempted on what.
        doing: String,
        /// HTTP status.
        status: u16,
        /// The vendor's error code.
        code: Option<Box<str>>,
        /// The vendor's words.
        message: String,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// The thing does not exist: a code ending in `_DOESNT_EXIST`, or HTTP 404.
    #[error(
        "cannot {doing}: {thing} does not exist (HTTP {status}: {message}); compare the id with the Spot console's"
    )]
    NotFound {
        /// What was attempted on what.
        doing: String,
        /// What is missing, such as `group sig-1`.
        thing: String,
        /// HTTP status: the vendor mostly says 400.
        status: u16,
        /// The vendor's error code.
        code: Option<Box<str>>,
        /// The vendor's words.
        message: String,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// Too many requests, and waiting does not fit in the time there is or did not help.
    #[error(
        "cannot {doing}: the vendor's rate limit of {route} is used up; try again in {} s",
        seconds_up(retry_after)
    )]
    RateLimited {
        /// What was attempted on what.
        doing: String,
        /// Method and route template the limit is for.
        route: String,
        /// How long nothing may be sent there; earlier requests extend the block (vendor help: API rate limits).
        retry_after: Duration,
        /// The vendor's id of the request, if one was made.
        request_id: Option<Box<str>>,
    },

    /// The vendor refuses the request.
    #[error("cannot {doing}: refused with HTTP {status}: {}", worded(code, message, field))]
    Rejected {
        /// What was attempted on what.
        doing: String,
        /// HTTP status, or the body's where HTTP says 200 and the body does not.
        status: u16,
        /// The first error's code.
        code: Option<Box<str>>,
        /// The words of all errors.
        message: String,
        /// The field the first error that names one is about, such as `body:group.capacity.minimum`.
        field: Option<Box<str>>,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// The vendor is broken or down (5xx), also after repeating where that was harmless.
    #[error(
        "cannot {doing}: the Spot API fails with HTTP {status} ({message}) after {}; try again later",
        times(*attempts)
    )]
    Unavailable {
        /// What was attempted on what.
        doing: String,
        /// HTTP status, or the body's where HTTP says 200 and the body does not.
        status: u16,
        /// The vendor's error code.
        code: Option<Box<str>>,
        /// The vendor's words.
        message: String,
        /// How often the request was sent.
        attempts: u32,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// The network between us and the vendor failed.
    #[error(
        "cannot {doing}: {fault} at {server} ({detail}) after {}; check the network, the proxy and this address",
        times(*attempts)
    )]
    Transport {
        /// What was attempted on what.
        doing: String,
        /// The address that was called.
        server: String,
        /// Which part failed.
        fault: TransportFault,
        /// The innermost cause's words.
        detail: String,
        /// How often the request was sent.
        attempts: u32,
    },

    /// The answer is not in the vendor's format: something else answers, or the format changed.
    #[error(
        "cannot {doing}: the answer of {server} (HTTP {status}) is not the Spot API's: {problem}; is this the right \
         address, and no proxy's page?"
    )]
    BadReply {
        /// What was attempted on what.
        doing: String,
        /// The address that was called; empty until the client has told it.
        server: String,
        /// HTTP status.
        status: u16,
        /// What was expected and what came instead.
        problem: String,
        /// Whether the answer merely ends early, so that another try may help.
        is_torn: bool,
        /// The vendor's id of the request.
        request_id: Option<Box<str>>,
    },

    /// The time set for the whole run is over, or would be before the next try.
    #[error(
        "cannot {doing}: out of time after {:.1} s, {} (the option timeout sets it){}",
        after.as_secs_f64(), spent(*attempts), because(last)
    )]
    Deadline {
        /// What was attempted on what.
        doing: String,
        /// Time spent on this call.
        after: Duration,
        /// How often the request was sent.
        attempts: u32,
        /// How the last try ended.
        last: Option<Box<SpotError>>,
    },

    /// A mutation was not sent, since this program had stood still in between: what it was based on is old.
    #[error(
        "cannot {doing}: {:.1} s passed before it could be sent, so it was not; was this program stopped?",
        after.as_secs_f64()
    )]
    Late {
        /// What was attempted on what.
        doing: String,
        /// Time since it was decided.
        after: Duration,
    },

    /// An identifier that can be no part of a URL.
    #[error("cannot {doing}: {problem}")]
    InvalidId {
        /// What was attempted on what.
        doing: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The configured endpoint cannot be used.
    #[error("cannot use {endpoint} as the Spot API's address: {problem}")]
    InvalidEndpoint {
        /// The address, without any credentials it holds.
        endpoint: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The HTTP client could not be made, which is this computer's fault.
    #[error("cannot prepare HTTPS: {problem}")]
    Setup {
        /// The cause's words.
        problem: String,
    },

    /// The credentials cannot be read or used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Which part of the network failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFault {
    /// The name could not be resolved.
    Dns,
    /// No connection: refused, unreachable, or no proxy.
    Connect,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// Connected, but no complete answer within the call timeout.
    Timeout,
    /// The connection broke before the answer was complete.
    Cut,
}

impl std::fmt::Display for TransportFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "the name cannot be resolved",
            Self::Connect => "no connection",
            Self::ConnectTimeout => "no connection in time",
            Self::Tls => "no trusted TLS connection",
            Self::Timeout => "no complete answer in time",
            Self::Cut => "the connection broke before the answer was complete",
        })
    }
}

/// Groups errors by what the caller can do; exit codes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked cannot be asked: correct the options.
    Usage,
    /// Token missing, wrong or without permission.
    Credentials,
    /// The thing does not exist.
    NotFound,
    /// Come back later.
    RateLimited,
    /// Out of time.
    Timeout,
    /// Everything else.
    Other,
}

impl SpotError {
    /// Names the address that answered, where the message has a place for it.
    pub(super) fn at(mut self, endpoint: &Endpoint) -> Self {
        if let Self::BadReply { server, .. } = &mut self {
            *server = endpoint.to_string();
        }
        self
    }

    /// Whether the same request may succeed later without anything being changed here.
    ///
    /// It does not say whether sending a mutation again is safe.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Deadline { .. }
            | Self::Late { .. } => true,
            Self::Transport { fault, .. } => *fault != TransportFault::Tls,
            Self::BadReply { is_torn, .. } => *is_torn,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Masked { .. }
            | Self::NotFound { .. }
            | Self::Rejected { .. }
            | Self::InvalidId { .. }
            | Self::InvalidEndpoint { .. }
            | Self::Setup { .. }
            | Self::Credentials(_) => false,
        }
    }

    /// The HTTP status of the answer; none if there was no answer.
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { .. } => Some(401),
            Self::Forbidden { .. } => Some(403),
            Self::RateLimited { .. } => Some(429),
            Self::Masked { status, .. }
            | Self::NotFound { status, .. }
            | Self::Rejected { status, .. }
            | Self::Unavailable { status, .. }
            | Self::BadReply { status, .. } => Some(*status),
            Self::Deadline { last, .. } => last.as_ref().and_then(|last| last.http_status()),
            Self::Transport { .. }
            | Self::Late { .. }
            | Self::InvalidId { .. }
            | Self::InvalidEndpoint { .. }
            | Self::Setup { .. }
            | Self::Credentials(_) => None,
        }
    }

    /// The vendor's error code, such as `GROUP_DOESNT_EXIST`.
    pub fn error_code(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { code, .. }
            | Self::Forbidden { code, .. }
            | Self::Masked { code, .. }
            | Self::NotFound { code, .. }
            | Self::Rejected { code, .. }
            | Self::Unavailable { code, .. } => code.as_deref(),
            Self::Deadline { last, .. } => last.as_ref().and_then(|last| last.error_code()),
            Self::RateLimited { .. }
            | Self::Transport { .. }
            | Self::BadReply { .. }
            | Self::Late { .. }
            | Self::InvalidId { .. }
            | Self::InvalidEndpoint { .. }
            | Self::Setup { .. }
            | Self::Credentials(_) => None,
        }
    }

    /// The vendor's id of the request, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { request_id, .. }
            | Self::Forbidden { request_id, .. }
            | Self::Masked { request_id, .. }
            | Self::NotFound { request_id, .. }
            | Self::RateLimited { request_id, .. }
            | Self::Rejected { request_id, .. }
            | Self::Unavailable { request_id, .. }
            | Self::BadReply { request_id, .. } => request_id.as_deref(),
            Self::Deadline { last, .. } => last.as_ref().and_then(|last| last.request_id()),
            Self::Transport { .. }
            | Self::Late { .. }
            | Self::InvalidId { .. }
            | Self::InvalidEndpoint { .. }
            | Self::Setup { .. }
            | Self::Credentials(_) => None,
        }
    }

    /// What the caller can do about it.
    ///
    /// [`SpotError::Masked`] is [`ErrorKind::Other`]: it only *may* be a missing permission.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidId { .. } | Self::InvalidEndpoint { .. } => ErrorKind::Usage,
            Self::Unauthorized { .. } | Self::Forbidden { .. } | Self::Credentials(_) => {
                ErrorKind::Credentials
            }
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Deadline { .. } | Self::Late { .. } => ErrorKind::Timeout,
            Self::Transport { fault, .. } => match fault {
                TransportFault::Timeout | TransportFault::ConnectTimeout => ErrorKind::Timeout,
                TransportFault::Dns
                | TransportFault::Connect
                | TransportFault::Tls
                | TransportFault::Cut => ErrorKind::Other,
            },
            Self::Masked { .. }
            | Self::Rejected { .. }
            | Self::Unavailable { .. }
            | Self::BadReply { .. }
            | Self::Setup { .. } => ErrorKind::Other,
        }
    }

    /// The same error, telling that the request was sent `sent` times.
    pub(super) fn after_attempts(mut self, sent: u32) -> Self {
        if let Self::Unavailable { attempts, .. } | Self::Transport { attempts, .. } = &mut self {
            *attempts = sent;
        }
        self
    }
}

fn spent(attempts: u32) -> String {
    match attempts {
        0 => "all spent waiting for the rate limit or another process".to_owned(),
        more => times(more),
    }
}

fn times(attempts: u32) -> String {
    match attempts {
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

/// Whole seconds, rounded up: a wait told too short would be broken.
fn seconds_up(wait: &Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn worded(code: &Option<Box<str>>, message: &str, field: &Option<Box<str>>) -> String {
    let code = code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    let field = field.as_ref().map(|field| format!(" (field {field})")).unwrap_or_default();
    format!("{code}{message}{field}")
}

fn because(last: &Option<Box<SpotError>>) -> String {
    last.as_ref().map(|last| format!("; last, {last}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_told_too_short() {
        for (millis, told) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(seconds_up(&Duration::from_millis(millis)), told);
        }
    }

    #[test]
    fn the_end_of_time_tells_how_the_last_try_ended() {
        let error = SpotError::Deadline {
            doing: "list the groups of account act-1".into(),
            after: Duration::from_millis(1500),
            attempts: 2,
            last: Some(Box::new(SpotError::Unavailable {
                doing: "list the groups of account act-1".into(),
                status: 503,
                code: None,
                message: "maintenance".into(),
                attempts: 2,
                request_id: Some("r-1".into()),
            })),
        };
        let text = error.to_string();
        assert!(text.contains("1.5 s, 2 attempts"), "{text}");
        assert!(text.contains("HTTP 503 (maintenance)"), "{text}");
        assert_eq!((error.http_status(), error.request_id()), (Some(503), Some("r-1")));
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
