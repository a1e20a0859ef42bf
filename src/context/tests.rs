//! What the settings come to in real handshakes.

use super::fixtures::{rsa_key, Authority};
use super::frozen::session_id_context;
use super::*;
use crate::sys::tls::{Outcome, Tls};
use crate::sys::verify;
use crate::sys::verify::PeerCheck;
use openssl::ssl::{SslOptions, SslVersion};
use openssl::ssl::{SslSession, SslVerifyMode};

fn served(authority: &Authority) -> Arc<Context> {
    let (cert, key) = authority.issue_ec("localhost");
    let context = Context::new();
    context.set_identity(&cert, &key, None).unwrap();
    context
}

fn trusting(authority: &Authority) -> Arc<Context> {
    let context = Context::new();
    context.add_ca(&authority.pem()).unwrap();
    context
}

fn failure(who: &str, tls: &mut Tls) -> Box<Error> {
    error_queue::from_entries(Status::Tls, who, tls.take_errors())
}

/// Both ends after a handshake in memory, the client's first.
fn handshake(
    server: &Context,
    client: &Context,
    session: Option<&SslSession>,
) -> Result<(Tls, Tls)> {
    let mut server = Tls::new(server.freeze()?.ssl_context(Part::Server)?, true)?;
    server.ssl_mut().set_verify(SslVerifyMode::NONE);
    let frozen = client.freeze()?;
    let mut client = Tls::new(frozen.ssl_context(Part::Client)?, false)?;
    client.ssl_mut().set_verify(SslVerifyMode::PEER);
    if let Some(roots) = frozen.shared_roots()? {
        crate::sys::tls::share_verify_store(client.ssl_mut(), roots);
    }
    verify::attach(client.ssl_mut(), PeerCheck::new(true, None))?;
    if let Some(session) = session {
        client.set_session(session)?;
    }
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let input = std::mem::take(&mut to_client);
        let at_client = client.handshake(&mut input.as_slice(), &mut to_server);
        if at_client == Outcome::Failed {
            return Err(failure("client", &mut client));
        }
        let input = std::mem::take(&mut to_server);
        let at_server = server.handshake(&mut input.as_slice(), &mut to_client);
        if at_server == Outcome::Failed {
            return Err(failure("server", &mut server));
        }
        if at_client == Outcome::Done(0) && at_server == Outcome::Done(0) {
            return Ok((client, server));
        }
    }
    panic!("the handshake does not end");
}

#[test]
fn c105_a_frozen_context_cannot_be_changed_and_stays_the_same() {
    let context = Context::new();
    let first = context.freeze().unwrap();
    let error = context.set_ciphers("HIGH").unwrap_err();
    assert_eq!(error.status, Status::Frozen);
    assert!(Arc::ptr_eq(&first, &context.freeze().unwrap()));
    assert!(!first.has_identity());
}

#[test]
fn a_failed_freeze_can_be_mended() {
    let context = Context::new();
    context.set_max_version("TLSv1.1").unwrap_err();
    context.set_secure_protocol("TLSv1_1_method").unwrap();
    assert_eq!(context.freeze().err().unwrap().status, Status::Protocol);
    context.set_ciphers("ALL:@SECLEVEL=0").unwrap();
    context.freeze().unwrap();
}

#[test]
fn s13_half_an_identity_is_told_at_the_first_use() {
    let (cert, key) = Authority::new().issue_ec("localhost");
    let context = Context::new();
    context.set_cert(&cert).unwrap();
    let error = context.freeze().err().unwrap();
    assert!(error.message.contains("tls_context_set_key"), "{error}");
    let context = Context::new();
    context.set_key(&key, None).unwrap();
    let error = context.freeze().err().unwrap();
    assert!(error.message.contains("tls_context_set_cert"), "{error}");
    context.set_cert(&cert).unwrap();
    assert!(context.freeze().unwrap().has_identity());
}

#[test]
fn s24_c086_a_key_too_weak_for_the_level_is_told_at_the_first_use() {
    let weak = rsa_key(1024);
    let cert = Authority::new().issue("localhost", &weak);
    let context = Context::new();
    let key = weak.private_key_to_pem_pkcs8().unwrap();
    context.set_identity(&cert, &key, None).unwrap();
    let error = context.freeze().err().unwrap();
    assert_eq!(error.status, Status::Certificate);
    assert_eq!(error.name, "ERR_SSL_EE_KEY_TOO_SMALL");
    assert!(error.message.contains("@SECLEVEL"), "{error}");
    context.set_ciphers("DEFAULT@SECLEVEL=1").unwrap();
    context.freeze().unwrap();
}

