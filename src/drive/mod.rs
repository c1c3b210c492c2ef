//! Acting on plans: observing, waiting, remembering. Thin code that may be run again.

mod cache;
mod cluster;
mod concurrently;
mod ec2;
mod environment;
pub mod gate;
pub mod group;
#[cfg(test)]
mod hand_clock;
mod iam;
mod images;
mod instances;
mod inventory;
pub mod launch;
mod leadership;
pub mod market;
mod observe;
mod onboarding;
mod progress;
pub mod roll;
mod secret_file;
mod session;
mod sinks;
pub mod stateful;
mod token_owner;
mod wait;

pub use cache::{Cache, CacheError, Entry, Reader};
pub use cluster::{Observer, OrderError, Timing};
pub use concurrently::watched;
pub use ec2::{Ec2Access, Ec2Error, connect as connect_ec2, identity as aws_identity};
pub use environment::Environment;
pub use iam::RoleReader;
pub use images::{
    ImageWanted, ImagesError, LookedUp, look_up as look_up_image, looks_like_image_id,
};
pub use inventory::{
    Answer, CacheUse, InventoryError, InventoryRequest, Origin, cache_key, inventory,
};
pub use leadership::{Elector, LeadershipError, Notes};
pub use observe::{ObserveError, Wanted, observe};
pub use onboarding::{AccountsSeen, ConnectError, Onboarder};
pub use progress::Progress;
pub use secret_file::{SecretFileError, open_to_others, secret_file};
pub use session::{ChosenEndpoint, Session, SessionError, SessionOptions, ec2_access};
pub use sinks::{Sink, SinkError, Sinks};
pub use token_owner::{TokenOwner, token_owner};
pub use wait::{SystemClock, TimeUp, pause, until};
