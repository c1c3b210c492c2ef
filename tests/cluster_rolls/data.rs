//! What lies on disks: writes by their numbers.

/// The writes that one copy holds, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// Under which leader the last was written.
    pub(crate) epoch: u32,
    /// From, and to but not with, in order; two that touch are one.
    ranges: Vec<(u64, u64)>,
}

impl Log {
    /// Adds writes at the end.
    pub(crate) fn append(&mut self, from: u64, count: u64) {
        if count == 0 {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.1 == from => last.1 += count,
            _ => self.ranges.push((from, from + count)),
        }
    }

    /// How many it holds.
    pub(crate) fn len(&self) -> u64 {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }

    /// Whether it holds all writes of the other.
    pub(crate) fn holds(&self, other: &Log) -> bool {
        let is_within =
            |part: &(u64, u64)| self.ranges.iter().any(|mine| mine.0 <= part.0 && part.1 <= mine.1);
        other.ranges.iter().all(is_within)
    }

    /// How many writes at the beginning are the same.
    fn shared(&self, other: &Log) -> u64 {
        let mut shared = 0;
        for (mine, theirs) in self.ranges.iter().zip(&other.ranges) {
            if mine.0 != theirs.0 {
                break;
            }
            shared += mine.1.min(theirs.1) - mine.0;
            if mine.1 != theirs.1 {
                break;
            }
        }
        shared
    }

    /// Becomes more like the one it follows: gives up what that has not, and takes at most so many writes. Answers whether it
    /// holds the same now.
    pub(crate) fn follow(&mut self, leader: &Log, at_most: u64) -> bool {
        if self.ranges == leader.ranges {
            self.epoch = leader.epoch;
            return true;
        }
        let mut left = self.shared(leader).saturating_add(at_most);
        if left >= leader.len() {
            *self = leader.clone();
            return true;
        }
        self.ranges.clear();
        for (from, to) in &leader.ranges {
            let taken = left.min(to - from);
            if taken > 0 {
                self.ranges.push((*from, from + taken));
            }
            left -= taken;
        }
        false
    }
}

/// A filesystem with the copies on it, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// Its UUID, which a copy made from a snapshot has as well.
    pub(crate) uuid: u64,
    logs: Vec<Log>,
}

impl Disk {
    /// Nothing is on it.
    pub(crate) fn blank(uuid: u64) -> Self {
        Self { uuid, logs: Vec::new() }
    }

    /// A copy; an empty one if there is none.
    pub(crate) fn log(&self, slot: usize) -> Log {
        self.logs.get(slot).cloned().unwrap_or_default()
    }

    /// Whether it holds all of these writes.
    pub(crate) fn holds(&self, slot: usize, writes: &Log) -> bool {
        match self.logs.get(slot) {
            Some(log) => log.holds(writes),
            None => writes.len() == 0,
        }
    }

    /// A copy to be written to.
    pub(crate) fn log_mut(&mut self, slot: usize) -> &mut Log {
        if self.logs.len() <= slot {
            self.logs.resize(slot + 1, Log::default());
        }
        &mut self.logs[slot]
    }
}

#[test]
fn a_copy_follows_by_giving_up_and_taking() {
    let (mut leader, mut copy) = (Log::default(), Log::default());
    leader.append(0, 100);
    copy.append(0, 100);
    copy.append(100, 50);
    let acknowledged = copy.clone();
    leader.append(200, 30);
    assert!(!leader.holds(&acknowledged) && copy.holds(&acknowledged));
    assert!(!copy.follow(&leader, 10));
    assert_eq!(copy.len(), 110, "fifty were given up, ten taken");
    assert!(copy.follow(&leader, 20));
    assert_eq!(copy, leader);
    let mut blank = Log::default();
    assert!(blank.follow(&leader, 130) && blank == leader);
}
