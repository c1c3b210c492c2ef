//! How often types are taken back, from the feed of the public spot advisor or a copy of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;

use super::MarketError;
use crate::domain::{Interruption, Region, Sourced};

/// The feed has some 2 MB.
const LARGEST: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// What of the feed is used. Source: `spot-advisor-data.json`.
#[derive(Deserialize)]
struct Feed {
    spot_advisor: BTreeMap<String, BTreeMap<String, BTreeMap<String, Rating>>>,
}

#[derive(Deserialize)]
struct Rating {
    r: u64,
}

/// Reads the feed at an address or in a file.
///
/// A file is as old as its last change says; what was fetched is as old as `now`.
///
/// # Errors
///
/// It cannot be read, is no feed, or says nothing of the region.
pub(super) fn read(
    source: &str,
    path: &std::path::Path,
    region: &Region,
    now: Timestamp,
) -> Result<Sourced<BTreeMap<String, Interruption>>, MarketError> {
    let fail = |reason: String| MarketError::Feed { source_name: shown(source), reason };
    let (text, at) = if source.contains("://") {
        (fetch(source).map_err(fail)?, now)
    } else {
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let changed = file.metadata().and_then(|it| it.modified()).ok();
        let changed = changed.and_then(|at| Timestamp::try_from(at).ok());
        (bounded(file).map_err(fail)?, changed.unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let feed: Feed = serde_json::from_str(&text)
        .map_err(|error| fail(format!("it is not the spot advisor's: {error}")))?;
    let systems = feed.spot_advisor.get(region.as_str());
    let ratings = systems.and_then(|systems| systems.get("Linux"));
    let Some(ratings) = ratings else {
        return Err(fail(format!("it says nothing of Linux in region {region}")));
    };
    // An interval that the feed may have tomorrow is not known, and so none.
    let rates = ratings
        .iter()
        .filter_map(|(name, rating)| Some((name.clone(), Interruption::from_index(rating.r)?)));
    Ok(Sourced { source: shown(source), at, data: rates.collect() })
}

/// Without user, password and query: they may be secret.
fn shown(source: &str) -> String {
    match Url::parse(source) {
        Ok(url) if source.contains("://") => {
            format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
        }
        Ok(_) | Err(_) => source.to_owned(),
    }
}

fn fetch(source: &str) -> Result<String, String> {
    let url = Url::parse(source).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        _ => return Err("only https, or http to loopback, is spoken".to_owned()),
    }
    // Another part of the program may have chosen the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::blocking::Client::builder().timeout(PATIENCE);
    if is_loopback {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| error.to_string())?;
    let answer = client.get(url).send().map_err(|error| error.without_url().to_string())?;
    if !answer.status().is_success() {
        return Err(format!("the server answered {}", answer.status()));
    }
    bounded(answer)
}

fn bounded(reader: impl Read) -> Result<String, String> {
    let mut text = String::new();
    reader.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    Ok(text)
}
