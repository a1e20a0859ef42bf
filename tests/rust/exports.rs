//! The version script names what the header declares, and the shared library shows just that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All words of `text` that are names of ours, with what comes after each.
fn names(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("tls_").filter_map(move |(start, _)| {
        let rest = &text[start..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        (!text[..start].ends_with(is_word)).then(|| rest.split_at(end))
    })
}

/// The functions that the header declares: names before an opening bracket, outside of comments.
fn in_header() -> BTreeSet<String> {
    let header = read("include/tlspair.h");
    let mut code = String::new();
    let mut rest = header.as_str();
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").unwrap().1;
    }
    code.push_str(rest);
    names(&code)
        .filter(|(_, after)| after.trim_start().starts_with('('))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn in_script() -> BTreeSet<String> {
    let script = read("src/ffi/tlspair.map");
    let lines = script.lines().map(|line| line.split('#').next().unwrap());
    let code: Vec<&str> = lines.collect();
    names(&code.join("\n"))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Cargo puts the library of this build beside the test program.
fn library() -> Option<PathBuf> {
    let program = std::env::current_exe().unwrap();
    let library = program.parent()?.join("libtlspair.so");
    library.exists().then_some(library)
}

#[test]
fn p1_version_script_names_the_functions_of_the_header() {
    let header = in_header();
    assert!(header.len() > 100, "{} functions are too few", header.len());
    assert_eq!(in_script(), header);
}

#[test]
fn p1_library_shows_the_functions_of_the_header_and_nothing_else() {
    let Some(library) = library() else {
        eprintln!("no libtlspair.so was built: nothing to look at");
        return;
    };
    let Ok(output) = Command::new("nm")
        .args(["-D", "--defined-only", "--format=posix"])
        .arg(library)
        .output()
    else {
        eprintln!("there is no nm to look with");
        return;
    };
    assert!(output.status.success());
    let symbols = String::from_utf8(output.stdout).unwrap();
    let shown: BTreeSet<String> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| name.split('@').next().unwrap().to_owned())
        .collect();
    assert_eq!(shown, in_header());
}
