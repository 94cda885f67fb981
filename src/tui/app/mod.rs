//! The state of the screen, and how it changes: [`App::update`] takes in what happened and says what is to be done. Nothing here touches
//! the terminal, the network or the clock.

mod act;
mod answer;
mod collections;
mod cursor;
mod facts;
mod keys;
mod leave;
mod mouse;
mod news;
mod set;
mod shelf;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use cursor::Cursor;
pub(crate) use news::{Notice, Since, Toast, Tone};

use super::effect::{Effect, Msg, Purpose};
use super::hit::Hits;
use super::layout::Pane;
use super::library::Library;
use super::list::List;
use super::look::Look;
use super::overlay::Overlay;
use super::overlay::add::Add;
use super::overlay::edit::Edit;
use super::overlay::limit::Draft;
use super::surroundings::Surroundings;
use crate::config::Ui;
use crate::config::keymap::Keymap;
use crate::config::theme::{ThemeError, Themes};
use crate::links::entry::Entry;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, TransferSettings};
use crate::model::page::PageRequest;
use crate::model::record::HistoryLine;
use crate::model::request::Request;
use crate::model::state::StateKind;
use crate::model::time::UnixMs;
use crate::model::view::{CollectionRow, DownloadDetail, DownloadRow, Totals};

/// Samples of a speed that are kept: as many as the widest graph has columns.
pub(crate) const SAMPLES: usize = 240;
/// How often a speed is sampled.
const SAMPLE_MS: i64 = 500;
/// From when on a download of which nothing comes is said to be quiet.
const QUIET: Duration = Duration::from_millis(1500);
/// How often the details under the cursor are asked for while it runs.
const DETAIL_MS: i64 = 500;
/// How soon a finished file is looked for on its shelf, and again after that: tags of a large one take a while to read.
const SHELVED_MS: [i64; 4] = [600, 1500, 4000, 10_000];
/// How often rows are put in order by a column that changes all the time.
const DRIFT_MS: i64 = 1000;

/// Says why a folder can't take downloads.
pub type CheckFolder = fn(&std::path::Path) -> Result<(), String>;

/// What the screen starts with.
#[derive(Debug)]
pub struct Options {
    /// Themes to choose from.
    pub themes: Themes,
    /// What the terminal can show.
    pub surroundings: Surroundings,
    /// What a person set for the screen.
    pub ui: Ui,
    /// Keys.
    pub keymap: Keymap,
    /// The local time zone.
    pub zone: jiff::tz::TimeZone,
    /// The folder for new downloads.
    pub folder: PathBuf,
    /// The home folder, shown as `~`.
    pub home: Option<PathBuf>,
    /// Settings that each new download has.
    pub settings: TransferSettings,
    /// Whether the engine is on this machine, so that files can be opened.
    pub local: bool,
    /// Says why a folder can't take downloads; none where it is on another machine.
    pub check_folder: Option<CheckFolder>,
    /// Whether background downloads go on after this program ends.
    pub outlives: bool,
    /// Whether everything is thrown away when this program ends, as in the demo.
    pub passing: bool,
    /// What the engine's place is called in the header; empty for the ordinary one.
    pub place: String,
    /// What a newcomer may try, told until it is hidden; empty for none.
    pub tip: String,
    /// What is wrong with a theme, told at the start; empty for nothing.
    pub wrong: String,
    /// Links that somebody else opened: they fill the Add dialog, for a person to look at.
    pub offered: Vec<Entry>,
    /// The newest line of the log at the last leave; what came after it is told.
    pub seen: Option<u64>,
    /// How covers are shown; none where they are not.
    pub pictures: Option<crate::tui::Pictures>,
    /// What plays finished media: a program and its arguments; the system's own where it is empty.
    pub player: Vec<String>,
}

impl Options {
    /// The theme that holds: a person's own, or the one for the terminal's ground.
    pub fn theme(&self) -> &str {
        let usual = if self.surroundings.light { "light" } else { "dark" };
        self.ui.theme.as_deref().unwrap_or(usual)
    }

