//! What clients ask of the library.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

use super::core::Core;
use super::librarian::News;
use super::{Engine, refuse, stored};
use crate::library;
use crate::model::file_name::numbered;
use crate::model::folders::{EXAMPLE, Folders, FoldersError, Values};
use crate::model::media::{Field, FileFacts, MediaId, MediaKind, MediaRecord, ToShelve};
use crate::model::printable::printable;
use crate::model::request::{Refusal, RefusalKind};
use crate::model::shelf::{LibraryQuery, LibraryReply, LibraryRequest, MediaDetail, ScanProgress, Sorted};
use crate::model::time::UnixMs;
use crate::store::db::Db;
use crate::store::error::StoreError;

/// A name that is taken so often is left out of a look at where files would go.
const MOST_NUMBERED: u32 = 1000;
/// Entries that one request may change.
const MOST_CHANGED: usize = 100_000;

impl Core {
    /// Hands a finished file to the librarian.
    pub(super) fn shelve(&self, file: ToShelve) {
        if let Some(librarian) = &self.librarian {
            librarian.shelve(file);
        }
    }

    /// Takes in what the librarian tells.
    pub(super) fn hear_librarian(&mut self, news: News) {
        match news {
            // Whether the engine has something to do is asked after this.
            News::Quiet => {}
            News::Left(id, text) => self.tell(id, "tags", text),
            News::Changed => self.library_changed(),
            News::Shelved(id) => {
                if let Some(ended) = self.tagging.remove(&id) {
                    self.finish(id, ended, true);
                }
            }
            News::Rewritten(id, size, text) => {
                if let Some(item) = self.items.get_mut(&id) {
                    item.record.size = Some(size);
                    // One that is not told to be done yet is stored with that.
                    if !self.tagging.contains_key(&id) {
                        self.store(id);
                    }
                    self.touch(id);
                }
                self.tell(id, "tags", text);
            }
        }
    }
}

impl Engine {
    /// Answers what concerns the library.
    pub(super) async fn library(&self, request: LibraryRequest) -> Result<LibraryReply, Refusal> {
        let db = self.core.borrow().db.clone();
        match request {
            LibraryRequest::Shelf { at } if at.is_last() => {
                let query = LibraryQuery { at: Some(at), ..LibraryQuery::default() };
                aside(move || db.media_rows(&query)).await.map(LibraryReply::Rows)
            }
            LibraryRequest::Shelf { at } => aside(move || db.shelf(&at)).await.map(LibraryReply::Nodes),
            LibraryRequest::List(query) => aside(move || db.media_rows(&query)).await.map(LibraryReply::Rows),
            LibraryRequest::Show { id } => {
                let (detail, is_news) = aside(move || looked_at(&db, id)).await?;
                if is_news {
                    self.core.borrow_mut().library_changed();
                }
                detail.map(|detail| LibraryReply::Detail(Box::new(detail))).ok_or_else(|| not_found(id))
            }
            LibraryRequest::Cover { id, side } => {
                let path = self.media_path(id).await?;
                let coming =
                    self.core.borrow().librarian.as_ref().map(|librarian| librarian.cover(path, side));
                let Some(coming) = coming else { return Ok(LibraryReply::Cover(None)) };
                match coming.await {
                    Ok(Ok(cover)) => Ok(LibraryReply::Cover(cover.map(|bytes| BASE64.encode(&bytes)))),
                    Ok(Err(trouble)) => Err(Refusal::new(RefusalKind::NotNow, trouble.to_string(), "")),
                    Err(_) => Ok(LibraryReply::Cover(None)),
                }
            }
            LibraryRequest::Edit { ids, mut edit } => {
                for (field, text) in &mut edit.set {
                    *text = printable(text).into_owned();
                    let wrong = |why| Refusal::new(RefusalKind::BadRequest, why, "");
                    field.check(text).map_err(wrong)?;
                }
                let found = self.media_paths(ids).await?;
                let ids: Vec<MediaId> = found.into_iter().map(|(id, _)| id).collect();
                let count = ids.len() as u64;
                stored(Some(db.edit_media(ids, edit))).await?;
                self.core.borrow_mut().library_changed();
                Ok(LibraryReply::Changed(count))
            }
            LibraryRequest::Forget { ids } => {
                let found = self.media_paths(ids).await?;
                let ids: Vec<MediaId> = found.into_iter().map(|(id, _)| id).collect();
                let count = ids.len() as u64;
                stored(Some(db.forget_media(ids))).await?;
                self.core.borrow_mut().library_changed();
                Ok(LibraryReply::Changed(count))
            }
            LibraryRequest::DeleteFiles { ids } => self.delete_files(ids).await,
            LibraryRequest::Scan { folders } => self.scan(folders).map(LibraryReply::Scan),
            LibraryRequest::ScanState { scan } => {
                let found =
                    self.core.borrow().librarian.as_ref().and_then(|librarian| librarian.scan_state(scan));
                let none = || Refusal::new(RefusalKind::NotFound, format!("there is no scan {scan}"), "");
                found.map(LibraryReply::Scan).ok_or_else(none)
            }
            LibraryRequest::Folders { template, query } => {
                let configured = self.core.borrow().config.library.folders.clone();
                let folders = match template {
                    Some(text) => text.parse().map(Some).map_err(|error: FoldersError| {
                        Refusal::new(
                            RefusalKind::BadRequest,
                            format!("`{text}`: {error}"),
                            format!("one that works: {EXAMPLE}"),
                        )
                    })?,
                    None => configured,
                };
                let none = || {
                    let hint = "name one, or set `library.folders` in the config";
                    Refusal::new(RefusalKind::NotFound, "there is no template of folders", hint)
                };
                let folders = folders.ok_or_else(none)?;
                aside(move || sorted(&db, &folders, &query)).await.map(LibraryReply::Sorted)
            }
            LibraryRequest::Stats => aside(move || db.library_stats()).await.map(LibraryReply::Stats),
        }
    }

