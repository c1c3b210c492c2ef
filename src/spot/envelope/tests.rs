use serde_json::json;

use super::*;
use crate::domain::{AccountId, GroupId};
use crate::spot::ErrorKind;

const TOKEN: &str = "0123456789abcdef-token";

fn request() -> Request {
    Request::get_group(&AccountId::new("act-1"), &GroupId::new("sig-1")).unwrap()
}

fn opened(status: u16, body: impl Into<Vec<u8>>) -> Result<Reply, SpotError> {
    let answer = Answer { status, body: body.into(), request_id: None, location: None };
    open(&request(), &answer, TOKEN)
}

fn reply(response: Value) -> Result<Reply, SpotError> {
    opened(200, json!({"request": {"id": "r-1"}, "response": response}).to_string())
}

fn refused(status: u16, response: Value) -> SpotError {
    let body = json!({"request": {"id": "r-1"}, "response": response});
    opened(status, body.to_string()).unwrap_err()
}

fn ok(fields: Value) -> Value {
    let mut response = json!({"status": {"code": 200, "message": "OK"}});
    response.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    response
}

#[test]
fn items_come_as_a_list_an_object_or_null() {
    let a = || json!({"id": "a"});
    let table = [
        (ok(json!({"items": [a(), a()], "count": 2})), 2),
        (ok(json!({"items": a()})), 1),
        (ok(json!({"items": null})), 0),
        (ok(json!({"items": {}, "count": 0})), 0),
        (ok(json!({"items": []})), 0),
        (ok(json!({"count": 0})), 0),
        (ok(json!({"items": [[a()], [[a(), a()]], []], "count": "3"})), 3),
        (json!({"status": {"code": "200"}, "items": [a()]}), 1),
        (json!({"status": {"code": 201}, "items": [a()]}), 1),
    ];
    for (response, count) in table {
        let reply = reply(response.clone()).unwrap();
        assert_eq!((reply.items.len(), reply.oddities.len()), (count, 0), "{response}");
    }
}

#[test]
fn a_list_without_items_tells_nothing() {
    for silent in [ok(json!({})), ok(json!({"affectedRows": 1})), ok(json!({"count": 3}))] {
        assert!(matches!(reply(silent), Err(SpotError::BadReply { is_torn: false, .. })));
    }
    let lost = reply(ok(json!({"items": null, "count": 3}))).unwrap();
    assert_eq!(lost.left_out, ["the reply counts 3 items and holds 0"]);
}

#[test]
fn a_wrong_count_and_a_missing_status_are_oddities() {
    let got = reply(ok(json!({"items": [{"id": "a"}], "count": 4}))).unwrap();
    assert_eq!(got.oddities, ["the reply counts 4 items and holds 1"]);
    let got = reply(json!({"items": []})).unwrap();
    assert_eq!(got.oddities, ["the reply does not say its status"]);
}

#[test]
fn the_bodys_status_counts_also_when_http_says_200() {
    let error = refused(200, json!({"status": {"code": 500, "message": "Internal"}}));
    assert!(matches!(error, SpotError::Unavailable { status: 500, .. }), "{error}");
    assert!(error.is_transient());
    let error = refused(200, json!({"status": {"code": 401, "message": "no"}}));
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let error = refused(200, json!({"status": {"code": 99999}}));
    assert!(matches!(error, SpotError::Unavailable { .. }), "{error}");
}

#[test]
fn errors_are_told_apart_by_what_can_be_done() {
    let errors = |code: &str, message: &str| json!([{"code": code, "message": message}]);
    let table = [
        (401, errors("AUTH", "bad token"), ErrorKind::Credentials, false),
        (403, errors("FORBIDDEN", "no"), ErrorKind::Credentials, false),
        (400, errors("GROUP_DOESNT_EXIST", "no"), ErrorKind::NotFound, false),
        (400, errors("Account_DOESNT_EXIST", "no"), ErrorKind::NotFound, false),
        (404, errors("X", "no"), ErrorKind::NotFound, false),
        (404, json!([]), ErrorKind::NotFound, false),
        (429, json!([]), ErrorKind::RateLimited, true),
        (400, errors("GENERAL_ERROR", "hm"), ErrorKind::Other, false),
        (400, errors("X", "An unknown error occurred"), ErrorKind::Other, false),
        (400, errors("ValidationError", "bad"), ErrorKind::Other, false),
        (409, errors("X", "busy"), ErrorKind::Other, false),
        (500, errors("X", "oops"), ErrorKind::Other, true),
        (503, errors("GROUP_DOESNT_EXIST", "oops"), ErrorKind::Other, true),
        (204, json!([]), ErrorKind::Other, false),
    ];
    for (status, errors, kind, transient) in table {
        let error = refused(status, json!({"status": {"code": status}, "errors": errors.clone()}));
        assert_eq!((error.kind(), error.is_transient()), (kind, transient), "{error:?}");
        assert_eq!(error.http_status(), Some(status));
        assert_eq!(error.request_id(), Some("r-1"));
        let code = errors.get(0).and_then(|error| error["code"].as_str());
        let expected = if status == 429 { None } else { code };
        assert_eq!(error.error_code(), expected);
        assert!(error.to_string().starts_with("cannot read the configuration of group sig-1: "));
    }
}

#[test]
fn masked_errors_say_that_a_permission_may_be_missing() {
    let errors = json!([{"code": "GENERAL_ERROR", "message": "An unknown error occurred"}]);
    let error = refused(400, json!({"errors": errors}));
    assert!(matches!(error, SpotError::Masked { .. }));
    assert!(error.to_string().contains("permission"), "{error}");
}

