use proptest::prelude::*;

use super::*;

fn start() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn at(seconds: f64) -> Timestamp {
    start() + SignedDuration::from_secs_f64(seconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn go(budget: &mut Budget, now: Timestamp) -> Ticket {
    match budget.admit(1, now) {
        Admission::Go(ticket) => ticket,
        other => panic!("expected to be admitted, got {other:?}"),
    }
}

fn counted(remaining: u32, reset: u64) -> Observation {
    Observation::Counted(Allowance { limit: Some(20), remaining, reset: Some(secs(reset)) })
}

fn refused(wait: Option<u64>) -> Observation {
    Observation::Refused { wait: wait.map(secs) }
}

#[test]
fn an_unknown_budget_admits_one_probe_until_it_is_answered() {
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(0.0));
    assert_eq!(budget.admit(1, at(1.0)), Admission::Busy);
    budget.settle(probe, Observation::Uncounted, at(1.0));
    for _ in 0..100 {
        go(&mut budget, at(1.0));
    }
    assert_eq!(budget.view(at(1.0)), (None, None, None));
}

#[test]
fn unanswered_probes_widen_the_next_round_to_sixteen() {
    let mut budget = Budget::default();
    for width in [1, 2, 8, 16, 16] {
        let tickets: Vec<_> = (0..width).map(|_| go(&mut budget, at(0.0))).collect();
        assert_eq!(budget.admit(1, at(0.0)), Admission::Busy);
        for ticket in tickets {
            budget.settle(ticket, Observation::Unanswered, at(0.0));
        }
    }
    let probe = go(&mut budget, at(0.0));
    budget.settle(probe, counted(1, 0), at(0.0));
    go(&mut budget, at(0.0));
    assert_eq!(budget.admit(1, at(0.0)), Admission::Busy);
}

#[test]
fn a_limited_budget_admits_no_more_than_remain() {
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(0.0));
    budget.settle(probe, counted(2, 0), at(0.0));
    let first = go(&mut budget, at(0.0));
    let second = go(&mut budget, at(0.0));
    assert_eq!(budget.admit(1, at(0.0)), Admission::Busy);
    budget.settle(second, counted(0, 30), at(1.0));
    budget.settle(first, counted(1, 0), at(1.0));
    assert_eq!(
        budget.admit(1, at(1.0)),
        Admission::Blocked(secs(30)),
        "the older answer is no news"
    );
    assert_eq!(budget.view(at(1.0)), (Some(20), Some(0), Some(secs(30))));
}

#[test]
fn after_the_reset_one_probe_tells_how_many_may_follow() {
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(0.0));
    budget.settle(probe, counted(0, 30), at(0.0));
    assert_eq!(budget.admit(1, at(29.0)), Admission::Blocked(secs(1)));
    let probe = go(&mut budget, at(30.0));
    assert_eq!(budget.admit(1, at(30.0)), Admission::Busy);
    budget.settle(probe, counted(5, 0), at(30.5));
    for _ in 0..5 {
        go(&mut budget, at(31.0));
    }
    assert_eq!(budget.admit(1, at(31.0)), Admission::Busy);
}

#[test]
fn nothing_left_without_a_reset_is_looked_at_again_after_a_second() {
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(0.0));
    let nothing = Allowance { limit: None, remaining: 0, reset: None };
    budget.settle(probe, Observation::Counted(nothing), at(0.0));
    assert_eq!(budget.admit(1, at(0.0)), Admission::Blocked(secs(1)));
    go(&mut budget, at(1.0));
}

#[test]
fn a_refusal_blocks_everybody_until_the_longest_hint_has_passed() {
    for (wait, expected) in [(None, 1), (Some(0), 1), (Some(7), 7), (Some(9999), 3600)] {
        let mut budget = Budget::default();
        let probe = go(&mut budget, at(0.0));
        assert_eq!(budget.settle(probe, refused(wait), at(0.0)), secs(expected));
        assert_eq!(budget.admit(1, at(0.0)), Admission::Blocked(secs(expected)));
    }
}

