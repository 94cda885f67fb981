//! `[engine]` and what presets set: what holds for all downloads together, and what each one is given.

use std::time::Duration;

use super::setting::{Setting, put};
use super::value::{
    count, duration, exact, exact_duration, exact_rate, flag, path, quoted, rate, size, text, word,
};
use crate::model::item::{GiveUp, Mode, OnChange, OnLost, OnWeak, Priority};
use crate::model::settings::{DownloadDefaults, EngineSettings};

/// What a layer of the file changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tuned {
    pub(super) engine: EngineSettings,
    pub(super) downloads: DownloadDefaults,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The settings of `[engine]`; presets set them too.
pub(super) const ENGINE: &[Setting<Tuned>] = &[
    Setting {
        name: "parallel",
        about: "Files at once.",
        example: "4",
        read: |value| Ok(put(count(value, 1..=1000)?, |to: &mut Tuned, new| to.engine.parallel = new)),
        show: |of| Some(of.engine.parallel.to_string()),
    },
    Setting {
        name: "parallel_per_host",
        about: "Files at once from one host.",
        example: "2",
        read: |value| {
            Ok(put(count(value, 1..=1000)?, |to: &mut Tuned, new| to.engine.parallel_per_host = new))
        },
        show: |of| Some(of.engine.parallel_per_host.to_string()),
    },
    Setting {
        name: "connections",
        about: "Connections in all.",
        example: "16",
        read: |value| Ok(put(count(value, 1..=1000)?, |to: &mut Tuned, new| to.engine.connections = new)),
        show: |of| Some(of.engine.connections.to_string()),
    },
    Setting {
        name: "connections_per_host",
        about: "Connections to one host.",
        example: "8",
        read: |value| {
            Ok(put(count(value, 1..=256)?, |to: &mut Tuned, new| to.engine.connections_per_host = new))
        },
        show: |of| Some(of.engine.connections_per_host.to_string()),
    },
    Setting {
        name: "limit",
        about: "Speed of all downloads together: \"2MB/s\", \"16Mbit/s\" or \"none\".",
        example: "\"2MB/s\"",
        read: |value| Ok(put(rate(value)?, |to: &mut Tuned, new| to.engine.rate = new)),
        show: |of| Some(exact_rate(of.engine.rate)),
    },
    Setting {
        name: "limit_background",
        about: "Speed of all background downloads together that step aside.",
        example: "\"500kB/s\"",
        read: |value| Ok(put(rate(value)?, |to: &mut Tuned, new| to.engine.rates.background = new)),
        show: |of| Some(exact_rate(of.engine.rates.background)),
    },
    Setting {
        name: "limit_now",
        about: "Speed of all downloads at priority now together.",
        example: "\"500kB/s\"",
        read: |value| Ok(put(rate(value)?, |to: &mut Tuned, new| to.engine.rates.now = new)),
        show: |of| Some(exact_rate(of.engine.rates.now)),
    },
    Setting {
        name: "limit_real_time",
        about: "Speed of all real-time downloads together.",
        example: "\"500kB/s\"",
        read: |value| Ok(put(rate(value)?, |to: &mut Tuned, new| to.engine.rates.real_time = new)),
        show: |of| Some(exact_rate(of.engine.rates.real_time)),
    },
    Setting {
        name: "stall",
        about: "How long a connection may be silent before it is replaced.",
        example: "\"30s\"",
        read: |value| Ok(put(duration(value, SECOND..=DAY)?, |to: &mut Tuned, new| to.engine.stall = new)),
        show: |of| Some(exact_duration(of.engine.stall)),
    },
    Setting {
        name: "backoff_first",
        about: "The longest first wait after trouble; it doubles from try to try.",
        example: "\"1s\"",
        read: |value| {
            let wait = duration(value, Duration::from_millis(100)..=DAY)?;
            Ok(put(wait, |to: &mut Tuned, new| to.engine.backoff_first = new))
        },
        show: |of| Some(exact_duration(of.engine.backoff_first)),
    },
    Setting {
        name: "backoff_most",
        about: "The longest wait after trouble.",
        example: "\"10min\"",
        read: |value| {
            Ok(put(duration(value, SECOND..=DAY)?, |to: &mut Tuned, new| to.engine.backoff_most = new))
        },
        show: |of| Some(exact_duration(of.engine.backoff_most)),
    },
    Setting {
        name: "notify",
        about: "Whether the agent tells by a desktop notification what ended while no screen was open.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Tuned, new| to.engine.notify = new)),
        show: |of| Some(of.engine.notify.to_string()),
    },
    Setting {
        name: "mark_origin",
        about: "Whether a finished file's attribute user.xdg.origin.url says where it came from, without user, password and query.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Tuned, new| to.engine.mark_origin = new)),
        show: |of| Some(of.engine.mark_origin.to_string()),
    },
    Setting {
        name: "history",
        about: "Lines of history to keep.",
        example: "10000",
        read: |value| Ok(put(count(value, 0..=10_000_000)?, |to: &mut Tuned, new| to.engine.history = new)),
        show: |of| Some(of.engine.history.to_string()),
    },
    Setting {
        name: "log_days",
        about: "Days whose logs the agent keeps, from its next start on.",
        example: "7",
        read: |value| Ok(put(count(value, 1..=3650)?, |to: &mut Tuned, new| to.engine.log_days = new)),
        show: |of| Some(of.engine.log_days.to_string()),
    },
    Setting {
        name: "reserve",
        about: "Bytes to leave free on a disk, or \"auto\": 1 GiB or 2 % of it, whichever is less.",
        example: "\"auto\"",
        read: |value| {
            let bytes = if value.get_ref().as_str() == Some("auto") { None } else { Some(size(value)?) };
            Ok(put(bytes, |to: &mut Tuned, new| to.engine.reserve = new))
        },
        show: |of| Some(quoted(&of.engine.reserve.map_or_else(|| "auto".to_owned(), exact))),
    },
];

