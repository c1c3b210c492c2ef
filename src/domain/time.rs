//! Moments as the vendor writes them.

use std::fmt;

use jiff::Timestamp;

/// A moment in the vendor's own spelling, with its meaning where it could be read.
///
/// Two spellings are in use, `2018-01-07T07:30:58.622Z` and `2018-08-29T18:09:01.431+0000` (no colon).
/// The text is kept so that what is shown equals what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorTime {
    text: String,
    instant: Option<Timestamp>,
}

impl VendorTime {
    /// Takes any text; one that is no moment keeps its text and has no [`Self::instant`].
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let instant = parse(&text);
        Self { text, instant }
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment, unless the text is not one.
    pub fn instant(&self) -> Option<Timestamp> {
        self.instant
    }
}

impl fmt::Display for VendorTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_vendor_spellings_name_the_same_moment() {
        let colon = VendorTime::new("2018-08-29T18:09:01.431+00:00");
        let bare = VendorTime::new("2018-08-29T18:09:01.431+0000");
        let zulu = VendorTime::new("2018-08-29T18:09:01.431Z");
        assert!(zulu.instant().is_some());
        assert_eq!(zulu.instant(), bare.instant());
        assert_eq!(zulu.instant(), colon.instant());
        assert_eq!(bare.as_str(), "2018-08-29T18:09:01.431+0000");
    }

    #[test]
    fn text_that_is_no_moment_is_kept_and_proves_nothing() {
        for text in ["", "yesterday", "2018-13-45T00:00:00Z", "1535566141"] {
            let time = VendorTime::new(text);
            assert_eq!((time.as_str(), time.instant()), (text, None));
        }
    }
}