#[test]
fn s14_only_added_cas_are_trusted() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    handshake(&served(&authority), &trusting(&authority), None).unwrap();
    let nobody = Context::new();
    nobody.clear_ca().unwrap();
    for client in [trusting(&other), nobody, Context::new()] {
        let error = handshake(&served(&authority), &client, None).err().unwrap();
        assert_eq!(error.name, "ERR_SSL_CERTIFICATE_VERIFY_FAILED");
    }
}

#[test]
fn s11_each_peer_gets_the_certificate_that_it_can_use() {
    let authority = Authority::new();
    let server = served(&authority);
    let rsa = rsa_key(2048);
    let key = rsa.private_key_to_pem_pkcs8().unwrap();
    let cert = authority.issue("localhost", &rsa);
    server.set_identity(&cert, &key, None).unwrap();
    for (cipher, bits) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", 256),
        ("ECDHE-RSA-AES128-GCM-SHA256", 2048),
    ] {
        let client = trusting(&authority);
        client.set_ciphers(cipher).unwrap();
        client.set_max_version("TLSv1.2").unwrap();
        let (client, _) = handshake(&server, &client, None).unwrap();
        let leaf = client.ssl().peer_certificate().unwrap();
        assert_eq!(leaf.public_key().unwrap().bits(), bits);
    }
}

#[test]
fn s13_a_bare_leaf_is_completed_from_the_added_cas() {
    let root = Authority::new();
    let middle = root.subordinate("middle");
    let sent = |server: &Context| {
        let (client, _) = handshake(server, &trusting(&root), None)?;
        Ok::<_, Box<Error>>(
            client
                .ssl()
                .peer_cert_chain()
                .map_or(0, |chain| chain.len()),
        )
    };
    let bare = served(&middle);
    let error = sent(&bare).err().unwrap();
    assert_eq!(error.name, "ERR_SSL_CERTIFICATE_VERIFY_FAILED");
    let completed = served(&middle);
    completed
        .add_ca(&[middle.pem(), root.pem()].concat())
        .unwrap();
    assert_eq!(sent(&completed), Ok(2));
    let (cert, key) = middle.issue_ec("localhost");
    let whole = Context::new();
    let chain = [cert, middle.pem()].concat();
    whole.set_identity(&chain, &key, None).unwrap();
    assert_eq!(sent(&whole), Ok(2));
}

#[test]
fn s18_the_servers_order_of_ciphers_wins_when_asked_for() {
    let authority = Authority::new();
    let (a, b) = (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    );
    for honor in [false, true] {
        let server = served(&authority);
        server.set_ciphers(&format!("{a}:{b}")).unwrap();
        server.set_honor_cipher_order(honor).unwrap();
        let client = trusting(&authority);
        client.set_ciphers(&format!("{b}:{a}")).unwrap();
        client.set_max_version("TLSv1.2").unwrap();
        let (client, _) = handshake(&server, &client, None).unwrap();
        let used = client.ssl().current_cipher().unwrap().name();
        assert_eq!(used, if honor { a } else { b });
    }
}

#[test]
fn s19_s82_a_frozen_context_tells_what_a_switch_to_it_must_copy() {
    let authority = Authority::new();
    let plain = trusting(&authority).freeze().unwrap();
    assert_eq!(plain.client_auth(), ClientAuth::Inherit);
    assert_eq!(plain.versions(), (SslVersion::TLS1_2, SslVersion::TLS1_3));
    assert!(plain.options().contains(SslOptions::NO_COMPRESSION));
    let context = served(&authority);
    context.set_client_auth(ClientAuth::Require).unwrap();
    context.set_max_version("TLSv1.2").unwrap();
    context.set_honor_cipher_order(true).unwrap();
    let frozen = context.freeze().unwrap();
    assert_eq!(frozen.client_auth(), ClientAuth::Require);
    assert_eq!(frozen.versions(), (SslVersion::TLS1_2, SslVersion::TLS1_2));
    let order = SslOptions::CIPHER_SERVER_PREFERENCE;
    assert!(frozen.options().contains(order) && !plain.options().contains(order));
    let late = context.set_client_auth(ClientAuth::None).unwrap_err();
    assert_eq!(late.status, Status::Frozen);
}

/// With every bit that is taken, also those that make little sense together.
#[test]
fn s77_a_handshake_with_all_option_bits() {
    let authority = Authority::new();
    let off = SslOptions::NO_TLSV1_2 | SslOptions::NO_TLSV1_3;
    let refused = 1 << 5 | 1 << 7 | 1 << 18 | 1 << 23;
    for version in ["TLSv1.2", "TLSv1.3"] {
        let (server, client) = (served(&authority), trusting(&authority));
        for context in [&server, &client] {
            context
                .set_secure_options(0xffff_ffff & !refused & !off.bits())
                .unwrap();
            context.set_max_version(version).unwrap();
        }
        let (client, _) = handshake(&server, &client, None).unwrap();
        assert_eq!(client.ssl().version_str(), version);
    }
}

