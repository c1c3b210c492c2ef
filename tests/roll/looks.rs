//! One look at a group reads all routes at the same time: here with real threads, and nothing but events to wait for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use spotinst_esg::domain::{AccountId, Clock, GroupId, InstanceId};
use spotinst_esg::drive::roll::survey;
use spotinst_esg::plan::roll::Survey;
use spotinst_esg::spot::{
    Carrier, CarryError, Client, ClientConfig, Delivered, Endpoint, Pacing, Parcel, SpotError,
};

use super::desk::Desk;
use super::direct::Direct;

/// What is awaited has not happened, and never will.
const NEVER: Duration = Duration::from_secs(60);

thread_local! {
    /// Tells that the thread has ended that asked for the list of instances.
    static END: RefCell<Option<End>> = const { RefCell::new(None) };
}

/// Whether something has ended, and who waits for it.
type Ended = Arc<(Mutex<bool>, Condvar)>;

struct End(Ended);

impl Drop for End {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// What it does with a request before and after it is carried.
type Wish = dyn Fn(&Doors, &str) + Send + Sync;

/// Carries requests, and knows which have begun, are on their way, and were answered.
struct Doors {
    carrier: Direct,
    begun: Mutex<usize>,
    on_their_way: Mutex<Vec<String>>,
    answered: Mutex<Vec<String>>,
    most_alike: Mutex<BTreeMap<String, usize>>,
    change: Condvar,
    listed: Ended,
    before: Box<Wish>,
}

impl Doors {
    fn await_begun(&self, count: usize) {
        let begun = self.begun.lock().unwrap();
        let (begun, _) = self.change.wait_timeout_while(begun, NEVER, |it| *it < count).unwrap();
        assert!(*begun >= count, "only {begun} are under way at once");
    }

    /// Until whoever asked for the list has taken note of its answer, and of the time.
    fn await_listed(&self) {
        let (ended, change) = &*self.listed;
        let ended = ended.lock().unwrap();
        let (ended, _) = change.wait_timeout_while(ended, NEVER, |it| !*it).unwrap();
        assert!(*ended, "the list was not read");
    }

