use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    BlockDevicesMode, Deallocation, Device, ImageId, InstanceId, Persistence, StatefulAction,
    StatefulState, VendorTime,
};

const EARLIER: &str = "2026-11-20T12:00:00Z";
const LATER: &str = "2026-11-20T12:05:00.500+0000";

fn at(state: &str, id: Option<&str>, launched_at: Option<&str>) -> Snapshot {
    let device = |name: &str, volume: &str| Device {
        device_name: Some(name.to_owned()),
        volume_id: Some(volume.to_owned()),
        snapshot_id: None,
    };
    Snapshot {
        state: StatefulState::parse(state),
        instance_id: id.map(InstanceId::new),
        image_id: Some(ImageId::new("ami-1")),
        private_ip: Some("10.0.0.1".to_owned()),
        availability_zone: Some("eu-west-1a".to_owned()),
        devices: vec![
            device("/dev/xvda", &format!("vol-root-{id:?}")),
            device("/dev/xvdb", "vol-d"),
        ],
        launched_at: launched_at.map(VendorTime::new),
        created_at: None,
    }
}

fn old() -> Snapshot {
    at("ACTIVE", Some("i-old"), Some(EARLIER))
}

fn new() -> Snapshot {
    at("ACTIVE", Some("i-new"), Some(LATER))
}

fn promises() -> Promises {
    let persistence = Persistence {
        root_device: false,
        block_devices: true,
        private_ip: true,
        is_declared: true,
        block_devices_mode: Some(BlockDevicesMode::Reattach),
    };
    Promises { persistence, image_id: Some(ImageId::new("ami-1")), pin: Some(ZonePin::Address) }
}

fn decide(
    action: &StatefulAction,
    observed: Option<&Snapshot>,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    let promises = promises();
    let situation = Situation {
        observed,
        promises: &promises,
        lists_volumes: true,
        volume_holder: None,
        known_before: None,
        by_journal: false,
    };
    may_act(action, &situation, expectations)
}

/// The same recycle, by who knows what the expected machine had.
fn decide_knowing(
    known: &Snapshot,
    observed: &Snapshot,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    let promises = promises();
    let (observed, known_before) = (Some(observed), Some(known));
    let situation = Situation {
        observed,
        promises: &promises,
        lists_volumes: true,
        volume_holder: None,
        known_before,
        by_journal: false,
    };
    may_act(&StatefulAction::Recycle, &situation, expectations)
}

fn expecting(id: &str) -> Expectations {
    Expectations { instance_id: Some(InstanceId::new(id)), ..Expectations::default() }
}

/// Judges a sequence of looks, ten seconds apart; answers the first verdict that ends it, or the last.
fn judged(action: StatefulAction, before: Snapshot, looks: &[Option<Snapshot>]) -> Outlook {
    let mut watch = Watch::new(action, before);
    let mut verdict = None;
    for (index, look) in looks.iter().enumerate() {
        let now = Duration::from_secs(10 * index as u64);
        let judgement = watch.judge(look.as_ref(), now);
        let is_over = !matches!(judgement, Outlook::NotYet(_));
        verdict = Some(judgement);
        if is_over {
            break;
        }
    }
    verdict.unwrap()
}

fn looks(states: &[&str]) -> Vec<Option<Snapshot>> {
    states.iter().map(|state| Some(at(state, None, None))).collect()
}

#[test]
fn each_action_begins_in_its_own_states_only() {
    let all = StatefulState::KNOWN.iter().copied().chain(["HIBERNATED"]);
    for state in all {
        let seen = at(state, Some("i-old"), None);
        let act = |action: &StatefulAction| {
            matches!(decide(action, Some(&seen), &Expectations::default()), Ok(Step::Act { .. }))
        };
        assert_eq!(act(&StatefulAction::Recycle), state == "ACTIVE", "{state}");
        assert_eq!(act(&StatefulAction::Pause), state == "ACTIVE", "{state}");
        assert_eq!(act(&StatefulAction::Resume), state == "PAUSED", "{state}");
        let deallocate = StatefulAction::Deallocate(Deallocation::default());
        assert_eq!(act(&deallocate), ["ACTIVE", "PAUSED", "ERROR"].contains(&state), "{state}");
        let delete = StatefulAction::DeleteVolume("vol-d".to_owned());
        assert_eq!(act(&delete), state == "PAUSED", "{state}");
    }
}

