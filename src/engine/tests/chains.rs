//! Which chains are accepted, and by which name the others are refused.

use std::time::{Duration, Instant};

use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::sign::Signer;

use super::*;
use crate::context::fixtures::der::{dns, ip, sequence, tlv};
use crate::context::fixtures::{
    ec_key, rsa_key, Template, CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, KEY_CERT_SIGN, SERVER_AUTH,
};

const HOST: &str = "localhost";
const ACCEPTED: &str = "accepted";

fn leaf() -> Template {
    Template::leaf(HOST)
}

/// What a client that trusts `root` says to a server that shows these certificates, the leaf first.
fn judge(root: &Authority, chain: &[&X509], key: &PKey<Private>) -> String {
    verdict(&showing(chain, key), &trusting(&[root]), HOST)
}

/// A leaf that the root itself has signed.
fn judge_leaf(template: &Template) -> String {
    let (root, key) = (Authority::new(), ec_key());
    judge(&root, &[&root.certify(template, &key)], &key)
}

/// A leaf under an intermediate.
fn judge_middle(template: &Template) -> String {
    let root = Authority::named("root");
    let middle = root.subordinate_as(template);
    let key = ec_key();
    judge(
        &root,
        &[&middle.certify(&leaf(), &key), &middle.certificate],
        &key,
    )
}

