//! The rest of the command line: doctor, completions, version, exit codes, output forms.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::{Value, json};
use support::cli::{ACCOUNT, CANARY, Desk, ran};

fn checks(desk: &Desk, change: impl FnOnce(&mut std::process::Command)) -> (i32, Vec<Value>) {
    let mut command = desk.command();
    command.args(["doctor", "--output", "json"]);
    change(&mut command);
    let run = ran(command.output().unwrap());
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{run:?}");
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}")))
}

fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("{name}: {checks:?}"))
}

#[test]
fn doctor_names_the_source_of_everything_and_what_it_reached() {
    let desk = Desk::kafka();
    desk.file(
        ".spotinst/credentials",
        &format!("[default]\ntoken = {CANARY}\naccount = {ACCOUNT}\n"),
    );
    let (code, all) = checks(&desk, |command| {
        command.env_remove("SPOTINST_API_TOKEN");
    });
    assert_eq!(code, 0, "{all:?}");
    assert!(
        check(&all, "token")["found"].as_str().unwrap().contains("~/.spotinst/credentials"),
        "{all:?}"
    );
    assert!(
        check(&all, "account")["found"]
            .as_str()
            .unwrap()
            .contains("environment SPOTINST_ACCOUNT_ID")
    );
    assert!(
        check(&all, "endpoint")["found"]
            .as_str()
            .unwrap()
            .contains("environment SPOTINST_BASE_URL")
    );
    let groups = check(&all, "groups")["found"].as_str().unwrap();
    assert!(groups.contains("1 groups, 1 of them stateful, in eu-west-1"), "{groups}");
    assert!(check(&all, "accounts")["found"].as_str().unwrap().contains(ACCOUNT));
    assert!(check(&all, "rate limit")["found"].as_str().unwrap().contains("of 100000 left"));
    assert_eq!(check(&all, "ansible")["health"], "warn", "it is not on this PATH");
    assert!(
        check(&all, "credentials file")["found"].as_str().unwrap().contains("chmod"),
        "{all:?}"
    );
}

#[test]
fn doctor_says_what_to_do_about_each_fault_and_exits_with_the_first() {
    let desk = Desk::kafka();
    let (code, all) = checks(&desk, |command| {
        command.env_remove("SPOTINST_API_TOKEN");
    });
    assert_eq!(code, 3);
    assert_eq!(check(&all, "token")["health"], "fail");
    assert!(check(&all, "token")["advice"].as_str().unwrap().contains("SPOTINST_API_TOKEN"));
    let (code, all) = checks(&desk, |command| {
        command.env("SPOTINST_API_TOKEN", "wrong");
    });
    assert_eq!(code, 3, "{all:?}");
    let (code, all) = checks(&desk, |command| {
        command.env("SPOTINST_ACCOUNT_ID", "act-ffffffff");
    });
    assert_eq!(code, 4, "{all:?}");
    assert_eq!(check(&all, "groups")["health"], "fail");
    let (code, _) = checks(&desk, |command| {
        command.env("SPOTINST_BASE_URL", "http://192.0.2.1");
    });
    assert_eq!(code, 2, "plain http to another computer");
    let file = desk.options("timeout: 2\nspotinst_base_url: http://127.0.0.1:9");
    let (code, all) = checks(&desk, |command| {
        command.arg("--config").arg(file);
    });
    assert!([1, 6].contains(&code), "{all:?}");
    assert!(
        check(&all, "endpoint")["found"].as_str().unwrap().contains("option spotinst_base_url")
    );
}

#[test]
fn doctor_warns_where_only_listing_accounts_is_not_allowed() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}, access: accounts, accounts: [{ACCOUNT}]}}]\naccounts: [{{id: {ACCOUNT}, name: one}}]\n"
    ));
    let (code, all) = checks(&desk, |_| {});
    assert_eq!(code, 0, "{all:?}");
    assert_eq!(check(&all, "accounts")["health"], "warn");
    assert!(check(&all, "accounts")["advice"].as_str().unwrap().contains("administrator"));
}