#[test]
fn what_is_so_already_needs_nothing() {
    let nothing = |action: &StatefulAction, observed: Option<&Snapshot>| match decide(
        action,
        observed,
        &Expectations::default(),
    ) {
        Ok(Step::Nothing(settled)) => settled,
        other => panic!("{action:?}: {other:?}"),
    };
    let paused = at("PAUSED", None, None);
    assert_eq!(nothing(&StatefulAction::Pause, Some(&paused)), Settled::Paused);
    assert_eq!(nothing(&StatefulAction::Resume, Some(&old())), Settled::Active);
    let deallocate = StatefulAction::Deallocate(Deallocation::default());
    assert_eq!(nothing(&deallocate, None), Settled::Absent);
    assert_eq!(nothing(&deallocate, Some(&at("DEALLOCATED", None, None))), Settled::Absent);
    let delete = StatefulAction::DeleteVolume("vol-none".to_owned());
    assert!(matches!(nothing(&delete, Some(&paused)), Settled::NoVolume { .. }));
}

#[test]
fn another_instance_than_expected_is_the_wanted_result_or_a_refusal_that_names_both() {
    let recycle = StatefulAction::Recycle;
    let done = decide_knowing(&old(), &new(), &expecting("i-old")).unwrap();
    assert!(matches!(done, Step::Nothing(Settled::Replaced { .. })), "{done:?}");
    let mut asked = expecting("i-old");
    asked.image_id = Some(ImageId::new("ami-2"));
    let refusal = decide(&recycle, Some(&new()), &asked).unwrap_err().to_string();
    for word in ["i-old", "i-new", "ami-2", "ami-1"] {
        assert!(refusal.contains(word), "{refusal}");
    }
    let mut asked = expecting("i-old");
    asked.same_zone = Demand::Required;
    assert!(decide(&recycle, Some(&new()), &asked).is_err(), "the zone before is not known");
    for action in [StatefulAction::Pause, StatefulAction::Deallocate(Deallocation::default())] {
        let refusal = decide(&action, Some(&new()), &expecting("i-old")).unwrap_err();
        assert!(matches!(refusal, Refusal::OtherInstance { .. }), "{refusal}");
    }
}

/// The call that lost the volumes fails; the same one again must not be green because it looks too late.
#[test]
fn a_replacement_that_is_not_proved_to_have_the_data_is_no_success() {
    let refused = |it: Result<Step, Refusal>| it.unwrap_err().to_string();
    let mut bare = new();
    bare.devices[1].volume_id = Some("vol-new".to_owned());
    let lost = refused(decide_knowing(&old(), &bare, &expecting("i-old")));
    for words in ["same_volumes (before vol-d, after vol-new)", "start nothing on it"] {
        assert!(lost.contains(words), "{lost}");
    }
    let unknown = refused(decide(&StatefulAction::Recycle, Some(&new()), &expecting("i-old")));
    for words in [
        "i-old has been replaced by i-new",
        "same_volumes (the volumes before are not known)",
        "same_zone",
        "same_private_ip",
        "no record here",
        "waived by checks",
    ] {
        assert!(unknown.contains(words), "{words}: {unknown}");
    }
    let mut waived = expecting("i-old");
    (waived.same_volumes, waived.same_zone) = (Demand::Waived, Demand::Waived);
    waived.same_private_ip = Demand::Waived;
    let done = decide(&StatefulAction::Recycle, Some(&new()), &waived);
    assert!(matches!(done, Ok(Step::Nothing(Settled::Replaced { .. }))), "{done:?}");
    // Where also the first call could not tell, the second needs no more than the first.
    let untold = Snapshot { availability_zone: None, ..old() };
    let done = decide_knowing(&untold, &new(), &expecting("i-old"));
    assert!(matches!(done, Ok(Step::Nothing(Settled::Replaced { .. }))), "{done:?}");
}

