//! Public suites of certificate verification (BetterTLS, x509-limbo), each case through a handshake,
//! beside what Node said to it. Where we and Node differ is written down in docs/verification.md: the
//! list there must be exact.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use openssl::asn1::Asn1Time;
use serde_json::Value;

use super::*;

/// For cases that have no time of their own: all certificates of good faith are valid then.
const TIME: &str = "20261201000000Z";

const CASES: &str = "x509_cases.ndjson.xz";

const ACCEPTED: &str = "accepted";
const NOTHING: &str = "no verdict";

/// The names that Node has for reasons; all others are `UNSPECIFIED` there.
const NODE_NAMES: [&str; 28] = [
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_CRL",
    "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
    "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    "CERT_SIGNATURE_FAILURE",
    "CRL_SIGNATURE_FAILURE",
    "CERT_NOT_YET_VALID",
    "CERT_HAS_EXPIRED",
    "CRL_NOT_YET_VALID",
    "CRL_HAS_EXPIRED",
    "ERROR_IN_CERT_NOT_BEFORE_FIELD",
    "ERROR_IN_CERT_NOT_AFTER_FIELD",
    "ERROR_IN_CRL_LAST_UPDATE_FIELD",
    "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
    "OUT_OF_MEM",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_CHAIN_TOO_LONG",
    "CERT_REVOKED",
    "INVALID_CA",
    "PATH_LENGTH_EXCEEDED",
    "INVALID_PURPOSE",
    "CERT_UNTRUSTED",
    "CERT_REJECTED",
    "HOSTNAME_MISMATCH",
];

/// One case: what the suite expects, what Node said, and what we say. A verdict is "accepted", or the
/// name of the reason.
struct Answer {
    id: String,
    must_fail: bool,
    is_judgement_call: bool,
    node: String,
    ours: String,
}

impl Answer {
    fn is_accepted(&self) -> bool {
        self.ours == ACCEPTED
    }

    /// Do we say what Node says, also why?
    fn is_nodes(&self) -> bool {
        let shown_by_node = NODE_NAMES.contains(&self.ours.as_str())
            || self.ours.starts_with("ERR_")
            || self.is_accepted();
        self.node
            == if shown_by_node {
                &self.ours
            } else {
                "UNSPECIFIED"
            }
    }

    /// The beginning of a row in the document.
    fn row(&self) -> String {
        let expected = if self.must_fail { "refuse" } else { "accept" };
        let Answer { id, node, ours, .. } = self;
        format!("| `{id}` | {expected} | `{node}` | `{ours}` |")
    }

    /// The rule, which knows no exceptions.
    fn check(&self) {
        let Answer { id, node, ours, .. } = self;
        let is_bettertls = id.starts_with("bettertls::");
        assert_ne!(ours, NOTHING, "{id}");
        if self.is_accepted() {
            let is_laxer = node != ACCEPTED && self.must_fail;
            assert!(!is_laxer, "{id}: accepted, and not by Node: {node}");
            let is_hard = is_bettertls && !self.is_judgement_call;
            assert!(!is_hard || !self.must_fail, "{id}: accepted");
        } else {
            let is_lost = node == ACCEPTED && !self.must_fail;
            assert!(!is_lost, "{id}: refused, rightly accepted by Node: {ours}");
        }
    }
}