#[test]
fn s77_versions_can_be_turned_off_by_options() {
    let authority = Authority::new();
    let server = served(&authority);
    server
        .set_secure_options(SslOptions::NO_TLSV1_3.bits())
        .unwrap();
    let (client, _) = handshake(&server, &trusting(&authority), None).unwrap();
    assert_eq!(client.ssl().version_str(), "TLSv1.2");
    let none = SslOptions::NO_TLSV1_2 | SslOptions::NO_TLSV1_3;
    let context = trusting(&authority);
    context.set_secure_options(none.bits()).unwrap();
    assert_eq!(context.freeze().err().unwrap().status, Status::Protocol);
    // Not frozen: it can be mended.
    context.set_secure_options(0).unwrap();
    context.freeze().unwrap();
}

#[test]
fn s84_dhe_only_when_asked_for() {
    let authority = Authority::new();
    let key = rsa_key(2048);
    let cert = authority.issue("localhost", &key);
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    let own = openssl::dh::Dh::get_2048_256().unwrap().params_to_pem();
    let own = own.unwrap();
    for parameters in [None, Some(&b"auto"[..]), Some(&own)] {
        let server = Context::new();
        server.set_identity(&cert, &pem, None).unwrap();
        if let Some(parameters) = parameters {
            server.set_dhparam(parameters).unwrap();
        }
        let client = trusting(&authority);
        client.set_ciphers("DHE-RSA-AES128-GCM-SHA256").unwrap();
        client.set_max_version("TLSv1.2").unwrap();
        let result = handshake(&server, &client, None);
        assert_eq!(result.is_ok(), parameters.is_some());
        if parameters == Some(&own) {
            let (mut client, _) = result.unwrap();
            let used = client.ssl_mut().peer_tmp_key().unwrap();
            assert_eq!(used.dh().unwrap().prime_p().num_bits(), 2048);
        }
    }
}

#[test]
fn s84_only_the_groups_that_are_set() {
    let authority = Authority::new();
    let with = |context: Arc<Context>, groups| {
        context.set_groups(groups).unwrap();
        context
    };
    for version in ["TLSv1.2", "TLSv1.3"] {
        for (servers, clients, agreed) in [
            ("P-384:P-256", "P-384:P-256", Some(384)),
            ("P-521:P-384:P-256", "P-521:P-256", Some(521)),
            ("P-521:P-256", "P-384:P-256", Some(256)),
            ("P-521:P-256", "P-384", None),
        ] {
            // An RSA certificate: on TLS 1.2 the curve of an ECDSA certificate would have to be there.
            let key = rsa_key(2048);
            let server = Context::new();
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            let cert = authority.issue("localhost", &key);
            server.set_identity(&cert, &pem, None).unwrap();
            let client = with(trusting(&authority), clients);
            client.set_max_version(version).unwrap();
            client.set_ciphers("ECDHE+AESGCM").unwrap();
            let frozen = with(server.clone(), servers).freeze().unwrap();
            assert_eq!(frozen.groups(), Some(servers));
            let bits = handshake(&server, &client, None)
                .ok()
                .map(|(mut client, _)| client.ssl_mut().peer_tmp_key().unwrap().bits());
            assert_eq!(bits, agreed, "{version} {servers} {clients}");
        }
    }
}

#[test]
fn s23_c019_the_servers_own_session_id_context() {
    let authority = Authority::new();
    for id in [&[b'x'; 32][..], b"\0"] {
        let server = served(&authority);
        server.set_session_id_context(id).unwrap();
        for bad in [&b""[..], &[b'x'; 33]] {
            let error = server.set_session_id_context(bad).unwrap_err();
            assert_eq!(error.status, Status::InvalidArgument);
        }
        let client = trusting(&authority);
        client.set_max_version("TLSv1.2").unwrap();
        let (_client, server) = handshake(&server, &client, None).unwrap();
        let session = server.ssl().session().unwrap();
        assert_eq!(crate::sys::context::session_id_context(session), id);
    }
}

/// A context for both roles: its clients go on with the derived one.
#[test]
fn s23_clients_do_not_use_the_servers_mark() {
    let authority = Authority::new();
    let plain = trusting(&authority).freeze().unwrap();
    let marked = trusting(&authority);
    marked.set_session_id_context(b"mark").unwrap();
    let marked = marked.freeze().unwrap();
    assert_eq!(marked.client_policy(), plain.client_policy());
    let weak = trusting(&authority);
    weak.set_ciphers("DEFAULT@SECLEVEL=0").unwrap();
    let weak = weak.freeze().unwrap();
    assert_ne!(weak.client_policy(), plain.client_policy());
}

