//! What a web page that was let in may do: with its own collections and downloads only, and with nothing of this machine in sight.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use url::{Host, Url};

use super::core::Core;
use super::{Engine, act};
use crate::fetch::name;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, NewDownload, Priority, TransferSettings};
use crate::model::page::{PageOrigin, PageRow, PageUpdate, is_localhost};
use crate::model::printable::printable;
use crate::model::request::{Act, Acted, Batch, Changes, Refusal, RefusalKind, Reply, Request};
use crate::model::selector::Selector;
use crate::model::state::{FailKind, State, WaitReason};
use crate::model::update::Update;
use crate::model::view::{CollectionRow, DownloadDetail, DownloadRow};

/// Downloads in one request, at most.
const MOST_AT_ONCE: usize = 100;
/// Downloads of an origin in all, at most.
const MOST_DOWNLOADS: usize = 1000;
/// Collections of an origin, at most.
const MOST_COLLECTIONS: usize = 32;
/// Letters of a collection's name, at most.
const MOST_NAME: usize = 100;
/// Bytes of a URL, at most.
const MOST_URL: usize = 8 << 10;
/// Other places of a file, at most.
const MOST_MIRRORS: usize = 16;
/// Item info of one download, at most, and the bytes of its names and values.
const MOST_INFO: (usize, usize, usize) = (32, 64, 1024);
/// Connections of one download, at most.
const MOST_CONNECTIONS: u32 = 8;

impl Engine {
    /// Carries out a page's request, as far as a page may make it.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn call_as_page(
        &self,
        client: u64,
        page: &PageOrigin,
        request: Request,
    ) -> Result<Reply, Refusal> {
        let (request, strangers) = {
            let core = self.core.borrow();
            if !core.lets_in(page) {
                return Err(forbidden(format!("{page} is not let in"), "ask first: `door.ask`"));
            }
            core.admit(page, request)?
        };
        let is_new_collection = matches!(request, Request::CreateCollection { .. });
        let mut reply = self.call(client, request).await.map_err(|refusal| hide_refusal(page, refusal))?;
        if is_new_collection && let Reply::Collections(made) = &reply {
            let ids: Vec<_> = made.iter().map(|row| row.id).collect();
            let ticket = self.core.borrow_mut().give_to_page(&ids, page);
            super::stored(ticket).await?;
        }
        match &mut reply {
            Reply::Rows(rows) => rows.iter_mut().for_each(hide_row),
            Reply::Detail(detail) => hide_detail(detail),
            Reply::Collections(rows) => {
                let core = self.core.borrow();
                rows.retain(|row| core.is_collection_of(page, row.id));
                rows.iter_mut().for_each(hide_collection);
            }
            Reply::Acted(acted) => {
                let unknown = strangers.into_iter().map(|id| Acted { id, refused: Some(act::not_found(id)) });
                acted.extend(unknown);
            }
            _ => {}
        }
        Ok(reply)
    }

    /// What of an update a page may see. `known` is what it knows of, and is brought up to date.
    pub fn update_for_page(
        &self,
        page: &PageOrigin,
        update: Update,
        known: &mut HashSet<DownloadId>,
    ) -> PageUpdate {
        let core = self.core.borrow();
        let mut removed: Vec<DownloadId> = update.removed.into_iter().filter(|id| known.remove(id)).collect();
        let mut rows = Vec::new();
        for mut row in update.rows {
            let item = core.items.get(&row.id).filter(|_| core.is_of(page, row.id));
            let Some(record) = item.map(|item| &item.record) else {
                // A person took it out of the page's collection.
                if known.remove(&row.id) {
                    removed.push(row.id);
                }
                continue;
            };
            known.insert(row.id);
            hide_row(&mut row);
            let info = record.extras.as_ref().map(|extras| extras.info.clone()).unwrap_or_default();
            rows.push(PageRow { row, source_url: record.source_url.clone(), info });
        }
        let collections = update.collections.map(|mut rows| {
            rows.retain(|row| core.is_collection_of(page, row.id));
            rows.iter_mut().for_each(hide_collection);
            rows
        });
        PageUpdate { revision: update.revision, more: update.more, rows, removed, collections }
    }
}

impl Core {
    fn is_collection_of(&self, page: &PageOrigin, id: CollectionId) -> bool {
        self.collections.get(&id).is_some_and(|record| record.page.as_ref() == Some(page))
    }

