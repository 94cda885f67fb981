//! Themes: what each part of the screen looks like, read from `themes/*.toml`. Some are compiled in; files of the same name in the
//! user's folder take their place.
//!
//! ```toml
//! inherits = "dark"            # everything that is not named here comes from there
//! light = false
//!
//! [palette]                    # names for colours
//! blue = "#6cb6ff"
//!
//! [roles]                      # a colour, or a table of fg, bg, bold, dim, italic, underline and reverse
//! accent = "blue"
//! selection = { bg = "#222a35", bold = true }
//! ```
//!
//! A colour is a name of the palette, `#rrggbb`, a number of the 256 or one of the terminal's own names (`red`, `light-red`,
//! `default` and so on). A theme that inherits may change the palette only: the roles follow.

mod depth;

use std::collections::BTreeMap;
use std::ops::Index;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

pub use depth::Depth;

/// The themes that are compiled in.
const BUILT_IN: &[(&str, &str)] = &[
    ("ansi-16", include_str!("../../../themes/ansi-16.toml")),
    ("catppuccin-latte", include_str!("../../../themes/catppuccin-latte.toml")),
    ("catppuccin-mocha", include_str!("../../../themes/catppuccin-mocha.toml")),
    ("dark", include_str!("../../../themes/dark.toml")),
    ("deuteranopia", include_str!("../../../themes/deuteranopia.toml")),
    ("dracula", include_str!("../../../themes/dracula.toml")),
    ("gruvbox-dark", include_str!("../../../themes/gruvbox-dark.toml")),
    ("gruvbox-light", include_str!("../../../themes/gruvbox-light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
    ("nord", include_str!("../../../themes/nord.toml")),
    ("solarized-dark", include_str!("../../../themes/solarized-dark.toml")),
    ("solarized-light", include_str!("../../../themes/solarized-light.toml")),
    ("tritanopia", include_str!("../../../themes/tritanopia.toml")),
];

/// What a part of the screen means. Each has one style in a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is told in DOCS, one line a role")]
pub enum Role {
    Text,
    Dim,
    Strong,
    Accent,
    Border,
    BorderFocus,
    Title,
    Header,
    Selection,
    Mark,
    Bar,
    BarRest,
    Running,
    Waiting,
    Paused,
    Failed,
    Done,
    Cancelled,
    Key,
    Hint,
    Link,
    Graph,
    Dialog,
    Input,
    Toast,
    Success,
    Warning,
    Error,
}

/// Each role, its name in a theme's file and what it is for.
const DOCS: [(Role, &str, &str); 28] = [
    (Role::Text, "text", "everything that is nothing else, and the ground under it"),
    (Role::Dim, "dim", "secondary things"),
    (Role::Strong, "strong", "what the eye should find first"),
    (Role::Accent, "accent", "focus and what moves"),
    (Role::Border, "border", "lines around panes"),
    (Role::BorderFocus, "border_focus", "lines around the pane that has the keys"),
    (Role::Title, "title", "titles of panes and dialogs"),
    (Role::Header, "header", "headings of columns, and the line on top"),
    (Role::Selection, "selection", "the row under the cursor"),
    (Role::Mark, "mark", "rows that are marked"),
    (Role::Bar, "bar", "what a bar has"),
    (Role::BarRest, "bar_rest", "what a bar lacks"),
    (Role::Running, "running", "a download that runs"),
    (Role::Waiting, "waiting", "a download that waits"),
    (Role::Paused, "paused", "a download that is paused or queued"),
    (Role::Failed, "failed", "a download that failed"),
    (Role::Done, "done", "a download that is completed"),
    (Role::Cancelled, "cancelled", "a download that was given up"),
    (Role::Key, "key", "names of keys"),
    (Role::Hint, "hint", "what keys do, and the way out of trouble"),
    (Role::Link, "link", "URLs and paths"),
    (Role::Graph, "graph", "sparklines and graphs of speed"),
    (Role::Dialog, "dialog", "the ground of dialogs"),
    (Role::Input, "input", "where text is typed"),
    (Role::Toast, "toast", "short messages"),
    (Role::Success, "success", "good news"),
    (Role::Warning, "warning", "what may be lost"),
    (Role::Error, "error", "what went wrong"),
];

impl Role {
    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        DOCS.iter().map(|(role, ..)| *role)
    }

    /// Its name in a theme's file.
    pub fn name(self) -> &'static str {
        DOCS[self as usize].1
    }

    /// What it is for.
    pub fn what(self) -> &'static str {
        DOCS[self as usize].2
    }
}

