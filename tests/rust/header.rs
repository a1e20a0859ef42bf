//! `include/tlspair.h` is what cbindgen makes of `src/ffi`, and any C or C++ compiler takes it.
//!
//! `TLSPAIR_UPDATE_HEADER=1 cargo test --test header` writes it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The files whose functions are in the header, in its order.
const SOURCES: &[&str] = &[
    "status",
    "callback",
    "library",
    "error",
    "context",
    "context/pfx",
    "context/key_exchange",
    "context/policy",
    "context/protocols",
    "context/session_cache",
    "context/tickets",
    "ticket_ring",
    "ticket_ring/foreign",
    "certificate",
    "certificate/facts",
    "secure_pair",
    "secure_pair/events",
    "secure_pair/facts",
    "secure_pair/protocols",
    "secure_pair/decisions",
    "secure_pair/sessions",
    "secure_pair/client_session",
    "request",
    "event_loop",
    "event_loop/pull",
    "server",
    "server/sockets",
    "server/protocols",
    "server/decisions",
    "server/sessions",
    "connect_options",
    "connect_options/way",
    "connect_options/protocols",
    "connect_options/session",
    "stream",
    "stream/facts",
    "stream/events",
    "stream/decisions",
    "stream/session",
];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(checkout().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(checkout().join(format!("src/ffi/{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

fn header_path() -> PathBuf {
    checkout().join("include/tlspair.h")
}

#[test]
fn p3_header_is_up_to_date() {
    let header = generated();
    if std::env::var_os("TLSPAIR_UPDATE_HEADER").is_some() {
        // At one stroke, because the other tests compile it meanwhile.
        let new = header_path().with_extension("h.new");
        std::fs::write(&new, &header).unwrap();
        std::fs::rename(&new, header_path()).unwrap();
    }
    let written = std::fs::read_to_string(header_path()).unwrap();
    // Line by line: a failure shows where, not two whole headers.
    for (number, (there, here)) in written.lines().zip(header.lines()).enumerate() {
        assert_eq!(there, here, "stale: line {} of tlspair.h", number + 1);
    }
    assert!(written == header, "stale: tlspair.h has another length");
}

#[test]
fn p3_version_macros_are_cargos() {
    let header = generated();
    for (part, value) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        let line = format!("#define TLS_VERSION_{part} {value}");
        assert!(header.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn p3_slab_macro_is_the_librarys() {
    let line = "#define TLS_SLAB_BUFFER_SIZE (10 * 1024 * 1024)";
    assert!(generated().lines().any(|other| other == line));
    assert_eq!(tlspair::net::DEFAULT_SLAB_BUFFER_SIZE, 10 * 1024 * 1024);
}

/// The files below `directory` that export something, by their names in [`SOURCES`].
fn exporting(directory: &Path, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(exporting(&path, &format!("{name}/")));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(&path)
                .unwrap()
                .contains("#[no_mangle]")
        {
            found.push(name);
        }
    }
    found
}

/// No source that exports something is forgotten.
#[test]
fn p3_no_source_is_left_out() {
    for source in exporting(&checkout().join("src/ffi"), "") {
        assert!(SOURCES.contains(&source.as_str()), "{source}");
    }
}

fn is_there(compiler: &str) -> bool {
    Command::new(compiler)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Compiles a file that includes what is given; only the syntax is checked.
fn compiles(compiler: &str, language: &str, standard: &str, includes: &[&str]) {
    let name = format!(
        "{compiler}-{standard}-{}",
        includes.join("-").replace('/', "_")
    );
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    let text: String = includes
        .iter()
        .map(|include| format!("#include <{include}>\n"))
        .collect();
    std::fs::write(&source, text + "int main(void) { return TLS_OK; }\n").unwrap();
    let output = Command::new(compiler)
        .args(["-x", language, &format!("-std={standard}"), "-fsyntax-only"])
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(checkout().join("include"))
        .arg(&source)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{errors}");
}

#[test]
fn p3_compiles_as_c_and_cpp_beside_openssl() {
    let found: Vec<_> = [("gcc", "g++"), ("clang", "clang++")]
        .into_iter()
        .filter(|(c, _)| is_there(c))
        .collect();
    assert!(!found.is_empty(), "there is no C compiler to test with");
    let openssl = "openssl/ssl.h";
    for (c, cpp) in found {
        let has_openssl = Command::new(c)
            .args(["-x", "c", "-fsyntax-only", "-include", openssl, "/dev/null"])
            .output()
            .is_ok_and(|output| output.status.success());
        let mut orders = vec![vec!["tlspair.h"]];
        if has_openssl {
            orders.push(vec!["tlspair.h", openssl]);
            orders.push(vec![openssl, "tlspair.h"]);
        }
        for includes in &orders {
            for standard in ["c99", "c11"] {
                compiles(c, "c", standard, includes);
            }
            if is_there(cpp) {
                compiles(cpp, "c++", "c++11", includes);
            }
        }
    }
}
