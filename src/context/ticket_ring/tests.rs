//! What a ring makes and opens tickets with, as time goes by.

use super::*;
use crate::context::fixtures::Authority;
use crate::sys::error_queue;

const HOUR: u64 = 3_600_000;

fn at(running_ms: u64) -> Moment {
    Moment {
        unix_ms: 1_700_000_000_000 + running_ms,
        running_ms,
    }
}

/// A key whose bytes are all the same.
fn bytes(with: u8, length: usize) -> Vec<u8> {
    vec![with; length]
}

fn key_source(with: u8) -> Source {
    Source::Key(Arc::new(key::parse(&bytes(with, 48)).unwrap()))
}

/// The first byte of the name of the key that makes tickets.
fn making(ring: &TicketRing, now: u64) -> u8 {
    ring.lock().maker(at(now)).unwrap().name[0]
}

/// Whether a key is old, if it opens at all.
fn opens(ring: &TicketRing, name: u8, now: u64) -> Option<bool> {
    let opener = ring.lock().opener(&[name; 16], at(now))?;
    Some(opener.is_old)
}

fn empty() -> Arc<TicketRing> {
    TicketRing::new().unwrap()
}

#[test]
fn s85_a_new_key_waits_for_the_others() {
    let ring = empty();
    ring.set_grace_period(1_000).unwrap();
    // The first takes the place of the random one.
    ring.add(key_source(1), at(5_000)).unwrap();
    assert_eq!((ring.count(), making(&ring, 5_000)), (1, 1));
    ring.add(key_source(2), at(6_000)).unwrap();
    assert_eq!(making(&ring, 6_999), 1);
    // Others may be faster: it opens already, and is not to be replaced by an older one.
    assert_eq!(opens(&ring, 2, 6_000), Some(false));
    assert_eq!(opens(&ring, 1, 6_999), Some(false));
    assert_eq!(making(&ring, 7_000), 2);
    assert_eq!(opens(&ring, 1, 7_000), Some(true));
    assert_eq!(opens(&ring, 3, 7_000), None);
    // No grace: at once.
    ring.set_grace_period(0).unwrap();
    ring.add(key_source(3), at(7_000)).unwrap();
    assert_eq!(making(&ring, 7_000), 3);
    assert_eq!(opens(&ring, 2, 7_000), Some(true));
}

#[test]
fn s85_the_oldest_makes_room() {
    let ring = empty();
    ring.set_grace_period(0).unwrap();
    for with in 1..=20 {
        ring.add(key_source(with), at(u64::from(with))).unwrap();
    }
    assert_eq!(ring.count(), MAX_ENTRIES);
    assert_eq!(opens(&ring, 4, 100), None);
    assert_eq!(opens(&ring, 5, 100), Some(true));
    assert_eq!(making(&ring, 100), 20);
    // However many come within the grace period, something makes tickets.
    ring.set_grace_period(1_000).unwrap();
    for with in 21..=60 {
        ring.add(key_source(with), at(100)).unwrap();
    }
    assert_eq!(making(&ring, 100), 45);
}

#[test]
fn s85_a_ring_can_be_made_smaller() {
    let ring = empty();
    ring.set_grace_period(0).unwrap();
    for with in 1..=5 {
        ring.add(key_source(with), at(1)).unwrap();
    }
    for wrong in [0, 1, 17, usize::MAX] {
        assert!(ring.set_max_keys(wrong).is_err());
    }
    ring.set_max_keys(3).unwrap();
    assert_eq!((ring.count(), opens(&ring, 2, 1)), (3, None));
    ring.add(key_source(6), at(1)).unwrap();
    assert_eq!((ring.count(), opens(&ring, 3, 1)), (3, None));
    ring.set_max_keys(2).unwrap();
    let files = [1, 2, 3].map(|with| bytes(with, 48));
    ring.import_nginx(&files.each_ref().map(Vec::as_slice))
        .unwrap();
    assert_eq!((ring.count(), making(&ring, 1)), (2, 1));
    ring.set_max_keys(16).unwrap();
    ring.add(key_source(7), at(1)).unwrap();
    assert_eq!(ring.count(), 3);
}

