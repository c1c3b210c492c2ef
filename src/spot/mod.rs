//! The Spot API: requests in the vendor's shape, answers as domain values, errors that say what to do.
//!
//! Nothing here decides. Every call is one HTTP request, paced by the vendor's rate limits, repeated where that is
//! harmless, and decoded with tolerance: what is odd but survivable is named beside the result.

mod actions;
mod administration;
mod client;
mod credentials;
mod credentials_file;
mod endpoint;
mod envelope;
mod error;
mod group_lifecycle;
mod group_update;
mod pacing;
mod pacing_store;
mod request;
mod suspensions;
mod transport;
mod unseen;
mod wire;

pub use actions::Sent;
pub use administration::Made;
pub use client::{Client, ClientConfig};
pub use credentials::{
    Credentials, CredentialsError, CredentialsFile, Environment, Source, Sourced, Sources, resolve,
};
pub use endpoint::Endpoint;
pub use error::{ErrorKind, SpotError, TransportFault};
pub use group_lifecycle::{Created, UpdateManner};
pub use pacing_store::{Pacing, RouteBudget};
pub use request::Idempotency;
pub use transport::{Carrier, CarryError, CarryErrorKind, Delivered, Parcel};
pub use unseen::Unseen;

/// A decoded reply: what it holds and what was strange about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The items, in the vendor's order.
    pub items: Vec<T>,
    /// What was odd but lost nothing, each a lowercase fragment naming the item it is about.
    pub oddities: Vec<String>,
    /// What was sent and could not be taken, in the same form: the list is incomplete because of it.
    pub left_out: Vec<String>,
}
