//! The events of a group. None tells of stateful instances: the vendor's description lists no such event.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use crate::deployments::recorded;
use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, Group};
use crate::world::Call;

/// One event, with what it consists of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) parts: Vec<Value>,
}

impl Group {
    pub(crate) fn event(&mut self, at: Timestamp, kind: &'static str, parts: Vec<Value>) {
        self.events.push(Event { at, kind, parts });
    }
}

/// `GET /aws/ec2/group/{groupId}/events`: newest first, since the beginning of a day.
///
/// Kind and the array of parts are as recorded by the vendor's Python client fixtures; its description has a single part.
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let shapes = group.shapes.within(call.shapes);
    let from = from_date(call.request.query_value("fromDate").as_deref())?;
    let mut events: Vec<&Event> = group.events.iter().filter(|event| event.at >= from).collect();
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event.at));
    let item = |event: &Event| {
        json!({
            "eventType": event.kind,
            "groupId": group.id,
            "createdAt": recorded(shapes).time(event.at),
            "subEvents": event.parts,
        })
    };
    let items = events.into_iter().map(item).collect();
    Ok(Answer::Items { kind: "spotinst:aws:ec2:group:event", items, shapes })
}

fn from_date(given: Option<&str>) -> Result<Timestamp, Refusal> {
    let refuse =
        |problem: &str| Refusal::invalid("query:fromDate", format!("\"fromDate\" {problem}"));
    let text = given.ok_or_else(|| refuse("is required"))?;
    let date: Option<Date> = (text.len() == 10).then(|| text.parse().ok()).flatten();
    let start = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    start.map(|start| start.timestamp()).ok_or_else(|| refuse("must be a valid date"))
}
