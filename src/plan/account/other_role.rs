//! Whether a user that is there has the role that a new one would get, as far as the names of its policies tell.

use crate::domain::{AccountId, AccountRole, UserDetails};

/// What of these roles the user does not have, or has more of, in words. The vendor keeps a role as a policy of its own, whose name tells
/// the role; what other policies allow nobody can tell by their names.
pub fn other_roles(user: &UserDetails, wanted: &[(AccountId, AccountRole)]) -> Vec<String> {
    let one = |(account, role): &(AccountId, AccountRole)| {
        let is_here = |id: &String| id == account.as_str() || id == "*";
        let here = user.policies.iter().filter(|policy| policy.accounts.iter().any(is_here));
        let names = here.filter_map(|policy| user.policy_names.get(&policy.policy));
        let names: Vec<&str> = names.map(String::as_str).collect();
        let has = |word: &str| names.iter().any(|name| name.to_lowercase().contains(word));
        let differs = match role {
            AccountRole::Viewer => has("editor"),
            AccountRole::Editor => has("viewer") && !has("editor"),
        };
        differs.then(|| format!("{} in account {account}", names.join(" and ")))
    };
    wanted.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PolicyMapping, User, UserId, UserKind};

    /// A policy's id, its name and the account it is for.
    type Policy<'a> = (&'a str, Option<&'a str>, &'a str);

    fn user(policies: &[Policy<'_>]) -> UserDetails {
        let mapping = |(id, _, account): &Policy<'_>| PolicyMapping {
            policy: (*id).to_owned(),
            accounts: vec![(*account).to_owned()],
        };
        let name =
            |(id, name, _): &Policy<'_>| name.map(|name| ((*id).to_owned(), name.to_owned()));
        UserDetails {
            user: User {
                id: UserId::new("pu-1"),
                name: "robot".to_owned(),
                kind: UserKind::Programmatic,
            },
            policies: policies.iter().map(mapping).collect(),
            policy_names: policies.iter().filter_map(name).collect(),
            groups: Vec::new(),
            unread: Vec::new(),
            tokens: Vec::new(),
        }
    }

    #[test]
    fn a_role_is_told_by_the_names_of_the_policies_of_its_account() {
        const VIEWER: Policy<'static> = ("pol-1", Some("Account Viewer"), "act-1");
        const EDITOR: Policy<'static> = ("pol-2", Some("Account Editor"), "act-1");
        let (viewer, editor) = (AccountRole::Viewer, AccountRole::Editor);
        let table: [(&[Policy<'_>], AccountRole, bool); 9] = [
            (&[VIEWER], viewer, false),
            (&[EDITOR], editor, false),
            (&[EDITOR], viewer, true),
            (&[VIEWER], editor, true),
            (&[VIEWER, EDITOR], viewer, true),
            (&[VIEWER, EDITOR], editor, false),
            (&[("pol-2", Some("Account Editor"), "act-2")], viewer, false),
            (&[("pol-2", Some("Account Editor"), "*")], viewer, true),
            (&[("pol-2", None, "act-1"), ("pol-3", Some("Own"), "act-1")], viewer, false),
        ];
        for (policies, role, expected) in table {
            let told = other_roles(&user(policies), &[(AccountId::new("act-1"), role)]);
            assert_eq!(!told.is_empty(), expected, "{policies:?} {role:?}: {told:?}");
        }
    }
}
