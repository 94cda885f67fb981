//! Covers: whatever a tag holds becomes a small picture of our own making, so that nobody else has to decode what strangers wrote.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// Most pixels a side of a picture that is decoded at all.
const MOST_SIDE: u32 = 12_000;
/// Most memory that decoding may take.
const MOST_DECODED: u64 = 192 << 20;

/// Makes a picture of at most `side` pixels a side, as PNG where it is see-through and as JPEG otherwise.
///
/// # Errors
/// It is no picture, or one that is too large. The text says which.
pub(super) fn small(bytes: &[u8], side: u32) -> Result<Vec<u8>, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_DECODED);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    reader.limits(limits);
    let whole = reader.decode().map_err(|error| format!("the cover can't be decoded: {error}"))?;
    let side = side.clamp(16, 1024);
    let small =
        if whole.width() > side || whole.height() > side { whole.thumbnail(side, side) } else { whole };
    let mut out = Cursor::new(Vec::new());
    let written = if small.color().has_alpha() {
        DynamicImage::from(small.to_rgba8()).write_to(&mut out, ImageFormat::Png)
    } else {
        DynamicImage::from(small.to_rgb8()).write_to(&mut out, ImageFormat::Jpeg)
    };
    written.map_err(|error| format!("the cover can't be made smaller: {error}"))?;
    Ok(out.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_large_cover_becomes_small_and_keeps_its_shape() {
        let small = image::load_from_memory(&small(&png(900, 300), 300).unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (300, 100));
    }

    #[test]
    fn a_bomb_is_not_decoded() {
        // 200 bytes that claim to be 60000 pixels a side.
        let mut bomb = png(8, 8);
        bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let sum = crc32fast::hash(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&sum.to_be_bytes());
        assert!(small(&bomb, 300).unwrap_err().contains("limit"), "{:?}", small(&bomb, 300));
        assert!(small(b"no picture", 300).is_err());
        assert!(small(&[], 300).is_err());
    }
}
