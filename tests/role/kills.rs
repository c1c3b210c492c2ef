//! `kill -9` of Ansible in the middle of a roll, at several moments.

#![allow(
    clippy::disallowed_methods,
    reason = "a test that waits for another process measures its patience"
)]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::site::{NEW, Site, changed};
use crate::support::ansible::VERSIONS;
use crate::support::killing::kill;

/// Looks until it is so; panics after half a minute.
pub(crate) fn await_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The events of the newest journal.
fn events(site: &Site) -> Vec<String> {
    let Some(journal) = site.journals().pop() else { return Vec::new() };
    let text = fs::read_to_string(journal).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let event = entry["event"].as_str().unwrap();
            format!("{event} {}", entry["phase"].as_str().unwrap_or_default()).trim().to_owned()
        })
        .collect()
}

#[test]
fn a_roll_that_is_killed_anywhere_goes_on_when_it_is_run_again() {
    // The event after which it is killed, and the how manieth such event.
    let moments = [
        ("suspending", 1),
        ("entered draining", 1),
        ("entered stopped", 1),
        ("entered mid_gate", 1),
        ("recycled", 1),
        ("entered identity", 1),
        ("entered starting", 1),
        ("entered post_gate", 1),
        ("entered done", 1),
        ("entered stopped", 2),
        ("recycled", 2),
    ];
    let more = json!({});
    for (index, (event, count)) in moments.into_iter().enumerate() {
        let version = VERSIONS[index % 2];
        let site = Site::with(2);
        let before = site.settings();
        let mut command = site.command(version, "spotinst.esg.recycle", &more);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        await_until(|| events(&site).iter().filter(|it| *it == event).count() >= count);
        kill(child);
        let run = site.roll(version, &more, &[]);
        assert_eq!(run.code, 0, "{event} {count}: {}\n{}", run.stdout, run.stderr);
        site.assert_recycled_once(&site.nodes());
        assert_eq!(site.images(), [NEW, NEW], "{event} {count}");
        assert_eq!(site.journals().len(), 1, "{event} {count}: it went on with the same run");
        site.assert_restored(before, NEW);
        for node in site.nodes() {
            assert!(site.told(&node).ends_with("started"), "{event} {count}: {}", site.told(&node));
        }
        assert_eq!(changed(&site.roll(version, &more, &[])), 0, "{event} {count}");
    }
}
