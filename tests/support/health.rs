//! EC2's status checks as a test wants them; EC2 tells nothing else.

use super::canned::{Canned, Reply, Request};

/// Keys that any server of a test takes.
pub(crate) const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
];

/// What EC2 says of a machine: its state, then the checks of system, instance and, if it tells of them, volumes.
pub(crate) type Told = (&'static str, &'static str, &'static str, Option<&'static str>);

/// An EC2 that tells of every machine what `tell` makes of its id; of none it knows nothing.
pub(crate) fn ec2(tell: impl Fn(&str) -> Option<Told> + Send + 'static) -> Canned {
    Canned::start(move |request| answer(request, &tell))
}

fn answer(request: &Request, tell: &impl Fn(&str) -> Option<Told>) -> Reply {
    if field(&request.body, "Action") != Some("DescribeInstanceStatus") {
        return error(403, "UnauthorizedOperation");
    }
    assert_eq!(field(&request.body, "IncludeAllInstances"), Some("true"), "{}", request.body);
    let id = field(&request.body, "InstanceId.1").unwrap();
    let Some((state, system, instance, volumes)) = tell(id) else {
        return error(400, "InvalidInstanceID.NotFound");
    };
    let check = |name: &str, status: &str| format!("<{name}><status>{status}</status></{name}>");
    let volumes = volumes.map(|status| check("attachedEbsStatus", status)).unwrap_or_default();
    let (system, instance) = (check("systemStatus", system), check("instanceStatus", instance));
    Reply::xml(
        200,
        format!(
            "<DescribeInstanceStatusResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><instanceStatusSet><item>\
             <instanceId>{id}</instanceId><instanceState><code>16</code><name>{state}</name></instanceState>\
             {system}{instance}{volumes}</item></instanceStatusSet></DescribeInstanceStatusResponse>"
        ),
    )
}

fn error(status: u16, code: &str) -> Reply {
    Reply::xml(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>as told</Message></Error></Errors>\
             <RequestID>r-1</RequestID></Response>"
        ),
    )
}

fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