/// A theme, ready to draw with.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name: the file's, without `.toml`.
    pub name: String,
    /// Whether its ground is light.
    pub is_light: bool,
    styles: [Style; DOCS.len()],
}

impl Index<Role> for Theme {
    type Output = Style;

    fn index(&self, role: Role) -> &Style {
        &self.styles[role as usize]
    }
}

/// Why a theme can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the theme `{theme}` can't be used: {}{text}", told_place(place.as_ref()))]
pub struct ThemeError {
    /// Which.
    pub theme: String,
    /// What is wrong.
    pub text: String,
    /// The file and, where that is known, the line in it, from 1.
    pub place: Option<(PathBuf, Option<usize>)>,
}

/// The place before what is wrong there.
fn told_place(place: Option<&(PathBuf, Option<usize>)>) -> String {
    match place {
        Some((path, Some(line))) => format!("{}:{line}: ", path.display()),
        Some((path, None)) => format!("{}: ", path.display()),
        None => String::new(),
    }
}

/// All themes that there are, by name.
#[derive(Clone, Debug, Default)]
pub struct Themes {
    built_in: BTreeMap<String, File>,
    own: BTreeMap<String, File>,
    /// Where each of a person's own is, and what is written there.
    sources: BTreeMap<String, (PathBuf, String)>,
}

