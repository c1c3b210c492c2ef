//! Where the Spot API is.

use std::fmt;

use reqwest::Url;
use url_host::is_loopback;

use super::error::SpotError;

/// The vendor's public endpoint (OpenAPI description, servers).
const VENDOR: &str = "https://api.spotinst.io";

/// The address all requests go to: scheme, host, port and an optional path prefix, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// The vendor's own.
    pub fn vendor() -> Self {
        // The constant is parsed by a test, so the fallback is never taken.
        Self::parse(VENDOR, false).unwrap_or_else(|_| unreachable!("the vendor's address is a URL"))
    }

    /// Reads an address. Plain http would show the token to the network, so it is accepted to this computer only,
    /// unless `allow_http`.
    ///
    /// # Errors
    ///
    /// [`SpotError::InvalidEndpoint`] if it is no http(s) URL, holds credentials, a query or a fragment, or is plain
    /// http to another computer.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, SpotError> {
        let text = text.trim();
        let refuse = |problem: &str| {
            Err(SpotError::InvalidEndpoint { endpoint: shown(text), problem: problem.to_owned() })
        };
        let Ok(mut url) = Url::parse(text) else {
            return refuse("it is no URL; expected one such as https://api.spotinst.io");
        };
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return refuse("expected https:// and a host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it holds credentials; give the token by its own option");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it has a query or a fragment; only a path may follow the host");
        }
        if url.scheme() == "http" && !allow_http && !is_loopback(&url) {
            return refuse(
                "plain http would show the token to the network; use https, or allow http explicitly",
            );
        }
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&prefix);
        Ok(Self { url })
    }

    /// Whether it is this computer, by address or as `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The full URL of an encoded path (beginning with a slash) and query pairs (encoded here).
    pub(super) fn url(&self, path: &str, query: &[(&'static str, String)]) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::vendor()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// The address as it may be shown: a text with `@` or `?` may hold a password, which must not reach a log.
fn shown(text: &str) -> String {
    if text.contains(['@', '?', '#']) {
        return "the given address (not shown, it may hold a secret)".to_owned();
    }
    super::envelope::excerpt(text, "")
}

mod url_host {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use reqwest::Url;

    pub(super) fn is_loopback(url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return v6.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        }
        host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()) || host == "localhost"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_stays_here() {
        let table = [
            ("https://api.spotinst.io", Some("https://api.spotinst.io")),
            (" https://api.spotinst.io/ ", Some("https://api.spotinst.io")),
            ("https://proxy.example:8443/spot/", Some("https://proxy.example:8443/spot")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://127.8.9.10", Some("http://127.8.9.10")),
            ("http://[::1]:8080/x", Some("http://[::1]:8080/x")),
            ("http://localhost:1", Some("http://localhost:1")),
            ("http://LOCALHOST:1", Some("http://localhost:1")),
            ("http://localhost.evil.example", None),
            ("http://127.0.0.1.evil.example", None),
            ("http://10.0.0.1", None),
            ("http://0.0.0.0", None),
            ("http://api.spotinst.io", None),
            ("ftp://api.spotinst.io", None),
            ("unix:/run/x", None),
            ("api.spotinst.io", None),
            ("", None),
            ("https://", None),
            ("https://host/?x=1", None),
            ("https://host/#x", None),
            ("https://user@host", None),
            ("https://user:s3cret@host", None),
            ("https://:s3cret@host", None),
        ];
        for (text, expected) in table {
            let got = Endpoint::parse(text, false);
            assert_eq!(got.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text:?}");
            if let Err(error) = got {
                assert!(!error.to_string().contains("s3cret"), "{error}");
            }
        }
    }

    #[test]
    fn http_elsewhere_is_possible_when_allowed() {
        let endpoint = Endpoint::parse("http://10.0.0.1/a", true).unwrap();
        assert!(!endpoint.is_loopback());
        assert_eq!(endpoint.url("/b", &[]).as_str(), "http://10.0.0.1/a/b");
    }

    #[test]
    fn the_default_is_the_vendors() {
        assert_eq!(Endpoint::default().to_string(), VENDOR);
    }
}
