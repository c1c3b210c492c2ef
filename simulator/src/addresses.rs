//! Blocks of addresses that a fleet gives to a group, such as `127.0.20.0/24`.

use std::net::Ipv4Addr;

use serde::Deserialize;

/// A block of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AddressBlock {
    pub(crate) base: u32,
    pub(crate) size: u32,
}

impl TryFrom<String> for AddressBlock {
    type Error = String;

    fn try_from(text: String) -> Result<AddressBlock, String> {
        let parts = text.split_once('/').and_then(|(base, bits)| {
            let base: Ipv4Addr = base.parse().ok()?;
            let bits: u32 = bits.parse().ok().filter(|bits| (16..=28).contains(bits))?;
            Some((u32::from(base), 1_u32 << (32 - bits)))
        });
        let refuse =
            || format!("{text:?} is no block of addresses such as 127.0.20.0/24, from /16 to /28");
        let (base, size) = parts.ok_or_else(refuse)?;
        if base % size != 0 {
            let first = Ipv4Addr::from(base - base % size);
            return Err(format!("{text:?} does not begin at the start of its block, {first}"));
        }
        Ok(AddressBlock { base, size })
    }
}

impl AddressBlock {
    pub(crate) fn overlaps(self, other: AddressBlock) -> bool {
        self.base < other.base + other.size && other.base < self.base + self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_a_base_and_a_size() {
        let block = |text: &str| AddressBlock::try_from(text.to_owned());
        let found = block("127.0.20.0/24").unwrap();
        assert_eq!((found.base, found.size), (0x7f00_1400, 256));
        assert!(found.overlaps(block("127.0.0.0/16").unwrap()));
        assert!(!found.overlaps(block("127.0.21.0/24").unwrap()));
        for odd in ["127.0.20.0", "127.0.20.1/24", "127.0.20.0/31", "::1/24", "x/24"] {
            assert!(block(odd).is_err(), "{odd}");
        }
    }
}
