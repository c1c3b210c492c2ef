//! Whether the token of a programmatic user, which is told once, is where it should be.

use crate::domain::{UserDetails, UserId};

/// What a place holds in place of a token while its user is removed begins so; the user's id follows.
const WITHDRAWN: &str = "spotinst-esg:withdrawn-token-of:";

/// What a place holds, held against what the vendor tells of the user's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// One of the user's tokens, by its last characters.
    Held,
    /// Something, and the vendor tells nothing to hold it against.
    Unproved,
    /// Something else than any of the user's tokens.
    Foreign,
    /// Nothing.
    Missing,
}

/// What one place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which of the task's places, from zero.
    pub place: usize,
    /// What it holds.
    pub custody: Custody,
}

/// What is to be done about the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenStep {
    /// Every place holds it; those listed hold something that cannot be proved to be it.
    Kept {
        /// These.
        unproved: Vec<usize>,
    },
    /// Some places lack what another has.
    Copied {
        /// The place that has it.
        from: usize,
        /// Those that lack it, or hold something else.
        to: Vec<usize>,
        /// Those of them that hold something else, which may be kept nowhere else.
        over: Vec<usize>,
    },
    /// No place has it, and nobody can tell it again.
    Lost,
}

/// What is put in place of a user's token before the user is removed. It tells a run that comes after one that was cut off whose the
/// token was, and is no token.
pub fn withdrawal(user: &UserId) -> String {
    format!("{WITHDRAWN}{user}")
}

/// Whose token was withdrawn from a place; none if it holds anything else.
pub fn withdrawn(held: &str) -> Option<UserId> {
    held.trim().strip_prefix(WITHDRAWN).map(UserId::new)
}

/// Judges what a place holds.
pub fn holding(place: usize, held: Option<&str>, user: &UserDetails) -> Holding {
    let digits: Vec<&str> =
        user.tokens.iter().filter_map(|token| token.last_digits.as_deref()).collect();
    let is_one = |held: &str| digits.iter().any(|end| !end.is_empty() && held.ends_with(end));
    let custody = match held.filter(|held| withdrawn(held).is_none()) {
        None => Custody::Missing,
        Some(held) if is_one(held) => Custody::Held,
        // A token without traces is one that nothing can be said of.
        Some(_) if digits.len() < user.tokens.len() || user.tokens.is_empty() => Custody::Unproved,
        Some(_) => Custody::Foreign,
    };
    Holding { place, custody }
}

/// Decides by all places. A task without places keeps no token, and none is missed.
pub fn token_step(holdings: &[Holding]) -> TokenStep {
    let those = |wanted: &[Custody]| -> Vec<usize> {
        let fits = |one: &&Holding| wanted.contains(&one.custody);
        holdings.iter().filter(fits).map(|one| one.place).collect()
    };
    let lacking = those(&[Custody::Missing, Custody::Foreign]);
    if lacking.is_empty() {
        return TokenStep::Kept { unproved: those(&[Custody::Unproved]) };
    }
    // What is not proved is not spread.
    match those(&[Custody::Held]).first() {
        Some(&from) => TokenStep::Copied { from, to: lacking, over: those(&[Custody::Foreign]) },
        None => TokenStep::Lost,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{TokenTrace, User, UserId, UserKind};

    fn user(digits: &[Option<&str>]) -> UserDetails {
        let trace =
            |end: &Option<&str>| TokenTrace { name: None, last_digits: end.map(str::to_owned) };
        UserDetails {
            user: User {
                id: UserId::new("pu-1"),
                name: "robot".to_owned(),
                kind: UserKind::Programmatic,
            },
            policies: Vec::new(),
            policy_names: BTreeMap::new(),
            groups: Vec::new(),
            unread: Vec::new(),
            tokens: digits.iter().map(trace).collect(),
        }
    }

    #[test]
    fn a_token_is_told_by_its_end() {
        type Case<'a> = (Option<&'a str>, &'a [Option<&'a str>], Custody);
        let table: [Case<'_>; 7] = [
            (None, &[Some("abcd")], Custody::Missing),
            (Some("xxabcd"), &[Some("abcd")], Custody::Held),
            (Some("xxabcd"), &[Some("1234"), Some("abcd")], Custody::Held),
            (Some("xxabcd"), &[Some("1234")], Custody::Foreign),
            (Some("xxabcd"), &[None], Custody::Unproved),
            (Some("xxabcd"), &[Some("1234"), None], Custody::Unproved),
            (Some("xxabcd"), &[], Custody::Unproved),
        ];
        for (held, digits, expected) in table {
            assert_eq!(holding(0, held, &user(digits)).custody, expected, "{held:?} {digits:?}");
        }
    }

    #[test]
    fn what_stands_for_a_withdrawn_token_is_none_and_tells_whose_it_was() {
        let id = UserId::new("pu-1");
        let text = withdrawal(&id);
        assert_eq!(withdrawn(&format!("{text}\n")), Some(id));
        for digits in [&[Some("pu-1")][..], &[Some("abcd")], &[]] {
            assert_eq!(holding(0, Some(&text), &user(digits)).custody, Custody::Missing);
        }
        for other in ["", "pu-1", "xxabcd"] {
            assert_eq!(withdrawn(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_is_copied_only_from_where_it_is_proved_to_be() {
        use Custody::{Foreign, Held, Missing, Unproved};
        let table: [(&[Custody], TokenStep); 7] = [
            (&[], TokenStep::Kept { unproved: Vec::new() }),
            (&[Held, Unproved], TokenStep::Kept { unproved: vec![1] }),
            (&[Missing, Held], TokenStep::Copied { from: 1, to: vec![0], over: Vec::new() }),
            (&[Held, Foreign], TokenStep::Copied { from: 0, to: vec![1], over: vec![1] }),
            (
                &[Foreign, Missing, Held],
                TokenStep::Copied { from: 2, to: vec![0, 1], over: vec![0] },
            ),
            (&[Unproved, Missing], TokenStep::Lost),
            (&[Missing, Foreign], TokenStep::Lost),
        ];
        for (custodies, expected) in table {
            let holdings = custodies.iter().enumerate();
            let holdings: Vec<Holding> =
                holdings.map(|(place, &custody)| Holding { place, custody }).collect();
            assert_eq!(token_step(&holdings), expected, "{custodies:?}");
        }
    }
}
