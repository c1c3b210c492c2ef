//! The product's gates, asked about real servers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::yard::Node;
use crate::support::cli::Desk;
use crate::support::module::call;

/// How a technology's gate is asked.
pub(crate) trait Asked {
    /// The options of the gate but for name, phase and target.
    fn options(&self, nodes: &[Node]) -> Value;

    /// A node as the gate calls it.
    fn name(&self, node: &Node) -> String;
}

/// What a gate said.
pub(crate) struct Said {
    pub(crate) verdict: String,
    /// Name and object of what does not pass, without the gate's name.
    pub(crate) unmet: BTreeSet<(String, String)>,
    /// All of it, for a test that fails.
    pub(crate) whole: String,
}

impl Said {
    /// The names of what does not pass.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.unmet.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Fails unless the gate is open.
    pub(crate) fn open(&self) {
        assert_eq!(self.verdict, "pass", "{}", self.whole);
    }

    /// Fails unless the gate is shut for this, whatever else is in the way.
    pub(crate) fn shut_for(&self, names: &[&str]) {
        assert_ne!(self.verdict, "pass", "{}", self.whole);
        let missing: Vec<_> = names.iter().filter(|name| !self.names().contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}: {}", self.whole);
    }
}

/// Watches the gate for as long as `more` says, one look if it says nothing.
pub(crate) fn gate(
    asked: &dyn Asked,
    nodes: &[Node],
    phase: &str,
    target: &Node,
    more: &Value,
) -> Said {
    let mut options = asked.options(nodes);
    options["name"] = json!("g");
    options["phase"] = json!(phase);
    options["target"] = json!(asked.name(target));
    options["timeout"] = json!(5);
    let mut arguments = json!({"gates": [options], "samples": 1, "spacing": 1, "wait_timeout": 0});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let answer = call(&Desk::with(""), "cluster_gate", &arguments).answer;
    let predicates = answer["predicates"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let unmet = predicates.iter().filter(|it| it["verdict"] != "pass" && it["waived"] == false);
    let unmet = unmet.map(|it| (text(it, "name").replace("g.", ""), text(it, "object"))).collect();
    Said { verdict: text(&answer, "verdict"), unmet, whole: answer.to_string() }
}

/// The same for brokers whose ensemble is asked elsewhere.
pub(crate) fn patient_beside_an_ensemble() -> Value {
    let waiver = json!({"predicate": "g.ensemble_asked", "reason": "it is asked elsewhere"});
    json!({"samples": 2, "wait_timeout": 60, "waivers": [waiver]})
}

/// For a cluster that is still on its way: looks each second, twice in a row, for up to a minute.
pub(crate) fn patient() -> Value {
    json!({"samples": 2, "wait_timeout": 60})
}
