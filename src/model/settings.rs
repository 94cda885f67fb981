//! The engine's settings: what holds for all downloads together, and what one download is given when it is added.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use url::Url;

use super::folders::Folders;
use super::host::{HostPattern, Pin};
use super::item::{GiveUp, GivenHeader, Mode, OnChange, OnLost, OnWeak, Priority, TransferSettings};
use super::page::PageOrigin;
use super::policy::Policy;
use super::request::{Refusal, RefusalKind};
use super::view::PresetRow;
use super::way::Ways;

/// Everything that the engine is told from outside, decided and ready to use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What holds for all downloads together.
    pub engine: EngineSettings,
    /// What each download is given where nothing else is said: the file's settings under the preset in use.
    pub downloads: DownloadDefaults,
    /// What a download is given instead where it names a preset: the file's settings under that one.
    pub presets: BTreeMap<String, DownloadDefaults>,
    /// The presets as they are listed.
    pub preset_rows: Vec<PresetRow>,
    /// Rules by host, in the order of the file: a later one stands over an earlier one.
    pub hosts: Vec<HostRule>,
    /// Programs to run when something happened.
    pub hooks: Hooks,
    /// What is done with finished media.
    pub library: LibrarySettings,
    /// The door for web pages.
    pub door: DoorSettings,
    /// When downloads may run, and what they may do on which line and on which power.
    pub circumstances: Circumstances,
}

/// What downloads may do when. A way that nothing is said about runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circumstances {
    /// The weekly plan: of windows that hold at once, the last one counts.
    pub plan: Vec<Window>,
    /// On a line that is paid by the byte.
    pub metered: MeteredRule,
    /// On battery.
    pub battery: BatteryRule,
    /// When what was set aside is used up.
    pub budget: Budget,
}

/// A window of the weekly plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Days,
    /// When it begins.
    pub from: Time,
    /// When it ends: on the next day, where that is not after it begins.
    pub to: Time,
    /// What each way may do within it, where it says something about it.
    pub ways: Ways<Option<Policy>>,
    /// Whose clock it goes by; the machine's where none is named.
    pub zone: Option<TimeZone>,
}

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// Whether a day is among them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }
}

impl FromIterator<Weekday> for Days {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | 1 << day.to_monday_zero_offset()))
    }
}

/// What downloads may do on a metered line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeteredRule {
    /// Each way.
    pub ways: Ways<Policy>,
}

/// What downloads may do on battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatteryRule {
    /// It holds while less than so many percent are left.
    pub below: u8,
    /// Each way.
    pub ways: Ways<Policy>,
}

/// How many bytes may come, and what downloads may do when they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes a day.
    pub day: Option<u64>,
    /// Bytes a month.
    pub month: Option<u64>,
    /// The day on which a month begins.
    pub month_begins: u8,
    /// Each way.
    pub ways: Ways<Policy>,
}

impl Default for MeteredRule {
    fn default() -> Self {
        Self { ways: Ways { background: Policy::Hold, ..Ways::default() } }
    }
}

impl Default for BatteryRule {
    fn default() -> Self {
        let ways = Ways { background: Policy::Hold, now: Policy::Hold, real_time: Policy::Run };
        Self { below: 20, ways }
    }
}

impl Default for Budget {
    fn default() -> Self {
        let ways = Ways { background: Policy::Hold, ..Ways::default() };
        Self { day: None, month: None, month_begins: 1, ways }
    }
}

/// Where the engine's settings come from, and where a change of them is kept. Called at the start, and when somebody asks
/// for it; a refusal leaves everything as it was.
pub trait SettingsSource {
    /// Reads all of them anew.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    fn read(&mut self) -> Result<Settings, Refusal>;

    /// Makes a preset the one in use, keeps that, and reads all settings anew.
    ///
    /// # Errors
    /// There is no such preset, or it can't be kept.
    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal>;
}

/// Settings that nobody keeps: they stay as they are.
impl SettingsSource for Settings {
    fn read(&mut self) -> Result<Settings, Refusal> {
        Ok(self.clone())
    }

    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal> {
        let text = format!("there is no preset `{name}`");
        Err(Refusal::new(RefusalKind::NotFound, text, "this engine has no config"))
    }
}

