//! The envelope around every answer, and the errors in it.

use serde_json::{Map, Value, json};

use crate::shapes::Shapes;

/// What a route answers, before the envelope.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status only: what actions answer.
    Done,
    /// Items of a kind.
    Items { kind: &'static str, items: Vec<Value>, shapes: Shapes },
}

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
}

impl Refusal {
    fn bad_request(code: &str, message: String) -> Refusal {
        Refusal { status: 400, code: code.to_owned(), message, field: None }
    }

    /// 401: the code is not public, the status is what the vendor's Jenkins plugin relies on.
    pub(crate) fn unauthorised() -> Refusal {
        let message = "The provided token is missing, unknown or has expired".to_owned();
        Refusal { status: 401, code: "AuthenticationError".to_owned(), message, field: None }
    }

    /// What a denied permission looks like: the vendor masks it as a bad request.
    pub(crate) fn masked() -> Refusal {
        Refusal::bad_request("GENERAL_ERROR", "An unknown error occurred".to_owned())
    }

    pub(crate) fn unknown_account(id: &str) -> Refusal {
        Refusal::bad_request("Account_DOESNT_EXIST", format!("Account {id} doesn't exist"))
    }

    pub(crate) fn unknown_user(id: &str) -> Refusal {
        Refusal::bad_request("USER_DOESNT_EXIST", format!("User {id} doesn't exist"))
    }

    pub(crate) fn unknown_policy(id: &str) -> Refusal {
        Refusal::bad_request("POLICY_DOESNT_EXIST", format!("Policy {id} doesn't exist"))
    }

    /// The code is invented: that a free plan has one account is in the vendor's help pages.
    pub(crate) fn account_limit() -> Refusal {
        let message = "The plan of the organization doesn't allow another account".to_owned();
        Refusal::bad_request("ACCOUNT_LIMIT_REACHED", message)
    }

    /// The code is invented: that the default account cannot be deleted is in the vendor's help pages.
    pub(crate) fn kept_account(id: &str) -> Refusal {
        let message = format!("Account {id} can't be deleted: it is the default one or in use");
        Refusal::bad_request("CANT_DELETE_ACCOUNT", message)
    }

    /// The code is invented: clients only wait and try again.
    pub(crate) fn unassumable(arn: &str) -> Refusal {
        Refusal::bad_request("CANT_ASSUME_ROLE", format!("Can't assume role {arn}"))
    }

    /// The code is invented: nothing public tells what an account that is not connected answers.
    pub(crate) fn not_connected(id: &str) -> Refusal {
        let message = format!("Account {id} has no cloud credentials");
        Refusal::bad_request("CANT_FIND_CREDENTIALS", message)
    }

    pub(crate) fn unknown_group(id: &str) -> Refusal {
        Refusal::bad_request("GROUP_DOESNT_EXIST", format!("Group with id {id} doesn't exist"))
    }

    pub(crate) fn unknown_managed_instance(id: &str) -> Refusal {
        let message = format!("Managed instance with id {id} doesn't exist");
        Refusal::bad_request("MANAGED_INSTANCE_DOESNT_EXIST", message)
    }

    /// The code is invented: nothing public gives it.
    pub(crate) fn unknown_stateful_instance(id: &str) -> Refusal {
        let message = format!("Stateful instance {id} doesn't exist");
        Refusal::bad_request("STATEFUL_INSTANCE_DOESNT_EXIST", message)
    }

    /// The code is invented: nothing public gives it.
    pub(crate) fn unknown_instance(id: &str) -> Refusal {
        Refusal::bad_request("INSTANCE_DOESNT_EXIST", format!("Instance {id} doesn't exist"))
    }

    /// The code is invented: nothing public gives it.
    pub(crate) fn unknown_volume(id: &str) -> Refusal {
        Refusal::bad_request("VOLUME_DOESNT_EXIST", format!("Volume {id} doesn't exist"))
    }

    /// The code is invented: nothing public gives it.
    pub(crate) fn wrong_state(id: &str, state: &str, expected: &str) -> Refusal {
        let message =
            format!("Stateful instance {id} is in state {state}; expected one of [{expected}]");
        Refusal::bad_request("INVALID_STATEFUL_INSTANCE_STATE", message)
    }

    /// The one worked error in the vendor's description; it is for deployments of ECS clusters there. That an update of a
    /// group is refused with the same code is an assumption: the help pages only say that it is refused.
    pub(crate) fn deployment_runs() -> Refusal {
        let message = "A group roll is currently running. Cannot start cluster roll until the group roll completes.";
        Refusal::bad_request("DEPLOYMENT_ALREADY_IN_PROGRESS", message.to_owned())
    }

