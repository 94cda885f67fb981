//! `[door]`: whether web pages may ask to be let in, at which port, and where their downloads may be written.

use super::setting::{Setting, put};
use super::value::{count, flag, list, listed, path, text};
use crate::model::page::PageOrigin;
use crate::model::settings::DoorSettings;

/// The settings of `[door]`.
pub(super) const DOOR: &[Setting<DoorSettings>] = &[
    Setting {
        name: "enabled",
        about: "Whether the agent opens the door for web pages, from its next start on. It listens on this machine only, and a page \
                gets nothing before you let it in.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut DoorSettings, new| to.enabled = new)),
        show: |of| Some(of.enabled.to_string()),
    },
    Setting {
        name: "port",
        about: "Its port; pages look for it at 4285.",
        example: "4285",
        read: |value| {
            let port = u16::try_from(count(value, 1024..=65_535)?).unwrap_or(u16::MAX);
            Ok(put(port, |to: &mut DoorSettings, new| to.port = new))
        },
        show: |of| Some(of.port.to_string()),
    },
    Setting {
        name: "folders",
        about: "Where downloads of pages may be written; the first is where they go. The folder for downloads where none is set.",
        example: "[\"~/Downloads\"]",
        read: |value| Ok(put(list(value, path)?, |to: &mut DoorSettings, new| to.folders = new)),
        show: |of| {
            let folders = of.folders.iter().map(|folder| folder.display().to_string());
            (!of.folders.is_empty()).then(|| listed(folders))
        },
    },
    Setting {
        name: "origins",
        about: "Pages that are let in without asking.",
        example: "[\"https://shop.example\"]",
        read: |value| {
            let origins = list(value, |value| {
                text(value)?.parse::<PageOrigin>().map_err(|error| error.to_string().into())
            })?;
            Ok(put(origins, |to: &mut DoorSettings, new| to.origins = new))
        },
        show: |of| (!of.origins.is_empty()).then(|| listed(of.origins.iter().map(PageOrigin::as_str))),
    },
];