#[test]
fn the_missing_thing_is_named() {
    let error = refused(400, json!({"errors": [{"code": "GROUP_DOESNT_EXIST", "message": "m"}]}));
    assert!(error.to_string().contains("group sig-1 does not exist"), "{error}");
    let error = refused(400, json!({"errors": [{"code": "Account_DOESNT_EXIST", "message": "m"}]}));
    assert!(error.to_string().contains("account act-1 does not exist"), "{error}");
}

#[test]
fn all_errors_and_the_field_are_told() {
    let error = refused(
        400,
        json!({"errors": [
            {"code": "ValidationError", "message": "too small", "field": "body:group.capacity"},
            {"code": "Other", "message": "also wrong"}, {"code": 7}, {}, "x"]}),
    );
    let text = error.to_string();
    assert!(text.contains("ValidationError: too small; Other: also wrong; 7"), "{text}");
    assert!(text.contains("(field body:group.capacity)"), "{text}");
    assert_eq!(error.error_code(), Some("ValidationError"));
}

#[test]
fn without_listed_errors_the_data_or_the_status_speaks() {
    let error = refused(400, json!({"status": {"message": "Bad Request"}, "errors": []}));
    assert!(error.to_string().contains("Bad Request"), "{error}");
    let error = refused(503, json!({"status": {"message": "x"}, "data": "Rate limit exceeded"}));
    assert!(error.to_string().contains("Rate limit exceeded"), "{error}");
    let error = refused(400, json!({"errors": {"code": "C", "message": "one object"}}));
    assert!(error.to_string().contains("C: one object"), "{error}");
}

#[test]
fn bodies_that_are_not_the_vendors_are_quoted_short_and_printable() {
    let error = opened(400, "Bad Request").unwrap_err();
    assert!(matches!(&error, SpotError::Rejected { status: 400, .. }), "{error:?}");
    assert!(error.to_string().contains("\"Bad Request\""), "{error}");

    let page = format!("<html>\u{1b}[31m\n{}</html>", "x".repeat(100_000));
    for (status, transient) in [(502, true), (200, false), (404, false), (401, false)] {
        let error = opened(status, page.clone()).unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 600 && text.chars().all(|c| !c.is_control()), "{text}");
        assert!(text.contains("<html>"), "{text}");
        assert_eq!((error.is_transient(), error.http_status()), (transient, Some(status)));
    }
    let error = opened(404, page).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::NotFound, "a web server's 404 proves nothing");
    let error = opened(500, "").unwrap_err();
    assert!(error.to_string().contains("an empty body"), "{error}");
}

#[test]
fn json_of_another_shape_says_what_was_expected() {
    let table = [
        ("[]", "expected a JSON object with `response`, got a list"),
        ("null", "got null"),
        ("\"OK\"", "got a text"),
        ("{\"items\":[]}", "got an object without it"),
        ("{\"response\":[]}", "got an object without it"),
        (
            "{\"response\":{\"status\":{\"code\":200},\"items\":\"x\"}}",
            "`items` to be a list, got a text",
        ),
        ("", "expected JSON, got an empty body"),
        ("{]", "expected JSON"),
    ];
    for (body, expected) in table {
        let error = opened(200, body).unwrap_err();
        assert!(matches!(error, SpotError::BadReply { is_torn: false, .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let body = format!("{{\"response\":{{\"items\":{}", "[".repeat(1_000_000));
    assert!(matches!(opened(200, body), Err(SpotError::BadReply { .. })));
}

#[test]
fn truncated_json_may_be_tried_again() {
    let whole = json!({"response": ok(json!({"items": [{"id": "a"}]}))}).to_string();
    for length in 1..whole.len() {
        let error = opened(200, &whole.as_bytes()[..length]).unwrap_err();
        assert!(error.is_transient(), "{length}: {error}");
    }
}

#[test]
fn a_redirect_is_an_error_that_says_so() {
    let answer = Answer {
        status: 302,
        body: Vec::new(),
        request_id: Some("h-1".into()),
        location: Some("https://login.example/?session=s3cret".into()),
    };
    let error = open(&request(), &answer, TOKEN).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("redirects to https://login.example/"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!((error.is_transient(), error.request_id()), (false, Some("h-1")));
}

#[test]
fn a_token_that_the_server_sends_back_is_struck_out() {
    let echo = format!("you sent Bearer {TOKEN}");
    let padded = format!("{}{TOKEN}", "x".repeat(EXCERPT - 5));
    let errors = json!([{"code": TOKEN, "message": echo.clone(), "field": TOKEN}]);
    let all = [
        opened(502, echo.clone()).unwrap_err(),
        opened(200, echo.clone()).unwrap_err(),
        opened(400, padded).unwrap_err(),
        refused(400, json!({"errors": errors})),
        refused(429, json!({"data": echo})),
        opened(500, json!({"request": {"id": TOKEN}, "response": {}}).to_string()).unwrap_err(),
    ];
    for error in all {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(&TOKEN[..5]), "{text}");
        }
    }
}

#[test]
fn excerpts_are_one_printable_line() {
    assert_eq!(excerpt("a\r\n\t\0b", ""), "a\\r\\n\\t\\u{0}b");
    assert_eq!(excerpt(&"ü".repeat(500), "").chars().count(), EXCERPT + 1);
}
