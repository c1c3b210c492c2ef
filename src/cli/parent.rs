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

/// When a process started, in the system's own count: a reused id is another process.
pub(super) fn started(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the command in parentheses and may hold blanks; the start time is the twentieth after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

fn is_running(name: &str) -> bool {
    name.split_once('-')
        .and_then(|(id, start)| Some((id.parse().ok()?, start)))
        .is_some_and(|(id, start)| started(id).as_deref() == Some(start))
}
