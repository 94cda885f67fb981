//! What a download is asked to be: its mode, its place in the queue and the settings it was added with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::checksum::Checksum;
use super::host::Pin;
use super::id::CollectionId;
use super::media::SetBy;
use super::page::PageOrigin;

/// How a download uses the machine and what becomes of it when its client leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One stream, in order, at full speed; gone when its client leaves.
    RealTime,
    /// In pieces, checkpointed; survives the client, a kill and a reboot.
    #[default]
    Background,
}

/// The order in the queue. Background at [`Priority::Now`] takes its full share of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others, at full share.
    Now,
    /// Before the normal ones.
    High,
    /// In the order they were added.
    #[default]
    Normal,
    /// After everything else.
    Low,
}

impl Mode {
    /// The word of the command line and the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::RealTime => "real-time",
            Self::Background => "background",
        }
    }
}

impl Priority {
    /// The word of the command line and the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// What to do where the wanted file name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Take the next free `name (1).ext`.
    #[default]
    Number,
    /// Refuse: the name was asked for.
    Refuse,
    /// Replace the file in one step, once the new one is whole.
    Replace,
    /// Ask the server with the stored validators; keep the file where it is unchanged, else replace it.
    IfChanged,
}

/// What to do when the file on the server is no longer the one that was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Set the old partial aside and fetch the new version.
    #[default]
    Restart,
    /// Fail and keep everything.
    Stop,
}

/// What to do when nothing proves that the file is still the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnWeak {
    /// Compare samples, join if they agree and say so for good.
    #[default]
    Sample,
    /// Never join without proof.
    Restart,
}

/// What becomes of a real-time download whose client vanished without goodbye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLost {
    /// It becomes a paused background download with its bytes.
    #[default]
    Keep,
    /// It is dropped with its part.
    Drop,
}

/// When to stop trying, in time without a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveUp {
    /// Tries on for ever.
    Never,
    /// Gives up after so many seconds without a byte.
    AfterSecs(u64),
}

/// A request header that the user gave, secret or not, and where it may go.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GivenHeader {
    /// Field name.
    pub name: String,
    /// Field value; never printed.
    pub value: String,
}

/// A user name and a password, for the origin of the source URL only.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password; never printed.
    pub password: String,
}

impl std::fmt::Debug for GivenHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GivenHeader({}: …)", self.name)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}: …)", self.user)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Everything about how a download is fetched. Downloads that were added together share one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferSettings {
    /// Connections to use at most; the engine's own limits stand over it.
    #[serde(skip_serializing_if = "is_default")]
    pub connections: Option<u32>,
    /// Bytes per second at most.
    #[serde(skip_serializing_if = "is_default")]
    pub limit: Option<u64>,
    /// Request headers, for the source URL's origin.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: Vec<GivenHeader>,
    /// A cookie file (Netscape format) or a Firefox profile's `cookies.sqlite`.
    #[serde(skip_serializing_if = "is_default")]
    pub cookies: Option<PathBuf>,
    /// PEM file of certificate authorities to trust beside the system's.
    #[serde(skip_serializing_if = "is_default")]
    pub ca: Option<PathBuf>,
    /// PEM file of the client certificate.
    #[serde(skip_serializing_if = "is_default")]
    pub cert: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    #[serde(skip_serializing_if = "is_default")]
    pub key: Option<PathBuf>,
    /// Keys that the certificates of some hosts must have.
    #[serde(skip_serializing_if = "is_default")]
    pub pins: Vec<Pin>,
    /// Proxy for everything: `http`, `https`, `socks5` or `socks5h`.
    #[serde(skip_serializing_if = "is_default")]
    pub proxy: Option<Url>,
    /// Whether no proxy was asked for, whatever the config says.
    #[serde(skip_serializing_if = "is_default")]
    pub direct: bool,
    /// Network interface to bind to; never another route.
    #[serde(skip_serializing_if = "is_default")]
    pub interface: Option<String>,
    /// Referer to send to the source URL's origin.
    #[serde(skip_serializing_if = "is_default")]
    pub referer: Option<String>,
    /// User-Agent to send instead of haul's own.
    #[serde(skip_serializing_if = "is_default")]
    pub user_agent: Option<String>,
    /// User name and password for the source URL's origin.
    #[serde(skip_serializing_if = "is_default")]
    pub credentials: Option<Credentials>,
    /// How often to try in all where no byte came.
    #[serde(skip_serializing_if = "is_default")]
    pub tries: Option<u32>,
    /// How long to go on without a byte.
    #[serde(skip_serializing_if = "is_default")]
    pub give_up: Option<GiveUp>,
    /// Whether a web page is taken as the file.
    #[serde(skip_serializing_if = "is_default")]
    pub accept_html: bool,
    /// Whether redirects from https to http are followed.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_downgrade: bool,
    /// What a taken name means.
    #[serde(skip_serializing_if = "is_default")]
    pub taken: Taken,
    /// What a changed file means.
    #[serde(skip_serializing_if = "is_default")]
    pub on_change: OnChange,
    /// What a missing proof means.
    #[serde(skip_serializing_if = "is_default")]
    pub on_weak: OnWeak,
    /// What a vanished client means.
    #[serde(skip_serializing_if = "is_default")]
    pub on_lost: OnLost,
    /// Whether the bytes are handed out in order while they come (`-o -`): then nothing is joined without proof and nothing starts over.
    #[serde(skip_serializing_if = "is_default")]
    pub streamed: bool,
    /// The client's file mode mask, as `umask` counts.
    #[serde(skip_serializing_if = "is_default")]
    pub umask: Option<u32>,
    /// The preset that was asked for, by name; its settings are among these once the download is added.
    #[serde(skip_serializing_if = "is_default")]
    pub preset: Option<String>,
    /// The web page that added it: then it reaches no more than the page may, and the page sees it.
    #[serde(skip_serializing_if = "is_default")]
    pub page: Option<PageOrigin>,
}