#[test]
fn version_help_and_completions_are_data() {
    let desk = Desk::kafka();
    let version = desk.run(["--version"]);
    assert_eq!(version.stdout, format!("spotinst-esg {}\n", env!("CARGO_PKG_VERSION")));
    let help = desk.run(["--help"]);
    assert!(help.code == 0 && help.stdout.contains("Exit codes"), "{help:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("spotinst-esg"), "{shell}");
    }
    assert_eq!(desk.paths(), Vec::<String>::new(), "none of these asks the API");
}

#[test]
fn output_forms_show_the_same_hosts() {
    let desk = Desk::kafka();
    let table = desk.run(["inventory", "--output", "table"]);
    assert!(table.stdout.lines().next().unwrap().contains("state"), "{table:?}");
    assert_eq!(table.stdout.lines().filter(|line| line.contains("ACTIVE")).count(), 3);
    let yaml = desk.run(["inventory", "--list", "--output", "yaml"]);
    assert!(yaml.stdout.contains("spotinst_id: ssi-0000000a"), "{yaml:?}");
    let graph = desk.run(["inventory", "--graph"]);
    assert!(
        graph.stdout.starts_with("@all:\n  |--@ungrouped:\n  |--@kafka:\n  |  |--10.0.0.1\n"),
        "{graph:?}"
    );
    let piped = desk.run(["inventory"]);
    assert!(piped.document()["kafka"].is_object(), "JSON where nobody looks");
    let host = desk.run(["inventory", "--host", "10.0.0.1", "--output", "table"]);
    assert!(host.stdout.contains("spotinst_state"), "{host:?}");
}

#[test]
fn a_hostile_name_does_not_steer_the_terminal() {
    let desk = Desk::kafka();
    let edit = json!({"group": "sig-0000000a", "set": {"name": "\u{1b}]0;pwned\u{7}kafka\nx"}});
    desk.simulator.control("POST", "/_sim/edit", edit);
    for form in [&["inventory", "--output", "table"][..], &["inventory", "--graph"], &["doctor"]] {
        let run = desk.run(form);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let desk = Desk::kafka();
    let mut shell = desk.clean(std::process::Command::new("sh"));
    let script = format!(
        "{} completions bash | head -n 1 >/dev/null; {0} inventory --list | true",
        support::cli::BINARY
    );
    let run = ran(shell.env("PATH", "/usr/bin:/bin").args(["-c", &script]).output().unwrap());
    assert_eq!(run.stderr, "");
}

#[test]
fn doctor_tells_whose_token_it_is_what_it_lacks_and_how_accounts_stand_to_aws() {
    let fleet = |token: &str| {
        format!(
            "tokens: [{{token: {CANARY}, {token}}}]\naccounts: [{{id: {ACCOUNT}, name: one, provider_external_id: '123456789012', \
             cloud_provider: AWS, iam_role: 'arn:aws:iam::123456789012:role/x'}}]\n"
        )
    };
    let found = |all: &[Value], name: &str| check(all, name)["found"].as_str().unwrap().to_owned();
    let desk = Desk::with_whole(&fleet("name: jo"));
    let (code, all) = checks(&desk, |_| {});
    assert_eq!(code, 0, "{all:?}");
    assert!(found(&all, "token owner").contains("personal user jo"), "{all:?}");
    assert_eq!(check(&all, "token owner")["health"], "warn");
    assert!(found(&all, "rights").contains("an administrator"), "{all:?}");
    let connection = found(&all, "connection");
    assert!(
        connection.contains("123456789012 by arn:aws:iam::123456789012:role/x"),
        "{connection}"
    );

    let desk = Desk::with_whole(&fleet("name: robot, kind: programmatic"));
    let (_, all) = checks(&desk, |_| {});
    assert!(found(&all, "token owner").contains("programmatic user robot"), "{all:?}");
    assert_eq!(check(&all, "token owner")["health"], "ok");

    let desk = Desk::with_whole(&fleet(&format!("access: accounts, accounts: [{ACCOUNT}]")));
    let (code, all) = checks(&desk, |_| {});
    assert_eq!(code, 0, "{all:?}");
    assert!(found(&all, "rights").contains("may not list accounts and list users"), "{all:?}");
    // A viewer reads all that an editor reads.
    assert!(found(&all, "rights").contains("may change groups was not tried"), "{all:?}");
    assert!(found(&all, "token owner").contains("not to be told"), "{all:?}");

    let text = format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: {ACCOUNT}, name: one, needs_credentials: true}}]"
    );
    let (_, all) = checks(&Desk::with_whole(&text), |_| {});
    assert!(found(&all, "connection").contains("connected to no AWS account"), "{all:?}");
}

