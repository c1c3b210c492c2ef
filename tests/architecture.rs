//! The layers: who may use whom. An arrow that is not in the table fails here.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and what it may use, besides itself. The order is that of the dependencies.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("plan", &["domain"]),
    ("spot", &["domain"]),
    ("aws", &["domain"]),
    ("cluster", &["domain"]),
    ("drive", &["domain", "plan", "spot", "aws", "cluster"]),
    ("ansible", &[]),
    ("modules", &["domain", "plan", "spot", "drive", "ansible"]),
    ("cli", &["domain", "plan", "spot", "drive", "modules"]),
];

/// Crates that do I/O, wait or draw: never in the pure layers.
const IMPURE: &[&str] = &[
    "aws_",
    "clap",
    "comfy_table",
    "directories",
    "indicatif",
    "reqwest",
    "rustls",
    "tempfile",
    "tokio",
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file: comments name layers freely.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
}

#[test]
fn every_arrow_is_in_the_table() {
    for (layer, allowed) in MAY_USE {
        for file in rust_files(&source().join(layer)) {
            for path in code(&file).split("crate::").skip(1) {
                let named = first_word(path);
                assert!(
                    named == *layer || allowed.contains(&named),
                    "{} uses {named:?}, but {layer} may use {allowed:?} only (a grouped `use crate::{{…}}` is refused \
                     because it hides the name)",
                    file.display()
                );
            }
            assert!(
                !code(&file).contains("super::super"),
                "{}: name the path from crate",
                file.display()
            );
        }
    }
}

#[test]
fn every_folder_is_a_layer() {
    for entry in fs::read_dir(source()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_known = MAY_USE.iter().any(|(layer, _)| *layer == name);
        assert!(
            !entry.path().is_dir() || is_known,
            "src/{name} is in no layer: add it to the table"
        );
    }
}

#[test]
fn pure_layers_use_no_impure_crate() {
    for layer in ["domain", "plan", "ansible"] {
        for file in rust_files(&source().join(layer)) {
            let text = code(&file);
            for name in IMPURE {
                assert!(!text.contains(&format!("{name}::")), "{} uses {name}", file.display());
            }
            for module in ["std::fs", "std::net", "std::env", "std::process", "std::thread"] {
                assert!(!text.contains(module), "{} uses {module}", file.display());
            }
        }
    }
}

#[test]
fn files_stay_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "simulator/src", "xtask/src"] {
        for file in
            rust_files(&root.join(folder)).into_iter().filter(|file| !file.ends_with("tests.rs"))
        {
            let text = fs::read_to_string(&file).unwrap();
            let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
            let is_code =
                |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
            let lines = before_tests.lines().filter(is_code).count();
            assert!(lines < 400, "{} has {lines} lines of code: split it by noun", file.display());
        }
    }
}
