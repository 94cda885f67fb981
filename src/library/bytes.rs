//! A walk over bytes that somebody else wrote: every step is checked, a length that leads out of them ends it.

/// What is left of a run of bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Takes so many bytes; none where there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes as many bytes as a length field of the file says.
    pub(super) fn take_claimed(&mut self, count: u64) -> Option<Bytes<'a>> {
        self.take(usize::try_from(count).ok()?).map(Bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64_le(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64_be(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// Reads UTF-16LE up to its end or a NUL; what is no character becomes U+FFFD.
pub(super) fn utf16_le(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Reads UTF-8 up to its end or a NUL.
pub(super) fn utf8(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bytes = Bytes(&[1, 0, 2]);
        assert_eq!(bytes.u16_le(), Some(1));
        assert_eq!(bytes.u16_le(), None);
        assert!(bytes.take_claimed(u64::MAX).is_none());
        assert_eq!(bytes.u8(), Some(2));
        assert!(bytes.is_empty());
    }

    #[test]
    fn texts_end_at_their_first_nul() {
        assert_eq!(utf16_le(b"T\0a\0\0\0x\0"), "Ta");
        assert_eq!(utf16_le(&[0x00, 0xd8, b'a', 0, 9]), "\u{fffd}a");
        assert_eq!(utf8(b"Tail\0spin"), "Tail");
    }
}
