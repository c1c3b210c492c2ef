//! Names of runs. They sort by time and tell group and system, also where nothing can be read of a journal but its name.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::GroupId;

/// How much of a group's or a system's name goes into that of a run, in characters.
const LONGEST: usize = 40;

/// How many digits end a name that tells the system. Older names end in fewer.
const DIGITS: usize = 8;

/// The name of a new run: `20261120-120000-sig-12345678.kafka-prod-0123abcd`, without the system where the group is its own.
/// `seed` keeps two names of one second apart.
pub fn run_id(now: Timestamp, group: &GroupId, system: &str, seed: u64) -> String {
    let at = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S");
    let digits = seed & 0xffff_ffff;
    let group_word = word(group.as_str());
    if system == group.as_str() {
        format!("{at}-{group_word}-{digits:08x}")
    } else {
        format!("{at}-{group_word}.{}-{digits:08x}", word(system))
    }
}

/// Whether a run of this name may be of the group or of its system; none if the name does not tell.
pub(super) fn may_concern(name: &str, group: &GroupId, system: &str) -> Option<bool> {
    let (of_group, of_system) = told(name)?;
    if of_group == word(group.as_str()) {
        return Some(true);
    }
    // Two systems whose words are the same cannot be told apart: both may be meant.
    of_system.map(|of_system| of_system == word(system))
}

/// Whether a run of this name may be of the group; none if the name does not tell.
pub(super) fn may_be_of(name: &str, group: &GroupId) -> Option<bool> {
    told(name).map(|(of_group, _)| of_group == word(group.as_str()))
}

/// The words for group and system, the latter if the name tells it.
fn told(name: &str) -> Option<(&str, Option<&str>)> {
    let (date, rest) = name.split_at_checked(8)?;
    let (time, rest) = rest.strip_prefix('-')?.split_at_checked(6)?;
    let (body, digits) = rest.strip_prefix('-')?.rsplit_once('-')?;
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    if !is_number(date) || !is_number(time) || !is_hex || body.is_empty() {
        return None;
    }
    let (group, system) = body.split_once('.').unwrap_or((body, body));
    Some((group, (digits.len() == DIGITS).then_some(system)))
}

/// What of a name can be part of a file's name and of a shell's word.
fn word(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
    text.chars().filter(is_plain).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(group: &str, system: &str) -> String {
        let at = "2026-11-20T12:00:00Z".parse().unwrap_or_default();
        run_id(at, &GroupId::new(group), system, 0xf_0123_abcd)
    }

    #[test]
    fn names_tell_group_and_system() {
        assert_eq!(name("sig-1", "sig-1"), "20261120-120000-sig-1-0123abcd");
        assert_eq!(name("sig-1", "kafka-prod"), "20261120-120000-sig-1.kafka-prod-0123abcd");
        assert_eq!(name("sig/../1", "a b.c"), "20261120-120000-sig1.abc-0123abcd");
        let concerns =
            |name: &str, group: &str, system: &str| may_concern(name, &GroupId::new(group), system);
        for (group, system) in
            [("sig-1", "sig-1"), ("sig-1", "kafka"), ("sig-1", "кафка"), ("s.1", "a.b")]
        {
            let name = name(group, system);
            assert_eq!(concerns(&name, group, system), Some(true), "{name}");
            assert_eq!(concerns(&name, group, "other"), Some(true), "{name}");
            assert_eq!(concerns(&name, "sig-2", system), Some(true), "{name}");
            assert_eq!(concerns(&name, "sig-2", "other"), Some(false), "{name}");
        }
        let old = "20261120-120000-sig-1-0f3a";
        assert_eq!(concerns(old, "sig-1", "x"), Some(true));
        assert_eq!(concerns(old, "sig-2", "x"), None, "its system is not told");
        for odd in [
            "",
            "broken",
            "20261120-120000",
            "2026112x-120000-sig-1-0123abcd",
            "20261120-120000--0123abcd",
            "ä2026112-120000-sig-1-0123abcd",
        ] {
            assert_eq!(concerns(odd, "sig-1", "sig-1"), None, "{odd}");
        }
    }
}
