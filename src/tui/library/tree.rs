//! The shelves as a tree of which some branches are open: what is known of it, what has to be asked for, and the line under the cursor.

use crate::model::media::MediaId;
use crate::model::shelf::{
    Arrangement, LibraryQuery, LibraryRequest, LibraryStats, MediaRow, MediaRows, MediaSort, ShelfNode,
    ShelfPath,
};

/// Files that are asked for at a time.
const PAGE: u32 = 300;
/// A library of so many files is shown as it is: what was bought lies open.
const SMALL: u64 = 12;

/// What a line of the tree stands for, and what an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A shelf; the root has no line.
    Shelf(ShelfPath),
    /// Every file that is not where it was.
    Missing,
    /// Every file of which there is another one with the same bytes.
    Copies,
    /// A file.
    File(MediaId),
    /// What of a shelf is not here yet.
    More,
}

/// A branch or a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// What it stands for.
    pub(crate) key: Key,
    /// What it is called, printable.
    pub(crate) name: String,
    /// How many files are in it.
    pub(crate) count: u64,
    /// Their bytes.
    pub(crate) size: u64,
    /// Their length in milliseconds.
    pub(crate) duration_ms: u64,
    /// How many of them are not where they were.
    pub(crate) missing: u64,
    /// The file, where it is one.
    pub(crate) row: Option<Box<MediaRow>>,
    /// Whether what is in it is shown.
    pub(crate) open: bool,
    /// Whether what is in it was asked for.
    asked: bool,
    nodes: Vec<Node>,
    /// Its place where nothing else orders it.
    place: usize,
}

/// How files, and the shelves that they stand on, are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// By what.
    pub(crate) sort: MediaSort,
    /// Whether it is turned round.
    pub(crate) turned: bool,
}

impl Order {
    /// Every order, in the order in which they are gone through.
    const ALL: [MediaSort; 8] = [
        MediaSort::Shelf,
        MediaSort::Title,
        MediaSort::Artist,
        MediaSort::Album,
        MediaSort::Date,
        MediaSort::Duration,
        MediaSort::Size,
        MediaSort::Added,
    ];

    /// The next one.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        Self { sort: Self::ALL[(at + 1) % Self::ALL.len()], turned: false }
    }

    /// Its name on the screen.
    pub(crate) fn word(self) -> &'static str {
        match self.sort {
            MediaSort::Shelf => "by shelf",
            MediaSort::Title => "by title",
            MediaSort::Artist => "by artist",
            MediaSort::Album => "by album",
            MediaSort::Date => "by date",
            MediaSort::Duration => "by length",
            MediaSort::Size => "by size",
            MediaSort::Added => "newest first",
        }
    }

    /// Whether the largest comes first: what is long, large or new is looked for more often than its opposite.
    fn falls(self) -> bool {
        matches!(self.sort, MediaSort::Date | MediaSort::Duration | MediaSort::Size) != self.turned
    }

    /// Puts it into a question.
    pub(crate) fn of(self, query: LibraryQuery) -> LibraryQuery {
        LibraryQuery { sort: self.sort, descending: self.falls(), ..query }
    }
}

/// A line of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch<'a> {
    /// What it shows.
    pub(crate) node: &'a Node,
    /// How deep it stands.
    pub(crate) depth: usize,
}

/// Something to ask for, and what the answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// Whose children these are.
    pub(crate) key: Key,
    /// How many of them are here already.
    pub(crate) after: usize,
    /// The question.
    pub(crate) request: LibraryRequest,
}

/// The tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    roots: Vec<Node>,
    asked: bool,
    /// How many branches of the first shelves are still to be opened: what was bought is seen before anybody looks for it.
    unfold: usize,
    /// Whether somebody moved in it, opened or closed something: then nothing does so by itself.
    touched: bool,
    /// The way to each line that is shown: the places of its branches.
    lines: Vec<Vec<usize>>,
    /// The line under the cursor.
    pub(crate) at: usize,
}

