//! Arrows run one way: reads the sources and says which line of which file draws one backwards.

use std::{fs, path::Path};

use crate::support::source::{Source, sources};

/// What a module must not name: crates (with their relatives: `tonic` is `tonic_types` too), and
/// modules of this crate.
struct Rule {
    module: &'static str,
    crates: &'static [&'static str],
    modules: &'static [&'static str],
}

const RULES: [Rule; 8] = [
    Rule {
        module: "domain",
        crates: &["tonic", "prost", "sea_orm", "tokio"],
        modules: &[
            "app", "grpc", "storage", "crypto", "config", "server", "cli",
        ],
    },
    Rule {
        module: "crypto",
        crates: &["tonic", "prost", "sea_orm"],
        modules: &[
            "domain", "app", "storage", "grpc", "config", "server", "cli",
        ],
    },
    Rule {
        module: "storage",
        crates: &["tonic", "prost"],
        modules: &["app", "grpc", "crypto", "config", "server", "cli"],
    },
    Rule {
        module: "app",
        crates: &["tonic", "prost", "sea_orm"],
        modules: &["grpc", "config", "server", "cli"],
    },
    Rule {
        module: "grpc",
        crates: &["sea_orm"],
        modules: &["storage", "crypto", "server", "cli"],
    },
    Rule {
        module: "jobs",
        crates: &["tonic", "prost", "sea_orm"],
        modules: &[
            "domain", "storage", "crypto", "grpc", "config", "server", "cli",
        ],
    },
    Rule {
        module: "server",
        crates: &["prost", "sea_orm"],
        modules: &["cli"],
    },
    Rule {
        module: "cli",
        crates: &["tonic", "prost", "sea_orm"],
        modules: &[],
    },
];

/// Crates that one module hides from all others.
const HIDDEN: [(&str, &[&str]); 2] = [("sea_orm", &["storage"]), ("tonic", &["grpc", "server"])];

/// The longest file that a reader does not sigh at.
const MAX_LINES: usize = 400;

/// Names that say nothing of what is inside.
const NAMELESS: [&str; 7] = [
    "util", "utils", "common", "core", "helpers", "misc", "manager",
];

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Each place that breaks a rule: the file, the line, the rule.
fn breaches(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    for named in source.names() {
        let at = format!("{}:{}", source.path, named.line);
        let head = named.path.first().map_or("", String::as_str);
        for rule in RULES.iter().filter(|rule| source.module() == rule.module) {
            if let Some(name) = rule.crates.iter().find(|name| is_of(head, name)) {
                broken.push(format!("{at}: {} must not name {name}", rule.module));
            }
            let inner = named.path.get(1).map_or("", String::as_str);
            if head == "crate" && rule.modules.contains(&inner) {
                broken.push(format!(
                    "{at}: {} must not name crate::{inner}",
                    rule.module
                ));
            }
        }
        for (hidden, owners) in HIDDEN {
            if is_of(head, hidden) && !owners.contains(&source.module()) {
                broken.push(format!(
                    "{at}: only {} may name {hidden}",
                    owners.join(" and ")
                ));
            }
        }
    }
    broken
}

/// Whether this is the crate or a relative of it: `tonic_types` is of `tonic`.
fn is_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[test]
fn arrows_run_one_way() {
    assert_none(&sources().iter().flat_map(breaches).collect::<Vec<_>>());
}

#[test]
fn an_arrow_drawn_backwards_is_found_in_whatever_way_it_is_written() {
    for (path, text) in [
        ("src/domain/x.rs", "use tonic::Code;"),
        ("src/domain/x.rs", "fn f() -> tonic_types::X {}"),
        (
            "src/domain/x.rs",
            "use crate::{\n    domain::name,\n    storage::{Row, Store},\n};",
        ),
        ("src/domain/x.rs", "fn f() { crate::app::f() }"),
        ("src/domain/x.rs", "use super::super::grpc;"),
        ("src/domain/x.rs", "use super::{super::{app::Error}};"),
        ("src/app/x.rs", "use ::sea_orm as y;"),
        ("src/app/x.rs", "extern crate prost;"),
        (
            "src/grpc/layers/x.rs",
            "use super::super::super::storage::Store;",
        ),
        ("src/grpc/x.rs", "#[derive(sea_orm::EnumIter)] struct X;"),
        ("src/clock.rs", "use tonic::Status;"),
    ] {
        assert_ne!(
            breaches(&Source::of(path, text)),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn prose_and_names_that_only_look_alike_are_no_arrows() {
    for (path, text) in [
        (
            "src/domain/x.rs",
            "//! Knows nothing of tonic::Status or crate::app.\n/* tonic /* tonic */ */",
        ),
        (
            "src/domain/x.rs",
            "const X: &str = \"crate::app \\\" tonic::\";",
        ),
        (
            "src/domain/x.rs",
            "const X: &str = r#\"use tonic;\"#; const Y: char = '\"';",
        ),
        (
            "src/domain/x.rs",
            "fn f<'a>(x: &'a str) { let tonic_water = 1; tonic_water.app(); }",
        ),
        ("src/grpc/x.rs", "use crate::app::storage_like;"),
        ("src/domain/mod.rs", "pub mod app;"),
    ] {
        assert_eq!(
            breaches(&Source::of(path, text)),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn every_module_says_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    assert_none(
        &silent
            .map(|source| format!("{}:1: opens without `//! `", source.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_one_that_a_reader_would_sigh_at() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}:{lines}: more than {MAX_LINES} lines", source.path))
    });
    assert_none(&long.collect::<Vec<_>>());
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let nameless = sources().into_iter().filter(|source| {
        let parts = Path::new(&source.path).with_extension("");
        parts
            .iter()
            .any(|part| NAMELESS.iter().any(|name| part == *name))
    });
    assert_none(
        &nameless
            .map(|source| format!("{}: says nothing", source.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_rule_is_about_a_module_that_exists() {
    for rule in &RULES {
        let folder = format!("{}/src/{}", env!("CARGO_MANIFEST_DIR"), rule.module);
        let found = fs::exists(&folder).unwrap() || fs::exists(format!("{folder}.rs")).unwrap();
        assert!(found, "{}", rule.module);
    }
}
