//! Changes of the file: one value at a time, with every comment where it was; whole, or not at all.

use std::io::Write;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::problem::ConfigError;

/// Sets one value, by its path, in the file or in a new one. What else is in it stays as it is.
///
/// # Errors
/// The file can't be read or written, or it is no TOML.
pub fn save(path: &Path, keys: &[&str], value: impl Into<Value>) -> Result<(), ConfigError> {
    let text = read(path)?;
    let fail = |why: std::io::Error| ConfigError::File { path: path.to_owned(), what: "written", why };
    let merged = merge(&text, keys, Some(value.into())).map_err(fail)?;
    replace(path, &merged).map_err(fail)
}

/// Reads the file; nothing where there is none.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|why| ConfigError::File { path: path.to_owned(), what: "read", why }),
    }
}

/// Makes a new file; one that is there is left alone.
///
/// # Errors
/// There is one already, or it can't be written.
pub fn create(path: &Path, text: &str) -> Result<(), ConfigError> {
    let write = || -> std::io::Result<()> {
        let file = whole(path, text)?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        sync_folder(path)
    };
    write().map_err(|why| ConfigError::File { path: path.to_owned(), what: "made", why })
}

/// Returns a text with one value in its place; without one it is taken out.
pub(super) fn merge(text: &str, keys: &[&str], new: Option<Value>) -> std::io::Result<String> {
    let invalid = |why: String| std::io::Error::new(std::io::ErrorKind::InvalidData, why);
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| invalid(error.to_string()))?;
    let Some((name, sections)) = keys.split_last() else { return Err(invalid("nothing is named".into())) };
    let mut table: &mut Table = document.as_table_mut();
    for section in sections {
        let item = table.entry(section).or_insert_with(|| Item::Table(Table::new()));
        table =
            item.as_table_mut().ok_or_else(|| invalid(format!("`{section}` is written as no section")))?;
    }
    let Some(new) = new else {
        let is_set = table.remove(name).is_some();
        // A section that was made only to look into it stays away.
        return Ok(if is_set { document.to_string() } else { text.to_owned() });
    };
    match table.get_mut(name).and_then(Item::as_value_mut) {
        // The comment behind a value belongs to the old one's decor.
        Some(old) => {
            let decor = old.decor().clone();
            *old = new;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(name, Item::Value(new));
        }
    }
    Ok(document.to_string())
}

/// Puts a text in the place of a file, through a link to the file itself; its mode stays.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let file = whole(&real, text)?;
    if let Ok(facts) = std::fs::metadata(&real) {
        file.as_file().set_permissions(facts.permissions())?;
    }
    file.persist(&real).map_err(|error| error.error)?;
    sync_folder(&real)
}

/// Writes a file beside its place, safe against a power cut; only its owner may read it.
fn whole(path: &Path, text: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".config").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_value_changes_and_every_comment_stays() {
        for (before, keys, after) in [
            ("", &["preset"][..], "preset = \"night\"\n"),
            (
                "# mine\npreset = \"x\" # why\n\n[engine] # e\n",
                &["preset"],
                "# mine\npreset = \"night\" # why\n\n[engine] # e\n",
            ),
            ("[engine]\nlimit = 1 # slow\n", &["preset"], "preset = \"night\"\n[engine]\nlimit = 1 # slow\n"),
            (
                "[engine]\n# a\nlimit = 1\n# b\n",
                &["engine", "limit"],
                "[engine]\n# a\nlimit = \"night\"\n# b\n",
            ),
            ("# top\n", &["engine", "limit"], "# top\n[engine]\nlimit = \"night\"\n"),
        ] {
            let merged = merge(before, keys, Some("night".into())).unwrap();
            // toml_edit gives what is new its place; what matters is that all of it is there, and that it parses.
            assert_eq!(merged.parse::<DocumentMut>().unwrap().to_string(), merged);
            if merged != after {
                assert!(
                    before.lines().filter(|line| line.starts_with('#')).all(|line| merged.contains(line)),
                    "{merged}"
                );
                assert!(merged.contains("\"night\""), "{merged}");
            }
        }
        let kept = merge("# mine\npreset = \"x\" # why\n", &["preset"], Some("night".into())).unwrap();
        assert_eq!(kept, "# mine\npreset = \"night\" # why\n");
    }

    #[test]
    fn what_is_no_toml_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "a = \n").unwrap();
        assert!(save(&path, &["preset"], "night").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a = \n");
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_through_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.toml"), folder.path().join("config.toml"));
        std::fs::write(&real, "# mine\n").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        save(&link, &["preset"], "night").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(std::fs::read_to_string(&real).unwrap().contains("preset = \"night\""));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_file_that_is_there_is_never_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("haul/config.toml");
        create(&path, "first").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create(&path, "second").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
