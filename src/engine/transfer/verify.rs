//! Before the file gets its name: every sum that is known is compared.

use std::rc::Rc;
use std::sync::Arc;

use super::order::{Outcome, What};
use super::shared::Shared;
use super::trouble;
use crate::fetch::digest::Hasher;
use crate::model::checksum::{Algorithm, Checksum};
use crate::model::range::ByteRange;
use crate::model::state::FailKind;
use crate::store::error::StoreError;
use crate::store::part::Part;

/// Bytes that are read at a time.
const READ: usize = 1 << 20;

/// What the sums say.
pub(super) enum Verified {
    /// They agree, or there is none.
    Good,
    /// Some pieces were bad: they are out of the coverage and their mirrors dropped, so that they are fetched again.
    Again,
}

/// Pieces by what their sums say.
#[derive(Default)]
struct Sorted {
    good: Vec<ByteRange>,
    bad: Vec<ByteRange>,
}

impl Shared {
    /// Compares the whole file with what the user, a Metalink or the server said.
    pub(super) async fn verify(self: &Rc<Self>) -> Result<Verified, Outcome> {
        let extras = self.order.extras.as_deref();
        if let Some(size) = self.size.get().filter(|size| self.is_other_size(*size)) {
            return Err(self.other_size(size));
        }
        let given = extras.and_then(|extras| extras.checksum.clone());
        let promised =
            self.validators.borrow().digest.as_deref().and_then(|digest| digest.parse::<Checksum>().ok());
        let has_pieces = extras.is_some_and(|extras| extras.pieces.is_some());
        if given.is_none() && promised.is_none() && !has_pieces {
            return Ok(Verified::Good);
        }
        self.tell(What::Verifying);
        let size = self.size.get().unwrap_or_default();
        self.check_pieces(size)?;
        if has_pieces && (self.sources.has_mirrors() || given.is_none()) {
            let sorted = self.sort_pieces(size).await?;
            if !sorted.bad.is_empty() {
                return self.fetch_again(sorted).await;
            }
        }
        for (sum, whose) in given
            .into_iter()
            .map(|sum| (sum, "the one that was given"))
            .chain(promised.into_iter().map(|sum| (sum, "the server's")))
        {
            let computed = self.sum(sum.algorithm(), 0, size).await?;
            if computed != sum {
                // Without sums of pieces nobody knows which bytes are wrong: what mirrors gave is fetched from the source.
                let sorted = if has_pieces {
                    self.sort_pieces(size).await?
                } else {
                    Sorted { good: Vec::new(), bad: self.sources.of_mirrors() }
                };
                if !sorted.bad.is_empty() && !self.has_left_source.get() {
                    return self.fetch_again(sorted).await;
                }
                // All of it is the source's own: the others may have the right file.
                if !has_pieces && self.tries_left() > 0 && self.sources.leave_source() {
                    self.has_left_source.set(true);
                    let all: Vec<_> = ByteRange::new(0, size).into_iter().collect();
                    self.tell(What::Remark(
                        "the source has another file than the sum is of: the others are asked".into(),
                    ));
                    return self.take_out(&all).await;
                }
                let text = format!("the checksum is {computed}, but {whose} is {sum}");
                let kept = "the part is kept; retry fetches it from the first byte";
                return Err(trouble::fails(FailKind::Checksum, text, self.or_other_sum(kept)));
            }
        }
        Ok(Verified::Good)
    }

    /// A hint, and how to correct a sum that was given, where one was.
    fn or_other_sum(&self, hint: &str) -> String {
        if self.order.extras.as_deref().is_none_or(|extras| extras.checksum.is_none()) {
            return hint.into();
        }
        format!("{hint}. If the sum is what is wrong: haul set {} --checksum ALG:HEX", self.order.id)
    }

    /// Sums of pieces say nothing of what lies behind them, and nothing at all where they are of another file.
    fn check_pieces(&self, size: u64) -> Result<(), Outcome> {
        let Some(pieces) = self.order.extras.as_deref().and_then(|extras| extras.pieces.as_ref()) else {
            return Ok(());
        };
        let (said, wanted) = (pieces.sums.len(), size.div_ceil(pieces.length.max(1)));
        if said as u64 == wanted {
            return Ok(());
        }
        let text = format!(
            "the Metalink has sums of {said} pieces of {} bytes, but a file of {size} bytes has {wanted}",
            pieces.length
        );
        let hint = "check where the Metalink comes from: it is of another file; retry fetches it from the first byte";
        Err(trouble::fails(FailKind::Checksum, text, hint))
    }