    fn look(&self) -> Result<Look, ThemeError> {
        let theme = self.themes.find(self.theme())?;
        let depth = self.ui.colours.unwrap_or(self.surroundings.depth);
        let ascii = self.ui.ascii.unwrap_or(self.surroundings.ascii);
        Ok(Look::new(&theme, depth, ascii, self.ui.reduced_motion, self.zone.clone()))
    }
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// Choices of the start that stay.
    pub(crate) options: Options,
    /// The wall clock, as of the last message.
    pub(crate) now: UnixMs,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    /// Theme and characters.
    pub(crate) look: Look,
    /// Whether the engine can be reached.
    pub(crate) connected: bool,
    /// Whether it can't because somebody stopped it.
    pub(crate) stopped: bool,
    /// Whether the first list is still coming.
    pub(crate) loading: bool,
    /// Downloads.
    pub(crate) list: List,
    /// The line under the cursor.
    pub(crate) cursor: Cursor,
    /// Since when background downloads are held while nobody looks, and by what.
    held_since: Option<(UnixMs, &'static str)>,
    /// Downloads that are marked.
    pub(crate) marks: HashSet<DownloadId>,
    /// What was typed in dialogs and not taken.
    pub(crate) drafts: Drafts,
    /// Collections.
    pub(crate) collections: Vec<CollectionRow>,
    /// The line of the collections pane: 0 is all of them.
    pub(crate) collection_line: usize,
    /// Numbers.
    pub(crate) totals: Totals,
    /// Total speeds, newest last.
    pub(crate) speeds: VecDeque<u64>,
    /// Speeds of what runs, newest last.
    pub(crate) tracks: HashMap<DownloadId, VecDeque<u64>>,
    /// Details of the download under the cursor.
    pub(crate) detail: Option<Box<DownloadDetail>>,
    /// What happened, newest first.
    pub(crate) log: Vec<HistoryLine>,
    /// The first line of the log that is shown.
    pub(crate) log_at: usize,
    /// Finished media.
    pub(crate) library: Library,
    /// The pane that has the keys.
    pub(crate) pane: Pane,
    /// What lies over the panes.
    pub(crate) overlay: Option<Overlay>,
    /// The filter line, while it is typed.
    pub(crate) filtering: Option<tui_input::Input>,
    /// The filter that held before it was typed.
    filter_before: String,
    /// Why what is typed there means nothing yet.
    pub(crate) filter_problem: Option<String>,
    /// The newest failure, until it is read.
    pub(crate) notice: Option<Notice>,
    /// Web pages that ask to be let in.
    pub(crate) asking: Vec<PageRequest>,
    /// What happened since somebody looked.
    pub(crate) since: Since,
    /// A short message.
    pub(crate) toast: Option<Toast>,
    /// Mode of new downloads.
    pub(crate) new_mode: Mode,
    /// Real-time downloads that end with this program.
    pub(crate) own: HashSet<DownloadId>,
    /// Whether something can be taken back.
    pub(crate) undoable: bool,
    /// What was drawn where.
    pub(crate) hits: Hits,
    /// Whether the terminal is in front.
    pub(crate) focused: bool,
    /// Collections that had something to do, so that their end is news.
    pub(crate) busy: BTreeMap<CollectionId, bool>,
    asked: Asked,
    leaving: bool,
    effects: Vec<Effect>,
}

/// What was typed in dialogs that were left: `Esc` loses nothing.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    /// Links that were looked through and not added.
    pub(crate) add: Option<Box<Add>>,
    /// Changes of a download that were not made yet.
    pub(crate) edit: Option<Box<Edit>>,
    /// A limit that was not set.
    pub(crate) limit: Option<Draft>,
}

/// What was asked for last, and when.
#[derive(Debug, Default)]
struct Asked {
    detail: Option<DownloadId>,
    detail_at: i64,
    detail_stale: bool,
    log: bool,
    sampled: i64,
    settled: i64,
    /// When the shelves are looked at again, and which look of [`SHELVED_MS`] that is.
    shelves: Option<(i64, usize)>,
}

