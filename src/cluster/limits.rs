//! How much is read of what others write.

use std::io::{self, Read};

use crate::domain::Captured;

/// Most that is kept of a body or of a command's output, in bytes.
pub(super) const MOST_KEPT: usize = 1 << 20;

/// How much is read at a time, in bytes.
const CHUNK: usize = 16 << 10;

/// Reads on until the end, until there are more than `most` bytes, or until `go_on` says no.
///
/// # Errors
///
/// Those of the reader; what came before is lost.
pub(super) fn read_some(
    reader: &mut impl Read,
    most: usize,
    mut go_on: impl FnMut() -> bool,
) -> io::Result<Option<Captured>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        if !go_on() {
            return Ok(None);
        }
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(Some(Captured { bytes, is_cut: false })),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if bytes.len() > most {
            bytes.truncate(most);
            return Ok(Some(Captured { bytes, is_cut: true }));
        }
    }
}
