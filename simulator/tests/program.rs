//! The program `spot-sim` as a shell or another program runs it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_spot-sim"))
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{name}-{}", std::process::id()))
}

/// Polls until `done` answers something; gives up after half a minute.
fn wait_for<T>(mut done: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = done() {
            return found;
        }
        pause();
    }
    panic!("nothing happened for half a minute");
}

#[expect(clippy::disallowed_methods, reason = "there is no event to wait for in another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

fn serve(url_file: &PathBuf, more: &[&str]) -> (Child, String) {
    std::fs::remove_file(url_file).ok();
    let mut command = program();
    command.args(["serve", "--demo", "--clock", "virtual", "--url-file"]).arg(url_file).args(more);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let url = wait_for(|| std::fs::read_to_string(url_file).ok());
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with('\n'), "{url}");
    std::fs::remove_file(url_file).ok();
    (child, url.trim().to_owned())
}

#[test]
fn it_ends_with_its_parent_when_asked_to() {
    let (mut child, _) = serve(&scratch("parent"), &["--exit-with-parent"]);
    assert!(child.try_wait().expect("its status").is_none(), "it serves while its input is open");
    drop(child.stdin.take());
    let status = wait_for(|| child.try_wait().expect("its status"));
    assert!(status.success());
}

#[test]
fn it_ends_on_sigterm_and_sigint_and_not_when_input_closes() {
    for signal in ["TERM", "INT"] {
        let (mut child, _) = serve(&scratch(signal), &["--seed", "9"]);
        drop(child.stdin.take());
        pause();
        assert!(child.try_wait().expect("its status").is_none());
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
        assert!(wait_for(|| child.try_wait().expect("its status")).success());
    }
}

#[test]
fn a_broken_fleet_is_named_with_file_line_and_column() {
    let file = scratch("broken");
    let text = "tokens: [{token: t}]\naccounts:\n  - {id: act-1, name: a}\ncolour: red\n";
    std::fs::write(&file, text).expect("a file");
    let output = program().args(["fleet", "check"]).arg(&file).output().expect("it runs");
    std::fs::remove_file(&file).ok();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains(&format!("{}:4:1: ", file.display())), "{complaint}");
    assert!(complaint.contains("colour"), "{complaint}");
}

#[test]
fn the_printed_demo_fleet_passes_its_own_check() {
    let printed = program().args(["fleet", "demo"]).output().expect("it runs").stdout;
    let file = scratch("demo");
    std::fs::write(&file, printed).expect("a file");
    let output = program().args(["fleet", "check"]).arg(&file).output().expect("it runs");
    std::fs::remove_file(&file).ok();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("9 stateful instances"));
}

#[test]
fn help_explains_how_to_point_clients_at_it() {
    let help = program().args(["serve", "--help"]).output().expect("it runs").stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    for word in ["SPOTINST_BASE_URL", "SPOTINST_TOKEN", "/_sim/advance", "--exit-with-parent"] {
        assert!(help.contains(word), "{word} is missing in: {help}");
    }
    let routes = program().arg("routes").output().expect("it runs").stdout;
    assert!(
        String::from_utf8_lossy(&routes).contains("statefulInstance/{statefulInstanceId}/recycle")
    );
}

#[test]
fn other_addresses_than_loopback_are_refused() {
    let output = program().args(["serve", "--listen", "0.0.0.0:0"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}