#[test]
fn doctor_tells_a_viewer_from_an_editor_where_it_knows_whose_token_it_is() {
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}, name: robot, kind: programmatic}}]\naccounts: [{{id: {ACCOUNT}, name: one}}]\n"
    ));
    let told = || {
        let (code, all) = checks(&desk, |_| {});
        assert_eq!(code, 0, "{all:?}");
        let whose = check(&all, "token owner")["found"].as_str().unwrap().to_owned();
        let may = all.iter().rfind(|one| one["check"] == "rights").unwrap();
        let (health, found) = (may["health"].as_str(), may["found"].as_str());
        (whose, health.unwrap().to_owned(), found.unwrap().to_owned())
    };
    let (whose, health, may) = told();
    assert!(health == "ok" && may.contains("whether it may change groups is not told"), "{may}");
    let user = whose.split(['(', ')']).nth(1).unwrap().to_owned();
    for (policy, expected, words) in [
        ("pol-11111111", "warn", "may not change groups: all it has there is Account Viewer"),
        ("pol-22222222", "ok", "may change groups, by policy Account Editor"),
    ] {
        let body = json!({"policies": [{"policyId": policy, "accountIds": [ACCOUNT]}]});
        let mapped = desk.simulator.handle(&spot_sim::Request {
            method: "PUT".to_owned(),
            path: format!("/setup/user/{user}/policyMapping"),
            headers: vec![("authorization".to_owned(), format!("Bearer {CANARY}"))],
            body: body.to_string().into_bytes(),
            ..spot_sim::Request::default()
        });
        assert_eq!(mapped.status, 200, "{:?}", String::from_utf8_lossy(&mapped.body));
        let (_, health, may) = told();
        assert!(health == expected && may.contains(words), "{health} {may}");
    }
}

#[test]
fn doctor_tells_whether_an_external_id_is_still_good() {
    let desk = Desk::kafka();
    for (end, health) in [("2999-01-01T00:00:00Z", "ok"), ("2001-01-01T00:00:00Z", "warn")] {
        let kept = json!({"account_id": ACCOUNT, "external_id": CANARY, "valid_until": end});
        let file = desk.file("id", &kept.to_string());
        let (code, all) = checks(&desk, |command| {
            command.arg("--external-id-file").arg(file);
        });
        assert_eq!(code, 0, "{all:?}");
        let found = check(&all, "external id");
        assert_eq!(found["health"], health, "{found}");
        assert!(found["found"].as_str().unwrap().contains(end), "{found}");
    }
    // A connected account needs no other, whenever this one ended.
    let connected = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: {ACCOUNT}, name: one, provider_external_id: '123456789012', \
         cloud_provider: AWS, iam_role: 'arn:aws:iam::123456789012:role/x'}}]\n"
    ));
    let kept = json!({"account_id": ACCOUNT, "external_id": CANARY, "valid_until": "2001-01-01T00:00:00Z"});
    let file = connected.file("id", &kept.to_string());
    let (_, all) = checks(&connected, |command| {
        command.arg("--external-id-file").arg(file);
    });
    let found = check(&all, "external id");
    assert_eq!(found["health"], "ok", "{found}");
    assert!(found["found"].as_str().unwrap().contains("needed no longer"), "{found}");
}
