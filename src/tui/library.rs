//! The shelves of finished media as the pane shows them: a tree of which some branches are open.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::media::MediaId;
use crate::model::shelf::{
    LibraryQuery, LibraryReply, LibraryRequest, MediaDetail, MediaRow, ShelfNode, ShelfPath,
};
use crate::model::units::{ByteCount, clock};

/// A branch or a leaf of the shelves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// What it is called, printable.
    pub(crate) name: String,
    /// How many files are in it.
    pub(crate) count: usize,
    /// Where it is.
    at: ShelfPath,
    /// Whether what stands in it was asked for.
    asked: bool,
    /// What stands in it.
    pub(crate) shelves: Vec<Shelf>,
    /// The file, where this is one.
    pub(crate) file: Option<Medium>,
}

/// A finished file, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Medium {
    id: MediaId,
    /// Whether everything of it was asked for.
    asked: bool,
    /// Where it is; empty until that is known.
    pub(crate) path: PathBuf,
    /// Whether it is gone from there.
    pub(crate) missing: bool,
    /// What is known of it, and where each came from.
    pub(crate) facts: Vec<(String, String, String)>,
}

/// A line of the pane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch<'a> {
    /// What it shows.
    pub(crate) shelf: &'a Shelf,
    /// How deep it stands.
    pub(crate) depth: usize,
    /// Whether what stands in it is shown.
    pub(crate) open: bool,
}

/// The shelves, and which of them are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    shelves: Vec<Shelf>,
    /// Whether the shelves were asked for.
    asked: bool,
    open: BTreeSet<Vec<String>>,
    /// The line under the cursor.
    pub(crate) at: usize,
}

impl Library {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.shelves.is_empty()
    }

    /// What has to be asked for now, to show what is open and under the cursor.
    pub(crate) fn wants(&mut self) -> Vec<(ShelfPath, LibraryRequest)> {
        let mut wants = Vec::new();
        if !self.asked {
            self.asked = true;
            wants.push((ShelfPath::default(), LibraryRequest::Shelf { at: ShelfPath::default() }));
        }
        let chosen = self.path_at(self.at).map(|(path, _)| path);
        want(&mut self.shelves, &mut Vec::new(), &self.open, chosen.as_deref(), &mut wants);
        wants
    }

    /// Takes in what stands on a shelf, or all about a file.
    pub(crate) fn put(&mut self, at: &ShelfPath, reply: LibraryReply) {
        match reply {
            LibraryReply::Nodes(nodes) => {
                let shelves: Vec<Shelf> = nodes.into_iter().map(Shelf::of_node).collect();
                self.fill(at, shelves);
            }
            LibraryReply::Rows(rows) => {
                let shelves = rows.rows.iter().map(|row| Shelf::of_row(row, at)).collect();
                self.fill(at, shelves);
            }
            LibraryReply::Detail(detail) => describe(&mut self.shelves, &detail),
            _ => {}
        }
    }

    /// Forgets what stands where, so that it is asked for again; what is open stays open.
    pub(crate) fn refresh(&mut self) {
        self.asked = false;
    }

    fn fill(&mut self, at: &ShelfPath, shelves: Vec<Shelf>) {
        if *at == ShelfPath::default() {
            self.shelves = shelves;
        } else if let Some(shelf) = find(&mut self.shelves, at) {
            shelf.shelves = shelves;
        }
        self.move_by(0);
    }

    /// The lines that are shown.
    pub(crate) fn lines(&self) -> Vec<Branch<'_>> {
        let mut lines = Vec::new();
        self.walk(&self.shelves, &mut Vec::new(), &mut |branch, _| lines.push(branch));
        lines
    }

    fn walk<'a>(
        &'a self,
        shelves: &'a [Shelf],
        path: &mut Vec<String>,
        each: &mut impl FnMut(Branch<'a>, &[String]),
    ) {
        for shelf in shelves {
            path.push(shelf.name.clone());
            let open = self.open.contains(path);
            each(Branch { shelf, depth: path.len() - 1, open }, path);
            if open {
                self.walk(&shelf.shelves, path, each);
            }
            path.pop();
        }
    }

    fn path_at(&self, at: usize) -> Option<(Vec<String>, bool)> {
        let mut found = Vec::new();
        self.walk(&self.shelves, &mut Vec::new(), &mut |branch, path| {
            found.push((path.to_vec(), branch.shelf.file.is_some()));
        });
        found.into_iter().nth(at)
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, lines: isize) {
        let last = self.lines().len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(lines.clamp(-1_000_000, 1_000_000)).min(last);
    }

    /// Opens the branch under the cursor; an open one leads to what stands in it.
    pub(crate) fn open(&mut self) {
        let Some((path, is_leaf)) = self.path_at(self.at) else { return };
        if !is_leaf && !self.open.insert(path) {
            self.move_by(1);
        }
    }

    /// Closes the branch under the cursor, or goes to the one that it stands in. Returns whether there was one.
    pub(crate) fn close(&mut self) -> bool {
        let Some((mut path, _)) = self.path_at(self.at) else { return false };
        if self.open.remove(&path) {
            return true;
        }
        path.pop();
        let mut place = None;
        let mut line = 0;
        self.walk(&self.shelves, &mut Vec::new(), &mut |_, other| {
            if other == path {
                place = Some(line);
            }
            line += 1;
        });
        if let Some(place) = place {
            self.at = place;
        }
        place.is_some()
    }

    /// Opens the branch under the cursor, or closes it.
    pub(crate) fn toggle(&mut self) {
        let Some((path, is_leaf)) = self.path_at(self.at) else { return };
        if !is_leaf && !self.open.remove(&path) {
            self.open.insert(path);
        }
    }

    /// A click on a line: it gets the cursor; where it had that, it opens or closes.
    pub(crate) fn click(&mut self, at: usize) {
        if self.at == at {
            self.toggle();
        }
        self.at = at;
        self.move_by(0);
    }

    /// The file under the cursor.
    pub(crate) fn chosen(&self) -> Option<(&Shelf, &Medium)> {
        let shelf = self.lines().get(self.at)?.shelf;
        Some((shelf, shelf.file.as_ref()?))
    }

    /// The path of the file under the cursor.
    pub(crate) fn chosen_path(&self) -> Option<PathBuf> {
        self.chosen().map(|(_, medium)| medium.path.clone()).filter(|path| !path.as_os_str().is_empty())
    }
}

