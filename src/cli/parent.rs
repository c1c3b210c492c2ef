//! The process that started this one, if it is Ansible.

use std::path::Path;

use crate::drive::Reader;

/// Ansible itself as a reader. Any other parent, such as a shell, may ask as often as it likes and means nothing by it.
/// Where the system does not tell about processes there is no such reader, and a refresh is not noticed.
pub(super) fn ansible() -> Option<Reader> {
    let id = std::os::unix::process::parent_id();
    let command = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    // Python, its options and the program: the name is among the first words.
    let is_ansible = |word: &[u8]| {
        let name = Path::new(std::str::from_utf8(word).unwrap_or_default()).file_name();
        name.and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ansible"))
    };
    let name = format!("{id}-{}", started(id)?);
    command.split(|byte| *byte == 0).take(4).any(is_ansible).then_some(Reader { name, is_running })
}

/// When a process started that lives, in the system's own count: a reused id is another process.
pub(super) fn started(id: u32) -> Option<String> {
    started_of(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// The second field is the command in parentheses and may hold blanks; the state follows, and the start time is the twentieth after it.
/// What is dead and was not waited for, as where the first process of a container waits for nobody, does nothing any more.
fn started_of(stat: &str) -> Option<String> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
    fields.nth(18).filter(|_| !is_dead).map(str::to_owned)
}

fn is_running(name: &str) -> bool {
    name.split_once('-')
        .and_then(|(id, start)| Some((id.parse().ok()?, start)))
        .is_some_and(|(id, start)| started(id).as_deref() == Some(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dead_and_was_not_waited_for_has_not_started() {
        let stat = |state: &str| {
            let rest: Vec<String> = (4..=52).map(|field| field.to_string()).collect();
            format!("42 (a) name) {state} {}\n", rest.join(" "))
        };
        for state in ["R", "S", "D", "T"] {
            assert_eq!(started_of(&stat(state)).as_deref(), Some("22"), "{state}");
        }
        for state in ["Z", "X", "x"] {
            assert_eq!(started_of(&stat(state)), None, "{state}");
        }
        assert_eq!(started_of("42 (name"), None);
        assert!(started(std::process::id()).is_some(), "this one lives");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        // It ends, and nobody has waited for it yet.
        while std::fs::read_to_string(format!("/proc/{}/stat", child.id()))
            .is_ok_and(|stat| !stat.contains(") Z"))
        {
            std::thread::yield_now();
        }
        assert_eq!(started(child.id()), None);
        child.wait().unwrap();
    }
}
