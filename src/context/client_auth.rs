//! Whether a server asks its clients for a certificate: what a context says about it.

/// A context that SNI picks may have a policy of its own, which beats the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// The server's own settings count.
    #[default]
    Inherit,
    /// No certificate is asked for.
    None,
    /// One is asked for; the connection goes on without one, or with one that is not accepted.
    Request,
    /// Only a client whose certificate is accepted gets through.
    Require,
}
