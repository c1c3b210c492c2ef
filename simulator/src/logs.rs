//! The log of a group: the only place where a failed action is explained.

use serde_json::json;

use crate::envelope::{Answer, Refusal};
use crate::estate::Estate;
use crate::managed;
use crate::world::Call;

/// `GET /aws/ec2/group/{groupId}/logs`: newest first, between two instants in milliseconds. A managed
/// instance has one, too, by its own id.
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (logs, shapes) = match managed::find(estate, call) {
        Ok(managed) => (&managed.logs, call.shapes),
        Err(_) => {
            let group = call.group(estate)?;
            (&group.logs, group.shapes.within(call.shapes))
        }
    };
    let (from, to) = (instant(call, "fromDate")?, instant(call, "toDate")?);
    let severity = call.request.query_value("severity").filter(|one| one != "ALL");
    let resource = call.request.query_value("resourceId");
    let limit = call.request.query_value("limit");
    let limit = limit.map_or(Ok(500), |text| text.parse::<usize>());
    let Some(limit) = limit.ok().filter(|limit| (1..=1000).contains(limit)) else {
        let message = "\"limit\" must be less than or equal to 1000".to_owned();
        return Err(Refusal::invalid("query:limit", message));
    };
    let mut lines: Vec<_> = logs.iter().enumerate().collect();
    lines.sort_by_key(|(index, line)| std::cmp::Reverse((line.at, *index)));
    let lines = lines.into_iter().map(|(_, line)| line);
    let lines = lines.filter(|line| (from..=to).contains(&line.at.as_millisecond()));
    let lines = lines.filter(|line| severity.as_ref().is_none_or(|one| *one == line.severity));
    let lines = lines.filter(|line| resource.is_none() || line.resource == resource);
    let item = |line: &crate::estate::LogLine| json!({"message": line.message, "severity": line.severity, "createdAt": shapes.time(line.at)});
    let items = lines.take(limit).map(item).collect();
    Ok(Answer::Items { kind: "spotinst:aws:ec2:group:log", items, shapes })
}

fn instant(call: &Call<'_>, name: &str) -> Result<i64, Refusal> {
    let given = call.request.query_value(name);
    let number = given.as_deref().and_then(|text| text.parse::<i64>().ok());
    number.ok_or_else(|| {
        let problem = if given.is_none() { "is required" } else { "must be a number" };
        Refusal::invalid(&format!("query:{name}"), format!("\"{name}\" {problem}"))
    })
}