#[test]
fn a_machine_whose_volumes_do_not_come_back_is_given_up_only_when_that_is_said() {
    let before = old();
    for (persists, mode, words) in [
        (false, None, "data volumes (vol-d) are not persisted"),
        (true, Some(BlockDevicesMode::OnLaunch), "persisted (onLaunch), but not reattached"),
        (true, None, "persisted (of no named mode), but not reattached"),
    ] {
        let mut promises = promises();
        promises.persistence.block_devices = persists;
        promises.persistence.block_devices_mode = mode;
        let situation = Situation {
            observed: Some(&before),
            promises: &promises,
            lists_volumes: true,
            volume_holder: None,
            known_before: None,
            by_journal: false,
        };
        for action in [StatefulAction::Recycle, StatefulAction::Pause] {
            let refusal =
                may_act(&action, &situation, &Expectations::default()).unwrap_err().to_string();
            assert!(
                refusal.contains(words) && refusal.contains("set confirm_data_loss"),
                "{refusal}"
            );
            let sure = Expectations { confirm_data_loss: true, ..Expectations::default() };
            assert!(matches!(may_act(&action, &situation, &sure), Ok(Step::Act { .. })));
        }
    }
}

#[test]
fn a_recycle_underway_is_joined_by_who_names_the_instance_only() {
    for state in ["RECYCLE", "RECYCLING", "PAUSING", "RESUMING"] {
        let seen = at(state, Some("i-new"), Some(LATER));
        let Ok(Step::Join { before }) =
            decide(&StatefulAction::Recycle, Some(&seen), &expecting("i-old"))
        else {
            panic!("{state}")
        };
        assert_eq!(before.instance_id, Some(InstanceId::new("i-old")));
        // Nothing is known of the launch of i-old, so i-new must be seen twice.
        let verdict = judged(StatefulAction::Recycle, *before, &[Some(new()), Some(new())]);
        assert!(matches!(verdict, Outlook::Done(_)), "{verdict:?}");
        let refusal = decide(&StatefulAction::Recycle, Some(&seen), &Expectations::default());
        assert!(matches!(refusal, Err(Refusal::Busy { may_join: true, .. })), "{refusal:?}");
    }
}

#[test]
fn nothing_is_terminated_to_learn_that_it_was_in_vain() {
    let recycle = StatefulAction::Recycle;
    let refused = |promises: &Promises, expectations: &Expectations| {
        let before = old();
        let observed = Some(&before);
        let situation = Situation {
            observed,
            promises,
            lists_volumes: true,
            volume_holder: None,
            known_before: None,
            by_journal: false,
        };
        may_act(&recycle, &situation, expectations).unwrap_err()
    };
    let mut asked =
        Expectations { image_id: Some(ImageId::new("ami-2")), ..Expectations::default() };
    assert!(matches!(refused(&promises(), &asked), Refusal::OtherImage { .. }));
    let mut rooted = promises();
    rooted.persistence.root_device = true;
    assert!(matches!(refused(&rooted, &asked), Refusal::ImageUnprovable { .. }));
    asked = Expectations { same_volumes: Demand::Required, ..Expectations::default() };
    let mut anew = promises();
    anew.persistence.block_devices_mode = Some(BlockDevicesMode::OnLaunch);
    assert!(matches!(refused(&anew, &asked), Refusal::CheckHopeless { name: "same_volumes", .. }));
    asked = Expectations { same_private_ip: Demand::Required, ..Expectations::default() };
    let mut loose = promises();
    loose.persistence.private_ip = false;
    assert!(matches!(refused(&loose, &asked), Refusal::CheckHopeless { .. }));
}

#[test]
fn data_is_deleted_only_when_that_is_said() {
    let delete = |what: Deallocation, confirm_data_loss| {
        let expectations = Expectations { confirm_data_loss, ..Expectations::default() };
        decide(&StatefulAction::Deallocate(what), Some(&old()), &expectations)
    };
    let volumes = Deallocation { delete_volumes: true, ..Deallocation::default() };
    let refusal = delete(volumes, false).unwrap_err();
    assert!(refusal.to_string().contains("vol-d"), "{refusal}");
    assert!(delete(volumes, true).is_ok());
    let images = Deallocation { delete_images: true, ..Deallocation::default() };
    assert!(delete(images, false).unwrap_err().to_string().contains("images"));
    assert!(delete(images, true).is_ok());
    let address = Deallocation { delete_network_interfaces: true, ..Deallocation::default() };
    assert!(delete(address, false).is_ok());
}