    fn scan(&self, folders: Vec<PathBuf>) -> Result<ScanProgress, Refusal> {
        let is_wrong = |folder: &&PathBuf| !folder.is_absolute() || !(folder.is_dir() || folder.is_file());
        if let Some(folder) = folders.iter().find(is_wrong) {
            return Err(Refusal::new(
                RefusalKind::BadRequest,
                format!("{} is no folder and no file", folder.display()),
                "name one that is there",
            ));
        }
        let core = self.core.borrow();
        let librarian = core.librarian.as_ref().ok_or_else(stopping)?;
        Ok(librarian.scan(folders))
    }

    /// Deletes files for good: the very ones that the library knows. An entry goes only with its file.
    async fn delete_files(&self, ids: Vec<MediaId>) -> Result<LibraryReply, Refusal> {
        let found = self.media_paths(ids).await?;
        let db = self.core.borrow().db.clone();
        let deleted = tokio::task::spawn_blocking(move || {
            let (mut gone, mut failed) = (Vec::new(), None);
            for (id, _) in found {
                let deleted = match db.media(id) {
                    Ok(Some(entry)) => delete(&entry.path, entry.facts.file),
                    // Somebody took it out in this moment: it is nobody's to delete by its number.
                    Ok(None) => continue,
                    Err(error) => Err((error.text.clone(), error.hint())),
                };
                match deleted {
                    Ok(()) => gone.push(id),
                    Err(why) => failed = Some(why),
                }
            }
            (gone, failed)
        });
        let (gone, failed) = deleted.await.map_err(|_| stopping())?;
        let count = gone.len() as u64;
        let ticket = self.core.borrow().db.forget_media(gone);
        stored(Some(ticket)).await?;
        self.core.borrow_mut().library_changed();
        match failed {
            Some((text, hint)) => Err(Refusal::new(RefusalKind::NotNow, text, hint)),
            None => Ok(LibraryReply::Changed(count)),
        }
    }

    async fn media_path(&self, id: MediaId) -> Result<PathBuf, Refusal> {
        let found = self.media_paths(vec![id]).await?;
        found.into_iter().next().map(|(_, path)| path).ok_or_else(|| not_found(id))
    }

