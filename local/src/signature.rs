//! Signatures of presigned URLs, under a key that each server makes for itself.

use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Signs what a URL allows. Its key ends with the server.
pub(crate) struct Signer(Hmac<Sha256>);

/// What one URL allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) method: &'a str,
    pub(crate) sandbox: &'a str,
    /// Unix seconds.
    pub(crate) expires: u64,
    pub(crate) path: &'a str,
}

impl Signer {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self(Hmac::new(&key.into())))
    }

    /// In lowercase hex.
    pub(crate) fn sign(&self, grant: Grant<'_>) -> String {
        let tag = self.over(grant).finalize().into_bytes();
        tag.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// In a time that does not depend on where the signature differs.
    pub(crate) fn verify(&self, grant: Grant<'_>, signature: &str) -> bool {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let tag: Option<Vec<u8>> = signature
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                &[high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            })
            .collect();
        tag.is_some_and(|tag| self.over(grant).verify_slice(&tag).is_ok())
    }

    /// Only the path may hold a line break, and it comes last: no two grants read the same.
    fn over(&self, grant: Grant<'_>) -> Hmac<Sha256> {
        let Grant { method, sandbox, expires, path } = grant;
        let mut mac = self.0.clone();
        mac.update(format!("{method}\n{sandbox}\n{expires}\n{path}").as_bytes());
        mac
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_grant_alone() {
        let signer = Signer::new().expect("random bytes");
        let grant = Grant { method: "GET", sandbox: "sbx_1", expires: 60, path: "/a\n/b" };
        let signature = signer.sign(grant);
        assert!(signer.verify(grant, &signature));
        for other in [
            Grant { method: "PUT", ..grant },
            Grant { sandbox: "sbx_2", ..grant },
            Grant { expires: 61, ..grant },
            Grant { path: "/a", ..grant },
        ] {
            assert!(!signer.verify(other, &signature), "{other:?}");
        }
        for bad in ["", "0", "zz", &signature[..62], &format!("{signature}00"), "é"] {
            assert!(!signer.verify(grant, bad), "{bad:?}");
        }
        assert!(!Signer::new().expect("random bytes").verify(grant, &signature));
    }
}