/// A theme as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    inherits: Option<String>,
    light: Option<bool>,
    palette: BTreeMap<String, Paint>,
    roles: BTreeMap<String, Look>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Paint {
    Number(u8),
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a colour, or a table of fg, bg, bold, dim, italic, underline and reverse")]
enum Look {
    Foreground(Paint),
    Whole(Whole),
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Whole {
    fg: Option<Paint>,
    bg: Option<Paint>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl Themes {
    /// Returns the themes that are compiled in.
    pub fn built_in() -> Self {
        let texts = BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Self { built_in: read(texts).0, ..Self::default() }
    }

    /// Returns the themes that are compiled in and those of a folder, and what is wrong with those. A file of the same name takes a
    /// built-in theme's place, and may inherit from it. A folder that isn't there holds none.
    pub fn load(folder: &Path) -> (Self, Vec<ThemeError>) {
        let mut sources = BTreeMap::new();
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let (Some(name), Some("toml")) = (path.file_stem(), path.extension().and_then(|e| e.to_str()))
            else {
                continue;
            };
            let name = name.to_string_lossy().into_owned();
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    sources.insert(name, (path, text));
                }
                Err(error) => {
                    let place = Some((path, None));
                    wrong.push(ThemeError { theme: name, text: error.to_string(), place });
                }
            }
        }
        let (own, more) = read(sources.iter().map(|(name, (_, text))| (name.clone(), text.clone())));
        wrong.extend(more.into_iter().map(|mut error| {
            let path = sources.get(&error.theme).map(|(path, _)| path.clone());
            error.place = path.map(|path| (path, error.place.and_then(|(_, line)| line)));
            error
        }));
        let themes = Self { own, sources, ..Self::built_in() };
        wrong.extend(themes.own.keys().filter_map(|name| themes.find(name).err()));
        (themes, wrong)
    }

    /// Returns the themes that are compiled in and a person's own, and what is wrong with those.
    pub fn of_person() -> (Self, Vec<ThemeError>) {
        super::locate::themes_folder().map_or_else(|| (Self::built_in(), Vec::new()), |own| Self::load(&own))
    }

    /// Every theme's name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names: std::collections::BTreeSet<&str> =
            self.built_in.keys().chain(self.own.keys()).map(String::as_str).collect();
        names.into_iter()
    }

    /// Returns a theme, with what it inherits.
    ///
    /// # Errors
    /// There is none of that name, it inherits from none, or a colour or a role in it is unknown.
    pub fn find(&self, name: &str) -> Result<Theme, ThemeError> {
        let wrong = |text: String| self.wrong(name, text, None);
        let mut line: Vec<&File> = Vec::new();
        let mut next = Some(name);
        while let Some(this) = next {
            let is_new = |file: &&File| !line.iter().any(|known| std::ptr::eq(*known, *file));
            let candidates = [self.own.get(this), self.built_in.get(this)];
            if candidates == [None, None] {
                let all = self.names().collect::<Vec<_>>().join(", ");
                return Err(wrong(format!("there is no theme `{this}`; there are {all}")));
            }
            let file = candidates.into_iter().flatten().find(is_new);
            let file = file.ok_or_else(|| wrong("it inherits from itself".into()))?;
            next = file.inherits.as_deref();
            line.push(file);
        }
        let mut palette = BTreeMap::new();
        let mut looks: BTreeMap<&str, &Look> = BTreeMap::new();
        let mut is_light = false;
        for file in line.iter().rev() {
            palette.extend(file.palette.iter().map(|(name, paint)| (name.as_str(), paint)));
            looks.extend(file.roles.iter().map(|(name, look)| (name.as_str(), look)));
            is_light = file.light.unwrap_or(is_light);
        }
        if let Some(stranger) = looks.keys().find(|name| !DOCS.iter().any(|(_, known, _)| known == *name)) {
            let all = Role::all().map(Role::name).collect::<Vec<_>>().join(", ");
            return Err(self.wrong(
                name,
                format!("`{stranger}` is no role; there are {all}"),
                Some(stranger),
            ));
        }
        let mut styles = [Style::new(); DOCS.len()];
        for (role, known, _) in DOCS {
            let look = looks.get(known).ok_or_else(|| {
                wrong(format!("it says nothing of `{known}`: add that, or `inherits = \"dark\"`"))
            })?;
            styles[role as usize] = style(look, &palette)
                .map_err(|text| self.wrong(name, format!("{known}: {text}"), Some(known)))?;
        }
        Ok(Theme { name: name.to_owned(), is_light, styles })
    }

    /// Says what is wrong with a theme, and where in its file that is: in the line that sets `key`.
    fn wrong(&self, theme: &str, text: String, key: Option<&str>) -> ThemeError {
        let sets = |line: &str, key| line.split_once('=').is_some_and(|(left, _)| left.trim() == key);
        let place = self.sources.get(theme).map(|(path, written)| {
            let line = key.and_then(|key| written.lines().position(|line| sets(line, key)));
            (path.clone(), line.map(|at| at + 1))
        });
        ThemeError { theme: theme.to_owned(), text, place }
    }
}

/// Reads themes; what can't be read is told.
fn read(texts: impl IntoIterator<Item = (String, String)>) -> (BTreeMap<String, File>, Vec<ThemeError>) {
    let mut files = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, text) in texts {
        match toml::from_str::<File>(&text) {
            Ok(file) => {
                files.insert(name, file);
            }
            Err(error) => {
                let line = error.span().map(|span| super::problem::place(&text, span.start).0);
                // Where the file is, whoever read it adds.
                let place = line.map(|line| (PathBuf::new(), Some(line)));
                wrong.push(ThemeError { theme: name, text: error.message().to_owned(), place });
            }
        }
    }
    (files, wrong)
}

