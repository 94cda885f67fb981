//! What the readers find in a file, kept within bounds: printable text of at most 4 KB a field, a cover of at most 5 MB.

use super::kind::{Streams, of_class, of_class_text};
use crate::model::media::{Field, Info, MOST_TEXT, MediaKind};
use crate::model::printable::printable;

/// Largest cover that is taken from a file, in bytes.
pub(super) const MOST_COVER: usize = 5 << 20;

/// All that was found so far. What came first stays.
#[derive(Default)]
pub(super) struct Found {
    pub(super) info: Info,
    /// Which tag the distributor was in.
    pub(super) distributor_in: Option<String>,
    pub(super) class: Option<MediaKind>,
    pub(super) streams: Streams,
    pub(super) bitrate: Option<u32>,
    pub(super) frame: Option<(u32, u32)>,
    pub(super) has_cover: bool,
    /// Whether the cover's bytes are wanted.
    pub(super) wants_cover: bool,
    pub(super) cover: Option<Vec<u8>>,
}

/// A value as tags of Windows Media write it, in whatever container.
pub(super) enum Value<'a> {
    Text(String),
    Number(u64),
    Bytes(&'a [u8]),
}

impl Found {
    /// Takes in a text, unless there is one already.
    pub(super) fn put(&mut self, field: Field, text: &str) {
        let text = bounded(text);
        if !text.is_empty() {
            self.info.entry(field).or_insert(text);
        }
    }

    /// Takes in the distributor, with the name of its place.
    pub(super) fn put_distributor(&mut self, text: &str, place: &str) {
        self.put(Field::Distributor, text);
        if self.info.contains_key(&Field::Distributor) {
            self.distributor_in.get_or_insert_with(|| place.to_owned());
        }
    }

    pub(super) fn put_millis(&mut self, millis: u64) {
        if millis > 0 {
            self.info.entry(Field::Duration).or_insert_with(|| millis.to_string());
        }
    }

    /// Takes in a named attribute of Windows Media, wherever it was.
    pub(super) fn put_attribute(&mut self, name: &str, value: &Value<'_>, place: &str) {
        if name.eq_ignore_ascii_case("WM/MediaClassPrimaryID") {
            let class = match value {
                Value::Bytes(guid) => of_class(guid),
                Value::Text(text) => of_class_text(text),
                Value::Number(_) => None,
            };
            self.class = self.class.or(class);
            return;
        }
        // Counts from 0, and is there beside WM/TrackNumber.
        if name.eq_ignore_ascii_case("WM/Track") {
            return;
        }
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bytes(_) => return,
        };
        match Field::of_name(name) {
            // A length that a person typed is worth less than the one that the stream says.
            None | Some(Field::Duration) => {}
            Some(Field::Distributor) => self.put_distributor(&text, place),
            Some(field) => self.put(field, &text),
        }
    }

    /// Takes in a cover, unless there is one already or it is too large.
    pub(super) fn put_cover(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || bytes.len() > MOST_COVER {
            return;
        }
        self.has_cover = true;
        if self.wants_cover && self.cover.is_none() {
            self.cover = Some(bytes.to_vec());
        }
    }
}

/// Makes a text printable and cuts it, between two characters, to what is kept.
fn bounded(text: &str) -> String {
    // Cut first: a 20 MB title must not be walked through.
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    printable(&text[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_harmless() {
        let mut found = Found::default();
        found.put(Field::Title, &"é".repeat(1 << 20));
        assert_eq!(found.info[&Field::Title].len(), MOST_TEXT);
        found.put(Field::Artist, " \u{1b}[2J\u{202e}Tail\nspin ");
        assert_eq!(found.info[&Field::Artist], "[2JTail spin");
        found.put(Field::Artist, "later");
        found.put(Field::Album, "  ");
        assert_eq!(found.info.len(), 2);
    }

    #[test]
    fn covers_beyond_the_bound_are_left() {
        let mut found = Found { wants_cover: true, ..Found::default() };
        found.put_cover(&vec![0; MOST_COVER + 1]);
        assert!(!found.has_cover);
        found.put_cover(&[1]);
        found.put_cover(&[2]);
        assert_eq!(found.cover, Some(vec![1]));
    }
}