/// The folder, which `[engine]`, presets and host rules set.
pub(super) const FOLDER: &[Setting<Tuned>] = &[Setting {
    name: "folder",
    about: "Where downloads go that name no folder.",
    example: "\"~/Downloads\"",
    read: |value| Ok(put(path(value)?, |to: &mut Tuned, new| to.downloads.folder = Some(new))),
    show: |of| of.downloads.folder.as_ref().map(|folder| quoted(&folder.display().to_string())),
}];

/// What a download is given: in `[engine]`, in presets and in host rules.
pub(super) const DOWNLOAD: &[Setting<Tuned>] = &[
    Setting {
        name: "connections_per_file",
        about: "Connections for one file; as many as the host's share allows where nothing is set.",
        example: "4",
        read: |value| {
            Ok(put(count(value, 1..=64)?, |to: &mut Tuned, new| to.downloads.connections = Some(new)))
        },
        show: |of| of.downloads.connections.map(|count| count.to_string()),
    },
    Setting {
        name: "limit_per_file",
        about: "Speed of each download.",
        example: "\"500kB/s\"",
        read: |value| {
            Ok(put(rate(value)?, |to: &mut Tuned, new| to.downloads.limit = (new > 0).then_some(new)))
        },
        show: |of| of.downloads.limit.map(exact_rate),
    },
    Setting {
        name: "tries",
        about: "Tries in all where no byte ever came; without end where nothing is set.",
        example: "20",
        read: |value| {
            Ok(put(count(value, 1..=1_000_000)?, |to: &mut Tuned, new| to.downloads.tries = Some(new)))
        },
        show: |of| of.downloads.tries.map(|tries| tries.to_string()),
    },
    Setting {
        name: "give_up",
        about: "How long to go on without a byte: \"14d\" or \"never\". `haul get` has its own, --give-up.",
        example: "\"14d\"",
        read: |value| {
            let give_up = match value.get_ref().as_str() {
                Some("never") => GiveUp::Never,
                _ => GiveUp::AfterSecs(duration(value, SECOND..=DAY * 3650)?.as_secs()),
            };
            Ok(put(give_up, |to: &mut Tuned, new| to.downloads.give_up = Some(new)))
        },
        show: |of| {
            Some(match of.downloads.give_up {
                Some(GiveUp::Never) => quoted("never"),
                Some(GiveUp::AfterSecs(secs)) => exact_duration(Duration::from_secs(secs)),
                None => exact_duration(of.engine.give_up_after),
            })
        },
    },
    Setting {
        name: "on_change",
        about: "When the file on the server changed: \"restart\" sets the old part aside, \"stop\" fails.",
        example: "\"restart\"",
        read: |value| {
            let choice = word(value, &[("restart", OnChange::Restart), ("stop", OnChange::Stop)])?;
            Ok(put(choice, |to: &mut Tuned, new| to.downloads.on_change = Some(new)))
        },
        show: |of| {
            Some(quoted(match of.downloads.on_change.unwrap_or_default() {
                OnChange::Restart => "restart",
                OnChange::Stop => "stop",
            }))
        },
    },
    Setting {
        name: "on_weak",
        about: "When nothing proves that the file is the same: \"sample\" compares some bytes, \"restart\" never joins.",
        example: "\"sample\"",
        read: |value| {
            let choice = word(value, &[("sample", OnWeak::Sample), ("restart", OnWeak::Restart)])?;
            Ok(put(choice, |to: &mut Tuned, new| to.downloads.on_weak = Some(new)))
        },
        show: |of| {
            Some(quoted(match of.downloads.on_weak.unwrap_or_default() {
                OnWeak::Sample => "sample",
                OnWeak::Restart => "restart",
            }))
        },
    },
    Setting {
        name: "on_lost",
        about: "When a real-time download's client vanishes: \"keep\" pauses it in the background, \"drop\" removes it.",
        example: "\"keep\"",
        read: |value| {
            let choice = word(value, &[("keep", OnLost::Keep), ("drop", OnLost::Drop)])?;
            Ok(put(choice, |to: &mut Tuned, new| to.downloads.on_lost = Some(new)))
        },
        show: |of| {
            Some(quoted(match of.downloads.on_lost.unwrap_or_default() {
                OnLost::Keep => "keep",
                OnLost::Drop => "drop",
            }))
        },
    },
    Setting {
        name: "interface",
        about: "The network interface to bind to; never another route.",
        example: "\"tun0\"",
        read: |value| Ok(put(text(value)?, |to: &mut Tuned, new| to.downloads.interface = Some(new))),
        show: |of| of.downloads.interface.as_deref().map(quoted),
    },
    Setting {
        name: "user_agent",
        about: "The User-Agent to send instead of haul's own.",
        example: "\"Mozilla/5.0\"",
        read: |value| {
            let agent = text(value)?;
            http::HeaderValue::from_str(&agent).map_err(|_| "this can't be sent in a header".to_owned())?;
            Ok(put(agent, |to: &mut Tuned, new| to.downloads.user_agent = Some(new)))
        },
        show: |of| of.downloads.user_agent.as_deref().map(quoted),
    },
    Setting {
        name: "ca",
        about: "A PEM file of certificate authorities to trust beside the system's own.",
        example: "\"/etc/ssl/company.pem\"",
        read: |value| Ok(put(path(value)?, |to: &mut Tuned, new| to.downloads.ca = Some(new))),
        show: |of| of.downloads.ca.as_ref().map(|file| quoted(&file.display().to_string())),
    },
    Setting {
        name: "allow_downgrade",
        about: "Whether redirects from https to http are followed.",
        example: "false",
        read: |value| Ok(put(flag(value)?, |to: &mut Tuned, new| to.downloads.allow_downgrade = Some(new))),
        show: |of| Some(of.downloads.allow_downgrade.unwrap_or_default().to_string()),
    },
];

