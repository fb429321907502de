//! Rust source as far as names go: which paths does a file name, and on which line?

use std::{fs, path::Path};

/// A file of the service.
pub struct Source {
    /// From the folder of the crate: `src/app/enroll.rs`.
    pub path: String,
    pub text: String,
}

/// A path that a file names, from its root: `super` and `self` are resolved.
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// All files under `src`.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push(Source::of(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 50, "the sources are somewhere else");
    found
}

impl Source {
    pub fn of(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The module directly under the root that the file belongs to.
    pub fn module(&self) -> &str {
        let path = self.path.trim_start_matches("src/");
        path.split(['/', '.']).next().unwrap()
    }

    /// Every path of the file, those in the braces of a `use` one by one.
    pub fn names(&self) -> Vec<Named> {
        let tokens = tokens(&self.text);
        let mut names = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let begins = is_name(&tokens[at].1) && (at == 0 || tokens[at - 1].1 != ".");
            if begins {
                at = self.path_at(&tokens, at, &[], &mut names);
            } else {
                at += 1;
            }
        }
        names
    }

    /// Reads the path that begins here; gives where it ends.
    fn path_at(
        &self,
        tokens: &[(usize, String)],
        at: usize,
        before: &[String],
        names: &mut Vec<Named>,
    ) -> usize {
        let mut path = before.to_vec();
        let mut at = at;
        let line = tokens[at].0;
        loop {
            match tokens.get(at).map(|token| token.1.as_str()) {
                Some("{") if !path.is_empty() => return self.group(tokens, at + 1, &path, names),
                Some(name) if is_name(name) => path.push(name.to_owned()),
                _ => break,
            }
            at += 1;
            match tokens.get(at).map(|token| token.1.as_str()) {
                Some("::") => at += 1,
                _ => break,
            }
        }
        // A name alone is a variable or a keyword, unless it is what `use` or `extern crate` takes.
        let taken =
            |word: &str| before.is_empty() && path.len() == 1 && introduces(tokens, at, word);
        if path.len() > 1 || taken("use") || taken("crate") {
            names.push(Named {
                line,
                path: self.resolve(&path),
            });
        }
        at
    }

    fn group(
        &self,
        tokens: &[(usize, String)],
        at: usize,
        before: &[String],
        names: &mut Vec<Named>,
    ) -> usize {
        let mut at = at;
        while let Some((_, token)) = tokens.get(at) {
            match token.as_str() {
                "}" => return at + 1,
                name if is_name(name) => at = self.path_at(tokens, at, before, names),
                _ => at += 1,
            }
        }
        at
    }

    /// From the root: `super` in `src/app/enroll.rs` is `crate::app`.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        let file = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut here = vec!["crate".to_owned()];
        here.extend(
            file.split('/')
                .filter(|part| *part != "mod" && *part != "lib")
                .map(str::to_owned),
        );
        let relative = path
            .iter()
            .take_while(|part| ["super", "self"].contains(&part.as_str()))
            .count();
        if relative == 0 {
            return path.to_vec();
        }
        let up = path[..relative]
            .iter()
            .filter(|part| *part == "super")
            .count();
        here.truncate(here.len().saturating_sub(up).max(1));
        here.extend_from_slice(&path[relative..]);
        here
    }
}

/// Whether the name that ended before `at` stands right after this word (`::` may be between).
fn introduces(tokens: &[(usize, String)], at: usize, word: &str) -> bool {
    let mut before = tokens[..at - 1].iter().rev().map(|token| token.1.as_str());
    before.find(|token| *token != "::") == Some(word)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !["use", "pub", "extern"].contains(&token)
}

/// Names and marks with their lines; no comments, no texts.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' if is_raw(rest) => raw(rest),
            '\'' => character(rest),
            _ if first.is_alphanumeric() || first == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let length = end.unwrap_or(rest.len());
                tokens.push((line, rest[..length].to_owned()));
                length
            }
            _ if rest.starts_with("::") => {
                tokens.push((line, "::".to_owned()));
                2
            }
            _ => {
                if !first.is_whitespace() {
                    tokens.push((line, first.to_string()));
                }
                first.len_utf8()
            }
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

fn is_raw(rest: &str) -> bool {
    rest[1..].trim_start_matches('#').starts_with('"')
}

fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let begin = 1 + hashes + 1;
    rest[begin..]
        .find(&end)
        .map_or(rest.len(), |at| begin + at + end.len())
}

/// A character or, if nothing closes it, the mark of a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |at| at + 4),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}