    fn is_of(&self, page: &PageOrigin, id: DownloadId) -> bool {
        self.items.get(&id).is_some_and(|item| {
            item.record.settings.page.as_ref() == Some(page)
                && self.is_collection_of(page, item.record.collection)
        })
    }

    /// The request as a page may make it, and the numbers in it that are none of the page's.
    fn admit(&self, page: &PageOrigin, request: Request) -> Result<(Request, Vec<DownloadId>), Refusal> {
        let own = |id: CollectionId| {
            let none = || Refusal::new(RefusalKind::NotFound, format!("there is no collection {id}"), "");
            if self.is_collection_of(page, id) { Ok(id) } else { Err(none()) }
        };
        let admitted = match request {
            Request::Add(batch) => Request::Add(self.admit_batch(page, batch)?),
            Request::List { select } => Request::List { select: self.own_of(page, &select).0 },
            Request::Show { id, .. } if self.is_of(page, id) => Request::Show { id, reveal: true },
            Request::Show { id, .. } => return Err(act::not_found(id)),
            Request::Act { select, act } => {
                let (select, strangers) = self.own_of(page, &select);
                return Ok((Request::Act { select, act: admit_act(act)? }, strangers));
            }
            Request::Collections => Request::Collections,
            Request::CreateCollection { name } => {
                let own = self.collections.values().filter(|record| record.page.as_ref() == Some(page));
                if own.count() >= MOST_COLLECTIONS {
                    let text = format!("a page has at most {MOST_COLLECTIONS} collections");
                    return Err(forbidden(text, "remove one of them first"));
                }
                Request::CreateCollection { name: Some(named(page, name.as_deref())?) }
            }
            Request::RemoveCollection { id, with_downloads } => {
                Request::RemoveCollection { id: own(id)?, with_downloads }
            }
            Request::SetCollection { id, name: Some(name), settings: None } => {
                Request::SetCollection { id: own(id)?, name: Some(named(page, Some(&name))?), settings: None }
            }
            Request::Clear { id, what } => Request::Clear { id: own(id)?, what },
            _ => return Err(forbidden("that is not for web pages", "")),
        };
        Ok((admitted, Vec::new()))
    }

    /// What a selector chooses of a page's own, and the numbers in it that are none.
    fn own_of(&self, page: &PageOrigin, select: &Selector) -> (Selector, Vec<DownloadId>) {
        // Its own first: what others have in the list must not make a page's question dear.
        let own = self.items.values().filter(|item| self.is_of(page, item.record.id));
        let mut ids: Vec<_> =
            own.filter(|item| select.chooses(&self.row(item))).map(|item| item.record.id).collect();
        ids.sort_unstable();
        let strangers = select.ids.iter().copied().filter(|id| !self.is_of(page, *id)).collect();
        (Selector { ids, ..Selector::default() }, strangers)
    }

    fn admit_batch(&self, page: &PageOrigin, batch: Batch) -> Result<Batch, Refusal> {
        if batch.downloads.len() > MOST_AT_ONCE {
            let text = format!("a page adds at most {MOST_AT_ONCE} downloads at a time");
            return Err(forbidden(text, "add them one after the other"));
        }
        let has = self.items.values().filter(|item| item.record.settings.page.as_ref() == Some(page)).count();
        if has + batch.downloads.len() > MOST_DOWNLOADS {
            let text = format!("a page has at most {MOST_DOWNLOADS} downloads");
            return Err(forbidden(text, "remove what is finished from its collections"));
        }
        let mut settings =
            batch.settings.iter().map(|given| admit_settings(page, given)).collect::<Result<Vec<_>, _>>()?;
        if settings.is_empty() {
            settings.push(admit_settings(page, &TransferSettings::default())?);
        }
        let downloads =
            batch.downloads.into_iter().map(|new| self.admit_new(page, new)).collect::<Result<_, _>>()?;
        Ok(Batch { downloads, settings })
    }

