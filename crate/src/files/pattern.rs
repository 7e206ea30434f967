//! Patterns of paths.

use super::automaton::{Automaton, Part};
use super::name::{MAX_PATH, check_name};
use crate::error::{Error, ErrorCode, Result};
use std::collections::BTreeSet;

/// More than anybody needs.
const MAX_PATTERNS: usize = 1000;
/// Of all patterns together that have `*` or `?`: what a byte of a path costs depends on it.
const MAX_BYTES: usize = 65_536;

/// Patterns of the paths of files. `*` stands for any characters of a name and `?` for one; `**` as a whole name
/// stands for any directories, also none, and at the end for everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// Those that are paths.
    paths: Vec<Box<str>>,
    /// The others.
    automaton: Automaton,
}

impl Patterns {
    /// # Errors
    ///
    /// [`ErrorCode::InvalidOption`] for a pattern that matches no path, for more than 1000 patterns, and for more than
    /// 65,536 bytes of those that have `*` or `?`.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let (mut paths, mut others) = (BTreeSet::new(), BTreeSet::new());
        for (number, pattern) in patterns.into_iter().enumerate() {
            if number == MAX_PATTERNS {
                return Err(refused(format_args!(
                    "must have at most {MAX_PATTERNS} patterns"
                )));
            }
            check(pattern)?;
            match pattern.contains(['*', '?']) {
                true => others.insert(pattern),
                false => paths.insert(pattern),
            };
        }
        let bytes: usize = others.iter().map(|pattern| pattern.len()).sum();
        if bytes > MAX_BYTES {
            return Err(refused(format_args!(
                "must have at most {MAX_BYTES} bytes of patterns with `*` or `?`, got {bytes}; give fewer or shorter \
                 ones, or paths without `*` and `?`, which do not count"
            )));
        }
        let others: Vec<_> = others.into_iter().map(parts_of).collect();
        Ok(Self {
            paths: paths.into_iter().map(Into::into).collect(),
            automaton: Automaton::new(&others),
        })
    }

    /// The patterns that are paths of one file.
    pub(super) fn paths(&self) -> &[Box<str>] {
        &self.paths
    }

    /// What tells the paths that match any other pattern.
    pub(super) fn automaton(&self) -> &Automaton {
        &self.automaton
    }
}

fn refused(why: std::fmt::Arguments<'_>) -> Error {
    Error::new(ErrorCode::InvalidOption, format!("`collect` {why}"))
}

/// # Errors
///
/// [`ErrorCode::InvalidOption`] for what matches no path.
fn check(pattern: &str) -> Result<()> {
    let bad = |why: &str| {
        let start: String = pattern.chars().take(80).collect();
        Error::new(
            ErrorCode::InvalidOption,
            format!("`collect`: the pattern {start:?} {why}"),
        )
    };
    if pattern.len() > MAX_PATH {
        return Err(bad(&format!("is longer than {MAX_PATH} bytes")));
    }
    for name in pattern.split('/').filter(|name| *name != "**") {
        check_name(name).map_err(|why| bad(&why))?;
        if name.contains("**") {
            return Err(bad("has `**` inside of a name"));
        }
    }
    Ok(())
}

