//! What runs in the account.

use std::process::Command;

use serde_json::Value;

use super::{INVENTORY, Scene, announce, present};
use crate::process::{self, Failure, say};
use crate::{findings, python};

/// Shows the inventory twice, as a tree and whole, and says what is in it.
pub(super) fn show(scene: &Scene) -> Result<(), Failure> {
    present(&mut command(scene, "--graph"))?;
    let first = calls(scene)?;
    let mut list = command(scene, "--list");
    announce(&list);
    let text = process::output(&mut list)?;
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Other(format!("ansible-inventory wrote no JSON: {error}")))?;
    say(&findings::shortened(&document));

    let second = calls(scene)?.split_off(first.len());
    say("\nWhat this shows:");
    for line in findings::explain(&document, &first, &second) {
        say(&format!("  - {line}"));
    }
    Ok(())
}

fn command(scene: &Scene, how: &str) -> Command {
    let mut command = scene.ansible("ansible-inventory");
    command.args(["-i", INVENTORY, how]);
    command
}

/// The calls that the simulator got, as `GET /path`, oldest first.
fn calls(scene: &Scene) -> Result<Vec<String>, Failure> {
    const ASK: &str = "import json, sys, urllib.request as r; \
                       o = r.build_opener(r.ProxyHandler({})); \
                       [print(c['method'], c['path']) for c in \
                       json.load(o.open(sys.argv[1] + '/_sim/requests', timeout=10))['requests']]";
    let mut python = python::program(&scene.parts.ansible, "python");
    let text = process::output(python.args(["-c", ASK, &scene.url]))?;
    Ok(text.lines().map(str::to_owned).collect())
}
