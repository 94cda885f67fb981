//! `[[hosts]]`: what is different for some hosts. Secrets are named by the files that hold them, and never shown.

use std::ops::Range;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::engine::{CHOICE, DOWNLOAD, FOLDER, Tuned};
use super::setting::{Found, Layer, Setting, put};
use super::value::{
    self, Read, Value, Wrong, count, exact_rate, list, listed, quoted, rate, text, whole_path,
};
use crate::model::host::{HostPattern, Pin};
use crate::model::item::GivenHeader;
use crate::model::settings::{DownloadDefaults, HostRule, Login};

const MATCH: &str = "match";

/// One rule of the file.
pub(super) struct Rule {
    pub(super) host: HostPattern,
    pub(super) own: Layer<Own>,
    pub(super) downloads: Layer<Tuned>,
    /// Where its pattern is.
    pub(super) span: Range<usize>,
}

/// What only a host rule sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    connections: Option<u32>,
    limit: Option<u64>,
    headers: Vec<GivenHeader>,
    login: Option<Login>,
    keys: Vec<String>,
}

/// The settings of a rule beside those of every download.
pub(super) const OWN: &[Setting<Own>] = &[
    Setting {
        name: "connections",
        about: "Connections to each of these hosts.",
        example: "2",
        read: |value| Ok(put(count(value, 1..=256)?, |to: &mut Own, new| to.connections = Some(new))),
        show: |of| of.connections.map(|count| count.to_string()),
    },
    Setting {
        name: "limit",
        about: "Speed of all that comes from these hosts together.",
        example: "\"5MB/s\"",
        read: |value| Ok(put(rate(value)?, |to: &mut Own, new| to.limit = (new > 0).then_some(new))),
        show: |of| of.limit.map(exact_rate),
    },
    Setting {
        name: "headers",
        about: "Request headers, \"Name: value\", or \"@FILE\" with one a line; only for the download's own host.",
        example: "[\"@~/.secrets/example.headers\"]",
        read: |value| {
            let all: Vec<_> = list(value, headers)?.into_iter().flatten().collect();
            Ok(put(all, |to: &mut Own, new| to.headers = new))
        },
        show: |of| {
            let names = of.headers.iter().map(|header| format!("{}: …", header.name));
            (!of.headers.is_empty()).then(|| listed(names))
        },
    },
    Setting {
        name: "credentials",
        about: "\"netrc\", { netrc = \"FILE\" } or { user = \"NAME\", password_file = \"FILE\" }; only for the download's own host.",
        example: "\"netrc\"",
        read: |value| Ok(put(login(value)?, |to: &mut Own, new| to.login = Some(new))),
        show: |of| {
            Some(match of.login.as_ref()? {
                Login::Netrc(file) => format!("{{ netrc = {} }}", quoted(&file.display().to_string())),
                Login::File { user, password } => format!(
                    "{{ user = {}, password_file = {} }}",
                    quoted(user),
                    quoted(&password.display().to_string())
                ),
            })
        },
    },
    Setting {
        name: "pins",
        about: "Keys of which these hosts must show one, as curl writes them: \"sha256//BASE64\".",
        example: "[\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]",
        read: |value| Ok(put(list(value, pin)?, |to: &mut Own, new| to.keys = new)),
        show: |of| (!of.keys.is_empty()).then(|| listed(&of.keys)),
    },
];

/// Reads the sections `[[hosts]]`.
pub(super) fn read(section: &Value<'_>, found: &mut Found) -> Vec<Rule> {
    let Some(rules) = section.get_ref().as_array() else {
        found.problem(
            "`hosts` can't be a single section".into(),
            section.span(),
            "this is a list",
            Some("write [[hosts]], with two brackets, for each rule".into()),
        );
        return Vec::new();
    };
    rules
        .iter()
        .filter_map(|rule| found.table("hosts", rule).and_then(|table| read_one(rule, table, found)))
        .collect()
}

fn read_one(rule: &Value<'_>, table: &DeTable<'_>, found: &mut Found) -> Option<Rule> {
    let names: Vec<_> = OWN.iter().map(|setting| setting.name).collect();
    let others: Vec<_> = names.iter().copied().chain([MATCH]).collect();
    let downloads = found.layer("hosts", table, &[FOLDER, DOWNLOAD, CHOICE], &others);
    let mut own = Layer::default();
    for (name, value) in table {
        let Some(setting) = OWN.iter().find(|setting| setting.name == name.get_ref()) else { continue };
        let what = format!("hosts.{}", setting.name);
        own.add(setting, value.span(), found.value(&what, value, setting.read));
    }
    let Some(pattern) = table.get(MATCH) else {
        found.problem(
            "a rule of `hosts` is about no host".into(),
            rule.span(),
            "`match` is missing",
            Some("add match = \"example.com\", or \"*.example.com\" for all below it".into()),
        );
        return None;
    };
    let host = found.value("hosts.match", pattern, |value| {
        text(value)?.parse::<HostPattern>().map_err(|error| error.to_string().into())
    })?;
    Some(Rule { host, own, downloads, span: pattern.span() })
}

