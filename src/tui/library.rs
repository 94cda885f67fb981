//! The shelves of finished media as the pane shows them: a tree of which some branches are open.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// A branch or a leaf of the shelves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// What it is called, printable.
    pub(crate) name: String,
    /// How many files are in it.
    pub(crate) count: usize,
    /// What stands in it.
    pub(crate) shelves: Vec<Shelf>,
    /// The file, where this is one.
    pub(crate) file: Option<Medium>,
}

/// A finished file, as far as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Medium {
    /// Where it is.
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
    open: BTreeSet<Vec<String>>,
    /// The line under the cursor.
    pub(crate) at: usize,
}

impl Library {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.shelves.is_empty()
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
            found.push((path.to_vec(), branch.shelf.shelves.is_empty()));
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
        self.chosen().map(|(_, medium)| medium.path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(name: &str, shelves: Vec<Shelf>) -> Shelf {
        Shelf { name: name.into(), count: shelves.len().max(1), shelves, file: None }
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
