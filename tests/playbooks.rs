//! Real Ansible running modules by playbook, through the action plugin and without it, against a real HTTP API.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test that waits for another process measures its patience"
)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use spotinst_esg::modules;
use support::ansible::{VERSIONS, ansible, root};
use support::cli::{CANARY, Desk, Ran, files, ran};
use support::cluster::rehearsed;

const FLEET: &str = "\
tokens: [{token: canary-5fb1c0ffee0badcafe42}]
limits: {default: 100000}
accounts:
  - {id: act-00000001, name: one, provider_external_id: '111111111111', cloud_provider: AWS}
  - {id: act-00000002, name: two}
";

fn desk() -> Desk {
    Desk::with_whole(FLEET)
}

/// A play of these tasks; `more` are lines of the play's head.
fn written(desk: &Desk, more: &str, tasks: &str) -> std::path::PathBuf {
    let indented = |text: &str, by: usize| {
        text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect::<String>()
    };
    let text = format!(
        "- hosts: all\n  gather_facts: false\n{}  tasks:\n{}",
        indented(more, 2),
        indented(tasks, 4)
    );
    desk.file("play.yml", &text)
}

/// Ansible's own host, reached locally, with the Python that runs Ansible.
const LOCAL: &str = "localhost,";

fn playbook(desk: &Desk, version: &str, play: &Path, arguments: &[&str]) -> Command {
    let mut command = ansible(desk, version, "ansible-playbook");
    command.args([
        "-i",
        LOCAL,
        "-c",
        "local",
        "-e",
        "ansible_python_interpreter={{ansible_playbook_python}}",
    ]);
    command.arg(play).args(arguments);
    command
}

fn play(desk: &Desk, version: &str, more: &str, tasks: &str, arguments: &[&str]) -> Ran {
    ran(playbook(desk, version, &written(desk, more, tasks), arguments).output().unwrap())
}

fn assert_well(run: &Ran, version: &str) {
    assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
}

