//! Whose token it is: the vendor has no call that says so, but tells an administrator the ends of all tokens.

use secrecy::{ExposeSecret, SecretString};

use crate::domain::UserDetails;
use crate::spot::{Client, SpotError};

/// So many users are asked about, one call each.
const MOST: usize = 100;

/// Fewer characters than these tell nothing.
const SHORTEST_END: usize = 3;

/// What is known of a token's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOwner {
    /// One user has a token that ends so.
    User(Box<UserDetails>),
    /// Several have.
    Several(Vec<UserDetails>),
    /// None of those that were asked about has.
    Nobody {
        /// How many were asked about.
        asked: usize,
        /// How many there are.
        of: usize,
    },
}

/// Compares the token with the ends that the vendor tells. It takes a call for each user; only an organisation
/// administrator's token may ask.
///
/// # Errors
///
/// Those of every read.
pub fn token_owner(client: &Client, token: &SecretString) -> Result<TokenOwner, SpotError> {
    let users = client.list_users()?.items;
    let asked = users.len().min(MOST);
    let mut owners = Vec::new();
    for user in users.iter().take(MOST) {
        let Some(details) = client.user(&user.id)? else { continue };
        if has_token(&details, token.expose_secret()) {
            owners.push(details);
        }
    }
    Ok(match owners.len() {
        0 => TokenOwner::Nobody { asked, of: users.len() },
        1 => TokenOwner::User(Box::new(owners.remove(0))),
        _ => TokenOwner::Several(owners),
    })
}

fn has_token(details: &UserDetails, token: &str) -> bool {
    let ends = details.tokens.iter().filter_map(|trace| trace.last_digits.as_deref());
    ends.into_iter().any(|end| end.len() >= SHORTEST_END && token.ends_with(end))
}
