//! What a process inherits, as a value: nothing below the command line looks at the process itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables, and what else a process inherits.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    cache_folder: Option<PathBuf>,
    state_folder: Option<PathBuf>,
}

impl Environment {
    /// The variables, and the folders that the user's system sets aside; each folder may be unknown.
    pub fn new(
        variables: BTreeMap<String, String>,
        home: Option<PathBuf>,
        cache_folder: Option<PathBuf>,
        state_folder: Option<PathBuf>,
    ) -> Self {
        Self { variables, home, cache_folder, state_folder }
    }

    /// The first of `names` that is set and not empty, with its name.
    pub fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, &str)> {
        names.iter().find_map(|name| {
            let value = self.variables.get(*name).map(String::as_str)?;
            (!value.is_empty()).then_some((*name, value))
        })
    }

    /// The value of `name`, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.first(&[name]).map(|(_, value)| value)
    }

    /// Whether `name` holds one of the words for yes.
    pub fn is_true(&self, name: &str) -> bool {
        let yes = ["1", "true", "yes", "on"];
        self.get(name).is_some_and(|value| yes.contains(&value.to_ascii_lowercase().as_str()))
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<&PathBuf> {
        self.home.as_ref()
    }

    /// The user's cache folder for this program.
    pub fn cache_folder(&self) -> Option<&PathBuf> {
        self.cache_folder.as_ref()
    }

    /// The user's folder for what this program must not forget.
    pub fn state_folder(&self) -> Option<&PathBuf> {
        self.state_folder.as_ref()
    }

    /// A path with `~` at its start and `$NAME` or `${NAME}` in it resolved, as Ansible resolves paths. What is not
    /// set stays as typed.
    pub fn expand(&self, path: &str) -> PathBuf {
        let mut expanded = String::new();
        let mut rest = path;
        if let (Some(home), Some(tail)) = (&self.home, path.strip_prefix('~'))
            && (tail.is_empty() || tail.starts_with('/'))
        {
            expanded.push_str(&home.to_string_lossy());
            rest = tail;
        }
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, tail) =
                match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
                    Some((name, tail)) => (name, tail),
                    None => after.split_at(after.find(|c| !is_word(c)).unwrap_or(after.len())),
                };
            match self.variables.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&rest[before.len()..rest.len() - tail.len()]),
            }
            rest = tail;
        }
        expanded.push_str(rest);
        PathBuf::from(expanded)
    }
}

#[cfg(test)]
impl Environment {
    /// An environment of exactly these variables.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: variables.iter().map(owned).collect(),
            home: Some(PathBuf::from("/home/op")),
            cache_folder: Some(PathBuf::from("/home/op/.cache/spotinst-esg")),
            state_folder: Some(PathBuf::from("/home/op/.local/state/spotinst-esg")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_expanded_as_ansible_does() {
        let environment = Environment::of(&[("STAGE", "prod"), ("A", "1")]);
        for (typed, meant) in [
            ("~/.ansible", "/home/op/.ansible"),
            ("~", "/home/op"),
            ("~other/x", "~other/x"),
            ("/var/$STAGE/x", "/var/prod/x"),
            ("/var/${STAGE}x$A", "/var/prodx1"),
            ("/var/$NONE/${NONE}/$", "/var/$NONE/${NONE}/$"),
        ] {
            assert_eq!(environment.expand(typed), PathBuf::from(meant), "{typed}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Environment::of(&[("A", ""), ("B", "b")]);
        assert_eq!(environment.first(&["A", "B"]), Some(("B", "b")));
        assert_eq!(environment.get("A"), None);
    }
}
