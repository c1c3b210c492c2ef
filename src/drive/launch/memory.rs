//! What lacked capacity a while ago, so that it is not asked for again at once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::launch::Place;

/// The file of what lacked capacity. It is a help and no more: one that cannot be read or written is as good as none.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    /// For how long it is remembered, in seconds.
    patience: i64,
}

#[derive(Serialize, Deserialize)]
struct Shortage {
    region: String,
    place: Place,
    at: Timestamp,
}

impl Memory {
    /// In this file.
    pub fn new(path: PathBuf, patience_s: u32) -> Self {
        Self { path, patience: i64::from(patience_s) }
    }

    /// What lacks capacity in a region, as far as it is known to be young enough.
    pub fn places(&self, region: &str, now: Timestamp) -> BTreeSet<Place> {
        let all = self.all(now).into_iter().filter(|it| it.region == region);
        all.map(|it| it.place).collect()
    }

    /// Remembers these, too.
    pub fn add(&self, region: &str, places: &BTreeSet<Place>, now: Timestamp) {
        if places.is_empty() || self.patience == 0 {
            return;
        }
        let mut all = self.all(now);
        all.retain(|it| it.region != region || !places.contains(&it.place));
        let fresh = places.iter().map(|place| Shortage {
            region: region.to_owned(),
            place: place.clone(),
            at: now,
        });
        all.extend(fresh);
        if let (Ok(text), Some(folder)) = (serde_json::to_vec(&all), self.path.parent()) {
            let written = tempfile::NamedTempFile::new_in(folder)
                .and_then(|file| std::fs::write(file.path(), &text).map(|()| file));
            if let Ok(file) = written {
                file.persist(&self.path).map(drop).unwrap_or_default();
            }
        }
    }

    fn all(&self, now: Timestamp) -> Vec<Shortage> {
        let read = std::fs::read(&self.path).unwrap_or_default();
        let mut all: Vec<Shortage> = serde_json::from_slice(&read).unwrap_or_default();
        let age = |it: &Shortage| now.as_second() - it.at.as_second();
        all.retain(|it| (0..self.patience).contains(&age(it)));
        all
    }
}