    /// The files of entries.
    async fn media_paths(&self, ids: Vec<MediaId>) -> Result<Vec<(MediaId, PathBuf)>, Refusal> {
        if ids.len() > MOST_CHANGED {
            return Err(Refusal::new(RefusalKind::BadRequest, "too many entries at once", "take fewer"));
        }
        let db = self.core.borrow().db.clone();
        let asked = ids.clone();
        let found = aside(move || db.media_paths(&asked)).await?;
        let known: HashSet<MediaId> = found.iter().map(|(id, _)| *id).collect();
        match ids.into_iter().find(|id| !known.contains(id)) {
            Some(id) => Err(not_found(id)),
            None => Ok(found),
        }
    }
}

/// Deletes a file, where it is the one that is known: somebody may have put another one there, or a link.
fn delete(path: &Path, known: FileFacts) -> Result<(), (String, &'static str)> {
    let shown = path.display();
    // A disk that was mounted anew has another number.
    let is_it = |now: FileFacts| FileFacts { device: known.device, ..now } == known;
    match (library::look(path), std::fs::symlink_metadata(path)) {
        (Some(now), _) if is_it(now) => std::fs::remove_file(path).map_err(|error| {
            (format!("{shown} can't be deleted: {error}"), "check who may write in its folder")
        }),
        (_, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err((format!("{shown} is not there"), "`haul library remove` takes the entry out"))
        }
        (_, Err(error)) => Err((format!("{shown} can't be looked at: {error}"), "check who may look there")),
        _ => Err((format!("{shown} is another file now"), "`haul library scan` looks at it again")),
    }
}

/// All about an entry; its file is looked for first. Returns whether that was news.
fn looked_at(db: &Db, id: MediaId) -> Result<(Option<MediaDetail>, bool), StoreError> {
    let (mut gone, mut back) = (Vec::new(), Vec::new());
    if let Some(record) = db.media(id)? {
        match record.missing {
            None if library::is_gone(&record.path) => gone.push(id),
            Some(_) if library::look(&record.path) == Some(record.facts.file) => back.push(id),
            _ => {}
        }
    }
    let is_news = !(gone.is_empty() && back.is_empty());
    if is_news {
        db.mark_missing(gone, back, UnixMs::from(super::wall())).wait()?;
    }
    Ok((db.media_detail(id)?, is_news))
}

/// Where files would go: none over another one.
fn sorted(db: &Db, folders: &Folders, query: &LibraryQuery) -> Result<Vec<Sorted>, StoreError> {
    let (mut sorted, mut taken) = (Vec::new(), HashSet::new());
    for row in db.media_rows(query)?.rows {
        if row.missing {
            continue;
        }
        let Some(record) = db.media(row.id)? else { continue };
        let name = record.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = Known { kind: row.kind, record: &record, name: &name };
        let path = printable(&record.path.to_string_lossy()).into_owned();
        let mut names = super::sorter::safe_names(folders, &known);
        let Some(name) = names.pop() else { continue };
        let to = (0..=MOST_NUMBERED)
            .map(|n| if n == 0 { name.clone() } else { numbered(&name, n) })
            .map(|name| [names.as_slice(), &[name]].concat().join("/"))
            .find(|to| !taken.contains(to));
        let Some(to) = to else { continue };
        taken.insert(to.clone());
        sorted.push(Sorted { id: row.id, path, to });
    }
    Ok(sorted)
}

/// What a template is filled with for an entry: what a person changed counts too.
struct Known<'a> {
    kind: MediaKind,
    record: &'a MediaRecord,
    name: &'a str,
}

impl Values for Known<'_> {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    fn text(&self, field: Field) -> Option<&str> {
        self.record.text(field)
    }

    fn name(&self) -> &str {
        self.name
    }
}

/// Asks the store away from the engine's thread: a large library must not make a download wait.
async fn aside<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let answer = tokio::task::spawn_blocking(ask).await.map_err(|_| stopping())?;
    answer.map_err(|error| refuse(&error))
}

fn stopping() -> Refusal {
    Refusal::new(RefusalKind::Stopping, "the engine is stopping", "try again in a moment")
}

fn not_found(id: MediaId) -> Refusal {
    Refusal::new(
        RefusalKind::NotFound,
        format!("there is no library entry {id}"),
        "`haul library list` lists them",
    )
}
