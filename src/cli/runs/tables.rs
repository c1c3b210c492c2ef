//! Runs as a person reads them. Everything that others wrote is made fit to be shown.

use jiff::Timestamp;

use super::shown::{Listed, ListedRun, ShownNode, ShownRun};
use crate::cli::views::new_table;
use crate::domain::one_line;
use crate::plan::roll::told;

/// One row a run.
pub(super) fn list(runs: &[Listed], now: Timestamp) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let mut table = new_table(&[
        "run",
        "group",
        "name",
        "system",
        "target",
        "status",
        "done",
        "began",
        "last sign",
        "holder",
    ]);
    for listed in runs {
        let row = match listed {
            Listed::Run(run) => row(run, now),
            Listed::Damaged(run) => {
                let text = |it: &Option<String>| it.clone().unwrap_or_else(none);
                let [group, system] = [text(&run.group), text(&run.system)];
                let (run, status) = (run.run.clone(), run.status.to_owned());
                let [name, target, done, began, last, holder] = [(); 6].map(|()| none());
                [run, group, name, system, target, status, done, began, last, holder]
            }
        };
        table.add_row(row.map(|cell| one_line(&cell)));
    }
    format!("{table}\n")
}

fn row(run: &ListedRun, now: Timestamp) -> [String; 10] {
    [
        run.run.clone(),
        run.group.clone(),
        run.group_name.clone(),
        run.system.clone(),
        run.target.clone(),
        run.status.to_owned(),
        format!("{}/{}", run.done, run.node_count),
        moment(run.began),
        ago(run.last_sign, now),
        run.holder.clone().unwrap_or_else(none),
    ]
}

fn none() -> String {
    "-".to_owned()
}

/// A run in full.
pub(super) fn show(run: &ShownRun, now: Timestamp) -> String {
    let mut text = head(run, now);
    let mut nodes = new_table(&["", "node", "phase", "instance", "image", "seconds"]);
    for (index, node) in run.nodes.iter().enumerate() {
        let row = [
            &format!("{}", index + 1),
            &node.id,
            node.phase,
            &instance(node),
            &arrow(&node.image_before, &node.image_after),
            &seconds(node),
        ];
        nodes.add_row(row.map(one_line));
    }
    let (done, count) = (run.head.done, run.head.node_count);
    text += &format!("\n{done} of {count} nodes done\n{nodes}\n");
    if !run.others.is_empty() {
        text += &format!("not touched: {}\n", one_line(&run.others.join(", ")));
    }
    if !run.settings.is_empty() {
        let mut settings = new_table(&["setting", "was", "set to", "now"]);
        for it in &run.settings {
            let row = [it.setting, &it.from, &it.to, &it.standing];
            settings.add_row(row.map(one_line));
        }
        text += &format!("\nsettings of the group\n{settings}\n");
    }
    if !run.cluster_settings.is_empty() {
        let mut settings = new_table(&["setting", "cluster", "was", "set to", "now"]);
        for it in &run.cluster_settings {
            let cluster = format!("{} {}, {}", it.kind, it.cluster, it.urls.join(", "));
            let row = [it.setting, &cluster, &it.from, &it.to, &it.standing];
            settings.add_row(row.map(one_line));
        }
        text += &format!("\nsettings of clusters\n{settings}\n");
    }
    text += &section("waived", &run.waived);
    if let Some(events) = &run.events {
        let lines: Vec<String> =
            events.iter().map(|entry| format!("{}  {}", moment(entry.at), entry.event)).collect();
        text += &section("journal", &lines);
    }
    text + &section("what to do", &run.next)
}

fn head(run: &ShownRun, now: Timestamp) -> String {
    let when = |at: Timestamp| format!("{} ({} ago)", moment(at), ago(at, now));
    let head = &run.head;
    let mut lines = vec![
        ("run", format!("{}, {}", head.run, head.status)),
        ("group", format!("{} ({}), account {}", head.group, head.group_name, run.account)),
        ("system", head.system.clone()),
        ("target", head.target.clone()),
    ];
    lines.extend(run.image_id.as_ref().map(|image| ("image", image.clone())));
    lines.push(("began", when(head.began)));
    lines.push(("last sign", when(head.last_sign)));
    if let Some(holder) = &head.holder {
        lines.push(("holder", format!("{holder}, {}", run.holder_is.unwrap_or("unknown"))));
    }
    if let Some(frozen) = &run.frozen {
        let node = frozen.node.as_ref().map(|node| format!(" at {node}")).unwrap_or_default();
        lines.push(("frozen", format!("{}{node}: {}", moment(frozen.since), frozen.reason)));
    }
    if let Some(ended) = &run.ended {
        let reason = ended.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(("ended", format!("{} {}{reason}", moment(ended.at), ended.outcome)));
    }
    lines.push(("journal", run.journal.clone()));
    let line = |(name, value): &(&str, String)| format!("{name:<10}  {}\n", one_line(value));
    lines.iter().map(line).collect()
}

fn section(name: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  {}\n", one_line(line))).collect();
    format!("\n{name}\n{lines}")
}

fn instance(node: &ShownNode) -> String {
    match &node.asked {
        Some(asked) => format!("{asked} -> asked for"),
        None => arrow(&node.instance_before, &node.instance_after),
    }
}

fn arrow(before: &Option<String>, after: &Option<String>) -> String {
    let before = before.as_deref().unwrap_or("none");
    match after {
        Some(after) => format!("{before} -> {after}"),
        None => before.to_owned(),
    }
}

fn seconds(node: &ShownNode) -> String {
    let each = node.seconds.iter().map(|(phase, seconds)| format!("{phase} {seconds}"));
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        return "-".to_owned();
    }
    format!("{} ({})", node.total_seconds, each.join(", "))
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    told(now.duration_since(at))
}
