//! How fast something may be: these downloads, their host, their collection, one way to download, or everything together.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_input::Input;

use super::dialog;
use crate::config::theme::Role;
use crate::model::host::HostPattern;
use crate::model::id::DownloadId;
use crate::model::policy::{Speeds, Standing};
use crate::model::record::CollectionSettings;
use crate::model::request::{Act, Limits, Request};
use crate::model::units::ByteRate;
use crate::model::view::CollectionRow;
use crate::model::way::{Way, Ways};
use crate::tui::app::{App, Tone};
use crate::tui::effect::Purpose;
use crate::tui::hit::{Hit, Hits};
use crate::tui::{text, typed, words};

/// The dialog.
#[derive(Debug)]
pub(crate) struct Limit {
    lines: Vec<(Scope, String, Option<u64>)>,
    at: usize,
    input: Input,
    wrong: Option<String>,
    draft: Draft,
}

/// A limit that was typed and not set: for these downloads, on this line.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    about: Vec<DownloadId>,
    everything: bool,
    at: usize,
    typed: String,
}

/// What is limited.
#[derive(Clone, Debug)]
enum Scope {
    /// Each of these downloads.
    Downloads(Vec<DownloadId>),
    /// All that comes from a host.
    Host(HostPattern),
    /// All of a collection.
    Collection(Box<CollectionRow>),
    /// All of a way.
    Way(Way),
    /// Everything.
    Everything,
}

impl Limit {
    /// Starts with what can be limited from here, and what is limited already.
    pub(crate) fn new(standing: &Standing, everything: bool, app: &mut App) -> Self {
        let downloads = app.targets();
        let limits = &standing.limits;
        let mut lines = Vec::new();
        if let Some(row) = downloads.first().and_then(|id| app.list.row(*id)) {
            let detail = app.detail.as_ref().filter(|detail| downloads == [detail.row.id]);
            let name =
                if let [_] = downloads[..] { row.name.clone() } else { words::downloads(downloads.len()) };
            lines.push((Scope::Downloads(downloads.clone()), name, detail.and_then(|detail| detail.limit)));
            if let Ok(host) = row.host.parse::<HostPattern>() {
                let now = limits.hosts.get(&host).copied();
                lines.push((Scope::Host(host), format!("all from {}", row.host), now));
            }
            if let Some(collection) = app.collections.iter().find(|own| own.id == row.collection) {
                let now = collection.settings.limit;
                let told = format!("collection {}", collection.name);
                lines.push((Scope::Collection(Box::new(collection.clone())), told, now));
            }
        }
        for (way, told) in [
            (Way::Background, "background that steps aside"),
            (Way::Now, "background at full speed"),
            (Way::RealTime, "real time"),
        ] {
            lines.push((Scope::Way(way), told.to_owned(), *limits.rates.of(way)));
        }
        lines.push((Scope::Everything, "everything together".to_owned(), limits.rate));
        let at = if everything { lines.len() - 1 } else { 0 };
        let is_same = |draft: &mut Draft| draft.about == downloads && draft.everything == everything;
        let draft = app.drafts.limit.take_if(is_same);
        let about = Draft { about: downloads, everything, ..Draft::default() };
        let mut new = Self { lines, at, input: Input::default(), wrong: None, draft: about };
        new.go(draft.as_ref().map_or(at, |draft| draft.at));
        if let Some(draft) = draft {
            new.input = Input::new(draft.typed);
        }
        new
    }

    /// Whether what is typed is something else than what holds.
    fn is_changed(&self) -> bool {
        self.input.value().trim() != self.now()
    }

    /// What holds for the chosen line.
    fn now(&self) -> String {
        let now = self.lines.get(self.at).and_then(|(_, _, now)| *now);
        now.map(|rate| ByteRate(rate).to_string()).unwrap_or_default()
    }

    fn go(&mut self, at: usize) {
        self.at = at.min(self.lines.len().saturating_sub(1));
        self.input = Input::new(self.now());
        self.wrong = None;
    }

