//! Adding downloads: any text with links in it, each link reviewed, where it goes and how.

mod draw;

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use tui_input::Input;
use url::Url;

use super::edit::{INFO, absolute, absolute_in, file_name, folder_of, headers};
use crate::links::entry::Entry;
use crate::links::find;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{GivenHeader, Mode, NewDownload, Priority};
use crate::model::request::{Batch, Request};
use crate::model::state::StateKind;
use crate::tui::app::App;
use crate::tui::effect::Purpose;
use crate::tui::{typed, words};

/// Clicks on the ways to download are told from those on links.
const ON_WAY: usize = 10_000;
/// Clicks on the other fields.
const ON_FIELD: usize = 20_000;
/// Links that go in one message, so that it stays under a megabyte.
const CHUNK: usize = 1000;

/// The dialog.
#[derive(Debug)]
pub(crate) struct Add {
    links: Vec<Candidate>,
    /// So many of them were asked about.
    asked: usize,
    remarks: Vec<String>,
    input: Input,
    folder: Input,
    /// Where they go where nobody says anything.
    usual: String,
    way: usize,
    collections: Vec<(CollectionId, String)>,
    collection: usize,
    /// Whether the fields are shown that are seldom wanted.
    more: bool,
    /// Title, artist, album and distributor.
    info: [Input; INFO.len()],
    headers: Input,
    field: Field,
    at: usize,
    /// The name of the link under the cursor, while it is typed.
    naming: Option<Input>,
    wrong: Option<String>,
}

#[derive(Debug)]
struct Candidate {
    link: Entry,
    taken: bool,
    /// Why it is not taken by itself.
    known: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Link,
    Links,
    Folder,
    How,
    Collection,
    More,
    Info(usize),
    Headers,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Link => "Link",
            Self::Links => "",
            Self::Folder => "Into",
            Self::How => "How",
            Self::Collection => "Collection",
            Self::More => "More",
            Self::Info(at) => INFO[at],
            Self::Headers => "Headers",
        }
    }
}

impl Add {
    /// Opens it empty.
    pub(crate) fn new(app: &App) -> Self {
        let shown = app.list.collection().unwrap_or(CollectionId::DEFAULT);
        let collections: Vec<_> = app.collections.iter().map(|row| (row.id, row.name.clone())).collect();
        let own =
            app.collections.iter().find(|row| row.id == shown).and_then(|row| row.settings.folder.clone());
        let folder = own.unwrap_or_else(|| app.options.folder.clone());
        let usual = app.shown_path(&folder.display().to_string());
        Self {
            links: Vec::new(),
            asked: 0,
            remarks: Vec::new(),
            input: Input::default(),
            folder: Input::new(usual.clone()),
            usual,
            way: if app.new_mode == Mode::RealTime { 2 } else { 0 },
            collection: collections.iter().position(|(id, _)| *id == shown).unwrap_or(0),
            collections,
            more: false,
            info: std::array::from_fn(|_| Input::default()),
            headers: Input::default(),
            field: Field::Link,
            at: 0,
            naming: None,
            wrong: None,
        }
    }

    /// Opens it with the links of a text.
    pub(crate) fn with_text(text: &str, app: &App) -> Self {
        let mut add = Self::new(app);
        add.take_in(text);
        if !add.links.is_empty() {
            add.field = Field::Links;
        }
        add
    }

    /// Opens it with links that somebody else opened.
    pub(crate) fn with_entries(entries: Vec<Entry>, app: &App) -> Self {
        let mut add = Self::new(app);
        add.put(entries);
        add.field = Field::Links;
        add
    }

    /// Whether no link is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Takes over the links of a list that was given up before: they are seen, and not chosen.
    pub(crate) fn take_over(&mut self, earlier: Self) {
        for candidate in earlier.links {
            if !self.links.iter().any(|known| known.link.url == candidate.link.url) {
                self.links.push(Candidate { taken: false, known: None, ..candidate });
            }
        }
    }

    fn take_in(&mut self, text: &str) {
        let found = find(text);
        self.put(found.entries);
        self.remarks.extend(found.remarks);
    }

    fn put(&mut self, entries: Vec<Entry>) {
        for link in entries {
            if !self.links.iter().any(|known| known.link.url == link.url) {
                self.links.push(Candidate { link, taken: true, known: None });
            }
        }
    }

    /// The links that nobody has asked about yet, and the first one's place.
    pub(crate) fn unasked(&mut self) -> Option<(usize, Vec<Url>)> {
        let first = self.asked;
        let urls: Vec<_> = self.links[first..].iter().take(CHUNK).map(|one| one.link.url.clone()).collect();
        self.asked += urls.len();
        (!urls.is_empty()).then_some((first, urls))
    }

