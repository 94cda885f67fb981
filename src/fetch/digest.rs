//! Sums: computed as bytes pass, and read from what servers promise (RFC 9530).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use digest::Digest as _;
use http::HeaderMap;

use crate::model::checksum::{Algorithm, Checksum};

/// Bytes that are read of a file at a time.
const READ: usize = 1 << 20;

/// A sum in the making.
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

enum State {
    Md5(Box<md5::Md5>),
    Sha1(Box<sha1::Sha1>),
    Sha256(Box<sha2::Sha256>),
    Sha384(Box<sha2::Sha384>),
    Sha512(Box<sha2::Sha512>),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Starts a sum of no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Md5 => State::Md5(Box::default()),
            Algorithm::Sha1 => State::Sha1(Box::default()),
            Algorithm::Sha256 => State::Sha256(Box::default()),
            Algorithm::Sha384 => State::Sha384(Box::default()),
            Algorithm::Sha512 => State::Sha512(Box::default()),
            Algorithm::Blake3 => State::Blake3(Box::default()),
        };
        Self { algorithm, state }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Md5(hash) => hash.update(bytes),
            State::Sha1(hash) => hash.update(bytes),
            State::Sha256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
            State::Blake3(hash) => {
                hash.update(bytes);
            }
        }
    }

    /// Returns the sum of all that was taken in.
    #[expect(clippy::missing_panics_doc, reason = "it can't panic: see the proof inside")]
    pub fn finish(self) -> Checksum {
        let sum = match self.state {
            State::Md5(hash) => Checksum::new(self.algorithm, &hash.finalize()),
            State::Sha1(hash) => Checksum::new(self.algorithm, &hash.finalize()),
            State::Sha256(hash) => Checksum::new(self.algorithm, &hash.finalize()),
            State::Sha384(hash) => Checksum::new(self.algorithm, &hash.finalize()),
            State::Sha512(hash) => Checksum::new(self.algorithm, &hash.finalize()),
            State::Blake3(hash) => Checksum::new(self.algorithm, hash.finalize().as_bytes()),
        };
        #[expect(clippy::expect_used, reason = "each state was made for its algorithm, so the lengths agree")]
        sum.expect("a sum has its algorithm's length")
    }
}

/// Returns the sum of a file.
///
/// # Errors
/// It can't be read.
pub fn of_file(path: &Path, algorithm: Algorithm) -> std::io::Result<Checksum> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer) = (Hasher::new(algorithm), vec![0; READ]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Returns the strongest sum of the whole file that an answer promises. `is_whole` says whether its body is all of the file:
/// then Content-Digest and Content-MD5 speak of it too.
pub fn promised(headers: &HeaderMap, is_whole: bool) -> Option<Checksum> {
    let whole = ["repr-digest", "digest"];
    let body = ["content-digest", "content-md5"];
    let names = whole.iter().chain(body.iter().filter(|_| is_whole));
    names
        .flat_map(|name| headers.get_all(*name).iter().map(move |value| (*name, value)))
        .filter_map(|(name, value)| Some((name, value.to_str().ok()?)))
        .flat_map(|(name, text)| match name {
            "digest" => legacy(text),
            "content-md5" => Checksum::parse(Algorithm::Md5, text).into_iter().collect(),
            _ => structured(text),
        })
        .max_by_key(Checksum::algorithm)
}

/// `sha-256=:BASE64:, md5=:BASE64:` (RFC 9530, section 2).
fn structured(text: &str) -> Vec<Checksum> {
    let Ok(fields) = sfv::Parser::new(text).parse::<sfv::Dictionary>() else { return Vec::new() };
    fields
        .iter()
        .filter_map(|(name, member)| {
            let algorithm = Algorithm::named(name.as_str())?;
            let sfv::ListEntry::Item(item) = member else { return None };
            let sfv::BareItem::ByteSequence(bytes) = &item.bare_item else { return None };
            Checksum::new(algorithm, bytes)
        })
        .collect()
}

/// `sha-256=BASE64, md5=BASE64` (RFC 3230, obsolete and still in use).
fn legacy(text: &str) -> Vec<Checksum> {
    text.split(',')
        .filter_map(|part| {
            let (name, sum) = part.trim().split_once('=')?;
            Checksum::parse(Algorithm::named(name)?, sum).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_nothing_are_the_known_ones() {
        let table = [
            (Algorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
            (Algorithm::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (Algorithm::Sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (Algorithm::Blake3, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        ];
        for (algorithm, hex) in table {
            assert_eq!(Hasher::new(algorithm).finish(), Checksum::parse(algorithm, hex).unwrap());
        }
    }

    #[test]
    fn the_strongest_promise_about_the_whole_counts() {
        let md5 = Checksum::parse(Algorithm::Md5, "1B2M2Y8AsgTpgAmY7PhCfg==").unwrap();
        let sha = Hasher::new(Algorithm::Sha256).finish();
        let sha64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let table = [
            ("repr-digest", format!("sha-256=:{sha64}:, md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"), false, Some(&sha)),
            ("content-digest", format!("sha-256=:{sha64}:"), true, Some(&sha)),
            ("content-digest", format!("sha-256=:{sha64}:"), false, None),
            ("digest", format!("SHA-256={sha64}"), false, Some(&sha)),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==".into(), true, Some(&md5)),
            ("repr-digest", "sha-256=:AAAA:".into(), false, None),
            ("repr-digest", "garbage\u{7f}".into(), false, None),
        ];
        for (name, value, is_whole, expected) in table {
            let Ok(value) = http::HeaderValue::from_str(&value) else { continue };
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), value)]);
            assert_eq!(promised(&headers, is_whole).as_ref(), expected, "{name}");
        }
    }
}
