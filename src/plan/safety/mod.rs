//! Whether a cluster can lose a node, judged from what its own servers tell: predicates by technology.
//!
//! Each gives findings that a gate weighs like any other. What was not seen is unknown, and unknown never passes.

mod kafka;
mod leadership;
mod objects;
mod order;
mod phase;
mod search;
mod zookeeper;

pub use kafka::{KafkaQuestion, judge as judge_kafka};
pub use leadership::{Astray, Leadership, leadership};
pub use objects::covers_the_unknown;
pub use order::{Candidate, NoOrder, Placed, Technology, order};
pub use phase::{Phase, Question};
pub use search::{
    Alone, COPIES_ELSEWHERE, Elsewhere, Extent, SearchQuestion, copies_elsewhere,
    judge as judge_search,
};
pub use zookeeper::judge as judge_zookeeper;
