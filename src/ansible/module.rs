//! What a module is: arguments and returns as types, and a decision that the protocol carries out.

use std::error::Error;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::protocol::{self, Answer};
use super::spec::{ArgumentSpec, SpecError};

/// One Ansible module. `W` is what the program hands to all its modules.
pub trait Module<W>: Sync {
    /// The options. Types, defaults, choices, bounds and documentation are read from its schema:
    ///
    /// - the first paragraph of the struct's doc comment is the short description, the others the description;
    /// - an option is required unless it has a default or is an [`Option`];
    /// - `#[schemars(extend("x-aliases" = ["other_name"], "x-no-log" = true, "x-type" = "path", "x-env" = ["VARIABLE"],
    ///   "x-version-added" = "0.2.0"))]` on a field, each as needed; where leaving the option out asks for less, `"x-refuses-empty" = "for
    ///   the whole group"` (what leaving it out stands for) refuses null, blank text and an empty list, and `"x-keeps-empty" =
    ///   true` refuses null and hands on an empty text or list;
    /// - `#[schemars(extend("x-mutually-exclusive" = [["a", "b"]], "x-required-together" = [["a", "b"]],
    ///   "x-required-one-of" = [["a", "b"]], "x-required-if" = [["state", "present", ["a"]]]))]` on the struct.
    type Args: DeserializeOwned + JsonSchema;

    /// What is answered besides `changed`, `diff` and the like. `"x-returned"` on a field says when, if not always.
    type Returns: Serialize + JsonSchema;

    /// The name without the collection's.
    const NAME: &'static str;

    /// Tasks as they stand in a playbook; they are run by a test.
    const EXAMPLES: &'static str;

    /// Whether it can change anything; modules that only tell do not.
    const CHANGES: bool;

    /// Names that it had elsewhere. They still work and tell that they are deprecated.
    const FORMER_NAMES: &'static [&'static str] = &[];

    /// The collection's version in which it appeared.
    const SINCE: &'static str = "0.1.0";

    /// Values among the arguments, as they were typed, that may be shown nowhere besides those of options that are secret
    /// by themselves: where another option says so, or in another form than was typed.
    fn secrets(_arguments: &Map<String, Value>) -> Vec<String> {
        Vec::new()
    }

    /// Looks, and decides what is to be done. It changes nothing: check mode ends after it.
    ///
    /// # Errors
    ///
    /// What is asked cannot be done or found out.
    fn plan<'c>(
        &self,
        args: Self::Args,
        context: Context<'c, W>,
    ) -> Result<Planned<'c, Self::Returns>, Failure>;
}

/// What a module has besides its arguments.
pub struct Context<'c, W> {
    /// What the program hands to all its modules.
    pub world: &'c W,
    /// Tells the person who waits, one line at a time.
    pub progress: &'c (dyn Fn(&str) + Sync),
    /// How often `-v` was given.
    pub verbosity: u8,
}

impl<W> Clone for Context<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Context<'_, W> {}

type Act<'c, R> = Box<dyn FnOnce() -> Result<Outcome<R>, Failure> + 'c>;

/// What is to be done, and what is answered if it is not done because of check mode.
pub struct Planned<'c, R> {
    pub(super) changed: bool,
    pub(super) returns: R,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) message: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) act: Option<Act<'c, R>>,
}

impl<'c, R> Planned<'c, R> {
    /// All is as it should be, or the module only tells.
    pub fn unchanged(returns: R) -> Self {
        Self {
            changed: false,
            returns,
            before: None,
            after: None,
            message: None,
            warnings: Vec::new(),
            act: None,
        }
    }

    /// Nothing is to be changed, and `act` goes on looking; `returns` is what the first look told, and all that check mode
    /// answers with.
    pub fn looking_on(returns: R, act: impl FnOnce() -> Result<Outcome<R>, Failure> + 'c) -> Self {
        let act = || act().map(|outcome| Outcome { changed: false, ..outcome });
        Self { act: Some(Box::new(act)), ..Self::unchanged(returns) }
    }

    /// Something is to be changed by `act`; `expected` is what it will answer if all goes as foreseen.
    pub fn change(expected: R, act: impl FnOnce() -> Result<Outcome<R>, Failure> + 'c) -> Self {
        Self { changed: true, act: Some(Box::new(act)), ..Self::unchanged(expected) }
    }

    /// What `--diff` shows. An [`Outcome`] may put what really came of it in place of `after`.
    #[must_use]
    pub fn with_diff(mut self, before: Value, after: Value) -> Self {
        (self.before, self.after) = (Some(before), Some(after));
        self
    }

