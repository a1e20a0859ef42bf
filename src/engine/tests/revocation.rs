//! Certificate revocation lists.

use super::*;
use crate::context::fixtures::{
    ec_key, CrlTemplate, Template, CRL_SIGN, DIGITAL_SIGNATURE, KEY_CERT_SIGN,
};
use crate::context::FrozenContext;
use crate::error::Status;

/// A root, an intermediate, and a leaf for `localhost`.
struct World {
    root: Authority,
    middle: Authority,
    leaf: X509,
    key: PKey<Private>,
}

impl World {
    fn new() -> World {
        World::with_middle(&Template::ca("middle"))
    }

    fn with_middle(template: &Template) -> World {
        let root = Authority::named("root");
        let middle = root.subordinate_as(template);
        let key = ec_key();
        let leaf = middle.certify(&Template::leaf("localhost"), &key);
        World {
            root,
            middle,
            leaf,
            key,
        }
    }

    fn server(&self) -> Arc<Context> {
        showing(&[&self.leaf, &self.middle.certificate], &self.key)
    }

    /// What a client with these lists says.
    fn verdict(&self, crls: &[Vec<u8>]) -> String {
        let client = trusting(&[&self.root]);
        for crl in crls {
            client.add_crl(crl).unwrap();
        }
        verdict(&self.server(), &client, "localhost")
    }
}

fn nothing_revoked() -> CrlTemplate {
    CrlTemplate::revoking(&[])
}

#[test]
fn s15_c085_every_issuer_needs_a_list() {
    let world = World::new();
    let root = world.root.crl(&nothing_revoked());
    let middle = world.middle.crl(&nothing_revoked());
    assert_eq!(world.verdict(&[]), "accepted");
    assert_eq!(world.verdict(&[root.clone(), middle.clone()]), "accepted");
    // Several in one text, with junk between, one of them twice.
    let text = [b"lists\r\n".as_slice(), &root, b"\n# \n", &middle, &root].concat();
    assert_eq!(world.verdict(&[text]), "accepted");
    for one in [root, middle] {
        assert_eq!(world.verdict(&[one]), "UNABLE_TO_GET_CRL");
    }
    let stranger = Authority::named("stranger").crl(&nothing_revoked());
    assert_eq!(world.verdict(&[stranger]), "UNABLE_TO_GET_CRL");
}

#[test]
fn s15_c085_revoked_at_any_depth() {
    let world = World::new();
    let (root, middle) = (&world.root, &world.middle);
    let revoked = middle.crl(&CrlTemplate::revoking(&[&world.leaf]));
    let lists = [root.crl(&nothing_revoked()), revoked];
    assert_eq!(world.verdict(&lists), "CERT_REVOKED");
    let revoked = root.crl(&CrlTemplate::revoking(&[&middle.certificate]));
    let lists = [revoked, middle.crl(&nothing_revoked())];
    assert_eq!(world.verdict(&lists), "CERT_REVOKED");
    // Another certificate of the same issuer is none of its business.
    let other = middle.certify(&Template::leaf("other"), &ec_key());
    let lists = [
        root.crl(&nothing_revoked()),
        middle.crl(&CrlTemplate::revoking(&[&other])),
    ];
    assert_eq!(world.verdict(&lists), "accepted");
}

#[test]
fn s15_c013_c085_a_list_must_be_in_force_and_genuine() {
    let world = World::new();
    let root = world.root.crl(&nothing_revoked());
    let forged = {
        let name = world.middle.certificate.subject_name();
        nothing_revoked().sign(name, &ec_key()).to_pem().unwrap()
    };
    // An extension that nobody knows.
    let unknown = |critical| nothing_revoked().extension("1.2.3.4", critical, &[5, 0]);
    let cases = [
        (
            world.middle.crl(&nothing_revoked().days(-9, -2)),
            "CRL_HAS_EXPIRED",
        ),
        (
            world.middle.crl(&nothing_revoked().days(2, 9)),
            "CRL_NOT_YET_VALID",
        ),
        (forged, "CRL_SIGNATURE_FAILURE"),
        (
            world.middle.crl(&unknown(true)),
            "UNHANDLED_CRITICAL_CRL_EXTENSION",
        ),
        (world.middle.crl(&unknown(false)), "accepted"),
    ];
    for (middle, expected) in &cases {
        assert_eq!(world.verdict(&[root.clone(), middle.clone()]), *expected);
    }
    // Of an old and a new list the new one counts.
    let lists = [
        root,
        cases[0].0.clone(),
        world.middle.crl(&nothing_revoked()),
    ];
    assert_eq!(world.verdict(&lists), "accepted");
}

