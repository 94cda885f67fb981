//! A few seconds of music that follow from a seed: a slow melody over a drone, made to be repeated.

use std::f32::consts::TAU;

use super::body::mixed;

/// Samples a second.
pub(super) const RATE: u32 = 44_100;
/// Samples in a block, as a FLAC frame has them.
pub(super) const BLOCK: usize = 4096;
/// Blocks until the music repeats.
pub(super) const BLOCKS: usize = 48;
/// Blocks that a note lasts.
const NOTE: usize = 6;
/// The notes that sound well together, as steps of a twelfth above the drone.
const SCALE: [u8; 6] = [0, 3, 5, 7, 10, 12];

/// One block: left and right samples.
pub(super) type Block = Vec<[i16; 2]>;

/// Makes the music.
pub(super) fn blocks(seed: u64) -> Vec<Block> {
    let notes: Vec<f32> = (0..BLOCKS / NOTE)
        .map(|place| {
            let choice = mixed(seed.wrapping_add(place as u64)) % SCALE.len() as u64;
            let step = SCALE[usize::try_from(choice).unwrap_or(0)];
            220.0 * 2f32.powf(f32::from(step) / 12.0)
        })
        .collect();
    (0..BLOCKS).map(|block| (0..BLOCK).map(|sample| sound(&notes, block, sample)).collect()).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a few hundred thousand samples fit into the 24 bits of an f32"
)]
#[expect(clippy::cast_possible_truncation, reason = "the loudest sample is a third of what fits")]
fn sound(notes: &[f32], block: usize, sample: usize) -> [i16; 2] {
    let note = notes[block / NOTE];
    let since = ((block % NOTE) * BLOCK + sample) as f32 / RATE as f32;
    let at = (block * BLOCK + sample) as f32 / RATE as f32;
    let swell = (since * 6.0).min(1.0) * (-2.5 * since).exp();
    let melody = (TAU * note * since).sin() * swell;
    let drone = (TAU * 110.0 * at).sin() * 0.25;
    [(melody * 0.9 + drone) * 8000.0, (melody * 0.6 + drone) * 8000.0].map(|level| level as i16)
}
