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

impl Shared {
    /// Compares the whole file with what the user, a Metalink or the server said.
    pub(super) async fn verify(self: &Rc<Self>) -> Result<Verified, Outcome> {
        let extras = self.order.extras.as_deref();
        let given = extras.and_then(|extras| extras.checksum.clone());
        let promised =
            self.validators.borrow().digest.as_deref().and_then(|digest| digest.parse::<Checksum>().ok());
        let has_pieces = extras.is_some_and(|extras| extras.pieces.is_some());
        if given.is_none() && promised.is_none() && !has_pieces {
            return Ok(Verified::Good);
        }
        self.tell(What::Verifying);
        let size = self.size.get().unwrap_or_default();
        if self.sources.has_mirrors() || (has_pieces && given.is_none()) {
            let bad = self.bad_pieces(size).await?;
            if !bad.is_empty() {
                return self.fetch_again(&bad);
            }
        }
        for (sum, whose) in given
            .into_iter()
            .map(|sum| (sum, "the one that was given"))
            .chain(promised.into_iter().map(|sum| (sum, "the server's")))
        {
            let computed = self.sum(sum.algorithm(), 0, size).await?;
            if computed != sum {
                let bad = self.bad_pieces(size).await?;
                if !bad.is_empty() && self.sources.has_mirrors() {
                    return self.fetch_again(&bad);
                }
                return Err(trouble::fails(
                    FailKind::Checksum,
                    format!("the checksum is {computed}, but {whose} is {sum}"),
                    "the part is kept; retry fetches it from the first byte",
                ));
            }
        }
        Ok(Verified::Good)
    }

    async fn bad_pieces(self: &Rc<Self>, size: u64) -> Result<Vec<ByteRange>, Outcome> {
        let Some(pieces) = self.order.extras.as_deref().and_then(|extras| extras.pieces.as_ref()) else {
            return Ok(Vec::new());
        };
        let mut bad = Vec::new();
        for (index, expected) in pieces.sums.iter().enumerate() {
            let start = pieces.length.saturating_mul(index as u64);
            let Some(range) = ByteRange::new(start, start.saturating_add(pieces.length).min(size)) else {
                break;
            };
            if self.sum(expected.algorithm(), range.start(), range.end()).await? != *expected {
                bad.push(range);
            }
        }
        Ok(bad)
    }

    /// Takes bad pieces out, and with them the mirrors that gave them. With no other mirror left, that is a failure.
    fn fetch_again(&self, bad: &[ByteRange]) -> Result<Verified, Outcome> {
        let mut guilty: Vec<usize> = bad.iter().flat_map(|range| self.sources.who_wrote(*range)).collect();
        guilty.sort_unstable();
        guilty.dedup();
        let dropped = guilty.iter().filter(|place| self.sources.drop_place(**place)).count();
        if dropped == 0 {
            return Err(trouble::fails(
                FailKind::Checksum,
                format!("{} pieces are not what the Metalink says, wherever they come from", bad.len()),
                "the part is kept; retry fetches it from the first byte",
            ));
        }
        for range in bad {
            self.coverage.borrow_mut().remove(*range);
        }
        self.tell(What::Remark(format!(
            "{} bad pieces: {dropped} mirrors dropped, fetched again elsewhere",
            bad.len()
        )));
        self.show();
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
