//! Enumerations that stay open: a value the vendor adds tomorrow is a value, not an error.

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value newer than this program, spelled as it came. It proves nothing.
            Other(String),
        }

        impl $name {
            /// Every value known by name.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// Reads the vendor's spelling, in any case.
            pub fn parse(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($text) { return Self::$variant; })+
                Self::Other(text.to_owned())
            }

            /// The vendor's spelling; for [`Self::Other`] as it came.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use open_enum;

open_enum! {
    /// How an EC2 instance is paid for.
    Lifecycle {
        /// Spot market: AWS may take it back with two minutes' notice.
        Spot = "spot",
        /// On-demand: the full price, never taken back.
        OnDemand = "on-demand",
    }
}
