//! Adding downloads: all of a batch or none, each under a number of its own, the same one twice only if that was asked.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use super::core::Core;
use super::item::{Item, Then};
use crate::fetch::{name, netrc};
use crate::kernel::resolve::{self, Resolved, UnknownPreset};
use crate::model::checksum::Checksum;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Credentials, Mode, NewDownload, Taken, TransferSettings};
use crate::model::media::Field;
use crate::model::page::PageOrigin;
use crate::model::printable::printable;
use crate::model::record::DownloadRecord;
use crate::model::request::{Act, Added, AddedHow, Batch, Refusal, RefusalKind};
use crate::model::selector::Selector;
use crate::model::settings::Login;
use crate::model::state::{State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::store::db::Ticket;
use crate::store::files::is_file_of;

/// A file may get its date so much later than its download ended, in milliseconds.
const SLACK_MS: i64 = 3000;
/// So many at once are a long list.
const LONG: usize = 1000;

impl Core {
    /// Decides what each download of a batch is given.
    pub(super) fn settle(&self, batch: Batch) -> Result<Settled, Refusal> {
        let mut desk = Desk::new(batch.settings);
        let mut orders = Vec::with_capacity(batch.downloads.len());
        for mut new in batch.downloads {
            self.check(&new, desk.given.len())?;
            let settings = desk.settle(&mut new, self)?;
            orders.push((new, settings));
        }
        Ok(Settled { given: desk.given, orders })
    }

    /// Adds a settled batch. What is to be stored comes back as a ticket; what is there already needs none. `notes` are the notes
    /// that lie in their folders.
    pub(super) fn add(
        &mut self,
        client: u64,
        batch: Settled,
        proven: &Proven,
        notes: &HashSet<PathBuf>,
    ) -> Result<(Vec<Added>, Option<Ticket>), Refusal> {
        if batch.orders.len() >= LONG {
            // Room for them: what a start runs is not run again. Where the system knows no such thing, it takes more.
            let _ = crate::sys::let_go_of_code();
        }
        for (new, _) in &batch.orders {
            self.check(new, batch.given.len())?;
        }
        let mut folders: HashMap<PathBuf, Arc<PathBuf>> = HashMap::new();
        let now = UnixMs::from(super::wall());
        let (mut added, mut records) = (Vec::with_capacity(batch.orders.len()), Vec::new());
        for (new, settings) in batch.orders {
            let given = batch.given.get(new.settings).cloned().unwrap_or_default();
            let folder = new.folder.clone().unwrap_or_default();
            if let Some(there) = self.find_same(client, &new, &given, proven, notes) {
                added.push(there);
                continue;
            }
            let folder = folders.entry(folder).or_insert_with_key(|folder| Arc::new(folder.clone()));
            let record = self.new_record(new, settings, Arc::clone(folder), now);
            added.push(Added { id: record.id, how: AddedHow::New });
            self.take_in(record.clone(), client);
            if let Some(item) = self.items.get_mut(&record.id) {
                item.is_new = true;
            }
            records.push(record);
        }
        if !records.is_empty() {
            // How many are in each is part of what is told of them.
            self.touch_collections();
        }
        let ticket = (!records.is_empty()).then(|| self.db.insert(records));
        self.pump();
        Ok((added, ticket))
    }

    /// Takes out again what was added and could not be stored: whoever asked is told that it was not added, and after a restart
    /// nobody would know of it.
    pub(super) fn take_out_unstored(&mut self, client: u64, added: &[Added]) {
        let new = added.iter().filter(|one| one.how == AddedHow::New);
        let select = Selector { ids: new.map(|one| one.id).collect(), ..Selector::default() };
        if !select.ids.is_empty() {
            self.act(client, &select, &Act::Remove);
        }
    }

    fn check(&self, new: &NewDownload, settings: usize) -> Result<(), Refusal> {
        let bad = |text: String, hint: &str| Err(Refusal::new(RefusalKind::BadRequest, text, hint));
        if !matches!(new.url.scheme(), "http" | "https") || !new.url.has_host() {
            return bad(
                format!("`{}:` is not for downloads", new.url.scheme()),
                "haul fetches http and https",
            );
        }
        if let Some(name) = &new.name
            && (name.is_empty() || name.contains(['/', '\0']) || name == "." || name == "..")
        {
            return bad(format!("`{}` is no file name", name.escape_debug()), "name the folder with -d");
        }
        if let Some(id) = new.collection
            && !self.collections.contains_key(&id)
        {
            let text = format!("there is no collection {id}");
            return Err(Refusal::new(RefusalKind::NotFound, text, "`haul collections` lists them"));
        }
        if new.settings > 0 && new.settings >= settings {
            return bad("the batch names settings that it doesn't have".into(), "");
        }
        Ok(())
    }

    /// Downloads of the same source and target, by number; for a page only its own.
    fn same_as(&self, new: &NewDownload, page: Option<&PageOrigin>) -> Vec<DownloadId> {
        let hash = source_hash(&new.url);
        self.by_source
            .range((hash, DownloadId(0))..=(hash, DownloadId(u64::MAX)))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.items.get(id).is_some_and(|item| {
                    let record = &item.record;
                    let asked_into = record.extras.as_ref().and_then(|extras| extras.asked_into.as_ref());
                    record.source_url == new.url
                        && (page.is_none() || record.settings.page.as_ref() == page)
                        && new.folder.as_ref() == Some(asked_into.unwrap_or(&*record.folder))
                        && new.name.as_ref().is_none_or(|name| *name == record.name)
                        && (new.name.is_some() || !record.name_is_given)
                })
            })
            .collect()
    }

    /// The newest download of each link, wherever it goes and whatever its file is called.
    pub(super) fn known(&self, urls: &[Url]) -> Vec<Option<DownloadId>> {
        let newest = |url: &Url| {
            let hash = source_hash(url);
            let same = self.by_source.range((hash, DownloadId(0))..=(hash, DownloadId(u64::MAX)));
            let is_it =
                |id: &DownloadId| self.items.get(id).is_some_and(|item| item.record.source_url == *url);
            same.map(|(_, id)| *id).rev().find(is_it)
        };
        urls.iter().map(newest).collect()
    }

    /// The finished ones among them: their files, and the checksums that those were verified with.
    pub(super) fn finished_of(
        &self,
        new: &NewDownload,
        page: Option<&PageOrigin>,
    ) -> Vec<(DownloadId, PathBuf, Option<Checksum>)> {
        let finished = self.same_as(new, page).into_iter().filter_map(|id| {
            let record = &self.items.get(&id)?.record;
            let verified = record.extras.as_ref().and_then(|extras| extras.checksum.clone());
            let file = record.folder.join(&record.name);
            let is_here = !new.again && record.state == State::Completed && is_as_it_ended(record);
            is_here.then_some((id, file, verified))
        });
        finished.collect()
    }

    /// The same source and target: an unfinished one goes on, a finished one whose file is still here is here.
    fn find_same(
        &mut self,
        client: u64,
        new: &NewDownload,
        settings: &TransferSettings,
        proven: &Proven,
        notes: &HashSet<PathBuf>,
    ) -> Option<Added> {
        if new.again {
            return None;
        }
        self.attach(client, new, settings, proven).or_else(|| {
            // Of pages nothing is known after a store was lost.
            let is_lost = settings.page.is_none() && self.take_in_lost(new, notes).is_some();
            if is_lost { self.attach(client, new, settings, proven) } else { None }
        })
    }

    fn attach(
        &mut self,
        client: u64,
        new: &NewDownload,
        settings: &TransferSettings,
        proven: &Proven,
    ) -> Option<Added> {
        for id in self.same_as(new, settings.page.as_ref()).into_iter().rev() {
            let Some(item) = self.items.get(&id) else { continue };
            let record = &item.record;
            // What is on its way out is nothing to attach to.
            if item
                .run
                .as_ref()
                .is_some_and(|run| matches!(run.then, Then::Cancel | Then::Remove | Then::Lose))
            {
                continue;
            }
            match record.state.kind() {
                StateKind::Completed => {
                    let wants_new = matches!(settings.taken, Taken::Replace | Taken::IfChanged);
                    let is_proven = match &new.extras.checksum {
                        Some(wanted) => proven.get(&(id, wanted.clone())) == Some(&true),
                        None => true,
                    };
                    if !wants_new && is_proven && is_as_it_ended(record) {
                        return Some(Added { id, how: AddedHow::AlreadyHere });
                    }
                }
                StateKind::Cancelled => {}
                kind => {
                    self.join_group(client, id);
                    let mut fetches_anew = false;
                    if let Some(item) = self.items.get_mut(&id) {
                        let priority = new.priority.unwrap_or(new.otherwise);
                        item.record.priority = item.record.priority.min(priority);
                        item.record.attempts = 0;
                        item.record.dry_since = None;
                        let asked = item.record.settings.with(settings);
                        fetches_anew = *item.record.settings != asked;
                        item.record.settings = Arc::new(asked);
                        if let Some(checksum) = &new.extras.checksum {
                            let held =
                                item.record.extras.as_ref().and_then(|extras| extras.checksum.as_ref());
                            fetches_anew |= held != Some(checksum);
                            item.record.extras.get_or_insert_default().checksum = Some(checksum.clone());
                        }
                    }
                    if fetches_anew && kind != StateKind::Processing {
                        self.stop_run(id, Then::Queue);
                    }
                    match kind {
                        // A pause that was asked for in this very moment is taken back.
                        kind if kind.is_running() => drop(self.go_on(id, &Act::Resume)),
                        // One of an earlier engine, which nobody asked for until now.
                        StateKind::Queued => {
                            self.enqueue(id);
                            self.store(id);
                        }
                        // What neither runs nor is completed can always be retried, and by kind.
                        _ => drop(self.go_on(id, &Act::Retry)),
                    }
                    return Some(Added { id, how: AddedHow::Attached });
                }
            }
        }
        None
    }

    pub(super) fn new_record(
        &mut self,
        new: NewDownload,
        settings: Arc<TransferSettings>,
        folder: Arc<PathBuf>,
        now: UnixMs,
    ) -> DownloadRecord {
        self.last_download += 1;
        #[expect(clippy::cast_precision_loss, reason = "places need an order, not every digit")]
        let order = self.last_download as f64;
        // What is here already is compared with the server's by what was stored of it, under the name that it got.
        let here = (settings.taken == Taken::IfChanged).then(|| self.newest_finished_of(&new)).flatten();
        let name_is_given = new.name.is_some();
        let name_is_known = here.is_some();
        let mut extras = new.extras;
        // It is shown, and written into files: nothing in it may act on a terminal.
        extras.info.values_mut().for_each(|text| *text = printable(text).into_owned());
        let is_plain = extras == crate::model::item::Extras::default();
        DownloadRecord {
            id: DownloadId(self.last_download),
            uuid: Uuid::new_v4(),
            collection: new.collection.unwrap_or(CollectionId::DEFAULT),
            order,
            name: match &here {
                Some(here) => here.name.clone(),
                None => new.name.unwrap_or_else(|| name::provisional(&new.url)),
            },
            source_url: new.url,
            folder,
            name_is_final: name_is_given || name_is_known,
            name_is_given,
            mode: new.mode.unwrap_or_default(),
            priority: new.priority.unwrap_or(new.otherwise),
            state: State::Queued,
            added: now,
            ended: None,
            size: extras.size,
            attempts: 0,
            dry_since: None,
            joined_on_samples: false,
            settings,
            extras: (!is_plain).then(|| Box::new(extras)),
            checkpoint: here.and_then(|here| {
                let mut kept = here.checkpoint.clone()?;
                // Tags may have been written into it since.
                kept.size = here.size.or(kept.size);
                Some(kept)
            }),
        }
    }

    fn newest_finished_of(&self, new: &NewDownload) -> Option<DownloadRecord> {
        let (id, ..) = self.finished_of(new, None).pop()?;
        self.items.get(&id).map(|item| item.record.clone())
    }

    /// Takes a record into the list, and into line where it is queued.
    pub(super) fn take_in(&mut self, record: DownloadRecord, client: u64) {
        let id = record.id;
        let queued = matches!(record.state, State::Queued);
        self.put_in_list(record, client);
        self.join_group(client, id);
        if queued {
            self.enqueue(id);
        }
    }

    /// Takes a record into the list only.
    pub(super) fn put_in_list(&mut self, record: DownloadRecord, client: u64) {
        let id = record.id;
        self.by_source.insert((source_hash(&record.source_url), id));
        if let State::Waiting { why: WaitReason::HostRefuses { host }, .. } = &record.state {
            self.hosts.wait_for(host);
        }
        let mut item = Item::new(record);
        if item.record.mode == Mode::RealTime {
            item.owner = Some(client);
        }
        self.items.insert(id, Box::new(item));
        self.touch(id);
    }
}