#[test]
fn a_volume_of_another_or_of_nobody_known_stays() {
    let promises = promises();
    let (paused, delete) =
        (at("PAUSED", None, None), StatefulAction::DeleteVolume("vol-x".to_owned()));
    let situation = Situation {
        observed: Some(&paused),
        promises: &promises,
        lists_volumes: true,
        volume_holder: Some("ssi-2"),
        known_before: None,
        by_journal: false,
    };
    let refusal = may_act(&delete, &situation, &Expectations::default()).unwrap_err();
    assert!(refusal.to_string().contains("ssi-2"), "{refusal}");
    let bare = Snapshot { devices: Vec::new(), ..paused };
    let situation = Situation {
        observed: Some(&bare),
        lists_volumes: false,
        volume_holder: None,
        known_before: None,
        by_journal: false,
        promises: &promises,
    };
    let refusal = may_act(&delete, &situation, &Expectations::default()).unwrap_err();
    assert!(matches!(refusal, Refusal::VolumeUnproved { .. }), "{refusal}");
    let sure = Expectations { confirm_data_loss: true, ..Expectations::default() };
    assert!(may_act(&delete, &situation, &sure).is_ok());
}

#[test]
fn a_recycle_is_done_on_any_path_and_never_by_the_sight_of_a_state_between() {
    for path in [
        vec!["RECYCLE", "RECYCLING"],
        vec!["RECYCLE", "PAUSING", "PAUSED", "RESUMING"],
        vec!["HIBERNATED"],
        vec![],
    ] {
        let mut seen = vec![Some(old()), Some(old())];
        seen.extend(looks(&path));
        let unfinished = judged(StatefulAction::Recycle, old(), &seen);
        assert!(matches!(unfinished, Outlook::NotYet(_)), "{path:?}: {unfinished:?}");
        seen.push(Some(new()));
        let verdict = judged(StatefulAction::Recycle, old(), &seen);
        assert_eq!(verdict, Outlook::Done(Some(Box::new(new()))), "{path:?}");
    }
    // Back as the old instance: a list that lags, or a recycle given up; neither is done.
    let mut seen = looks(&["RECYCLING"]);
    seen.push(Some(old()));
    let verdict = judged(StatefulAction::Recycle, old(), &seen);
    assert!(matches!(verdict, Outlook::NotYet(Waiting::Begin(_))), "{verdict:?}");
}

#[test]
fn without_a_launch_time_the_new_id_is_believed_the_second_time() {
    for time in [None, Some("yesterday")] {
        let seen = Some(at("ACTIVE", Some("i-new"), time));
        let other = Some(at("ACTIVE", Some("i-other"), time));
        let once = judged(StatefulAction::Recycle, old(), std::slice::from_ref(&seen));
        assert!(matches!(once, Outlook::NotYet(Waiting::Confirmation(_))), "{once:?}");
        let changed = judged(StatefulAction::Recycle, old(), &[seen.clone(), other]);
        assert!(matches!(changed, Outlook::NotYet(_)), "{changed:?}");
        let apart = [seen.clone(), Some(old()), seen.clone()];
        let apart = judged(StatefulAction::Recycle, old(), &apart);
        assert!(matches!(apart, Outlook::NotYet(_)), "{apart:?}");
        let twice = judged(StatefulAction::Recycle, old(), &[seen.clone(), seen]);
        assert!(matches!(twice, Outlook::Done(Some(_))), "{twice:?}");
    }
    let earlier = vec![Some(at("ACTIVE", Some("i-new"), Some(EARLIER))); 3];
    let verdict = judged(StatefulAction::Recycle, old(), &earlier);
    assert_eq!(verdict, Outlook::NotYet(Waiting::LaunchTime));
}

