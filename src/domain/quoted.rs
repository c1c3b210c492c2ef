//! Text that others wrote, fit to be shown: it must neither steer a terminal nor run on for ever.

/// The text with control characters, invisible ones and those that change the writing direction escaped.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => shown.extend(character.escape_unicode()),
            other if other.is_control() => shown.extend(other.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

/// The text on one line: lines folded with a blank between them, the rest as [`printable`] has it.
pub fn one_line(text: &str) -> String {
    let parts = text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(printable).collect::<Vec<_>>().join(" ")
}

/// The text as one word of a shell's command line.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal_and_words_stay_as_they_are() {
        assert_eq!(printable("a\r\n\t\0b"), "a\\r\\n\\t\\u{0}b");
        assert_eq!(printable("a\u{202e}b\u{feff}"), "a\\u{202e}b\\u{feff}");
        assert_eq!(printable("grüße «ok»"), "grüße «ok»");
        assert_eq!(
            one_line("cannot read\n  \u{1b}[2Jgroup\r\n\nx\ty"),
            "cannot read \\u{1b}[2Jgroup x\\ty"
        );
    }

    #[test]
    fn a_shell_takes_a_word_as_it_is() {
        assert_eq!(shell_word("/var/lib/a-b_c.jsonl"), "/var/lib/a-b_c.jsonl");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
    }
}