/// Whether a finished download's file is there, and nobody wrote into it since.
fn is_as_it_ended(record: &DownloadRecord) -> bool {
    let file = record.folder.join(&record.name);
    if !is_file_of(&file, record.size) {
        return false;
    }
    let Ok(changed) = std::fs::metadata(&file).and_then(|facts| facts.modified()).map(UnixMs::from) else {
        return false;
    };
    // Its date is the server's, where that told one, which may lie ahead.
    let served = record.checkpoint.as_ref().and_then(|held| held.validators.last_modified);
    record.ended.is_none_or(|ended| changed.0 <= ended.0 + SLACK_MS)
        || served.is_some_and(|at| at.0 / 1000 == changed.0 / 1000)
}

/// Whether a finished download's file has the checksum with which it is asked for again, where that was looked at.
pub(super) type Proven = HashMap<(DownloadId, Checksum), bool>;

/// A batch whose downloads know what they are given.
pub(super) struct Settled {
    /// The settings that were asked for.
    given: Vec<Arc<TransferSettings>>,
    /// The downloads, each with the settings that it gets.
    pub(super) orders: Vec<(NewDownload, Arc<TransferSettings>)>,
}

/// What the settings give to the downloads of one batch: found once for all that are given the same.
struct Desk {
    given: Vec<Arc<TransferSettings>>,
    found: HashMap<(usize, String, Option<CollectionId>), Found>,
}

