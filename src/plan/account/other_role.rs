//! What role a user has in an account, as far as the names of its policies tell.

use crate::domain::{AccountId, AccountRole, UserDetails};

/// What the names of a user's policies for an account say of its role there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleTold {
    /// By this policy it may change things.
    Editor(String),
    /// All that it has there are these, which allow to read.
    Viewer(String),
    /// What it may do is not told, for this reason.
    Untold(String),
}

/// Which role a user has in an account. The vendor keeps a role as a policy of its own, whose name tells the role; what other policies
/// or user groups allow nobody can tell by their names.
pub fn role_told(user: &UserDetails, account: &AccountId) -> RoleTold {
    let (names, nameless) = policies_of(user, account);
    if let Some(editor) = names.iter().find(|name| is_of(name, "editor")) {
        return RoleTold::Editor((*editor).to_owned());
    }
    // A policy without accounts is one of the organisation (OpenAPI description: getUserDetails).
    if user.policies.iter().any(|policy| policy.accounts.is_empty()) {
        return RoleTold::Untold(
            "what a policy of the whole organisation allows is not told".to_owned(),
        );
    }
    if let Some(what) = user.unread.first() {
        return RoleTold::Untold(what.clone());
    }
    if !user.groups.is_empty() {
        return RoleTold::Untold("what its user groups allow is not told".to_owned());
    }
    if nameless || !names.iter().all(|name| is_of(name, "viewer")) {
        let names = names.join(" and ");
        return RoleTold::Untold(format!("a policy's name does not tell ({names})"));
    }
    match names.as_slice() {
        [] => RoleTold::Untold("it has no policy for this account".to_owned()),
        names => RoleTold::Viewer(names.join(" and ")),
    }
}

/// The names of the policies that a user has for an account, and whether one of them has none.
fn policies_of<'u>(user: &'u UserDetails, account: &AccountId) -> (Vec<&'u str>, bool) {
    let is_here = |id: &String| id == account.as_str() || id == "*";
    let here = user.policies.iter().filter(|policy| policy.accounts.iter().any(is_here));
    let names: Vec<_> = here.map(|policy| user.policy_names.get(&policy.policy)).collect();
    let nameless = names.iter().any(Option::is_none);
    (names.into_iter().flatten().map(String::as_str).collect(), nameless)
}

fn is_of(name: &str, word: &str) -> bool {
    name.to_lowercase().contains(word)
}

/// What of these roles the user does not have, or has more of, in words. The vendor keeps a role as a policy of its own, whose name tells
/// the role; what other policies allow nobody can tell by their names.
pub fn other_roles(user: &UserDetails, wanted: &[(AccountId, AccountRole)]) -> Vec<String> {
    let one = |(account, role): &(AccountId, AccountRole)| {
        let (names, _) = policies_of(user, account);
        let has = |word: &str| names.iter().any(|name| is_of(name, word));
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
    fn only_what_the_names_of_all_policies_tell_is_a_role() {
        let account = AccountId::new("act-1");
        let told = |policies: &[Policy<'_>]| role_told(&user(policies), &account);
        let viewer = ("pol-1", Some("Account Viewer"), "act-1");
        let editor = ("pol-2", Some("Account Editor"), "*");
        assert_eq!(told(&[viewer]), RoleTold::Viewer("Account Viewer".to_owned()));
        assert_eq!(told(&[viewer, editor]), RoleTold::Editor("Account Editor".to_owned()));
        let untold: [&[Policy<'_>]; 4] = [
            &[],
            &[("pol-1", Some("Account Viewer"), "act-2")],
            &[viewer, ("pol-3", Some("Own"), "act-1")],
            &[viewer, ("pol-3", None, "act-1")],
        ];
        for policies in untold {
            assert!(matches!(told(policies), RoleTold::Untold(_)), "{policies:?}");
        }
        let mut wide = user(&[viewer]);
        wide.policies.push(PolicyMapping { policy: "pol-4".to_owned(), accounts: Vec::new() });
        assert!(matches!(role_told(&wide, &account), RoleTold::Untold(_)));
        let mut grouped = user(&[viewer]);
        grouped.groups.push(crate::domain::UserGroup {
            id: "ugr-1".to_owned(),
            name: "Admins".to_owned(),
            policies: Vec::new(),
        });
        assert!(matches!(role_told(&grouped, &account), RoleTold::Untold(_)));
        let mut torn = user(&[viewer]);
        torn.unread.push("policies of the user is no list".to_owned());
        assert!(matches!(role_told(&torn, &account), RoleTold::Untold(_)));
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
