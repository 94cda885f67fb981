//! What a download is given when it is added, layer over layer: default, file, preset, host rule, collection, what was asked for.

use std::path::{Component, Path, PathBuf};

use crate::model::host::Pin;
use crate::model::item::{Mode, NewDownload, Priority, TransferSettings};
use crate::model::media::SetBy;
use crate::model::record::CollectionSettings;
use crate::model::settings::{DownloadDefaults, HostRule, Login, Settings};

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// How it is fetched.
    pub settings: TransferSettings,
    /// The folder that the settings give, where they give one.
    pub folder: Option<PathBuf>,
    /// The mode that the settings give.
    pub mode: Option<Mode>,
    /// The priority that the settings give.
    pub priority: Option<Priority>,
    /// Who sold it, where the file doesn't say.
    pub distributor: Option<String>,
    /// Which setting says so.
    pub set_by: Option<SetBy>,
    /// Where the credentials for its origin are; nothing where it was given some.
    pub login: Option<Login>,
}

/// There is no preset of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPreset(pub String);

/// Resolves what a download from a host is given, under what was asked for and what its collection says.
///
/// # Errors
/// The preset that it or its collection names is none.
pub fn resolve(
    given: &TransferSettings,
    host: &str,
    collection: Option<&CollectionSettings>,
    settings: &Settings,
) -> Result<Resolved, UnknownPreset> {
    let preset = given.preset.as_ref().or_else(|| collection?.preset.as_ref());
    let base = match preset {
        Some(name) => settings.presets.get(name).ok_or_else(|| UnknownPreset(name.clone()))?,
        None => &settings.downloads,
    };
    let about = || settings.hosts.iter().filter(|rule| rule.host.is_about(host));
    let downloads = about().fold(base.clone(), |lower, rule| lower.under(&rule.downloads));
    let rules = TransferSettings {
        headers: about().flat_map(|rule| rule.headers.iter().cloned()).collect(),
        // Pins are of their own hosts, wherever a redirect leads to.
        pins: settings.hosts.iter().flat_map(|rule| rule.pins.iter().cloned()).collect::<Vec<Pin>>(),
        ..downloads.transfer()
    };
    let mut resolved = rules.with(given);
    resolved.preset = preset.cloned();
    // A header that was given stands over the rule's of the same name; the others stay.
    let has = |name: &str| given.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    resolved.headers = rules.headers.into_iter().filter(|header| !has(&header.name)).collect();
    resolved.headers.extend(given.headers.iter().cloned());
    let of_rule = about().rev().find(|rule| rule.downloads.distributor.is_some());
    let of_preset = preset.filter(|_| base.distributor != settings.downloads.distributor);
    let set_by = downloads.distributor.as_ref().map(|_| match (of_rule, of_preset) {
        (Some(rule), _) => SetBy::Rule(rule.host.to_string()),
        (None, Some(name)) => SetBy::Preset(name.clone()),
        (None, None) => SetBy::Config,
    });
    let login = about().rev().find_map(|rule| rule.login.clone());
    let DownloadDefaults { folder, mode, priority, distributor, .. } = downloads;
    Ok(Resolved {
        login: login.filter(|_| resolved.credentials.is_none()),
        settings: resolved,
        folder: collection.and_then(|own| own.folder.clone()).or(folder),
        mode,
        priority,
        distributor,
        set_by,
    })
}

/// Connections to a host: its last rule's number, or the engine's.
pub fn connections_to(host: &str, rules: &[HostRule], otherwise: u32) -> u32 {
    let own = rules.iter().rev().filter(|rule| rule.host.is_about(host)).find_map(|rule| rule.connections);
    own.unwrap_or(otherwise)
}

/// The rule that limits all that comes from a host together: the last one that does.
pub fn limit_of<'a>(host: &str, rules: &'a [HostRule]) -> Option<(&'a HostRule, u64)> {
    rules.iter().rev().filter(|rule| rule.host.is_about(host)).find_map(|rule| Some((rule, rule.limit?)))
}

