//! Identifiers as types, so that a group's id cannot stand where an instance's is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Any text is accepted: the vendor promises no format, and one seen tomorrow must still parse.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A Spot account, `act-` and eight hexadecimal digits in all samples.
    AccountId
}
id! {
    /// An Elastigroup, `sig-…`.
    GroupId
}
id! {
    /// A stateful instance of an Elastigroup, `ssi-…`: stable across recycles.
    StatefulInstanceId
}
id! {
    /// A managed instance (the vendor's "Stateful Node"), `smi-…`.
    ManagedInstanceId
}
id! {
    /// An EC2 instance, `i-…`: a new one after every recycle.
    InstanceId
}
id! {
    /// A machine image, `ami-…`.
    ImageId
}
id! {
    /// A user of a Spot organisation: `u-…` a person, `pu-…` a program.
    UserId
}
id! {
    /// An AWS region such as `eu-west-1`.
    Region
}
