//! Who calls, and what they may do.

use crate::administration::Right;
use crate::describe::{Access, Token};
use crate::envelope::Refusal;
use crate::operation::Scope;
use crate::request::Request;
use crate::world::World;

impl World {
    /// The token of the request, if the organisation knows it.
    pub(crate) fn authenticate(&self, request: &Request) -> Option<Token> {
        let (scheme, given) = request.header("authorization")?.split_once(' ')?;
        let known = |token: &&Token| token.token == given.trim();
        let found = self.tokens.iter().find(known).cloned();
        found.filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }

    /// The account that the request is about, when the token may do that there.
    pub(crate) fn authorise(
        &self,
        request: &Request,
        scope: Scope,
        token: &Token,
    ) -> Result<String, Refusal> {
        if matches!(scope, Scope::Organisation | Scope::Administration) {
            // Who may see which account is decided by the route: the query need not name one.
            let denied = token.access == Access::None;
            return if denied { Err(Refusal::masked()) } else { Ok(String::new()) };
        }
        let given = request.query_value("accountId");
        let given = given.or_else(|| request.query_value("spotinstAccountId"));
        let default = || self.accounts.first().map(|account| account.id.clone());
        let id = given.filter(|id| !id.is_empty()).or_else(default).unwrap_or_default();
        if !self.accounts.iter().any(|account| account.id == id) {
            return Err(Refusal::unknown_account(&id));
        }
        let allowed = match token.right(&id) {
            Some(Right::Editor) => true,
            Some(Right::Viewer) => scope == Scope::Read,
            None => false,
        };
        if allowed { Ok(id) } else { Err(Refusal::masked()) }
    }
}
