//! Adding downloads: any text with links in it, each link reviewed, where it goes and how.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_input::Input;

use super::dialog;
use super::edit::{absolute, absolute_in};
use crate::config::theme::Role;
use crate::links::entry::Entry;
use crate::links::find;
use crate::model::id::CollectionId;
use crate::model::item::Mode;
use crate::model::item::{NewDownload, Priority};
use crate::model::request::{Batch, Request};
use crate::model::state::StateKind;
use crate::tui::app::App;
use crate::tui::effect::Purpose;
use crate::tui::hit::{Hit, Hits};
use crate::tui::{text, typed, words};

/// Links that are shown at once.
const SHOWN: usize = 8;
/// Links that go in one message, so that it stays under a megabyte.
const CHUNK: usize = 1000;

/// The dialog.
#[derive(Debug)]
pub(crate) struct Add {
    links: Vec<Candidate>,
    remarks: Vec<String>,
    input: Input,
    folder: Input,
    way: usize,
    collections: Vec<(CollectionId, String)>,
    collection: usize,
    distributor: Input,
    field: Field,
    at: usize,
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
    Distributor,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Link => "Link",
            Self::Links => "",
            Self::Folder => "Into",
            Self::How => "How",
            Self::Collection => "Collection",
            Self::Distributor => "Distributor",
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
        Self {
            links: Vec::new(),
            remarks: Vec::new(),
            input: Input::default(),
            folder: Input::new(app.shown_path(&folder.display().to_string())),
            way: if app.new_mode == Mode::RealTime { 2 } else { 0 },
            collection: collections.iter().position(|(id, _)| *id == shown).unwrap_or(0),
            collections,
            distributor: Input::default(),
            field: Field::Link,
            at: 0,
            wrong: None,
        }
    }

    /// Opens it with the links of a text.
    pub(crate) fn with_text(text: &str, app: &App) -> Self {
        let mut add = Self::new(app);
        add.take_in(text);
        add.mind_known(app);
        if !add.links.is_empty() {
            add.field = Field::Links;
        }
        add
    }

    /// Opens it with links that somebody else opened.
    pub(crate) fn with_entries(entries: Vec<Entry>, app: &App) -> Self {
        let mut add = Self::new(app);
        add.put(entries);
        add.mind_known(app);
        add.field = Field::Links;
        add
    }

    /// Whether no link is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
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

    /// Links whose name and host are in the list already are shown, and not taken unless a person wants them again.
    fn mind_known(&mut self, app: &App) {
        let mut rows = std::collections::HashMap::new();
        for row in app.list.rows() {
            rows.insert((row.host.as_str(), row.name.as_str()), row);
        }
        for candidate in self.links.iter_mut().filter(|candidate| candidate.known.is_none()) {
            let (host, name) = (host(&candidate.link), candidate.link.shown_name());
            let Some(row) = rows.get(&(host, name.as_str())) else { continue };
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
        fields.extend([Field::Folder, Field::How, Field::Collection, Field::Distributor]);
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
        match (code, self.field) {
            (Some(KeyCode::Esc), _) => return None,
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
            (Some(KeyCode::Char(' ')), Field::How) => self.way = (self.way + 1) % words::WAYS.len(),
            (Some(KeyCode::Right | KeyCode::Char(' ')), Field::Collection) => self.turn(1),
            (Some(KeyCode::Left), Field::Collection) => self.turn(self.collections.len().saturating_sub(1)),
            (_, Field::Link) if typed::edit(&mut self.input, key) => self.wrong = None,
            (_, Field::Folder) if typed::edit(&mut self.folder, key) => self.wrong = None,
            (_, Field::Distributor) if typed::edit(&mut self.distributor, key) => self.wrong = None,
            _ => {}
        }
        Some(self)
    }

    fn turn(&mut self, by: usize) {
        if !self.collections.is_empty() {
            self.collection = (self.collection + by) % self.collections.len();
        }
    }

    /// Takes in a click: on a link, or on a way.
    pub(crate) fn choose(mut self, at: usize) -> Self {
        if at >= 10_000 {
            self.field = Field::How;
            self.way = (at - 10_000).min(words::WAYS.len() - 1);
        } else if let Some(candidate) = self.links.get_mut(at) {
            candidate.taken = !candidate.taken;
            (self.field, self.at) = (Field::Links, at);
        }
        self
    }

    /// Takes in a paste: links go to the list, anything else to the line that is typed.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        let before = self.links.len();
        let own = match self.field {
            Field::Folder => Some(&mut self.folder),
            Field::Distributor => Some(&mut self.distributor),
            _ => None,
        };
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
            self.mind_known(app);
        }
        if self.count() == 0 {
            self.wrong = Some(
                if self.links.is_empty() { "type or paste a link" } else { "none is chosen: Space chooses" }
                    .into(),
            );
            return Some(self);
        }
        match absolute(self.folder.value(), app) {
            Ok(folder) => {
                self.add(&folder, app);
                None
            }
            Err(wrong) => {
                self.wrong = Some(wrong);
                self.field = Field::Folder;
                Some(self)
            }
        }
    }

    fn add(self, folder: &std::path::Path, app: &mut App) {
        let (mode, priority) = words::way(self.way);
        let collection = self.collections.get(self.collection).map(|(id, _)| *id);
        let home = app.options.home.clone();
        let distributor =
            Some(self.distributor.value().trim()).filter(|typed| !typed.is_empty()).map(str::to_owned);
        let taken: Vec<_> = self.links.into_iter().filter(|candidate| candidate.taken).collect();
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
                candidate.link.overrides.iter().for_each(|own| own.apply(&mut settings));
                let at = batch.settings.iter().position(|known| *known == settings).unwrap_or_else(|| {
                    batch.settings.push(settings);
                    batch.settings.len() - 1
                });
                let mut new = download(&candidate.link, &folder, mode, priority);
                (new.collection, new.again, new.settings) = (collection, again, at);
                if let Some(distributor) = &distributor {
                    let own = Field::Distributor.name();
                    new.extras.info.entry(own.into()).or_insert_with(|| distributor.clone());
                }
                batch.downloads.push(new);
            }
            app.ask(Purpose::Add(mode), Request::Add(batch));
        }
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let width = frame.area().width.saturating_sub(6).min(90);
        let columns = usize::from(width);
        let is_low = frame.area().height < 20;
        let shown = self.links.len().min(if is_low { 2 } else { SHOWN });
        let gap = u16::from(!is_low);
        let height = 2 + gap + u16::try_from(shown).unwrap_or(0) + gap + 1 + 3 + 2 + 1 + gap + 1;
        let area = dialog::open(app, frame, hits, "Add downloads", (width, height));
        let mut y = area.y;
        let mut line = |frame: &mut Frame<'_>, line: Line<'_>| {
            let place = Rect { y, height: 1, ..area };
            if y < area.bottom() {
                frame.render_widget(Paragraph::new(line), place);
            }
            y += 1;
            place
        };
        let label = |field: Field| {
            Span::styled(
                format!("{:<12}", field.name()),
                plain(if self.field == field { Role::Strong } else { Role::Dim }),
            )
        };
        let told = match self.links.len() {
            0 => "Type a link, or paste any text that has links in it.".to_owned(),
            1 => "1 link".to_owned(),
            many => format!("{many} links"),
        };
        let told = match self.remarks.first() {
            Some(remark) => format!("{told}. {remark}"),
            None => told,
        };
        line(frame, Line::styled(text::cut_end(&told, columns, look.glyphs.ellipsis), plain(Role::Strong)));
        let place = line(frame, Line::from(label(Field::Link)));
        let input = |area: Rect| Rect { x: area.x + 12, width: area.width.saturating_sub(12), ..area };
        dialog::input(app, frame, input(place), &self.input, self.field == Field::Link);
        if gap > 0 {
            line(frame, Line::raw(""));
        }
        let top = (self.at + 1).saturating_sub(shown);
        for (at, candidate) in self.links.iter().enumerate().skip(top).take(shown) {
            let here = self.field == Field::Links && at == self.at;
            let sign = if candidate.taken { "+" } else { "=" };
            let host = host(&candidate.link).to_owned();
            let right = match &candidate.known {
                Some(known) if candidate.taken => known.clone(),
                Some(known) => format!("{known}: skipped"),
                None => host,
            };
            let room = columns.saturating_sub(4);
            let right = text::cut_end(&right, room * 3 / 5, look.glyphs.ellipsis);
            let name =
                text::fit(&called(&candidate.link), room - text::width(&right) - 2, look.glyphs.ellipsis);
            let role = if candidate.taken { Role::Text } else { Role::Dim };
            let ground = if here { look.style(Role::Selection) } else { Style::default() };
            let spans = vec![
                Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
                Span::styled(
                    format!("{sign} "),
                    plain(if candidate.taken { Role::Success } else { Role::Dim }),
                ),
                Span::styled(format!("{name}  "), plain(role)),
                Span::styled(right, plain(Role::Dim)),
            ];
            let place = line(frame, Line::from(spans).style(ground));
            hits.add(place, Hit::Choice(at));
        }
        if gap > 0 {
            line(frame, Line::raw(""));
        }
        let place = line(frame, Line::from(label(Field::Folder)));
        dialog::input(app, frame, input(place), &self.folder, self.field == Field::Folder);
        for (at, (way, note)) in words::WAYS.iter().enumerate() {
            let chosen = at == self.way;
            let here = self.field == Field::How && chosen;
            let sign = look.glyphs.choice[usize::from(!chosen)];
            let role = if here {
                Role::Strong
            } else if chosen {
                Role::Text
            } else {
                Role::Dim
            };
            let name = if at == 0 { label(Field::How) } else { Span::raw(" ".repeat(12)) };
            let spans = vec![
                name,
                Span::styled(format!("{sign} "), plain(if here { Role::Accent } else { role })),
                Span::styled(text::fit(way, 27, look.glyphs.ellipsis), plain(role)),
                Span::styled(
                    text::cut_end(note, columns.saturating_sub(44), look.glyphs.ellipsis),
                    plain(Role::Dim),
                ),
            ];
            let place = line(frame, Line::from(spans));
            hits.add(place, Hit::Choice(10_000 + at));
        }
        let name = self.collections.get(self.collection).map_or("default", |(_, name)| name.as_str());
        let turn = if self.collections.len() > 1 && self.field == Field::Collection {
            "   Left Right changes it"
        } else {
            ""
        };
        let here = self.field == Field::Collection;
        let spans = vec![
            label(Field::Collection),
            Span::styled(
                text::cut_end(name, columns.saturating_sub(40), look.glyphs.ellipsis),
                plain(if here { Role::Strong } else { Role::Text }),
            ),
            Span::styled(turn, plain(Role::Dim)),
        ];
        line(frame, Line::from(spans));
        let place = line(frame, Line::from(label(Field::Distributor)));
        if self.field == Field::Distributor || !self.distributor.value().is_empty() {
            dialog::input(app, frame, input(place), &self.distributor, self.field == Field::Distributor);
        } else {
            let told = Line::styled("as the file says", plain(Role::Dim));
            frame.render_widget(Paragraph::new(told), input(place));
        }
        let wrong = self.wrong.clone().unwrap_or_default();
        line(frame, Line::styled(text::cut_end(&wrong, columns, look.glyphs.ellipsis), plain(Role::Error)));
        let add = match (self.count(), self.input.value().trim().is_empty()) {
            (0, _) => "add".to_owned(),
            (count, true) => format!("add {count}"),
            (count, false) => format!("add {}", count + 1),
        };
        let mut buttons = vec![("Esc", "back".to_owned(), "esc"), ("Tab", "next".to_owned(), "tab")];
        if self.field == Field::Links {
            buttons.push(("Space", "take or skip".to_owned(), "space"));
        }
        buttons.push(("Enter", add, "enter"));
        dialog::buttons(app, frame, hits, area, &buttons);
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