impl Shelf {
    fn of_node(node: ShelfNode) -> Self {
        let count = usize::try_from(node.count).unwrap_or(usize::MAX);
        Self { name: node.label, count, at: node.at, ..Self::default() }
    }

    fn of_row(row: &MediaRow, at: &ShelfPath) -> Self {
        let name = match row.track {
            Some(track) => format!("{track} {}", row.title),
            None => row.title.clone(),
        };
        let medium = Medium {
            id: row.id,
            asked: false,
            path: PathBuf::new(),
            missing: row.missing,
            facts: Vec::new(),
        };
        Self { name, count: 1, at: at.clone(), file: Some(medium), ..Self::default() }
    }
}

/// Asks for what is open and not known, and for all about the file under the cursor.
fn want(
    shelves: &mut [Shelf],
    path: &mut Vec<String>,
    open: &BTreeSet<Vec<String>>,
    chosen: Option<&[String]>,
    wants: &mut Vec<(ShelfPath, LibraryRequest)>,
) {
    for shelf in shelves {
        path.push(shelf.name.clone());
        if let Some(medium) = &mut shelf.file {
            if !medium.asked && chosen == Some(path.as_slice()) {
                medium.asked = true;
                wants.push((shelf.at.clone(), LibraryRequest::Show { id: medium.id }));
            }
        } else if open.contains(path) {
            if !shelf.asked {
                shelf.asked = true;
                let request = if shelf.at.is_last() {
                    LibraryRequest::List(LibraryQuery {
                        at: Some(shelf.at.clone()),
                        ..LibraryQuery::default()
                    })
                } else {
                    LibraryRequest::Shelf { at: shelf.at.clone() }
                };
                wants.push((shelf.at.clone(), request));
            }
            want(&mut shelf.shelves, path, open, chosen, wants);
        }
        path.pop();
    }
}

fn find<'a>(shelves: &'a mut [Shelf], at: &ShelfPath) -> Option<&'a mut Shelf> {
    for shelf in shelves {
        if shelf.file.is_none() {
            if shelf.at == *at {
                return Some(shelf);
            }
            if let Some(found) = find(&mut shelf.shelves, at) {
                return Some(found);
            }
        }
    }
    None
}

fn describe(shelves: &mut [Shelf], detail: &MediaDetail) {
    for shelf in shelves {
        if let Some(medium) = shelf.file.as_mut().filter(|medium| medium.id == detail.row.id) {
            medium.path = PathBuf::from(&detail.path);
            medium.missing = detail.row.missing;
            medium.facts = facts(detail);
        }
        describe(&mut shelf.shelves, detail);
    }
}

/// What is known, and where each came from.
fn facts(detail: &MediaDetail) -> Vec<(String, String, String)> {
    let mut facts: Vec<(String, String, String)> = detail
        .values
        .iter()
        .map(|value| (value.field.word().to_owned(), value.text.clone(), value.origin.words().to_owned()))
        .collect();
    let kind = detail.row.kind.word().to_owned();
    facts.push(("kind".into(), kind, detail.kind_from.words().into()));
    facts.push(("format".into(), detail.format.clone(), String::new()));
    if let Some(length) = detail.row.duration_ms {
        facts.push(("length".into(), clock(length / 1000), String::new()));
    }
    facts.push(("size".into(), ByteCount(detail.row.size).to_string(), String::new()));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(name: &str, shelves: Vec<Shelf>) -> Shelf {
        Shelf { name: name.into(), count: shelves.len().max(1), shelves, ..Shelf::default() }
    }

    fn names(library: &Library) -> Vec<&str> {
        library.lines().iter().map(|branch| branch.shelf.name.as_str()).collect()
    }

    #[test]
    fn branches_open_and_close_around_the_cursor() {
        let purchased = shelf("Purchased", vec![shelf("Tailspin", vec![]), shelf("Litware", vec![])]);
        let mut library = Library {
            shelves: vec![shelf("Music", vec![purchased]), shelf("Video", vec![])],
            ..Library::default()
        };
        assert_eq!(names(&library), ["Music", "Video"]);
        library.open();
        assert_eq!(names(&library), ["Music", "Purchased", "Video"]);
        library.open();
        library.open();
        assert_eq!(names(&library), ["Music", "Purchased", "Tailspin", "Litware", "Video"]);
        library.move_by(2);
        assert_eq!(library.at, 3);
        assert!(library.close());
        assert_eq!(library.at, 1);
        assert!(library.close());
        assert_eq!(names(&library), ["Music", "Purchased", "Video"]);
        library.at = 0;
        assert!(library.close());
        assert!(!library.close());
    }
}
