//! Sessions that are shared with other servers. Those who have the ticket keys resume only sessions of
//! their own session id context, and would rather not change it: so the tickets that we make carry
//! theirs, and of theirs we take what our own mark would have let through. Ours says more than theirs:
//! what it stands for is looked at here.

use openssl::ssl::SslSessionRef;

use super::handshake::Auth;
use super::server_name;
use crate::context::{FrozenContext, Part, TicketRing};
use crate::sys::{context, session};

/// Gives a session that goes into a ticket the others' session id context. What they demand of a
/// client's certificate is not known: sessions with one stay here.
pub fn lend(session: &SslSessionRef, ring: &TicketRing, auth: Auth) {
    if let Some(foreign) = ring.foreign_id_context().filter(|_| !auth.request) {
        session::set_id_context(session, &foreign);
    }
}

/// Takes the session back that [`lend`] gave away, or one of the others, if it is for the same name, has
/// a cipher that is allowed here, and no client certificate; else it stays what it is, and is not resumed.
pub fn take(
    session: &SslSessionRef,
    ring: &TicketRing,
    (context, auth): (&FrozenContext, Auth),
    name: Option<&str>,
    id_context: &[u8],
) {
    let is_theirs = || {
        let foreign = ring.foreign_id_context();
        foreign.is_some_and(|foreign| context::session_id_context(session) == foreign)
    };
    let same_name =
        || session::server_name(session).map(server_name::lower) == name.map(server_name::lower);
    let same_cipher = || {
        let allows = context.ssl_context(Part::Server);
        allows.is_ok_and(|allows| session::has_cipher_of(session, allows))
    };
    let no_certificate = !auth.request && session::peer(session).is_none();
    if no_certificate && is_theirs() && same_name() && same_cipher() {
        session::set_id_context(session, id_context);
    }
}

/// After its ticket was made, a session that stays here gets our own mark back.
pub fn restore(session: &SslSessionRef, ring: &TicketRing, id_context: &[u8]) {
    if ring.foreign_id_context().is_some() {
        session::set_id_context(session, id_context);
    }
}