    /// The code is invented: that groups with state cannot be rolled is known from the help pages and from clients.
    pub(crate) fn stateful_deployment(id: &str) -> Refusal {
        let message =
            format!("Group {id} is stateful: recycle its instances instead of rolling it");
        Refusal::bad_request("CANT_ROLL_STATEFUL_GROUP", message)
    }

    /// Known from the vendor's Terraform provider, which tries again after a minute.
    pub(crate) fn below_minimum(id: &str) -> Refusal {
        let message = format!("Can't roll group {id}: its capacity is below its minimum");
        Refusal::bad_request("CANT_ROLL_CAPACITY_BELOW_MINIMUM", message)
    }

    /// Known from the vendor's Terraform provider, which tries again after a minute.
    pub(crate) fn unknown_image(id: &str) -> Refusal {
        Refusal::bad_request("CANT_VALIDATE_IMAGE", format!("Can't validate AMI {id}"))
    }

    /// The rule is in the vendor's description, the code is invented.
    pub(crate) fn foreign_task(kind: &Value, stateful: bool) -> Refusal {
        let which =
            if stateful { "a stateful group" } else { "a group without stateful instances" };
        let kind = kind.as_str().unwrap_or_default();
        let message = format!("\"taskType\" {kind} can't be used in {which}");
        Refusal::invalid("body:group.scheduling.tasks.taskType", message)
    }

    /// The code is invented: the help pages say that backups and persisted data exclude each other.
    pub(crate) fn backup_with_data(id: &str) -> Refusal {
        let message = format!("Can't back up the AMI of group {id}: it persists data volumes");
        Refusal::bad_request("CANT_BACKUP_STATEFUL_DATA", message)
    }

    /// A field that was refused, in the wording of the vendor's validation library.
    pub(crate) fn invalid(field: &str, message: String) -> Refusal {
        Refusal {
            field: Some(field.to_owned()),
            ..Refusal::bad_request("ValidationError", message)
        }
    }

    pub(crate) fn unknown_route(method: &str, path: &str) -> Refusal {
        let message = format!("{method} {path} is not simulated");
        Refusal { status: 404, code: "NOT_FOUND".to_owned(), message, field: None }
    }
}

/// The words that go with a status code.
pub(crate) fn status_text(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

/// The echo of the request that every answer begins with.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) timestamp: String,
}

impl Echo {
    fn value(&self) -> Value {
        json!({"id": self.id, "url": self.url, "method": self.method, "timestamp": self.timestamp})
    }
}

fn enveloped(echo: &Echo, status: u16, rest: Map<String, Value>) -> Value {
    let mut response = Map::new();
    let message = status_text(status);
    response.insert("status".to_owned(), json!({"code": status, "message": message}));
    response.extend(rest);
    json!({"request": echo.value(), "response": response})
}

/// The body of a successful answer.
pub(crate) fn success(echo: &Echo, answer: Answer) -> Value {
    let mut rest = Map::new();
    let (kind, items, shapes) = match answer {
        Answer::Done => return enveloped(echo, 200, rest),
        Answer::Items { kind, items, shapes } => (kind, items, shapes),
    };
    let count = items.len();
    if shapes.omit_kind != Some(true) {
        rest.insert("kind".to_owned(), json!(kind));
    }
    let items = items.into_iter().map(|item| shapes.item(item)).collect();
    rest.insert("items".to_owned(), shapes.items(items));
    if shapes.omit_count != Some(true) {
        rest.insert("count".to_owned(), json!(count));
    }
    let mut body = enveloped(echo, 200, rest);
    if let (Some(true), Some(fields)) = (shapes.omit_request, body.as_object_mut()) {
        fields.shift_remove("request");
    }
    body
}

/// The body of a refusal.
pub(crate) fn refused(echo: &Echo, refusal: &Refusal) -> Value {
    let mut error = json!({"code": refusal.code, "message": refusal.message});
    if let Some(field) = &refusal.field {
        error["field"] = json!(field);
    }
    let mut rest = Map::new();
    rest.insert("errors".to_owned(), json!([error]));
    enveloped(echo, refusal.status, rest)
}

/// The body of a 429, which has `data` where other errors have `errors`.
pub(crate) fn rate_limited(echo: &Echo) -> Value {
    let mut rest = Map::new();
    rest.insert("data".to_owned(), json!("Rate limit exceeded"));
    enveloped(echo, 429, rest)
}
