//! Machine images, parameters and architectures, of the facade and of the lookup above it.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use spotinst_esg::aws::AwsError;
use spotinst_esg::domain::{ImageId, MachineImage, Region, VendorTime};
use spotinst_esg::drive::{Ec2Access, ImageWanted, ImagesError, look_up_image};

use super::support::canned::{Canned, Reply};
use super::support::moto;
use super::{KEY, SECRET, aws, ec2_error, ireland};

const ABSENT: &str = "ami-0fffffffffffffff0";

fn image_ids<T: AsRef<str>>(texts: &[T]) -> Vec<ImageId> {
    texts.iter().map(|text| ImageId::new(text.as_ref())).collect()
}

fn ids_of(images: &[MachineImage]) -> Vec<&str> {
    images.iter().map(|image| image.id.as_str()).collect()
}

/// A page of images with id and date.
fn page(images: &[(&str, &str)], next: Option<&str>) -> Reply {
    let one = |(id, date): &(&str, &str)| {
        format!(
            "<item><imageId>{id}</imageId><name>n</name><creationDate>{date}</creationDate></item>"
        )
    };
    let items: String = images.iter().map(one).collect();
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    Reply::xml(
        200,
        format!(
            "<DescribeImagesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><imagesSet>{items}</imagesSet>\
             {next}</DescribeImagesResponse>"
        ),
    )
}

/// A server of Systems Manager with one answer.
fn ssm(status: u16, body: &Value) -> Canned {
    let body = body.to_string();
    Canned::start(move |_| Reply {
        status,
        content_type: "application/x-amz-json-1.1",
        body: body.clone(),
        location: None,
    })
}

// ---- the facade ----

#[test]
fn images_are_described_by_id_and_an_unknown_one_is_absent() {
    let moto = moto::shared();
    // One of those that moto has from the start, with every fact.
    let known = "ami-12c6146b";
    let mine = moto.register_image("eu-west-1", "described");
    let aws = aws(moto.url());
    let asked = image_ids(&[known, ABSENT, &mine, known, "", "ami-*"]);
    let found = aws.describe_images(&ireland(), &asked).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    let of = |id: &str| found.iter().find(|image| image.id.as_str() == id).unwrap();
    assert_eq!(of(known).architecture.as_deref(), Some("x86_64"));
    assert_eq!(of(&mine).name.as_deref(), Some("described"));
    assert_eq!(of(&mine).state.as_deref(), Some("available"));
    assert!(of(&mine).created_at.as_ref().is_some_and(|at| at.instant().is_some()));
    let elsewhere = aws.describe_images(&Region::new("us-east-1"), &image_ids(&[&mine])).unwrap();
    assert_eq!(elsewhere, []);
}

#[test]
fn images_are_found_by_name_and_owner() {
    let moto = moto::shared();
    let mine = moto.register_image("eu-west-1", "found-1");
    let aws = aws(moto.url());
    let found = |pattern: &str, owners: &[&str]| {
        let owners: Vec<String> = owners.iter().map(|owner| (*owner).to_owned()).collect();
        let found = aws.find_images(&ireland(), pattern, &owners).unwrap();
        ids_of(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("found-*", &[]), [mine.as_str()]);
    assert_eq!(found("found-?", &["self"]), [mine.as_str()]);
    assert_eq!(found("found-1", &[moto::ACCOUNT]), [mine.as_str()]);
    assert_eq!(found("found-1", &["amazon"]), Vec::<String>::new());
    assert_eq!(found("found", &[]), Vec::<String>::new());
}

#[test]
fn images_come_newest_first_page_by_page() {
    let server = Canned::start(|request| match request.body.contains("NextToken=second") {
        true => page(&[("ami-d", "2026-03-01T00:00:00.000Z"), ("ami-a", "")], None),
        false => page(
            &[("ami-c", "2026-01-01T00:00:00.000Z"), ("ami-b", "2026-01-01T00:00:00.000Z")],
            Some("second"),
        ),
    });
    let found = aws(server.url()).find_images(&ireland(), "kafka-*", &[]).unwrap();
    assert_eq!(ids_of(&found), ["ami-d", "ami-b", "ami-c", "ami-a"]);
    assert_eq!(found[0].created_at, Some(VendorTime::new("2026-03-01T00:00:00.000Z")));
    let bodies: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 2);
    for part in ["Owner.1=self", "Filter.1.Value.1=kafka-%2A", "Filter.2.Value.1=available"] {
        assert!(bodies.iter().all(|body| body.contains(part)), "{part}: {bodies:?}");
    }
}

