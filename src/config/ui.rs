//! `[ui]`: how the screen looks and what it tells. Only clients read it.

use super::setting::{Setting, put};
use super::theme::Depth;
use super::value::{flag, quoted, text, word};

/// What a person set for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    /// The theme's name; by the terminal's ground where none is set.
    pub theme: Option<String>,
    /// How many colours; as many as the terminal says that it shows where nothing is set.
    pub colours: Option<Depth>,
    /// Whether only ASCII is drawn; as the locale says where nothing is set.
    pub ascii: Option<bool>,
    /// Whether bars and graphs step once a second only.
    pub reduced_motion: bool,
    /// Whether the mouse is haul's while the screen is shown.
    pub mouse: bool,
    /// Whether the bell rings when a download failed and when a collection is done.
    pub bell: bool,
    /// Whether the desktop is told of the same while the terminal is not in front.
    pub notify: bool,
    /// Whether the window's title says what runs.
    pub title: bool,
    /// Whether the task bar shows how far everything is; where the terminal is known to do that where nothing is set.
    pub progress: Option<bool>,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: None,
            colours: None,
            ascii: None,
            reduced_motion: false,
            mouse: true,
            bell: true,
            notify: true,
            title: true,
            progress: None,
        }
    }
}

/// The numbers of colours, by name.
const DEPTHS: [(&str, Depth); 4] =
    [("all", Depth::True), ("256", Depth::Indexed), ("16", Depth::Sixteen), ("none", Depth::None)];

/// The settings of `[ui]`.
pub(super) const UI: &[Setting<Ui>] = &[
    Setting {
        name: "theme",
        about: "The theme; dark or light by the terminal's ground where nothing is set. t on the screen shows them all.",
        example: "\"nord\"",
        read: |value| Ok(put(text(value)?, |to: &mut Ui, new| to.theme = Some(new))),
        show: |of| of.theme.as_deref().map(quoted),
    },
    Setting {
        name: "colours",
        about: "How many colours: \"all\", \"256\", \"16\" or \"none\"; as the terminal says where nothing is set.",
        example: "\"256\"",
        read: |value| Ok(put(word(value, &DEPTHS)?, |to: &mut Ui, new| to.colours = Some(new))),
        show: |of| {
            let set = of.colours?;
            DEPTHS.iter().find(|(_, depth)| *depth == set).map(|(name, _)| quoted(name))
        },
    },
    Setting {
        name: "ascii",
        about: "Whether only ASCII is drawn; as the locale says where nothing is set.",
        example: "true",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.ascii = Some(new))),
        show: |of| of.ascii.map(|set| set.to_string()),
    },
    Setting {
        name: "reduced_motion",
        about: "Whether bars and graphs step once a second only.",
        example: "true",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.reduced_motion = new)),
        show: |of| Some(of.reduced_motion.to_string()),
    },
    Setting {
        name: "mouse",
        about: "Whether clicks and the wheel act on the screen; off leaves them to the terminal.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.mouse = new)),
        show: |of| Some(of.mouse.to_string()),
    },
    Setting {
        name: "bell",
        about: "Whether the bell rings when a download failed, and when a collection is done.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.bell = new)),
        show: |of| Some(of.bell.to_string()),
    },
    Setting {
        name: "notify",
        about: "Whether the desktop is told of the same while the terminal is not in front.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.notify = new)),
        show: |of| Some(of.notify.to_string()),
    },
    Setting {
        name: "title",
        about: "Whether the window's title says what runs.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.title = new)),
        show: |of| Some(of.title.to_string()),
    },
    Setting {
        name: "progress",
        about: "Whether the task bar shows how far all is; where the terminal is known to do that where nothing is set.",
        example: "true",
        read: |value| Ok(put(flag(value)?, |to: &mut Ui, new| to.progress = Some(new))),
        show: |of| of.progress.map(|set| set.to_string()),
    },
];
