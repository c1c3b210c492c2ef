//! Money, in whole millionths of a dollar.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits behind the point that are kept.
const DIGITS: usize = 6;

/// An amount in millionths of a US dollar, such as the price of an hour.
///
/// EC2 quotes spot prices with six digits behind the point, so none is lost. Further digits, which price lists have, are
/// rounded to the nearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(u64);

impl MicroUsd {
    /// So many millionths.
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// The millionths.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads dollars in decimal notation without sign or exponent, such as `0.0416`; none of anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && rest.is_empty() || !is_number(whole) || !is_number(rest) {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let kept: String = rest.chars().chain("000000".chars()).take(DIGITS).collect();
        let up = u64::from(rest.as_bytes().get(DIGITS).is_some_and(|digit| *digit >= b'5'));
        let micros = whole.checked_mul(1_000_000)?.checked_add(kept.parse().ok()?)?;
        micros.checked_add(up).map(Self)
    }

    /// This many times as much; the largest amount there is instead of one too large.
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Both together; the largest amount there is instead of one too large.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What this saves over `full`, in hundredths of a percent of it: 7000 is 70 %. Negative where it costs more; none of
    /// nothing.
    pub fn saving_over(self, full: Self) -> Option<i64> {
        let (ours, full) = (i128::from(self.0), i128::from(full.0));
        if full == 0 {
            return None;
        }
        i64::try_from((full - ours) * 10_000 / full).ok()
    }
}

impl fmt::Display for MicroUsd {
    /// Dollars with at least four and at most six digits behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:06}", self.0 % 1_000_000);
        let kept = digits.trim_end_matches('0').len().max(4);
        write!(f, "{}.{}", self.0 / 1_000_000, &digits[..kept])
    }
}

impl Serialize for MicroUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for MicroUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_exactly_and_written_as_short_as_can_be() {
        for (text, micros, shown) in [
            ("0.041600", 41_600, "0.0416"),
            ("0.0416000000", 41_600, "0.0416"),
            ("1", 1_000_000, "1.0000"),
            (".5", 500_000, "0.5000"),
            ("12.0000014", 12_000_001, "12.000001"),
            ("0.0000005", 1, "0.000001"),
            ("0.9999999", 1_000_000, "1.0000"),
            (" 0.00001 ", 10, "0.00001"),
        ] {
            assert_eq!(MicroUsd::parse(text), Some(MicroUsd(micros)), "{text}");
            assert_eq!(MicroUsd(micros).to_string(), shown);
        }
        for text in ["", ".", "-1", "+1", "1e3", "NaN", "1.2.3", "1,5", "99999999999999999999"] {
            assert_eq!(MicroUsd::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_saving_is_a_share_of_the_full_price() {
        let of = |ours, full| MicroUsd(ours).saving_over(MicroUsd(full));
        assert_eq!(of(30, 100), Some(7_000));
        assert_eq!(of(150, 100), Some(-5_000));
        assert_eq!(of(1, 0), None);
        assert_eq!(of(u64::MAX, u64::MAX), Some(0));
    }
}
