//! What clients see of the engine: rows, details, totals, and what changed since they last looked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::core::Core;
use super::item::{Item, Running};
use super::transfer::Look;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::NewDownload;
use crate::model::printable::{mask_url, printable};
use crate::model::record::{Checkpoint, DownloadRecord};
use crate::model::request::Batch;
use crate::model::selector::Selector;
use crate::model::state::StateKind;
use crate::model::update::Update;
use crate::model::view::{CollectionRow, DownloadDetail, DownloadRow, Politeness, Totals};
use crate::model::way::Way;

/// Rows in one page of changes.
const PAGE: usize = 2000;
/// How long totals stand before they are counted again.
const COUNT_AGAIN: Duration = Duration::from_millis(400);

impl Core {
    /// A download as a row.
    pub(super) fn row(&self, item: &Item) -> DownloadRow {
        let record = &item.record;
        let (covered, size) = (item.covered(), item.size());
        let run = item.run.as_ref().filter(|_| record.state.kind() == StateKind::Downloading);
        let left = size.map(|size| size.saturating_sub(covered));
        DownloadRow {
            id: record.id,
            collection: record.collection,
            order: record.order,
            name: printable(&record.name).into_owned(),
            provisional: !record.name_is_final,
            moved_to: record
                .extras
                .as_ref()
                .filter(|extras| extras.asked_into.is_some())
                .and_then(|_| record.folder.to_str().map(str::to_owned)),
            host: item.host().to_owned(),
            mode: record.mode,
            priority: record.priority,
            state: self.shown_state(item),
            size,
            covered,
            speed: run.map_or(0, |run| run.rate.speed()),
            eta_secs: run.and_then(|run| run.rate.time_left(left?)).map(|left| left.as_secs()),
            added: record.added,
            ended: record.ended,
            joined_on_samples: record.joined_on_samples,
            remark: run.and_then(|run| run.aside.clone().or_else(|| self.leave_remark(item))).or_else(|| {
                let story = item.story.as_ref()?;
                if record.state.kind() == StateKind::Completed && story.started_over {
                    return Some(super::news::CHANGED_MEANWHILE.into());
                }
                let said = story.remark.clone();
                said.filter(|said| run.is_some() || said == super::news::UNCHANGED)
            }),
        }
    }

    /// Where the files of downloads are, or will be.
    pub(super) fn paths(&self, select: &Selector) -> Vec<(DownloadId, String)> {
        let path = |of: &DownloadRecord| clean(&of.folder.join(&of.name).display().to_string());
        self.chosen(select).map(|(item, _)| (item.record.id, path(&item.record))).collect()
    }

    pub(super) fn rows(&self, select: &Selector) -> Vec<DownloadRow> {
        self.chosen(select).map(|(_, row)| row).collect()
    }

