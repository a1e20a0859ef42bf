//! Gives cargo's own shared library a SONAME, which cargo by itself does not (symbol versions come
//! with the library that CMake links, see `docs/architecture.md`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target_os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    if target_os == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtlspair.so.{major}");
        // Resolver threads outlive a dlclose: the library must stay mapped.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
