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
}