#[test]
fn a_pause_within_a_recycle_is_told_from_a_fall_back_by_how_long_it_lasts() {
    let mut seen = looks(&["RECYCLING"]);
    seen.extend(looks(&["PAUSED"; 18]));
    let verdict = judged(StatefulAction::Recycle, old(), &seen);
    assert!(matches!(verdict, Outlook::NotYet(_)), "170 s: {verdict:?}");
    seen.extend(looks(&["PAUSED"]));
    let verdict = judged(StatefulAction::Recycle, old(), &seen);
    assert!(matches!(verdict, Outlook::Never(Failure::Paused { .. })), "180 s: {verdict:?}");
    // After a launch it counts sooner, yet not for one look at a list that lags.
    let mut seen = looks(&["PAUSED", "RESUMING", "PAUSED", "RESUMING", "PAUSED"]);
    let verdict = judged(StatefulAction::Recycle, old(), &seen);
    assert!(matches!(verdict, Outlook::NotYet(_)), "{verdict:?}");
    seen.extend(looks(&["PAUSED"; 3]));
    for action in [StatefulAction::Recycle, StatefulAction::Resume] {
        let verdict = judged(action, at("PAUSED", None, None), &seen);
        assert!(matches!(verdict, Outlook::Never(Failure::Paused { .. })), "{verdict:?}");
    }
}

#[test]
fn error_and_absence_end_it() {
    let mut failed = looks(&["RECYCLING", "ERROR"]);
    let verdict = judged(StatefulAction::Recycle, old(), &failed);
    assert_eq!(verdict, Outlook::Never(Failure::Error));
    failed = vec![None, Some(old()), None];
    let verdict = judged(StatefulAction::Recycle, old(), &failed);
    assert!(matches!(verdict, Outlook::NotYet(_)), "a list with a hole: {verdict:?}");
    failed.push(None);
    let verdict = judged(StatefulAction::Recycle, old(), &failed);
    assert_eq!(verdict, Outlook::Never(Failure::Vanished));
    let deallocate = StatefulAction::Deallocate(Deallocation::default());
    assert_eq!(judged(deallocate, old(), &[None, None]), Outlook::Done(None));
}

#[test]
fn checks_tell_what_is_promised_from_what_is_asked() {
    let mut moved = new();
    moved.availability_zone = Some("eu-west-1b".to_owned());
    moved.devices[1].volume_id = Some("vol-copy".to_owned());
    let found = |after: &Snapshot, promises: &Promises, expectations: &Expectations| {
        let checks = checks(Some(&old()), after, promises, expectations);
        unmet(&checks).into_iter().map(|check| check.name).collect::<Vec<_>>()
    };
    let auto = Expectations::default();
    assert_eq!(found(&new(), &promises(), &auto), [""; 0]);
    assert_eq!(found(&moved, &promises(), &auto), ["same_volumes", "same_zone"]);
    let waived = Expectations {
        same_volumes: Demand::Waived,
        same_zone: Demand::Waived,
        ..Expectations::default()
    };
    assert_eq!(found(&moved, &promises(), &waived), [""; 0]);
    let nothing = Promises::default();
    assert_eq!(found(&moved, &nothing, &auto), [""; 0]);
    let required = Expectations { same_zone: Demand::Required, ..Expectations::default() };
    assert_eq!(found(&moved, &nothing, &required), ["same_zone"]);
    let blind = Snapshot { availability_zone: None, private_ip: None, ..new() };
    assert_eq!(found(&blind, &promises(), &auto), ["same_zone", "same_private_ip"]);
    let image = Expectations { image_id: Some(ImageId::new("ami-1")), ..Expectations::default() };
    assert_eq!(found(&new(), &promises(), &image), [""; 0]);
    let mut rooted = promises();
    rooted.persistence.root_device = true;
    assert_eq!(found(&new(), &rooted, &image), ["image_id"], "unknown fails when asked");
}

#[test]
fn a_trace_is_what_a_lagging_list_cannot_show() {
    let recycle = StatefulAction::Recycle;
    let seen = |observed: Option<Snapshot>| trace(&recycle, &old(), observed.as_ref());
    assert_eq!(seen(Some(old())), Trace::Untouched);
    assert_eq!(seen(Some(new())), Trace::Begun);
    assert_eq!(seen(Some(at("RECYCLE", Some("i-old"), None))), Trace::Begun);
    assert_eq!(seen(Some(at("HIBERNATED", Some("i-old"), None))), Trace::Unclear);
    assert_eq!(seen(None), Trace::Unclear);
}

