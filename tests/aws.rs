//! The AWS facade against moto, and against canned answers for what moto never says.
//!
//! No test asks the metadata service: its address may belong to a real machine's real role.

#![cfg(feature = "aws")]
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

#[path = "aws/credentials.rs"]
mod credentials;
#[path = "aws/iam.rs"]
mod iam;
#[path = "aws/images.rs"]
mod images;
mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use spotinst_esg::aws::{Aws, AwsConfig, AwsError, StaticCredentials};
use spotinst_esg::domain::{Ec2Instance, InstanceId, Lifecycle, Region};
use support::canned::{Canned, Reply};
use support::moto::{self, Launch};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";
const MISSING: &str = "i-0123456789abcdef0";
const CREATED_BY: (&str, &str) = ("spotinst:aws:ec2:group:createdBy", "spotinst");

fn config(url: &str) -> AwsConfig {
    AwsConfig {
        credentials: Some(StaticCredentials {
            access_key_id: KEY.to_owned(),
            secret_access_key: SECRET.to_owned().into(),
            session_token: Some(TOKEN.to_owned().into()),
        }),
        endpoint_url: Some(url.to_owned()),
        use_metadata_service: false,
        // moto loads its tables on the first call.
        timeout: Duration::from_secs(60),
        ..AwsConfig::default()
    }
}

fn aws(url: &str) -> Aws {
    Aws::connect(config(url)).unwrap()
}

fn ireland() -> Region {
    Region::new("eu-west-1")
}

fn ids<T: AsRef<str>>(texts: &[T]) -> Vec<InstanceId> {
    texts.iter().map(|text| InstanceId::new(text.as_ref())).collect()
}

fn ids_of(instances: &[Ec2Instance]) -> Vec<&str> {
    instances.iter().map(|instance| instance.id.as_str()).collect()
}

fn failure(server: &Canned) -> AwsError {
    let error = aws(server.url()).describe_instances(&ireland(), &ids(&[MISSING])).unwrap_err();
    let text = format!("{error} {error:?}");
    for secret in [KEY, SECRET, TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(
        error.to_string().starts_with("read the EC2 instances of region eu-west-1: "),
        "{text}"
    );
    error
}

fn ec2_error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>\
         </Errors><RequestID>req-1</RequestID></Response>"
    )
}

/// A page of EC2's with nothing of an instance but its id.
fn page(ids: &[InstanceId], next: Option<&str>) -> Reply {
    let items: String =
        ids.iter().map(|id| format!("<item><instanceId>{id}</instanceId></item>")).collect();
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    Reply::xml(
        200,
        format!(
            "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><reservationSet><item>\
             <instancesSet>{items}</instancesSet></item></reservationSet>{next}</DescribeInstancesResponse>"
        ),
    )
}

// ---- moto ----

#[test]
fn facts_of_a_spot_and_of_an_on_demand_instance() {
    let moto = moto::shared();
    let tags = [("Name", "kafka-1"), ("empty", "")];
    let spot =
        moto.run_instances("eu-west-1", &Launch { is_spot: true, tags: &tags, count: 1 }).remove(0);
    let plain = moto.run_instances("eu-west-1", &Launch::default()).remove(0);
    let aws = aws(moto.url());

    let found = aws.describe_instances(&ireland(), &ids(&[&spot, &plain, &spot])).unwrap();

    let mut expected = [spot.as_str(), plain.as_str()];
    expected.sort_unstable();
    assert_eq!(ids_of(&found), expected);
    let of = |id: &str| found.iter().find(|instance| instance.id.as_str() == id).unwrap();
    let facts = of(&spot);
    assert_eq!(facts.lifecycle, Some(Lifecycle::Spot));
    assert_eq!(facts.state.as_deref(), Some("running"));
    assert_eq!(facts.instance_type.as_deref(), Some("m5.large"));
    assert_eq!(facts.image_id.as_ref().map(|id| id.as_str()), Some("ami-12c6146b"));
    assert!(facts.availability_zone.as_deref().is_some_and(|zone| zone.starts_with("eu-west-1")));
    assert!(facts.private_ip.as_deref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok()));
    assert!(facts.private_dns_name.as_deref().is_some_and(|name| name.ends_with(".internal")));
    assert!(facts.subnet_id.as_deref().is_some_and(|id| id.starts_with("subnet-")));
    assert!(facts.vpc_id.as_deref().is_some_and(|id| id.starts_with("vpc-")));
    assert_eq!(facts.architecture.as_deref(), Some("x86_64"));
    let launched = facts.launched_at.as_deref().unwrap();
    assert!(launched.ends_with('Z') && launched.parse::<jiff::Timestamp>().is_ok(), "{launched}");
    let named = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(facts.tags, BTreeMap::from(named));
    assert_eq!(of(&plain).lifecycle, Some(Lifecycle::OnDemand));
    assert!(of(&plain).tags.is_empty());
}