    /// Those that a selector chooses, in order, each with its row.
    fn chosen<'a>(&'a self, select: &'a Selector) -> impl Iterator<Item = (&'a Item, DownloadRow)> {
        let by_sight = select.is_by_sight();
        let mut items: Vec<&Item> = if by_sight {
            self.items.values().map(Box::as_ref).collect()
        } else {
            select.ids.iter().filter_map(|id| self.items.get(id).map(Box::as_ref)).collect()
        };
        // The items are put in order, not the rows, which are far more to move.
        items.sort_by(|a, b| {
            let (a, b) = (&a.record, &b.record);
            a.order.total_cmp(&b.order).then(a.id.cmp(&b.id))
        });
        let with_rows = items.into_iter().map(|item| (item, self.row(item)));
        with_rows.filter(move |(_, row)| !by_sight || select.chooses(row))
    }

    /// Everything about a download but its lanes, which its transfer knows.
    pub(super) fn detail(&self, id: DownloadId, reveal: bool) -> Option<DownloadDetail> {
        let item = self.items.get(&id)?;
        let record = &item.record;
        let shown = |url: &url::Url| if reveal { url.to_string() } else { mask_url(url) };
        let checkpoint = record.checkpoint.as_deref();
        let story = item.story.as_deref();
        let extras = record.extras.as_deref();
        let path = |name: &str| clean(&record.folder.join(name).display().to_string());
        let part_path = |checkpoint: &Checkpoint, name: &str| {
            clean(&checkpoint.part_folder(&record.folder).join(name).display().to_string())
        };
        Some(DownloadDetail {
            row: self.row(item),
            uuid: record.uuid,
            source_url: shown(&record.source_url),
            final_url: checkpoint.and_then(|checkpoint| checkpoint.final_url.as_ref()).map(shown),
            path: path(&record.name),
            part: checkpoint
                .filter(|checkpoint| checkpoint.inode != 0)
                .map(|checkpoint| part_path(checkpoint, &checkpoint.part)),
            remote: story.and_then(|story| story.remote.clone()),
            etag: checkpoint
                .and_then(|checkpoint| checkpoint.validators.etag.as_deref())
                .map(|tag| printable(tag).into_owned()),
            last_modified: checkpoint.and_then(|checkpoint| checkpoint.validators.last_modified),
            checksum: extras
                .and_then(|extras| extras.checksum.as_ref().map(ToString::to_string))
                .or_else(|| checkpoint.and_then(|checkpoint| checkpoint.validators.digest.clone())),
            coverage: checkpoint.map(|checkpoint| checkpoint.safe.ranges().collect()).unwrap_or_default(),
            segments: Vec::new(),
            safe: item.safe.as_ref().map_or(0, |safe| safe.len()),
            checkpointed: story.and_then(|story| story.checkpointed),
            attempts: record.attempts,
            received: story.map_or(0, |story| story.received)
                + item.run.as_ref().map_or(0, |run| run.live.received()),
            limit: record.settings.limit,
            shared_limits: self.shared_limits_of(item),
            connections: record.settings.connections,
            proxy: record.settings.proxy.as_ref().map(mask_url),
            interface: record.settings.interface.clone(),
            preset: record.settings.preset.clone(),
            page: record.settings.page.as_ref().map(ToString::to_string),
            set_aside: checkpoint
                .map(|c| c.set_aside.iter().map(|old| part_path(c, &old.part)).collect())
                .unwrap_or_default(),
            info: extras
                .map(|extras| extras.info.iter().map(|(k, v)| (clean(k), clean(v))).collect())
                .unwrap_or_default(),
            events: story.map(|story| story.events.iter().cloned().collect()).unwrap_or_default(),
            leave: Some(*self.leaves.of(Way::of(record.mode, record.priority)))
                .filter(|leave| !leave.is_plain()),
            politeness: item.run.as_ref().and_then(|run| self.politeness_of(id, run)).map(Box::new),
        })
    }

    /// What the governor does with a download; where a limit gives it less than the line would, that is what it does.
    fn politeness_of(&self, id: DownloadId, run: &Running) -> Option<Politeness> {
        let mut seen = self.polite.reports().of(id)?;
        if run.limited_for > 0 && !seen.aside {
            seen.doing = "keeps to a limit".into();
        }
        Some(seen)
    }

    /// What changed after a revision; everything where none is named.
    pub(super) fn changes(&mut self, since: Option<u64>, now: Instant) -> Update {
        let since = since.unwrap_or(0);
        let page: Vec<(u64, DownloadId)> =
            self.changed.range(since + 1..).take(PAGE + 1).map(|(revision, id)| (*revision, *id)).collect();
        let more = page.len() > PAGE;
        let rows = page.iter().take(PAGE).filter_map(|(_, id)| self.items.get(id));
        let rows = rows.map(|item| self.row(item)).collect();
        let revision = if more { page[PAGE - 1].0 } else { self.revision };
        let removed = if since == 0 {
            Vec::new()
        } else {
            self.removed.range(since + 1..=revision).map(|(_, id)| *id).collect()
        };
        let collections = (since == 0 || self.collections_changed > since).then(|| self.collection_rows());
        let asking = self.door.asking_since(since);
        let totals = (!more).then(|| self.count_all(now));
        Update { revision, more, rows, removed, collections, asking, totals }
    }

    pub(super) fn collection_rows(&self) -> Vec<CollectionRow> {
        let mut counts: BTreeMap<CollectionId, BTreeMap<StateKind, u64>> = BTreeMap::new();
        for item in self.items.values() {
            *counts
                .entry(item.record.collection)
                .or_default()
                .entry(self.shown_state(item).kind())
                .or_default() += 1;
        }
        self.collections
            .values()
            .map(|collection| CollectionRow {
                id: collection.id,
                name: clean(&collection.name),
                held: collection.held,
                held_until: collection.held_until,
                counts: counts.remove(&collection.id).unwrap_or_default(),
                settings: collection.settings.clone(),
            })
            .collect()
    }

    /// Counts everything, unless that was done a moment ago.
    pub(super) fn count_all(&mut self, now: Instant) -> Totals {
        if let Some((then, totals)) = &self.totals
            && now.saturating_duration_since(*then) < COUNT_AGAIN
            && self.items.len() > 1000
        {
            return totals.clone();
        }
        let mut totals = Totals {
            held: self.plan.word.hold.is_some(),
            ways: self.leaves.iter().any(|(_, leave)| !leave.is_plain()).then_some(self.leaves),
            library: self.library_changes,
            ..Totals::default()
        };
        for item in self.items.values() {
            let kind = self.shown_state(item).kind();
            *totals.counts.entry(kind).or_default() += 1;
            if kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting) {
                totals.here += item.covered();
                if let Some(size) = item.size() {
                    totals.size += size;
                    totals.left += size.saturating_sub(item.covered());
                } else {
                    totals.unknown += 1;
                }
                totals.speed += item.run.as_ref().map_or(0, |run| run.rate.speed());
            }
        }
        self.pace.sample(now, totals.speed);
        // What nobody knows the size of may take longer than all the rest.
        let left = Some(totals.left).filter(|left| *left > 0 && totals.unknown == 0);
        totals.eta_secs =
            left.and_then(|left| self.pace.time_left(left, totals.speed)).map(|left| left.as_secs());
        self.totals = Some((now, totals.clone()));
        totals
    }

    /// Downloads as they could be added again, with their true URLs.
    pub(super) fn export(&self, select: &Selector) -> Batch {
        let (chosen, _) = self.choose(select);
        let mut batch = Batch::default();
        for record in chosen.iter().filter_map(|id| self.items.get(id)).map(|item| &item.record) {
            let settings =
                if let Some(at) = batch.settings.iter().position(|known| *known == *record.settings) {
                    at
                } else {
                    batch.settings.push(record.settings.as_ref().clone());
                    batch.settings.len() - 1
                };
            batch.downloads.push(NewDownload {
                url: record.source_url.clone(),
                folder: Some(record.folder.as_ref().clone()),
                name: record.name_is_given.then(|| record.name.clone()),
                mode: Some(record.mode),
                priority: Some(record.priority),
                otherwise: record.priority,
                collection: Some(record.collection),
                again: false,
                settings,
                extras: record.extras.as_deref().cloned().unwrap_or_default(),
            });
        }
        batch
    }

    /// A running download as it is in this moment, to be asked of its transfer.
    pub(super) fn look_at(&self, id: DownloadId) -> Option<tokio::sync::oneshot::Receiver<Look>> {
        let run = self.items.get(&id)?.run.as_ref()?;
        let (answer, look) = tokio::sync::oneshot::channel();
        super::core::tell(run, super::transfer::Control::Look(answer));
        Some(look)
    }
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}