#[test]
fn a_module_runs_by_full_name_by_short_name_and_in_check_mode() {
    let tasks = "\
- spotinst.esg.spot_account_info: {name: two}
  register: full
- spot_account_info: name=two
  register: short
- assert: {that: [\"full.accounts == short.accounts\", \"full.accounts[0].id == 'act-00000002'\", \"full is not changed\"]}
- assert: {that: [\"full.invocation is not defined\"]}
";
    for version in VERSIONS {
        for arguments in [&[][..], &["--check", "--diff"]] {
            let more = "collections: [spotinst.esg]";
            let run = play(&desk(), version, more, tasks, arguments);
            assert_well(&run, version);
            assert!(!run.stdout.contains("WARNING") && run.stderr.is_empty(), "{version}: {run:?}");
        }
    }
}

#[test]
fn defaults_of_the_group_reach_the_module_and_the_tasks_own_options_win() {
    let tasks = "\
- spotinst.esg.spot_account_info:
  register: defaults
- spotinst.esg.spot_account_info: {id: act-00000001}
  register: own
- assert: {that: [\"defaults.accounts | map(attribute='id') == ['act-00000002']\", \"own.accounts[0].name == 'one'\"]}
";
    for version in VERSIONS {
        for group in ["all", "esg"] {
            let desk = desk();
            let more = format!(
                "module_defaults:\n  group/spotinst.esg.{group}: {{base_url: '{}', region: eu-west-1}}\n  \
                 spotinst.esg.spot_account_info: {{id: act-00000002}}",
                desk.simulator.url()
            );
            let play = written(&desk, &more, tasks);
            let mut command = playbook(&desk, version, &play, &[]);
            let run = ran(command.env_remove("SPOTINST_BASE_URL").output().unwrap());
            assert_well(&run, version);
        }
    }
}

#[test]
fn a_failure_fails_the_task_with_all_that_is_known() {
    let tasks = "\
- spotinst.esg.spot_account_info: {nmae: x}
  ignore_errors: true
  register: misspelt
- spotinst.esg.spot_account_info: {api_token: wrong}
  ignore_errors: true
  register: refused
- assert:
    that:
      - misspelt is failed
      - misspelt.msg is search('module. nmae .did you mean name')
      - refused is failed
      - refused.http_status == 401
      - not refused.retryable
      - refused.request_id is string
";
    for version in VERSIONS {
        assert_well(&play(&desk(), version, "", tasks, &[]), version);
    }
}

/// Values of every kind that Ansible has reach the module as what they mean.
#[test]
fn options_may_be_templates_vaulted_unsafe_dates_and_numbers() {
    for version in VERSIONS {
        let desk = desk();
        let password = desk.file("password", "s3cret\n");
        let mut encrypt = ansible(&desk, version, "ansible-vault");
        encrypt.args(["encrypt_string", "--vault-password-file"]).arg(&password);
        let vaulted = ran(encrypt.args(["--name", "api_token", CANARY]).output().unwrap());
        assert_eq!(vaulted.code, 0, "{vaulted:?}");
        let token = vaulted.stdout.replace("\n  ", "\n      ");
        let tasks = format!(
            "- spotinst.esg.spot_account_info:\n    name: !unsafe two\n    timeout: \"{{{{ 30 * 2 }}}}\"\n    \
             id: \"{{{{ none }}}}\"\n    credentials_profile: \"{{{{ omit }}}}\"\n    {}\
             \x20 register: two\n\
             - spotinst.esg.spot_account_info: {{name: 2026-01-01, token: \"{{{{ lookup('env', 'SECRET') }}}}\"}}\n  register: nobody\n\
             - assert: {{that: [\"two.accounts | length == 1\", \"nobody.accounts == []\"]}}\n",
            token.trim_end().to_owned() + "\n"
        );
        let play = written(&desk, "", &tasks);
        let mut command = playbook(&desk, version, &play, &["--vault-password-file"]);
        let run = ran(command
            .arg(&password)
            .env_remove("SPOTINST_API_TOKEN")
            .env("SECRET", CANARY)
            .output()
            .unwrap());
        assert_well(&run, version);
    }
}

#[test]
fn the_environment_of_the_task_is_the_modules() {
    let tasks = "\
- spotinst.esg.spot_account_info:
  environment: {SPOTINST_API_TOKEN: \"{{ 'wrong' }}\"}
  ignore_errors: true
  register: wrong
- spotinst.esg.spot_account_info:
  register: right
- assert: {that: [\"wrong.http_status == 401\", \"right is success\"]}
";
    for version in VERSIONS {
        assert_well(&play(&desk(), version, "", tasks, &[]), version);
    }
}

/// With `async` the module is transferred and runs by itself.
#[test]
fn a_module_may_run_beside_the_play() {
    let tasks = "\
- spotinst.esg.spot_account_info: {name: two}
  async: 30
  poll: 1
  register: waited
- spotinst.esg.spot_account_info: {name: one}
  async: 30
  poll: 0
  register: started
- async_status: {jid: '{{ started.ansible_job_id }}'}
  register: job
  until: job.finished
  delay: 1
  retries: 20
- assert: {that: [\"waited.accounts[0].name == 'two'\", \"job.accounts[0].name == 'one'\"]}
";
    for version in VERSIONS {
        let desk = desk();
        let play = written(&desk, "", tasks);
        let mut command = playbook(&desk, version, &play, &[]);
        command.env("ANSIBLE_ASYNC_DIR", desk.home.path().join("async"));
        assert_well(&ran(command.output().unwrap()), version);
    }
}

/// The program is on the controller; whether the host can be reached is nothing to it.
#[test]
fn a_host_need_not_be_reachable() {
    for version in VERSIONS {
        let desk = desk();
        let tasks = "- spotinst.esg.spot_account_info:\n  become: true";
        let play = written(&desk, "", tasks);
        let mut command = ansible(&desk, version, "ansible-playbook");
        command.args(["-i", "far,", "-e", "ansible_host=127.0.0.1 ansible_port=1"]).arg(play);
        assert_well(&ran(command.output().unwrap()), version);
    }
}

#[test]
fn the_token_shows_at_no_verbosity_and_in_no_file() {
    let token = "api_token: \"{{ lookup('ansible.builtin.env', 'SECRET') }}\"";
    let tasks = format!(
        "- spotinst.esg.spot_account_info:\n    {token}\n\
         - spotinst.esg.spot_account_info:\n    {token}\n    nmae: x\n  ignore_errors: true\n\
         - spotinst.esg.spot_account_info:\n    {token}\n    name: \"{{{{ lookup('ansible.builtin.env', 'SECRET') }}}}\"\n\
         - spotinst.esg.spot_account_info:\n  environment:\n    SPOTINST_API_TOKEN: \"{{{{ lookup('ansible.builtin.env', 'SECRET') }}}}\"\n\
         - spotinst.esg.spot_account_info:\n    {token}\n  async: 30\n  poll: 1\n\
         - spotinst.esg.spot_account_info:\n    {token}\n    base_url: http://127.0.0.1:1\n    timeout: 1\n  ignore_errors: true\n"
    );
    for version in VERSIONS {
        let desk = desk();
        let play = written(&desk, "", &tasks);
        let mut command = playbook(&desk, version, &play, &["-vvvvvv", "--diff"]);
        command.env_remove("SPOTINST_API_TOKEN").env("SECRET", CANARY);
        command.env("ANSIBLE_ASYNC_DIR", desk.home.path().join("async"));
        command.env("ANSIBLE_LOG_PATH", desk.home.path().join("ansible.log"));
        let run = ran(command.output().unwrap());
        assert_well(&run, version);
        assert!(run.stdout.contains("act-00000001"), "{version}: results are shown");
        assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{version}: {run:?}");
        for path in files(desk.home.path()) {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(CANARY), "{version}: {}", path.display());
        }
    }
}

#[test]
fn progress_is_shown_while_a_task_waits_unless_nobody_may_see() {
    for version in VERSIONS {
        let desk = desk();
        desk.fault(json!({"kind": "latency", "ms": 2600}));
        let tasks = "- name: Seen\n  spotinst.esg.spot_account_info:\n\
                     - name: Unseen\n  spotinst.esg.spot_account_info:\n  no_log: true\n";
        let run = play(&desk, version, "", tasks, &[]);
        assert_well(&run, version);
        assert!(run.stderr.contains("Seen: reading the accounts"), "{version}: {run:?}");
        assert!(!run.stderr.contains("Unseen"), "{version}: {run:?}");
    }
}

/// Processes of this desk whose command line holds the word.
fn alive(desk: &Desk, word: &str) -> Vec<u32> {
    let home = desk.home.path().to_str().unwrap();
    let is_ours = |id: &u32| {
        let read = |name: &str| {
            let bytes = std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        read("cmdline").contains(word) && read("environ").contains(home)
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(is_ours).collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whichever way Ansible ends, no module goes on changing things.
#[test]
fn a_module_ends_when_ansible_is_killed_or_its_time_is_up() {
    for version in VERSIONS {
        for signal in ["KILL", "TERM", "INT"] {
            let desk = desk();
            desk.fault(json!({"kind": "latency", "ms": 60_000}));
            let play = written(&desk, "", "- spotinst.esg.spot_account_info:");
            let mut command = playbook(&desk, version, &play, &[]);
            let mut ansible = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait_until("the module asks the API", || !desk.paths().is_empty());
            assert!(!alive(&desk, "--lifeline").is_empty());
            let id = ansible.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
            wait_until(signal, || alive(&desk, "--lifeline").is_empty());
            wait_until("Ansible ends", || ansible.try_wait().unwrap().is_some());
        }
        let desk = desk();
        desk.fault(json!({"kind": "latency", "ms": 60_000}));
        let play = written(&desk, "", "- spotinst.esg.spot_account_info:\n  timeout: 2\n");
        let run = ran(playbook(&desk, version, &play, &[]).output().unwrap());
        assert_ne!(run.code, 0, "{version}: {run:?}");
        assert!(alive(&desk, "--lifeline").is_empty(), "{version}");
    }
}

#[test]
fn the_documentation_names_exactly_the_options_there_are() {
    for version in VERSIONS {
        let desk = desk();
        let listed = ran(ansible(&desk, version, "ansible-doc")
            .args(["-l", "--json", "spotinst.esg"])
            .output()
            .unwrap());
        let names: BTreeSet<String> =
            listed.document().as_object().unwrap().keys().cloned().collect();
        let expected =
            modules::ALL.iter().map(|module| format!("spotinst.esg.{}", module.name())).collect();
        assert_eq!(names, expected, "{version}");
        assert_eq!(listed.stderr, "", "{version}");
        for (name, module) in names.iter().zip(sorted()) {
            let shown = ran(ansible(&desk, version, "ansible-doc").arg(name).output().unwrap());
            assert!(shown.code == 0 && shown.stderr.is_empty(), "{version}: {shown:?}");
            assert!(shown.stdout.contains("EXAMPLES:") && shown.stdout.contains("RETURN VALUES:"));
            let json = ran(ansible(&desk, version, "ansible-doc")
                .args(["--json", name])
                .output()
                .unwrap());
            let doc = &json.document()[name]["doc"];
            let documented: BTreeSet<String> =
                doc["options"].as_object().unwrap().keys().cloned().collect();
            let options = module.spec().unwrap().options;
            assert_eq!(documented, options.into_iter().map(|it| it.name).collect(), "{version}");
        }
    }
}

fn sorted() -> Vec<&'static dyn modules::AnyModule<modules::World>> {
    let mut modules = modules::ALL.to_vec();
    modules.sort_by_key(|module| module.name());
    modules
}

/// What a build without AWS refuses.
const AWS_ONLY: [&str; 6] = [
    "spot_instance_info",
    "spot_launch",
    "spot_offer_info",
    "spot_profile",
    "spot_profile_info",
    "spot_rebalance",
];

/// An example that does not run is no documentation: each runs in check mode and for real, in the demo's fleet.
#[test]
fn every_example_runs() {
    for version in VERSIONS {
        let has_aws = cfg!(feature = "aws");
        for module in modules::ALL.iter().filter(|it| has_aws || !AWS_ONLY.contains(&it.name())) {
            for arguments in [&["--check", "--diff"][..], &["--diff"]] {
                // What takes minutes there is over within a second here.
                let fleet = spot_sim::DEMO_FLEET.replace("speed: 1 ", "speed: 200 ");
                let desk = Desk::with_whole(&fleet);
                let play = written(&desk, "", &rehearsed(module.examples()));
                let mut command = playbook(&desk, version, &play, arguments);
                command.env("SPOTINST_API_TOKEN", "demo-token");
                command.env("SPOTINST_ACCOUNT_ID", "act-demo0001");
                #[cfg(feature = "aws")]
                let market = support::market::Market::before(support::moto::shared());
                #[cfg(feature = "aws")]
                if AWS_ONLY.contains(&module.name()) {
                    // Others would look there for what their examples only name.
                    command.envs(market.environment());
                }
                let run = ran(command.output().unwrap());
                assert_eq!(run.code, 0, "{version}: {}: {}", module.name(), run.stdout);
            }
        }
    }
}

/// Without its program the collection says so, instead of running what is only its documentation.
#[test]
fn a_missing_program_is_told() {
    for version in VERSIONS {
        let desk = desk();
        let play = written(&desk, "", "- spotinst.esg.spot_account_info:");
        let mut command = playbook(&desk, version, &play, &[]);
        let run = ran(command.env("SPOTINST_ESG_BINARY", "/none").output().unwrap());
        assert_ne!(run.code, 0, "{version}");
        let words = "no executable spotinst-esg in SPOTINST_ESG_BINARY, /none";
        assert!(run.stdout.contains(words), "{version}: {run:?}");
        // As an unstaged collection has it: the documentation without the program beside it.
        let mut command = ansible(&desk, version, "ansible");
        command.args(["localhost", "-m", "spot_account_info", "-M"]);
        let run = ran(command.arg(root().join("ansible/plugins/modules")).output().unwrap());
        assert_ne!(run.code, 0, "{version}");
        let words = "the program spotinst-esg of the collection spotinst.esg is missing";
        assert!(run.stdout.contains(words), "{version}: {run:?}");
    }
}
