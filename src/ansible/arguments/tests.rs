use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

/// Makes or removes a thing.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend(
    "x-mutually-exclusive" = [["image_id", "image"]],
    "x-required-together" = [["user", "password"]],
    "x-required-one-of" = [["id", "name"]],
    "x-required-if" = [["state", "present", ["size"]]]
))]
#[expect(dead_code, reason = "only the schema is of interest")]
struct Args {
    /// What is wanted.
    #[serde(default)]
    state: State,
    /// Id.
    id: Option<String>,
    /// Name.
    #[schemars(extend("x-aliases" = ["title", "label"]))]
    name: Option<String>,
    /// Size.
    #[schemars(range(min = 1, max = 10))]
    size: Option<u32>,
    /// Share.
    #[serde(default)]
    #[schemars(range(max = 1.0))]
    share: f64,
    /// Zones.
    #[serde(default)]
    zones: Vec<Zone>,
    /// Tags.
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
    /// Disks.
    #[serde(default)]
    disks: Vec<Disk>,
    /// Image.
    image_id: Option<String>,
    /// Image.
    image: Option<Image>,
    /// User.
    user: Option<String>,
    /// Password.
    #[schemars(extend("x-no-log" = true))]
    password: Option<String>,
    /// Wait.
    #[serde(default = "yes")]
    wait: bool,
    /// Anything.
    extra: Option<Value>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not.
    Absent,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Zone {
    A,
    B,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Disk {
    /// Device.
    device: String,
    /// Gigabytes.
    #[serde(default)]
    #[schemars(extend("x-aliases" = ["gb"]))]
    size: u16,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Image {
    /// Name.
    name: String,
    /// Key.
    #[schemars(extend("x-no-log" = true))]
    key: Option<String>,
}

fn checked(raw: Value) -> Checked {
    let Value::Object(raw) = raw else { panic!("{raw}") };
    check(&ArgumentSpec::of::<Args>().unwrap(), "thing", raw)
}

fn taken(raw: Value) -> Value {
    let checked = checked(raw);
    let arguments = checked.arguments.unwrap_or_else(|e| panic!("{e}"));
    let value = Value::Object(arguments);
    serde_json::from_value::<Args>(value.clone()).unwrap_or_else(|e| panic!("{e}: {value}"));
    value
}

#[test]
fn the_type_says_all_about_the_options() {
    let spec = ArgumentSpec::of::<Args>().unwrap();
    let option = |name: &str| spec.option(name).unwrap();
    assert_eq!(spec.description, ["Makes or removes a thing."]);
    let Shape::Str(choices) = &option("state").shape else { panic!() };
    assert_eq!(choices[1].value, "absent");
    assert_eq!(choices[1].description.as_deref(), Some("It is not."));
    assert_eq!(option("state").default, Some(json!("present")));
    assert_eq!(option("label").name, "name");
    assert_eq!(option("size").shape, Shape::Int(Some(1), Some(10)));
    assert_eq!(option("share").shape, Shape::Float(None, Some(1.0)));
    assert_eq!((option("password").no_log, option("user").no_log), (Some(true), None));
    let Shape::List(element) = &option("disks").shape else { panic!() };
    let Shape::Options(disk) = element.as_ref() else { panic!() };
    assert!(disk.options[0].required && !disk.options[1].required);
    let Shape::Options(image) = &option("image").shape else { panic!() };
    assert_eq!(image.options.len(), 2);
}

/// Both would otherwise show as an option that is neither required nor has a default.
#[test]
fn a_default_that_the_schema_leaves_out_is_refused() {
    #[derive(Default, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only the schema is of interest")]
    enum NotSerialize {
        #[default]
        A,
    }
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Silent {
        #[serde(default)]
        state: NotSerialize,
    }
    let fault = ArgumentSpec::of::<Silent>().unwrap_err().to_string();
    assert!(fault.starts_with("option state is neither required nor optional"), "{fault}");
}

#[test]
fn a_group_of_unknown_options_and_a_name_taken_twice_are_refused() {
    #[derive(Deserialize, JsonSchema)]
    #[schemars(extend("x-required-one-of" = [["a", "c"]]))]
    #[allow(dead_code, reason = "only the schema is of interest")]
    struct Unknown {
        a: Option<String>,
    }
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Twice {
        a: Option<String>,
        #[schemars(extend("x-aliases" = ["a"]))]
        b: Option<String>,
    }
    assert!(ArgumentSpec::of::<Unknown>().unwrap_err().to_string().contains("option c"));
    assert!(
        ArgumentSpec::of::<Twice>().unwrap_err().to_string().contains("option a is there twice")
    );
}

#[test]
fn what_is_typed_becomes_what_is_meant() {
    let typed = json!({
        "_ansible_check_mode": true, "_ansible_from_tomorrow": {}, "state": "absent", "title": 5, "size": "3",
        "zones": "a, b", "tags": "Role=kafka n=1", "disks": [{"device": "/dev/sdb", "gb": "20"}], "wait": "no",
        "image": "name=x", "extra": [1, "2"], "id": "", "share": null,
    });
    let meant = json!({
        "state": "absent", "name": "5", "size": 3, "share": 0.0, "zones": ["a", "b"],
        "tags": {"Role": "kafka", "n": "1"}, "disks": [{"device": "/dev/sdb", "size": 20}],
        "image": {"name": "x"}, "wait": false, "extra": [1, "2"],
    });
    assert_eq!(taken(typed), meant);
}

#[test]
fn what_is_refused_is_refused_in_ansibles_words() {
    let base = json!({"name": "x", "state": "absent"});
    for (more, words) in [
        (
            json!({"nmae": 1}),
            "Unsupported parameters for (thing) module: nmae (did you mean name?). Supported parameters include: disks, extra",
        ),
        (json!({"zonk": 1}), "module: zonk. Supported"),
        (json!({"zonk": 1, "tag": 1}), "module: tag (did you mean tags?), zonk. Supported"),
        (json!({"name": null}), "one of the following is required: id, name"),
        (json!({"state": "gone"}), "value of state must be one of: present, absent, got: gone"),
        (
            json!({"state": "present"}),
            "state is present but all of the following are missing: size",
        ),
        (json!({"size": 11}), "value of size must be from 1 to 10, got: 11"),
        (
            json!({"size": "x"}),
            "argument 'size' is of type <class 'str'> and we were unable to convert to int: \"x\" cannot be converted to an int",
        ),
        (json!({"share": 1.5}), "value of share must be 1 or less, got: 1.5"),
        (json!({"zones": ["a", "c"]}), "value of zones must be one of: a, b, got: c"),
        (
            json!({"zones": {}}),
            "argument 'zones' is of type <class 'dict'> and we were unable to convert to list",
        ),
        (
            json!({"zones": [["a"]]}),
            "Elements value for option 'zones' is of type <class 'list'> and we were unable to convert to str",
        ),
        (
            json!({"tags": "x"}),
            "unable to convert to dict: dictionary requested, could not parse JSON or key=value",
        ),
        (json!({"disks": [{"size": 1}]}), "missing required arguments: device found in disks"),
        (
            json!({"disks": [{"device": "a", "size": "x"}]}),
            "argument 'size' is of type <class 'str'> found in disks and we were unable",
        ),
        (
            json!({"disks": [{"device": "a", "sise": 1}]}),
            "module: disks.sise (did you mean size?). Supported parameters include: device, size (gb).",
        ),
        (
            json!({"image_id": "a", "image": {"name": "b"}}),
            "parameters are mutually exclusive: image_id|image",
        ),
        (json!({"user": "u"}), "parameters are required together: user, password"),
        (
            json!({"wait": "perhaps"}),
            "argument 'wait' is of type <class 'str'> and we were unable to convert to bool: the value \"perhaps\"",
        ),
    ] {
        let mut raw = base.clone();
        raw.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let why = checked(raw).arguments.unwrap_err();
        assert!(why.contains(words), "{why}");
        assert_eq!(why.lines().count(), 1);
    }
}

#[test]
fn ansible_calls_the_module_as_the_task_does() {
    let why = checked(json!({"x": 1, "_ansible_module_name": "a.b.thing"})).arguments.unwrap_err();
    assert!(why.starts_with("Unsupported parameters for (a.b.thing) module: x."), "{why}");
    let ignoring =
        json!({"zonk": 1, "name": "a", "state": "absent", "_ansible_ignore_unknown_opts": true});
    assert_eq!(taken(ignoring)["name"], "a");
}

#[test]
fn settings_are_read_in_any_form_and_missing_ones_mean_no() {
    let typed =
        json!({"_ansible_check_mode": "yes", "_ansible_diff": true, "_ansible_verbosity": 3});
    let settings = checked(typed).settings;
    assert!(settings.check_mode && settings.diff);
    assert_eq!(settings.verbosity, 3);
    assert_eq!(checked(json!({})).settings, Settings::default());
}

/// As in Ansible: the last alias wins, with a warning for each.
#[test]
fn an_alias_beside_its_option_wins_with_a_warning() {
    let both = checked(json!({"name": "a", "label": "b", "state": "absent"}));
    assert_eq!(both.warnings, ["Both option name and its alias label are set."]);
    assert_eq!(both.arguments.unwrap()["name"], "b");
}

#[test]
fn secrets_are_known_before_anything_is_said() {
    let typed = json!({"password": "p", "image": "{\"name\": \"x\", \"key\": \"k\"}", "zonk": 1});
    assert_eq!(checked(typed).secrets, ["p", "k"]);
}

proptest! {
    #[test]
    fn checking_what_was_checked_changes_nothing(
        name in "[a-z ]{1,12}", size in 1u32..=10, wait in any::<bool>(), zones in prop::collection::vec("[ab]", 0..4),
    ) {
        let typed = json!({"name": name, "size": size.to_string(), "wait": if wait { "yes" } else { "off" }, "zones": zones});
        let once = taken(typed);
        prop_assert_eq!(taken(once.clone()), once);
    }

    #[test]
    fn nothing_that_can_be_typed_breaks_the_check(name in "[a-z_]{1,8}", text in ".*") {
        let mut raw = Map::new();
        raw.insert(name, Value::from(text.clone()));
        for option in ["state", "size", "zones", "tags", "disks", "image", "wait", "extra", "password"] {
            raw.insert(option.to_owned(), Value::from(text.clone()));
            let _ = checked(Value::Object(raw.clone()));
            raw.shift_remove(option);
        }
    }
}

/// What an empty text means depends on the option: not given, or an empty text that may be refused.
#[test]
fn an_empty_text_is_given_where_leaving_it_out_would_ask_for_less() {
    /// Looks.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Looks {
        /// Name.
        name: Option<String>,
        /// Pattern.
        #[schemars(extend("x-keeps-empty" = true))]
        pattern: Option<String>,
        /// Limit.
        #[schemars(extend("x-keeps-empty" = true))]
        limit: Option<f64>,
        /// Objects.
        #[schemars(extend("x-keeps-empty" = true))]
        objects: Option<Vec<String>>,
        /// Value.
        #[schemars(extend("x-keeps-empty" = true))]
        value: Option<Value>,
    }
    let spec = ArgumentSpec::of::<Looks>().unwrap();
    let check = |raw: Value| {
        let Value::Object(raw) = raw else { panic!("{raw}") };
        check(&spec, "looks", raw).arguments.map(Value::Object)
    };
    let empty = json!({"name": "", "pattern": "", "objects": "", "value": ""});
    assert_eq!(check(empty), Ok(json!({"pattern": "", "objects": [], "value": ""})));
    for name in ["pattern", "limit", "objects", "value"] {
        let refused = check(json!({name: null})).unwrap_err();
        let words =
            format!("option {name} is empty (null): give it a value, or leave the option out");
        assert_eq!(refused, words);
    }
    let refused = check(json!({"limit": ""})).unwrap_err();
    assert!(refused.contains("'limit' is of type <class 'str'>"), "{refused}");
}

/// A variable that is not set is null or an empty text, and a filter that finds nothing an empty list.
#[test]
fn an_empty_value_is_refused_where_leaving_it_out_means_more() {
    /// Rolls.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Rolls {
        /// Only.
        #[schemars(extend("x-refuses-empty" = "for the whole group"))]
        only: Option<Vec<String>>,
        /// Inner.
        inner: Option<Vec<Inner>>,
        /// Zones.
        zones: Option<Vec<String>>,
    }
    /// Inner.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of interest")]
    struct Inner {
        /// Image.
        #[schemars(extend("x-refuses-empty" = "for any"))]
        image: Option<String>,
    }
    let spec = ArgumentSpec::of::<Rolls>().unwrap();
    let check = |raw: Value| {
        let Value::Object(raw) = raw else { panic!("{raw}") };
        check(&spec, "rolls", raw).arguments.map(Value::Object)
    };
    for (typed, words) in [
        (
            json!({"only": null}),
            "option only is empty (null): give it a value, or leave the option out for the whole group",
        ),
        (json!({"only": " "}), "option only is empty (an empty text): "),
        (json!({"only": []}), "option only is empty (an empty list): "),
        (json!({"only": ","}), "option only is empty (an empty list): "),
        (json!({"only": ["a", ""]}), "option only holds an empty text: take it out of the list"),
        (json!({"only": ["a", null]}), "element 2 of 2 is null, so take it out"),
        (json!({"only": [null]}), "element 1 of 1 is null, so take it out"),
        (json!({"zones": ["a", null]}), "element 2 of 2 is null, so take it out"),
        (json!({"inner": [{"image": null}]}), "option image is empty (null) found in inner: "),
        (
            json!({"inner": [{"image": ""}]}),
            "option image is empty (an empty text) found in inner: ",
        ),
    ] {
        let refused = check(typed.clone()).unwrap_err();
        assert!(refused.contains(words), "{typed}: {refused}");
    }
    assert_eq!(check(json!({})), Ok(json!({})));
    assert_eq!(check(json!({"zones": null})), Ok(json!({})), "others are as Ansible has it");
    assert_eq!(check(json!({"zones": []})), Ok(json!({"zones": []})));
    assert_eq!(check(json!({"only": "a,b"})), Ok(json!({"only": ["a", "b"]})));
}
