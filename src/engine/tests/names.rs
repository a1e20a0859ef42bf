//! Which names a certificate is good for. Each row is a certificate, a host, and whether they match.

use super::*;
use crate::context::fixtures::der::{self, dns, email, ip, other_name, rdn, uri, x400};
use crate::context::fixtures::{ec_key, Template};

const YES: &str = "accepted";
const NO: &str = "ERR_TLS_CERT_ALTNAME_INVALID";

/// id-on-SmtpUTF8Mailbox (RFC 8398), whose comparison has crashed before.
const SMTP_MAILBOX: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 9];

fn check(template: &Template, hosts: &[(&str, &str)]) {
    let authority = Authority::new();
    let key = ec_key();
    let server = showing(&[&authority.certify(template, &key)], &key);
    let client = trusting(&[&authority]);
    for (host, expected) in hosts {
        assert_eq!(verdict(&server, &client, host), *expected, "{host}");
    }
}

/// For a certificate with one DNS name.
fn check_dns(name: &[u8], hosts: &[(&str, &str)]) {
    check(&Template::with_names("unused.example", &[dns(name)]), hosts);
}

#[test]
fn s33_a_name_without_regard_to_case_and_trailing_dot() {
    let hosts = [
        ("a.example.org", YES),
        ("A.Example.ORG", YES),
        ("a.example.org.", YES),
        ("b.example.org", NO),
        ("example.org", NO),
        ("x.a.example.org", NO),
        ("a.example.org.evil.com", NO),
        ("unused.example", NO),
    ];
    check_dns(b"a.example.org", &hosts);
    check_dns(b"A.EXAMPLE.org", &hosts);
}

#[test]
fn s33_c076_a_wildcard_is_one_whole_leftmost_label() {
    check_dns(
        b"*.a.com",
        &[
            ("b.a.com", YES),
            ("B.A.com", YES),
            ("b.a.com.", YES),
            ("xn--bcher-kva.a.com", YES),
            ("a.com", NO),
            ("c.b.a.com", NO),
            ("ba.com", NO),
            ("*.a.com.evil.org", NO),
        ],
    );
    for (pattern, host) in [
        ("*", "com"),
        ("*", "a.com"),
        ("*.com", "a.com"),
        ("*.", "a"),
        ("a*.x.com", "ab.x.com"),
        ("*a.x.com", "ba.x.com"),
        ("a*b.x.com", "acb.x.com"),
        ("a*.x.com", "a.x.com"),
        ("*.*.com", "a.b.com"),
        ("a.*.com", "a.b.com"),
        ("**.x.com", "ab.x.com"),
        ("xn--*.x.com", "xn--bcher-kva.x.com"),
        ("*.xn--*.com", "a.xn--b.com"),
        ("*..com", "a.com"),
    ] {
        check_dns(pattern.as_bytes(), &[(host, NO)]);
    }
}

#[test]
fn s33_names_of_all_scripts_are_compared_in_their_xn_form() {
    check_dns(b"xn--bcher-kva.example", &[("xn--bcher-kva.example", YES)]);
    check_dns(b"XN--BCHER-KVA.example", &[("xn--bcher-kva.example", YES)]);
    // UTF-8 in a certificate is no name at all.
    let utf8 = "b\u{fc}cher.example".as_bytes();
    check_dns(
        utf8,
        &[("xn--bcher-kva.example", NO), ("bcher.example", NO)],
    );
}

#[test]
fn s33_c075_a_name_with_a_nul_in_it_matches_nothing() {
    let evil = b"good.example\0.evil.org";
    let hosts = [("good.example", NO), ("evil.org", NO), ("example", NO)];
    check_dns(evil, &hosts);
    check_dns(b"\0", &hosts);
    check_dns(b"good.example\0", &hosts);
    let common = std::str::from_utf8(evil).unwrap();
    check(&Template::leaf(common), &hosts);
    // It does not spoil the names beside it.
    let names = [dns(evil), dns("good.example")];
    let hosts = [("good.example", YES), ("evil.org", NO)];
    check(&Template::with_names("x", &names), &hosts);
}

#[test]
fn s33_c077_the_common_name_counts_only_without_a_dns_name() {
    let cn = "common.example";
    check(&Template::leaf(cn), &[(cn, YES), ("other.example", NO)]);
    check(
        &Template::leaf("*.common.example"),
        &[("a.common.example", YES), (cn, NO)],
    );
    check(
        &Template::with_names(cn, &[dns("san.example")]),
        &[("san.example", YES), (cn, NO)],
    );
    // As in Node 20: names of other kinds leave the common name its place.
    let others = [
        ip(&[127, 0, 0, 1]),
        email("a@b.example"),
        uri("https://c.example/"),
    ];
    let hosts = [
        (cn, YES),
        ("b.example", NO),
        ("c.example", NO),
        ("127.0.0.1", YES),
    ];
    check(&Template::with_names(cn, &others), &hosts);
    // Several common names: each counts, none of them together with another.
    let several = Template {
        subject: der::sequence(&[
            rdn(&[(der::COMMON_NAME, "one.example")]),
            rdn(&[(der::COMMON_NAME, "two.example")]),
        ]),
        ..Template::leaf("")
    };
    let hosts = [
        ("one.example", YES),
        ("two.example", YES),
        ("one.exampletwo.example", NO),
        ("one.example.two.example", NO),
    ];
    check(&several, &hosts);
}

