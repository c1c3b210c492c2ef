//! A process that stands still while another takes its place, and then goes on.

use std::sync::mpsc::channel;
use std::time::Duration;

use spotinst_esg::domain::Clock;
use spotinst_esg::drive::roll::{RollError, StoreError};
use spotinst_esg::plan::roll::Event;

use super::desk::{Desk, Driver, Ended, Halt, fleet};

/// Short phases, so that there are few looks and every one of them can be where it stops.
const QUICK: &str = "latency: {stale_seconds: 3, accepted_seconds: 1, terminating_seconds: 2, replacing_seconds: 2, booting_seconds: 2}";

/// The first stands still at this reading of the clock, which is anywhere between two calls of the API or two lines of the journal;
/// the second, which takes it for dead, carries the roll out; then the first goes on. None if it never came there.
fn overtaken_at(reading: u64) -> Option<(Desk, Ended, usize)> {
    let text = fleet(2, QUICK, "").replace("persistence: {data", "persistence: {root: true, data");
    let desk = Desk::with(&text);
    let (halted, is_halted) = channel();
    let (let_go, go_on) = channel();
    *desk.clock.halt.lock().unwrap() = Some(Halt { at: reading, halted, go_on });
    let driver = |pid| {
        let mut driver = Driver::new(pid);
        driver.wish.acknowledge_root_data_loss = true;
        driver
    };
    let ended = std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            let ended = driver(2).roll(&desk);
            // Who waits for it to stand still hears that it never does.
            drop(desk.clock.halt.lock().unwrap().take());
            ended
        });
        if is_halted.recv().is_err() {
            first.join().unwrap().completed();
            return None;
        }
        match driver(1).roll(&desk) {
            // It may stand in a place at which there is nothing to take over yet, or nothing any more.
            Ended::Run(..) | Ended::Nothing => {}
            Ended::Refused(RollError::Store(StoreError::Locked { .. })) => {}
            other => panic!("stopped at reading {reading}: {other:?}"),
        }
        // What is held up for less than its patience may still be on its way, and asks for nothing new.
        desk.clock.sleep(Duration::from_secs(15));
        let before = desk.mutations();
        let_go.send(()).unwrap();
        Some((first.join().unwrap(), before))
    });
    ended.map(|(ended, before)| (desk, ended, before))
}

#[test]
fn a_process_that_was_stopped_and_overtaken_sends_nothing_any_more() {
    let mut reading = 1;
    let mut overtaken = 0;
    while let Some((desk, ended, before)) = overtaken_at(reading) {
        let told = format!("stopped at reading {reading}: {ended:?}");
        let is_locked = matches!(&ended, Ended::Run(_, _, None)) && desk.mutations() > before;
        if is_locked {
            // It stood still while it held the lock of those who decide: nobody could take its place.
            assert_eq!(desk.runs.all().unwrap().runs.len(), 1, "{told}");
        } else {
            assert_eq!(desk.mutations(), before, "{told}");
        }
        overtaken += u32::from(!matches!(ended, Ended::Run(_, _, None) | Ended::Nothing));
        let mut gone = desk.terminated();
        gone.sort();
        assert_eq!(gone, ["i-1", "i-2"], "{told}");
        assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{told}");
        let mut settings = desk.settings();
        settings["image"] = desk.before["image"].clone();
        assert_eq!(settings, desk.before, "{told}");
        reading += 3;
    }
    assert!(overtaken > 30, "{overtaken} of {reading}");
}

/// A process that is stopped in the middle of a line is not waited for without an end.
#[test]
fn a_journal_that_another_process_keeps_is_given_up_on_in_time() {
    let desk = Desk::new(1);
    let driver = Driver::new(1);
    let id = driver.roll(&desk).completed();
    let mut journal = desk.runs.open(&id).unwrap();
    let other = std::fs::File::open(journal.path()).unwrap();
    other.lock().unwrap();
    let before = desk.clock.monotonic();
    let failed = journal.write(&*desk.clock, Event::Alive).unwrap_err();
    assert!(matches!(failed, StoreError::Locked { .. }), "{failed}");
    assert!(failed.to_string().contains("nothing was written"), "{failed}");
    assert!(desk.clock.monotonic() - before >= Duration::from_secs(30));
    other.unlock().unwrap();
    journal.write(&*desk.clock, Event::Alive).unwrap();
}