/// What a download is given when it is added; what is not named is for a lower layer to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadDefaults {
    /// Folder, absolute.
    pub folder: Option<PathBuf>,
    /// Mode.
    pub mode: Option<Mode>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Connections for one file at most.
    pub connections: Option<u32>,
    /// Bytes per second for one file at most.
    pub limit: Option<u64>,
    /// Tries in all where no byte came.
    pub tries: Option<u32>,
    /// How long to go on without a byte.
    pub give_up: Option<GiveUp>,
    /// What a changed file means.
    pub on_change: Option<OnChange>,
    /// What a missing proof means.
    pub on_weak: Option<OnWeak>,
    /// What a vanished client means.
    pub on_lost: Option<OnLost>,
    /// Proxy.
    pub proxy: Option<Url>,
    /// Network interface.
    pub interface: Option<String>,
    /// User-Agent.
    pub user_agent: Option<String>,
    /// A file of certificate authorities to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// Whether redirects from https to http are followed.
    pub allow_downgrade: Option<bool>,
    /// Who sold it, where the file doesn't say.
    pub distributor: Option<String>,
}

impl DownloadDefaults {
    /// Returns these with everything that `upper` says put over them.
    #[must_use]
    pub fn under(&self, upper: &Self) -> Self {
        let lower = self.clone();
        // Taken apart so that a new setting can't be forgotten here.
        let Self {
            folder,
            mode,
            priority,
            connections,
            limit,
            tries,
            give_up,
            on_change,
            on_weak,
            on_lost,
            proxy,
            interface,
            user_agent,
            ca,
            allow_downgrade,
            distributor,
        } = upper.clone();
        Self {
            folder: folder.or(lower.folder),
            mode: mode.or(lower.mode),
            priority: priority.or(lower.priority),
            connections: connections.or(lower.connections),
            limit: limit.or(lower.limit),
            tries: tries.or(lower.tries),
            give_up: give_up.or(lower.give_up),
            on_change: on_change.or(lower.on_change),
            on_weak: on_weak.or(lower.on_weak),
            on_lost: on_lost.or(lower.on_lost),
            proxy: proxy.or(lower.proxy),
            interface: interface.or(lower.interface),
            user_agent: user_agent.or(lower.user_agent),
            ca: ca.or(lower.ca),
            allow_downgrade: allow_downgrade.or(lower.allow_downgrade),
            distributor: distributor.or(lower.distributor),
        }
    }

    /// Returns how a download is fetched by these alone.
    pub fn transfer(&self) -> TransferSettings {
        TransferSettings {
            connections: self.connections,
            limit: self.limit,
            tries: self.tries,
            give_up: self.give_up,
            on_change: self.on_change.unwrap_or_default(),
            on_weak: self.on_weak.unwrap_or_default(),
            on_lost: self.on_lost.unwrap_or_default(),
            proxy: self.proxy.clone(),
            interface: self.interface.clone(),
            user_agent: self.user_agent.clone(),
            ca: self.ca.clone(),
            allow_downgrade: self.allow_downgrade.unwrap_or_default(),
            ..TransferSettings::default()
        }
    }
}

/// What is different for some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// Which hosts.
    pub host: HostPattern,
    /// What a download from there is given.
    pub downloads: DownloadDefaults,
    /// Connections to each of these hosts, instead of the engine's number.
    pub connections: Option<u32>,
    /// Bytes per second for all that comes from these hosts together.
    pub limit: Option<u64>,
    /// Request headers, for the origin of the download's URL.
    pub headers: Vec<GivenHeader>,
    /// Where the user name and the password are, for the origin of the download's URL.
    pub login: Option<Login>,
    /// Keys that these hosts must show.
    pub pins: Vec<Pin>,
}

/// Where a user name and a password are. The config never holds a password itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// In a file of the form that curl and ftp know, found by the download's host.
    Netrc(PathBuf),
    /// The name is in the config, the password is the first line of a file.
    File {
        /// User name.
        user: String,
        /// The file.
        password: PathBuf,
    },
}