/// What was found for downloads from one origin.
#[derive(Clone)]
struct Found {
    resolved: Arc<Resolved>,
    settings: Arc<TransferSettings>,
}

impl Desk {
    fn new(given: Vec<TransferSettings>) -> Self {
        Self { given: given.into_iter().map(Arc::new).collect(), found: HashMap::new() }
    }

    /// Fills in what a download was not asked to be, and returns how it is fetched.
    fn settle(&mut self, new: &mut NewDownload, core: &Core) -> Result<Arc<TransferSettings>, Refusal> {
        let key = (new.settings, new.url.host_str().unwrap_or_default().to_owned(), new.collection);
        let found = if let Some(found) = self.found.get(&key) {
            found.clone()
        } else {
            let found = self.find(new, core)?;
            self.found.entry(key).or_insert(found).clone()
        };
        let Resolved { folder, mode, priority, distributor, set_by, .. } = found.resolved.as_ref();
        new.folder = Some(resolve::folder_of(new, folder.as_deref()).ok_or_else(|| no_folder(new))?);
        new.mode = new.mode.or(*mode);
        new.priority = new.priority.or(*priority);
        let names_none = !new.extras.info.keys().any(|name| Field::of_name(name) == Some(Field::Distributor));
        if let Some(distributor) = distributor.as_ref().filter(|_| names_none) {
            new.extras.info.insert(DISTRIBUTOR.into(), distributor.clone());
            new.extras.set_by.clone_from(set_by);
        }
        Ok(found.settings)
    }

