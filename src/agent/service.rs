//! What starts the agent at login: a systemd user unit, an XDG autostart entry where there is no systemd, or a launchd agent.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The unit's name.
pub const UNIT: &str = "haul.service";
/// The autostart entry's name.
const ENTRY: &str = "haul-agent.desktop";
/// The launchd agent's label.
const LABEL: &str = "io.github.haul.agent";

/// How long the service manager may take to take notice.
pub const TELL_WITHIN: Duration = Duration::from_secs(10);

/// The ways to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A systemd user unit.
    Systemd,
    /// An XDG autostart entry.
    Autostart,
    /// A launchd agent.
    Launchd,
}

/// What is to be written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The way.
    pub way: Way,
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A path that a file of the system's own form can't say: a line would end within it, or it is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path {} has a control character in it or is not UTF-8, and can't be written down for the system", path.escape_debug())]
pub struct Unspeakable {
    /// The path, as far as it is text.
    path: String,
}

impl Unspeakable {
    /// What to do.
    pub const HINT: &str = "give it another name, or a link without such a letter that leads there";

    /// Makes sure that a path can be said.
    ///
    /// # Errors
    /// It can't.
    pub fn check(path: &Path) -> Result<(), Self> {
        match path.to_str() {
            Some(text) if !text.contains(char::is_control) => Ok(()),
            _ => Err(Self { path: path.display().to_string() }),
        }
    }
}

impl Way {
    /// The way of this machine: launchd on macOS, systemd where it runs, else autostart.
    pub fn of_machine() -> Self {
        if cfg!(target_os = "macos") {
            Self::Launchd
        } else if Path::new("/run/systemd/system").is_dir() {
            Self::Systemd
        } else {
            Self::Autostart
        }
    }
}

impl Service {
    /// Returns the service of a program, for the user with these folders; `given` is what its agent is told beside `agent run`: another
    /// store, another config than it would find by itself.
    ///
    /// # Errors
    /// One of the paths has something in it that no such file can say.
    pub fn new(
        way: Way,
        program: &Path,
        given: &[PathBuf],
        home: &Path,
        config: &Path,
    ) -> Result<Self, Unspeakable> {
        for word in std::iter::once(program).chain(given.iter().map(PathBuf::as_path)) {
            Unspeakable::check(word)?;
        }
        let (path, text) = match way {
            Way::Systemd => (config.join("systemd/user").join(UNIT), unit(program, given)),
            Way::Autostart => (config.join("autostart").join(ENTRY), entry(program, given)),
            Way::Launchd => {
                (home.join("Library/LaunchAgents").join(format!("{LABEL}.plist")), plist(program, given))
            }
        };
        Ok(Self { way, path, text })
    }

    /// Writes it.
    ///
    /// # Errors
    /// The folder can't be made, or the file can't be written.
    pub fn install(&self) -> io::Result<()> {
        put(&self.path, &self.text)
    }

    /// Takes it away; false where it wasn't there.
    ///
    /// # Errors
    /// It can't be taken away.
    pub fn uninstall(&self) -> io::Result<bool> {
        take_away(&self.path)
    }

    /// The commands that make the system take notice after it was written.
    pub fn after_install(&self) -> Vec<Vec<&'static str>> {
        match self.way {
            Way::Systemd => vec![
                vec!["systemctl", "--user", "daemon-reload"],
                vec!["systemctl", "--user", "enable", UNIT],
            ],
            Way::Autostart | Way::Launchd => Vec::new(),
        }
    }

    /// The commands before it is taken away.
    pub fn before_uninstall(&self) -> Vec<Vec<&'static str>> {
        match self.way {
            Way::Systemd => vec![vec!["systemctl", "--user", "disable", "--now", UNIT]],
            Way::Autostart | Way::Launchd => Vec::new(),
        }
    }

    /// What a person should know.
    pub fn advice(&self) -> &'static str {
        match self.way {
            Way::Systemd => {
                "The agent starts when you log in, and ends with your last session. For downloads that go on after you log out, and \
                 after a restart before you log in: `loginctl enable-linger`. Check it with `loginctl show-user $USER -p Linger`."
            }
            Way::Autostart => {
                "The agent starts with your desktop session, and goes on when you log out unless the system ends it."
            }
            Way::Launchd => {
                "The agent starts when you log in; `launchctl load` with this file starts it now."
            }
        }
    }
}

