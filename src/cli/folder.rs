//! Folders that a person names for downloads: absolute, there, and writable, before anything is added.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::context::Context;
use super::error::CliError;

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
    let fail =
        |why: &str, hint: &str| CliError::usage(format!("can't save to {}: {why}", path.display()), hint);
    if path.to_str().is_none() {
        return Err(fail("its name is not UTF-8", "Choose another folder with -d"));
    }
    let known = std::fs::metadata(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            fail("there is no such folder", "Make it first, or choose another with -d")
        }
        _ => fail(&error.to_string(), "Choose another folder with -d"),
    })?;
    if !known.is_dir() {
        return Err(fail("it is no folder", "Choose a folder with -d, and the file's name with -o"));
    }
    if let Err(error) = accessat(CWD, &path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        let why = std::io::Error::from(error).to_string();
        return Err(fail(&why, "Choose a folder that you may write with -d"));
    }
    if path.components().any(|part| part == std::path::Component::ParentDir)
        && let Ok(real) = path.canonicalize()
    {
        path = real;
    }
    Ok(path)
}