    /// A sentence for the person.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// What is odd but no failure.
    #[must_use]
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }
}

/// What came of an act.
pub struct Outcome<R> {
    /// What is answered.
    pub returns: R,
    /// Whether anything was changed in the end.
    pub changed: bool,
    /// What it is like now, for `--diff`; as planned if none.
    pub after: Option<Value>,
    /// A sentence for the person; the planned one if none.
    pub message: Option<String>,
    /// What is odd but no failure, besides what the plan found.
    pub warnings: Vec<String>,
}

impl<R> From<R> for Outcome<R> {
    fn from(returns: R) -> Self {
        Self { returns, changed: true, after: None, message: None, warnings: Vec::new() }
    }
}

/// Why a module failed, with what it can tell besides.
///
/// Boxed inside, since results that carry it are returned everywhere.
#[derive(Debug)]
pub struct Failure(pub(super) Box<FailureFields>);

#[derive(Debug, Default)]
pub(super) struct FailureFields {
    pub(super) message: String,
    pub(super) error_code: Option<String>,
    pub(super) http_status: Option<u16>,
    pub(super) request_id: Option<String>,
    pub(super) retryable: bool,
    pub(super) changed: bool,
    pub(super) evidence: Map<String, Value>,
    pub(super) warnings: Vec<String>,
}

impl Failure {
    /// One clear line; nothing was changed, and trying again will not help, unless said otherwise below.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(FailureFields { message: message.into(), ..FailureFields::default() }))
    }

    /// The code of the error: the server's, or one of the module's own.
    #[must_use]
    pub fn with_error_code(mut self, code: Option<impl Into<String>>) -> Self {
        self.0.error_code = code.map(Into::into);
        self
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn with_http_status(mut self, status: Option<u16>) -> Self {
        self.0.http_status = status;
        self
    }

    /// The server's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<impl Into<String>>) -> Self {
        self.0.request_id = id.map(Into::into);
        self
    }

    /// Whether the same task may succeed later without anything being changed.
    #[must_use]
    pub fn retryable(mut self, is_retryable: bool) -> Self {
        self.0.retryable = is_retryable;
        self
    }

    /// More words at the end of its line.
    #[must_use]
    pub fn adding(mut self, words: &str) -> Self {
        self.0.message.push_str(words);
        self
    }

    /// Whether something had been changed before it failed.
    #[must_use]
    pub fn changed(mut self, has_changed: bool) -> Self {
        self.0.changed = has_changed;
        self
    }

    /// A return that helps to understand the failure, such as what was there before.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.evidence.insert(name.to_owned(), value.into());
        self
    }

    /// What is odd besides.
    #[must_use]
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.0.warnings.extend(warnings);
        self
    }

    /// The line.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for Failure {}

/// A module of which only the name need be known: what registries hold.
pub trait AnyModule<W>: Sync {
    /// [`Module::NAME`].
    fn name(&self) -> &'static str;
    /// [`Module::EXAMPLES`].
    fn examples(&self) -> &'static str;
    /// [`Module::CHANGES`].
    fn changes(&self) -> bool;
    /// [`Module::FORMER_NAMES`].
    fn former_names(&self) -> &'static [&'static str];
    /// [`Module::SINCE`].
    fn since(&self) -> &'static str;
    /// The options.
    ///
    /// # Errors
    ///
    /// The schema holds what Ansible's options cannot express.
    fn spec(&self) -> Result<ArgumentSpec, SpecError>;
    /// The schema of what is answered.
    fn returns(&self) -> Value;
    /// [`Module::secrets`].
    fn secrets(&self, arguments: &Map<String, Value>) -> Vec<String>;
    /// Carries it out: see [`run`](super::run), which callers want.
    fn run(&self, arguments: protocol::Prepared, context: Context<'_, W>) -> Answer;
}

impl<W, M: Module<W>> AnyModule<W> for M {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn examples(&self) -> &'static str {
        M::EXAMPLES
    }

    fn changes(&self) -> bool {
        M::CHANGES
    }

    fn former_names(&self) -> &'static [&'static str] {
        M::FORMER_NAMES
    }

    fn since(&self) -> &'static str {
        M::SINCE
    }

    fn spec(&self) -> Result<ArgumentSpec, SpecError> {
        ArgumentSpec::of::<M::Args>()
    }

    fn returns(&self) -> Value {
        super::schema::of::<M::Returns>()
    }

    fn secrets(&self, arguments: &Map<String, Value>) -> Vec<String> {
        M::secrets(arguments)
    }

    fn run(&self, arguments: protocol::Prepared, context: Context<'_, W>) -> Answer {
        protocol::carry_out(self, arguments, context)
    }
}