#[test]
fn s85_a_key_that_is_there_is_not_added_again() {
    let ring = empty();
    ring.set_grace_period(0).unwrap();
    for with in [1, 2, 1, 2, 2] {
        ring.add(key_source(with), at(1)).unwrap();
    }
    assert_eq!((ring.count(), making(&ring, 1)), (2, 2));
    let mut other = bytes(2, 48);
    other[47] = 0;
    let error = ring.add_key(&other).unwrap_err();
    assert_eq!(error.status, Status::InvalidArgument);
    // Of another length, but of the same name.
    assert!(ring.add_key(&bytes(2, 80)).is_err());
    assert_eq!(ring.count(), 2);
}

#[test]
fn c020_wrong_lengths_are_refused_and_zeros_are_not() {
    let ring = empty();
    for length in [0, 1, 16, 32, 47, 49, 64, 79, 81, 96, 160] {
        let error = ring.add_key(&bytes(0, length)).unwrap_err();
        assert_eq!(error.status, Status::InvalidArgument, "{length}");
        assert!(error.message.contains(&length.to_string()), "{error}");
        assert!(TicketRing::with_key(&bytes(0, length)).is_err());
    }
    assert!(TicketRing::with_key(&bytes(0, 80)).is_err());
    ring.add_key(&bytes(0, 48)).unwrap();
    assert_eq!(*ring.key_of_48_bytes().unwrap(), [0; 48]);
    let one = TicketRing::with_key(&bytes(7, 48)).unwrap();
    assert_eq!(*one.key_of_48_bytes().unwrap(), [7; 48]);
}

#[test]
fn s85_nodes_form_is_for_short_keys() {
    let ring = empty();
    ring.set_grace_period(0).unwrap();
    // The random one that is there first has it.
    let random = ring.key_of_48_bytes().unwrap();
    assert_ne!(*random, *empty().key_of_48_bytes().unwrap());
    ring.rotate().unwrap();
    let error = ring.key_of_48_bytes().err().unwrap();
    assert_eq!(error.status, Status::InvalidState);
    assert!(ring.set_grace_period(8 * 24 * HOUR).is_err());
}

/// The name of the key of a ring with a secret.
fn derived(ring: &TicketRing, unix_ms: u64) -> KeyName {
    let now = Moment {
        unix_ms,
        running_ms: 0,
    };
    ring.lock().maker(now).unwrap().name
}

fn with_secret(secret: &[u8], period_ms: u64) -> Arc<TicketRing> {
    let ring = empty();
    ring.add_secret(secret, period_ms).unwrap();
    ring
}

fn is_old(ring: &TicketRing, name: &KeyName, unix_ms: u64) -> Option<bool> {
    let now = Moment {
        unix_ms,
        running_ms: 0,
    };
    Some(ring.lock().opener(name, now)?.is_old)
}