/// The parts of a pattern.
fn parts_of(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut names = pattern.split('/').peekable();
    while let Some(name) = names.next() {
        if name == "**" {
            while names.next_if_eq(&"**").is_some() {}
            parts.extend([Part::Directories, Part::Inside]);
            // At the end it stands for everything below.
            if names.peek().is_none() {
                parts.push(Part::Star);
            }
            continue;
        }
        for byte in name.bytes() {
            match byte {
                b'*' => parts.push(Part::Star),
                b'?' => parts.extend([Part::Any, Part::Rest]),
                byte => parts.push(Part::Byte(byte)),
            }
        }
        if names.peek().is_some() {
            parts.push(Part::Slash);
        }
    }
    parts.push(Part::End);
    parts
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, MAX_PATTERNS, Patterns};

    fn accepts(patterns: &Patterns, path: &str) -> bool {
        if patterns.paths().iter().any(|own| &**own == path) {
            return true;
        }
        let automaton = patterns.automaton();
        let mut place = automaton.start();
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            automaton.read(&mut place, name);
            if names.peek().is_some() && !automaton.enter(&mut place) {
                return false;
            }
        }
        automaton.accepts(&place)
    }

    /// What the patterns mean, in the simplest words.
    fn is_meant(pattern: &str, path: &str) -> bool {
        let (pattern, path): (Vec<_>, Vec<_>) =
            (pattern.split('/').collect(), path.split('/').collect());
        names_match(&pattern, &path)
    }

    fn names_match(pattern: &[&str], path: &[&str]) -> bool {
        match pattern {
            [] => path.is_empty(),
            ["**"] => !path.is_empty(),
            ["**", rest @ ..] => {
                names_match(rest, path) || (!path.is_empty() && names_match(pattern, &path[1..]))
            }
            [name, rest @ ..] => {
                !path.is_empty()
                    && name_matches(&chars(name), &chars(path[0]))
                    && names_match(rest, &path[1..])
            }
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    fn name_matches(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => {
                name_matches(rest, name) || (!name.is_empty() && name_matches(pattern, &name[1..]))
            }
            [first, rest @ ..] => {
                !name.is_empty()
                    && (*first == '?' || *first == name[0])
                    && name_matches(rest, &name[1..])
            }
        }
    }

    /// All sequences of up to this number of these, with `/` between the names.
    fn all(names: &[&str], most: usize) -> Vec<String> {
        let mut all: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut last = all.clone();
        for _ in 1..most {
            last = last
                .iter()
                .flat_map(|before| names.iter().map(move |name| format!("{before}/{name}")))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn each_pattern_matches_what_it_means_and_nothing_else() {
        let patterns = all(
            &[
                "**", "*", "?", "a", "ab", "a*", "*b", "?*", "*?", "a?b", "é", "*é?", "a*b*",
            ],
            3,
        );
        let paths = all(&["a", "b", "ab", "aéb", "é", "éa", "𝄞", "a-b-b"], 3);
        assert!(patterns.len() > 2000 && paths.len() > 500);
        for pattern in &patterns {
            let compiled = Patterns::new([pattern.as_str()]).expect("a pattern");
            for path in &paths {
                assert_eq!(
                    accepts(&compiled, path),
                    is_meant(pattern, path),
                    "{pattern} {path}"
                );
            }
        }
    }

    #[test]
    fn many_patterns_match_what_one_of_them_matches() {
        let patterns = all(&["**", "*b", "?", "aa", "x*y?"], 3);
        let paths = all(&["a", "aa", "ab", "xéyé", "b"], 4);
        // So that their parts begin at each bit of a word.
        for shift in 0..64 {
            let first = format!("*{}", "z".repeat(shift));
            let few = patterns.iter().skip(shift).step_by(40);
            let few: Vec<_> = few.map(String::as_str).chain([first.as_str()]).collect();
            let compiled = Patterns::new(few.iter().copied()).expect("patterns");
            for path in &paths {
                let meant = few.iter().any(|pattern| is_meant(pattern, path));
                assert_eq!(accepts(&compiled, path), meant, "{few:?} {path}");
            }
        }
    }

    #[test]
    fn no_path_takes_long() {
        // Trying one way after the other would take longer than the universe lasts.
        let names = format!("{}b", "*a".repeat(120));
        let directories = format!("{}b", "**/a/".repeat(400));
        let patterns = Patterns::new([names.as_str(), directories.as_str()]).expect("patterns");
        assert!(!accepts(&patterns, &"a".repeat(255)));
        assert!(!accepts(&patterns, &["a"; 2000].join("/")));
        let path = [["a"; 2000].join("/"), "b".into()].join("/");
        assert!(accepts(&patterns, &path));
    }

    #[test]
    fn there_are_not_too_many() {
        let long = |number: usize| format!("{number:04}{}", "x".repeat(251));
        let of = |patterns: &[String]| Patterns::new(patterns.iter().map(String::as_str));
        let message = |patterns: &[String]| of(patterns).expect_err("a refusal").to_string();
        let paths: Vec<_> = (0..MAX_PATTERNS).map(long).collect();
        assert!(of(&paths).is_ok());
        assert!(
            message(&[&paths[..], &[long(MAX_PATTERNS)]].concat())
                .contains("at most 1000 patterns")
        );
        let wild = |number| format!("{number:04}/{}*", "x".repeat(250));
        let stars: Vec<_> = (0..MAX_BYTES / 256).map(wild).collect();
        assert_eq!(stars.iter().map(String::len).sum::<usize>(), MAX_BYTES);
        assert!(of(&stars).is_ok());
        assert!(of(&[&stars[..], &stars, &paths[..8]].concat()).is_ok());
        assert!(message(&[&stars[..], &["*".into()]].concat()).contains("got 65537"));
    }
}