impl App {
    /// Returns the screen as it starts: connecting, with nothing yet to show. Where its theme can't be used it wears the usual one,
    /// and says so until a key is pressed.
    ///
    /// # Errors
    /// The usual theme can't be used either.
    pub fn new(mut options: Options) -> Result<Self, ThemeError> {
        let mut wrong = std::mem::take(&mut options.wrong);
        let look = options.look().or_else(|error| {
            if wrong.is_empty() {
                wrong = error.to_string();
            }
            options.ui.theme = None;
            options.look()
        })?;
        let toast = (!wrong.is_empty()).then(|| Toast::until_read(Tone::Warning, wrong));
        Ok(Self {
            look,
            options,
            now: UnixMs::default(),
            size: (80, 24),
            connected: false,
            stopped: false,
            loading: true,
            list: List::default(),
            cursor: Cursor::default(),
            held_since: None,
            drafts: Drafts::default(),
            marks: HashSet::new(),
            collections: Vec::new(),
            collection_line: 0,
            totals: Totals::default(),
            speeds: VecDeque::new(),
            tracks: HashMap::new(),
            detail: None,
            log: Vec::new(),
            log_at: 0,
            library: Library::default(),
            pane: Pane::Downloads,
            overlay: None,
            filtering: None,
            filter_before: String::new(),
            filter_problem: None,
            notice: None,
            asking: Vec::new(),
            since: Since::default(),
            toast,
            new_mode: Mode::Background,
            own: HashSet::new(),
            undoable: false,
            hits: Hits::default(),
            focused: true,
            busy: BTreeMap::new(),
            asked: Asked::default(),
            leaving: false,
            effects: Vec::new(),
        })
    }

    /// Takes in what happened at a moment, and returns what is to be done.
    pub fn update(&mut self, now: UnixMs, msg: Msg) -> Vec<Effect> {
        self.now = now;
        match msg {
            Msg::Key(key) => {
                // What was said is read, or no longer matters.
                self.toast = None;
                self.key(key);
            }
            Msg::Mouse(event) => self.mouse(event),
            Msg::Paste(text) => self.pasted(&text),
            Msg::Resize(columns, rows) => {
                self.size = (columns, rows);
                self.keep_in_sight();
            }
            Msg::Focus(focused) => {
                self.focused = focused;
                self.mind_hold();
            }
            Msg::Tick => self.tick(),
            Msg::Connected => {
                (self.connected, self.stopped) = (true, false);
                self.loading = true;
                self.asking.clear();
                self.asked = Asked::default();
            }
            Msg::Back => (self.connected, self.stopped) = (true, false),
            Msg::Lost(why) => {
                if self.connected {
                    self.say(Tone::Warning, format!("the connection is lost: {why}. Trying again"));
                }
                (self.connected, self.stopped) = (false, false);
                self.asked.detail = None;
            }
            Msg::Stopped => {
                (self.connected, self.asked.detail) = (false, None);
                if !std::mem::replace(&mut self.stopped, true) {
                    let why = self.options.keymap.fill(self.facts().lost());
                    self.say(Tone::Warning, why);
                }
            }
            Msg::Changed(update) => self.changed(*update),
            Msg::Answered(purpose, answer) => self.answered(purpose, *answer),
            Msg::Told(Ok(text)) => self.say(Tone::Good, text),
            Msg::Told(Err(text)) => self.say(Tone::Bad, text),
            Msg::Settings(listed) => self.settings_listed(listed),
            Msg::Kept(change, kept) => self.kept(&change, kept),
            Msg::Pictured(id, room, picture) => self.pictured(id, room, picture),
        }
        self.ask_for_detail();
        self.ask_for_shelves();
        self.ask_what_is_known();
        std::mem::take(&mut self.effects)
    }

    /// Remembers what was drawn where.
    pub fn drawn(&mut self, hits: Hits) {
        self.hits = hits;
    }