#[test]
fn an_unknown_id_leaves_the_others_and_a_terminated_instance_is_listed_as_such() {
    let moto = moto::shared();
    let known = moto.run_instances("eu-west-1", &Launch { count: 2, ..Launch::default() });
    moto.terminate_instances("eu-west-1", &known[..1]);
    let aws = aws(moto.url());

    let found = aws.describe_instances(&ireland(), &ids(&[&known[0], MISSING, &known[1]])).unwrap();

    let states: BTreeMap<_, _> =
        found.iter().map(|one| (one.id.as_str(), one.state.as_deref().unwrap())).collect();
    let expected = [(known[0].as_str(), "terminated"), (known[1].as_str(), "running")];
    assert_eq!(states, BTreeMap::from(expected));
    assert_eq!(aws.describe_instances(&ireland(), &ids(&[MISSING])).unwrap(), []);
}

#[test]
fn regions_are_read_side_by_side_and_each_answers_for_itself() {
    let moto = moto::shared();
    let here = moto.run_instances("eu-west-1", &Launch::default());
    let there = moto.run_instances("us-east-2", &Launch::default());
    let both = ids(&[&here[0], &there[0]]);
    let (far, odd) = (Region::new("us-east-2"), Region::new("not a region"));
    let asked = [(ireland(), both.clone()), (far.clone(), both.clone()), (odd.clone(), both)];

    let answers = BTreeMap::from_iter(aws(moto.url()).describe_many(BTreeMap::from(asked)));

    assert_eq!(ids_of(answers[&ireland()].as_ref().unwrap()), [&here[0]]);
    assert_eq!(ids_of(answers[&far].as_ref().unwrap()), [&there[0]]);
    let error = answers[&odd].as_ref().unwrap_err();
    assert!(matches!(error, AwsError::Rejected { .. }), "{error}");
}

#[test]
fn more_ids_than_a_filter_takes_are_all_found() {
    let moto = moto::shared();
    let tagged = Launch { count: 250, tags: &[CREATED_BY], ..Launch::default() };
    let mut wanted = moto.run_instances("eu-central-1", &tagged);
    wanted.extend(moto.run_instances("eu-central-1", &Launch { count: 3, ..Launch::default() }));
    wanted.sort_unstable();
    let mut asked = ids(&wanted);
    asked.push(InstanceId::new(MISSING));

    let found = aws(moto.url()).describe_instances(&Region::new("eu-central-1"), &asked).unwrap();

    assert_eq!(ids_of(&found), wanted);
}

#[test]
fn one_connection_serves_several_threads() {
    let moto = moto::shared();
    let known = ids(&moto.run_instances("eu-west-1", &Launch::default()));
    let aws = aws(moto.url());
    std::thread::scope(|scope| {
        let ask = || aws.describe_instances(&ireland(), &known).unwrap().len();
        let threads = [scope.spawn(ask), scope.spawn(ask), scope.spawn(ask)];
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [1, 1, 1]);
    });
}

#[test]
fn identity_is_whose_the_credentials_are() {
    let identity = aws(moto::shared().url()).identity().unwrap();
    assert_eq!(identity.account, moto::ACCOUNT);
    assert!(identity.arn.starts_with("arn:aws:"), "{identity:?}");
    assert!(!identity.user_id.is_empty());
}

// ---- pages ----

#[test]
fn many_ids_are_listed_by_tag_page_by_page_and_the_rest_is_asked_by_id() {
    let wanted: Vec<_> = (0..250).map(|n| InstanceId::new(format!("i-{n:017x}"))).collect();
    let all = wanted.clone();
    let server = Canned::start(move |request| {
        if request.body.contains("instance-id") {
            page(&all[240..], None)
        } else if request.body.contains("NextToken=second") {
            page(&all[100..240], None)
        } else {
            page(&all[..100], Some("second"))
        }
    });

    let found = aws(server.url()).describe_instances(&ireland(), &wanted).unwrap();

    assert_eq!(found.len(), 250);
    let bodies: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies[0].contains("tag%3Aspotinst%3Aaws%3Aec2%3Agroup%3AcreatedBy"), "{}", bodies[0]);
    assert!(
        bodies.iter().all(|body| body.contains("MaxResults=1000") && !body.contains("InstanceId."))
    );
    assert_eq!(bodies[2].matches("Filter.1.Value").count(), 10);
}

