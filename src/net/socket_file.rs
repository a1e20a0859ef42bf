//! The files that Unix sockets are found by.

use std::io;
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::{Error, Result, Status};

/// The system's limit, without the NUL at the end.
const LONGEST: usize = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path) - 1;

/// Refuses what cannot be the path of a Unix socket, which has to be short.
pub fn check_path(path: &Path) -> Result<()> {
    let length = path.as_os_str().len();
    if length == 0 {
        return Err(Error::argument("the path of a Unix socket is empty"));
    }
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(Error::argument(
            "the path of a Unix socket has a NUL in it; abstract names are not supported",
        ));
    }
    if length > LONGEST {
        let mut error = Error::argument(format!(
            "the path {} is too long for a Unix socket: it has {length} bytes, and the system takes \
             {LONGEST} at most; use a shorter one, or one relative to the working directory",
            path.display()
        ));
        error.name = "ENAMETOOLONG".into();
        error.errno = libc::ENAMETOOLONG;
        return Err(error);
    }
    Ok(())
}

/// Why a server cannot listen at `path`, and what to do about it.
pub fn cannot_listen(path: &Path, cause: &io::Error) -> Box<Error> {
    let shown = path.display();
    let mut error = Error::system(
        Status::Listen,
        format!("cannot listen on the Unix socket {shown}"),
        cause,
    );
    if cause.raw_os_error() == Some(libc::EADDRINUSE) {
        error.message += &match what_is_there(path) {
            Found::NoSocket => "; the file there is not a socket: use another path".to_owned(),
            Found::Left => format!(
                "; nobody listens there: the file is left over from a server that could not close, \
                 remove {shown} and listen again"
            ),
            Found::Unknown => "; another server listens there: use another path".to_owned(),
        };
    }
    error
}

enum Found {
    NoSocket,
    /// A socket's file whose socket is gone.
    Left,
    /// Somebody listens, or we may not ask.
    Unknown,
}

fn what_is_there(path: &Path) -> Found {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => return Found::NoSocket,
        Ok(_) => {}
        Err(_) => return Found::Unknown,
    }
    // A socket of the wrong type learns whether there is one without a connection being made.
    let asked = SockAddr::unix(path)
        .and_then(|address| Socket::new(Domain::UNIX, Type::DGRAM, None)?.connect(&address));
    match asked {
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => Found::Left,
        _ => Found::Unknown,
    }
}

/// The file of a socket that we bound; it goes when this goes, unless it is another's by then.
///
/// To be dropped before the socket: while that lives, no other file has the same number.
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// The file that was just made at `path`.
    pub fn at(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            // The working directory may be another when it is removed.
            path: std::path::absolute(path)?,
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s76_paths_that_cannot_be_are_refused() {
        for bad in ["", "a\0b", &"x".repeat(LONGEST + 1)] {
            assert!(check_path(Path::new(bad)).is_err(), "{bad:?}");
        }
        assert!(check_path(Path::new(&"x".repeat(LONGEST))).is_ok());
    }
}