#[test]
fn s15_an_issuer_must_be_allowed_to_sign_lists() {
    for (usage, expected) in [
        (DIGITAL_SIGNATURE | KEY_CERT_SIGN, "KEYUSAGE_NO_CRL_SIGN"),
        (KEY_CERT_SIGN | CRL_SIGN, "accepted"),
    ] {
        let world = World::with_middle(&Template::ca("middle").key_usage(usage));
        let lists = [&world.root, &world.middle].map(|issuer| issuer.crl(&nothing_revoked()));
        assert_eq!(world.verdict(&lists), expected);
    }
}

#[test]
fn s15_c013_what_is_no_list_is_refused_and_changes_nothing() {
    let world = World::new();
    let client = trusting(&[&world.root]);
    // Without its second line.
    let text = String::from_utf8(world.root.crl(&nothing_revoked())).unwrap();
    let lines = text.lines().enumerate().filter(|(index, _)| *index != 1);
    let cut: Vec<&str> = lines.map(|(_, line)| line).collect();
    let cut = cut.join("\n").into_bytes();
    let good = world
        .root
        .crl(&CrlTemplate::revoking(&[&world.middle.certificate]));
    for bad in [
        b"".to_vec(),
        b" \r\n\t".to_vec(),
        b"garbage".to_vec(),
        world.root.pem(),
        b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n".to_vec(),
        b"-----BEGIN X509 CRL-----\nMIIB\n".to_vec(),
        cut.clone(),
        [good, cut].concat(),
    ] {
        let error = client.add_crl(&bad).unwrap_err();
        assert_eq!(error.status, Status::Certificate);
        assert!(error.name.starts_with("ERR_OSSL_"), "{error}");
    }
    assert_eq!(verdict(&world.server(), &client, "localhost"), "accepted");
}

#[test]
fn s15_the_well_known_roots_still_count() {
    let world = World::new();
    let client = Context::new();
    client.add_crl(&world.root.crl(&nothing_revoked())).unwrap();
    let frozen = client.freeze().unwrap();
    // The roots and the lists are in a store of the context, and nothing is left to share.
    assert!(frozen.shared_roots().unwrap().is_none());
    let roots = Context::new()
        .freeze()
        .unwrap()
        .shared_roots()
        .unwrap()
        .unwrap();
    let own = frozen
        .ssl_context(crate::context::Part::Client)
        .unwrap()
        .cert_store()
        .all_certificates();
    let shared = roots.all_certificates();
    assert_eq!(own.len(), shared.len());
    // They are the same objects: nothing was parsed again.
    let shared: std::collections::BTreeSet<_> = shared.iter().map(address).collect();
    assert!(own.iter().all(|one| shared.contains(&address(one))));
}

fn address(certificate: &openssl::x509::X509Ref) -> usize {
    std::ptr::from_ref(certificate) as usize
}

#[test]
fn s15_s23_lists_are_part_of_what_a_session_was_judged_by() {
    let world = World::new();
    let lists = [&world.root, &world.middle].map(|issuer| issuer.crl(&nothing_revoked()));
    let server = world.server();
    server.set_max_version("TLSv1.2").unwrap();
    let server = server.freeze().unwrap();
    let [none, both, other_order] = [vec![], vec![0, 1], vec![1, 0]].map(|which: Vec<usize>| {
        let client = trusting(&[&world.root]);
        for index in which {
            client.add_crl(&lists[index]).unwrap();
        }
        client.freeze().unwrap()
    });
    let connect = |client: &Arc<crate::context::FrozenContext>, session: Option<&[u8]>| {
        let settings = Settings {
            session: session.map(|bytes| read_session(bytes).unwrap()),
            ..client_for("localhost")
        };
        let mut us = Connection::new(client, settings).unwrap();
        let mut them = Connection::new(&server, Settings::server(false, false)).unwrap();
        assert_eq!(handshake(&mut us, &mut them), [Ok(()), Ok(())]);
        (us.session().unwrap(), us.facts().unwrap().session_reused)
    };
    let (session, _) = connect(&both, None);
    assert!(connect(&other_order, Some(&session)).1);
    assert!(!connect(&none, Some(&session)).1);
    let (session, _) = connect(&none, None);
    assert!(!connect(&both, Some(&session)).1);
}