    /// Goes to another line. What was typed goes along: it is as fast as somebody wants something to be.
    fn turn_to(&mut self, at: usize) {
        let typed = self.is_changed().then(|| self.input.clone());
        self.go(at);
        if let Some(typed) = typed {
            self.input = typed;
        }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        let count = self.lines.len().max(1);
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => {
                if self.is_changed() {
                    let typed = self.input.value().to_owned();
                    app.drafts.limit = Some(Draft { at: self.at, typed, ..self.draft });
                    app.say_filled(Tone::Plain, "nothing is limited; {limit} brings back what you typed");
                }
                return None;
            }
            Some(KeyCode::Tab | KeyCode::Down) => self.turn_to((self.at + 1) % count),
            Some(KeyCode::BackTab | KeyCode::Up) => self.turn_to((self.at + count - 1) % count),
            Some(KeyCode::Enter) => match self.answer(app) {
                Ok(()) => return None,
                Err(wrong) => self.wrong = Some(wrong),
            },
            _ => {
                if typed::edit(&mut self.input, key) {
                    self.wrong = None;
                }
            }
        }
        Some(self)
    }

    /// Takes in a click on a line.
    pub(crate) fn choose(mut self, at: usize) -> Self {
        self.turn_to(at);
        self
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(&mut self.input, text);
        self.wrong = None;
        true
    }

    fn answer(&self, app: &mut App) -> Result<(), String> {
        let typed = self.input.value().trim();
        let rate = if typed.is_empty() || typed == "none" {
            0
        } else {
            typed.parse::<ByteRate>().map_err(|error| error.to_string())?.0
        };
        let Some((scope, told, _)) = self.lines.get(self.at) else { return Ok(()) };
        let limit = Some(rate).filter(|rate| *rate > 0);
        let said = match limit {
            Some(rate) => format!("{told}: {} at most", ByteRate(rate)),
            None => format!("{told}: no limit"),
        };
        let speeds = match scope {
            Scope::Downloads(ids) => {
                let word = if limit.is_some() { "limited" } else { "no longer limited" };
                app.act_on(ids.clone(), Act::SetLimit { limit }, word);
                return Ok(());
            }
            Scope::Collection(row) => {
                let settings = CollectionSettings { limit, ..row.settings.clone() };
                let request = Request::SetCollection { id: row.id, name: None, settings: Some(settings) };
                app.ask(Purpose::Say(said), request);
                return Ok(());
            }
            Scope::Host(host) => Speeds { hosts: [(host.clone(), rate)].into(), ..Speeds::default() },
            Scope::Way(way) => {
                let rates = Ways::each(|other| (other == *way).then_some(rate));
                Speeds { rates, ..Speeds::default() }
            }
            Scope::Everything => Speeds { rate: Some(rate), ..Speeds::default() },
        };
        app.ask(Purpose::Say(said), Request::SetLimits(Limits { speeds, ..Limits::default() }));
        Ok(())
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let width = frame.area().width.saturating_sub(8).min(64);
        let plain = |role| Style { bg: None, ..look.style(role) };
        let height = u16::try_from(self.lines.len()).unwrap_or(7) + 4;
        let area = dialog::open(app, frame, hits, "Limit the speed", (width, height));
        // Where the screen is too small for all lines, the chosen one is among those that are shown.
        let room = usize::from(area.height.saturating_sub(4)).max(1);
        let top = (self.at + 1).saturating_sub(room);
        for (row, (at, (_, told, now))) in self.lines.iter().enumerate().skip(top).take(room).enumerate() {
            let here = at == self.at;
            let mark = if here { look.glyphs.arrow } else { " " };
            let now = now.map(|rate| ByteRate(rate).to_string()).unwrap_or_default();
            let columns = usize::from(area.width).saturating_sub(text::width(&now) + 3);
            let told = text::fit(told, columns, look.glyphs.ellipsis);
            let role = if here { Role::Strong } else { Role::Dim };
            let place = Rect { y: area.y + u16::try_from(row).unwrap_or(0), height: 1, ..area };
            let line = Line::from(vec![
                Span::styled(format!("{} {told} ", text::fit(mark, 1, "")), plain(role)),
                Span::styled(now, plain(Role::Accent)),
            ]);
            dialog::lines(frame, place, vec![line]);
            hits.add(place, Hit::Choice(at));
        }
        let below = area.bottom().saturating_sub(3).max(area.y);
        dialog::input(app, frame, Rect { y: below, height: 1, ..area }, &self.input, true);
        let (said, role) = match &self.wrong {
            Some(wrong) => (wrong.as_str(), Role::Error),
            None => ("2MB/s, 500k, 5Mbit/s; empty takes the limit away", Role::Dim),
        };
        let said = text::cut_end(said, usize::from(width), look.glyphs.ellipsis);
        let line = vec![Line::styled(said, plain(role))];
        dialog::lines(frame, Rect { y: below + 1, height: 1, ..area }, line);
        let buttons = [
            ("Esc", "back".to_owned(), "esc"),
            ("Tab", "next".to_owned(), "tab"),
            ("Enter", "take it".to_owned(), "enter"),
        ];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}
