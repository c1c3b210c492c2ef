//! A broker that reads its logs anew is waited for as long as it comes on.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::kills::await_until;
use crate::site::Site;
use crate::support::ansible::{VERSIONS, ansible, root};
use crate::support::cli::{Ran, ran};
use crate::support::cluster::closed_port;

/// Stands for the node's `date`: each look is four minutes after the one before. As long as the test wants it, a segment is read meanwhile.
const DATE: &str = "#!/bin/sh
cd \"$(dirname \"$0\")/..\"
looks=$(cat looks)
echo $((looks + 1)) >looks.new && mv looks.new looks
[ \"$looks\" -ge \"$(cat segments)\" ] || touch -d \"+1 hour\" \"logs/$looks.index\"
echo $((1000 + looks * 240))
";

/// A node whose broker has so many segments to read, one a look.
fn node(segments: u32) -> Site {
    let site = Site::with(1);
    site.program("date", DATE);
    site.desk.file("looks", "0");
    site.desk.file("segments", &segments.to_string());
    site.desk.file("logs/old.index", "");
    site
}

fn looks(site: &Site) -> u32 {
    std::fs::read_to_string(site.path("looks")).unwrap().trim().parse().unwrap()
}

#[test]
fn a_look_tells_whether_it_listens_how_much_has_changed_and_for_how_long_nothing_has() {
    let site = node(2);
    let state = site.path("state-of-it");
    std::fs::create_dir(&state).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (open, closed) = (listener.local_addr().unwrap().port(), closed_port());
    let look = |ports: &str| {
        let bin = site.path("bin");
        let out = Command::new("/bin/sh")
            .arg(root().join("roles/recycle_kafka/files/recovery.sh"))
            .args([state.as_os_str(), ports.as_ref(), site.path("logs").as_os_str()])
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .output()
            .unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let closed = closed.to_string();
    // What was written before the first look is counted with it.
    assert_eq!(look(&closed), "busy 1 0\n");
    assert_eq!(look(&closed), "busy 2 0\n");
    assert_eq!(look(&closed), "busy 2 240\n");
    assert_eq!(look(&closed), "busy 2 480\n");
    // One that grows is progress as well.
    std::fs::write(site.path("logs/1.index"), "more").unwrap();
    assert_eq!(look(&closed), "busy 2 0\n");
    assert_eq!(look(&format!("{closed},{open}")), "open 2 240\n");
}

/// The role's own tasks, by a playbook.
fn wait(site: &Site, version: &str, port: u16) -> Ran {
    wait_after(site, version, port, "")
}

/// The same after other tasks.
fn wait_after(site: &Site, version: &str, port: u16, before: &str) -> Ran {
    let play = format!(
        "- hosts: localhost
  gather_facts: false
  tasks:
{before}    - ansible.builtin.include_role: {{name: spotinst.esg.recycle_kafka, tasks_from: recovery.yml}}
"
    );
    let play = site.desk.file("play.yml", &play);
    let logs: &Path = &site.path("logs");
    let role = root().join("target/stage/ansible_collections/spotinst/esg/roles/recycle_kafka");
    let given = json!({
        "__recycle_kafka_path": role, "rolling_recycle_place": "node 1 of 1",
        "recycle_kafka_bootstrap": [format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}")], "recycle_kafka_log_dirs": [logs],
        "recycle_kafka_spacing": 1, "recycle_kafka_recovery_stall": 600,
    });
    let mut command = ansible(&site.desk, version, "ansible-playbook");
    let path = format!("{}:/usr/bin:/bin", site.path("bin").display());
    ran(command
        .env("PATH", path)
        .args(["-i", "localhost,", "-c", "local"])
        .arg(play)
        .args(["-e", &given.to_string()])
        .output()
        .unwrap())
}

/// By the node's clock this takes longer than a standstill would be waited for.
#[test]
fn a_broker_is_waited_for_as_long_as_it_reads() {
    for version in VERSIONS {
        let site = node(5);
        let port = closed_port();
        let run = std::thread::scope(|scope| {
            let opens = scope.spawn(|| {
                await_until(|| looks(&site) >= 5);
                TcpListener::bind(("127.0.0.1", port)).unwrap()
            });
            let run = wait(&site, version, port);
            drop(opens.join().unwrap());
            run
        });
        assert_eq!(run.code, 0, "{version}: {}", run.stdout);
        assert!(run.stdout.contains("changed=0"), "{version}: {}", run.stdout);
    }
}

#[test]
fn a_broker_that_writes_nothing_any_more_ends_the_wait_and_is_told_of() {
    for version in VERSIONS {
        let site = node(2);
        let port = closed_port();
        let run = wait(&site, version, port);
        assert_ne!(run.code, 0, "{version}: {}", run.stdout);
        let words = format!(
            "does not listen on port {port}: 2 files of its log folders were written since it was started, and none for 720 s"
        );
        assert!(run.stdout.contains(&words), "{version}: {}", run.stdout);
        assert_eq!(looks(&site), 5, "{version}: one more look would have been one too many");
    }
}

/// Makes a journal older by so many minutes.
const AGE: &str = "import datetime, json, sys
path, minutes = sys.argv[1], int(sys.argv[2])
entries = [json.loads(line) for line in open(path)]
for entry in entries:
    at = datetime.datetime.strptime(entry['at'][:19], '%Y-%m-%dT%H:%M:%S') - datetime.timedelta(minutes=minutes)
    entry['at'] = at.strftime('%Y-%m-%dT%H:%M:%SZ')
open(path, 'w').write(''.join(json.dumps(entry) + chr(10) for entry in entries))
";

/// A wait of hours is a part of a roll, which else would lose its lease and what it has suspended.
#[test]
fn a_roll_gives_a_sign_of_life_and_renews_what_it_suspends_while_a_broker_reads() {
    let begin = "    - spotinst.esg.recycle_run:
        state: started
        group_id: sig-1
        image_id: '{{ rolling_recycle_image_id }}'
        waivers: '{{ rolling_recycle_waivers }}'
        state_dir: '{{ rolling_recycle_state_dir }}'
        require_mid_gate: false
      register: begun
    - ansible.builtin.set_fact: {__rolling_recycle_run: {run_id: '{{ begun.run_id }}'}}
    - ansible.builtin.command: {argv: ['{{ ansible_playbook_python }}', '{{ age_program }}', '{{ begun.journal }}', '40']}
    - ansible.builtin.uri: {url: '{{ simulator }}/_sim/advance', method: POST, body_format: json, body: {seconds: 2400}}
";
    for version in VERSIONS {
        let site = node(4);
        let mut given = site.variables(&json!({}));
        given["rolling_recycle_node"] = json!({"id": "ssi-01"});
        given["rolling_recycle_member"] = json!("1");
        given["recycle_kafka_brokers"] = json!([1, 2]);
        given["__recycle_kafka_round_seconds"] = json!(2);
        given["age_program"] = json!(site.desk.file("age.py", AGE));
        given["simulator"] = json!(site.desk.simulator.url());
        site.desk.file("given.json", &given.to_string());
        let load = format!(
            "    - ansible.builtin.include_vars: {{file: '{}'}}\n{begin}",
            site.path("given.json").display()
        );
        let run = wait_after(&site, version, closed_port(), &load);
        assert!(
            run.stdout.contains("and no other broker knows it as live"),
            "{version}: {}",
            run.stdout
        );
        let journal =
            std::fs::read_to_string(site.path(&format!("state/{}.jsonl", site.run_id()))).unwrap();
        let looks = journal.lines().filter(|line| line.contains("\"gate\"")).count();
        assert!(looks >= 3, "{version}: {looks} in {journal}");
        let renewals = journal.lines().filter(|line| line.contains("\"suspending\"")).count();
        assert_eq!(renewals, 2, "{version}: at the start and once since, in {journal}");
    }
}