    fn admit_new(&self, page: &PageOrigin, mut new: NewDownload) -> Result<NewDownload, Refusal> {
        admit_url(page, &new.url)?;
        if new.extras.mirrors.len() > MOST_MIRRORS {
            return Err(forbidden(format!("a page names at most {MOST_MIRRORS} other places"), ""));
        }
        new.extras.mirrors.iter().try_for_each(|url| admit_url(page, url))?;
        let (most, name, value) = MOST_INFO;
        let info = &new.extras.info;
        if info.len() > most || info.iter().any(|(key, text)| key.len() > name || text.len() > value) {
            let text = format!("item info is at most {most} values of {value} bytes, under names of {name}");
            return Err(forbidden(text, ""));
        }
        new.name = new
            .name
            .as_deref()
            .map(|asked| name::sanitise(asked).ok_or_else(|| bad_name(asked)))
            .transpose()?;
        if matches!(new.priority, Some(Priority::Now | Priority::High)) {
            return Err(forbidden(
                "a page's downloads are not before the person's own",
                "leave the priority out",
            ));
        }
        new.otherwise = new.otherwise.max(Priority::Normal);
        match new.collection {
            Some(id) if self.is_collection_of(page, id) => {}
            Some(id) => {
                return Err(Refusal::new(RefusalKind::NotFound, format!("there is no collection {id}"), ""));
            }
            None => {
                let hint = "make one with `create_collection`";
                return Err(forbidden("a page adds to a collection of its own", hint));
            }
        }
        new.folder = Some(self.folder_for_page(new.folder.as_deref())?);
        // Where nothing is said, haul's own default counts and not the config's: the page knows what it asked for.
        new.mode = Some(new.mode.unwrap_or(Mode::Background));
        Ok(new)
    }

    /// The folder for a page's download: one of those that the config names for pages, or below one of them.
    fn folder_for_page(&self, asked: Option<&Path>) -> Result<PathBuf, Refusal> {
        let mut folders = self.config.door.folders.clone();
        if folders.is_empty() {
            folders.extend(self.config.downloads.folder.clone());
        }
        let Some(first) = folders.first() else {
            let hint = "set `door.folders` or `engine.folder` in the config";
            return Err(Refusal::new(
                RefusalKind::BadRequest,
                "no folder for downloads of pages is set",
                hint,
            ));
        };
        let wanted = asked.map_or_else(|| first.clone(), |asked| first.join(asked));
        let climbs = wanted.components().any(|part| part == Component::ParentDir);
        let real = real_path(&wanted);
        if !climbs && folders.iter().any(|folder| real.starts_with(real_path(folder))) {
            return Ok(wanted);
        }
        Err(forbidden("a page's downloads can't be written there", "leave the folder out"))
    }

    fn give_to_page(&mut self, ids: &[CollectionId], page: &PageOrigin) -> Option<crate::store::db::Ticket> {
        let mut last = None;
        for id in ids {
            let Some(record) = self.collections.get_mut(id) else { continue };
            record.page = Some(page.clone());
            last = Some(self.db.put_collection(record.clone()));
        }
        self.touch_collections();
        last
    }
}

/// A path whose links are followed, as far as it is there already.
fn real_path(path: &Path) -> PathBuf {
    let mut rest = PathBuf::new();
    for there in path.ancestors() {
        if let Ok(real) = there.canonicalize() {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
        if let Some(name) = there.file_name() {
            rest = if rest.as_os_str().is_empty() { name.into() } else { Path::new(name).join(rest) };
        }
    }
    path.to_owned()
}

fn admit_url(page: &PageOrigin, url: &Url) -> Result<(), Refusal> {
    let refuse = |text: &str| Err(forbidden(text, ""));
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("a page's downloads come by http and https");
    }
    if url.as_str().len() > MOST_URL {
        return refuse("the URL is too long");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("a page's URL carries no user name and no password");
    }
    let reach = page.reach();
    let is_admitted = match url.host() {
        Some(Host::Ipv4(address)) => reach.admits(address.into()),
        Some(Host::Ipv6(address)) => reach.admits(address.into()),
        Some(Host::Domain(name)) if is_localhost(name) => reach.admits(std::net::Ipv4Addr::LOCALHOST.into()),
        // What a name leads to is looked at when it is connected to.
        _ => true,
    };
    if is_admitted {
        return Ok(());
    }
    refuse("a web page's downloads may not go to this machine or into a network of its own")
}

fn admit_settings(page: &PageOrigin, given: &TransferSettings) -> Result<TransferSettings, Refusal> {
    let admitted = TransferSettings {
        connections: given.connections,
        limit: given.limit,
        ..TransferSettings::default()
    };
    if *given != admitted {
        let text = "a page sets connections and a limit, and nothing else of how its downloads are fetched";
        return Err(forbidden(text, ""));
    }
    let connections = given.connections.map(|count| count.clamp(1, MOST_CONNECTIONS));
    Ok(TransferSettings { connections, page: Some(page.clone()), ..admitted })
}

