//! The questions that IAM is asked without its SDK crate: signed, bounded, and with the words of every other failure.

use std::sync::atomic::{AtomicUsize, Ordering};

use spotinst_esg::aws::AwsError;

use super::support::canned::{Canned, Reply};
use super::support::moto;
use super::{SECRET, TOKEN, aws, ireland};

fn refused(status: u16, code: &str, message: &str) -> Reply {
    let error = format!(
        "<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply::xml(
        status,
        format!("<ErrorResponse>{error}<RequestId>req-1</RequestId></ErrorResponse>"),
    )
}

#[test]
fn profiles_and_roles_are_read_and_what_is_not_there_is_absent() {
    let moto = moto::shared();
    moto.iam("CreateInstanceProfile&InstanceProfileName=facade&Path=/team/");
    moto.iam("CreateRole&RoleName=facade&AssumeRolePolicyDocument=%7B%22Statement%22%3A%5B%5D%7D");
    moto.iam("AddRoleToInstanceProfile&InstanceProfileName=facade&RoleName=facade");
    let aws = aws(moto.url());
    let arn = format!("arn:aws:iam::{}:instance-profile/team/facade", moto::ACCOUNT);
    assert_eq!(aws.instance_profile(&ireland(), "facade").unwrap(), Some(arn));
    assert_eq!(aws.instance_profile(&ireland(), "absent").unwrap(), None);
    let role = aws.iam_role(&ireland(), "facade").unwrap().unwrap();
    assert_eq!(role.arn, format!("arn:aws:iam::{}:role/facade", moto::ACCOUNT));
    assert_eq!(role.trust, serde_json::json!({"Statement": []}));
    assert_eq!(aws.iam_role(&ireland(), "absent").unwrap(), None);
}

#[test]
fn a_question_is_signed_for_iam_and_holds_no_secret() {
    let server = Canned::start(|_| refused(403, "AccessDenied", &format!("no, {SECRET}")));
    let error = aws(server.url()).iam_role(&ireland(), "Spot&Action=DeleteRole").unwrap_err();
    assert!(matches!(error, AwsError::Denied { action: "iam:GetRole", .. }), "{error}");
    assert!(!error.to_string().contains(SECRET), "{error}");
    let request = server.requests().remove(0);
    let head = request.head.to_ascii_lowercase();
    assert!(head.contains("/us-east-1/iam/aws4_request"), "{head}");
    assert!(head.contains(&format!("x-amz-security-token: {}", TOKEN.to_ascii_lowercase())));
    assert!(!request.body.contains(SECRET) && !request.head.contains(SECRET));
    // A name cannot become a question of its own.
    assert_eq!(request.body.matches("Action=").count(), 1, "{}", request.body);
}

#[test]
fn throttling_is_waited_for_and_a_page_of_someone_else_is_no_answer() {
    let count = AtomicUsize::new(0);
    let server = Canned::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => refused(400, "Throttling", "slower"),
        1 => refused(503, "ServiceUnavailable", "later"),
        _ => refused(404, "NoSuchEntity", "none"),
    });
    assert_eq!(aws(server.url()).iam_role(&ireland(), "x").unwrap(), None);
    assert_eq!(server.requests().len(), 3);
    let busy = Canned::start(|_| refused(400, "Throttling", "slower"));
    let error = aws(busy.url()).iam_role(&ireland(), "x").unwrap_err();
    assert!(matches!(error, AwsError::Throttled { .. }) && busy.requests().len() == 3, "{error}");
    for page in [Reply::html(200, "<html>log in</html>"), Reply::html(502, "<html>bad</html>")] {
        let page = std::sync::Mutex::new(Some(page));
        let server = Canned::start(move |_| page.lock().unwrap().take().unwrap());
        let error = aws(server.url()).iam_role(&ireland(), "x").unwrap_err();
        assert!(matches!(error, AwsError::BadReply { .. }), "{error}");
    }
}
