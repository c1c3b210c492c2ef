//! A small proxy before moto: it supplies what moto lacks (prices that differ, the Pricing API, placement scores, client tokens,
//! a lack of capacity, answers that are lost) and lets the rest through.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::canned::{Canned, Reply, Request};
use super::moto::Moto;

/// The zones that have prices.
pub(crate) const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];

/// What becomes of a launch that this fits.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Only of this type.
    pub(crate) machine_type: Option<&'static str>,
    /// Only in this zone.
    pub(crate) zone: Option<&'static str>,
    /// Only of spot instances, or only of others.
    pub(crate) is_spot: Option<bool>,
    /// So often.
    pub(crate) times: usize,
    pub(crate) effect: Effect,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// EC2 refuses with this code.
    Refuse(&'static str),
    /// It is launched, and nobody hears of it.
    LoseAnswer,
    /// Nobody hears of it, and it is not launched.
    LoseRequest,
}

impl Fault {
    pub(crate) fn refuse(code: &'static str) -> Self {
        let effect = Effect::Refuse(code);
        Self { machine_type: None, zone: None, is_spot: None, times: usize::MAX, effect }
    }
}

/// What becomes of another call.
#[derive(Clone, Debug)]
pub(crate) struct Snag {
    pub(crate) action: &'static str,
    /// Only where this is among the parameters, or in the JSON.
    pub(crate) with: &'static str,
    pub(crate) code: &'static str,
    /// So often.
    pub(crate) times: usize,
    /// Not before the next launch.
    pub(crate) waits: bool,
}

impl Snag {
    /// No machine is listed, though some are there.
    pub(crate) const NONE: &str = "none";
}

const NO_INSTANCES: &str = "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
     <reservationSet/></DescribeInstancesResponse>";

/// What else happens at a call: it is told the action and how many machines were launched until then.
type Deed = Box<dyn FnMut(&str, usize) + Send>;

#[derive(Default)]
struct State {
    deed: Option<Deed>,
    snags: Vec<Snag>,
    /// What `running` is told as.
    shown: Option<&'static str>,
    spot: BTreeMap<(String, String), String>,
    on_demand: BTreeMap<String, String>,
    /// By zone.
    scores: BTreeMap<String, u8>,
    faults: Vec<Fault>,
    /// By token: what was asked for, and what was answered.
    answers: BTreeMap<String, (BTreeMap<String, String>, String)>,
    /// Whose the credentials are, if not moto's.
    account: Option<String>,
    calls: BTreeMap<String, usize>,
    page: usize,
}

/// The proxy.
pub(crate) struct Market {
    server: Canned,
    state: Arc<Mutex<State>>,
}

impl Market {
    /// With six types at prices that differ, in three zones.
    pub(crate) fn before(moto: &'static Moto) -> Self {
        let mut state = State { page: 1000, ..State::default() };
        let types = [
            ("c6i.large", "0.0850", ["0.0340", "0.0350", "0.0300"]),
            ("c6i.xlarge", "0.1700", ["0.0700", "0.0640", "0.0720"]),
            ("m6i.large", "0.0960", ["0.0400", "0.0380", "0.0420"]),
            ("m6g.large", "0.0770", ["0.0310", "0.0320", "0.0330"]),
            ("t3.large", "0.0832", ["0.0250", "0.0250", "0.0250"]),
            ("r6i.large", "0.1260", ["0.0450", "0.0460", "0.0470"]),
        ];
        for (name, full, prices) in types {
            state.on_demand.insert(name.to_owned(), full.to_owned());
            for (zone, price) in ZONES.iter().zip(prices) {
                state.spot.insert((name.to_owned(), (*zone).to_owned()), price.to_owned());
            }
        }
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        let moto = moto.url().to_owned();
        let server = Canned::start(move |request| answer(request, &shared, &http, &moto));
        Self { server, state }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// All that the environment must have for the program to speak to it.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_REGION", "eu-west-1"),
        ]
    }

    pub(crate) fn price(&self, machine_type: &str, zone: &str, price: Option<&str>) {
        let key = (machine_type.to_owned(), zone.to_owned());
        let mut state = self.state.lock().unwrap();
        match price {
            Some(price) => state.spot.insert(key, price.to_owned()),
            None => state.spot.remove(&key),
        };
    }

    /// Only these types, each at its own price in each of these zones, and on demand at twice the highest.
    pub(crate) fn only(&self, types: &[String], zones: &[String]) {
        let mut state = self.state.lock().unwrap();
        state.spot.clear();
        state.on_demand.clear();
        for (number, name) in types.iter().enumerate() {
            for (place, zone) in zones.iter().enumerate() {
                let micros = 10_000 + 100 * number + place;
                let price = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
                state.spot.insert((name.clone(), zone.clone()), price);
            }
            let full = 2 * (10_000 + 100 * types.len());
            let full = format!("{}.{:04}", full / 1_000_000, full % 1_000_000 / 100);
            state.on_demand.insert(name.clone(), full);
        }
    }

    /// No spot prices at all.
    pub(crate) fn forget_prices(&self) {
        self.state.lock().unwrap().spot.clear();
    }

    pub(crate) fn score(&self, zone: &str, score: u8) {
        self.state.lock().unwrap().scores.insert(zone.to_owned(), score);
    }

    pub(crate) fn pages_of(&self, size: usize) {
        self.state.lock().unwrap().page = size;
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state.lock().unwrap().faults.push(fault);
    }

    pub(crate) fn snag(&self, snag: Snag) {
        self.state.lock().unwrap().snags.push(snag);
    }

    /// Something happens at each call.
    pub(crate) fn meanwhile(&self, deed: impl FnMut(&str, usize) + Send + 'static) {
        self.state.lock().unwrap().deed = Some(Box::new(deed));
    }

    /// The credentials are of this account.
    pub(crate) fn account(&self, account: &str) {
        self.state.lock().unwrap().account = Some(account.to_owned());
    }

    /// Machines that run are told to be in this state.
    pub(crate) fn show(&self, state: &'static str) {
        self.state.lock().unwrap().shown = Some(state);
    }

    pub(crate) fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        state.faults.clear();
        state.snags.clear();
        state.shown = None;
        state.deed = None;
    }

    /// How often each action was called.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Bodies of all calls of an action, taken apart.
    pub(crate) fn bodies(&self, action: &str) -> Vec<BTreeMap<String, String>> {
        let requests = self.server.requests().into_iter();
        let forms = requests.map(|request| fields(&request.body));
        forms.filter(|form| form.get("Action").is_some_and(|it| it == action)).collect()
    }
}

