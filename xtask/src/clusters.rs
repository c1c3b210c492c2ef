//! The pinned servers that tests run as real clusters: ZooKeeper, Kafka and OpenSearch from Maven Central.
//!
//! They live in `<tools>/clusters-<key>`, the key being a hash of what is in `tests/clusters/servers`, and are reached by the
//! link `<tools>/clusters`. Each server's folder there has a `pom.xml`, and `SHA256SUMS` of every file that comes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::process::{self, Failure};
use crate::repository::Repository;
use crate::{python, tools};

const SERVERS: [&str; 4] = ["zookeeper", "kafka", "kafka-zk", "opensearch"];

/// The oldest Java on which all of them run.
const OLDEST_JAVA: u32 = 17;

/// Installs the servers where Java and Maven are found. Where not it says so: the tests that need them say so too, and fail in CI.
pub(crate) fn make(repository: &Repository) -> Result<(), Failure> {
    let tools = repository.tools()?;
    let folder = tools.join(format!("clusters-{}", &key(repository)?[..12]));
    let _lock = tools::lock(&tools.join("clusters.lock"))?;
    if !folder.join("complete").exists() {
        if let Some(reason) = lacking() {
            process::say(&format!("Not installed: the servers of tests/clusters, since {reason}."));
            return Ok(());
        }
        process::say(
            "Downloading ZooKeeper, Kafka and OpenSearch, some 170 MB from Maven Central the first time ...",
        );
        fill(repository, &folder)?;
    }
    tools::link(&folder, &tools.join("clusters"))?;
    process::say(&format!("Servers of tests/clusters: {}", folder.display()));
    Ok(())
}

fn key(repository: &Repository) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    for server in SERVERS {
        for name in ["pom.xml", "SHA256SUMS"] {
            let path = source(repository, server).join(name);
            hash.update(fs::read(&path).map_err(Failure::file("read", &path))?);
        }
    }
    Ok(tools::hex(&hash.finalize()))
}

fn source(repository: &Repository, server: &str) -> PathBuf {
    repository.path("tests/clusters/servers").join(server)
}

/// What there is too little of on this computer, if anything.
fn lacking() -> Option<String> {
    // Java tells its version on stderr.
    let java = Command::new("java").arg("-version").stdin(Stdio::null()).output().ok();
    let told = java.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let version = told.as_deref().and_then(java_version);
    if version.is_none_or(|version| version < OLDEST_JAVA) {
        let found = version.map_or("none".to_owned(), |version| format!("Java {version}"));
        return Some(format!("they need Java {OLDEST_JAVA} or newer and there is {found} on PATH"));
    }
    let mut maven = Command::new("mvn");
    maven.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_found = maven.status().is_ok_and(|status| status.success());
    (!is_found).then(|| "Maven is needed to install them and there is no mvn on PATH".to_owned())
}

/// How many of the tests on real servers are not run on this computer, and why, in one line; none if they are run. In CI they are run and
/// fail.
pub(crate) fn not_run(repository: &Repository) -> Result<Option<String>, Failure> {
    let Some(reason) = lacking() else { return Ok(None) };
    let folder = repository.path("tests");
    let failed = |error| Failure::file("read", &folder)(error);
    let mut count = 0;
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            count += on_servers(&fs::read_to_string(&path).map_err(Failure::file("read", &path))?);
        }
    }
    Ok(Some(format!("Not run: {count} tests on real servers, since {reason}.")))
}

/// How many tests of a source are on real servers.
fn on_servers(source: &str) -> usize {
    source.lines().filter(|line| line.trim() == "if !clusters::can_run(SOURCE) {").count()
}

/// The major version in what `java -version` tells, such as 17 in `openjdk version "17.0.15" 2025-04-15`.
fn java_version(told: &str) -> Option<u32> {
    let version = told.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

fn fill(repository: &Repository, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::file("remove the half-made", folder))?;
    }
    for server in SERVERS {
        let source = source(repository, server);
        let target = folder.join(server);
        let mut maven = Command::new("mvn");
        maven.args([
            "--batch-mode",
            "--quiet",
            "--strict-checksums",
            "-Dstyle.color=never",
            "--file",
        ]);
        maven.arg(source.join("pom.xml")).args(["dependency:copy-dependencies"]);
        maven.arg("-DincludeScope=runtime");
        process::run(maven.arg(format!("-DoutputDirectory={}", target.display())))?;
        verify(&source.join("SHA256SUMS"), &target)?;
        unpack(&target)?;
    }
    let stamp = folder.join("complete");
    fs::write(&stamp, "").map_err(Failure::file("write", &stamp))
}

/// Fails unless the folder holds the files of the list, each with its sum, and no others.
fn verify(list: &Path, folder: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(list).map_err(Failure::file("read", list))?;
    let wanted: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let path = entry.map_err(Failure::file("read", folder))?.path();
        let bytes = fs::read(&path).map_err(Failure::file("read", &path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.insert(name, tools::hex(&Sha256::digest(bytes)));
    }
    let other = |name: &str| found.get(name).map(String::as_str) != wanted.get(name).copied();
    let names = wanted.keys().copied().chain(found.keys().map(String::as_str));
    let mut others: Vec<&str> = names.filter(|name| other(name)).collect();
    others.sort_unstable();
    others.dedup();
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "what Maven brought is not what {} lists: {}; if a version was changed on purpose, make the list anew with sha256sum",
        list.display(),
        others.join(", ")
    )))
}

/// Unpacks the archives in a folder beside themselves, and removes them.
fn unpack(folder: &Path) -> Result<(), Failure> {
    let python = python::find(u32::MAX)?;
    for entry in fs::read_dir(folder).map_err(Failure::file("read", folder))? {
        let path = entry.map_err(Failure::file("read", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "zip") {
            continue;
        }
        let mut unzip = Command::new(&python.program);
        unzip.args(["-m", "zipfile", "--extract"]).arg(&path).arg(folder);
        process::run(&mut unzip)?;
        fs::remove_file(&path).map_err(Failure::file("remove", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_on_servers_are_those_that_ask_whether_they_can_run() {
        let one =
            "#[test]\nfn a() {\n    if !clusters::can_run(SOURCE) {\n        return;\n    }\n}\n";
        assert_eq!(on_servers(&format!("{one}#[test]\nfn b() {{}}\n{one}")), 2);
    }

    #[test]
    fn the_version_of_java_is_its_first_number() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nmore"), Some(17));
        assert_eq!(java_version("java version \"21-ea\" 2023-09-19"), Some(21));
        assert_eq!(java_version("openjdk version \"1.8.0_402\""), Some(1));
        assert_eq!(java_version("command not found"), None);
    }

    #[test]
    fn a_file_that_is_missing_changed_or_not_listed_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("jars");
        fs::create_dir(&folder).unwrap();
        let list = scratch.path().join("SHA256SUMS");
        let sum = |text: &str| tools::hex(&Sha256::digest(text));
        fs::write(&list, format!("{}  a.jar\n{}  b.jar\n", sum("a"), sum("b"))).unwrap();
        fs::write(folder.join("a.jar"), "a").unwrap();
        fs::write(folder.join("b.jar"), "b").unwrap();
        verify(&list, &folder).unwrap();
        fs::write(folder.join("a.jar"), "changed").unwrap();
        fs::rename(folder.join("b.jar"), folder.join("c.jar")).unwrap();
        let told = verify(&list, &folder).unwrap_err().to_string();
        assert!(told.contains("lists: a.jar, b.jar, c.jar;"), "{told}");
    }
}