#[test]
fn s33_c073_who_has_signed_it() {
    let root = Authority::named("root");
    let middle = root.subordinate("middle");
    let key = ec_key();
    let end = middle.certify(&leaf(), &key);
    let whole = [&end, &middle.certificate];
    assert_eq!(judge(&root, &whole, &key), ACCEPTED);
    assert_eq!(
        judge(&root, &whole[..1], &key),
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    );
    // The client may have the intermediate itself.
    let both = trusting(&[&root, &middle]);
    assert_eq!(verdict(&showing(&whole[..1], &key), &both, HOST), ACCEPTED);
    let stranger = Authority::named("stranger");
    assert_eq!(
        judge(&stranger, &whole, &key),
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
    let with_root = [&end, &middle.certificate, &root.certificate];
    assert_eq!(
        judge(&stranger, &with_root, &key),
        "SELF_SIGNED_CERT_IN_CHAIN"
    );
    // The same name, another key.
    let impostor = Authority::named("root");
    assert_eq!(judge(&impostor, &whole, &key), "CERT_SIGNATURE_FAILURE");
    let itself = Authority::self_signed(&leaf(), ec_key());
    let shown = [&itself.certificate];
    assert_eq!(
        judge(&root, &shown, &itself.key),
        "DEPTH_ZERO_SELF_SIGNED_CERT"
    );
    assert_eq!(judge(&itself, &shown, &itself.key), ACCEPTED);
    let nobody = Context::new();
    nobody.clear_ca().unwrap();
    let server = showing(&whole, &key);
    assert_eq!(
        verdict(&server, &nobody, HOST),
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
    assert_eq!(
        verdict(&server, &Context::new(), HOST),
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
}

#[test]
fn s33_c073_when_it_is_valid() {
    assert_eq!(judge_leaf(&leaf().days(-9, -2)), "CERT_HAS_EXPIRED");
    assert_eq!(judge_leaf(&leaf().days(2, 9)), "CERT_NOT_YET_VALID");
    assert_eq!(
        judge_middle(&Template::ca("middle").days(-9, -2)),
        "CERT_HAS_EXPIRED"
    );
    let root = Authority::self_signed(&Template::ca("root").days(-9, -2), ec_key());
    let key = ec_key();
    assert_eq!(
        judge(&root, &[&root.certify(&leaf(), &key)], &key),
        "CERT_HAS_EXPIRED"
    );
    // Of several faults the last one counts.
    let stranger = Authority::named("stranger");
    let late = root.certify(&leaf().days(-9, -2), &key);
    assert_eq!(judge(&stranger, &[&late], &key), "CERT_HAS_EXPIRED");
    // The name is not looked at when the chain is bad.
    let server = showing(&[&root.certify(&Template::leaf("other"), &key)], &key);
    assert_eq!(
        verdict(&server, &trusting(&[&root]), HOST),
        "CERT_HAS_EXPIRED"
    );
}

#[test]
fn s33_c084_what_it_may_be_used_for() {
    for (template, expected) in [
        (leaf().purpose(SERVER_AUTH), ACCEPTED),
        (leaf().purpose(CLIENT_AUTH), "INVALID_PURPOSE"),
        (leaf().key_usage(DIGITAL_SIGNATURE), ACCEPTED),
        (leaf().key_usage(CRL_SIGN), "INVALID_PURPOSE"),
        (leaf().extension("1.2.3.4", false, &[5, 0]), ACCEPTED),
        (
            leaf().extension("1.2.3.4", true, &[5, 0]),
            "UNHANDLED_CRITICAL_EXTENSION",
        ),
        // A CA may be a server too, as in Node.
        (Template::ca(HOST), ACCEPTED),
    ] {
        assert_eq!(judge_leaf(&template), expected);
    }
}

#[test]
fn s33_c084_who_may_sign() {
    let middle = || Template::named("middle");
    for (template, expected) in [
        (middle().basic_constraints(true, Some(0)), ACCEPTED),
        (middle().basic_constraints(false, None), "INVALID_PURPOSE"),
        (middle(), "INVALID_PURPOSE"),
        (
            middle()
                .basic_constraints(true, None)
                .key_usage(KEY_CERT_SIGN),
            ACCEPTED,
        ),
        (
            middle().basic_constraints(true, None).key_usage(CRL_SIGN),
            "KEYUSAGE_NO_CERTSIGN",
        ),
        (
            middle().basic_constraints(true, None).purpose(CLIENT_AUTH),
            "INVALID_PURPOSE",
        ),
    ] {
        assert_eq!(judge_middle(&template), expected);
    }
}

#[test]
fn s33_c084_how_long_a_path_may_be() {
    let root = Authority::named("root");
    let key = ec_key();
    for (allowed, expected) in [(0, "PATH_LENGTH_EXCEEDED"), (1, ACCEPTED)] {
        let upper = Template::named("upper").basic_constraints(true, Some(allowed));
        let upper = root.subordinate_as(&upper);
        let lower = upper.subordinate("lower");
        let chain = [
            &lower.certify(&leaf(), &key),
            &lower.certificate,
            &upper.certificate,
        ];
        assert_eq!(judge(&root, &chain, &key), expected);
    }
}

#[test]
fn s33_c081_name_constraints() {
    let subtree = |name: Vec<u8>| sequence(&[name]);
    let constrained = |permitted: bool, name: Vec<u8>| {
        let tag = if permitted { 0xa0 } else { 0xa1 };
        let value = sequence(&[tlv(tag, &subtree(name))]);
        Template::ca("middle").extension("2.5.29.30", true, &value)
    };
    let loopback = ip(&[127, 0, 0, 0, 255, 0, 0, 0]);
    for (constraint, names, expected) in [
        (constrained(true, dns(HOST)), vec![dns(HOST)], ACCEPTED),
        (
            constrained(true, dns("good.example")),
            vec![dns(HOST)],
            "PERMITTED_VIOLATION",
        ),
        // One name outside is enough.
        (
            constrained(true, dns(HOST)),
            vec![dns(HOST), dns("a.example")],
            "PERMITTED_VIOLATION",
        ),
        (
            constrained(false, dns(HOST)),
            vec![dns(HOST)],
            "EXCLUDED_VIOLATION",
        ),
        (
            constrained(false, dns("a.example")),
            vec![dns(HOST), dns("b.a.example")],
            "EXCLUDED_VIOLATION",
        ),
        (
            constrained(false, dns("a.example")),
            vec![dns(HOST)],
            ACCEPTED,
        ),
        (
            constrained(false, loopback.clone()),
            vec![dns(HOST), ip(&[127, 0, 0, 1])],
            "EXCLUDED_VIOLATION",
        ),
        (constrained(true, loopback), vec![dns(HOST)], ACCEPTED),
    ] {
        let root = Authority::named("root");
        let middle = root.subordinate_as(&constraint);
        let key = ec_key();
        let end = middle.certify(&Template::with_names("x", &names), &key);
        assert_eq!(judge(&root, &[&end, &middle.certificate], &key), expected);
    }
    // Also for a common name that stands in for a DNS name.
    let root = Authority::named("root");
    let middle = root.subordinate_as(&constrained(true, dns("good.example")));
    for (name, expected) in [
        ("a.good.example", ACCEPTED),
        ("b.example", "PERMITTED_VIOLATION"),
    ] {
        let key = ec_key();
        let end = middle.certify(&Template::leaf(name), &key);
        let server = showing(&[&end, &middle.certificate], &key);
        assert_eq!(verdict(&server, &trusting(&[&root]), name), expected);
    }
}

#[test]
fn s33_c086_what_is_too_weak() {
    let root = Authority::new();
    let weak = rsa_key(1024);
    assert_eq!(
        judge(&root, &[&root.certify(&leaf(), &weak)], &weak),
        "EE_KEY_TOO_SMALL"
    );
    let good = rsa_key(2048);
    assert_eq!(
        judge(&root, &[&root.certify(&leaf(), &good)], &good),
        ACCEPTED
    );
    for digest in [MessageDigest::md5(), MessageDigest::sha1()] {
        let root = Authority::self_signed(&Template::ca("root"), rsa_key(2048));
        let key = ec_key();
        let end = root.certify(&leaf().digest(digest), &key);
        assert_eq!(judge(&root, &[&end], &key), "CA_MD_TOO_WEAK");
        let middle = root.subordinate_as(&Template::ca("middle").digest(digest));
        let chain = [&middle.certify(&leaf(), &key), &middle.certificate];
        assert_eq!(judge(&root, &chain, &key), "CA_MD_TOO_WEAK");
    }
    // How a root has signed itself proves nothing either way.
    let old = Authority::self_signed(&Template::ca("old").digest(MessageDigest::sha1()), ec_key());
    let key = ec_key();
    assert_eq!(judge(&old, &[&old.certify(&leaf(), &key)], &key), ACCEPTED);
    let small = Authority::self_signed(&Template::ca("small"), rsa_key(1024));
    assert_eq!(
        judge(&small, &[&small.certify(&leaf(), &key)], &key),
        "CA_KEY_TOO_SMALL"
    );
    let tiny = Authority::self_signed(&Template::ca("tiny"), rsa_key(512));
    let shown = [&tiny.certify(&leaf(), &key)];
    assert_eq!(judge(&tiny, &shown, &key), "CA_KEY_TOO_SMALL");
    // The client's own level decides.
    let lenient = trusting(&[&root]);
    lenient.set_ciphers("DEFAULT@SECLEVEL=0").unwrap();
    let server = showing(&[&root.certify(&leaf(), &weak)], &weak);
    assert_eq!(verdict(&server, &lenient, HOST), ACCEPTED);
}

#[test]
fn s33_c086_a_curve_spelled_out_is_refused_and_ends() {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    group.set_asn1_flag(Asn1Flag::EXPLICIT_CURVE);
    let explicit = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let root = Authority::named("root");
    let middle = Authority {
        certificate: root.certify(&Template::ca("middle"), &explicit),
        key: explicit,
    };
    let key = ec_key();
    let chain = [&middle.certify(&leaf(), &key), &middle.certificate];
    assert_eq!(judge(&root, &chain, &key), "EC_KEY_EXPLICIT_PARAMS");
    let shown = [&root.certify(&leaf(), &middle.key)];
    // OpenSSL takes no such key for the handshake, whoever signed it.
    assert_ne!(judge(&root, &shown, &middle.key), ACCEPTED);
}

/// A certificate for a curve spelled out, whose base point is compressed and has no square root: once
/// looked for without end (CVE-2022-0778).
fn endless(issuer: &Authority) -> X509 {
    const PRIME: &[u8] = &[0x46, 0x02, 0x01];
    const B: &[u8] = &[0x20, 0xa7, 0xee];
    let integer = |bytes: &[u8]| tlv(0x02, bytes);
    let oid = |bytes: &[u8]| tlv(0x06, bytes);
    let field = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 1]), integer(PRIME)]);
    let curve = sequence(&[tlv(0x04, &[0, 0, 0]), tlv(0x04, B)]);
    let base = tlv(0x04, &[2, 0, 0, 0]);
    let parameters = sequence(&[integer(&[1]), field, curve, base, integer(PRIME)]);
    let algorithm = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), parameters]);
    let key = sequence(&[algorithm, tlv(0x03, &[0, 2, 0, 0, 0])]);
    let ecdsa = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    let validity = sequence(&[tlv(0x17, b"200101000000Z"), tlv(0x17, b"450101000000Z")]);
    let name = issuer.certificate.subject_name().to_der().unwrap();
    let body = sequence(&[
        tlv(0xa0, &integer(&[2])),
        integer(&[1]),
        ecdsa.clone(),
        name.clone(),
        validity,
        name,
        key,
    ]);
    let mut signer = Signer::new(MessageDigest::sha256(), &issuer.key).unwrap();
    let signature = signer.sign_oneshot_to_vec(&body).unwrap();
    let signature = tlv(0x03, &[&[0], signature.as_slice()].concat());
    X509::from_der(&sequence(&[body, ecdsa, signature])).unwrap()
}

