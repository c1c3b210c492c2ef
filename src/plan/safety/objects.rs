//! Predicates that are judged object by object, where anybody may make another object tomorrow.

use super::Technology;
use crate::plan::Waiver;

/// Of Kafka, by topic.
const BY_TOPIC: [&str; 6] = [
    "led",
    "replicas_online",
    "in_sync",
    "above_min_in_sync",
    "clean_elections",
    "no_reassignment",
];

/// Of Elasticsearch and OpenSearch, by index.
const BY_INDEX: [&str; 3] = ["copies_elsewhere", "copies_serve", "no_recovery"];

/// What a predicate, named without its gate, is judged by: topics or indices. None if by the whole, or by nodes, which the gate names.
pub(super) fn judged_by(technology: Technology, predicate: &str) -> Option<&'static str> {
    match technology {
        Technology::Kafka => BY_TOPIC.contains(&predicate).then_some("topic"),
        Technology::Search => BY_INDEX.contains(&predicate).then_some("index"),
        Technology::ZooKeeper => None,
    }
}

/// Whether a waiver of that predicate, named without its gate, covers more than somebody knew of who gave it; answers what to warn of.
///
/// # Errors
///
/// It names no objects where it must.
pub fn covers_the_unknown(
    technology: Technology,
    predicate: &str,
    waiver: &Waiver,
) -> Result<Option<String>, String> {
    let Some(one) = judged_by(technology, predicate) else { return Ok(None) };
    let name = &waiver.predicate;
    let Some(objects) = &waiver.objects else {
        return Err(format!(
            "the waiver of {name} names no objects: it is judged by {one}, and one that is made tomorrow would be waived, too; \
             name those that are meant as its objects, or \"*\" for every {one}"
        ));
    };
    let is_any = |named: &String| named.contains('*') && named.chars().all(|it| "*?".contains(it));
    Ok(objects.iter().any(is_any).then(|| {
        format!("the waiver of {name} covers every {one}, also those that are made from now on")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_anybody_makes_more_of_them_objects_are_named() {
        use Technology::{Kafka, Search, ZooKeeper};
        let waiver = |objects: Option<&[&str]>| Waiver {
            predicate: "gate.it".to_owned(),
            reason: "known".to_owned(),
            objects: objects.map(|all| all.iter().map(|it| (*it).to_owned()).collect()),
        };
        for (technology, predicate, needs) in [
            (Kafka, "above_min_in_sync", Some("by topic")),
            (Kafka, "no_reassignment", Some("by topic")),
            (Search, "copies_elsewhere", Some("by index")),
            (Search, "no_recovery", Some("by index")),
            (Kafka, "preferred_leaders", None),
            (Kafka, "copies_serve", None),
            (Search, "disk_headroom", None),
            (ZooKeeper, "followers_synced", None),
        ] {
            let judge = |objects: Option<&[&str]>| {
                covers_the_unknown(technology, predicate, &waiver(objects))
            };
            match needs {
                Some(words) => assert!(judge(None).unwrap_err().contains(words), "{predicate}"),
                None => assert_eq!(judge(None), Ok(None), "{predicate}"),
            }
            assert_eq!(judge(Some(&["logs-*", "?"])), Ok(None), "{predicate}");
            assert_eq!(judge(Some(&[])), Ok(None), "it waives nothing");
            for all in ["*", "**", "?*"] {
                let warned = judge(Some(&["logs", all])).unwrap();
                assert_eq!(warned.is_some(), needs.is_some(), "{predicate} {all}: {warned:?}");
            }
        }
    }
}