    async fn sort_pieces(self: &Rc<Self>, size: u64) -> Result<Sorted, Outcome> {
        let mut sorted = Sorted::default();
        let Some(pieces) = self.order.extras.as_deref().and_then(|extras| extras.pieces.as_ref()) else {
            return Ok(sorted);
        };
        for (index, expected) in pieces.sums.iter().enumerate() {
            let start = pieces.length.saturating_mul(index as u64);
            let end = start.saturating_add(pieces.length).min(size);
            // There is one piece or more of every byte: `check_pieces` saw to it.
            let Some(range) = ByteRange::new(start, end) else { continue };
            let is_good = self.sum(expected.algorithm(), range.start(), range.end()).await? == *expected;
            if is_good { sorted.good.push(range) } else { sorted.bad.push(range) }
        }
        Ok(sorted)
    }

    /// Takes bad pieces out, and with them the mirrors that gave them. With no other mirror left, that is a failure.
    async fn fetch_again(self: &Rc<Self>, sorted: Sorted) -> Result<Verified, Outcome> {
        let Sorted { good, bad } = &sorted;
        let guilty = self.sources.guilty(bad, good);
        let dropped = guilty.iter().filter(|place| self.sources.drop_place(**place)).count();
        // Another place that wrote none of these may have them right, also where the guilty ones were dropped before. Of bytes that an
        // earlier run fetched nobody knows where they came from: they get one more try for
        // each place, whichever run makes it.
        let is_left = self.sources.has_other_than(&guilty);
        let is_over =
            if guilty.is_empty() { self.tries_left() <= self.places() } else { dropped == 0 && !is_left };
        if is_over || self.tries_left() == 0 {
            return Err(trouble::fails(
                FailKind::Checksum,
                format!("{} pieces are not what the Metalink says, wherever they come from", bad.len()),
                "the part is kept; retry fetches it from the first byte",
            ));
        }
        self.tell(What::Remark(format!(
            "{} bad pieces: {dropped} mirrors dropped, fetched again elsewhere",
            bad.len()
        )));
        self.take_out(bad).await
    }

    /// How often bytes may still be fetched again: runs that break each time, and forget whom they dropped, would go on for ever.
    fn tries_left(&self) -> u32 {
        (2 * self.places()).saturating_sub(self.fetched_again.get())
    }

    /// How many places were named.
    fn places(&self) -> u32 {
        let mirrors = self.order.extras.as_deref().map_or(0, |extras| extras.mirrors.len());
        u32::try_from(mirrors).unwrap_or(u32::MAX / 4).min(u32::MAX / 4) + 1
    }

    /// Takes ranges out of what is there, to be fetched again.
    async fn take_out(self: &Rc<Self>, bad: &[ByteRange]) -> Result<Verified, Outcome> {
        for range in bad {
            self.coverage.borrow_mut().remove(*range);
        }
        self.sources.forget(bad);
        self.fetched_again.set(self.fetched_again.get().saturating_add(1));
        // A kill must not bring back what was just found to be wrong: its records in the note are true to the bytes.
        self.safe.replace(Arc::new(self.coverage.borrow().clone()));
        self.show();
        self.begin_generation().await?;
        Ok(Verified::Again)
    }

    /// Computes a sum of bytes `start..end` of the part, off the transfer thread.
    async fn sum(&self, algorithm: Algorithm, start: u64, end: u64) -> Result<Checksum, Outcome> {
        let Some(part) = self.part.borrow().clone() else { return Ok(Hasher::new(algorithm).finish()) };
        // A small one is done before a thread would have begun.
        if end - start <= READ as u64 {
            return read_sum(&part, algorithm, start, end).map_err(|error| trouble::of_disk(self, &error));
        }
        let work = tokio::task::spawn_blocking(move || read_sum(&part, algorithm, start, end));
        match work.await {
            Ok(sum) => sum.map_err(|error| trouble::of_disk(self, &error)),
            Err(_) => Err(Outcome::Stopped),
        }
    }
}

fn read_sum(part: &Arc<Part>, algorithm: Algorithm, start: u64, end: u64) -> Result<Checksum, StoreError> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; READ.min(usize::try_from(end - start).unwrap_or(READ))];
    let mut at = start;
    while at < end {
        let take = usize::try_from(end - at).unwrap_or(READ).min(buffer.len());
        if !part.read_at(at, &mut buffer[..take])? {
            break;
        }
        hasher.update(&buffer[..take]);
        at += take as u64;
    }
    Ok(hasher.finish())
}
