//! The chain behind a client's certificate, packed to travel in a session: a resumed one knows the
//! leaf alone, which is not enough to judge it again.

use openssl::stack::StackRef;
use openssl::x509::X509;

const VERSION: u8 = 1;
/// A chain that takes more is not kept: its sessions are not resumed.
const MAX_LENGTH: usize = 16 * 1024;
const MAX_CERTIFICATES: usize = 16;

/// Nothing to pack: `[VERSION]`. What is too large is told by the empty note.
pub fn pack(chain: Option<&StackRef<X509>>) -> Vec<u8> {
    let mut packed = vec![VERSION];
    for certificate in chain.into_iter().flatten() {
        let Ok(der) = certificate.to_der() else {
            return Vec::new();
        };
        let Ok(length) = u16::try_from(der.len()) else {
            return Vec::new();
        };
        packed.extend_from_slice(&length.to_be_bytes());
        packed.extend_from_slice(&der);
        if packed.len() > MAX_LENGTH {
            return Vec::new();
        }
    }
    packed
}

/// `None`: this is no packed chain.
pub fn unpack(packed: &[u8]) -> Option<Vec<X509>> {
    let (version, mut rest) = packed.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut chain = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (der, next) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if chain.len() == MAX_CERTIFICATES {
            return None;
        }
        chain.push(X509::from_der(der).ok()?);
        rest = next;
    }
    rest.is_empty().then_some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::Authority;
    use openssl::stack::Stack;

    #[test]
    fn s23_a_chain_comes_back_as_it_was() {
        let mut chain = Stack::new().unwrap();
        for name in ["a", "b"] {
            let pem = Authority::named(name).pem();
            chain.push(X509::from_pem(&pem).unwrap()).unwrap();
        }
        let packed = pack(Some(&chain));
        let unpacked = unpack(&packed).unwrap();
        let ders = |chain: &mut dyn Iterator<Item = Vec<u8>>| chain.collect::<Vec<_>>();
        let there = ders(&mut chain.iter().map(|one| one.to_der().unwrap()));
        assert_eq!(
            ders(&mut unpacked.iter().map(|one| one.to_der().unwrap())),
            there
        );
        assert_eq!(unpack(&pack(None)).map(|chain| chain.len()), Some(0));
    }

    #[test]
    fn c019_what_is_no_chain_is_refused() {
        let mut chain = Stack::new().unwrap();
        chain
            .push(X509::from_pem(&Authority::new().pem()).unwrap())
            .unwrap();
        let packed = pack(Some(&chain));
        for cut in [0, 2, 3, packed.len() - 1] {
            assert!(unpack(&packed[..cut]).is_none(), "{cut}");
        }
        assert!(unpack(&[2]).is_none());
        assert!(unpack(&[1, 0, 1, 0]).is_none());
    }
}