impl Tree {
    /// How many lines are shown.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Some of the lines that are shown.
    pub(crate) fn lines(&self, from: usize, most: usize) -> impl Iterator<Item = Branch<'_>> {
        let branch = |way: &Vec<usize>| Some(Branch { node: self.node(way)?, depth: way.len() - 1 });
        self.lines.iter().skip(from).take(most).filter_map(branch)
    }

    fn node(&self, way: &[usize]) -> Option<&Node> {
        let (first, rest) = way.split_first()?;
        rest.iter().try_fold(self.roots.get(*first)?, |node, at| node.nodes.get(*at))
    }

    fn node_mut(&mut self, way: &[usize]) -> Option<&mut Node> {
        let (first, rest) = way.split_first()?;
        rest.iter().try_fold(self.roots.get_mut(*first)?, |node, at| node.nodes.get_mut(*at))
    }

    /// What is under the cursor.
    pub(crate) fn chosen(&self) -> Option<&Node> {
        self.node(self.lines.get(self.at)?)
    }

    fn chosen_mut(&mut self) -> Option<&mut Node> {
        let way = self.lines.get(self.at)?.clone();
        self.node_mut(&way)
    }

    /// The shelves above what is under the cursor, from the outermost.
    pub(crate) fn above(&self) -> Vec<&Node> {
        let way = self.lines.get(self.at).map_or(&[][..], Vec::as_slice);
        (1..way.len()).filter_map(|end| self.node(&way[..end])).collect()
    }

    /// All of the library's sums.
    pub(crate) fn sums(&self) -> (u64, u64, u64) {
        let kinds = self.roots.iter().filter(|node| matches!(node.key, Key::Shelf(_)));
        kinds.fold((0, 0, 0), |(count, size, time), node| {
            (count + node.count, size + node.size, time + node.duration_ms)
        })
    }

    /// What has to be asked for now, to show what is open.
    pub(crate) fn wants(&mut self, order: Order) -> Vec<Want> {
        let mut wants = Vec::new();
        if !self.asked {
            self.asked = true;
            let at = ShelfPath::default();
            let key = Key::Shelf(at.clone());
            wants.push(Want { key: key.clone(), after: 0, request: LibraryRequest::Shelf { at } });
            wants.push(Want { key, after: 0, request: LibraryRequest::Stats });
        }
        // What is shown further down of a long shelf is asked for when somebody gets there.
        if let Some(way) = self.lines.get(self.at).cloned()
            && self.node(&way).is_some_and(|node| node.key == Key::More && !node.asked)
            && let Some((_, above)) = way.split_last()
            && let Some(shelf) = self.node_mut(above)
            && let Some(last) = shelf.nodes.last_mut()
        {
            last.asked = true;
            let after = shelf.nodes.len() - 1;
            wants.extend(shelf.question(after, order));
        }
        want(&mut self.roots, order, &mut wants);
        wants
    }

    /// Takes in the shelves on a shelf.
    pub(crate) fn put_shelves(&mut self, key: &Key, shelves: Vec<ShelfNode>, order: Order) {
        let nodes = shelves.into_iter().map(Node::of_shelf).collect();
        self.put(key, nodes, order);
    }

    /// Takes in the files of a shelf, after those that are here already.
    pub(crate) fn put_files(&mut self, key: &Key, after: usize, files: MediaRows, order: Order) {
        let Some(shelf) = self.find(key) else { return };
        // Where it was asked for anew in the meantime, what would come after is not wanted.
        if after > 0 && shelf.nodes.len() != after + 1 {
            return;
        }
        let mut nodes = shelf.nodes[..after].to_vec();
        nodes.extend(files.rows.into_iter().map(Node::of_file));
        if files.more {
            nodes.push(Node::new(Key::More, "more".into()));
        }
        self.put(key, nodes, order);
    }

    /// Takes in how much is missing and how much is there twice: each has a branch of its own where there is any.
    pub(crate) fn put_stats(&mut self, stats: &LibraryStats) {
        let before = self.keys();
        let old = std::mem::take(&mut self.roots);
        let (mut nodes, others): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|node| matches!(node.key, Key::Shelf(_)));
        for (key, name, count) in
            [(Key::Missing, "Missing", stats.missing), (Key::Copies, "There twice", stats.duplicates)]
        {
            if count > 0 {
                let old = others.iter().find(|node| node.key == key).cloned();
                nodes.push(Node { count, ..old.unwrap_or_else(|| Node::new(key, name.into())) });
            }
        }
        self.roots = nodes;
        self.show(&before);
    }

    fn put(&mut self, key: &Key, mut nodes: Vec<Node>, order: Order) {
        let before = self.keys();
        let is_root = *key == Key::Shelf(ShelfPath::default());
        let was_there = !self.roots.is_empty();
        let old = if is_root {
            std::mem::take(&mut self.roots)
        } else {
            match self.find(key) {
                Some(shelf) => std::mem::take(&mut shelf.nodes),
                None => return,
            }
        };
        for (place, node) in nodes.iter_mut().enumerate() {
            node.place = place;
        }
        let mut others = Vec::new();
        for known in old.into_iter().filter(Node::is_branch) {
            match nodes.iter_mut().find(|node| node.key == known.key) {
                // What was open stays open, with what is in it until that is asked for anew.
                Some(node) => {
                    (node.open, node.asked, node.nodes) = (known.open, known.asked, known.nodes);
                }
                None if is_root && !matches!(known.key, Key::Shelf(_)) => others.push(known),
                None => {}
            }
        }
        nodes.append(&mut others);
        sort(&mut nodes, order);
        let all = if is_root { &nodes } else { &self.roots };
        if !self.touched && all.iter().map(|node| node.count).sum::<u64>() <= SMALL {
            nodes.iter_mut().filter(|node| is_bought(&node.key)).for_each(|node| node.open = true);
        }
        let is_first = self.roots.first().is_some_and(|first| first.key == *key);
        if is_root && !was_there {
            self.unfold = 2;
        }
        if ((is_root && self.unfold == 2) || (is_first && self.unfold == 1))
            && let Some(first) = nodes.first_mut().filter(|first| first.is_branch())
        {
            first.open = true;
            self.unfold -= 1;
        }
        if is_root {
            self.roots = nodes;
        } else if let Some(shelf) = self.find(key) {
            shelf.nodes = nodes;
        }
        self.show(&before);
    }

    /// Everything that is shown is asked for anew; until the answers come it stays.
    pub(crate) fn refresh(&mut self) {
        self.asked = false;
        forget(&mut self.roots);
    }

    /// Puts everything in another order.
    pub(crate) fn reorder(&mut self, order: Order) {
        let before = self.keys();
        forget(&mut self.roots);
        reorder(&mut self.roots, order);
        self.show(&before);
    }

    fn find(&mut self, key: &Key) -> Option<&mut Node> {
        find(&mut self.roots, key)
    }

    /// The keys on the way to the line under the cursor.
    fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.above().into_iter().map(|node| node.key.clone()).collect();
        keys.extend(self.chosen().map(|node| node.key.clone()));
        keys
    }

    /// Lists the lines anew; the cursor stays on what it was on, or on what is left of the way there.
    fn show(&mut self, on: &[Key]) {
        let mut lines = Vec::new();
        list(&self.roots, &mut Vec::new(), &mut lines);
        self.lines = lines;
        let mut nodes = &self.roots;
        let mut way = Vec::new();
        for key in on {
            let Some(at) = nodes.iter().position(|node| node.key == *key) else { break };
            way.push(at);
            nodes = &nodes[at].nodes;
        }
        let place = (1..=way.len())
            .rev()
            .find_map(|end| self.lines.iter().position(|line| line[..] == way[..end]).map(|at| (at, end)));
        match place {
            Some((at, end)) if end == on.len() && on.last() != Some(&Key::More) => self.at = at,
            // What was under the cursor is gone, or has come: the line that took its place gets it.
            _ => self.at = self.at.min(self.lines.len().saturating_sub(1)),
        }
        // Nobody chose anything yet: where a file is shown, there is something to see.
        if !self.touched && self.chosen().is_none_or(|node| node.row.is_none()) {
            let file = |way: &Vec<usize>| self.node(way).is_some_and(|node| node.row.is_some());
            self.at = self.lines.iter().position(file).unwrap_or(self.at);
        }
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, lines: isize) {
        self.touched = true;
        let last = self.lines.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(lines.clamp(-1_000_000, 1_000_000)).min(last);
    }

    /// Opens the branch under the cursor; an open one leads to what stands in it.
    pub(crate) fn open(&mut self) {
        let Some(node) = self.chosen_mut().filter(|node| node.is_branch()) else { return };
        if node.open {
            self.move_by(1);
        } else {
            self.toggle();
        }
    }

    /// Closes the branch under the cursor, or goes to the one that it stands in. Returns whether there was one.
    pub(crate) fn close(&mut self) -> bool {
        self.touched = true;
        let Some(way) = self.lines.get(self.at) else { return false };
        if self.chosen().is_some_and(|node| node.open) {
            self.toggle();
            return true;
        }
        let above = &way[..way.len() - 1];
        let place = self.lines.iter().position(|line| line[..] == *above);
        if let Some(place) = place {
            self.at = place;
        }
        place.is_some()
    }

    /// Opens the branch under the cursor, or closes it.
    pub(crate) fn toggle(&mut self) {
        self.touched = true;
        let before = self.keys();
        if let Some(node) = self.chosen_mut().filter(|node| node.is_branch()) {
            node.open = !node.open;
            self.show(&before);
        }
    }

    /// A click on a line: it gets the cursor; where it had that, it opens or closes.
    pub(crate) fn click(&mut self, at: usize) {
        self.touched = true;
        if self.at == at {
            self.toggle();
        } else {
            self.at = at.min(self.lines.len().saturating_sub(1));
        }
    }
}