fn style(look: &Look, palette: &BTreeMap<&str, &Paint>) -> Result<Style, String> {
    let whole = match look {
        Look::Foreground(paint) => Whole { fg: Some(paint.clone()), ..Whole::default() },
        Look::Whole(whole) => whole.clone(),
    };
    let mut style = Style::new();
    if let Some(paint) = &whole.fg {
        style = style.fg(colour(paint, palette)?);
    }
    if let Some(paint) = &whole.bg {
        style = style.bg(colour(paint, palette)?);
    }
    for (on, modifier) in [
        (whole.bold, Modifier::BOLD),
        (whole.dim, Modifier::DIM),
        (whole.italic, Modifier::ITALIC),
        (whole.underline, Modifier::UNDERLINED),
        (whole.reverse, Modifier::REVERSED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    Ok(style)
}

/// A palette's colour may not be a name of the palette again: so nothing turns in a circle.
fn colour(paint: &Paint, palette: &BTreeMap<&str, &Paint>) -> Result<Color, String> {
    let paint = match paint {
        Paint::Name(name) => palette.get(name.as_str()).copied().unwrap_or(paint),
        Paint::Number(_) => paint,
    };
    match paint {
        Paint::Number(number) => Ok(Color::Indexed(*number)),
        Paint::Name(name) if name == "default" => Ok(Color::Reset),
        Paint::Name(name) => Color::from_str(name)
            .map_err(|_| format!("`{name}` is no colour: write #rrggbb, a number, or a name of [palette]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn themes(files: &[(&str, &str)]) -> Themes {
        let (own, wrong) = read(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        assert_eq!(wrong, []);
        Themes { own, ..Themes::built_in() }
    }

    #[test]
    fn every_theme_that_is_compiled_in_is_whole() {
        let themes = Themes::built_in();
        assert_eq!(themes.names().count(), BUILT_IN.len());
        for name in themes.names() {
            assert_eq!(themes.find(name).unwrap().name, name);
        }
        assert!(themes.find("light").unwrap().is_light);
    }

    #[test]
    fn a_theme_that_inherits_may_change_the_palette_only() {
        let themes = themes(&[
            ("a", "inherits = \"dark\"\n[palette]\naccent = \"#010203\"\n"),
            ("b", "inherits = \"a\"\n[roles]\nfailed = { fg = 9, bold = true }\n"),
        ]);
        let (dark, b) = (themes.find("dark").unwrap(), themes.find("b").unwrap());
        assert_eq!(b[Role::Accent].fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(b[Role::Failed], Style::new().fg(Color::Indexed(9)).add_modifier(Modifier::BOLD));
        assert_eq!(b[Role::Waiting], dark[Role::Waiting]);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (text, said) in [
            ("inherits = \"drak\"", "no theme `drak`; there are ansi-16, catppuccin-latte"),
            ("inherits = \"x\"", "inherits from itself"),
            ("inherits = \"dark\"\n[roles]\nfaild = 1", "`faild` is no role"),
            ("inherits = \"dark\"\n[roles]\nfailed = \"rde\"", "failed: `rde` is no colour"),
            ("[roles]\ntext = 1", "inherits = \"dark\""),
        ] {
            let error = themes(&[("x", text)]).find("x").unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let (_, wrong) = read([("x".to_owned(), "inherit = \"dark\"".to_owned())]);
        assert!(wrong[0].text.contains("inherits"), "{}", wrong[0].text);
    }

    #[test]
    fn a_file_in_the_users_folder_takes_a_themes_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dark.toml"), "inherits = \"light\"").unwrap();
        std::fs::write(folder.path().join("bad.toml"), "light = true\ninherits =").unwrap();
        std::fs::write(folder.path().join("odd.toml"), "inherits = \"dark\"\n[roles]\nfailed = \"rde\"\n")
            .unwrap();
        let (themes, wrong) = Themes::load(folder.path());
        assert!(themes.find("dark").unwrap().is_light);
        let places = wrong.iter().map(|error| (error.theme.as_str(), error.place.clone().unwrap()));
        let place = |name: &str, line| (folder.path().join(name), Some(line));
        let known = [("bad", place("bad.toml", 2)), ("odd", place("odd.toml", 3))];
        assert_eq!(places.collect::<Vec<_>>(), known);
        assert!(wrong[1].to_string().contains("odd.toml:3: failed: `rde` is no colour"), "{}", wrong[1]);
    }
}
