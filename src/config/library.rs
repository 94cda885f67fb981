//! `[library]`: what is done with finished media, all of it off until somebody wants it.

use super::setting::{Setting, put};
use super::value::{Wrong, flag, list, listed, path, program, quoted, text};
use crate::model::folders::Folders;
use crate::model::settings::LibrarySettings;

/// The settings of `[library]`.
pub(super) const LIBRARY: &[Setting<LibrarySettings>] = &[
    Setting {
        name: "write_tags",
        about: "Whether the distributor and what was given with a download are written into the finished file, where it lacks them: \
                through a temporary copy, and only what tags can hold.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut LibrarySettings, new| to.write_tags = new)),
        show: |of| Some(of.write_tags.to_string()),
    },
    Setting {
        name: "folders",
        about: "Where finished media goes, below its download's folder; a file that is there is never replaced. \
                `haul library folders` shows what it would give. There are kind, distributor, album_artist, artist, album, disc, track, \
                title, genre, year and ext.",
        example: "\"{kind}/{distributor}/{album_artist}/{album}/{track:02} {title}.{ext}\"",
        read: |value| {
            let folders: Folders = text(value)?.parse().map_err(|error| Wrong::from(format!("{error}")))?;
            Ok(put(folders, |to: &mut LibrarySettings, new| to.folders = Some(new)))
        },
        show: |of| of.folders.as_ref().map(|folders| quoted(&folders.to_string())),
    },
    Setting {
        name: "watch",
        about: "Folders that are looked through again and again for media that comes into them. The agent stays as long as there is one.",
        example: "[\"~/Music\"]",
        read: |value| Ok(put(list(value, path)?, |to: &mut LibrarySettings, new| to.watch = new)),
        show: |of| {
            let all: Vec<_> = of.watch.iter().map(|folder| folder.display().to_string()).collect();
            (!all.is_empty()).then(|| listed(&all))
        },
    },
    Setting {
        name: "player",
        about: "What plays finished media: the program, then each argument by itself; the system's own where none is set.",
        example: "[\"mpv\", \"--really-quiet\"]",
        read: |value| Ok(put(program(value)?, |to: &mut LibrarySettings, new| to.player = new)),
        show: |of| (!of.player.is_empty()).then(|| listed(&of.player)),
    },
];

/// What plays finished media, as the usual config file sets it: for clients. One that can't be read sets none; the engine says why.
pub fn player() -> Vec<String> {
    let set = super::Place::find(None).and_then(|place| super::Config::load(&place));
    set.map(|set| set.library().player).unwrap_or_default()
}