fn fields(body: &str) -> BTreeMap<String, String> {
    let form = reqwest::Url::parse(&format!("http://form/?{body}")).unwrap();
    form.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn answer(
    request: &Request,
    state: &Mutex<State>,
    http: &reqwest::blocking::Client,
    moto: &str,
) -> Reply {
    let target = header(request, "x-amz-target").map(str::to_owned);
    let form = if target.is_some() { BTreeMap::new() } else { fields(&request.body) };
    let action = target.clone().or_else(|| form.get("Action").cloned()).unwrap_or_default();
    let mut state = state.lock().unwrap();
    *state.calls.entry(action.clone()).or_default() += 1;
    let launches = state.answers.len();
    if let Some(deed) = &mut state.deed {
        deed(&action, launches);
    }
    let fits = |snag: &&mut Snag| {
        let has = |text: &str| {
            let in_json = || target.is_some() && request.body.contains(text);
            text.is_empty() || form.values().any(|it| it == text) || in_json()
        };
        snag.times > 0 && !snag.waits && snag.action == action && has(snag.with)
    };
    if let Some(snag) = state.snags.iter_mut().find(fits) {
        snag.times -= 1;
        return match snag.code {
            Snag::NONE => Reply::xml(200, NO_INSTANCES),
            code if target.is_some() => {
                let said = json!({"__type": code, "message": "No."});
                Reply::json(400, said.to_string())
            }
            code => refused(code),
        };
    }
    match action.as_str() {
        "AWSPriceListService.GetProducts" => products(&state, &request.body),
        "DescribeSpotPriceHistory" => history(&state, &form),
        "GetSpotPlacementScores" => scores(&state, request, http, moto),
        "RunInstances" => launch(&mut state, request, &form, http, moto),
        "GetCallerIdentity" if state.account.is_some() => identity(state.account.as_ref().unwrap()),
        "DescribeInstances" if state.shown.is_some() => {
            let mut reply = through(request, http, moto);
            let shown = format!("<name>{}</name>", state.shown.unwrap());
            reply.body = reply.body.replace("<name>running</name>", &shown);
            reply
        }
        _ => through(request, http, moto),
    }
}

fn refused(code: &str) -> Reply {
    let status = match code {
        "InsufficientInstanceCapacity" | "InternalError" => 500,
        "RequestLimitExceeded" => 503,
        "UnauthorizedOperation" => 403,
        _ => 400,
    };
    Reply::xml(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>No.</Message></Error></Errors>\
             <RequestID>req-refused</RequestID></Response>"
        ),
    )
}

fn through(request: &Request, http: &reqwest::blocking::Client, moto: &str) -> Reply {
    let mut asked = http.post(moto).body(request.body.clone());
    for name in ["authorization", "content-type", "x-amz-target"] {
        if let Some(value) = header(request, name) {
            asked = asked.header(name, value);
        }
    }
    let reply = asked.send().unwrap();
    let status = reply.status().as_u16();
    let is_json = header(request, "x-amz-target").is_some();
    let body = reply.text().unwrap();
    if is_json { Reply::json(status, body) } else { Reply::xml(status, body) }
}

fn identity(account: &str) -> Reply {
    let text = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/one</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    Reply::xml(200, text)
}

fn page<T: Clone>(all: &[T], from: Option<&String>, size: usize) -> (Vec<T>, Option<String>) {
    let from: usize = from.map_or(0, |from| from.parse().unwrap());
    let end = (from + size).min(all.len());
    (all[from..end].to_vec(), (end < all.len()).then(|| end.to_string()))
}

