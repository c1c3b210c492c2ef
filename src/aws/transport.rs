//! Which servers are spoken to and how: TLS everywhere but on loopback, and there no proxy.

use std::net::IpAddr;

use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents, SharedHttpClient};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};

use super::AwsError;

/// For the world: TLS, through the environment's proxy.
pub(super) fn public() -> SharedHttpClient {
    client(|| Some(Provider::Rustls(CryptoMode::Ring)), ProxyConfig::from_env)
}

/// For an endpoint that has passed [`check`]. A proxy cannot reach this machine's loopback, and would see what is
/// meant to stay here; plain http needs no certificates, which take a while to load.
pub(super) fn to(endpoint: &str) -> Option<SharedHttpClient> {
    match reqwest::Url::parse(endpoint) {
        Ok(url) if is_loopback(&url) && url.scheme() == "http" => Some(plain()),
        Ok(url) if is_loopback(&url) => {
            Some(client(|| Some(Provider::Rustls(CryptoMode::Ring)), ProxyConfig::disabled))
        }
        _ => None,
    }
}

/// For questions that the SDK does not know, to an endpoint that has passed [`check`].
pub(super) fn questioner(endpoint: &str) -> reqwest::Result<reqwest::Client> {
    // Another part of the program may have chosen the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let is_here = reqwest::Url::parse(endpoint).is_ok_and(|url| is_loopback(&url));
    if is_here { builder.no_proxy() } else { builder }.build()
}

/// Neither TLS nor proxy: for loopback and the metadata service.
pub(super) fn plain() -> SharedHttpClient {
    client(|| None, ProxyConfig::disabled)
}

fn client(tls: fn() -> Option<Provider>, proxy: fn() -> ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        match tls() {
            Some(provider) => connector.tls_provider(provider).build(),
            None => connector.build_http(),
        }
    })
}

/// Whether requests may go there: they are signed, yet a session token travels as it is.
pub(super) fn check(endpoint: &str) -> Result<(), AwsError> {
    let Ok(url) = reqwest::Url::parse(endpoint) else {
        // Not shown: what cannot be taken apart may hold a password anywhere.
        return Err(refuse("…", "not a URL; write it as https://host:port"));
    };
    let shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(&shown, "user and password do not belong in it; AWS calls are signed"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err(refuse(&shown, "plain http is for loopback only; use https")),
        _ => Err(refuse(&shown, "only https, or http to loopback, is spoken")),
    }
}

fn refuse(url: &str, reason: &str) -> AwsError {
    AwsError::Endpoint { url: url.to_owned(), reason: reason.to_owned() }
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Checks where each request goes: the SDK reads endpoints of single services, such as `AWS_ENDPOINT_URL_EC2`, when a
/// call is made and tells nobody.
#[derive(Debug)]
pub(super) struct Guard;

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "endpoint guard"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(check(context.request().uri())?)
    }
}