#[test]
fn images_that_were_not_asked_for_are_left_out_and_hidden_ones_are_asked_for() {
    let server = Canned::start(|_| page(&[("ami-a", ""), ("ami-b", "")], None));
    let aws = aws(server.url());
    assert_eq!(
        ids_of(&aws.describe_images(&ireland(), &image_ids(&["ami-b"])).unwrap()),
        ["ami-b"]
    );
    let body = server.requests().remove(0).body;
    assert!(
        body.contains("IncludeDeprecated=true") && body.contains("IncludeDisabled=true"),
        "{body}"
    );
    assert!(!body.contains("Owner.") && !body.contains("ImageId."), "{body}");
    assert_eq!(aws.describe_images(&ireland(), &[]).unwrap(), []);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn pages_that_never_end_are_an_error() {
    let server = Canned::start(|_| page(&[], Some("again")));
    let error = aws(server.url()).find_images(&ireland(), "x", &[]).unwrap_err();
    assert!(matches!(&error, AwsError::BadReply { reason, .. } if reason.contains("token")));
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Canned::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        page(&[], Some(&format!("token-{number}")))
    });
    let error = aws(server.url()).find_images(&ireland(), "x", &[]).unwrap_err();
    assert!(error.to_string().contains("more than 50 pages"), "{error}");
}

#[test]
fn instance_types_tell_their_architectures() {
    let aws = aws(moto::shared().url());
    let asked = ["m5.large", "m6g.large", "m5.large", "x9.unheard", "*"].map(str::to_owned);
    let found = aws.architectures(&ireland(), &asked).unwrap();
    let pairs: Vec<_> =
        found.iter().map(|(name, kinds)| (name.as_str(), kinds.as_slice())).collect();
    let (intel, arm) = (["x86_64".to_owned()], ["arm64".to_owned()]);
    assert_eq!(pairs, [("m5.large", &intel[..]), ("m6g.large", &arm[..])]);
    assert!(aws.architectures(&ireland(), &[]).unwrap().is_empty());
}

#[test]
fn a_parameter_is_read_and_a_missing_one_is_none() {
    let moto = moto::shared();
    moto.put_parameter("eu-west-1", "/kafka/image", "ami-12c6146b");
    let aws = aws(moto.url());
    let read = |name: &str| aws.parameter(&ireland(), name).unwrap();
    assert_eq!(read("/kafka/image").as_deref(), Some("ami-12c6146b"));
    assert_eq!(read("/kafka/imag"), None);
    assert_eq!(aws.parameter(&Region::new("us-east-1"), "/kafka/image").unwrap(), None);
}

