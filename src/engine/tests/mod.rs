//! What clients and servers make of each other's certificates, in handshakes in memory.

mod cases;
mod chains;
mod names;
mod revocation;

use std::sync::Arc;

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::*;
use crate::context::fixtures::{pem_of, Authority};
use crate::context::Context;
use crate::error::Error;

/// A handshake takes a few flights; one that takes more is stuck.
const MAX_TURNS: usize = 100;

/// Takes a connection through all of its input: secure after it, or failed.
fn turn(connection: &mut Connection, input: &[u8], out: &mut Vec<u8>) -> Result<(), Box<Error>> {
    let mut input = input;
    let mut plain = vec![0; PLAIN_LENGTH];
    loop {
        match connection.step(&mut input, out, &mut plain) {
            Event::Secure if input.is_empty() => return Ok(()),
            Event::Secure | Event::Data(_) | Event::NewSession(_) => {}
            Event::NeedInput | Event::Closed => return Ok(()),
            Event::Ask(_) | Event::Suspended | Event::Renegotiated => unreachable!("nobody asks"),
            Event::Failed(error) => return Err(error),
        }
    }
}

/// Carries bytes until both are secure or one has failed and the other has heard of it. The client's
/// end, and the server's.
fn handshake(client: &mut Connection, server: &mut Connection) -> [Result<(), Box<Error>>; 2] {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let mut ends = [Ok(()), Ok(())];
    for _ in 0..MAX_TURNS {
        if ends[0].is_ok() {
            let input = std::mem::take(&mut to_client);
            ends[0] = turn(client, &input, &mut to_server);
        }
        if ends[1].is_ok() {
            let input = std::mem::take(&mut to_server);
            ends[1] = turn(server, &input, &mut to_client);
        }
        if to_client.is_empty() && to_server.is_empty() {
            return ends;
        }
        let heard = |end: &Result<(), _>, rest: &Vec<u8>| end.is_err() || rest.is_empty();
        if heard(&ends[0], &to_client) && heard(&ends[1], &to_server) {
            return ends;
        }
    }
    panic!("the handshake does not end");
}

/// A server that shows this chain. Its own level is 0: it may show what a client must refuse.
fn showing(chain: &[&X509], key: &PKey<Private>) -> Arc<Context> {
    let (chain, key) = pem_of(chain, key);
    let context = Context::new();
    context.set_identity(&chain, &key, None).unwrap();
    context.set_ciphers("ALL@SECLEVEL=0").unwrap();
    context
}

fn trusting(authorities: &[&Authority]) -> Arc<Context> {
    let context = Context::new();
    for authority in authorities {
        context.add_ca(&authority.pem()).unwrap();
    }
    context
}

fn client_for(host: &str) -> Settings {
    Settings {
        servername: Some(host.to_owned()),
        ..Settings::client()
    }
}

/// What a client says to a server when it asks for `host`: "accepted", or the name of its error. The
/// server learns of a refusal, and a client that does not reject gives the same name as its reason.
fn verdict(server: &Context, client: &Context, host: &str) -> String {
    let (server, client) = (server.freeze().unwrap(), client.freeze().unwrap());
    let [strict, lax] = [true, false].map(|reject_unauthorized| {
        let settings = Settings {
            reject_unauthorized,
            ..client_for(host)
        };
        let mut us = Connection::new(&client, settings).unwrap();
        let mut them = Connection::new(&server, Settings::server(false, false)).unwrap();
        let ends = handshake(&mut us, &mut them);
        let [our_end, their_end] = ends;
        if reject_unauthorized {
            assert_eq!(
                our_end.is_err(),
                their_end.is_err(),
                "{our_end:?} {their_end:?}"
            );
            assert_eq!(our_end.is_ok(), us.is_secure());
            return our_end.map_or_else(|error| error.name.into_owned(), |()| "accepted".into());
        }
        assert_eq!((our_end, their_end), (Ok(()), Ok(())));
        let facts = us.facts().unwrap();
        assert_eq!(facts.authorized, facts.authorization_error.is_none());
        let reason = facts.authorization_error.as_ref();
        reason.map_or("accepted".into(), |name| name.to_str().unwrap().to_owned())
    });
    assert_eq!(strict, lax);
    strict
}
