//! Certificates and the like, each of them once, and as a set: the order of adding does not count.

use std::collections::BTreeSet;

use openssl::sha::{sha256, Sha256};

use crate::error::Result;

pub struct Distinct<T> {
    items: Vec<T>,
    /// SHA-256 of their DER forms.
    digests: BTreeSet<[u8; 32]>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Distinct<T> {
        Distinct {
            items: Vec::new(),
            digests: BTreeSet::new(),
        }
    }
}

impl<T> Distinct<T> {
    /// Adds those that are new; none of them if one has no DER form.
    pub fn add(&mut self, new: Vec<T>, der: fn(&T) -> Result<Vec<u8>>) -> Result<()> {
        let digest = |item: &T| Ok(sha256(&der(item)?));
        let digests: Vec<[u8; 32]> = new.iter().map(digest).collect::<Result<_>>()?;
        for (item, digest) in new.into_iter().zip(digests) {
            if self.digests.insert(digest) {
                self.items.push(item);
            }
        }
        Ok(())
    }

    /// In the order of adding.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    pub fn hash(&self, hash: &mut Sha256) {
        self.digests.iter().for_each(|digest| hash.update(digest));
    }
}
