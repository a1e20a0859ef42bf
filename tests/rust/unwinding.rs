//! What unwinds out of a callback never passes through the library: the process ends, and says why.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use tlspair::ffi::{tls_loop, tls_loop_new, tls_loop_post, tls_loop_run, TLS_OK};

const IN_CHILD: &str = "TLSPAIR_TEST_UNWINDING_CHILD";

unsafe extern "C-unwind" fn panics(_loop: *mut tls_loop, _user_data: *mut c_void) {
    panic!("out of a callback");
}

#[test]
fn c025_a_callback_that_unwinds_ends_the_process_with_a_message() {
    if std::env::var_os(IN_CHILD).is_some() {
        let event_loop = tls_loop_new();
        let posted = tls_loop_post(event_loop, Some(panics), std::ptr::null_mut(), None);
        assert_eq!(posted, TLS_OK);
        tls_loop_run(event_loop);
        // Reached only if the panic was swallowed: the parent then sees no signal.
        std::process::exit(0);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .env(IN_CHILD, "1")
        .args([
            "--exact",
            "c025_a_callback_that_unwinds_ends_the_process_with_a_message",
        ])
        .arg("--nocapture")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(6), "{:?}", output.status);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("a callback was left by an exception or a panic"),
        "{told}"
    );
}