fn admit_act(act: Act) -> Result<Act, Refusal> {
    match act {
        Act::Pause
        | Act::Resume
        | Act::Cancel
        | Act::Remove
        | Act::Retry
        | Act::SetMode { .. }
        | Act::SetLimit { .. } => Ok(act),
        Act::Set(changes) => {
            let info = changes.info.clone();
            let (most, name, value) = MOST_INFO;
            let fits =
                info.len() <= most && info.iter().all(|(key, text)| key.len() <= name && text.len() <= value);
            if fits && *changes == (Changes { info, ..Changes::default() }) {
                Ok(Act::Set(changes))
            } else {
                Err(forbidden("a page changes item info of its downloads, and nothing else", ""))
            }
        }
        Act::SetPriority { .. } | Act::Move { .. } | Act::RefreshUrl { .. } => {
            Err(forbidden("that is not for web pages", ""))
        }
    }
}

/// A collection's name says whose it is.
fn named(page: &PageOrigin, name: Option<&str>) -> Result<String, Refusal> {
    let host = page.host();
    let name = name.map(str::trim).unwrap_or_default();
    let name = name.strip_prefix(&format!("{host}: ")).unwrap_or(name);
    if name.chars().count() > MOST_NAME {
        return Err(forbidden(format!("a collection's name has at most {MOST_NAME} letters"), ""));
    }
    Ok(if name.is_empty() { host } else { format!("{host}: {}", printable(name)) })
}

fn bad_name(asked: &str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, format!("`{}` is no file name", asked.escape_debug()), "")
}

fn forbidden(text: impl Into<String>, hint: &str) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, text, hint)
}

/// What is wrong on this machine is told there.
fn hide_refusal(page: &PageOrigin, refusal: Refusal) -> Refusal {
    match refusal.kind {
        RefusalKind::BadRequest | RefusalKind::Store | RefusalKind::Taken => {
            tracing::warn!("a page of {page} was refused: {}", refusal.text);
            Refusal::new(refusal.kind, "haul can't do that on this machine; its log there says why", "")
        }
        _ => refusal,
    }
}

/// What stands on this machine is none of a page's business, in words neither.
fn hide_row(row: &mut DownloadRow) {
    row.remark = None;
    match &mut row.state {
        State::Failed(failure)
            if matches!(
                failure.kind,
                FailKind::Local | FailKind::Publish | FailKind::NameTaken | FailKind::PartGone
            ) =>
        {
            failure.text =
                "something on the person's machine is in the way; haul says there what it is".into();
            failure.hint.clear();
        }
        State::Failed(failure) => failure.hint.clear(),
        State::Waiting { why, .. } => match why {
            WaitReason::NoSpace { missing, folder } => {
                *missing = 0;
                folder.clear();
            }
            WaitReason::FolderAway { folder } => folder.clear(),
            WaitReason::InterfaceAway { interface } => interface.clear(),
            _ => {}
        },
        _ => {}
    }
}

/// A page knows the link that it gave, and not where that led to.
fn hide_detail(detail: &mut DownloadDetail) {
    hide_row(&mut detail.row);
    let row = detail.row.clone();
    *detail = DownloadDetail {
        path: row.name.clone(),
        row,
        uuid: detail.uuid,
        source_url: std::mem::take(&mut detail.source_url),
        final_url: None,
        part: None,
        remote: None,
        etag: None,
        last_modified: detail.last_modified,
        checksum: None,
        coverage: std::mem::take(&mut detail.coverage),
        segments: Vec::new(),
        safe: detail.safe,
        checkpointed: None,
        attempts: detail.attempts,
        received: detail.received,
        limit: detail.limit,
        shared_limits: Vec::new(),
        connections: detail.connections,
        proxy: None,
        interface: None,
        preset: None,
        page: detail.page.take(),
        set_aside: Vec::new(),
        info: std::mem::take(&mut detail.info),
        events: Vec::new(),
        politeness: None,
        leave: None,
    };
}

fn hide_collection(row: &mut CollectionRow) {
    row.settings = crate::model::record::CollectionSettings::default();
}