    fn await_answer(&self, path: &str) {
        let answered = self.answered.lock().unwrap();
        let is_missing = |it: &mut Vec<String>| !it.iter().any(|one| one.ends_with(path));
        let (answered, _) = self.change.wait_timeout_while(answered, NEVER, is_missing).unwrap();
        assert!(answered.iter().any(|one| one.ends_with(path)), "no answer but {answered:?}");
    }
}

impl Carrier for Doors {
    fn carry(&self, parcel: &Parcel) -> Result<Delivered, CarryError> {
        let path = parcel.url.path().to_owned();
        {
            let mut flights = self.on_their_way.lock().unwrap();
            flights.push(path.clone());
            let alike = flights.iter().filter(|it| **it == path).count();
            let mut most = self.most_alike.lock().unwrap();
            let known = most.entry(path.clone()).or_default();
            *known = (*known).max(alike);
        }
        *self.begun.lock().unwrap() += 1;
        self.change.notify_all();
        (self.before)(self, &path);
        if path.ends_with("/statefulInstance") {
            END.set(Some(End(Arc::clone(&self.listed))));
        }
        let answer = self.carrier.carry(parcel);
        self.answered.lock().unwrap().push(path.clone());
        let mut flights = self.on_their_way.lock().unwrap();
        let mine = flights.iter().position(|it| *it == path).unwrap();
        flights.remove(mine);
        drop(flights);
        self.change.notify_all();
        answer
    }
}

fn client(
    desk: &Desk,
    before: impl Fn(&Doors, &str) + Send + Sync + 'static,
) -> (Client, Arc<Doors>) {
    let doors = Arc::new(Doors {
        carrier: Direct(Arc::clone(&desk.sim)),
        begun: Mutex::default(),
        on_their_way: Mutex::default(),
        answered: Mutex::default(),
        most_alike: Mutex::default(),
        change: Condvar::new(),
        listed: Ended::default(),
        before: Box::new(before),
    });
    let endpoint = Endpoint::parse(&desk.sim.url(), false).unwrap();
    let token = SecretString::from("a-token-that-is-secret".to_owned());
    let clock = Arc::clone(&desk.clock) as Arc<dyn Clock>;
    let mut config = ClientConfig::new(endpoint, token, clock, Pacing::in_memory());
    config.carrier = Some(Arc::clone(&doors) as Arc<dyn Carrier>);
    (Client::new(config).unwrap(), doors)
}

fn look(client: &Client) -> Result<Survey, SpotError> {
    survey(client, &AccountId::new("act-1"), &GroupId::new("sig-1"))
}

#[test]
fn the_five_routes_are_asked_at_the_same_time_each_by_one_call() {
    let desk = Desk::new(3);
    let (client, doors) = client(&desk, |doors, _| {
        // None is answered before all have begun.
        doors.await_begun(5);
    });
    assert_eq!(look(&client).unwrap().nodes.len(), 3);
    let most = doors.most_alike.lock().unwrap().clone();
    assert_eq!(most.values().copied().collect::<Vec<_>>(), [1; 5], "{most:?}");
}

#[test]
fn what_is_read_at_the_same_time_waits_for_the_rate_limit_of_its_route() {
    let desk = Desk::new(3);
    let answer = desk.sim.control("POST", "/_sim/settings", json!({"limits": {"default": 2}}));
    assert!(answer["error"].is_null(), "{answer}");
    let (client, doors) = client(&desk, |_, _| {});
    for _ in 0..7 {
        look(&client).unwrap();
    }
    let log = desk.sim.requests();
    assert!(log.iter().all(|request| request.status == 200), "nothing was refused");
    let most = doors.most_alike.lock().unwrap().clone();
    assert!(most.values().all(|most| *most == 1), "{most:?}");
}

/// The status waits until the list was answered, and then for five seconds more, in which a node is replaced.
#[test]
fn a_list_that_grew_old_while_the_rest_was_waited_for_is_read_again() {
    let desk = Desk::new(3);
    let (clock, sim) = (Arc::clone(&desk.clock), Arc::clone(&desk.sim));
    let (client, doors) = client(&desk, move |doors, path| {
        if path.ends_with("/status") {
            doors.await_listed();
            clock.sleep(Duration::from_secs(5));
            let edit = json!({"instance": "ssi-2", "set": {"state": "RECYCLING"}});
            let answer = sim.control("POST", "/_sim/edit", edit);
            assert!(answer["error"].is_null(), "{answer}");
        }
    });
    let seen = look(&client).unwrap();
    assert!(!seen.nodes[1].is_active(), "{:?}", seen.nodes[1]);
    assert_eq!(seen.nodes[0].seen.instance_id, Some(InstanceId::new("i-1")));
    let lists = doors.answered.lock().unwrap().iter().filter(|it| it.ends_with("Instance")).count();
    assert_eq!(lists, 2);
}

/// Whichever failed first by the clock: what is told does not hang on it.
#[test]
fn of_several_failures_the_first_in_the_order_of_the_look_is_told() {
    for slow in ["/sig-1", "/statefulInstance"] {
        let desk = Desk::new(3);
        for route in ["/aws/ec2/group/{groupId}", "/aws/ec2/group/{groupId}/statefulInstance"] {
            desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": route}));
        }
        let other = if slow == "/sig-1" { "/statefulInstance" } else { "/sig-1" };
        let (client, _) = client(&desk, move |doors, path| {
            if path.ends_with(slow) {
                doors.await_answer(other);
            }
        });
        let error = look(&client).unwrap_err().to_string();
        assert!(error.contains("configuration of group sig-1"), "{error}");
    }
}
