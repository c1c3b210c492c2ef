//! Onboarding: which account is meant, whether a token is in good hands, whether an account is connected.

mod choice;
mod connection;
mod custody;
mod other_role;
mod reach;
mod role_arn;
mod trust;

pub use choice::{AccountRefusal, AccountWanted, Choice, adopt_only, choose};
pub use connection::{
    Issue, Kept, Link, LinkRefusal, Linking, Preparation, RoleSeen, StoredExternalId, Taken,
    latest, linking, prepare,
};
pub use custody::{Custody, Holding, TokenStep, holding, token_step, withdrawal, withdrawn};
pub use other_role::{RoleTold, other_roles, role_told};
pub use reach::{Reach, called, reach};
pub use role_arn::RoleArn;
pub use trust::{TrustProblem, VENDOR_ACCOUNT, trust_problem};
