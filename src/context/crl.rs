//! Certificate revocation lists. With any list, the whole chain of a peer is checked, and every issuer
//! in it needs a list that is in force.

use openssl::sha::Sha256;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::X509Crl;

use super::distinct::Distinct;
use super::pem;
use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue};

#[derive(Default)]
pub struct Crls(Distinct<X509Crl>);

impl Crls {
    /// Adds all lists of a text.
    pub fn add(&mut self, text: &[u8]) -> Result<()> {
        self.0.add(pem::crls(text)?, |crl| {
            crl.to_der().map_err(|stack| unusable(&stack))
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.items().is_empty()
    }

    /// Has the lists count wherever this store decides. The flags are the store's, not the
    /// connection's: so they come along when a connection changes to another context.
    pub fn apply(&self, store: &mut X509StoreBuilder) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        for crl in self.0.items() {
            context::add_crl(store, crl)?;
        }
        store
            .set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)
            .map_err(|stack| unusable(&stack))
    }

    /// Lists as a set; nothing if there is none.
    pub fn hash(&self, hash: &mut Sha256) {
        if !self.is_empty() {
            hash.update(b"revocation lists");
            self.0.hash(hash);
        }
    }
}

fn unusable(stack: &openssl::error::ErrorStack) -> Box<Error> {
    let what = "a certificate revocation list cannot be used";
    error_queue::from_stack(Status::Certificate, what, stack)
}