#[test]
fn phases_last_from_sight_to_sight() {
    let mut phases = Phases::default();
    let second = Duration::from_secs;
    for (state, now) in [("ACTIVE", 0), ("ACTIVE", 2), ("RECYCLING", 5), ("ACTIVE", 65)] {
        phases.note(state, second(now));
    }
    let seen: Vec<_> =
        phases.until(second(66)).into_iter().map(|phase| (phase.state, phase.lasted)).collect();
    let expected = [("ACTIVE", 5), ("RECYCLING", 60), ("ACTIVE", 1)];
    assert_eq!(seen, expected.map(|(state, lasted)| (state.to_owned(), second(lasted))));
}

fn any_snapshot() -> impl Strategy<Value = Option<Snapshot>> {
    let states: Vec<&str> =
        StatefulState::KNOWN.iter().copied().chain(["HIBERNATED", "", "active"]).collect();
    let ids = prop::sample::select(vec![None, Some("i-old"), Some("i-new"), Some("i-newer")]);
    let times = prop::sample::select(vec![None, Some("nonsense"), Some(EARLIER), Some(LATER)]);
    let devices = prop::bool::ANY;
    let seen = (prop::sample::select(states), ids, times, devices).prop_map(
        |(state, id, time, has_devices)| {
            let mut snapshot = at(state, id, time);
            if !has_devices {
                snapshot.devices.clear();
            }
            snapshot
        },
    );
    prop_oneof![1 => Just(None), 12 => seen.prop_map(Some)]
}

fn any_action() -> impl Strategy<Value = StatefulAction> {
    let any = Deallocation::default();
    prop::sample::select(vec![
        StatefulAction::Recycle,
        StatefulAction::Pause,
        StatefulAction::Resume,
        StatefulAction::Deallocate(any),
        StatefulAction::DeleteVolume("vol-d".to_owned()),
        StatefulAction::DeleteVolume("vol-x".to_owned()),
    ])
}

proptest! {
    #[test]
    fn a_recycle_is_never_done_without_active_and_a_new_id(
        before in any_snapshot().prop_filter_map("present", |it| it),
        looks in prop::collection::vec((any_snapshot(), 0_u64..400), 1..40),
    ) {
        let mut watch = Watch::new(StatefulAction::Recycle, before.clone());
        let (mut now, mut last) = (Duration::ZERO, None);
        for (look, pause) in looks {
            now += Duration::from_secs(pause);
            match watch.judge(look.as_ref(), now) {
                Outlook::Done(after) => {
                    let after = after.unwrap();
                    prop_assert_eq!(Some(&*after), look.as_ref());
                    prop_assert_eq!(&after.state, &StatefulState::Active);
                    prop_assert!(after.instance_id.is_some());
                    prop_assert_ne!(&after.instance_id, &before.instance_id);
                    let instant = |it: &Snapshot| it.launched_at.as_ref().and_then(VendorTime::instant);
                    match (instant(&before), instant(&after)) {
                        (Some(old), Some(new)) => prop_assert!(new > old),
                        _ => prop_assert_eq!(last, Some(after.instance_id.clone())),
                    }
                    break;
                }
                Outlook::Never(_) => break,
                Outlook::NotYet(_) => {}
            }
            last = look.filter(|it| it.state == StatefulState::Active).map(|it| it.instance_id);
        }
    }

    #[test]
    fn every_decision_and_every_judgement_is_total(
        action in any_action(),
        seen in any_snapshot(),
        looks in prop::collection::vec((any_snapshot(), 0_u64..400), 1..20),
        expected in prop::option::of(prop::sample::select(vec!["i-old", "i-new"])),
        confirm_data_loss in prop::bool::ANY,
    ) {
        let instance_id = expected.map(InstanceId::new);
        let expectations = Expectations { instance_id, confirm_data_loss, ..Expectations::default() };
        match decide(&action, seen.as_ref(), &expectations) {
            Ok(Step::Act { before } | Step::Join { before }) => {
                let mut watch = Watch::new(action.clone(), (*before).clone());
                let mut now = Duration::ZERO;
                for (look, pause) in looks {
                    now += Duration::from_secs(pause);
                    let _ = trace(&action, &before, look.as_ref());
                    let verdict = watch.judge(look.as_ref(), now);
                    if let (Outlook::Done(after), StatefulAction::Pause) = (&verdict, &action) {
                        prop_assert_eq!(&after.as_ref().unwrap().state, &StatefulState::Paused);
                    }
                }
            }
            Ok(Step::Nothing(settled)) => prop_assert!(!settled.to_string().is_empty()),
            Err(refusal) => prop_assert!(!refusal.to_string().contains('\n')),
        }
    }
}