/// Whether a shelf is on the way to what was bought, or holds it.
fn is_bought(key: &Key) -> bool {
    matches!(key, Key::Shelf(path) if path.arrangement.is_none_or(|by| by == Arrangement::Purchased))
}

impl Node {
    fn new(key: Key, name: String) -> Self {
        Self {
            key,
            name,
            count: 0,
            size: 0,
            duration_ms: 0,
            missing: 0,
            row: None,
            open: false,
            asked: false,
            nodes: Vec::new(),
            place: 0,
        }
    }

    fn of_shelf(shelf: ShelfNode) -> Self {
        let ShelfNode { at, label, count, size, duration_ms, missing } = shelf;
        Self { count, size, duration_ms, missing, ..Self::new(Key::Shelf(at), label) }
    }

    fn of_file(row: MediaRow) -> Self {
        let name = match row.track {
            Some(track) => format!("{track:>2} {}", row.title),
            None => row.title.clone(),
        };
        let (size, duration_ms, missing) = (row.size, row.duration_ms.unwrap_or(0), u64::from(row.missing));
        let node = Self::new(Key::File(row.id), name);
        Self { count: 1, size, duration_ms, missing, row: Some(Box::new(row)), ..node }
    }

    /// Whether it can be opened.
    pub(crate) fn is_branch(&self) -> bool {
        !matches!(self.key, Key::File(_) | Key::More)
    }

