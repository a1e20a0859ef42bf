//! Does the process have rights that whoever started it has not?

/// True for set-user-id programs and their like, which must not believe their environment.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn is_elevated() -> bool {
    // SAFETY: only reads a value that the kernel left for the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// True for set-user-id programs and their like, which must not believe their environment.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn is_elevated() -> bool {
    // SAFETY: these only read the ids of the process.
    unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() }
}
