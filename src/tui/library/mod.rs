//! The library's pane: the shelves, what a search finds, and all about what is under the cursor.

mod found;
mod tree;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;

pub(crate) use self::found::Found;
pub(crate) use self::tree::{Branch, Key, Node, Order, Tree};
use super::picture::Picture;
use crate::model::media::MediaId;
use crate::model::shelf::{LibraryReply, LibraryRequest, MediaDetail, MediaRow};

/// What an answer of the library is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// What stands on a shelf, after how many of its files.
    Shelf(Key, usize),
    /// What a text finds, after how many of its finds.
    Found(String, usize),
    /// All about a file.
    Detail(MediaId),
    /// The cover in a file.
    Cover(MediaId),
    /// Something was changed: a sentence that says so.
    Changed(String),
}

/// The cover of the file under the cursor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Cover {
    /// Nobody asked.
    #[default]
    Unknown,
    /// It is asked for, or made ready to be drawn.
    Coming,
    /// There is none, or none that can be shown.
    None,
    /// As the file has it, made small.
    Bytes(Arc<[u8]>),
    /// Ready to be drawn, in so many columns and rows.
    Drawn(Arc<[u8]>, (u16, u16), Picture),
}

/// The library as far as it is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    /// The shelves.
    pub(crate) tree: Tree,
    /// A search, while there is one.
    pub(crate) found: Option<Found>,
    /// The order of files.
    pub(crate) order: Order,
    /// All about the file under the cursor.
    detail: Option<Box<MediaDetail>>,
    asked: Option<MediaId>,
    /// Whether what is known of it may be older than what is stored.
    is_stale: bool,
    /// Its cover.
    pub(crate) cover: Cover,
    /// Whether an answer about the root has come.
    pub(crate) known: bool,
    /// The room for which the cover is being made ready.
    pub(crate) making: Option<(u16, u16)>,
}

impl Library {
    /// What has to be asked for now. Covers come only where they can be shown: so many pixels a side.
    pub(crate) fn wants(&mut self, side: Option<u32>) -> Vec<(Asked, LibraryRequest)> {
        let order = self.order;
        let mut wants = Vec::new();
        if let Some((text, after, request)) = self.found.as_mut().and_then(|found| found.wants(order)) {
            wants.push((Asked::Found(text, after), request));
        }
        wants.extend(
            self.tree.wants(order).into_iter().map(|want| (Asked::Shelf(want.key, want.after), want.request)),
        );
        let chosen = self.row().map(|row| row.id);
        if chosen != self.asked {
            self.asked = chosen;
            self.detail = None;
            self.cover = Cover::Unknown;
            self.is_stale = true;
        }
        if std::mem::take(&mut self.is_stale) {
            wants.extend(chosen.map(|id| (Asked::Detail(id), LibraryRequest::Show { id })));
        }
        if let (Some(detail), Cover::Unknown, Some(side)) = (&self.detail, &self.cover, side) {
            let id = detail.row.id;
            let has_cover = detail.has_cover && !detail.row.missing;
            self.cover = if has_cover { Cover::Coming } else { Cover::None };
            wants.extend(has_cover.then_some((Asked::Cover(id), LibraryRequest::Cover { id, side })));
        }
        wants
    }

    /// Takes in an answer.
    pub(crate) fn put(&mut self, asked: &Asked, reply: LibraryReply) {
        let order = self.order;
        match (asked, reply) {
            (Asked::Shelf(key, _), LibraryReply::Nodes(nodes)) => {
                self.known = true;
                self.tree.put_shelves(key, nodes, order);
            }
            (Asked::Shelf(key, after), LibraryReply::Rows(rows)) => {
                self.tree.put_files(key, *after, rows, order);
            }
            (Asked::Shelf(..), LibraryReply::Stats(stats)) => self.tree.put_stats(&stats),
            (Asked::Found(text, after), LibraryReply::Rows(rows)) => {
                if let Some(found) = &mut self.found {
                    found.put(text, *after, rows);
                }
            }
            (Asked::Detail(id), LibraryReply::Detail(detail)) if self.asked == Some(*id) => {
                let same = self.detail.as_ref().is_some_and(|old| old.modified == detail.modified);
                if !same {
                    self.cover = Cover::Unknown;
                }
                self.detail = Some(detail);
            }
            (Asked::Cover(id), LibraryReply::Cover(cover)) if self.asked == Some(*id) => {
                let bytes = cover.and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
                self.cover = bytes.map_or(Cover::None, |bytes| Cover::Bytes(bytes.into()));
            }
            _ => {}
        }
    }

    /// Takes in that a question was refused.
    pub(crate) fn refused(&mut self, asked: &Asked) {
        match asked {
            Asked::Found(text, _) => {
                if let Some(found) = &mut self.found {
                    found.refused(text);
                }
            }
            Asked::Cover(_) => self.cover = Cover::None,
            _ => {}
        }
    }

    /// Everything that is shown is asked for anew.
    pub(crate) fn refresh(&mut self) {
        self.tree.refresh();
        if let Some(found) = &mut self.found {
            found.refresh();
        }
        self.is_stale = true;
    }

    /// Puts files in another order.
    pub(crate) fn reorder(&mut self, order: Order) {
        self.order = order;
        self.tree.reorder(order);
        if let Some(found) = &mut self.found {
            found.refresh();
        }
    }

    /// The file under the cursor.
    pub(crate) fn row(&self) -> Option<&MediaRow> {
        match &self.found {
            Some(found) => found.rows.get(found.at),
            None => self.tree.chosen()?.row.as_deref(),
        }
    }

    /// All about the file under the cursor, once that is known.
    pub(crate) fn detail(&self) -> Option<&MediaDetail> {
        self.detail.as_deref().filter(|detail| self.row().is_some_and(|row| row.id == detail.row.id))
    }

    /// The shelf under the cursor.
    pub(crate) fn shelf(&self) -> Option<&Node> {
        if self.found.is_some() {
            return None;
        }
        self.tree.chosen().filter(|node| node.is_branch())
    }

    /// Every byte of the path of the file under the cursor: what is shown may be less.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let detail = self.detail()?;
        let bytes = detail.path_hex.as_ref().and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
        Some(bytes.map_or_else(|| PathBuf::from(&detail.path), |bytes| OsString::from_vec(bytes).into()))
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, lines: isize) {
        match &mut self.found {
            Some(found) => found.move_by(lines),
            None => self.tree.move_by(lines),
        }
    }

    /// A click on a line.
    pub(crate) fn click(&mut self, at: usize) {
        match &mut self.found {
            Some(found) => found.at = at.min(found.rows.len().saturating_sub(1)),
            None => self.tree.click(at),
        }
    }
}