    /// Links that are in the list already are shown, and what is done is not taken unless a person wants it again. `first` is the
    /// place of the first link that was asked about.
    pub(crate) fn mind_known(&mut self, first: usize, known: &[Option<DownloadId>], app: &App) {
        for (candidate, known) in self.links.iter_mut().skip(first).zip(known) {
            let Some(row) = known.and_then(|id| app.list.row(id)) else { continue };
            candidate.known = Some(match row.state.kind() {
                StateKind::Completed => {
                    candidate.taken = false;
                    let ended = row.ended.map(|ended| words::ago(app.now.since(ended))).unwrap_or_default();
                    format!("already here, done {ended}")
                }
                StateKind::Cancelled | StateKind::Failed => {
                    format!("{} before: takes it up again", row.state.kind())
                }
                _ => "in the list: goes on".into(),
            });
        }
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::Link];
        if !self.links.is_empty() {
            fields.push(Field::Links);
        }
        fields.extend([Field::Folder, Field::How, Field::Collection]);
        if self.more {
            fields.extend((0..INFO.len()).map(Field::Info));
            fields.push(Field::Headers);
        } else {
            fields.push(Field::More);
        }
        fields
    }

    fn step(&mut self, back: bool) {
        let fields = self.fields();
        let at = fields.iter().position(|field| *field == self.field).unwrap_or(0);
        let by = if back { fields.len() - 1 } else { 1 };
        self.field = fields[(at + by) % fields.len()];
    }

    fn count(&self) -> usize {
        self.links.iter().filter(|candidate| candidate.taken).count()
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        let code = typed::plain_code(key);
        if let Some(input) = self.naming.take() {
            self.name(input, key);
            return Some(self);
        }
        match (code, self.field) {
            (Some(KeyCode::Esc), _) => {
                if !self.links.is_empty() {
                    app.keep_draft(self);
                }
                return None;
            }
            (Some(KeyCode::Enter), _) => return self.enter(app),
            (Some(KeyCode::Down), Field::Links) if self.at + 1 < self.links.len() => self.at += 1,
            (Some(KeyCode::Up), Field::Links) if self.at > 0 => self.at -= 1,
            (Some(KeyCode::Down), Field::How) if self.way + 1 < words::WAYS.len() => self.way += 1,
            (Some(KeyCode::Up), Field::How) if self.way > 0 => self.way -= 1,
            (Some(KeyCode::Tab | KeyCode::Down), _) => self.step(false),
            (Some(KeyCode::BackTab | KeyCode::Up), _) => self.step(true),
            (Some(KeyCode::Char(' ')), Field::Links) => {
                if let Some(candidate) = self.links.get_mut(self.at) {
                    candidate.taken = !candidate.taken;
                }
            }
            (Some(KeyCode::Char('e')), Field::Links) => {
                self.naming = self.links.get(self.at).map(|one| Input::new(one.link.shown_name()));
            }
            (Some(KeyCode::Char(' ')), Field::How) => self.way = (self.way + 1) % words::WAYS.len(),
            (Some(KeyCode::Right | KeyCode::Char(' ')), Field::Collection) => self.turn(1),
            (Some(KeyCode::Left), Field::Collection) => self.turn(self.collections.len().saturating_sub(1)),
            (Some(KeyCode::Right | KeyCode::Char(' ')), Field::More) => self.show_more(),
            _ => {
                if self.typed_in().is_some_and(|input| typed::edit(input, key)) {
                    self.wrong = None;
                }
            }
        }
        Some(self)
    }

    /// Takes in a key while a name is typed.
    fn name(&mut self, mut input: Input, key: KeyCombination) {
        self.wrong = None;
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => {}
            Some(KeyCode::Enter) => {
                let name = match file_name(input.value()) {
                    Ok(name) => name,
                    Err(wrong) => {
                        (self.wrong, self.naming) = (Some(wrong), Some(input));
                        return;
                    }
                };
                if let Some(one) = self.links.get_mut(self.at)
                    && one.link.shown_name() != name
                {
                    (one.link.name, one.link.name_is_asked) = (Some(name), true);
                }
            }
            _ => {
                typed::edit(&mut input, key);
                self.naming = Some(input);
            }
        }
    }

    fn show_more(&mut self) {
        self.more = true;
        self.field = Field::Info(0);
    }

    /// The line that is typed, where the field that has the keys is one.
    fn typed_in(&mut self) -> Option<&mut Input> {
        match self.field {
            Field::Link => Some(&mut self.input),
            Field::Folder => Some(&mut self.folder),
            Field::Info(at) => self.info.get_mut(at),
            Field::Headers => Some(&mut self.headers),
            Field::Links | Field::How | Field::Collection | Field::More => None,
        }
    }

    fn turn(&mut self, by: usize) {
        if !self.collections.is_empty() {
            self.collection = (self.collection + by) % self.collections.len();
        }
    }

    /// Takes in a click: on a link, on a way, or on a field.
    pub(crate) fn choose(mut self, at: usize) -> Self {
        self.naming = None;
        if at >= ON_FIELD {
            self.field = self.fields().get(at - ON_FIELD).copied().unwrap_or(self.field);
            if self.field == Field::More {
                self.show_more();
            }
        } else if at >= ON_WAY {
            self.field = Field::How;
            self.way = (at - ON_WAY).min(words::WAYS.len() - 1);
        } else if let Some(candidate) = self.links.get_mut(at) {
            candidate.taken = !candidate.taken;
            (self.field, self.at) = (Field::Links, at);
        }
        self
    }

    /// Takes in a paste: links go to the list, anything else to the line that is typed.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        if let Some(input) = &mut self.naming {
            typed::insert(input, text);
            return true;
        }
        let before = self.links.len();
        let own = (self.field != Field::Link).then(|| self.typed_in()).flatten();
        if let Some(input) = own {
            typed::insert(input, text);
        } else {
            self.take_in(text);
            if self.links.len() > before {
                self.field = Field::Links;
            } else {
                typed::insert(&mut self.input, text);
            }
        }
        self.wrong = None;
        true
    }

    /// What is typed becomes a link; with nothing typed, what is chosen is added.
    fn enter(mut self, app: &mut App) -> Option<Self> {
        let typed = self.input.value().trim().to_owned();
        if !typed.is_empty() {
            let before = self.links.len();
            self.take_in(&typed);
            if self.links.len() == before && !self.links.iter().any(|known| known.link.url.as_str() == typed)
            {
                self.wrong = Some("no link is in that: it begins with https:// or http://".into());
                return Some(self);
            }
            self.input = Input::default();
        }
        if self.count() == 0 {
            self.wrong = Some(
                if self.links.is_empty() { "type or paste a link" } else { "none is chosen: Space chooses" }
                    .into(),
            );
            return Some(self);
        }
        // The usual one may be away for a while, as a disk is: the engine waits for that.
        let is_own = self.folder.value().trim() != self.usual;
        let folder = if is_own { folder_of } else { absolute }(self.folder.value(), app);
        let folder = folder.map_err(|wrong| (Field::Folder, wrong));
        let headers = headers(self.headers.value()).map_err(|wrong| (Field::Headers, wrong));
        match folder.and_then(|folder| Ok((folder, headers?))) {
            Ok((folder, headers)) => {
                self.add(&folder, &headers, app);
                None
            }
            Err((field, wrong)) => {
                (self.field, self.wrong) = (field, Some(wrong));
                Some(self)
            }
        }
    }

    fn add(self, folder: &std::path::Path, headers: &[GivenHeader], app: &mut App) {
        app.drafts.add = None;
        let (mode, priority) = words::way(self.way);
        let collection = self.collections.get(self.collection).map(|(id, _)| *id);
        let home = app.options.home.clone();
        let info: Vec<(&str, &str)> = INFO
            .into_iter()
            .zip(self.info.iter().map(|input| input.value().trim()))
            .filter(|(_, typed)| !typed.is_empty())
            .collect();
        let taken: Vec<_> = self.links.iter().filter(|candidate| candidate.taken).collect();
        for chunk in taken.chunks(CHUNK) {
            let mut batch = Batch::default();
            for candidate in chunk {
                let again = candidate.known.as_deref().is_some_and(|known| known.starts_with("already"));
                let folder = match &candidate.link.folder {
                    Some(own) => absolute_in(&own.display().to_string(), home.as_deref())
                        .unwrap_or_else(|_| folder.join(own)),
                    None => folder.to_owned(),
                };
                let mut settings = app.options.settings.clone();
                settings.headers.extend_from_slice(headers);
                candidate.link.overrides.iter().for_each(|own| own.apply(&mut settings));
                let at = batch.settings.iter().position(|known| *known == settings).unwrap_or_else(|| {
                    batch.settings.push(settings);
                    batch.settings.len() - 1
                });
                let mut new = download(&candidate.link, &folder, mode, priority);
                (new.collection, new.again, new.settings) = (collection, again, at);
                for (name, typed) in &info {
                    new.extras.info.entry((*name).into()).or_insert_with(|| (*typed).to_owned());
                }
                batch.downloads.push(new);
            }
            app.ask(Purpose::Add(mode), Request::Add(batch));
        }
    }
}

fn host(link: &Entry) -> &str {
    link.url.host_str().unwrap_or_default()
}

/// Its name, with a mark where the server may say another.
fn called(link: &Entry) -> String {
    let sign = if link.name.is_some() { "" } else { "?" };
    format!("{}{sign}", link.shown_name())
}

/// The download that a link becomes. A name may have folders before it, which lie below the download's own.
fn download(link: &Entry, folder: &std::path::Path, mode: Mode, priority: Priority) -> NewDownload {
    let path = link.name.as_deref().map(std::path::Path::new);
    let below = path.and_then(std::path::Path::parent).filter(|_| !folder.as_os_str().is_empty());
    NewDownload {
        url: link.url.clone(),
        folder: Some(below.map_or_else(|| folder.to_owned(), |below| folder.join(below)))
            .filter(|folder| !folder.as_os_str().is_empty()),
        name: path.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()),
        mode: link.mode.or(Some(mode)),
        priority: link.priority.or(Some(priority)),
        otherwise: priority,
        collection: None,
        again: false,
        settings: 0,
        extras: link.extras.clone(),
    }
}