    /// Whether anything on the screen changes by itself soon: then a tick is due within this many milliseconds.
    pub fn next_tick(&self) -> Option<u64> {
        let moving = self.asked.shelves.is_some() || self.totals.speed > 0 || self.list.drifts();
        if self.toast.as_ref().is_some_and(Toast::goes) || moving {
            return Some(if self.look.calm { 1000 } else { 500 });
        }
        let waits = self.totals.counts.contains_key(&crate::model::state::StateKind::Waiting);
        let ago = self.totals.counts.contains_key(&crate::model::state::StateKind::Completed);
        if waits {
            Some(1000)
        } else if ago {
            Some(30_000)
        } else {
            None
        }
    }

    fn tick(&mut self) {
        if self.toast.as_ref().is_some_and(|toast| toast.is_over(self.now)) {
            self.toast = None;
        }
        self.sample();
        if let Some((_, look)) = self.asked.shelves.take_if(|(due, _)| self.now.0 >= *due) {
            self.library.refresh();
            let next = SHELVED_MS.get(look + 1);
            self.asked.shelves = next.map(|wait| (self.now.0 + wait, look + 1));
        }
        if self.list.drifts() && self.now.0 - self.asked.settled >= DRIFT_MS {
            self.settle(true);
        }
    }

    /// Puts changed rows in order; the cursor stays on its download and its line on the screen.
    fn settle(&mut self, drifting: bool) {
        if drifting {
            self.asked.settled = self.now.0;
        }
        if self.list.settle(drifting) {
            self.follow();
        }
    }

    fn sample(&mut self) {
        if self.now.0 - self.asked.sampled < SAMPLE_MS {
            return;
        }
        self.asked.sampled = self.now.0;
        push(&mut self.speeds, self.totals.speed);
        for (id, track) in &mut self.tracks {
            push(track, self.list.row(*id).map_or(0, |row| row.speed));
        }
    }

    /// Links that came into the Add dialog are looked for in the list.
    fn ask_what_is_known(&mut self) {
        while self.connected
            && let Some(Overlay::Add(add)) = &mut self.overlay
            && let Some((first, urls)) = add.unasked()
        {
            self.call(Purpose::Known(first), Request::Known { urls });
        }
    }

    /// How long nothing has come of a download that runs, where that is more than a moment.
    pub(crate) fn quiet_for(&self, row: &DownloadRow) -> Option<Duration> {
        let track = self.tracks.get(&row.id).filter(|_| row.state.kind() == StateKind::Downloading)?;
        let still = track.iter().rev().take_while(|speed| **speed == 0).count();
        let time = Duration::from_millis(SAMPLE_MS.unsigned_abs() * u64::try_from(still).ok()?);
        (row.speed == 0 && time >= QUIET).then_some(time)
    }

    /// The details of the download under the cursor are asked for when it is another one, and now and then while it runs.
    fn ask_for_detail(&mut self) {
        let Some(id) = self.cursor_row().map(|row| row.id) else {
            self.detail = None;
            return;
        };
        let known = self.detail.as_ref().is_some_and(|detail| detail.row.id == id);
        if !known {
            self.detail = None;
        }
        let due = !known || (self.asked.detail_stale && self.now.0 - self.asked.detail_at >= DETAIL_MS);
        if self.connected && due && self.asked.detail != Some(id) && self.shows_detail() {
            self.asked.detail = Some(id);
            self.asked.detail_at = self.now.0;
            self.asked.detail_stale = false;
            self.call(Purpose::Detail(id), Request::Show { id, reveal: false });
        }
    }

    fn call(&mut self, purpose: Purpose, request: Request) {
        self.effects.push(Effect::Call(purpose, Box::new(request)));
    }

    /// A path as people read it.
    pub(crate) fn shown_path(&self, path: &str) -> String {
        let home = self.options.home.as_ref().and_then(|home| home.to_str()).filter(|home| home.len() > 1);
        match home.and_then(|home| path.strip_prefix(home)) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }
}

fn push(track: &mut VecDeque<u64>, speed: u64) {
    if track.len() == SAMPLES {
        track.pop_front();
    }
    track.push_back(speed);
}
