//! From what is asked for to what the engine takes: entries become one batch whose downloads share their settings. Where it is too big for
//! one message, `client` cuts it, and the engine takes it whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::context::Context;
use super::error::CliError;
use super::folder::destination;
use super::transfer::{ProxyChoice, cookie_file};
use crate::links::entry::{Entry, Override};
use crate::model::id::CollectionId;
use crate::model::item::{Credentials, Mode, NewDownload, Priority, Taken, TransferSettings};
use crate::model::request::Batch;

/// What all entries have in common.
#[derive(Debug)]
pub(crate) struct Common {
    /// Settings.
    pub(crate) settings: TransferSettings,
    /// Folder, absolute; the engine's own where there is none.
    pub(crate) folder: Option<PathBuf>,
    /// Mode, where it was asked for.
    pub(crate) mode: Option<Mode>,
    /// Priority, where it was asked for.
    pub(crate) priority: Option<Priority>,
    /// Priority where nothing else names one.
    pub(crate) otherwise: Priority,
    /// Collection.
    pub(crate) collection: Option<CollectionId>,
    /// Whether second copies are wanted.
    pub(crate) again: bool,
    /// Proxy.
    pub(crate) proxy: ProxyChoice,
    /// Whether credentials come from `~/.netrc`.
    pub(crate) netrc: bool,
}

/// Where a download was asked to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Folder, where the engine doesn't choose it; a relative one lies below the engine's.
    pub(crate) folder: Option<Arc<Path>>,
    /// File name, where one was chosen.
    pub(crate) name: Option<Box<str>>,
}

/// All that is to be added.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// What is asked of the engine.
    pub(crate) batch: Batch,
    /// Where each download goes, in the same order.
    pub(crate) targets: Vec<Target>,
}

/// Makes the order.
///
/// # Errors
/// A folder that can't be written, or a proxy or netrc that can't be read.
pub(crate) fn order(entries: Vec<Entry>, common: &Common, context: &Context) -> Result<Order, CliError> {
    let mut desk =
        Desk { common, context, folders: HashMap::new(), logins: HashMap::new(), cookies: HashMap::new() };
    let mut order = Order { targets: Vec::with_capacity(entries.len()), ..Order::default() };
    let mut batch = Open::default();
    for entry in entries {
        let target = desk.target(&entry)?;
        let own = desk.own_settings(&entry)?;
        let mut new = NewDownload {
            url: entry.url,
            folder: target.folder.as_deref().map(Path::to_path_buf),
            name: target.name.as_deref().map(str::to_owned),
            mode: entry.mode.or(common.mode),
            priority: entry.priority.or(common.priority),
            otherwise: common.otherwise,
            collection: common.collection,
            again: common.again,
            settings: 0,
            extras: entry.extras,
        };
        new.settings = batch.place(own, &common.settings);
        batch.batch.downloads.push(new);
        order.targets.push(target);
    }
    order.batch = batch.batch;
    Ok(order)
}

/// What was looked up already.
struct Desk<'a> {
    common: &'a Common,
    context: &'a Context,
    folders: HashMap<PathBuf, Arc<Path>>,
    logins: HashMap<(String, String), Option<Credentials>>,
    cookies: HashMap<PathBuf, PathBuf>,
}

/// What one download sets of its own: the key by which settings are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OwnSettings {
    refuses_taken: bool,
    direct: bool,
    proxy: Option<Url>,
    login: Option<Credentials>,
    overrides: Vec<Override>,
}

impl Desk<'_> {
    fn target(&mut self, entry: &Entry) -> Result<Target, CliError> {
        let mut folder = self.common.folder.as_deref().unwrap_or(Path::new("")).to_owned();
        folder.push(entry.folder.as_deref().unwrap_or(Path::new("")));
        let name = entry.name.as_deref().map(|name| match name.rsplit_once('/') {
            Some((below, name)) => {
                folder.push(below);
                name
            }
            None => name,
        });
        let name = name.map(Into::into);
        if folder.as_os_str().is_empty() {
            return Ok(Target { folder: None, name });
        }
        let folder = if let Some(known) = self.folders.get(&folder) {
            Arc::clone(known)
        } else {
            // What all share was looked at when the flags were read; what is relative is the engine's to judge.
            let is_shared = self.common.folder.as_ref().is_some_and(|shared| *shared == folder);
            let checked = if is_shared || folder.is_relative() {
                folder.components().collect()
            } else {
                destination(&folder, self.context)?
            };
            Arc::clone(self.folders.entry(folder).or_insert(checked.into()))
        };
        Ok(Target { folder: Some(folder), name })
    }

    fn own_settings(&mut self, entry: &Entry) -> Result<OwnSettings, CliError> {
        let has = |kind: fn(&Override) -> bool| entry.overrides.iter().any(kind);
        let proxy = if has(|own| matches!(own, Override::Proxy(_))) {
            None
        } else {
            self.common.proxy.for_link(&entry.url, self.context)?
        };
        let direct = self.common.proxy == ProxyChoice::Direct && proxy.is_none();
        // What the link itself says is of this link; the file's is of its host.
        let is_named = says_who_asks(&entry.url) || has(|own| matches!(own, Override::Credentials(_)));
        let login = if self.common.netrc && !is_named { self.login(&entry.url)? } else { None };
        let refuses_taken = entry.name_is_asked && self.common.settings.taken == Taken::Number;
        let mut overrides = entry.overrides.clone();
        for own in &mut overrides {
            if let Override::Cookies(path) = own {
                *path = self.cookies(path)?;
            }
        }
        Ok(OwnSettings { refuses_taken, direct, proxy, login, overrides })
    }

    fn cookies(&mut self, path: &Path) -> Result<PathBuf, CliError> {
        if let Some(known) = self.cookies.get(path) {
            return Ok(known.clone());
        }
        let checked = cookie_file(path, self.context)?;
        self.cookies.insert(path.to_owned(), checked.clone());
        Ok(checked)
    }

    fn login(&mut self, url: &Url) -> Result<Option<Credentials>, CliError> {
        let origin = (url.scheme().to_owned(), url.authority().to_owned());
        if let Some(known) = self.logins.get(&origin) {
            return Ok(known.clone());
        }
        let found = (self.context.netrc)(url).map_err(|why| {
            CliError::usage(format!("--netrc: {why}"), "Correct ~/.netrc, or leave --netrc away")
        })?;
        self.logins.insert(origin, found.clone());
        Ok(found)
    }
}

/// Whether a link says itself with which user or password it is asked.
pub(crate) fn says_who_asks(link: &Url) -> bool {
    !link.username().is_empty() || link.password().is_some()
}

/// A batch that is still being filled.
#[derive(Default)]
struct Open {
    batch: Batch,
    places: HashMap<OwnSettings, usize>,
}

impl Open {
    /// Returns the place of the settings in this batch, which it takes in where they are new.
    fn place(&mut self, own: OwnSettings, common: &TransferSettings) -> usize {
        if let Some(place) = self.places.get(&own) {
            return *place;
        }
        let mut settings = common.clone();
        if own.refuses_taken {
            settings.taken = Taken::Refuse;
        }
        settings.proxy.clone_from(&own.proxy);
        settings.direct = own.direct;
        if let Some(login) = &own.login {
            settings.credentials = Some(login.clone());
        }
        for own in &own.overrides {
            own.apply(&mut settings);
        }
        self.batch.settings.push(settings);
        let place = self.batch.settings.len() - 1;
        self.places.insert(own, place);
        place
    }
}
