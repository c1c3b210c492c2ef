//! What a group does by the clock.

use super::VendorTime;
use super::open_enum::open_enum;

open_enum! {
    /// What a scheduled task does. Stateful groups may have these three only (OpenAPI description: scheduling).
    TaskKind {
        /// Recycles every stateful instance.
        StatefulRecycle = "statefulRecycle",
        /// Sets the capacity, and so pauses or resumes instances.
        StatefulUpdateCapacity = "statefulUpdateCapacity",
        /// Makes an image of an instance and writes it into the group's configuration.
        BackupAmi = "backup_ami",
    }
}

open_enum! {
    /// How often a task runs that has no cron expression.
    Frequency {
        /// Every hour.
        Hourly = "hourly",
        /// Every day.
        Daily = "daily",
        /// Every week.
        Weekly = "weekly",
    }
}

/// A scheduled task of a group. With neither `cron` nor `frequency` it runs once, at `starts_at`, and is then deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTask {
    /// Whether it runs at all; none where the vendor does not say.
    pub is_enabled: Option<bool>,
    /// What it does; no text where the vendor does not say.
    pub kind: TaskKind,
    /// Five fields of Unix cron, in UTC.
    pub cron: Option<String>,
    /// How often, where there is no cron expression.
    pub frequency: Option<Frequency>,
    /// When it runs first, or at all.
    pub starts_at: Option<VendorTime>,
}
