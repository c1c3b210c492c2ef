//! A market that was written down, to be ranked again.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::MarketError;
use crate::domain::{Market, Region};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    schema_version: u32,
    market: Market,
}

/// Writes a market down, whole or not at all.
///
/// # Errors
///
/// The file cannot be written.
pub fn keep(market: &Market, path: &Path) -> Result<(), MarketError> {
    let kept = Kept { schema_version: VERSION, market: market.clone() };
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| failed("write", path, &error))?;
    whole(path, &text)
}

/// Reads one.
///
/// # Errors
///
/// There is none, it cannot be read, or it is of another region.
pub fn kept(path: &Path, region: &Region) -> Result<Market, MarketError> {
    let bytes = std::fs::read(path).map_err(|error| failed("read", path, &error))?;
    let kept: Kept =
        serde_json::from_slice(&bytes).map_err(|error| failed("read", path, &error))?;
    if kept.schema_version != VERSION {
        let found = kept.schema_version;
        return Err(failed(
            "read",
            path,
            &format!("its version is {found}, and {VERSION} is known"),
        ));
    }
    if kept.market.region != *region {
        return Err(MarketError::OtherRegion {
            place: path.display().to_string(),
            found: kept.market.region.to_string(),
            region: region.to_string(),
        });
    }
    Ok(kept.market)
}

/// Writes a file, whole or not at all.
pub(super) fn whole(path: &Path, bytes: &[u8]) -> Result<(), MarketError> {
    let fail = |error: std::io::Error| failed("write", path, &error);
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    file.persist(path).map(drop).map_err(|error| fail(error.error))
}

fn failed(attempt: &'static str, path: &Path, error: &dyn std::fmt::Display) -> MarketError {
    MarketError::File { attempt, path: path.to_owned(), reason: error.to_string() }
}
