//! Patterns of paths.

use super::name::{MAX_PATH, check_name};
use crate::error::{Error, ErrorCode, Result};

/// More than anybody needs.
const MAX_PATTERNS: usize = 1000;

/// Patterns of the paths of files. `*` stands for any characters of a name and `?` for one; `**` as a whole name
/// stands for any directories, also none, and at the end for everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<Vec<Step>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Any number of names.
    Directories,
    Name(Box<str>),
}

/// Where the names that have come so far lead in the patterns: numbers of patterns and of steps in them.
#[derive(Clone, Debug)]
pub(super) struct Matching(Vec<(usize, usize)>);

impl Patterns {
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for a pattern that matches no path.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let patterns: Vec<_> = patterns.into_iter().map(steps).collect::<Result<_>>()?;
        match patterns.len() {
            0..=MAX_PATTERNS => Ok(Self(patterns)),
            number => Err(Error::new(
                ErrorCode::InvalidOption,
                format!("`collect` must have at most {MAX_PATTERNS} patterns, got {number}"),
            )),
        }
    }

    pub(super) fn start(&self) -> Matching {
        self.close((0..self.0.len()).map(|pattern| (pattern, 0)))
    }

    /// The same after one more name.
    pub(super) fn next(&self, matching: &Matching, name: &str) -> Matching {
        let next = matching.0.iter().filter_map(|&(pattern, at)| {
            let step = self.0[pattern].get(at)?;
            match step {
                Step::Directories => Some((pattern, at)),
                Step::Name(wanted) => matches(wanted, name).then_some((pattern, at + 1)),
            }
        });
        self.close(next)
    }

    /// Whether one of the patterns ends there.
    pub(super) fn accepts(&self, matching: &Matching) -> bool {
        let mut places = matching.0.iter();
        places.any(|&(pattern, at)| at == self.0[pattern].len())
    }

    /// Adds the steps that are reached when `**` stands for nothing.
    fn close(&self, places: impl Iterator<Item = (usize, usize)>) -> Matching {
        let mut closed = Vec::new();
        for (pattern, mut at) in places {
            closed.push((pattern, at));
            while self.0[pattern].get(at) == Some(&Step::Directories) {
                at += 1;
                closed.push((pattern, at));
            }
        }
        closed.sort_unstable();
        closed.dedup();
        Matching(closed)
    }
}

impl Matching {
    /// Whether no further name can match.
    pub(super) fn is_dead(&self) -> bool {
        self.0.is_empty()
    }
}

fn steps(pattern: &str) -> Result<Vec<Step>> {
    let refused = |why: &str| {
        let start: String = pattern.chars().take(80).collect();
        Error::new(
            ErrorCode::InvalidOption,
            format!("`collect`: the pattern {start:?} {why}"),
        )
    };
    if pattern.len() > MAX_PATH {
        return Err(refused(&format!("is longer than {MAX_PATH} bytes")));
    }
    let mut steps = Vec::new();
    for name in pattern.split('/') {
        if name == "**" {
            if steps.last() != Some(&Step::Directories) {
                steps.push(Step::Directories);
            }
            continue;
        }
        check_name(name).map_err(|why| refused(&why))?;
        if name.contains("**") {
            return Err(refused("has `**` inside of a name"));
        }
        steps.push(Step::Name(name.into()));
    }
    if steps.last() == Some(&Step::Directories) {
        steps.push(Step::Name("*".into()));
    }
    Ok(steps)
}

/// Whether a name matches, in at most as many steps as the product of both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut rest, mut name) = (pattern.chars(), name.chars());
    // Where to go on when what follows the last star does not match.
    let mut retry = None;
    loop {
        let here = (rest.clone(), name.clone());
        match (rest.next(), name.next()) {
            (Some('*'), _) => {
                retry = Some((rest.clone(), here.1.clone()));
                name = here.1;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => match &mut retry {
                Some((after, from)) if from.as_str() != "" => {
                    from.next();
                    (rest, name) = (after.clone(), from.clone());
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Patterns, matches};

    fn accepts(pattern: &str, path: &str) -> bool {
        let patterns = Patterns::new([pattern]).expect("a pattern");
        let mut matching = patterns.start();
        for name in path.split('/') {
            matching = patterns.next(&matching, name);
        }
        patterns.accepts(&matching)
    }

    #[test]
    fn names() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "any"),
            ("a*", "a"),
            ("a*c", "abc"),
            ("a*b*c", "a-b-b-c-c"),
            ("?", "é"),
            ("*.txt", ".txt"),
            ("*?", "x"),
            ("a**b", "ab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("a", ""),
            ("a*c", "ab"),
            ("?", ""),
            ("?", "ab"),
            ("*?", ""),
            ("a*b*c", "a-c-b"),
            ("*.txt", "a.txt.gz"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let stars = "*a".repeat(1000);
        assert!(!matches(&stars, &"a".repeat(255)));
    }

    #[test]
    fn paths() {
        for (pattern, path) in [
            ("out/**", "out/a"),
            ("out/**", "out/a/b/c"),
            ("**", "a"),
            ("**", "a/b"),
            ("**/*.txt", "a.txt"),
            ("**/*.txt", "x/y/a.txt"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("a/**/**/b", "a/b"),
            ("a/*/c", "a/b/c"),
            ("**/b/**/d", "a/b/c/b/d"),
        ] {
            assert!(accepts(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("out/**", "out"),
            ("*", "a/b"),
            ("a/*", "a/b/c"),
            ("a/**/b", "a/x/c"),
            ("a/*/c", "a/c"),
        ] {
            assert!(!accepts(pattern, path), "{pattern} {path}");
        }
    }
}