/// A server that begins with one context and switches to another for `localhost`.
fn switching(first: &Arc<FrozenContext>, then: &Arc<FrozenContext>) -> Connection {
    let mut names = NameTable::default();
    names.add("localhost", Arc::clone(then)).unwrap();
    let settings = Settings {
        names: Some(Arc::new(names)),
        ..Settings::server(true, true)
    };
    Connection::new(first, settings).unwrap()
}

/// Servers' contexts that differ in whom they trust alone.
struct Switch {
    world: World,
    id: Option<&'static [u8]>,
}

impl Switch {
    fn context(&self, crls: &[Vec<u8>], trusts: bool) -> Arc<FrozenContext> {
        let World {
            leaf, middle, key, ..
        } = &self.world;
        let (chain, key) = pem_of(&[leaf, &middle.certificate], key);
        let context = Context::new();
        context.set_identity(&chain, &key, None).unwrap();
        if trusts {
            context.add_ca(&self.world.root.pem()).unwrap();
        }
        for crl in crls {
            context.add_crl(crl).unwrap();
        }
        if let Some(id) = self.id {
            context.set_session_id_context(id).unwrap();
        }
        context.freeze().unwrap()
    }

    /// The lists of both issuers, the leaf on it or not.
    fn lists(&self, revoked: &[&X509]) -> [Vec<u8>; 2] {
        let World { root, middle, .. } = &self.world;
        [
            root.crl(&nothing_revoked()),
            middle.crl(&CrlTemplate::revoking(revoked)),
        ]
    }
}

/// A server that began with one context and is switched to another judges clients by the lists and the
/// CAs of the other, whatever the first one had.
#[test]
fn s15_s23_lists_come_along_when_the_context_is_switched() {
    let switch = Switch {
        world: World::new(),
        id: None,
    };
    let plain = switch.context(&[], true);
    let well_known = switch.context(&[], false);
    let listing = switch.context(&switch.lists(&[]), true);
    let revoking = switch.context(&switch.lists(&[&switch.world.leaf]), true);
    for (first, then, expected) in [
        (&plain, &revoking, Some("CERT_REVOKED")),
        (&well_known, &revoking, Some("CERT_REVOKED")),
        (&listing, &revoking, Some("CERT_REVOKED")),
        (&well_known, &plain, None),
        (&revoking, &listing, None),
        (&revoking, &plain, None),
        (
            &plain,
            &well_known,
            Some("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
        ),
    ] {
        let mut us = Connection::new(&plain, client_for("localhost")).unwrap();
        let mut them = switching(first, then);
        let [_, theirs] = handshake(&mut us, &mut them);
        let refused = theirs.err().map(|error| error.name.into_owned());
        assert_eq!(refused.as_deref(), expected);
    }
}

/// A session of a client that was good there is worth nothing here, where its certificate is revoked:
/// also if both contexts were given the same session id context.
#[test]
fn s15_s23_c110_no_session_leads_around_the_lists() {
    let switch = Switch {
        world: World::new(),
        id: Some(b"the same"),
    };
    let plain = switch.context(&[], true);
    let revoking = switch.context(&switch.lists(&[&switch.world.leaf]), true);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let client = trusting(&[&switch.world.root]);
        let (chain, key) = {
            let World {
                leaf, middle, key, ..
            } = &switch.world;
            pem_of(&[leaf, &middle.certificate], key)
        };
        client.set_identity(&chain, &key, None).unwrap();
        client.set_max_version(version).unwrap();
        let client = client.freeze().unwrap();
        let connect = |session: Option<&[u8]>, then: &Arc<FrozenContext>| {
            let settings = Settings {
                session: session.map(|bytes| read_session(bytes).unwrap()),
                ..client_for("localhost")
            };
            let mut us = Connection::new(&client, settings).unwrap();
            let mut them = switching(&plain, then);
            let [_, theirs] = handshake(&mut us, &mut them);
            let reused = them.facts().is_some_and(|facts| facts.session_reused);
            (
                us.session(),
                theirs.map_err(|error| error.name.into_owned()),
                reused,
            )
        };
        let (session, accepted, _) = connect(None, &plain);
        assert_eq!(accepted, Ok(()));
        let session = session.unwrap();
        let (_, accepted, reused) = connect(Some(&session), &plain);
        assert_eq!((accepted, reused), (Ok(()), true), "{version}");
        let (_, refused, _) = connect(Some(&session), &revoking);
        assert_eq!(refused, Err("CERT_REVOKED".into()), "{version}");
    }
}
