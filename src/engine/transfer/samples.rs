//! Samples: where no validator proves that a file is the same, some of its bytes are fetched again and compared.

use std::rc::Rc;

use super::order::Outcome;
use super::shared::{Shared, wall};
use super::trouble;
use crate::fetch::hear;
use crate::kernel::identity::{Verdict, same_file};
use crate::model::coverage::Coverage;
use crate::model::range::{Asked, ByteRange, ContentRange};
use crate::model::validators::Validators;

/// How much of the coverage's end is compared, in bytes.
const TAIL: u64 = 64 * 1024;
/// How many blocks are compared beside it.
const BLOCKS: u64 = 16;
/// Bytes in a block.
const BLOCK: u64 = 4096;

/// What the samples say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    /// Every sampled byte is the same.
    Agree,
    /// At least one is not, or the server speaks of another version now.
    Differ,
    /// The server gives no such bytes, which says nothing of them.
    Refused,
}

impl Shared {
    /// Fetches the last 64 KiB and 16 random blocks of the coverage again, one after the other, and compares.
    pub(super) async fn compare_samples(self: &Rc<Self>, expected: &Validators) -> Result<Samples, Outcome> {
        let sampled = choose(&self.coverage.borrow(), |below| fastrand::u64(..below));
        let url = self.sources.url(0).unwrap_or_else(|| self.order.source.clone());
        for range in sampled.ranges() {
            let asked = Asked::From { start: range.start(), end: Some(range.end()) };
            let fetched = self.ask(url.clone(), asked, false).await;
            let mut answer = fetched.map_err(|error| trouble::of_fetch(self, &error))?;
            let heard = hear::hear(&answer, wall());
            match heard.content_range {
                ContentRange::Bytes(got, total) if heard.status == 206 => {
                    if same_file(expected, self.size.get(), &heard.validators, total) == Verdict::Changed {
                        return Ok(Samples::Differ);
                    }
                    if got.start() != range.start() || heard.encoded {
                        return Ok(Samples::Refused);
                    }
                }
                _ if matches!(heard.status, 408 | 429 | 500..=599) => {
                    let text = crate::kernel::answer::phrase(heard.status);
                    return Err(Outcome::Transient { text, after: heard.retry_after, host: None });
                }
                _ => return Ok(Samples::Refused),
            }
            let mut at = range.start();
            while at < range.end() {
                let chunk = self.next_chunk(&mut answer.body).await;
                let Some(chunk) = chunk.map_err(|error| trouble::of_fetch(self, &error))? else {
                    let text = "the server sent less than it announced".to_owned();
                    return Err(Outcome::Transient { text, after: None, host: None });
                };
                self.received(chunk.len());
                let room = usize::try_from(range.end() - at).unwrap_or(usize::MAX);
                let chunk = &chunk[..chunk.len().min(room)];
                if !self.is_on_disk(at, chunk)? {
                    return Ok(Samples::Differ);
                }
                at += chunk.len() as u64;
            }
        }
        Ok(Samples::Agree)
    }

    /// Whether the part holds exactly these bytes at an offset.
    pub(super) fn is_on_disk(&self, offset: u64, bytes: &[u8]) -> Result<bool, Outcome> {
        let part = self.part.borrow();
        let Some(part) = part.as_ref() else { return Ok(false) };
        let mut held = vec![0; bytes.len()];
        let whole = part.read_at(offset, &mut held).map_err(|error| trouble::of_disk(self, &error))?;
        Ok(whole && held == bytes)
    }
}

/// Chooses what to compare. `random` returns a number below its argument.
fn choose(coverage: &Coverage, mut random: impl FnMut(u64) -> u64) -> Coverage {
    let runs: Vec<ByteRange> = coverage.ranges().collect();
    let mut chosen = Coverage::new();
    if let Some(last) = runs.last() {
        chosen.extend_with(ByteRange::new(last.start().max(last.end().saturating_sub(TAIL)), last.end()));
    }
    let total = coverage.len();
    for _ in 0..BLOCKS {
        let mut place = if total == 0 { break } else { random(total) };
        for run in &runs {
            if place < run.len() {
                let start = run.start() + place;
                chosen.extend_with(ByteRange::new(start, (start + BLOCK).min(run.end())));
                break;
            }
            place -= run.len();
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_within_the_coverage_and_hold_its_end() {
        let coverage: Coverage = [(0, 10_000), (1_000_000, 1_200_000)]
            .into_iter()
            .filter_map(|(a, b)| ByteRange::new(a, b))
            .collect();
        let mut seed = 7_u64;
        let chosen = choose(&coverage, |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed % below
        });
        assert!(chosen.ranges().all(|range| coverage.has(range)));
        assert!(chosen.has(ByteRange::new(1_200_000 - TAIL, 1_200_000).unwrap()));
        assert!(chosen.len() > TAIL);
        assert!(choose(&Coverage::new(), |_| 0).is_empty());
        assert_eq!(choose(&Coverage::prefix_of(10), |_| 3), Coverage::prefix_of(10));
    }
}