#[test]
fn paging_ends_when_all_are_found() {
    let wanted: Vec<_> = (0..201).map(|n| InstanceId::new(format!("i-{n:017x}"))).collect();
    let all = wanted.clone();
    let server = Canned::start(move |_| page(&all, Some("more")));
    assert_eq!(aws(server.url()).describe_instances(&ireland(), &wanted).unwrap().len(), 201);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn no_ids_need_no_call_and_foreign_instances_are_left_out() {
    let server = Canned::start(|_| page(&ids(&["i-foreign", MISSING]), None));
    let aws = aws(server.url());
    assert_eq!(aws.describe_instances(&ireland(), &[]).unwrap(), []);
    assert_eq!(server.requests().len(), 0);
    let found = aws.describe_instances(&ireland(), &ids(&[MISSING])).unwrap();
    assert_eq!(ids_of(&found), [MISSING]);
}

#[test]
fn a_page_token_that_comes_twice_is_an_error() {
    let server = Canned::start(|_| page(&[], Some("again")));
    let error = failure(&server);
    assert!(
        matches!(&error, AwsError::BadReply { reason, .. } if reason.contains("token")),
        "{error}"
    );
    assert_eq!(server.requests().len(), 2);
}

// ---- failures ----

#[test]
fn denied_names_the_action_and_hides_what_the_server_echoes() {
    let said = format!("You are not authorized ({KEY}, {SECRET}, {TOKEN}, AKIAOTHERKEYOTHERKEY)");
    let server = Canned::start(move |_| Reply::xml(403, ec2_error("UnauthorizedOperation", &said)));
    let error = failure(&server);
    assert!(matches!(error, AwsError::Denied { action: "ec2:DescribeInstances", .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("ec2:DescribeInstances") && text.contains("not authorized"), "{text}");
    assert!(!text.contains("AKIAOTHER"), "{text}");
    assert!(!error.is_retryable());
}

#[test]
fn throttling_is_retried_and_then_told() {
    let server = Canned::start(|_| {
        Reply::xml(503, ec2_error("RequestLimitExceeded", "Request limit exceeded."))
    });
    let error = failure(&server);
    assert!(matches!(error, AwsError::Throttled { .. }) && error.is_retryable(), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn credentials_that_aws_does_not_take_say_what_to_do() {
    for code in ["RequestExpired", "AuthFailure"] {
        let server = Canned::start(move |_| Reply::xml(400, ec2_error(code, "no.")));
        let error = failure(&server);
        assert!(matches!(error, AwsError::Credentials { .. }), "{error}");
        assert!(error.to_string().contains("clock"), "{error}");
    }
}

#[test]
fn any_other_refusal_keeps_code_message_and_request() {
    let server = Canned::start(|_| Reply::xml(400, ec2_error("OptInRequired", "Not signed up.")));
    let error = failure(&server);
    assert!(
        error.to_string().ends_with("OptInRequired: Not signed up. (request req-1)"),
        "{error}"
    );
}

#[test]
fn html_is_no_answer() {
    for status in [200, 403, 502] {
        let server =
            Canned::start(move |_| Reply::html(status, "<html><body>Log in<br></body></html>"));
        let error = failure(&server);
        assert!(matches!(error, AwsError::BadReply { .. }), "{status}: {error:?}");
        assert!(error.to_string().contains(&format!("HTTP {status}")), "{error}");
    }
}

#[test]
fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = aws(&url).identity().unwrap_err();
    assert!(matches!(error, AwsError::Unreachable { .. }) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("onnection refused"), "{error}");
}

#[test]
fn a_server_without_tls_is_unreachable_over_https() {
    let server = Canned::start(|_| page(&[], None));
    let error = aws(&server.url().replace("http:", "https:")).identity().unwrap_err();
    assert!(matches!(error, AwsError::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let short = AwsConfig { timeout: Duration::from_millis(300), ..config(&url) };
    let error = Aws::connect(short).unwrap().describe_instances(&ireland(), &ids(&[MISSING]));
    let error = error.unwrap_err();
    assert!(matches!(error, AwsError::Timeout { .. }), "{error:?}");
    assert!(error.to_string().ends_with("no answer within 300ms"), "{error}");
}

#[test]
fn endpoints_that_would_leak_are_refused() {
    let urls = [
        "http://ec2.example.com",
        "ftp://127.0.0.1",
        "https://user:hunter2@example.com",
        "127.0.0.1",
    ];
    for url in urls {
        let error = Aws::connect(config(url)).unwrap_err();
        assert!(matches!(error, AwsError::Endpoint { .. }), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    for url in ["http://localhost:1", "http://[::1]:1", "https://example.com"] {
        Aws::connect(config(url)).unwrap();
    }
}