impl Rule {
    /// Returns it as the engine takes it.
    pub(super) fn rule(&self) -> HostRule {
        let (own, downloads) = self.parts();
        HostRule {
            pins: own.keys.iter().map(|key| Pin { host: self.host.clone(), key: key.clone() }).collect(),
            host: self.host.clone(),
            downloads,
            connections: own.connections,
            limit: own.limit,
            headers: own.headers,
            login: own.login,
        }
    }

    fn parts(&self) -> (Own, DownloadDefaults) {
        let (mut own, mut tuned) = (Own::default(), Tuned::default());
        self.own.apply(&mut own);
        self.downloads.apply(&mut tuned);
        (own, tuned.downloads)
    }

    /// What it sets: name, value as TOML without its secrets, and where.
    pub(super) fn sets(&self) -> Vec<(&'static str, String, Range<usize>)> {
        let (mut own, mut tuned) = (Own::default(), Tuned::default());
        self.own.apply(&mut own);
        self.downloads.apply(&mut tuned);
        let shown = |text: Option<String>| text.unwrap_or_else(|| quoted("none"));
        let own = self
            .own
            .entries
            .iter()
            .map(|entry| (entry.setting.name, shown((entry.setting.show)(&own)), entry.span.clone()));
        let given = self
            .downloads
            .entries
            .iter()
            .map(|entry| (entry.setting.name, shown((entry.setting.show)(&tuned)), entry.span.clone()));
        let about = (MATCH, quoted(&self.host.to_string()), self.span.clone());
        std::iter::once(about).chain(own).chain(given).collect()
    }
}

/// Reads one header, or all of a file.
fn headers(value: &Value<'_>) -> Read<Vec<GivenHeader>> {
    let given = text(value)?;
    let Some(file) = given.strip_prefix('@') else {
        return Ok(vec![header(&given)?]);
    };
    let path = whole_path(file)?;
    let lines = std::fs::read_to_string(&path)
        .map_err(|error| Wrong::from(format!("{} can't be read: {error}", path.display())))?;
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            header(line).map_err(|_| format!("{} has a line that is no header", path.display()).into())
        })
        .collect()
}

fn header(text: &str) -> Read<GivenHeader> {
    let wrong = || Wrong::from("a header goes here: \"Name: value\", or \"@FILE\"");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    http::HeaderName::try_from(name).map_err(|_| wrong())?;
    http::HeaderValue::from_str(value).map_err(|_| wrong())?;
    Ok(GivenHeader { name: name.to_owned(), value: value.to_owned() })
}

fn login(value: &Value<'_>) -> Read<Login> {
    let wrong = || {
        Wrong::from(
            "\"netrc\", { netrc = \"FILE\" } or { user = \"NAME\", password_file = \"FILE\" } goes here",
        )
    };
    match value.get_ref() {
        DeValue::String(word) if word == "netrc" => Ok(Login::Netrc(whole_path("~/.netrc")?)),
        DeValue::Table(table) => {
            let path = |name: &str| -> Read<Option<PathBuf>> {
                table.get(name).map(|value| value::path(value).map_err(|wrong| wrong.at(value))).transpose()
            };
            let known = ["netrc", "user", "password_file"];
            if let Some((name, _)) = table.iter().find(|(name, _)| !known.contains(&&**name.get_ref())) {
                let wrong = Wrong { span: Some(name.span()), ..Wrong::from("unknown") };
                return Err(if name.get_ref() == "password" {
                    wrong.help("a password doesn't belong into this file: put it into one of its own, and name that as password_file")
                } else {
                    wrong.help("there are netrc, or user with password_file")
                });
            }
            match (path("netrc")?, table.get("user"), path("password_file")?) {
                (Some(file), None, None) => Ok(Login::Netrc(file)),
                (None, Some(user), Some(password)) => Ok(Login::File { user: text(user)?, password }),
                _ => Err(wrong()),
            }
        }
        _ => Err(wrong()),
    }
}

fn pin(value: &Value<'_>) -> Read<String> {
    let key = text(value)?;
    let bytes =
        key.strip_prefix("sha256//").and_then(|sum| data_encoding::BASE64.decode(sum.as_bytes()).ok());
    if bytes.is_some_and(|bytes| bytes.len() == 32) {
        return Ok(key);
    }
    Err("a key goes here: sha256// and the 44 letters of its SHA-256 in Base64".into())
}