/// The list may show the half of a machine that is being given up.
#[test]
fn a_recycle_that_is_joined_is_compared_with_what_was_written_down_of_its_machine() {
    let half = Snapshot { devices: Vec::new(), ..at("RECYCLING", Some("i-old"), None) };
    let Ok(Step::Join { before }) = decide_knowing(&old(), &half, &expecting("i-old")) else {
        panic!("not joined")
    };
    assert_eq!((&before.devices, &before.launched_at), (&old().devices, &old().launched_at));
    let blank = Snapshot { devices: at("ACTIVE", None, None).devices[..1].to_vec(), ..new() };
    let found = checks(Some(&before), &blank, &promises(), &Expectations::default());
    assert_eq!(unmet(&found).iter().map(|it| it.name).collect::<Vec<_>>(), ["same_volumes"]);
    // Of another machine nothing is taken over.
    assert_eq!(half.filled_from(&new()), half);
}

#[test]
fn a_machine_of_which_is_not_told_what_must_be_the_same_is_not_given_up_unless_that_is_waived() {
    let recycle = StatefulAction::Recycle;
    let bare = Snapshot { devices: Vec::new(), availability_zone: None, private_ip: None, ..old() };
    let refusal = decide(&recycle, Some(&bare), &Expectations::default()).unwrap_err();
    let names = ["same_volumes", "same_zone", "same_private_ip"];
    assert!(names.iter().all(|name| refusal.to_string().contains(name)), "{refusal}");
    let half = Snapshot { devices: old().devices, ..bare.clone() };
    let refusal = decide(&recycle, Some(&half), &Expectations::default()).unwrap_err().to_string();
    assert!(refusal.contains("its zone, private address") && !refusal.contains("same_volumes"));
    let waived = Expectations {
        same_volumes: Demand::Waived,
        same_zone: Demand::Waived,
        same_private_ip: Demand::Waived,
        ..Expectations::default()
    };
    assert!(matches!(decide(&recycle, Some(&bare), &waived), Ok(Step::Act { .. })));
    // A journal knows it, and of a managed instance it is never told.
    for (lists_volumes, by_journal) in [(true, true), (false, false)] {
        let promises = promises();
        let situation = Situation {
            observed: Some(&bare),
            promises: &promises,
            lists_volumes,
            volume_holder: None,
            known_before: None,
            by_journal,
        };
        let step = may_act(&recycle, &situation, &Expectations::default());
        assert!(matches!(step, Ok(Step::Act { .. })), "{step:?}");
    }
}

/// A volume that comes back does so in its own zone only.
#[test]
fn a_machine_that_may_come_back_in_another_zone_is_given_up_only_when_that_is_said() {
    let before = old();
    for (pin, words) in [
        (
            ZonePin::Several(vec!["a".to_owned(), "b".to_owned()]),
            "several zones, a, b, and persists",
        ),
        (ZonePin::Untold, "names no zones"),
    ] {
        let promises = Promises { pin: Some(pin), ..promises() };
        let situation = Situation {
            observed: Some(&before),
            promises: &promises,
            lists_volumes: true,
            volume_holder: None,
            known_before: None,
            by_journal: false,
        };
        for action in [StatefulAction::Recycle, StatefulAction::Pause] {
            let refusal = may_act(&action, &situation, &Expectations::default()).unwrap_err();
            let refusal = refusal.to_string();
            assert!(refusal.contains(words) && refusal.contains("confirm_data_loss"), "{refusal}");
            let sure = Expectations { confirm_data_loss: true, ..Expectations::default() };
            assert!(matches!(may_act(&action, &situation, &sure), Ok(Step::Act { .. })));
        }
    }
}