fn lines(directory: &Path, name: &str) -> Vec<Value> {
    let file = directory.join(name);
    let unpacked = Command::new("xz").arg("-dc").arg(&file).output().unwrap();
    assert!(
        unpacked.status.success(),
        "xz cannot unpack {}",
        file.display()
    );
    let text = String::from_utf8(unpacked.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// Seconds since 1970 of "2024-03-01T00:00:00.999+00:00", or of ASN.1's form.
fn seconds(time: &str) -> i64 {
    let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
    let time = Asn1Time::from_str(&format!("{digits}Z")).unwrap();
    let since = Asn1Time::from_unix(0).unwrap().diff(&time).unwrap();
    i64::from(since.days) * 24 * 3600 + i64::from(since.secs)
}

fn run(case: &Value) -> String {
    let server = Context::new();
    server.set_ciphers("ALL@SECLEVEL=0").unwrap();
    let (chain, key) = (text(case, "chain"), text(case, "key"));
    let identity = server.set_identity(chain.as_bytes(), key.as_bytes(), None);
    let server = match identity.and_then(|()| server.freeze()) {
        Ok(server) => server,
        Err(error) => return format!("server: {}", error.name),
    };
    let client = Context::new();
    client.add_ca(text(case, "ca").as_bytes()).unwrap();
    for crl in case["crls"].as_array().unwrap() {
        client.add_crl(crl.as_str().unwrap().as_bytes()).unwrap();
    }
    let client = client.freeze().unwrap();
    let mut us = match Connection::new(&client, client_for(text(case, "host"))) {
        Ok(us) => us,
        Err(error) => return format!("client: {}", error.name),
    };
    us.verify_at(seconds(case["time"].as_str().unwrap_or(TIME)));
    let mut them = Connection::new(&server, Settings::server(false, false)).unwrap();
    let [ours, _theirs] = handshake(&mut us, &mut them);
    match ours {
        Ok(()) if us.is_secure() => ACCEPTED.into(),
        Ok(()) => NOTHING.into(),
        Err(error) => error.name.into_owned(),
    }
}

/// Are the cases there, and something to unpack them with?
fn is_ready(directory: &Path) -> bool {
    let missing = if Command::new("xz").arg("--version").output().is_err() {
        "xz is not installed".to_owned()
    } else if !directory.join(CASES).exists() {
        format!("no cases in {}", directory.display())
    } else {
        return true;
    };
    println!("skipped: {missing}");
    false
}

/// All cases of a directory, on as many threads as the machine has processors.
fn answers(directory: &Path) -> Vec<Answer> {
    let cases = lines(directory, CASES);
    let node = lines(directory, "x509_node.ndjson.xz");
    assert_eq!(cases.len(), node.len());
    let node: BTreeMap<&str, &Value> = node.iter().map(|one| (text(one, "id"), one)).collect();
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let theirs = node[text(case, "id")];
            let node = match text(theirs, "got") {
                "SUCCESS" => ACCEPTED.to_owned(),
                "FAILURE" => text(theirs, "why").to_owned(),
                other => format!("{other}: {}", text(theirs, "why")),
            };
            let answer = Answer {
                id: text(case, "id").to_owned(),
                must_fail: text(case, "expect") == "FAILURE",
                is_judgement_call: case["soft"] == Value::Bool(true),
                node,
                ours: run(case),
            };
            answers.lock().unwrap().push(answer);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(worker);
        }
    });
    answers.into_inner().unwrap()
}

/// Rows of the document's table of differences, up to their reason.
fn documented() -> BTreeSet<String> {
    let rows = include_str!("../../../docs/verification.md").lines();
    let rows = rows.filter(|line| line.starts_with("| `") && line.contains("::"));
    rows.map(|row| {
        let (row, reason) = row.strip_suffix(" |").unwrap().rsplit_once("| ").unwrap();
        assert!(reason.len() > 3, "no reason: {row}");
        format!("{row}|")
    })
    .collect()
}

/// Every answer by the rule, and the differences from Node those that are documented.
fn check(answers: &[Answer]) {
    answers.iter().for_each(Answer::check);
    let asked: BTreeSet<&str> = answers.iter().map(|answer| answer.id.as_str()).collect();
    let id = |row: &String| row.split('`').nth(1).unwrap().to_owned();
    let documented = documented().into_iter();
    let documented: BTreeSet<String> = documented
        .filter(|row| asked.contains(id(row).as_str()))
        .collect();
    let differences = answers.iter().filter(|answer| !answer.is_nodes());
    let differences: BTreeSet<String> = differences.map(Answer::row).collect();
    let missing: Vec<_> = differences.difference(&documented).collect();
    let outdated: Vec<_> = documented.difference(&differences).collect();
    assert!(
        missing.is_empty() && outdated.is_empty(),
        "docs/verification.md: missing {missing:#?}, outdated {outdated:#?}"
    );
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn c081_c082_c083_a_sample_of_the_public_suites() {
    let directory = checkout().join("tests/data");
    if !is_ready(&directory) {
        return;
    }
    let answers = answers(&directory);
    assert!(answers.len() > 250);
    check(&answers);
}

/// Half a minute of two processors: `cargo test -- --ignored public_suites`.
#[test]
#[ignore = "large; ctest runs it"]
fn c081_c082_c083_the_whole_public_suites() {
    let directory = std::env::var_os("TLSPAIR_X509_CASES")
        .map_or_else(|| checkout().join("../shared/data"), PathBuf::from);
    if !is_ready(&directory) {
        return;
    }
    let answers = answers(&directory);
    assert_eq!(answers.len(), 9_750);
    check(&answers);
    let paths = answers
        .iter()
        .filter(|answer| answer.id.contains("::pathbuilding::"));
    let right = paths
        .filter(|answer| answer.is_accepted() != answer.must_fail)
        .count();
    println!("pathbuilding: {right} as expected");
    assert!(right >= 47, "Node has 47 of the paths right, we {right}");
}