#[test]
fn failures_name_the_action_and_what_was_asked() {
    let denied = Canned::start(|_| Reply::xml(403, ec2_error("UnauthorizedOperation", "no")));
    let aws_denied = aws(denied.url());
    let (name, types) = ("x", ["m5.large".to_owned()]);
    let images = aws_denied.find_images(&ireland(), name, &[]).unwrap_err();
    assert!(matches!(&images, AwsError::Denied { action: "ec2:DescribeImages", .. }), "{images:?}");
    let types = aws_denied.architectures(&ireland(), &types).unwrap_err();
    assert!(
        matches!(&types, AwsError::Denied { action: "ec2:DescribeInstanceTypes", .. }),
        "{types:?}"
    );
    let server =
        ssm(400, &json!({"__type": "AccessDeniedException", "message": format!("not {SECRET}")}));
    let error = aws(server.url()).parameter(&ireland(), "/kafka/image").unwrap_err();
    assert!(matches!(&error, AwsError::Denied { action: "ssm:GetParameter", .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("read the parameter /kafka/image of region eu-west-1: "), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    for (body, expected) in [
        (json!({"__type": "ParameterNotFound"}), Some(None)),
        (json!({"__type": "ParameterVersionNotFound"}), Some(None)),
        (json!({"__type": "ValidationException", "message": "no"}), None),
    ] {
        let read = aws(ssm(400, &body).url()).parameter(&ireland(), "/kafka/image");
        assert_eq!(read.ok(), expected, "{body}");
    }
    let empty = aws(ssm(200, &json!({})).url()).parameter(&ireland(), "/kafka/image").unwrap_err();
    assert!(matches!(empty, AwsError::BadReply { .. }), "{empty}");
}

// ---- the lookup, which finds its credentials in the environment ----

/// Not a test by itself: what [`looked_up`] runs in another process.
#[test]
#[ignore = "runs as a child of other tests, with an environment of its own"]
#[expect(
    clippy::disallowed_methods,
    reason = "a child process is told by its environment what to do"
)]
fn child() {
    let Ok(question) = std::env::var("ESG_TEST_IMAGE_WANTED") else { return };
    let question: Value = serde_json::from_str(&question).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let owners = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let wanted = match (&question["id"], &question["parameter"]) {
        (Value::String(id), _) => ImageWanted::Id(ImageId::new(id.as_str())),
        (_, Value::String(name)) => ImageWanted::SsmParameter(name.clone()),
        _ => ImageWanted::Named {
            name: text(&question["name"]),
            owners: owners(&question["owners"]),
            newest: question["newest"] == true,
        },
    };
    let access = Ec2Access {
        profile: None,
        endpoint_url: Some(text(&question["url"])),
        use_metadata_service: false,
        timeout: Duration::from_secs(question["timeout"].as_u64().unwrap_or(60)),
    };
    let also: Vec<String> = owners(&question["also"]);
    let answer = match look_up_image(&access, &ireland(), &wanted, &image_ids(&also)) {
        Ok(found) => json!({
            "image": found.image.map(|image| image.id.to_string()),
            "others": ids_of(&found.others),
        }),
        Err(error) => {
            let kind = match &error {
                ImagesError::NotBuilt => "NotBuilt",
                ImagesError::NoCredentials(_) => "NoCredentials",
                ImagesError::Denied(_) => "Denied",
                ImagesError::Failed(_) => "Failed",
                ImagesError::Ambiguous { .. } => "Ambiguous",
                ImagesError::BadParameter(_) => "BadParameter",
            };
            json!({ "error": kind, "text": error.to_string() })
        }
    };
    println!("[[{answer}]]");
}

/// What the lookup answers in a process of its own.
fn looked_up(url: &str, mut question: Value, has_credentials: bool) -> Value {
    question["url"] = json!(url);
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "images::child", "--ignored", "--nocapture"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("ESG_TEST_IMAGE_WANTED", question.to_string());
    if has_credentials {
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let answer = said.split_once("[[").and_then(|(_, rest)| rest.rsplit_once("]]"));
    let error = String::from_utf8_lossy(&ran.stderr);
    serde_json::from_str(answer.unwrap_or_else(|| panic!("{said}{error}")).0).unwrap()
}

#[test]
fn the_wanted_image_is_looked_up_by_id_name_and_parameter_with_the_others() {
    let moto = moto::shared();
    let new = moto.register_image("eu-west-1", "looked-up-new");
    let old = moto.register_image("eu-west-1", "looked-up-old");
    moto.put_parameter("eu-west-1", "/looked-up/image", &format!("{new}\n"));
    let also = json!([old, ABSENT]);
    let expected = json!({"image": new, "others": [old]});
    for wanted in [
        json!({"id": new}),
        json!({"name": "looked-up-new"}),
        json!({"name": "looked-up-n*", "owners": ["self"], "newest": true}),
        json!({"parameter": "/looked-up/image"}),
    ] {
        let mut question = wanted.clone();
        question["also"] = also.clone();
        assert_eq!(looked_up(moto.url(), question, true), expected, "{wanted}");
    }
    let both = looked_up(moto.url(), json!({"id": old, "also": [old]}), true);
    assert_eq!(both, json!({"image": old, "others": [old]}));
    for wanted in [json!({"id": ABSENT}), json!({"name": "looked-up"})] {
        let answer = looked_up(moto.url(), wanted, true);
        assert_eq!(answer, json!({"image": null, "others": []}));
    }
    let several = looked_up(moto.url(), json!({"name": "looked-up-*"}), true);
    assert_eq!(several["error"], "Ambiguous");
    let text = several["text"].as_str().unwrap();
    assert!(text.contains("2 images fit") && text.contains(&old) && text.contains("looked-up-new"));
}

#[test]
fn what_names_no_image_is_refused_and_not_shown() {
    let moto = moto::shared();
    moto.put_parameter("eu-west-1", "/looked-up/password", "hunter2");
    for (wanted, words) in [
        (json!({"parameter": "/looked-up/password"}), "its value is no image id"),
        (json!({"parameter": "/looked-up/none"}), "there is no such parameter"),
        (json!({"parameter": " "}), "is empty"),
        (json!({"id": ""}), "is empty"),
        (json!({"name": ""}), "is empty"),
    ] {
        let answer = looked_up(moto.url(), wanted.clone(), true);
        let text = answer["text"].as_str().unwrap();
        assert_eq!(answer["error"], "BadParameter", "{wanted}: {answer}");
        assert!(text.contains(words) && text.contains("eu-west-1"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_lookup_says_why_it_cannot_be_done() {
    let denied = Canned::start(|_| Reply::xml(403, ec2_error("UnauthorizedOperation", "no")));
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let wanted = || json!({"id": ABSENT, "timeout": 1});
    for (url, has_credentials, expected, words) in [
        (denied.url(), false, "NoCredentials", "none are configured"),
        (denied.url(), true, "Denied", "ec2:DescribeImages"),
        (&silent_url, true, "Failed", "no answer within 1s"),
    ] {
        let answer = looked_up(url, wanted(), has_credentials);
        assert_eq!(answer["error"], expected, "{answer}");
        assert!(answer["text"].as_str().unwrap().contains(words), "{answer}");
    }
}
