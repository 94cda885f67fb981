//! The sorter: finished media gets the folders and the name of its template. What is in a file may take long to read, so that
//! this has a thread of its own, and what needs no folders waits for none of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use super::publisher::Publish;
use crate::fetch::name::sanitise;
use crate::library::{self, Reader};
use crate::model::folders::{Folders, Values};
use crate::model::item::Taken;
use crate::model::media::{Field, Info, MediaKind};

/// The sorter's thread.
pub(super) struct Sorter {
    parts: Option<mpsc::Sender<Publish>>,
    thread: Option<JoinHandle<()>>,
}

impl Sorter {
    /// Starts it: what is sorted goes on to `sorted`.
    pub(super) fn start(sorted: mpsc::Sender<Publish>, tag_reader: Option<PathBuf>) -> std::io::Result<Self> {
        let (parts, incoming) = mpsc::channel::<Publish>();
        let thread = std::thread::Builder::new().name("sorter".into()).spawn(move || {
            let mut reader = tag_reader.map(Reader::new);
            while let Ok(first) = incoming.recv() {
                for mut part in std::iter::once(first).chain(incoming.try_iter()) {
                    part.sort_in(reader.as_mut());
                    // A publisher that is gone takes the engine with it: nobody is left to tell.
                    let _ = sorted.send(part);
                }
                if let Some(reader) = &mut reader {
                    reader.rest();
                }
            }
        })?;
        Ok(Self { parts: Some(parts), thread: Some(thread) })
    }

    pub(super) fn sort(&self, part: Publish) {
        if let Some(parts) = &self.parts {
            let _ = parts.send(part);
        }
    }
}

impl Drop for Sorter {
    /// Waits until all that was given has gone on.
    fn drop(&mut self) {
        self.parts = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// What the template of folders is filled with.
struct Known<'a> {
    kind: MediaKind,
    read: &'a Info,
    given: &'a Info,
    name: &'a str,
}

impl Values for Known<'_> {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    fn text(&self, field: Field) -> Option<&str> {
        let text = self.read.get(&field).or_else(|| self.given.get(&field))?;
        (!text.is_empty()).then_some(text)
    }

    fn name(&self) -> &str {
        self.name
    }
}

impl Publish {
    /// Whether it is media that is to stand in folders of its own. Whoever named the file keeps its name.
    pub(super) fn is_to_be_sorted(&self) -> bool {
        self.folders.is_some()
            && self.ending.taken == Taken::Number
            && library::may_be_media(&self.ending.folder.join(&self.ending.name), self.media_type.as_deref())
    }

    /// Gives finished media the folders and the name of the template. What can't be sorted in stays where it was
    /// asked into: nothing here keeps a download from its end.
    fn sort_in(&mut self, reader: Option<&mut Reader>) {
        let Some(folders) = self.folders.take() else { return };
        let path = self.ending.folder.join(&self.ending.name);
        let media_type = self.media_type.as_deref();
        let by_name = || library::by_name(&path, media_type);
        let part = self.ending.part.path();
        let facts = reader.and_then(|reader| reader.read(&part, media_type).ok()).unwrap_or_else(by_name);
        let Some((kind, _)) = facts.kind.or_else(|| by_name().kind) else { return };
        let known = Known { kind, read: &facts.info, given: &self.given, name: &self.ending.name };
        let mut names = safe_names(&folders, &known);
        let Some(name) = names.pop() else { return };
        let folder = names.iter().fold(self.ending.folder.as_ref().clone(), |folder, name| folder.join(name));
        if make_folder(&self.ending.folder, &folder, self.ending.umask).is_ok() {
            self.ending.folder = Arc::new(folder);
            self.ending.name = name;
            self.is_sorted = true;
        }
    }
}

/// Fills a template: each part is one safe name.
pub(super) fn safe_names(folders: &Folders, values: &dyn Values) -> Vec<String> {
    let safe = |name: &String| sanitise(name).unwrap_or_else(|| "Unknown".into());
    folders.fill(values).iter().map(safe).collect()
}

/// Makes a folder below another one, safe against a power cut; one that is there is taken as it is.
fn make_folder(base: &Path, folder: &Path, umask: u32) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.is_dir() {
        return Ok(());
    }
    // What is away is not made: a disk that comes back would be hidden below it.
    if !base.is_dir() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o777 & !umask).create(folder)?;
    for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(base)) {
        std::fs::File::open(above)?.sync_all()?;
    }
    Ok(())
}
