use super::*;
use crate::spot::pacing::Allowance;

const ROUTE: &str = "GET /aws/ec2/group";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn ticket(pacing: &Pacing) -> Ticket {
    match pacing.admit("org", ROUTE, now()) {
        Admission::Go(ticket) => ticket,
        other => panic!("expected to be admitted, got {other:?}"),
    }
}

fn refused() -> Observation {
    Observation::Refused { wait: Some(Duration::from_secs(9)) }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_one_learns_the_other_obeys() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Pacing::shared(dir.path().into()), Pacing::shared(dir.path().into()));
    assert_eq!((one.notice(), other.notice()), (None, None));
    let probe = ticket(&one);
    assert_eq!(other.admit("org", ROUTE, now()), Admission::Busy);
    one.settle("org", ROUTE, probe, refused(), now());
    let blocked = Admission::Blocked(Duration::from_secs(9));
    assert_eq!(other.admit("org", ROUTE, now()), blocked);
    assert!(matches!(other.admit("another", ROUTE, now()), Admission::Go(_)));
    assert!(matches!(other.admit("org", "GET /other", now()), Admission::Go(_)));
    let late = Pacing::shared(dir.path().into());
    assert_eq!(late.admit("org", ROUTE, now()), blocked);
}

#[test]
fn two_processes_worth_of_threads_never_exceed_what_remains() {
    let dir = tempfile::tempdir().unwrap();
    let stores = [Pacing::shared(dir.path().into()), Pacing::shared(dir.path().into())];
    let probe = ticket(&stores[0]);
    let left = Allowance { limit: Some(100), remaining: 37, reset: None };
    stores[0].settle("org", ROUTE, probe, Observation::Counted(left), now());
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|index| {
                let store = stores[index % 2].clone();
                scope.spawn(move || {
                    let go =
                        |_: &usize| matches!(store.admit("org", ROUTE, now()), Admission::Go(_));
                    (0..50).filter(go).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted, 37);
    assert_eq!(stores[1].notice(), None);
}

#[test]
fn files_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let pacing = Pacing::shared(dir.clone());
    ticket(&pacing);
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join(DATA_FILE)), 0o600);
    assert_eq!(mode(&dir.join(LOCK_FILE)), 0o600);
}

#[test]
fn a_torn_or_foreign_file_is_a_new_start() {
    for content in [
        "",
        "{",
        "[]",
        "null",
        "{\"version\":1}",
        "{\"version\":2,\"budgets\":{}}",
        "\u{0}\u{1}",
        "{\"version\":1,\"budgets\":{\"org\":{\"GET /aws/ec2/group\":{\"knowledge\":\"Odd\"}}}}",
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DATA_FILE), content).unwrap();
        let pacing = Pacing::shared(dir.path().into());
        let probe = ticket(&pacing);
        pacing.settle("org", ROUTE, probe, refused(), now());
        assert_eq!(pacing.notice(), None);
        let other = Pacing::shared(dir.path().into());
        assert!(matches!(other.admit("org", ROUTE, now()), Admission::Blocked(_)), "{content:?}");
    }
}

#[test]
fn a_shorter_content_leaves_no_tail_of_the_longer_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join(DATA_FILE);
    fs::write(&data, " ".repeat(100_000)).unwrap();
    ticket(&Pacing::shared(dir.path().into()));
    serde_json::from_slice::<Ledger>(&fs::read(data).unwrap()).unwrap();
}

#[test]
fn an_unusable_folder_falls_back_to_memory_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let linked = dir.path().join("linked");
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(&file, linked.join(DATA_FILE)).unwrap();
    for bad in [file, open, linked] {
        let pacing = Pacing::shared(bad.clone());
        let notice = pacing.notice().unwrap();
        assert!(notice.contains(&bad.display().to_string()), "{notice}");
        ticket(&pacing);
        assert_eq!(pacing.admit("org", ROUTE, now()), Admission::Busy);
    }
}

#[test]
fn a_folder_that_vanishes_costs_the_sharing_only() {
    let dir = tempfile::tempdir().unwrap();
    let pacing = Pacing::shared(dir.path().into());
    let probe = ticket(&pacing);
    fs::remove_dir_all(dir.path()).unwrap();
    pacing.settle("org", ROUTE, probe, refused(), now());
    assert!(matches!(pacing.admit("org", ROUTE, now()), Admission::Blocked(_)));
    assert!(pacing.notice().is_some());
}

#[test]
fn old_budgets_are_forgotten() {
    let pacing = Pacing::in_memory();
    let probe = ticket(&pacing);
    pacing.settle("org", ROUTE, probe, refused(), now());
    assert_eq!(pacing.budgets("org", now()).len(), 1);
    let later = now() + jiff::SignedDuration::from_hours(25);
    pacing.admit("org", "GET /other", later);
    let routes: Vec<_> = pacing.budgets("org", later).into_iter().map(|it| it.route).collect();
    assert_eq!(routes, ["GET /other"]);
}

#[test]
fn the_list_tells_limits_as_they_are_now() {
    let pacing = Pacing::in_memory();
    let probe = ticket(&pacing);
    let reset = Some(Duration::from_secs(30));
    let none_left = Allowance { limit: Some(20), remaining: 0, reset };
    pacing.settle("org", ROUTE, probe, Observation::Counted(none_left), now());
    let after_10 = now() + jiff::SignedDuration::from_secs(10);
    assert_eq!(
        pacing.budgets("org", after_10),
        [RouteBudget {
            route: ROUTE.into(),
            limit: Some(20),
            remaining: Some(0),
            reset_in: Some(Duration::from_secs(20)),
        }]
    );
    assert_eq!(pacing.budgets("another", now()), []);
}
