//! Two processes that want one fleet.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use spotinst_esg::domain::Clock;
use spotinst_esg::drive::launch::{Fleet, Fleets, LaunchError};
use spotinst_esg::drive::{Environment, Progress};

use super::Stage;
use super::kills::{ACCOUNT, taken};

/// Time that passes by sleeping only, while which another process may let the fleet go.
struct Hand {
    now: Mutex<Duration>,
    held: Mutex<Option<Fleet>>,
    /// When it lets go.
    until_s: u64,
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += duration;
        if now.as_secs() >= self.until_s {
            self.held.lock().unwrap().take();
        }
    }
}

#[test]
fn a_fleet_that_is_held_is_waited_for_as_long_as_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
    let fleets = Fleets::find(None, &environment, ACCOUNT).unwrap();
    for (until_s, patience, is_busy) in [(7, 600, false), (700, 600, true), (1, 0, true)] {
        let held = Mutex::new(Some(taken(&fleets)));
        let clock = Hand { now: Mutex::default(), held, until_s };
        let said = Mutex::new(Vec::new());
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(&clock, &say);
        let patience = Duration::from_secs(patience);
        let taken = fleets.take_within("eu-west-1", "fleet", patience, (&clock, &progress));
        assert_eq!(matches!(taken, Err(LaunchError::Busy { .. })), is_busy, "{until_s}");
        assert_eq!(taken.is_err(), is_busy, "{until_s}");
        assert!(clock.monotonic() <= patience, "{until_s}");
        let waits =
            said.lock().unwrap().iter().any(|line| line.contains("waiting for fleet fleet"));
        assert_eq!(waits, !patience.is_zero(), "whoever waits is told");
    }
}

/// Two warnings of one moment: the first holds the fleet while it drains, and the second machine is replaced none the less.
#[test]
fn of_two_replacements_at_once_none_is_left_out() {
    let stage = Stage::new();
    stage.call(&json!({"count": 2})).well();
    let all: Vec<String> = stage.machines().into_keys().collect();
    let home = stage.desk.home.path();
    let (begun, go) = (home.join("begun"), home.join("go"));
    // Bounded, so that nothing stays if the test ends before.
    let script = format!(
        "#!/bin/sh\ntouch {}\nfor i in $(seq 600); do [ -e {} ] && exit 0; sleep 0.1; done\nexit 1\n",
        begun.display(),
        go.display()
    );
    let script = stage.desk.file("drain", &script);
    let shared = &stage;
    std::thread::scope(|scope| {
        let first = json!({"replace": all[0], "drain_command": ["/bin/sh", script]});
        let first = scope.spawn(move || shared.call(&first).well());
        let mut look = std::process::Command::new("/bin/sh");
        let wait = format!(
            "for i in $(seq 600); do [ -e {} ] && exit 0; sleep 0.1; done; exit 1",
            begun.display()
        );
        assert!(look.args(["-c", &wait]).status().unwrap().success(), "the first is draining");
        let refused = stage.call(&json!({"replace": all[1]}));
        assert!(refused.failed().contains("lock_timeout"), "{}", refused.failed());
        let second = json!({"replace": all[1], "lock_timeout": 120});
        let second = scope.spawn(move || shared.call(&second).well());
        std::fs::write(&go, "").unwrap();
        assert_eq!(first.join().unwrap()["terminated"], json!([all[0]]));
        assert_eq!(second.join().unwrap()["terminated"], json!([all[1]]));
    });
    let left = stage.machines();
    assert!(left.len() == 2 && all.iter().all(|id| !left.contains_key(id)), "{left:?}");
}
