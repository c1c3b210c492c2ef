use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::ansible::{Context, Failure, Module, Planned};

/// Makes things.
///
/// With `state` it unmakes them, see `man thing`.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-if" = [["state", "absent", ["disks"]]]))]
#[expect(dead_code, reason = "only the schema is of interest")]
struct Args {
    /// What is wanted: it's up to you.
    #[serde(default)]
    state: State,
    /// Disks.
    #[serde(default)]
    disks: Vec<Disk>,
    /// Share.
    #[schemars(range(min = 1, max = 100), extend("x-version-added" = "0.2.0"))]
    share: Option<u8>,
    /// Key.
    #[schemars(extend("x-no-log" = true, "x-env" = ["KEY", "OTHER_KEY"], "x-aliases" = ["k"]))]
    key: String,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there,
    /// with `disks`.
    #[default]
    Present,
    /// It is not.
    Absent,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Disk {
    /// Device.
    device: String,
    /// Kind.
    #[serde(default)]
    kind: Kind,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Fast,
    Slow,
}

#[derive(Serialize, JsonSchema)]
struct Returns {
    /// Things.
    #[schemars(extend("x-returned" = "always"))]
    things: Vec<Thing>,
    /// First.
    first: Option<Thing>,
}

#[derive(Serialize, JsonSchema)]
struct Thing {
    /// Id.
    #[schemars(extend("x-sample" = "t-1"))]
    id: String,
    /// Size.
    size: Option<u64>,
}

struct Makes;

impl Module<()> for Makes {
    type Args = Args;
    type Returns = Returns;
    const NAME: &'static str = "thing";
    const EXAMPLES: &'static str = "- name: Make one\n  a.b.thing:\n    key: x\n\n";
    const CHANGES: bool = true;
    const FORMER_NAMES: &'static [&'static str] = &["old_thing"];

    fn plan<'c>(&self, _: Args, _: Context<'c, ()>) -> Result<Planned<'c, Returns>, Failure> {
        Err(Failure::new("never asked"))
    }
}

const COLLECTION: Collection = Collection {
    name: "a.b",
    author: "nobody",
    requirements: &["things"],
    program: "thinger",
    action: "a.b.runs",
    requires_ansible: ">=2.17.0",
    former_names_until: "2.0.0",
};

fn files() -> Vec<(String, String)> {
    documentation(&COLLECTION, &[&Makes as &dyn AnyModule<()>, &Stands]).unwrap()
}

/// Another one.
struct Stands;

impl Module<()> for Stands {
    type Args = Disk;
    type Returns = Returns;
    const NAME: &'static str = "stands";
    const EXAMPLES: &'static str = "";
    const CHANGES: bool = false;

    fn plan<'c>(&self, _: Disk, _: Context<'c, ()>) -> Result<Planned<'c, Returns>, Failure> {
        Err(Failure::new("never asked"))
    }
}

/// The YAML between `NAME = r'''` and the next quotes.
fn part(name: &str) -> Value {
    let (path, text) = &files()[0];
    assert_eq!(path, "plugins/modules/thing.py");
    let start = format!("\n{name} = r'''\n");
    let text = text.split(&start).nth(1).unwrap().split("'''").next().unwrap();
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn types_become_the_documentation_of_options() {
    let about = part("DOCUMENTATION");
    assert_eq!(about["short_description"], "Makes things");
    assert_eq!(about["description"], json!(["With O(state) it unmakes them, see C(man thing)."]));
    let options = &about["options"];
    let state = json!({
        "description": ["What is wanted: it's up to you."],
        "type": "str",
        "choices": {"present": ["It is there, with O(disks)."], "absent": ["It is not."]},
        "default": "present",
    });
    assert_eq!(options["state"], state);
    let disks = json!({
        "description": ["Disks."], "type": "list", "elements": "dict",
        "suboptions": {
            "device": {"description": ["Device."], "type": "str", "required": true},
            "kind": {"description": ["Kind."], "type": "str", "choices": ["fast", "slow"], "default": "fast"},
        },
    });
    assert_eq!(options["disks"], disks);
    let share = json!({
        "description": ["Share.", "From V(1) to V(100)."], "type": "int", "version_added": "0.2.0",
    });
    assert_eq!(options["share"], share);
    assert_eq!(options["key"]["required"], true);
    let words = "If not given, the environment variable E(KEY) or E(OTHER_KEY) is used.";
    assert_eq!(options["key"]["description"][1], words);
    assert_eq!(about["attributes"]["diff_mode"]["support"], "full");
}

#[test]
fn examples_stay_as_they_are_and_returns_come_from_their_type() {
    assert_eq!(part("EXAMPLES"), json!([{"name": "Make one", "a.b.thing": {"key": "x"}}]));
    let returns = part("RETURN");
    let contains = json!({
        "id": {"description": ["Id."], "type": "str", "sample": "t-1"},
        "size": {"description": ["Size."], "type": "int"},
    });
    let things = json!({
        "description": ["Things."], "returned": "always", "type": "list", "elements": "dict", "contains": contains,
    });
    assert_eq!(returns["things"], things);
    let first = json!({"description": ["First."], "returned": "when known", "type": "dict", "contains": contains});
    assert_eq!(returns["first"], first);
    assert_eq!(returns["retryable"]["returned"], "failure");
}

#[test]
fn python_gets_the_same_options() {
    let (_, text) = &files()[0];
    for line in [
        "            'share': {'type': 'int'},\n",
        "            'key': {'type': 'str', 'required': True, 'aliases': ['k'], 'no_log': True},\n",
        "        required_if=[['state', 'absent', ['disks']]],\n",
        "                    'kind': {'type': 'str', 'choices': ['fast', 'slow'], 'default': 'fast'},\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
}

#[test]
fn modules_are_routed_grouped_and_redirected() {
    let (path, text) = files().pop().unwrap();
    assert_eq!(path, "meta/runtime.yml");
    let runtime: Value = serde_yaml::from_str(&text).unwrap();
    let expected = json!({
        "requires_ansible": ">=2.17.0",
        "action_groups": {"all": ["thing", "stands"], "b": ["thing", "stands"]},
        "plugin_routing": {"modules": {
            "thing": {"action_plugin": "a.b.runs"},
            "old_thing": {
                "redirect": "a.b.thing",
                "deprecation": {"removal_version": "2.0.0", "warning_text": "Use a.b.thing instead."},
            },
            "stands": {"action_plugin": "a.b.runs"},
        }},
    });
    assert_eq!(runtime, expected);
}