    fn find(&self, new: &NewDownload, core: &Core) -> Result<Found, Refusal> {
        let nothing = TransferSettings::default();
        let given = self.given.get(new.settings).map_or(&nothing, Arc::as_ref);
        let mut resolved = core.give(given, &new.url, new.collection.unwrap_or(CollectionId::DEFAULT))?;
        let settings = Arc::new(std::mem::take(&mut resolved.settings));
        Ok(Found { resolved: Arc::new(resolved), settings })
    }
}

impl Core {
    /// What the settings give to a download of a collection, under what it was given; credentials are read.
    pub(super) fn give(
        &self,
        given: &TransferSettings,
        url: &Url,
        collection: CollectionId,
    ) -> Result<Resolved, Refusal> {
        let host = url.host_str().unwrap_or_default();
        let own = self.collections.get(&collection).map(|collection| &collection.settings);
        let mut resolved =
            resolve::resolve(given, host, own, &self.config).map_err(|UnknownPreset(name)| {
                let text = format!("there is no preset `{name}`");
                Refusal::new(RefusalKind::NotFound, text, "`haul preset list` shows them")
            })?;
        // Secrets are for whom the rule is about: a page has them sent to its own host only.
        if given.page.as_ref().is_some_and(|page| page.host() != host) {
            resolved.settings.headers.clone_from(&given.headers);
            resolved.login = None;
        }
        // What the link itself says is of this link, a rule of all links to its host.
        let says_who_asks = !url.username().is_empty() || url.password().is_some();
        if let Some(login) = resolved.login.as_ref().filter(|_| !says_who_asks) {
            resolved.settings.credentials = read_login(login, host)?;
        }
        Ok(resolved)
    }
}

/// Item info of who sold it.
const DISTRIBUTOR: &str = "Distributor";

fn no_folder(new: &NewDownload) -> Refusal {
    let (text, hint) = match &new.folder {
        Some(asked) => (format!("the folder {} is no place for downloads", asked.display()), "name it whole"),
        None => {
            ("no folder for downloads is set".to_owned(), "name one, or set `engine.folder` in the config")
        }
    };
    Refusal::new(RefusalKind::BadRequest, text, hint)
}

/// Reads the credentials that a host rule points to. They are kept with the download from then on.
fn read_login(login: &Login, host: &str) -> Result<Option<Credentials>, Refusal> {
    let (Login::Netrc(file) | Login::File { password: file, .. }) = login;
    let text = std::fs::read_to_string(file).map_err(|error| {
        let text = format!("the rule for {host} names {}, which can't be read: {error}", file.display());
        Refusal::new(RefusalKind::BadRequest, text, "correct `credentials` in the config, or the file")
    })?;
    Ok(match login {
        Login::Netrc(_) => netrc::find(&text, host),
        Login::File { user, .. } => {
            let password = text.lines().next().unwrap_or_default().to_owned();
            Some(Credentials { user: user.clone(), password })
        }
    })
}

/// A short stand-in for a URL in the index of sources.
pub(super) fn source_hash(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.as_str().hash(&mut hasher);
    hasher.finish()
}