/// What only presets and host rules set: elsewhere it would speak for every command.
pub(super) const CHOICE: &[Setting<Tuned>] = &[
    Setting {
        name: "mode",
        about: "background, or real-time where the command stays.",
        example: "\"background\"",
        read: |value| {
            let modes = [Mode::Background, Mode::RealTime].map(|mode| (mode.word(), mode));
            Ok(put(word(value, &modes)?, |to: &mut Tuned, new| to.downloads.mode = Some(new)))
        },
        show: |of| of.downloads.mode.map(|mode| quoted(mode.word())),
    },
    Setting {
        name: "priority",
        about: "now, high, normal or low.",
        example: "\"low\"",
        read: |value| {
            let all = [Priority::Now, Priority::High, Priority::Normal, Priority::Low];
            let choice = word(value, &all.map(|priority| (priority.word(), priority)))?;
            Ok(put(choice, |to: &mut Tuned, new| to.downloads.priority = Some(new)))
        },
        show: |of| of.downloads.priority.map(|priority| quoted(priority.word())),
    },
    Setting {
        name: "proxy",
        about: "The proxy for everything; flags and the environment of the command stand over it.",
        example: "\"socks5h://127.0.0.1:9050\"",
        read: |value| {
            Ok(put(super::value::proxy(value)?, |to: &mut Tuned, new| to.downloads.proxy = Some(new)))
        },
        show: |of| of.downloads.proxy.as_ref().map(|proxy| quoted(&crate::model::printable::mask_url(proxy))),
    },
    Setting {
        name: "distributor",
        about: "Who sold it, for the library, where the file doesn't say.",
        example: "\"The Shop\"",
        read: |value| Ok(put(text(value)?, |to: &mut Tuned, new| to.downloads.distributor = Some(new))),
        show: |of| of.downloads.distributor.as_deref().map(quoted),
    },
];
