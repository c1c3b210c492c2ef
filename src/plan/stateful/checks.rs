//! What is proved of an instance after its recycle.

use std::collections::BTreeSet;

use super::decision::Expectations;
use super::snapshot::{Promises, Snapshot};
use crate::domain::{BlockDevicesMode, ImageId, Persistence};
use crate::plan::Verdict;

/// What the caller wants of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// What persistence promises must hold; see [`checks`].
    #[default]
    Auto,
    /// It must be proved.
    Required,
    /// It is looked at and fails nothing.
    Waived,
}

/// One named check with what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, stable.
    pub name: &'static str,
    /// What was found.
    pub verdict: Verdict,
    /// Whether anybody asked for it: the caller, or persistence by its promise.
    pub is_binding: bool,
    /// Whether the recycle is good as far as this goes.
    pub is_met: bool,
    /// What was seen, a lowercase fragment.
    pub evidence: String,
}

/// The checks that are not met.
pub fn unmet(checks: &[Check]) -> Vec<&Check> {
    checks.iter().filter(|check| !check.is_met).collect()
}

/// Compares the instance after a recycle with the one before, of which nothing may be known.
///
/// `image_id` is there if it was asked for, and then unknown fails. The three others are always there. Left to `Auto`
/// they bind where persistence promises them: volumes with `reattach`, the address when it is persisted, the zone with
/// either, because a volume and a network interface each live in one zone (vendor help: data volume and network
/// persistence). A bound check that is unknown fails, unless already the sight before did not tell: then nothing was
/// lost sight of. A required one fails also then.
pub fn checks(
    before: Option<&Snapshot>,
    after: &Snapshot,
    promises: &Promises,
    expectations: &Expectations,
) -> Vec<Check> {
    let persistence = &promises.persistence;
    let mut found = Vec::with_capacity(4);
    if let Some(wanted) = &expectations.image_id {
        let (verdict, evidence) = image(wanted, after, persistence);
        let is_met = verdict == Verdict::Pass;
        found.push(Check { name: "image_id", verdict, is_binding: true, is_met, evidence });
    }
    let told = |of: fn(&Snapshot) -> bool| before.is_some_and(of);
    let was_told = told(|before| !before.data_volumes().is_empty());
    let promised = reattaches(persistence);
    let seen = volumes(before, after);
    found.push(check("same_volumes", expectations.same_volumes, promised, was_told, seen));

    let was_told = told(|before| before.availability_zone.is_some());
    let zone = |snapshot: &Snapshot| snapshot.availability_zone.clone();
    let seen = equal("zone", before.and_then(zone), zone(after));
    let promised = reattaches(persistence) || persistence.private_ip;
    found.push(check("same_zone", expectations.same_zone, promised, was_told, seen));

    let was_told = told(|before| before.private_ip.is_some());
    let address = |snapshot: &Snapshot| snapshot.private_ip.clone();
    let seen = equal("address", before.and_then(address), address(after));
    let promised = persistence.private_ip;
    found.push(check("same_private_ip", expectations.same_private_ip, promised, was_told, seen));
    found
}

/// For an instance of which nothing was known before: what binds and is unknown is not met then, since anything may have been lost.
pub(crate) fn knowing_nothing(checks: &mut [Check]) {
    for check in checks {
        check.is_met &= !check.is_binding || check.verdict == Verdict::Pass;
    }
}

/// The checks that persistence promises and nobody has waived, and that cannot come out since what they compare is not told; each with
/// what that is.
pub(super) fn untold(
    before: &Snapshot,
    promises: &Promises,
    expectations: &Expectations,
) -> Vec<(&'static str, &'static str)> {
    let persistence = &promises.persistence;
    let (volumes, address) = (reattaches(persistence), persistence.private_ip);
    let has_volumes = !before.data_volumes().is_empty() && before.untold_volumes().is_empty();
    let judged = [
        ("same_volumes", "data volumes", expectations.same_volumes, volumes, has_volumes),
        (
            "same_zone",
            "zone",
            expectations.same_zone,
            volumes || address,
            before.availability_zone.is_some(),
        ),
        (
            "same_private_ip",
            "private address",
            expectations.same_private_ip,
            address,
            before.private_ip.is_some(),
        ),
    ];
    let is_open =
        |demand: Demand, promised: bool, told: bool| demand == Demand::Auto && promised && !told;
    let open = judged.into_iter().filter(|it| is_open(it.2, it.3, it.4));
    open.map(|(name, what, ..)| (name, what)).collect()
}

/// Whether the same data volumes come back. The mode's default is not documented, so an unnamed mode promises nothing.
pub(super) fn reattaches(persistence: &Persistence) -> bool {
    let reattach = match &persistence.block_devices_mode {
        Some(BlockDevicesMode::Reattach) => true,
        Some(BlockDevicesMode::OnLaunch | BlockDevicesMode::Other(_)) | None => false,
    };
    persistence.block_devices && reattach
}

fn check(
    name: &'static str,
    demand: Demand,
    is_promised: bool,
    was_told: bool,
    (verdict, evidence): (Verdict, String),
) -> Check {
    let is_binding = match demand {
        Demand::Auto => is_promised,
        Demand::Required => true,
        Demand::Waived => false,
    };
    let is_met = match (verdict, demand) {
        (Verdict::Pass, _) => true,
        (Verdict::Fail, _) => !is_binding,
        (Verdict::Unknown, Demand::Required) => false,
        (Verdict::Unknown, Demand::Auto | Demand::Waived) => !(is_binding && was_told),
    };
    Check { name, verdict, is_binding, is_met, evidence }
}

fn image(wanted: &ImageId, after: &Snapshot, persistence: &Persistence) -> (Verdict, String) {
    if persistence.root_device {
        // Its image is one that the platform made from the root's snapshot (vendor help: root volume persistence).
        let present = after.image_id.as_ref().map_or("none", ImageId::as_str);
        let evidence =
            format!("wanted {wanted}; the root is persisted, so its image {present} is its own");
        return (Verdict::Unknown, evidence);
    }
    match &after.image_id {
        Some(present) if present == wanted => (Verdict::Pass, format!("image {present}")),
        Some(present) => (Verdict::Fail, format!("wanted {wanted}, got {present}")),
        None => (Verdict::Unknown, format!("wanted {wanted}, no image told")),
    }
}

fn volumes(before: Option<&Snapshot>, after: &Snapshot) -> (Verdict, String) {
    let before: BTreeSet<&str> = before.map(Snapshot::data_volumes).into_iter().flatten().collect();
    let after: BTreeSet<&str> = after.data_volumes().into_iter().collect();
    let list = |ids: &BTreeSet<&str>| ids.iter().copied().collect::<Vec<_>>().join(", ");
    if before.is_empty() {
        return (Verdict::Unknown, "the volumes before are not known".to_owned());
    }
    if after.is_empty() {
        return (Verdict::Unknown, format!("before {}; none told after", list(&before)));
    }
    if before == after {
        return (Verdict::Pass, format!("volumes {}", list(&after)));
    }
    (Verdict::Fail, format!("before {}, after {}", list(&before), list(&after)))
}

fn equal(what: &str, before: Option<String>, after: Option<String>) -> (Verdict, String) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {
            (Verdict::Pass, format!("{what} {after}"))
        }
        (Some(before), Some(after)) => (Verdict::Fail, format!("before {before}, after {after}")),
        (Some(before), None) => (Verdict::Unknown, format!("before {before}; none told after")),
        (None, _) => (Verdict::Unknown, format!("the {what} before is not known")),
    }
}
