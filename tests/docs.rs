//! The committed documentation of the modules is what their types say.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spotinst_esg::modules;

fn collection() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ansible")
}

#[test]
fn generated_files_are_committed_as_they_would_be_written() {
    for (inside, text) in modules::documentation().unwrap() {
        let present = std::fs::read_to_string(collection().join(&inside)).unwrap_or_default();
        assert!(
            present == text,
            "ansible/{inside} is not as the modules say; run `cargo xtask docs` and commit"
        );
    }
}

#[test]
fn every_module_has_its_files_and_no_file_is_left_over() {
    let folder = collection().join("plugins/modules");
    let stems = |folder: &Path, ending: &str| -> BTreeSet<String> {
        let names = std::fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    let names: BTreeSet<String> =
        modules::ALL.iter().map(|module| module.name().to_owned()).collect();
    assert_eq!(stems(&folder, ".py"), names, "run `cargo xtask docs`, delete what is left over");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/modules");
    assert_eq!(stems(&source, ".examples.yml"), names);
}
