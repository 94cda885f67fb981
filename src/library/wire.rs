//! What is said between the engine and the process that reads tags: one JSON object a line, one answer a question.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::model::media::{Info, MediaFacts};

/// A question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    /// The file's path, every byte of it: names need not be UTF-8.
    path: String,
    /// What the server said that it is.
    #[serde(default)]
    pub(super) media_type: Option<String>,
    /// Whether its cover is wanted instead of what is known of it: so many pixels a side at most.
    #[serde(default)]
    pub(super) cover: Option<u32>,
    /// What is to be written into it; only the process that writes does that.
    #[serde(default)]
    pub(super) set: Option<Info>,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// What is known of it.
    Facts(Box<MediaFacts>),
    /// Its cover, as a JPEG or PNG in base64.
    Cover(Option<String>),
    /// It was written.
    Written,
    /// It can't be read or written, and why.
    Failed(String),
}

impl Ask {
    pub(super) fn new(path: &Path, media_type: Option<&str>, cover: Option<u32>) -> Self {
        let path = HEXLOWER.encode(path.as_os_str().as_bytes());
        Self { path, media_type: media_type.map(str::to_owned), cover, set: None }
    }

    pub(super) fn write(path: &Path, set: &Info) -> Self {
        Self { set: Some(set.clone()), ..Self::new(path, None, None) }
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        HEXLOWER.decode(self.path.as_bytes()).ok().map(|bytes| OsString::from_vec(bytes).into())
    }
}