#[test]
fn refusals_in_a_row_double_the_block_and_a_burst_counts_once() {
    let mut budget = Budget::default();
    let mut now = 0.0;
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        let probe = go(&mut budget, at(now));
        assert_eq!(budget.settle(probe, refused(None), at(now)), secs(expected));
        now += expected as f64;
    }
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(0.0));
    budget.settle(probe, Observation::Uncounted, at(0.0));
    let burst: Vec<_> = (0..16).map(|_| go(&mut budget, at(0.0))).collect();
    for ticket in burst {
        assert_eq!(budget.settle(ticket, refused(None), at(0.0)), secs(1));
    }
}

#[test]
fn an_answer_to_a_request_sent_before_the_block_does_not_lift_it() {
    for late in [Observation::Uncounted, counted(19, 0)] {
        let mut budget = Budget::default();
        let probe = go(&mut budget, at(0.0));
        budget.settle(probe, Observation::Uncounted, at(0.0));
        let (slow, fast) = (go(&mut budget, at(0.0)), go(&mut budget, at(0.0)));
        budget.settle(fast, refused(Some(10)), at(1.0));
        budget.settle(slow, late, at(2.0));
        assert_eq!(budget.admit(1, at(2.0)), Admission::Blocked(secs(9)));
        let probe = go(&mut budget, at(11.0));
        assert_eq!(budget.admit(1, at(11.0)), Admission::Busy);
        budget.settle(probe, Observation::Uncounted, at(11.0));
        go(&mut budget, at(11.0));
        go(&mut budget, at(11.0));
    }
}

#[test]
fn a_request_that_is_never_settled_stops_counting() {
    let mut budget = Budget::default();
    go(&mut budget, at(0.0));
    assert_eq!(budget.admit(1, at(59.9)), Admission::Busy);
    go(&mut budget, at(60.0));
}

#[test]
fn a_clock_set_back_blocks_nobody_by_what_was_learnt_on_the_old_one() {
    let year = 31_536_000.0;
    let mut budget = Budget::default();
    let probe = go(&mut budget, at(year));
    budget.settle(probe, refused(Some(60)), at(year));
    go(&mut budget, at(0.0));
    let mut budget = Budget::default();
    go(&mut budget, at(year));
    assert_eq!(budget.admit(1, at(0.0)), Admission::Busy);
    go(&mut budget, at(60.0));
}

#[test]
fn a_budget_nobody_used_for_a_day_is_forgotten() {
    let mut budget = Budget::default();
    assert!(budget.is_stale(at(0.0)));
    let probe = go(&mut budget, at(0.0));
    assert!(!budget.is_stale(at(0.0)));
    budget.settle(probe, Observation::Uncounted, at(0.0));
    assert!(!budget.is_stale(at(86_400.0)));
    assert!(budget.is_stale(at(86_401.0)));
}

/// The vendor's side: a sliding window, extended by what is sent while blocked.
struct Vendor {
    limit: usize,
    taken: Vec<f64>,
    refusals: usize,
}

impl Vendor {
    fn answer(&mut self, now: f64) -> Observation {
        self.taken.retain(|taken| now - taken < 60.0);
        if self.taken.len() >= self.limit {
            self.refusals += 1;
            self.taken.iter_mut().for_each(|taken| *taken = now);
            return refused(Some(60));
        }
        self.taken.push(now);
        let remaining = (self.limit - self.taken.len()) as u32;
        let reset = if remaining == 0 { (self.taken[0] + 60.0 - now).ceil() as u64 } else { 0 };
        counted(remaining, reset)
    }
}