#[test]
fn s33_c080_parts_of_a_subject_do_not_become_a_name() {
    let subject = |parts: &[Vec<u8>]| Template {
        subject: der::sequence(parts),
        ..Template::leaf("")
    };
    let multi_value = [rdn(&[
        (der::COMMON_NAME, "good"),
        (der::ORGANIZATION, ".example"),
    ])];
    check(
        &subject(&multi_value),
        &[("good.example", NO), ("good", YES)],
    );
    let injected = [
        rdn(&[(der::ORGANIZATION, "x\nCN=good.example")]),
        rdn(&[(der::COMMON_NAME, "evil.example/CN=good.example")]),
        rdn(&[(der::COMMON_NAME, "evil.example\nCN=good.example")]),
        rdn(&[(der::COMMON_NAME, "evil.example+CN=good.example")]),
    ];
    check(
        &subject(&injected),
        &[("good.example", NO), ("evil.example", NO)],
    );
}

#[test]
fn s33_c077_an_address_only_as_an_address() {
    let v4 = [ip(&[192, 0, 2, 1])];
    let hosts = [
        ("192.0.2.1", YES),
        ("192.0.2.2", NO),
        ("::ffff:192.0.2.1", NO),
        ("192.0.2.1.", YES),
    ];
    check(&Template::with_names("x", &v4), &hosts);
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let hosts = [
        ("::1", YES),
        ("[::1]", YES),
        ("0:0:0:0:0:0:0:1", YES),
        ("::2", NO),
        ("127.0.0.1", NO),
    ];
    check(&Template::with_names("x", &[ip(&loopback)]), &hosts);
    // A text that looks like one is none, nor is an address of an odd length.
    let texts = [
        dns("192.0.2.1"),
        dns("::1"),
        dns("*.0.2.1"),
        ip(&[192, 0, 2]),
        ip(b"192.0.2.1"),
    ];
    let hosts = [("192.0.2.1", NO), ("::1", NO)];
    check(&Template::with_names("192.0.2.1", &texts), &hosts);
    check(&Template::leaf("192.0.2.1"), &[("192.0.2.1", NO)]);
}

#[test]
fn s33_c078_other_kinds_of_names_never_match() {
    let names = [
        uri("https://good.example/"),
        uri("good.example"),
        email("user@good.example"),
        email("good.example"),
        other_name(SMTP_MAILBOX, "user@good.example"),
        other_name(SMTP_MAILBOX, "good.example"),
        x400(b"\x30\x00"),
        der::tlv(0xa4, &der::name("good.example")),
        der::tlv(0x88, &[0x2a, 3, 4]),
        dns("real.example"),
    ];
    for count in 1..=names.len() {
        let has_dns = count == names.len();
        let hosts = [
            ("good.example", NO),
            ("real.example", if has_dns { YES } else { NO }),
        ];
        check(&Template::with_names("x", &names[..count]), &hosts);
    }
    // What is no name list at all spoils the certificate.
    let broken =
        Template::leaf("good.example").extension("2.5.29.17", false, &[0x30, 3, 0x82, 9, 1]);
    check(
        &broken,
        &[("good.example", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")],
    );
}

#[test]
fn s33_c079_injected_text_is_no_name() {
    let hosts = [("victim.example", NO), ("evil.example", NO)];
    for text in [
        "evil.example, DNS:victim.example",
        "evil.example\", DNS:victim.example, DNS:\"x",
        "evil.example\nDNS:victim.example",
        "evil.example,DNS:victim.example",
    ] {
        check(&Template::with_names("x", &[dns(text)]), &hosts);
        check(
            &Template::with_names("x", &[uri(text), dns("y.example")]),
            &hosts,
        );
        check(&Template::leaf(text), &hosts);
    }
}

#[test]
fn s33_the_error_tells_the_certificates_names() {
    let authority = Authority::new();
    let key = ec_key();
    let names = [dns("a.example"), dns("b\n\0c"), ip(&[192, 0, 2, 1])];
    let leaf = authority.certify(&Template::with_names("x", &names), &key);
    let error = check_server_identity(&leaf, "z.example.").unwrap_err();
    assert!(error
        .message
        .starts_with("Hostname/IP doesn't match certificate's altnames"));
    assert!(
        error.message.contains("Host: z.example is not among"),
        "{error}"
    );
    assert!(error.message.contains("DNS:a.example"), "{error}");
    assert!(error.message.contains("IP Address:192.0.2.1"), "{error}");
    assert!(!error.message.contains(['\n', '\0']), "{error}");
}
