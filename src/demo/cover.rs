//! A cover for an album: a sky, a sun and waves in colours that follow from its title.

use std::io::{self, Cursor};

use image::{ImageFormat, Rgb, RgbImage};

use super::body::mixed;

/// Pixels on each side.
const SIDE: u32 = 240;

/// Draws the cover, as a PNG file.
///
/// # Errors
/// The picture can't be encoded.
pub(super) fn png(album: &str) -> io::Result<Vec<u8>> {
    let seed = mixed(album.bytes().fold(0, |seed, byte| mixed(seed ^ u64::from(byte))));
    let [sky, sun, sea, ..] = seed.to_le_bytes();
    let height = SIDE / 3 + u32::from(sun) % (SIDE / 4);
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let from_sun = (x.abs_diff(SIDE / 2)).pow(2) + y.abs_diff(height).pow(2);
        let wave = SIDE * 2 / 3 + [0, 3, 5, 3][(x / 8 + u32::from(sea)) as usize % 4];
        let shade = u8::try_from(y * 120 / SIDE).unwrap_or(u8::MAX);
        if y > wave {
            let line = if (y - wave) % 12 < 3 { 40 } else { 0 };
            Rgb([20 + line, 60 + sea / 4 + line, 110 + sea / 4])
        } else if from_sun < (SIDE / 7).pow(2) {
            Rgb([250, 190 + sun / 8, 90])
        } else {
            Rgb([60 + sky / 4 + shade, 50 + shade, 110 - shade / 2])
        }
    });
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).map_err(io::Error::other)?;
    Ok(file.into_inner())
}