proptest! {
    /// Requests are processed in one order and answered in another; the vendor tells what is left each time.
    #[test]
    fn alone_on_a_route_we_are_never_refused_and_always_get_on(
        limit in 1usize..30,
        steps in prop::collection::vec((0u8..10, any::<prop::sample::Index>(), 0.0f64..0.1), 1..400),
    ) {
        let mut vendor = Vendor { limit, taken: Vec::new(), refusals: 0 };
        let mut budget = Budget::default();
        let mut now = 0.0;
        let mut sent: Vec<Ticket> = Vec::new();
        let mut processed: Vec<(Ticket, Observation)> = Vec::new();
        for (choice, index, passes) in steps {
            now += passes;
            match choice {
                0..=4 => match budget.admit(1, at(now)) {
                    Admission::Go(ticket) => sent.push(ticket),
                    // What is on its way arrives long before a block ends.
                    Admission::Blocked(wait) => {
                        processed.extend(sent.drain(..).map(|ticket| (ticket, vendor.answer(now))));
                        for (ticket, observation) in processed.drain(..) {
                            budget.settle(ticket, observation, at(now));
                        }
                        now += wait.as_secs_f64();
                    }
                    Admission::Busy => prop_assert!(!sent.is_empty() || !processed.is_empty()),
                },
                5..=7 if !sent.is_empty() => {
                    let ticket = sent.remove(index.index(sent.len()));
                    processed.push((ticket, vendor.answer(now)));
                }
                _ if !processed.is_empty() => {
                    let (ticket, observation) = processed.remove(index.index(processed.len()));
                    budget.settle(ticket, observation, at(now));
                }
                _ => {}
            }
            prop_assert_eq!(vendor.refusals, 0);
        }
    }

    #[test]
    fn nothing_is_admitted_during_a_block(
        waits in prop::collection::vec((prop::option::of(0u64..5000), 0.0f64..100.0), 1..60),
    ) {
        let mut budget = Budget::default();
        let (mut now, mut blocked_until) = (0.0, 0.0f64);
        for (wait, passes) in waits {
            now += passes;
            match budget.admit(1, at(now)) {
                Admission::Go(ticket) => {
                    prop_assert!(now >= blocked_until - 1e-6, "{} < {}", now, blocked_until);
                    let block = budget.settle(ticket, refused(wait), at(now)).as_secs_f64();
                    prop_assert!((1.0..=3600.0).contains(&block));
                    blocked_until = now + block;
                }
                Admission::Blocked(left) => {
                    prop_assert!((now + left.as_secs_f64() - blocked_until).abs() < 1e-3);
                }
                Admission::Busy => prop_assert!(false, "nothing is on its way"),
            }
        }
    }

    #[test]
    fn whatever_a_file_holds_a_wait_is_bounded(
        block in any::<i32>(), reset in any::<i32>(), remaining in any::<u32>(), expires in any::<i32>(),
        ticket in any::<u64>(), refusals in any::<u32>(), unanswered in 0u32..=WIDEST,
    ) {
        let moment = |seconds: i32| at(f64::from(seconds));
        let flight = InFlight { holder: 1, expires_at: moment(expires), least: Some(0) };
        let mut budget = Budget {
            knowledge: Knowledge::Limited { limit: None, remaining, reset_at: moment(reset) },
            blocked_until: Some(moment(block)),
            refusals, unanswered,
            in_flight: [(ticket, flight)].into(),
            next_ticket: ticket,
            known_since: ticket,
            settled_at: None,
        };
        let (mut now, mut rounds) = (0.0, 0);
        let ticket = loop {
            rounds += 1;
            prop_assert!(rounds < 100);
            match budget.admit(1, at(now)) {
                Admission::Go(ticket) => break ticket,
                Admission::Blocked(wait) => { prop_assert!(wait <= LONGEST_WAIT); now += wait.as_secs_f64() + 0.001 }
                Admission::Busy => now += 1.0,
            }
        };
        prop_assert!(budget.settle(ticket, refused(None), at(now)) <= LONGEST_WAIT);
    }
}
