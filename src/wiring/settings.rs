//! The engine's settings as the config has them, with what tests hurry.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use haul::config::{self, ConfigError};
use haul::engine::Source;
use haul::model::request::Refusal;
use haul::model::settings::{Eyes, Settings, SettingsSource};

/// The engine's settings, and where they come from.
pub(crate) fn settings(named: Option<PathBuf>) -> Result<(Source, Settings), ConfigError> {
    let source = config::Source { place: config::Place::find(named)?, folder: config::usual_folder() };
    let settings = source.load()?;
    Ok((Rc::new(RefCell::new(Hurried(source))), hurry(settings)))
}

/// The settings' source, with variables over it that make stalls, retries and checkpoints quick for tests, and let them run on a
/// machine that is never idle, or without one of the governor's eyes.
struct Hurried(config::Source);

impl SettingsSource for Hurried {
    fn read(&mut self) -> Result<Settings, Refusal> {
        self.0.read().map(hurry)
    }

    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal> {
        self.0.use_preset(name).map(hurry)
    }
}

pub(crate) fn hurry(mut settings: Settings) -> Settings {
    let engine = &mut settings.engine;
    engine.tag_reader = tag_reader();
    engine.stall = test_ms("HAUL_TEST_STALL_MS").unwrap_or(engine.stall);
    engine.backoff_first = test_ms("HAUL_TEST_BACKOFF_MS").unwrap_or(engine.backoff_first);
    engine.come_back = test_ms("HAUL_TEST_COME_BACK_MS").unwrap_or(engine.come_back);
    engine.least_hold = test_ms("HAUL_TEST_LEAST_HOLD_MS").unwrap_or(engine.least_hold);
    engine.checkpoint_every = test_ms("HAUL_TEST_CHECKPOINT_MS").unwrap_or(engine.checkpoint_every);
    engine.idle = std::env::var_os("HAUL_TEST_NOT_IDLE").is_none();
    let blind = std::env::var("HAUL_TEST_WITHOUT").unwrap_or_default();
    let sees = |eye: &str| !blind.split(',').any(|closed| closed == eye);
    engine.eyes = Eyes {
        sockets: sees("sockets"),
        counters: sees("counters"),
        probe: sees("probe"),
        // Tests of anything else leave others short of everything.
        pressure: sees("pressure") && engine.idle,
    };
    settings.library.watch_every = test_ms("HAUL_TEST_WATCH_MS");
    settings
}

pub(crate) fn test_ms(name: &str) -> Option<Duration> {
    test_number(name).map(Duration::from_millis)
}

pub(crate) fn test_number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// This program: on Linux by the link that holds even when a newer one was put in its place.
fn tag_reader() -> Option<PathBuf> {
    if cfg!(debug_assertions)
        && let Some(program) = std::env::var_os("HAUL_TEST_TAG_READER")
    {
        return Some(program.into());
    }
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Some(link) } else { std::env::current_exe().ok() }
}
