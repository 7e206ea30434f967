//! Names of hosts, and patterns of them.

/// A name of a host, or all names below one.
///
/// Names are compared without regard to ASCII case and to one dot at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// Every name.
    Any,
    /// This name.
    Exact(String),
    /// The names below this one, at any depth, and not the name itself.
    Below(String),
}

impl NamePattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name = plain(name);
        match self {
            Self::Any => true,
            Self::Exact(own) => plain(own).eq_ignore_ascii_case(name),
            Self::Below(parent) => {
                let parent = plain(parent);
                let start = name.len().checked_sub(parent.len());
                start.is_some_and(|start| {
                    start > 1
                        && name.as_bytes()[start - 1] == b'.'
                        && name.as_bytes()[start..].eq_ignore_ascii_case(parent.as_bytes())
                })
            }
        }
    }
}

fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::NamePattern::{Any, Below, Exact};

    #[test]
    fn names_match_without_case_and_without_the_last_dot() {
        let pattern = Exact("db.Internal".into());
        for name in ["db.internal", "DB.INTERNAL", "db.internal."] {
            assert!(pattern.matches(name), "{name}");
        }
        for name in [
            "",
            ".",
            "internal",
            "xdb.internal",
            "db.internal..",
            "a.db.internal",
        ] {
            assert!(!pattern.matches(name), "{name}");
        }
        assert!(Exact("db.internal.".into()).matches("db.internal"));
    }

    #[test]
    fn a_wildcard_matches_what_is_below_and_not_the_name_itself() {
        let pattern = Below("example.com".into());
        for name in ["a.example.com", "a.b.EXAMPLE.com", "a.example.com."] {
            assert!(pattern.matches(name), "{name}");
        }
        for name in [
            "example.com",
            ".example.com",
            "aexample.com",
            "com",
            "",
            "a.example.com.org",
        ] {
            assert!(!pattern.matches(name), "{name}");
        }
        assert!(Any.matches("anything"));
    }
}