/// The door for web pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorSettings {
    /// Whether the agent opens it.
    pub enabled: bool,
    /// Its port on the loopback interface.
    pub port: u16,
    /// Where downloads of pages may be written: the first is where they go that name no folder. The folder for downloads where
    /// none is named.
    pub folders: Vec<PathBuf>,
    /// Pages that are let in without asking.
    pub origins: Vec<PageOrigin>,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self { enabled: false, port: 4285, folders: Vec::new(), origins: Vec::new() }
    }
}

/// Programs to run when something happened: argument lists, no shell. An empty one is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// A download was completed.
    pub on_done: Vec<String>,
    /// A download failed.
    pub on_failed: Vec<String>,
    /// The last open download of a collection ended.
    pub on_collection_done: Vec<String>,
    /// Nothing is left to do.
    pub on_idle: Vec<String>,
    /// How long each may take; a default where none is set.
    pub deadline: Option<Duration>,
}

/// What is done with finished media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibrarySettings {
    /// Whether what is known of a file is written into it, where it lacks that.
    pub write_tags: bool,
    /// In which folders it stands, below its download's own.
    pub folders: Option<Folders>,
    /// Folders that are looked through again and again.
    pub watch: Vec<PathBuf>,
    /// How often, where it is not as often as is usual.
    pub watch_every: Option<Duration>,
    /// What plays it: a program and its arguments; for clients.
    pub player: Vec<String>,
}

/// What the engine may use and how long it waits. Every number can be set in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSettings {
    /// Files at once.
    pub parallel: u32,
    /// Files at once from one host.
    pub parallel_per_host: u32,
    /// Connections to one host.
    pub connections_per_host: u32,
    /// Connections in all.
    pub connections: u32,
    /// Bytes per second in all; 0 is no limit.
    pub rate: u64,
    /// Bytes per second of each way's downloads together; 0 is no limit.
    pub rates: Ways<u64>,
    /// How long a connection may be silent before it is replaced.
    pub stall: Duration,
    /// Longest first wait after trouble; doubles from try to try.
    pub backoff_first: Duration,
    /// Longest wait after trouble.
    pub backoff_most: Duration,
    /// How long to go on without a byte where the download doesn't say.
    pub give_up_after: Duration,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Lines of history to keep.
    pub history: u32,
    /// Bytes to leave free on a disk; where none are set, the smaller of 1 GiB and 2 % of it.
    pub reserve: Option<u64>,
    /// The program that reads tags as `PROGRAM __tags`; without one, media is shelved by its name.
    pub tag_reader: Option<PathBuf>,
    /// What background downloads may look at to step aside.
    pub eyes: Eyes,
    /// Whether background downloads take the processor and the disk only when nobody else wants them.
    pub idle: bool,
    /// Whether the system's services are asked about the line and the power.
    pub services: bool,
    /// Whether the agent tells by a desktop notification what ended while no screen was open.
    pub notify: bool,
    /// Whether a finished file says where it came from, in its extended attribute `user.xdg.origin.url`.
    pub mark_origin: bool,
    /// Days whose logs are kept.
    pub log_days: u32,
    /// How long a client that vanished has to come back.
    pub come_back: Duration,
    /// A shorter hold of background downloads is no news.
    pub least_hold: Duration,
}

/// What the governor of background downloads may look at. Without one of them it goes on with what is left, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eyes {
    /// What the kernel knows of our own connections, and the window that they offer.
    pub sockets: bool,
    /// The counters of the network interfaces.
    pub counters: bool,
    /// An echo to the busiest server, five times a second.
    pub probe: bool,
    /// What the system counts of shortage of processor, disk and memory.
    pub pressure: bool,
}

impl Default for Eyes {
    fn default() -> Self {
        Self { sockets: true, counters: true, probe: true, pressure: true }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            parallel: 4,
            parallel_per_host: 2,
            connections_per_host: 8,
            connections: 16,
            rate: 0,
            rates: Ways::default(),
            stall: Duration::from_secs(30),
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_mins(10),
            give_up_after: Duration::from_hours(14 * 24),
            checkpoint_every: Duration::from_secs(1),
            history: 10_000,
            reserve: None,
            tag_reader: None,
            eyes: Eyes::default(),
            idle: true,
            services: true,
            notify: true,
            mark_origin: true,
            log_days: 7,
            come_back: Duration::from_mins(1),
            least_hold: Duration::from_mins(1),
        }
    }
}
