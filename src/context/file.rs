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
    let failed = |cause: io::Error| {
        Error::system(
            Status::File,
            format!("cannot read {}", path.display()),
            &cause,
        )
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LENGTH + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(failed(io::Error::from_raw_os_error(libc::EFBIG)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_missing_file_is_named_in_the_error() {
        let error = read_file(Path::new("/nonexistent/x.pem")).unwrap_err();
        assert_eq!((error.status, error.errno), (Status::File, libc::ENOENT));
        assert!(error.message.contains("/nonexistent/x.pem"));
        assert_eq!(error.name, "ENOENT");
    }

    #[test]
    fn a_path_need_not_be_utf8() {
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/nonexistent/\xff"));
        assert_eq!(read_file(path).unwrap_err().status, Status::File);
    }
}
