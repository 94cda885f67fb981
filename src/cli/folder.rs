//! Folders that a person names for downloads: absolute, there, and writable, before anything is added.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::context::Context;
use super::error::CliError;

/// What is said where there is nothing of that name.
const NONE: &str = "there is no such folder";

/// Returns the folder for downloads as the engine takes it.
///
/// # Errors
/// It is not there, is no folder, or can't be written.
pub(crate) fn destination(folder: &Path, context: &Context) -> Result<PathBuf, CliError> {
    if context.remote {
        return if folder.is_absolute() {
            Ok(folder.to_owned())
        } else {
            Err(CliError::usage(
                format!(
                    "the folder {} is on the other machine, so it must be written whole",
                    folder.display()
                ),
                "Give -d with a path that starts with /",
            ))
        };
    }
    let mut path = context.absolute(folder);
    if let Err((why, hint)) = look(&path) {
        return Err(CliError::usage(format!("can't save to {}: {why}", path.display()), hint));
    }
    if path.components().any(|part| part == std::path::Component::ParentDir)
        && let Ok(real) = path.canonicalize()
    {
        path = real;
    }
    Ok(path)
}

/// Checks a folder of this machine for the screen.
///
/// # Errors
/// A sentence: it is not there, is no folder, or can't be written.
pub fn check_folder(path: &Path) -> Result<(), String> {
    look(path).map_err(|(why, _)| match why.as_str() {
        NONE => format!("{NONE}: make it first, or choose another"),
        _ => why,
    })
}

/// Why a folder can't take downloads, and what to do about it on the command line.
fn look(path: &Path) -> Result<(), (String, &'static str)> {
    let fail = |why: &str, hint| Err((why.to_owned(), hint));
    if path.to_str().is_none() {
        return fail("its name is not UTF-8", "Choose another folder with -d");
    }
    match std::fs::metadata(path) {
        Ok(known) if known.is_dir() => {}
        Ok(_) => return fail("it is no folder", "Choose a folder with -d, and the file's name with -o"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return fail(NONE, "Make it first, or choose another with -d");
        }
        Err(error) => return fail(&error.to_string(), "Choose another folder with -d"),
    }
    if let Err(error) = accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        let why = std::io::Error::from(error).to_string();
        return fail(&why, "Choose a folder that you may write with -d");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_is_told_why_a_folder_can_t_take_downloads() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(check_folder(home.path()), Ok(()));
        let why = check_folder(&home.path().join("none")).unwrap_err();
        assert_eq!(why, "there is no such folder: make it first, or choose another");
        std::fs::write(home.path().join("file"), "").unwrap();
        assert_eq!(check_folder(&home.path().join("file")).unwrap_err(), "it is no folder");
    }
}
