//! The process on whose behalf this one works, and whether others like it still run.

use super::parent;
use crate::drive::Environment;
use crate::plan::roll::{Holder, Liveness};

/// Ansible, where its plugin tells which process it is; else whoever started this program.
pub(super) fn of(environment: &Environment) -> Holder {
    let told = environment.get("SPOTINST_ESG_CONTROLLER").and_then(|id| id.parse().ok());
    holder(told.unwrap_or_else(std::os::unix::process::parent_id))
}

/// This process: what it holds is free when it ends, however it ends.
pub(super) fn itself() -> Holder {
    holder(std::process::id())
}

fn holder(pid: u32) -> Holder {
    Holder {
        host: host(),
        boot: boot(),
        pid: Some(pid),
        started: parent::started(pid),
        among: among(),
    }
}

/// Another computer's processes cannot be seen from here; those of an earlier start of this one are gone.
pub(super) fn liveness(holder: &Holder) -> Liveness {
    if holder.host != host() {
        return Liveness::Unknown;
    }
    match (&holder.boot, boot()) {
        (Some(then), Some(now)) if *then != now => return Liveness::Dead,
        (Some(_), Some(_)) => {}
        (None, _) | (_, None) => return Liveness::Unknown,
    }
    let Some(pid) = holder.pid else { return Liveness::Unknown };
    if holder.among != among() {
        return Liveness::Unknown;
    }
    match parent::started(pid) {
        None => Liveness::Dead,
        now if now == holder.started => Liveness::Alive,
        Some(_) => Liveness::Dead,
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.or_else(|_| std::fs::read_to_string("/etc/hostname")).unwrap_or_default();
    if name.trim().is_empty() { "unknown".to_owned() } else { name.trim().to_owned() }
}

/// What Linux tells the processes of a container from those of another by.
fn among() -> Option<String> {
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(space.to_string_lossy().into_owned())
}

/// What Linux tells one start of the system from another by.
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