/// Writes a file that somebody else reads, whole or not at all; its folder is made.
///
/// # Errors
/// The folder can't be made, or the file can't be written.
pub fn put(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Takes a file away; false where it wasn't there.
///
/// # Errors
/// It can't be taken away.
pub fn take_away(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a unit's agent is told the same.
pub(super) fn unit_means(unit: &str, given: &[PathBuf]) -> bool {
    let command = format!(" {}", unit_command(given));
    unit.lines().any(|line| line.starts_with("ExecStart=") && line.trim_end().ends_with(&command))
}

/// What comes after the program in a unit.
fn unit_command(given: &[PathBuf]) -> String {
    given.iter().fold("agent run".into(), |command, word| format!("{command} {}", systemd_quoted(word)))
}

/// Hardened, but with nothing that hides or forbids a folder that its user can write: downloads may go anywhere. Started again at
/// once: a command that needs the agent waits for as long as systemd does.
fn unit(program: &Path, given: &[PathBuf]) -> String {
    format!(
        "[Unit]\n\
         Description=haul, the download agent\n\
         StartLimitIntervalSec=5min\n\
         StartLimitBurst=20\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={} {}\n\
         Restart=on-failure\n\
         RestartSec=100ms\n\
         RestartPreventExitStatus=2 3\n\
         TimeoutStopSec=60\n\
         Delegate=cpu\n\
         NoNewPrivileges=yes\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        systemd_quoted(program),
        unit_command(given)
    )
}

/// A path as one word of a unit's command line.
fn systemd_quoted(program: &Path) -> String {
    let text = program.display().to_string();
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '%' | '$' => quoted.extend([letter, letter]),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A path within the quotes of a desktop entry's command line.
pub fn desktop_quoted(program: &Path) -> String {
    let mut quoted = String::new();
    for letter in program.display().to_string().chars() {
        if matches!(letter, '"' | '`' | '$' | '\\') {
            // Once for the quotes, once for the file's own escapes.
            quoted.push_str("\\\\");
        }
        quoted.push(letter);
        if letter == '%' {
            quoted.push('%');
        }
    }
    quoted
}

fn entry(program: &Path, given: &[PathBuf]) -> String {
    let quoted = desktop_quoted(program);
    let given: String =
        given.iter().flat_map(|word| [" \"".into(), desktop_quoted(word), "\"".into()]).collect();
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=haul agent\n\
         Comment=Goes on with downloads in the background\n\
         Exec=\"{quoted}\" agent start{given}\n\
         Terminal=false\n\
         NoDisplay=true\n\
         X-GNOME-Autostart-enabled=true\n"
    )
}

fn plist(program: &Path, given: &[PathBuf]) -> String {
    let text = |path: &Path| {
        path.display().to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    };
    let program = text(program);
    let given: String =
        given.iter().flat_map(|word| ["<string>".into(), text(word), "</string>".into()]).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
    <key>Label</key><string>{LABEL}</string>
    <key>ProgramArguments</key>
    <array><string>{program}</string><string>agent</string><string>run</string>{given}</array>
    <key>RunAtLoad</key><true/>
    <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
    <key>ProcessType</key><string>Background</string>
</dict>
</plist>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(way: Way, program: &str) -> Service {
        with(way, program, &[])
    }

    fn with(way: Way, program: &str, given: &[PathBuf]) -> Service {
        let (home, config) = (Path::new("/home/me"), Path::new("/home/me/.config"));
        Service::new(way, Path::new(program), given, home, config).unwrap()
    }

    #[test]
    fn nothing_in_the_unit_hides_a_folder_from_downloads() {
        let unit = service(Way::Systemd, "/usr/bin/haul");
        assert_eq!(unit.path, Path::new("/home/me/.config/systemd/user/haul.service"));
        for wanted in
            ["Type=notify", "Delegate=cpu", "ExecStart=\"/usr/bin/haul\" agent run", "NoNewPrivileges=yes"]
        {
            assert!(unit.text.contains(wanted), "{wanted}");
        }
        for hides in
            ["PrivateTmp", "ProtectHome", "ProtectSystem", "ProcSubset", "ReadOnlyPaths", "PrivateDevices"]
        {
            assert!(!unit.text.contains(hides), "{hides}");
        }
    }

    #[test]
    fn odd_paths_stay_one_word() {
        let odd = r#"/opt/a b/50%$"\haul"#;
        let unit = service(Way::Systemd, odd).text;
        assert!(unit.contains(r#"ExecStart="/opt/a b/50%%$$\"\\haul" agent run"#), "{unit}");
        let entry = service(Way::Autostart, odd).text;
        assert!(entry.contains(r#"Exec="/opt/a b/50%%\\$\\"\\\haul" agent start"#), "{entry}");
        assert!(service(Way::Launchd, "/a&b").text.contains("/a&amp;b"));
    }

    #[test]
    fn a_unit_is_for_the_store_and_the_config_that_it_names() {
        let given = |words: &[&str]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
        let usual = service(Way::Systemd, "/usr/bin/haul").text;
        assert!(unit_means(&usual, &[]));
        let words = given(&["--state", "/mnt/a b"]);
        let other = with(Way::Systemd, "/usr/bin/haul", &words).text;
        assert!(other.contains(r#"ExecStart="/usr/bin/haul" agent run "--state" "/mnt/a b""#), "{other}");
        assert!(unit_means(&other, &words));
        assert!(!unit_means(&other, &[]) && !unit_means(&usual, &words));
        assert!(!unit_means(&other, &given(&["--state", "/mnt/a"])));
        let entry = with(Way::Autostart, "/usr/bin/haul", &words).text;
        assert!(entry.contains(r#"agent start "--state" "/mnt/a b""#), "{entry}");
        let plist = with(Way::Launchd, "/usr/bin/haul", &words).text;
        assert!(
            plist.contains("<string>run</string><string>--state</string><string>/mnt/a b</string>"),
            "{plist}"
        );
    }

    #[test]
    fn a_path_that_would_end_a_line_is_refused() {
        let home = Path::new("/home/me");
        for way in [Way::Systemd, Way::Autostart, Way::Launchd] {
            let given = ["--state".into(), PathBuf::from("/s\nExecStartPre=/bin/x")];
            let refused = Service::new(way, Path::new("/usr/bin/haul"), &given, home, home).unwrap_err();
            assert!(refused.to_string().contains(r"/s\nExecStartPre"), "{refused}");
            assert!(Service::new(way, Path::new("/usr/\tbin/haul"), &[], home, home).is_err());
        }
    }

    #[test]
    fn what_is_installed_can_be_taken_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let unit = Service::new(Way::Systemd, Path::new("/usr/bin/haul"), &[], folder.path(), folder.path())
            .unwrap();
        unit.install().unwrap();
        unit.install().unwrap();
        assert_eq!(std::fs::read_to_string(&unit.path).unwrap(), unit.text);
        assert_eq!(std::fs::read_dir(unit.path.parent().unwrap()).unwrap().count(), 1);
        assert!(unit.uninstall().unwrap());
        assert!(!unit.uninstall().unwrap());
    }
}