/// The folder of a new download: the one it asks for, below the given one where it is relative. Nothing where that
/// would leave the given one, or there is none.
pub fn folder_of(new: &NewDownload, given: Option<&Path>) -> Option<PathBuf> {
    match &new.folder {
        Some(asked) if asked.is_absolute() => Some(asked.clone()),
        Some(below) => {
            let stays = below.components().all(|part| matches!(part, Component::Normal(_)));
            given.filter(|_| stays).map(|given| given.join(below))
        }
        None => given.map(Path::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::{Credentials, GivenHeader, OnChange};

    fn header(name: &str, value: &str) -> GivenHeader {
        GivenHeader { name: name.into(), value: value.into() }
    }

    fn rule(host: &str) -> HostRule {
        HostRule {
            host: host.parse().unwrap(),
            downloads: DownloadDefaults::default(),
            connections: None,
            limit: None,
            headers: Vec::new(),
            login: None,
            pins: Vec::new(),
        }
    }

    fn settings() -> Settings {
        let file = DownloadDefaults {
            folder: Some("/file".into()),
            tries: Some(1),
            connections: Some(1),
            limit: Some(1),
            on_change: Some(OnChange::Stop),
            ..DownloadDefaults::default()
        };
        let polite =
            DownloadDefaults { tries: Some(2), connections: Some(2), limit: Some(2), ..file.clone() };
        let mut all = rule("*");
        all.downloads =
            DownloadDefaults { connections: Some(3), limit: Some(3), ..DownloadDefaults::default() };
        all.headers = vec![header("X-A", "rule"), header("X-B", "rule")];
        all.connections = Some(9);
        let mut own = rule("a.example");
        own.downloads.limit = Some(4);
        own.downloads.distributor = Some("Shop".into());
        own.login = Some(Login::Netrc("/netrc".into()));
        own.limit = Some(1000);
        own.connections = Some(7);
        own.pins = vec![Pin { host: own.host.clone(), key: "sha256//x".into() }];
        Settings {
            downloads: file,
            presets: [("polite".to_owned(), polite)].into(),
            hosts: vec![all, own],
            ..Settings::default()
        }
    }

    #[test]
    fn each_layer_stands_over_the_one_below() {
        let settings = settings();
        let asked = TransferSettings { limit: Some(5), ..TransferSettings::default() };
        let preset = TransferSettings { preset: Some("polite".into()), ..TransferSettings::default() };
        let none = TransferSettings::default();
        for (given, host, tries, connections, limit) in [
            (&none, "b.example", 1, 3, 3),
            (&none, "a.example", 1, 3, 4),
            (&preset, "b.example", 2, 3, 3),
            (&preset, "a.example", 2, 3, 4),
            (&asked, "a.example", 1, 3, 5),
        ] {
            let found = resolve(given, host, None, &settings).unwrap().settings;
            assert_eq!(
                (found.tries, found.connections, found.limit),
                (Some(tries), Some(connections), Some(limit)),
                "{given:?} {host}"
            );
            assert_eq!(found.on_change, OnChange::Stop);
        }
    }

    #[test]
    fn a_collection_gives_its_folder_and_its_preset() {
        let own = CollectionSettings {
            folder: Some("/own".into()),
            preset: Some("polite".into()),
            ..CollectionSettings::default()
        };
        let found = resolve(&TransferSettings::default(), "b.example", Some(&own), &settings()).unwrap();
        assert_eq!((found.folder, found.settings.tries), (Some("/own".into()), Some(2)));
        assert_eq!(found.settings.preset.as_deref(), Some("polite"));
    }

    #[test]
    fn an_unknown_preset_is_no_preset() {
        let given = TransferSettings { preset: Some("plite".into()), ..TransferSettings::default() };
        assert_eq!(resolve(&given, "a", None, &settings()), Err(UnknownPreset("plite".into())));
    }

    #[test]
    fn secrets_of_a_rule_go_to_its_hosts_only_and_pins_go_everywhere() {
        let settings = settings();
        let none = TransferSettings::default();
        let own = resolve(&none, "a.example", None, &settings).unwrap();
        let other = resolve(&none, "b.example", None, &settings).unwrap();
        assert!(own.login.is_some() && other.login.is_none());
        assert_eq!(own.settings.pins, other.settings.pins);
        assert_eq!((own.distributor.as_deref(), other.distributor.clone()), (Some("Shop"), None));
        assert_eq!((own.set_by, other.set_by), (Some(SetBy::Rule("a.example".into())), None));
        let asked = TransferSettings {
            headers: vec![header("x-a", "asked")],
            credentials: Some(Credentials { user: "me".into(), password: "x".into() }),
            ..TransferSettings::default()
        };
        let found = resolve(&asked, "a.example", None, &settings).unwrap();
        assert_eq!(found.login, None);
        let headers: Vec<_> =
            found.settings.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
        assert_eq!(headers, [("X-B", "rule"), ("x-a", "asked")]);
    }

    #[test]
    fn the_last_rule_about_a_host_limits_it() {
        let Settings { hosts, .. } = settings();
        assert_eq!(connections_to("a.example", &hosts, 8), 7);
        assert_eq!(connections_to("b.example", &hosts, 8), 9);
        assert_eq!(connections_to("b.example", &[], 8), 8);
        assert_eq!(limit_of("a.example", &hosts).map(|(_, limit)| limit), Some(1000));
        assert_eq!(limit_of("b.example", &hosts), None);
    }

    #[test]
    fn a_relative_folder_lies_below_the_given_one() {
        for (asked, given, folder) in [
            (Some("/x"), Some("/d"), Some("/x")),
            (Some("/x"), None, Some("/x")),
            (Some("sub/y"), Some("/d"), Some("/d/sub/y")),
            (None, Some("/d"), Some("/d")),
            (None, None, None),
            (Some("../x"), Some("/d"), None),
            (Some("sub"), None, None),
        ] {
            let new = NewDownload { folder: asked.map(Into::into), ..new() };
            assert_eq!(folder_of(&new, given.map(Path::new)), folder.map(PathBuf::from), "{asked:?}");
        }
    }

    fn new() -> NewDownload {
        serde_json::from_str(r#"{"url":"http://a.example/x"}"#).unwrap()
    }
}
