//! Files whose samples are the same: whole files are read to tell which of them have the same bytes. That may take minutes, and
//! whatever else there is to do is done in between.

use std::path::Path;
use std::sync::Arc;

use super::Work;
use crate::library::{self, Sum};
use crate::model::media::MediaId;
use crate::store::db::Durability;

/// Files of the same samples that are compared.
const MOST_COMPARED: u32 = 10_000;

/// Does what was given in the meantime.
pub(super) type Between<'a> = dyn FnMut(&mut Work) + 'a;

impl Work {
    /// Notes what is to be compared: files of which there are others with the same samples.
    pub(super) fn note_prints(&mut self, prints: impl IntoIterator<Item = String>) {
        let Ok(reader) = self.db.media_reader() else { return };
        let alike = prints.into_iter().filter(|print| reader.of_print(print, 2).len() == 2);
        self.compare_later(alike.collect::<Vec<_>>());
    }

    /// Notes what an end of haul left uncompared, once there is something to do anyway: an agent that idles does nothing.
    pub(super) fn look_back(&mut self) {
        if !std::mem::replace(&mut self.looked_back, true)
            && let Ok(reader) = self.db.media_reader()
        {
            self.compare_later(reader.uncompared());
        }
    }

    /// Each is a job of its own.
    fn compare_later(&mut self, prints: Vec<String>) {
        for print in prints {
            if self.to_compare.insert(print) {
                self.desk.with(|scans| scans.open += 1);
            }
        }
    }

    /// Compares all that is noted.
    pub(super) fn compare_all(&mut self, between: &mut Between<'_>) {
        while !self.desk.is_ending()
            && let Some(print) = self.to_compare.pop_first()
        {
            // What comes meanwhile notes it again.
            self.compare(&print, between);
            self.is_done();
        }
    }

    fn compare(&mut self, print: &str, between: &mut Between<'_>) {
        let Ok(reader) = self.db.media_reader() else { return };
        let mut sums: Vec<(MediaId, String)> = Vec::new();
        for (id, path, known, sum) in reader.of_print(print, MOST_COMPARED) {
            let is_there = || library::look(&path) == Some(known.file);
            // One that can't be read is no copy of anything for now.
            if sum.is_none()
                && is_there()
                && let Some(sum) = self.sum(&path, between)
                && is_there()
            {
                sums.push((id, sum));
            }
        }
        if !sums.is_empty() {
            // What is not stored is found out again.
            let _ = self.db.hash_media(sums).wait();
            self.tell_changed();
        }
    }

    /// Sums a file up; none where it can't be read, or haul ends.
    pub(super) fn sum(&mut self, path: &Path, between: &mut Between<'_>) -> Option<String> {
        let mut sum = Sum::open(path).ok()?;
        loop {
            let desk = Arc::clone(&self.desk);
            match sum.go_on(&|| desk.is_ending() || desk.has_more()).ok()? {
                Some(sum) => return Some(sum),
                None if self.desk.is_ending() => return None,
                None => {
                    between(self);
                    // The next look at the time may be far.
                    self.store(Durability::Relaxed);
                }
            }
        }
    }
}