#[test]
fn s33_c086_a_curve_without_an_end_is_not_followed() {
    let root = Authority::new();
    let key = ec_key();
    let endless = endless(&root);
    let end = root.certify(&leaf(), &key);
    // Among what the server shows, as the only thing trusted, and as the server's own.
    assert_eq!(judge_quickly(&root, &[&end, &endless], &key), ACCEPTED);
    let client = Context::new();
    client.add_ca(&endless.to_pem().unwrap()).unwrap();
    let verdict = verdict(&showing(&[&end, &endless], &key), &client, HOST);
    assert_eq!(verdict, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    let own = Context::new();
    let (chain, key) = pem_of(&[&endless], &key);
    assert!(own.set_identity(&chain, &key, None).is_err());
}

/// How a chain that must end quickly ends.
fn judge_quickly(root: &Authority, chain: &[&X509], key: &PKey<Private>) -> String {
    let begin = Instant::now();
    let verdict = judge(root, chain, key);
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    verdict
}

#[test]
fn s33_c089_twenty_intermediates() {
    let root = Authority::named("root");
    let mut middles: Vec<Authority> = vec![root.subordinate("0")];
    for index in 1..20 {
        let next = middles[0].subordinate(&index.to_string());
        middles.insert(0, next);
    }
    let key = ec_key();
    let end = middles[0].certify(&leaf(), &key);
    let certificates = || middles.iter().map(|middle| &middle.certificate);
    let chain: Vec<&X509> = std::iter::once(&end).chain(certificates()).collect();
    assert_eq!(judge_quickly(&root, &chain, &key), ACCEPTED);
    // In any order, and each of them thrice.
    let jumbled: Vec<&X509> = std::iter::once(&end)
        .chain(certificates().rev())
        .chain(certificates())
        .chain(certificates())
        .collect();
    assert_eq!(judge_quickly(&root, &jumbled, &key), ACCEPTED);
    let stranger = Authority::named("stranger");
    assert_eq!(
        judge_quickly(&stranger, &jumbled, &key),
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
}

#[test]
fn s33_c089_a_path_longer_than_any_good_one() {
    let root = Authority::named("root");
    let mut last = root.subordinate("0");
    let mut certificates = vec![last.certificate.clone()];
    for index in 1..150 {
        last = last.subordinate(&index.to_string());
        certificates.insert(0, last.certificate.clone());
    }
    let key = ec_key();
    let end = last.certify(&leaf(), &key);
    let chain: Vec<&X509> = std::iter::once(&end).chain(&certificates).collect();
    // The building stops on the way, so never gets to the root.
    let verdict = judge_quickly(&root, &chain, &key);
    assert_eq!(verdict, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
}

#[test]
fn s33_c089_a_loop_of_cross_signed_cas() {
    let (a, b) = (Authority::named("a"), Authority::named("b"));
    let a_by_b = b.certify(&Template::ca("a"), &a.key);
    let b_by_a = a.certify(&Template::ca("b"), &b.key);
    let key = ec_key();
    let end = a.certify(&leaf(), &key);
    let looped = [&end, &a_by_b, &b_by_a];
    let stranger = Authority::named("stranger");
    assert_eq!(
        judge_quickly(&stranger, &looped, &key),
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    );
    assert_eq!(judge_quickly(&b, &looped, &key), ACCEPTED);
    assert_eq!(judge_quickly(&a, &looped, &key), ACCEPTED);
}

#[test]
fn s33_c089_the_leaf_twice() {
    let root = Authority::new();
    let key = ec_key();
    let end = root.certify(&leaf(), &key);
    assert_eq!(judge_quickly(&root, &[&end, &end, &end], &key), ACCEPTED);
    let many = vec![&end; 200];
    let stranger = Authority::named("stranger");
    assert_eq!(
        judge_quickly(&stranger, &many, &key),
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    );
}
