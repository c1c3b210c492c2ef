//! Ids in the vendor's and in AWS's formats, drawn from a seeded source.

use fastrand::Rng;

use crate::administration::UserKind;

const HEX: &[u8] = b"0123456789abcdef";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A seeded source of ids. Equal seeds give equal ids in equal order.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    rng: Rng,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Ids {
        Ids { rng: Rng::with_seed(seed) }
    }

    /// A source of its own for one named thing, so that adding a group to a fleet leaves the ids of the others alone.
    pub(crate) fn named(seed: u64, name: &str) -> Ids {
        Ids::new(seed ^ fnv1a(name))
    }

    fn draw(&mut self, prefix: &str, alphabet: &[u8], len: usize) -> String {
        let mut id = String::with_capacity(prefix.len() + len);
        id.push_str(prefix);
        for _ in 0..len {
            id.push(char::from(alphabet[self.rng.usize(..alphabet.len())]));
        }
        id
    }

    pub(crate) fn account(&mut self) -> String {
        self.draw("act-", HEX, 8)
    }

    pub(crate) fn user(&mut self, kind: UserKind) -> String {
        let prefix = match kind {
            UserKind::Personal => "u-",
            UserKind::Programmatic => "pu-",
        };
        self.draw(prefix, HEX, 8)
    }

    pub(crate) fn token(&mut self) -> String {
        self.draw("", HEX, 64)
    }

    pub(crate) fn external_id(&mut self, account: &str) -> String {
        self.draw(&format!("spotinst:aws:extid:{account}:"), ALPHANUMERIC, 16)
    }

    pub(crate) fn group(&mut self) -> String {
        self.draw("sig-", HEX, 8)
    }

    pub(crate) fn stateful_instance(&mut self) -> String {
        self.draw("ssi-", HEX, 8)
    }

    pub(crate) fn managed_instance(&mut self) -> String {
        self.draw("smi-", HEX, 8)
    }

    pub(crate) fn spot_request(&mut self) -> String {
        self.draw("sir-", ALPHANUMERIC, 8)
    }

    pub(crate) fn instance(&mut self) -> String {
        self.draw("i-", HEX, 17)
    }

    pub(crate) fn volume(&mut self) -> String {
        self.draw("vol-", HEX, 17)
    }

    pub(crate) fn snapshot(&mut self) -> String {
        self.draw("snap-", HEX, 17)
    }

    pub(crate) fn image(&mut self) -> String {
        self.draw("ami-", HEX, 17)
    }

    pub(crate) fn deployment(&mut self) -> String {
        self.draw("sbgd-", HEX, 8)
    }

    pub(crate) fn network_interface(&mut self) -> String {
        self.draw("eni-", HEX, 17)
    }

    pub(crate) fn subnet(&mut self) -> String {
        self.draw("subnet-", HEX, 17)
    }

    pub(crate) fn security_group(&mut self) -> String {
        self.draw("sg-", HEX, 17)
    }

    /// An AWS public address of the kind instances get in `us-east-1`.
    pub(crate) fn public_ip(&mut self) -> String {
        format!("54.{}.{}.{}", self.rng.u8(64..96), self.rng.u8(..), self.rng.u8(1..255))
    }

    /// The id of one request, as the envelope carries it.
    pub(crate) fn request(&mut self) -> String {
        let hex = self.draw("", HEX, 30);
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[15..18],
            &hex[18..30]
        )
    }

    /// Whether an event of the given probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// A number from 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.rng.f64()
    }

    /// A factor between `1 - share` and `1 + share`.
    pub(crate) fn jitter(&mut self, share: f64) -> f64 {
        1.0 + share * (self.rng.f64() * 2.0 - 1.0)
    }
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_vendors_lengths_and_repeat_for_a_seed() {
        let mut ids = Ids::new(3);
        assert_eq!(ids.group().len(), 12);
        assert_eq!(ids.instance().len(), 19);
        assert_eq!(ids.request().len(), 36);
        assert_eq!(Ids::named(1, "kafka").volume(), Ids::named(1, "kafka").volume());
        assert_ne!(Ids::named(1, "kafka").volume(), Ids::named(1, "kafkb").volume());
    }
}