impl TransferSettings {
    /// Returns these settings with everything that `given` says put over them: what `haul get` means when it is asked again
    /// for a download that is there already.
    #[must_use]
    pub fn with(&self, given: &Self) -> Self {
        let base = self.clone();
        // Taken apart so that a new setting can't be forgotten here.
        let Self {
            connections,
            limit,
            headers,
            cookies,
            ca,
            cert,
            key,
            pins,
            proxy,
            direct,
            interface,
            referer,
            user_agent,
            credentials,
            tries,
            give_up,
            accept_html,
            allow_downgrade,
            taken,
            on_change,
            on_weak,
            on_lost,
            streamed,
            umask,
            preset,
            page,
        } = given.clone();
        Self {
            connections: connections.or(base.connections),
            limit: limit.or(base.limit),
            headers: over(headers, base.headers),
            cookies: cookies.or(base.cookies),
            ca: ca.or(base.ca),
            cert: cert.or(base.cert),
            key: key.or(base.key),
            pins: over(pins, base.pins),
            // One of the two was asked for last.
            direct: direct || (base.direct && proxy.is_none()),
            proxy: if direct { None } else { proxy.or(base.proxy) },
            interface: interface.or(base.interface),
            referer: referer.or(base.referer),
            user_agent: user_agent.or(base.user_agent),
            credentials: credentials.or(base.credentials),
            tries: tries.or(base.tries),
            give_up: give_up.or(base.give_up),
            accept_html: accept_html || base.accept_html,
            allow_downgrade: allow_downgrade || base.allow_downgrade,
            taken: over(taken, base.taken),
            on_change: over(on_change, base.on_change),
            on_weak: over(on_weak, base.on_weak),
            on_lost: over(on_lost, base.on_lost),
            streamed: streamed || base.streamed,
            umask: umask.or(base.umask),
            preset: preset.or(base.preset),
            page: page.or(base.page),
        }
    }
}

/// Returns what was given, or what was there where nothing was.
fn over<T: Default + PartialEq>(given: T, base: T) -> T {
    if is_default(&given) { base } else { given }
}

/// Sums of equal pieces of a file, from a Metalink (RFC 5854, section 4.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Bytes in each piece but the last.
    pub length: u64,
    /// The pieces' sums, in order.
    pub sums: Vec<Checksum>,
}

/// What is known of a download beside its URL, mostly from a Metalink. Rarely there, so it is kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Other URLs of the same file, best first.
    #[serde(skip_serializing_if = "is_default")]
    pub mirrors: Vec<Url>,
    /// The size that was announced, in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub size: Option<u64>,
    /// The sum to verify before the file gets its name.
    #[serde(skip_serializing_if = "is_default")]
    pub checksum: Option<Checksum>,
    /// Sums of the file's pieces.
    #[serde(skip_serializing_if = "is_default")]
    pub pieces: Option<Pieces>,
    /// Item info that was given with the request, by name: Title, Album, Distributor and so on.
    #[serde(skip_serializing_if = "is_default")]
    pub info: BTreeMap<String, String>,
    /// The folder that it was asked into, where the template of folders then gave it another one below that.
    #[serde(skip_serializing_if = "is_default")]
    pub asked_into: Option<PathBuf>,
    /// The name that another program's file had which was taken on: it is given back, and never deleted.
    #[serde(skip_serializing_if = "is_default")]
    pub adopted: Option<String>,
    /// Which setting gave the distributor, where the request named none.
    #[serde(skip_serializing_if = "is_default")]
    pub set_by: Option<SetBy>,
}

/// One download to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDownload {
    /// Where it comes from.
    pub url: Url,
    /// Folder for the finished file. A relative one lies below the one that the settings give; so does none at all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub folder: Option<PathBuf>,
    /// File name where the user chose one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// Mode, where it was asked for; else the settings give it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Option<Mode>,
    /// Priority, where it was asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Option<Priority>,
    /// Priority where neither the asker nor the settings name one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub otherwise: Priority,
    /// The collection it goes to; the default one where none is named.
    #[serde(default, skip_serializing_if = "is_default")]
    pub collection: Option<CollectionId>,
    /// Whether a second copy is wanted of what is here already.
    #[serde(default, skip_serializing_if = "is_default")]
    pub again: bool,
    /// Where in the batch's settings list its settings are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: usize,
    /// What else is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extras: Extras,
}