#[test]
fn s10_either_a_pfx_or_its_pieces() {
    let authority = Authority::new();
    let (cert, key) = authority.issue_ec("localhost");
    let mut builder = openssl::pkcs12::Pkcs12::builder();
    let leaf = openssl::x509::X509::from_pem(&cert).unwrap();
    let private = openssl::pkey::PKey::private_key_from_pem(&key).unwrap();
    let mut cas = openssl::stack::Stack::new().unwrap();
    cas.push(openssl::x509::X509::from_pem(&authority.pem()).unwrap())
        .unwrap();
    let pfx = builder.pkey(&private).cert(&leaf).ca(cas).build2("x");
    let pfx = pfx.unwrap().to_der().unwrap();
    let is_refused = |result: Result<()>| {
        assert_eq!(result.unwrap_err().status, Status::InvalidState);
    };
    let context = Context::new();
    context.set_pfx(&pfx, Some(b"x")).unwrap();
    is_refused(context.set_cert(&cert));
    is_refused(context.set_key(&key, None));
    is_refused(context.set_identity(&cert, &key, None));
    is_refused(context.add_ca(&authority.pem()));
    is_refused(context.clear_ca());
    // A second one that cannot be used leaves the first.
    assert!(context.set_pfx(&pfx, Some(b"y")).is_err());
    context.set_pfx(&pfx, Some(b"x")).unwrap();
    // Its CA is trusted by the client, and its key used by the server.
    handshake(&context, &context, None).unwrap();
    assert!(context.freeze().unwrap().shared_roots().unwrap().is_none());
    for piece in [
        |context: &Context, cert: &[u8], _key: &[u8]| context.set_cert(cert),
        |context: &Context, _cert: &[u8], key: &[u8]| context.set_key(key, None),
        |context: &Context, cert: &[u8], _key: &[u8]| context.add_ca(cert),
        |context: &Context, _cert: &[u8], _key: &[u8]| context.clear_ca(),
    ] {
        let context = Context::new();
        piece(&context, &cert, &key).unwrap();
        is_refused(context.set_pfx(&pfx, Some(b"x")));
    }
}

#[test]
fn s24_old_versions_work_at_level_0() {
    let authority = Authority::new();
    for (method, version) in [("TLSv1_method", "TLSv1"), ("TLSv1_1_method", "TLSv1.1")] {
        let (server, client) = (served(&authority), trusting(&authority));
        for context in [&server, &client] {
            context.set_secure_protocol(method).unwrap();
            context.set_ciphers("DEFAULT@SECLEVEL=0").unwrap();
        }
        let (client, _) = handshake(&server, &client, None).unwrap();
        assert_eq!(client.ssl().version_str(), version);
    }
}

#[test]
fn s23_the_session_id_context_follows_identity_and_trust() {
    let authority = Authority::new();
    let (cert, key) = authority.issue_ec("localhost");
    let make = |with_ca: bool| {
        let mut settings = Settings::default();
        settings.identities.set_both(&cert, &key, None).unwrap();
        if with_ca {
            settings.trust.add(&authority.pem()).unwrap();
        }
        session_id_context(&settings).unwrap()
    };
    assert_eq!(make(true), make(true));
    assert_ne!(make(true), make(false));
}

#[test]
fn s23_a_session_is_for_contexts_with_the_same_trust() {
    let authority = Authority::new();
    let server = served(&authority);
    // The keys of tickets come from the engine.
    server
        .set_secure_options(SslOptions::NO_TICKET.bits())
        .unwrap();
    let first = trusting(&authority);
    first.set_max_version("TLSv1.2").unwrap();
    let (mut client, _server) = handshake(&server, &first, None).unwrap();
    let session = client.ssl().session().unwrap().to_owned();
    client.keep_session();
    let same = trusting(&authority);
    same.set_max_version("TLSv1.2").unwrap();
    let (again, _server) = handshake(&server, &same, Some(&session)).unwrap();
    assert!(again.ssl().session_reused());
    let other = trusting(&authority);
    other.add_ca(&Authority::named("more").pem()).unwrap();
    other.set_max_version("TLSv1.2").unwrap();
    let error = handshake(&server, &other, Some(&session)).err().unwrap();
    assert_eq!(
        error.name,
        "ERR_SSL_ATTEMPT_TO_REUSE_SESSION_IN_DIFFERENT_CONTEXT"
    );
}

#[test]
fn c028_nothing_is_left_in_the_error_queue() {
    let authority = Authority::new();
    let context = served(&authority);
    context.set_ciphers("RC4:HIGH").unwrap();
    context.set_key(b"nonsense", None).unwrap_err();
    context.freeze().unwrap();
    assert!(error_queue::drain().is_empty());
}

#[test]
fn s30_the_default_client_is_shared() {
    let first = default_client().unwrap();
    assert!(Arc::ptr_eq(&first, &default_client().unwrap()));
}
