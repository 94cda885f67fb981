//! `haul://` links and Metalink files with the desktop: an entry that hands them to the screen, where they fill the Add dialog.

use std::io;
use std::path::{Path, PathBuf};

use crate::agent::service::{Unspeakable, desktop_quoted, put, take_away};

/// The entry's name.
const ENTRY: &str = "haul-link.desktop";
/// The command that makes it what the desktop takes for them.
pub const MAKE_DEFAULT: [&str; 6] = [
    "xdg-mime",
    "default",
    ENTRY,
    "x-scheme-handler/haul",
    "application/metalink4+xml",
    "application/metalink+xml",
];

/// What is to be written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesktopEntry {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl DesktopEntry {
    /// Returns the entry of a program, for the user with this data folder.
    ///
    /// # Errors
    /// The program's path has something in it that no entry can say.
    pub fn new(program: &Path, data: &Path) -> Result<Self, Unspeakable> {
        Unspeakable::check(program)?;
        let text = format!(
            "[Desktop Entry]\n\
             Type=Application\n\
             Name=haul\n\
             Comment=Looks at links before they are downloaded\n\
             Exec=\"{}\" offer %u\n\
             Terminal=true\n\
             NoDisplay=true\n\
             MimeType={};\n",
            desktop_quoted(program),
            MAKE_DEFAULT[3..].join(";")
        );
        Ok(Self { path: data.join("applications").join(ENTRY), text })
    }

    /// Writes it.
    ///
    /// # Errors
    /// The folder can't be made, or the file can't be written.
    pub fn write(&self) -> io::Result<()> {
        put(&self.path, &self.text)
    }

    /// Takes it away; false where it wasn't there.
    ///
    /// # Errors
    /// It can't be taken away.
    pub fn remove(&self) -> io::Result<bool> {
        take_away(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_hands_one_link_to_the_program_wherever_that_is() {
        let entry = DesktopEntry::new(Path::new("/opt/my $tools/100%/haul"), Path::new("/d")).unwrap();
        assert_eq!(entry.path, Path::new("/d/applications/haul-link.desktop"));
        insta::assert_snapshot!(entry.text, @r#"
        [Desktop Entry]
        Type=Application
        Name=haul
        Comment=Looks at links before they are downloaded
        Exec="/opt/my \\$tools/100%%/haul" offer %u
        Terminal=true
        NoDisplay=true
        MimeType=x-scheme-handler/haul;application/metalink4+xml;application/metalink+xml;
        "#);
    }

    #[test]
    fn it_is_written_and_taken_away() {
        let data = tempfile::tempdir().unwrap();
        let entry = DesktopEntry::new(Path::new("/usr/bin/haul"), data.path()).unwrap();
        entry.write().unwrap();
        assert_eq!(std::fs::read_to_string(&entry.path).unwrap(), entry.text);
        assert!(entry.remove().unwrap());
        assert!(!entry.remove().unwrap());
    }
}
