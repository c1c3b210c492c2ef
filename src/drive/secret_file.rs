//! Secrets that are kept in files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;
use thiserror::Error;

/// What is longer is no password.
const LONGEST: u64 = 64 << 10;

/// Any of these lets others than the owner read or change a file.
const OTHERS: u32 = 0o066;

/// Why a secret was not read.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// The system refuses, or it is no text.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the first line of {path} is empty, or too long for a secret")]
    Empty {
        /// The file.
        path: String,
    },
}

/// The first line of a file, without its end.
///
/// # Errors
///
/// It cannot be read, or is empty.
pub fn secret_file(path: &Path) -> Result<SecretString, SecretFileError> {
    let shown = || path.display().to_string();
    let unreadable = |source| SecretFileError::Unreadable { path: shown(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut line = String::new();
    let read = BufReader::new(file.take(LONGEST)).read_line(&mut line).map_err(unreadable)?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || read as u64 == LONGEST {
        return Err(SecretFileError::Empty { path: shown() });
    }
    Ok(SecretString::from(secret))
}

/// What is to be told of a file whose secret others may read, or change.
pub fn open_to_others(path: &Path) -> Option<String> {
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & OTHERS != 0).then(|| {
        format!(
            "{} holds a secret, and others than its owner may read or change it (mode {:04o}): chmod 600 it",
            path.display(),
            mode & 0o7777
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_first_line_is_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (text, secret) in
            [("s3cret", "s3cret"), ("s3cret\nmore\n", "s3cret"), ("a b \r\n", "a b ")]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(secret_file(&path).unwrap().expose_secret(), secret, "{text:?}");
        }
        for text in ["", "\n", "\ns3cret\n"] {
            fs::write(&path, text).unwrap();
            assert!(secret_file(&path).is_err(), "{text:?}");
        }
        fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(secret_file(&path).is_err());
        let absent = secret_file(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(absent.contains("absent") && absent.contains("No such file"), "{absent}");
    }

    #[test]
    fn a_file_that_others_may_read_or_change_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s3cret").unwrap();
        for (mode, is_told) in [(0o600, false), (0o400, false), (0o640, true), (0o602, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(&path).is_some(), is_told, "{mode:o}");
        }
        assert_eq!(open_to_others(&folder.path().join("absent")), None);
    }
}
