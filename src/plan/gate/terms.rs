//! How long predicates must hold, and which need not.

use std::time::Duration;

use thiserror::Error;

/// For how long and how often predicates must hold, and how long that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many looks in a row must find all of them good; at least one.
    pub samples: u32,
    /// How far looks are apart; not zero, since two looks at one moment are one proof.
    pub spacing: Duration,
    /// How far the first and the last of them must be apart.
    pub window: Duration,
    /// How long is waited at most. After it no pause begins; so the last look comes at most one spacing later, and a row
    /// that takes just as long is not lost to the time that looks take.
    pub limit: Duration,
    /// It is given up earlier if for so long nothing moved: no verdict changed and no measured value came nearer to its
    /// bound than it had been. None waits for the limit.
    pub stall: Option<Duration>,
}

/// Why terms cannot be met by anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TermsError {
    /// Nothing is asked for.
    #[error("samples must be 1 or more")]
    NoSamples,
    /// Looks at one moment.
    #[error("spacing must be more than nothing")]
    NoSpacing,
    /// The time is over before.
    #[error(
        "wait_timeout is {limit} s, which is less than the {needed} s that samples, spacing and window take; give more \
         time or ask for less"
    )]
    TooShort {
        /// What is given, in seconds.
        limit: u64,
        /// What is needed, in seconds.
        needed: u64,
    },
}

impl Terms {
    /// Whether they can be met at all.
    ///
    /// # Errors
    ///
    /// They cannot, whatever is seen.
    pub fn check(&self) -> Result<(), TermsError> {
        if self.samples == 0 {
            return Err(TermsError::NoSamples);
        }
        if self.spacing.is_zero() {
            return Err(TermsError::NoSpacing);
        }
        let needed = self.needed();
        if needed > self.limit {
            let (limit, needed) = (self.limit.as_secs(), needed.as_secs());
            return Err(TermsError::TooShort { limit, needed });
        }
        Ok(())
    }

    /// The least time in which they can be met: looks are whole spacings apart.
    fn needed(&self) -> Duration {
        let for_window = self.window.as_nanos().div_ceil(self.spacing.as_nanos().max(1));
        let pauses = for_window.max(u128::from(self.samples.saturating_sub(1)));
        self.spacing.saturating_mul(u32::try_from(pauses).unwrap_or(u32::MAX))
    }
}