#[test]
fn s85_hosts_with_one_secret_open_each_others_tickets() {
    let secret = bytes(9, 32);
    let (a, b) = (with_secret(&secret, HOUR), with_secret(&secret, HOUR));
    let now = 480_000 * HOUR;
    // Clocks apart by up to a period, in both directions.
    for (ours, theirs) in [(0, 0), (HOUR - 1, 0), (0, HOUR - 1), (HOUR, 0), (0, HOUR)] {
        let name = derived(&a, now + ours);
        assert_eq!(
            is_old(&b, &name, now + theirs),
            // One of an earlier period is replaced, one of a later one is not.
            Some(ours / HOUR < theirs / HOUR),
            "{ours} {theirs}"
        );
    }
    let name = derived(&a, now);
    assert_eq!(is_old(&b, &name, now + 2 * HOUR), None);
    assert_eq!(is_old(&b, &name, now - HOUR - 1), None);
    // Another period, another secret, another length of it: other keys.
    let mut longer = secret.clone();
    longer.push(9);
    for other in [
        with_secret(&secret, HOUR / 2),
        with_secret(&bytes(8, 32), HOUR),
        with_secret(&longer, HOUR),
    ] {
        assert_eq!(is_old(&other, &name, now), None);
    }
    // A clock that stands at 1970, or close to the end of time.
    for odd in [0, HOUR, u64::MAX] {
        let name = derived(&a, odd);
        assert_eq!(is_old(&b, &name, odd), Some(false));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn counting(length: u8) -> Vec<u8> {
    (0..length).collect()
}

/// Computed by other programs, once: versions of the library must not drift apart.
#[test]
fn s85_derived_keys_are_the_same_for_ever() {
    let ring = with_secret(&counting(32), HOUR);
    let now = Moment {
        unix_ms: 480_000 * HOUR + 1,
        running_ms: 0,
    };
    let key = ring.lock().maker(now).unwrap();
    assert_eq!(
        hex(&key::bytes(&key)),
        "dc1664f2e61e1d351f0b21166ae85809904cbafa359ffbd2a7b91b8e18363a7d\
         4064593623d1da5e818173c6728d1d410cb4d4599da3fa7dc88222b03f34fb12\
         8a4f752a170e9acb88f581f7bafe3fe7"
    );
    let (name, sealing) = TicketRing::with_key(&counting(48))
        .unwrap()
        .sealing_key()
        .unwrap();
    assert_eq!(name.as_slice(), &counting(16));
    assert_eq!(
        hex(&sealing),
        "6b9705fd8cde8038147cf74a38acea66142eb48effca973dea572b8c9cc72a06"
    );
}

#[test]
fn s85_blobs_stay_readable_while_their_key_is_there() {
    let ring = empty();
    ring.set_grace_period(0).unwrap();
    ring.add_key(&bytes(1, 48)).unwrap();
    let (name, first) = ring.sealing_key().unwrap();
    ring.add_key(&bytes(2, 80)).unwrap();
    let (second_name, second) = ring.sealing_key().unwrap();
    assert_ne!((name, &*first), (second_name, &*second));
    assert_eq!(*ring.sealing_key_named(&name).unwrap(), *first);
    assert_eq!(*ring.sealing_key_named(&second_name).unwrap(), *second);
    assert!(ring.sealing_key_named(&[3; 16]).is_none());
}

#[test]
fn s85_a_ring_is_the_same_on_another_host() {
    let here = empty();
    here.set_grace_period(1_000).unwrap();
    here.add(key_source(1), at(0)).unwrap();
    here.add(key_source(2), at(0)).unwrap();
    here.add_secret(&bytes(9, 40), HOUR).unwrap();
    here.add(key_source(3), at(5_000)).unwrap();
    // 2 has begun, 3 waits.
    let exported = here.export_at(at(5_000));
    let there = empty();
    there.import_at(&exported, at(100)).unwrap();
    assert_eq!(there.count(), 4);
    assert_eq!(there.lock().making(at(100)), here.lock().making(at(5_000)));
    // The grace period of the one that imports, from then on.
    assert_eq!(making(&there, 60_099), making(&here, 5_000));
    assert_eq!(making(&there, 60_100), 3);
    assert_eq!(opens(&there, 1, 100), Some(true));
    // Pushed again, it goes on waiting from where it was.
    there.import_at(&exported, at(50_000)).unwrap();
    assert_eq!((there.count(), making(&there, 60_100)), (4, 3));
    // And what makes tickets there makes them here at once.
    let late = empty();
    late.import_at(&exported, at(1)).unwrap();
    late.import_at(&here.export_at(at(6_000)), at(2)).unwrap();
    assert_eq!(making(&late, 2), 3);
    assert_eq!(*here.export_at(at(6_000)), *late.export_at(at(2)));
}

#[test]
fn s85_a_made_up_key_counts_once_it_was_used() {
    let ring = empty();
    let name = ring.maker().unwrap().name;
    ring.rotate().unwrap();
    assert_eq!(ring.count(), 2);
    assert_eq!(ring.maker().unwrap().name, name);
    // Having looked for another one is no use.
    let ring = empty();
    assert!(ring.opener(&[0; 16]).is_none());
    ring.rotate().unwrap();
    assert_eq!(ring.count(), 1);
}

#[test]
fn s85_a_made_up_key_counts_once_it_was_exported() {
    let (here, there) = (empty(), empty());
    there.import(&here.export()).unwrap();
    let name = here.maker().unwrap().name;
    here.rotate().unwrap();
    assert_eq!(here.count(), 2);
    assert_eq!(here.maker().unwrap().name, name);
    assert_eq!(there.maker().unwrap().name, name);
}

#[test]
fn s85_what_is_not_a_ring_is_refused_and_nothing_changes() {
    let ring = empty();
    ring.add_key(&bytes(1, 48)).unwrap();
    ring.add_key(&bytes(2, 80)).unwrap();
    ring.add_secret(&bytes(3, 32), HOUR).unwrap();
    let good = ring.export();
    let refuses = |bytes: &[u8], what: &str| {
        let error = ring.import(bytes).unwrap_err();
        assert_eq!(error.status, Status::Key);
        assert_eq!(error.name, "ERR_INVALID_TICKET_KEYS");
        assert!(error.message.contains(what), "{error}");
        assert_eq!((ring.count(), making(&ring, 0)), (3, 1));
    };
    refuses(b"", "not an exported");
    refuses(&[0; 48], "not an exported");
    for length in 0..good.len() {
        refuses(&good[..length], "");
    }
    for index in 0..good.len() {
        for bit in 0..8 {
            let mut altered = good.to_vec();
            altered[index] ^= 1 << bit;
            refuses(&altered, "");
        }
    }
    refuses(&[&good[..], b"\0"].concat(), "cut short or was altered");
    // With a digest that fits, as only somebody on purpose makes it.
    let sealed = |text: &[u8]| [text, &openssl::sha::sha256(text)].concat();
    let text = &good[..good.len() - 32];
    ring.import(&sealed(text)).unwrap();
    let with = |index: usize, byte: u8| {
        let mut text = text.to_vec();
        text[index] = byte;
        sealed(&text)
    };
    refuses(&with(8, 2), "version 2");
    for (index, byte) in [(9, 0), (9, 2), (9, 4), (9, 17), (10, 3), (11, 3), (12, 47)] {
        refuses(&with(index, byte), "cut short or was altered");
    }
    refuses(&sealed(&[text, b"more"].concat()), "altered");
    refuses(&sealed(b"tlspring\x01\x00"), "altered");
    refuses(&sealed(b"tlspring\x01"), "altered");
}

#[test]
fn s85_nginx_has_an_order_of_its_own_for_short_keys() {
    let ring = empty();
    let short = counting(48);
    let long = (100..180).collect::<Vec<u8>>();
    ring.import_nginx(&[&short, &long]).unwrap();
    let key = ring.maker().unwrap();
    assert_eq!(key.name.as_slice(), &short[..16]);
    assert_eq!((key.aes(), key.hmac()), (&short[16..32], &short[32..]));
    let old = ring.opener(&long[..16].try_into().unwrap()).unwrap();
    assert!(old.is_old);
    assert_eq!(
        (old.key.hmac(), old.key.aes()),
        (&long[16..48], &long[48..])
    );
    // The next rotation: another file is the first, at once.
    ring.import_nginx(&[&long, &short, &long]).unwrap();
    assert_eq!(ring.maker().unwrap().name.as_slice(), &long[..16]);
    assert_eq!(ring.count(), 2);
    for bad in [&[][..], &[&short[..47]], &[&short, &[]], &[&[0; 96]]] {
        ring.import_nginx(bad).unwrap_err();
    }
    ring.import_nginx(&vec![short.as_slice(); 17]).unwrap_err();
    assert_eq!(ring.maker().unwrap().name.as_slice(), &long[..16]);
}

#[test]
fn s85_haproxy_makes_tickets_with_the_last_key_but_one() {
    let encode = |with: u8, length| openssl::base64::encode_block(&bytes(with, length));
    let lines = |keys: &[(u8, usize)]| -> String {
        let lines = keys
            .iter()
            .map(|(with, length)| encode(*with, *length) + "\n");
        lines.collect()
    };
    let ring = empty();
    let text = lines(&[(1, 48), (2, 48), (3, 48)]);
    // Without a last line break, and as other systems have it.
    for text in [&text, text.trim_end(), &text.replace('\n', "\r\n\r\n")] {
        ring.import_haproxy(text.as_bytes()).unwrap();
        assert_eq!((ring.count(), making(&ring, 1 << 40)), (3, 2));
        assert_eq!(opens(&ring, 1, 0), Some(true));
        assert_eq!(opens(&ring, 3, 0), Some(false));
    }
    let exported = empty();
    exported.import(&ring.export()).unwrap();
    assert_eq!(making(&exported, 1 << 40), 2);
    ring.import_haproxy(lines(&[(2, 80), (3, 80), (4, 80), (5, 80)]).as_bytes())
        .unwrap();
    assert_eq!((ring.count(), making(&ring, 0)), (4, 4));
    let many: Vec<_> = (1..=20).map(|with| (with, 48)).collect();
    ring.import_haproxy(lines(&many).as_bytes()).unwrap();
    assert_eq!((ring.count(), making(&ring, 0)), (MAX_ENTRIES, 19));
    // One key in all lines does what it can.
    ring.import_haproxy(lines(&[(7, 48); 3]).as_bytes())
        .unwrap();
    assert_eq!((ring.count(), making(&ring, 0)), (1, 7));
    for (bad, what) in [
        (String::new(), "has 0"),
        (lines(&[(1, 48), (2, 48)]), "has 2"),
        (lines(&[(1, 48), (2, 47), (3, 48)]), "line 2"),
        (lines(&[(1, 48), (2, 48)]) + "=====\n", "line 3"),
        ("\u{e4}".repeat(32), "line 1"),
    ] {
        let error = ring.import_haproxy(bad.as_bytes()).unwrap_err();
        assert_eq!(error.status, Status::Key);
        assert!(error.message.contains(what), "{error}");
    }
    assert_eq!(making(&ring, 0), 7);
    // The order within a line, of which both halves have the same length.
    let line = openssl::base64::encode_block(&counting(80)) + "\n";
    ring.import_haproxy(line.repeat(3).as_bytes()).unwrap();
    let key = ring.maker().unwrap();
    assert_eq!(
        (key.aes(), key.hmac()),
        (&counting(80)[16..48], &counting(80)[48..])
    );
    assert!(error_queue::drain().is_empty());
}

#[test]
fn s85_session_id_contexts_of_others() {
    let ring = empty();
    assert!(ring.foreign_id_context().is_none());
    ring.set_foreign_id_context(b"haproxy").unwrap();
    assert_eq!(ring.foreign_id_context().unwrap(), b"haproxy");
    assert!(ring.set_foreign_id_context(&[0; 33]).is_err());
    ring.set_foreign_id_context(b"").unwrap();
    assert!(ring.foreign_id_context().is_none());
    let authority = Authority::new();
    let (cert, _) = authority.issue_ec("localhost");
    ring.set_nginx_id_context(&[&cert], b"").unwrap();
    let one = ring.foreign_id_context().unwrap();
    assert_eq!(one.len(), 20);
    let (other, _) = authority.issue_ec("localhost");
    let mut seen = vec![one];
    // The order counts, and what clients must show; a chain and a CA that is there twice do not.
    for (certificates, cas) in [
        (vec![&cert, &other], vec![]),
        (vec![&other, &cert], vec![]),
        (vec![&cert], authority.pem()),
    ] {
        let certificates: Vec<&[u8]> = certificates.iter().map(|cert| cert.as_slice()).collect();
        ring.set_nginx_id_context(&certificates, &cas).unwrap();
        let id = ring.foreign_id_context().unwrap();
        assert!(!seen.contains(&id));
        seen.push(id);
    }
    let chain = [cert.clone(), authority.pem()].concat();
    ring.set_nginx_id_context(&[&chain], &authority.pem().repeat(2))
        .unwrap();
    assert_eq!(ring.foreign_id_context().as_ref(), seen.last());
    ring.set_nginx_id_context(&[], b"").unwrap_err();
    ring.set_nginx_id_context(&[b"junk"], b"").unwrap_err();
    ring.set_nginx_id_context(&[&cert], b"junk").unwrap_err();
    assert_eq!(ring.foreign_id_context().as_ref(), seen.last());
}
