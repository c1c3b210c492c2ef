//! How many instances a group is to have.

use std::fmt;

/// How large a group is and may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The least target.
    pub minimum: u32,
    /// How many instances it is to have.
    pub target: u32,
    /// The largest target.
    pub maximum: u32,
}

/// Where the target is to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// To this number.
    Absolute(u32),
    /// So many more, or fewer if negative.
    By(i64),
    /// So many times as many, rounded up.
    Times(f64),
}

impl Aim {
    /// Reads `5`, `+2`, `-1` or `x1.5`.
    ///
    /// # Errors
    ///
    /// [`AimError::Unreadable`].
    pub fn parse(text: &str) -> Result<Self, AimError> {
        let text = text.trim();
        let unreadable = || AimError::Unreadable { text: text.to_owned() };
        let aim = match text.chars().next() {
            Some('+' | '-') => text.parse().ok().map(Self::By),
            Some('x' | 'X' | '*') => {
                let factor: Option<f64> = text[1..].trim().parse().ok();
                factor.filter(|it| it.is_finite() && (0.0..=1000.0).contains(it)).map(Self::Times)
            }
            _ => text.parse().ok().map(Self::Absolute),
        };
        aim.ok_or_else(unreadable)
    }
}

/// Which bounds the caller moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The new minimum.
    pub minimum: Option<u32>,
    /// The new maximum.
    pub maximum: Option<u32>,
    /// Whether bounds in the way move along, save for those that the caller says.
    pub bounds: bool,
    /// No target is larger than this.
    pub ceiling: Option<u32>,
}

/// Why a target is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AimError {
    /// It is no target.
    Unreadable {
        /// What was given.
        text: String,
    },
    /// It is over the ceiling.
    OverCeiling {
        /// The target.
        target: u32,
        /// The ceiling.
        ceiling: u32,
    },
    /// It is outside the bounds.
    OutOfBounds {
        /// The target.
        target: u32,
        /// The least.
        minimum: u32,
        /// The most.
        maximum: u32,
    },
}

impl fmt::Display for AimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { text } => write!(
                f,
                "option target is {text:?}; it is a number, +n, -n, or x and a factor, such as x1.5"
            ),
            Self::OverCeiling { target, ceiling } => {
                write!(f, "a target of {target} is over the ceiling of {ceiling}")
            }
            Self::OutOfBounds { target, minimum, maximum } => write!(
                f,
                "a target of {target} is not between the minimum {minimum} and the maximum {maximum}: set minimum or \
                 maximum, or move_bounds, which moves those that are not given"
            ),
        }
    }
}

/// The capacity that comes of an aim. A relative one stops at the ceiling, and none goes below zero; an absolute one over
/// the ceiling is refused.
///
/// # Errors
///
/// [`AimError::OverCeiling`], [`AimError::OutOfBounds`].
pub fn resized(
    present: Capacity,
    aim: Option<Aim>,
    stretch: Stretch,
) -> Result<Capacity, AimError> {
    let ceiling = stretch.ceiling.unwrap_or(u32::MAX);
    let target = match aim {
        None => present.target,
        Some(Aim::Absolute(target)) if target > ceiling => {
            return Err(AimError::OverCeiling { target, ceiling });
        }
        Some(Aim::Absolute(target)) => target,
        Some(Aim::By(by)) => {
            let sum = i64::from(present.target).saturating_add(by).max(0);
            limited(u32::try_from(sum).unwrap_or(u32::MAX), present.target, ceiling)
        }
        Some(Aim::Times(factor)) => limited(times(present.target, factor), present.target, ceiling),
    };
    let mut minimum = stretch.minimum.unwrap_or(present.minimum);
    let mut maximum = stretch.maximum.unwrap_or(present.maximum);
    if stretch.bounds && stretch.minimum.is_none() {
        minimum = minimum.min(target);
    }
    if stretch.bounds && stretch.maximum.is_none() {
        maximum = maximum.max(target);
    }
    if target < minimum || target > maximum {
        return Err(AimError::OutOfBounds { target, minimum, maximum });
    }
    Ok(Capacity { minimum, target, maximum })
}

/// A ceiling holds growth back and never makes a group shrink that is over it already.
fn limited(target: u32, present: u32, ceiling: u32) -> u32 {
    if target > present { target.min(ceiling.max(present)) } else { target }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded and not negative"
)]
fn times(target: u32, factor: f64) -> u32 {
    // A factor such as 1.1 is a little more than that: what is off by less than a millionth is no whole instance.
    (f64::from(target) * factor - 1e-6).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}
