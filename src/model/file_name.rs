//! The anatomy of a file name: stem, extension, numbers. Making foreign names safe is `fetch::name`'s.

use unicode_segmentation::UnicodeSegmentation;

/// Bytes that a name may have, so that `.part`, `.haul` and a number still fit into the 255 that file systems allow.
pub const MOST_BYTES: usize = 240;
/// An extension that is longer than this is part of the name.
const MOST_EXTENSION: usize = 16;

/// Returns the `n`th name beside a taken one: `name (1).tar.gz`.
pub fn numbered(name: &str, n: u32) -> String {
    let (stem, extension) = split(name);
    let mark = format!(" ({n})");
    let room = MOST_BYTES.saturating_sub(mark.len() + extension.len());
    format!("{}{mark}{extension}", cut(stem, room))
}

/// Returns the extension without its dot, where the name has one.
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let plausible = !stem.is_empty()
        && (1..=MOST_EXTENSION).contains(&extension.len())
        && extension.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '~');
    plausible.then_some(extension)
}

/// Shortens a name to so many bytes and keeps its extension.
pub fn shorten(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    format!("{}{extension}", cut(stem, most.saturating_sub(extension.len())))
}

/// Splits into stem and extension with its dot; `.tar.gz` and its like stay together.
fn split(name: &str) -> (&str, &str) {
    let Some(last) = extension(name) else { return (name, "") };
    let stem_end = name.len() - last.len() - 1;
    let stem = &name[..stem_end];
    let packed =
        matches!(last, "gz" | "bz2" | "xz" | "zst" | "lz" | "lz4" | "lzma" | "Z" | "br" | "asc" | "sig");
    if packed && let Some(inner) = extension(stem).filter(|inner| inner.len() <= 4) {
        return name.split_at(stem_end - inner.len() - 1);
    }
    name.split_at(stem_end)
}

/// The first whole characters that fit into so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let end = text.grapheme_indices(true).map(|(at, c)| at + c.len()).take_while(|end| *end <= most).last();
    text[..end.unwrap_or(0)].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_before_the_extension() {
        assert_eq!(numbered("a.tar.gz", 1), "a (1).tar.gz");
        assert_eq!(numbered("a.iso", 12), "a (12).iso");
        assert_eq!(numbered("README", 1), "README (1)");
        assert_eq!(numbered("v1.2 notes", 1), "v1.2 notes (1)");
        assert!(numbered(&"x".repeat(240), 1).len() <= MOST_BYTES);
    }
}