fn history(state: &State, form: &BTreeMap<String, String>) -> Reply {
    let all: Vec<_> = state.spot.iter().collect();
    let (some, next) = page(&all, form.get("NextToken"), state.page);
    let item = |((name, zone), price): &(&(String, String), &String)| {
        // An older price besides, which is in force no more.
        let row = |price: &str, day: u32| {
            format!(
                "<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>\
                 <spotPrice>{price}</spotPrice><timestamp>2026-01-{day:02}T00:00:00.000Z</timestamp>\
                 <availabilityZone>{zone}</availabilityZone></item>"
            )
        };
        row("0.000001", 1) + &row(price, 2)
    };
    let items: String = some.iter().map(item).collect();
    let next = next.map(|next| format!("<nextToken>{next}</nextToken>")).unwrap_or_default();
    Reply::xml(
        200,
        format!(
            "<DescribeSpotPriceHistoryResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <spotPriceHistorySet>{items}</spotPriceHistorySet>{next}</DescribeSpotPriceHistoryResponse>"
        ),
    )
}

fn products(state: &State, body: &str) -> Reply {
    let asked: Value = serde_json::from_str(body).unwrap();
    let all: Vec<_> = state.on_demand.iter().collect();
    let from = asked["NextToken"].as_str().map(str::to_owned);
    let (some, next) = page(&all, from.as_ref(), state.page.min(100));
    let product = |(name, price): &(&String, &String)| {
        let dimension = json!({"unit": "Hrs", "pricePerUnit": {"USD": format!("{price}000000")}});
        let free = json!({"unit": "Hrs", "pricePerUnit": {"USD": "0.0000000000"}});
        json!({
            "product": {"attributes": {"instanceType": name}},
            "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension, "A.B.D": free}}}},
        })
        .to_string()
    };
    let list: Vec<String> = some.iter().map(product).collect();
    let mut reply = json!({"FormatVersion": "aws_v1", "PriceList": list});
    if let Some(next) = next {
        reply["NextToken"] = json!(next);
    }
    Reply::json(200, reply.to_string())
}

/// Zones go by their ids here, which are moto's.
fn scores(state: &State, request: &Request, http: &reqwest::blocking::Client, moto: &str) -> Reply {
    let zones = Request {
        head: request.head.clone(),
        body: "Action=DescribeAvailabilityZones&Version=2016-11-15".to_owned(),
    };
    let known = through(&zones, http, moto).body;
    let part = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let items: String = known
        .split("<item>")
        .filter_map(|item| {
            let score = state.scores.get(&part(item, "zoneName")?)?;
            let id = part(item, "zoneId")?;
            Some(format!(
                "<item><availabilityZoneId>{id}</availabilityZoneId><region>eu-west-1</region><score>{score}</score></item>"
            ))
        })
        .collect();
    Reply::xml(
        200,
        format!(
            "<GetSpotPlacementScoresResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <spotPlacementScoreSet>{items}</spotPlacementScoreSet></GetSpotPlacementScoresResponse>"
        ),
    )
}

fn launch(
    state: &mut State,
    request: &Request,
    form: &BTreeMap<String, String>,
    http: &reqwest::blocking::Client,
    moto: &str,
) -> Reply {
    let token = form.get("ClientToken").cloned().unwrap_or_default();
    let zone = form.get("Placement.AvailabilityZone");
    let is_spot = form.contains_key("InstanceMarketOptions.MarketType");
    // A rehearsal is refused by what is refused for ever; what is meant for one launch waits for it.
    let is_rehearsal = form.get("DryRun").is_some_and(|it| it == "true");
    let fits = |fault: &&mut Fault| {
        fault.times > 0
            && fault.machine_type.is_none_or(|it| form.get("InstanceType").is_some_and(|x| x == it))
            && fault.zone.is_none_or(|it| zone.is_some_and(|zone| zone == it))
            && fault.is_spot.is_none_or(|it| it == is_spot)
            && (!is_rehearsal
                || (fault.times == usize::MAX && matches!(fault.effect, Effect::Refuse(_))))
    };
    let effect = state.faults.iter_mut().find(fits).map(|fault| {
        if !is_rehearsal && fault.times != usize::MAX {
            fault.times -= 1;
        }
        fault.effect
    });
    match effect {
        Some(Effect::Refuse(code)) => return refused(code),
        Some(Effect::LoseRequest) => return Reply::nothing(),
        Some(Effect::LoseAnswer) | None => {}
    }
    if !is_rehearsal {
        state.snags.iter_mut().for_each(|snag| snag.waits = false);
    }
    // EC2 answers a token that it knows with what it launched then.
    let body = match state.answers.get(&token) {
        Some((asked, _)) if asked != form => return refused("IdempotentParameterMismatch"),
        Some((_, body)) => body.clone(),
        None => {
            let reply = through(request, http, moto);
            if reply.status != 200 || is_rehearsal {
                return reply;
            }
            state.answers.insert(token, (form.clone(), reply.body.clone()));
            reply.body
        }
    };
    match effect {
        Some(Effect::LoseAnswer) => Reply::nothing(),
        Some(_) | None => Reply::xml(200, body),
    }
}
