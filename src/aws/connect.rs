//! Configuration and credentials: the SDK's own chain with bounded waits and answers that tell "none" from "broken".

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::credentials::EnvironmentVariableCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::{
    Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient,
};
use secrecy::ExposeSecret;

use super::error::{Call, CredentialFailure, Redactor, UNDEFINED, chain_text};
use super::{Aws, AwsConfig, AwsError, Identity, StaticCredentials, transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 3;
/// On a laptop nobody answers at the metadata address, and nobody wants to wait for that.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// STS answers in every region; this one is on in every account of the ordinary partition.
const FALLBACK_REGION: &str = "us-east-1";

pub(super) async fn load(config: &AwsConfig) -> Result<(SdkConfig, Redactor), AwsError> {
    if let Some(url) = &config.endpoint_url {
        transport::check(url)?;
    }
    let http = transport::public();
    let region = region(config.profile.as_deref(), &http).await;
    let attempt = CredentialFailure::new(config);
    let found = credentials(config, &attempt, &http, region.clone());
    let credentials = tokio::time::timeout(config.timeout, found)
        .await
        .map_err(|_| AwsError::Timeout { attempt: attempt.attempt(), after: config.timeout })??;
    let redactor = Redactor::of(&credentials);

    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(config.timeout))
        .operation_timeout(config.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Ok(name) = AppName::new("spotinst-esg") {
        loader = loader.app_name(name);
    }
    let sdk = loader.http_client(http).load().await;
    let Some(url) = sdk.endpoint_url() else { return Ok((sdk, redactor)) };
    transport::check(url)?;
    let direct = transport::to(url);
    Ok((direct.map_or(sdk.clone(), |http| sdk.to_builder().http_client(http).build()), redactor))
}

pub(super) async fn identity(aws: &Aws) -> Result<Identity, AwsError> {
    let call = Call {
        attempt: "ask AWS whose credentials these are".to_owned(),
        action: "sts:GetCallerIdentity",
        redactor: &aws.redactor,
        timeout: aws.timeout,
    };
    let config = aws_sdk_sts::config::Builder::from(&aws.config).interceptor(transport::Guard);
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let sent = client.get_caller_identity().send().await;
    let reply = sent.map_err(|error| call.failure(error))?;
    match (reply.account, reply.arn, reply.user_id) {
        (Some(account), Some(arn), Some(user_id)) => Ok(Identity { account, arn, user_id }),
        _ => Err(call.bad_reply("account, name or user id is missing")),
    }
}

/// The first of: keys given as options, the profile given as option, the SDK's default chain.
async fn credentials(
    config: &AwsConfig,
    failure: &CredentialFailure,
    http: &SharedHttpClient,
    region: Option<aws_config::Region>,
) -> Result<Credentials, AwsError> {
    if let Some(keys) = &config.credentials {
        return Ok(from_options(keys));
    }
    let provider = ProviderConfig::without_region()
        .with_region(region)
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(http.clone());
    let metadata = metadata_provider(&provider);
    let profile = ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .with_custom_provider("Ec2InstanceMetadata", metadata.clone());
    if let Some(name) = &config.profile {
        let found = profile.profile_name(name).build().provide_credentials().await;
        return found.map_err(|error| match is_not_loaded(&error) {
            true => failure.nothing(&error),
            false => failure.of(&error),
        });
    }
    // One after the other: merely building the later ones loads the machine's root certificates.
    if let Some(found) = ask(EnvironmentVariableCredentialsProvider::new(), failure).await? {
        return Ok(found);
    }
    if let Some(found) = ask(profile.build(), failure).await? {
        return Ok(found);
    }
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(&provider).build();
    if let Some(found) = ask(web_identity, failure).await? {
        return Ok(found);
    }
    let container = EcsCredentialsProvider::builder().configure(&provider).build();
    if let Some(found) = ask(container, failure).await? {
        return Ok(found);
    }
    if !config.use_metadata_service {
        return Err(AwsError::NoCredentials);
    }
    // Where there is no metadata service anything may sit at its address, or drop what is sent there.
    metadata.provide_credentials().await.map_err(|_| AwsError::NoCredentials)
}

/// What one link of the chain has, if anything.
async fn ask(
    provider: impl ProvideCredentials,
    failure: &CredentialFailure,
) -> Result<Option<Credentials>, AwsError> {
    match provider.provide_credentials().await {
        Ok(found) => Ok(Some(found)),
        Err(error) if !is_not_loaded(&error) => Err(failure.of(&error)),
        // Here the SDK would go on; a user who set AWS_PROFILE must hear that it does not exist.
        Err(error) if chain_text(&error).contains(UNDEFINED) => Err(failure.nothing(&error)),
        Err(_) => Ok(None),
    }
}

fn from_options(keys: &StaticCredentials) -> Credentials {
    let token = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    let secret = keys.secret_access_key.expose_secret();
    Credentials::new(&keys.access_key_id, secret, token, None, "options")
}

/// Whether a provider has nothing to offer, as opposed to having failed.
///
/// The SDK tells by an enum of a crate it does not re-export, so the variant is recognised by its name.
fn is_not_loaded(error: &impl std::fmt::Debug) -> bool {
    format!("{error:?}").starts_with("CredentialsNotLoaded")
}

fn metadata_provider(provider: &ProviderConfig) -> SharedCredentialsProvider {
    let direct = provider.clone().with_http_client(transport::plain());
    let client = imds::Client::builder()
        .configure(&direct)
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_attempt_timeout(2 * METADATA_TIMEOUT)
        .operation_timeout(2 * METADATA_TIMEOUT)
        .build();
    let found = ImdsCredentialsProvider::builder().configure(&direct).imds_client(client).build();
    SharedCredentialsProvider::new(found)
}

/// The region of calls that need one and name none. The SDK's own chain would ask the metadata service.
async fn region(profile: Option<&str>, http: &SharedHttpClient) -> Option<aws_config::Region> {
    let provider = ProviderConfig::without_region().with_http_client(http.clone());
    let mut from_profile = ProfileFileRegionProvider::builder().configure(&provider);
    if let Some(name) = profile {
        from_profile = from_profile.profile_name(name);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(from_profile.build())
        .or_else(aws_config::Region::new(FALLBACK_REGION))
        .region()
        .await
}
