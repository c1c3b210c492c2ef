//! What an HTTP server says.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder, RequestBuilder};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use thiserror::Error;

use super::limits::{MOST_KEPT, read_some};
use crate::domain::{Clock, Observation, ObstacleKind, Seen, one_line, printable};

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// What to ask an HTTP server for, and how.
#[derive(Clone, Debug, Default)]
pub struct HttpTarget {
    /// Where. It may hold no credentials.
    pub url: String,
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Headers, whose values may be secrets.
    pub headers: BTreeMap<String, SecretString>,
    /// Name and password for HTTP's basic authentication.
    pub login: Option<Login>,
    /// What is sent: a text as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Whether redirects within the same scheme, host and port are followed.
    pub follow_redirects: bool,
    /// Whether the server must prove who it is.
    pub validate_certs: bool,
    /// Certificates to trust in place of the system's, PEM.
    pub ca_path: Option<PathBuf>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Login {
    /// Name.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// Why a server cannot even be asked. It completes "gate x: ".
#[derive(Debug, Error)]
pub enum HttpError {
    /// No URL to ask; it is not shown, since it may hold a password.
    #[error("url {0}")]
    Url(&'static str),
    /// No such method for looking.
    #[error("method {0} is not one of GET, HEAD and POST")]
    Method(String),
    /// A header that HTTP cannot carry.
    #[error("the header {0:?} has a name or a value that HTTP cannot carry")]
    Header(String),
    /// The certificates cannot be used.
    #[error("cannot use the certificates of {path}: {problem}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
}

/// Something to be asked by HTTP, any number of times.
pub struct Http {
    client: Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    secrets: Vec<String>,
    body: Option<Vec<u8>>,
    most: usize,
}

impl Http {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wanted cannot be asked for.
    pub fn new(target: &HttpTarget) -> Result<Self, HttpError> {
        let url = parse(&target.url)?;
        let method = match target.method.as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            other => return Err(HttpError::Method(one_line(other))),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &target.headers {
            let refused = || HttpError::Header(printable(name));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        let body = target.body.as_ref().map(|body| match body {
            Value::String(text) => text.clone().into_bytes(),
            other => {
                let json = HeaderValue::from_static("application/json");
                headers.entry(CONTENT_TYPE).or_insert(json);
                other.to_string().into_bytes()
            }
        });
        let client = client(target, &url)?;
        if let Some(value) = target.login.as_ref().and_then(|login| login.header(&client, &url)) {
            headers.insert(AUTHORIZATION, value);
        }
        let secrets = secrets(&headers, target.login.as_ref());
        Ok(Self { client, method, url, headers, secrets, body, most: MOST_KEPT })
    }

    /// The same, reading longer bodies, up to `most` bytes.
    pub(super) fn reading(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Where it is, fit to be shown.
    pub fn object(&self) -> String {
        shown(&self.url)
    }

    /// Asks once. All of it, the body included, must be there within `timeout`.
    pub fn look(&self, timeout: Duration, clock: &dyn Clock) -> Observation {
        self.look_at(self.url.clone(), timeout, clock)
    }

    /// The same for another URL of the same server.
    pub(super) fn look_at(&self, url: Url, timeout: Duration, clock: &dyn Clock) -> Observation {
        let mut request = self.client.request(self.method.clone(), url.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        self.send(request.headers(self.headers.clone()), &url, timeout, clock)
    }

    /// Asks the same server for something to be done, with JSON if there is a body.
    pub(super) fn order(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Observation {
        let mut request = self.client.request(method, url.clone()).headers(self.headers.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.send(request, &url, timeout, clock)
    }

    fn send(
        &self,
        request: RequestBuilder,
        url: &Url,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Observation {
        let ends = clock.monotonic().saturating_add(timeout);
        let object = shown(url);
        let blocked = |kind, detail: String| Observation::blocked(object.clone(), kind, detail);
        let request = request.timeout(timeout);
        let in_time = || format!("within {} s", timeout.as_secs());
        let mut response = match request.send() {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return blocked(ObstacleKind::Time, in_time()),
            Err(error) => return blocked(kind(&error), innermost(&error)),
        };
        let status = response.status().as_u16();
        // Each read has its own timeout, so an answer that trickles in is bounded here.
        let seen = match read_some(&mut response, self.most, || clock.monotonic() <= ends) {
            Ok(Some(body)) => Ok(Seen::Answered { status, body }),
            Ok(None) => return blocked(ObstacleKind::Time, in_time()),
            Err(error) if is_late(&error) => return blocked(ObstacleKind::Time, in_time()),
            Err(error) => return blocked(ObstacleKind::Broken, innermost(&error)),
        };
        Observation { object, seen }
    }

    /// What may show nowhere, though a server may well repeat it.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

impl Login {
    fn header(&self, client: &Client, url: &Url) -> Option<HeaderValue> {
        let password = self.password.expose_secret();
        let request = client.get(url.clone()).basic_auth(&self.username, Some(password));
        request.build().ok()?.headers().get(AUTHORIZATION).cloned()
    }
}

/// Header values with their words, since a server may repeat the token without the word `Bearer`.
fn secrets(headers: &HeaderMap, login: Option<&Login>) -> Vec<String> {
    let values = headers.values().filter(|value| value.is_sensitive());
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let words = values.iter().flat_map(|value| value.split_whitespace());
    let password = login.map(|login| login.password.expose_secret());
    values.iter().copied().chain(words).chain(password).map(str::to_owned).collect()
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({} {})", self.method, self.object())
    }
}

fn parse(text: &str) -> Result<Url, HttpError> {
    let Ok(mut url) = Url::parse(text.trim()) else {
        return Err(HttpError::Url("is no URL; expected one such as https://host:8080/path"));
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(HttpError::Url("is not one of http:// or https:// with a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HttpError::Url("holds credentials; give them as username and password"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// A query may hold a key.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    printable(url.as_str())
}

fn client(target: &HttpTarget, url: &Url) -> Result<Client, HttpError> {
    // The error only says that a provider is installed, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("spotinst-esg/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .redirect(if target.follow_redirects { within_origin() } else { Policy::none() })
        // The next look is not to be answered by a connection to something that has been replaced since.
        .pool_max_idle_per_host(0)
        .tls_danger_accept_invalid_certs(!target.validate_certs);
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if let Some(path) = &target.ca_path {
        builder = trusting(builder, path)?;
    }
    builder.build().map_err(|error| HttpError::Setup(innermost(&error)))
}

fn trusting(builder: ClientBuilder, path: &PathBuf) -> Result<ClientBuilder, HttpError> {
    let refused = |problem: String| HttpError::Certificates { path: path.clone(), problem };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|error| refused(innermost(&error)))?;
    if certificates.is_empty() {
        return Err(refused("there is none in it".to_owned()));
    }
    Ok(builder.tls_certs_only(certificates))
}

/// Headers that hold secrets go along, so nothing is followed to anyone else.
fn within_origin() -> Policy {
    Policy::custom(|attempt| {
        let asked = attempt.previous();
        let is_same = asked.first().is_some_and(|first| first.origin() == attempt.url().origin());
        if is_same && asked.len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn kind(error: &reqwest::Error) -> ObstacleKind {
    if causes(error).any(|cause| cause.is::<rustls::Error>()) {
        ObstacleKind::Tls
    } else if error.is_dns() {
        ObstacleKind::Name
    } else if error.is_connect() {
        ObstacleKind::Connection
    } else {
        ObstacleKind::Broken
    }
}

fn is_late(error: &std::io::Error) -> bool {
    let mut causes = causes(error);
    causes.any(|it| it.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout))
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

/// The innermost cause's words: those outside repeat the URL.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let words = causes(error).last().map(ToString::to_string).unwrap_or_default();
    one_line(&words)
}
