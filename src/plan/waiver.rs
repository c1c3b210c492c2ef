//! Predicates that someone takes upon himself.

use wildmatch::WildMatch;

/// A predicate that need not hold. It is looked at and reported all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The predicate's name.
    pub predicate: String,
    /// Why it need not hold.
    pub reason: String,
    /// Of which objects, with `*` and `?`; none means of all. An empty list waives nothing.
    pub objects: Option<Vec<String>>,
}

impl Waiver {
    /// Whether it is about this predicate of this object.
    pub(super) fn covers(&self, predicate: &str, object: &str) -> bool {
        let is_meant = |named: &String| named == object || WildMatch::new(named).matches(object);
        self.predicate == predicate
            && self.objects.as_ref().is_none_or(|objects| objects.iter().any(is_meant))
    }
}
