//! `[hooks]`: programs to run when something happened.

use std::time::Duration;

use super::setting::{Setting, put};
use super::value::{duration, exact_duration, listed, program};
use crate::model::settings::Hooks;

/// The settings of `[hooks]`.
pub(super) const HOOKS: &[Setting<Hooks>] = &[
    Setting {
        name: "on_done",
        about: "When a download was completed: the program, then each argument by itself; no shell. It finds HAUL_EVENT, \
                HAUL_ID, HAUL_COLLECTION, HAUL_NAME, HAUL_PATH, HAUL_URL, HAUL_STATE and HAUL_SIZE in its environment.",
        example: "[\"notify-send\", \"haul\", \"a download is done\"]",
        read: |value| Ok(put(program(value)?, |to: &mut Hooks, new| to.on_done = new)),
        show: |of| (!of.on_done.is_empty()).then(|| listed(&of.on_done)),
    },
    Setting {
        name: "on_failed",
        about: "When a download failed; HAUL_ERROR says why.",
        example: "[\"logger\", \"-t\", \"haul\", \"a download failed\"]",
        read: |value| Ok(put(program(value)?, |to: &mut Hooks, new| to.on_failed = new)),
        show: |of| (!of.on_failed.is_empty()).then(|| listed(&of.on_failed)),
    },
    Setting {
        name: "on_collection_done",
        about: "When the last open download of a collection ended; a collection's own hook stands over it.",
        example: "[\"/usr/local/bin/unpack\"]",
        read: |value| Ok(put(program(value)?, |to: &mut Hooks, new| to.on_collection_done = new)),
        show: |of| (!of.on_collection_done.is_empty()).then(|| listed(&of.on_collection_done)),
    },
    Setting {
        name: "on_idle",
        about: "When nothing is left to do.",
        example: "[\"systemctl\", \"suspend\"]",
        read: |value| Ok(put(program(value)?, |to: &mut Hooks, new| to.on_idle = new)),
        show: |of| (!of.on_idle.is_empty()).then(|| listed(&of.on_idle)),
    },
    Setting {
        name: "deadline",
        about: "How long each may take before it is ended.",
        example: "\"10min\"",
        read: |value| {
            let wait = duration(value, Duration::from_millis(100)..=Duration::from_hours(24 * 7))?;
            Ok(put(wait, |to: &mut Hooks, new| to.deadline = Some(new)))
        },
        show: |of| of.deadline.map(exact_duration),
    },
];
