//! Answers of several pages.

use std::collections::HashSet;

use super::AwsError;
use super::ec2::text;
use super::error::Call;

/// Fifty thousand images or prices are no answer to any question of ours.
const PAGES: usize = 50;

/// Where in an answer of several pages we are.
pub(super) struct Pages<'a> {
    call: &'a Call<'a>,
    seen: HashSet<String>,
    /// The token of the page to be read; none for the first.
    pub(super) next: Option<String>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(call: &'a Call<'a>) -> Self {
        Self { call, seen: HashSet::new(), next: None }
    }

    /// Whether the page just read was the last one.
    pub(super) fn is_last(&mut self, token: Option<String>) -> Result<bool, AwsError> {
        let Some(token) = text(token) else { return Ok(true) };
        if !self.seen.insert(token.clone()) {
            return Err(self.call.bad_reply("the same page token came twice"));
        }
        if self.seen.len() >= PAGES {
            return Err(self.call.bad_reply(&format!("more than {PAGES} pages")));
        }
        self.next = Some(token);
        Ok(false)
    }
}
