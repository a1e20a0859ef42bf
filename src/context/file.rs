//! Files of certificates and keys. Read by us: a path is bytes, which need not be UTF-8.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result, Status};

/// No PEM file of good faith is larger.
const MAX_LENGTH: u64 = 16 * 1024 * 1024;

/// The whole file, 16 MiB at most.
///
/// # Errors
/// `File` with the errno, and the path in the message.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    read(path).map_err(|cause| {
        let shown = path.to_string_lossy();
        let shown: String = shown
            .chars()
            .flat_map(|character| {
                let escaped = character.is_control().then(|| character.escape_default());
                let plain = escaped.is_none().then_some(character);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect();
        Error::system(Status::File, format!("cannot read {shown}"), &cause)
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path).map_err(|cause| match cause.kind() {
        // A path with a NUL in it never gets as far as the system.
        io::ErrorKind::InvalidInput => io::Error::from_raw_os_error(libc::EINVAL),
        _ => cause,
    })?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(MAX_LENGTH)).unwrap_or(0) + 1);
    file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn failure(path: &[u8]) -> Box<Error> {
        let error = read_file(Path::new(OsStr::from_bytes(path))).unwrap_err();
        assert_eq!(error.status, Status::File);
        error
    }

    #[test]
    fn a_missing_file_is_named_in_the_error() {
        let error = failure(b"/nonexistent/x.pem");
        assert_eq!((error.errno, error.name.as_ref()), (libc::ENOENT, "ENOENT"));
        assert!(error.message.contains("/nonexistent/x.pem"));
    }

    #[test]
    fn a_path_is_any_bytes() {
        assert_eq!(failure(b"/nonexistent/\xff").errno, libc::ENOENT);
        assert_eq!(failure(b"").errno, libc::ENOENT);
        assert_eq!(failure(b"a\0b").errno, libc::EINVAL);
        assert!(failure(b"/nonexistent/a\nb").message.contains("a\\nb"));
    }

    #[test]
    fn what_is_no_file_or_too_large_is_an_error() {
        assert_eq!(failure(b"/").errno, libc::EISDIR);
        assert_eq!(failure(b"/dev/zero").errno, libc::EFBIG);
    }
}