    /// What is asked to know what is in it.
    fn question(&self, after: usize, order: Order) -> Option<Want> {
        let query = LibraryQuery { offset: after as u64, limit: PAGE, ..LibraryQuery::default() };
        let request = match &self.key {
            Key::Shelf(at) if !at.is_last() => LibraryRequest::Shelf { at: at.clone() },
            Key::Shelf(at) => LibraryRequest::List(order.of(LibraryQuery { at: Some(at.clone()), ..query })),
            Key::Missing => LibraryRequest::List(order.of(LibraryQuery { missing: true, ..query })),
            // Those with the same bytes stand together, whatever the order is.
            Key::Copies => LibraryRequest::List(LibraryQuery { duplicates: true, ..query }),
            Key::File(_) | Key::More => return None,
        };
        Some(Want { key: self.key.clone(), after, request })
    }
}

fn want(nodes: &mut [Node], order: Order, wants: &mut Vec<Want>) {
    for node in nodes.iter_mut().filter(|node| node.open) {
        if !node.asked {
            node.asked = true;
            wants.extend(node.question(0, order));
        }
        want(&mut node.nodes, order, wants);
    }
}

fn forget(nodes: &mut [Node]) {
    for node in nodes {
        node.asked = false;
        forget(&mut node.nodes);
    }
}

fn reorder(nodes: &mut [Node], order: Order) {
    sort(nodes, order);
    for node in nodes {
        reorder(&mut node.nodes, order);
    }
}

/// Orders shelves by what orders shelves; kinds and arrangements keep their places, and files come ordered.
fn sort(nodes: &mut [Node], order: Order) {
    let are_names = nodes.iter().all(|node| matches!(&node.key, Key::Shelf(at) if !at.keys.is_empty()));
    if !are_names {
        return;
    }
    match order.sort {
        MediaSort::Size => nodes.sort_by_key(|node| (node.size, node.place)),
        MediaSort::Duration => nodes.sort_by_key(|node| (node.duration_ms, node.place)),
        _ => nodes.sort_by_key(|node| node.place),
    }
    let names_turned = order.turned && !matches!(order.sort, MediaSort::Date | MediaSort::Added);
    let turned = match order.sort {
        MediaSort::Size | MediaSort::Duration => order.falls(),
        _ => names_turned,
    };
    if turned {
        nodes.reverse();
    }
}

fn find<'a>(nodes: &'a mut [Node], key: &Key) -> Option<&'a mut Node> {
    for node in nodes.iter_mut().filter(|node| node.is_branch()) {
        if node.key == *key {
            return Some(node);
        }
        let is_on_the_way = match (&node.key, key) {
            (Key::Shelf(outer), Key::Shelf(inner)) => inner.kind == outer.kind,
            _ => false,
        };
        if is_on_the_way && let Some(found) = find(&mut node.nodes, key) {
            return Some(found);
        }
    }
    None
}

fn list(nodes: &[Node], way: &mut Vec<usize>, lines: &mut Vec<Vec<usize>>) {
    for (at, node) in nodes.iter().enumerate() {
        way.push(at);
        lines.push(way.clone());
        if node.open {
            list(&node.nodes, way, lines);
        }
        way.pop();
    }
}
