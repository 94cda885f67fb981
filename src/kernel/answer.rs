//! What a server's answer means for a download: the one place that judges status codes and headers of a body's answer.

use std::time::Duration;

use super::identity::{Verdict, same_file};
use crate::model::heard::Heard;
use crate::model::range::{Asked, ByteRange, ContentRange};
use crate::model::validators::Validators;

/// What is known of the download before the answer.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Whether any byte is on disk.
    pub has_bytes: bool,
    /// Whether validators were noted: an answer was accepted before.
    pub begun: bool,
    /// Size of the whole file.
    pub size: Option<u64>,
    /// Bytes on disk, where they are a prefix of the file and nothing else.
    pub have: u64,
    /// Validators of the version that was begun.
    pub validators: Validators,
    /// Whether a web page is what is wanted: by setting, or by the file's name.
    pub wants_page: bool,
    /// Whether this download or its host gave something else than web pages before.
    pub gave_files: bool,
    /// Whether the URL asked was the source URL itself.
    pub at_source: bool,
    /// Whether a request without Range was tried already in this run.
    pub asked_whole: bool,
    /// Whether it was asked only whether the file that is here has changed.
    pub conditional: bool,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A new file from its first byte; its size where known.
    Begin(Option<u64>),
    /// Only these bytes of a new file came, from its first byte on: fetch the rest by range.
    BeginPart(ByteRange, Option<u64>),
    /// These bytes belong to the same file: write them.
    Join(ByteRange, Option<u64>),
    /// Perhaps the same file: compare samples first, then ask again.
    Sample(ByteRange, Option<u64>),
    /// Another version of the file: set the old bytes aside, then start over.
    Changed,
    /// The whole file though a range was asked: compare it with the disk as it comes.
    Compare(Option<u64>),
    /// Ranges are of no use here: ask once without.
    AskWhole,
    /// Everything is here already, and proven: so many bytes.
    AlreadyWhole(u64),
    /// The file is the one that is here (304).
    Unchanged,
    /// Trouble that often passes.
    Transient {
        /// The reason, for people.
        text: String,
        /// When the server wants to be asked again.
        after: Option<Duration>,
        /// Whether the server refuses this connection while it may serve others.
        crowded: bool,
    },
    /// Wants a new connection (421).
    Misdirected,
    /// Refused or gone at the final URL: once through the source URL.
    ViaSource(u16),
    /// Gone for good: 404 or 410.
    Gone(u16),
    /// Refused for good.
    Refused(u16),
    /// A web page where a file was: a captive portal until proven otherwise.
    LoginPage,
    /// A web page, and nothing says that there ever was a file.
    WebPage,
    /// Compressed though that was refused.
    Encoded,
    /// Contradicts HTTP or itself.
    Nonsense(String),
}

/// Judges an answer.
pub fn judge(asked: Asked, heard: &Heard, known: &Known) -> Meaning {
    match heard.status {
        200 | 203 => whole(asked, heard, known),
        206 => part(asked, heard, known),
        204 | 205 => Meaning::Nonsense(format!("the server says {}: nothing to download", heard.status)),
        304 if known.conditional => Meaning::Unchanged,
        304 => Meaning::Nonsense("the server says that nothing changed (304), though nobody asked".into()),
        416 => unsatisfied(asked, heard, known),
        401 | 403 | 404 | 410 => refused(asked, heard, known),
        400 | 501 if asked != Asked::Whole && !known.asked_whole => Meaning::AskWhole,
        421 => Meaning::Misdirected,
        408 | 425 | 429 | 500..=599 => Meaning::Transient {
            text: phrase(heard.status),
            after: heard.retry_after,
            crowded: matches!(heard.status, 429 | 503),
        },
        status @ 400..=499 => Meaning::Refused(status),
        status => Meaning::Nonsense(format!("the server answers {status}, which is no answer to a download")),
    }
}

/// Whether an answer that is no error holds a web page that nobody wanted.
fn page(heard: &Heard, known: &Known) -> Option<Meaning> {
    let is_page = matches!(heard.media_type.as_deref(), Some("text/html" | "application/xhtml+xml"));
    if !is_page || known.wants_page {
        return None;
    }
    Some(if known.gave_files { Meaning::LoginPage } else { Meaning::WebPage })
}

fn whole(asked: Asked, heard: &Heard, known: &Known) -> Meaning {
    if let Some(page) = page(heard, known) {
        return page;
    }
    if heard.encoded {
        return Meaning::Encoded;
    }
    let size = heard.content_length;
    if !known.has_bytes {
        // Another connection's question for a later part was answered from the start: of no use there, but no lie.
        return match asked {
            Asked::From { start, .. } if start > 0 => Meaning::Compare(size),
            _ => Meaning::Begin(size),
        };
    }
    if heard.strange_host && known.size.is_some() && size != known.size {
        return Meaning::LoginPage;
    }
    Meaning::Compare(size)
}

fn part(asked: Asked, heard: &Heard, known: &Known) -> Meaning {
    if heard.media_type.as_deref() == Some("multipart/byteranges") {
        return lie(asked, known, "a single range in a multipart body");
    }
    let (range, total) = match heard.content_range {
        ContentRange::Bytes(range, total) => (range, total),
        ContentRange::Absent => return lie(asked, known, "a part, but not which (no Content-Range)"),
        ContentRange::Bad | ContentRange::Unsatisfied(_) => {
            return lie(asked, known, "a part, but its Content-Range makes no sense");
        }
    };
    if let Some(page) = page(heard, known) {
        return page;
    }
    if heard.encoded {
        return Meaning::Encoded;
    }
    let asked_start = match asked {
        Asked::Whole => 0,
        Asked::From { start, .. } => start,
    };
    // The version comes first: a shorter file may well answer from elsewhere.
    let verdict = if known.begun {
        same_file(&known.validators, known.size, &heard.validators, total)
    } else {
        Verdict::Proof
    };
    if verdict == Verdict::Changed {
        return Meaning::Changed;
    }
    if range.start() != asked_start {
        return lie(asked, known, "other bytes than those that were asked for");
    }
    match (known.begun, verdict) {
        (false, _) => Meaning::BeginPart(range, total),
        (true, Verdict::Samples) if known.has_bytes => Meaning::Sample(range, total),
        (true, _) => Meaning::Join(range, total),
    }
}

/// A part that can't be used: once without Range, then it is an error.
fn lie(asked: Asked, known: &Known, what: &str) -> Meaning {
    if asked != Asked::Whole && !known.asked_whole {
        Meaning::AskWhole
    } else {
        Meaning::Nonsense(format!("the server sends {what}"))
    }
}

fn unsatisfied(asked: Asked, heard: &Heard, known: &Known) -> Meaning {
    if let ContentRange::Unsatisfied(total) = heard.content_range
        && known.has_bytes
    {
        let verdict = same_file(&known.validators, known.size, &heard.validators, Some(total));
        // Many servers leave the validators out of a 416: then its size alone is no proof, and asking whole settles it.
        if known.have == total && verdict == Verdict::Proof {
            return Meaning::AlreadyWhole(total);
        }
    }
    if asked != Asked::Whole && !known.asked_whole { Meaning::AskWhole } else { Meaning::Refused(416) }
}

fn refused(asked: Asked, heard: &Heard, known: &Known) -> Meaning {
    if heard.status == 403 && asked != Asked::Whole && !known.asked_whole && known.at_source {
        return Meaning::AskWhole;
    }
    if !known.at_source {
        return Meaning::ViaSource(heard.status);
    }
    match heard.status {
        404 | 410 => Meaning::Gone(heard.status),
        status => Meaning::Refused(status),
    }
}

/// A status code in a person's words.
pub fn phrase(status: u16) -> String {
    let words = match status {
        400 => "the server calls the request bad",
        401 => "the server wants a user name and a password",
        402 => "the server wants to be paid first",
        404 => "the server says that there is no such file",
        408 => "the server got tired of waiting",
        410 => "the server says that the file is gone for good",
        416 => "the server refuses to continue the file",
        425 | 503 => "the server is not ready",
        429 => "the server has had too many requests",
        451 => "the server may not give the file, for legal reasons",
        500 => "the server had an error",
        502 | 504 => "the server's own source doesn't answer",
        _ => "the server refuses",
    };
    format!("{words} ({status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(status: u16) -> Heard {
        Heard {
            status,
            content_range: ContentRange::Absent,
            content_length: Some(100),
            encoded: false,
            media_type: Some("application/octet-stream".into()),
            validators: tagged("\"a\""),
            retry_after: None,
            strange_host: false,
        }
    }

    fn tagged(tag: &str) -> Validators {
        Validators { etag: Some(tag.into()), ..Validators::default() }
    }

    fn bytes(start: u64, end: u64, total: Option<u64>) -> ContentRange {
        ContentRange::Bytes(ByteRange::new(start, end).unwrap(), total)
    }

    fn resumed() -> Known {
        Known {
            has_bytes: true,
            begun: true,
            size: Some(100),
            have: 40,
            validators: tagged("\"a\""),
            gave_files: true,
            at_source: true,
            ..Known::default()
        }
    }

    const FROM_40: Asked = Asked::From { start: 40, end: None };

    #[test]
    fn a_plain_answer_begins_the_file() {
        assert_eq!(judge(Asked::Whole, &heard(200), &Known::default()), Meaning::Begin(Some(100)));
        let part = Heard { content_range: bytes(0, 50, Some(100)), ..heard(206) };
        let range = ByteRange::new(0, 50).unwrap();
        assert_eq!(judge(Asked::Whole, &part, &Known::default()), Meaning::BeginPart(range, Some(100)));
    }

    #[test]
    fn a_part_is_joined_only_where_it_fits() {
        let rest = ByteRange::new(40, 100).unwrap();
        let lie = "the server sends other bytes than those that were asked for".to_owned();
        let table = [
            (bytes(40, 100, Some(100)), "\"a\"", false, Meaning::Join(rest, Some(100))),
            (bytes(40, 100, None), "\"a\"", false, Meaning::Join(rest, None)),
            (bytes(40, 100, Some(101)), "\"a\"", false, Meaning::Changed),
            (bytes(40, 100, Some(100)), "\"b\"", false, Meaning::Changed),
            (bytes(40, 100, Some(100)), "W/\"a\"", false, Meaning::Sample(rest, Some(100))),
            (bytes(0, 100, Some(100)), "\"a\"", false, Meaning::AskWhole),
            (bytes(0, 100, Some(100)), "\"a\"", true, Meaning::Nonsense(lie)),
            (ContentRange::Absent, "\"a\"", false, Meaning::AskWhole),
            (ContentRange::Bad, "\"a\"", false, Meaning::AskWhole),
        ];
        for (content_range, tag, asked_whole, meaning) in table {
            let answer = Heard { content_range, validators: tagged(tag), ..heard(206) };
            let known = Known { asked_whole, ..resumed() };
            assert_eq!(judge(FROM_40, &answer, &known), meaning, "{content_range:?} {tag}");
        }
    }

    #[test]
    fn a_whole_answer_to_a_range_is_compared_never_appended() {
        assert_eq!(judge(FROM_40, &heard(200), &resumed()), Meaning::Compare(Some(100)));
    }

    #[test]
    fn refusals_go_through_the_source_first() {
        let moved = Known { at_source: false, ..resumed() };
        for status in [401, 403, 404, 410] {
            assert_eq!(judge(FROM_40, &heard(status), &moved), Meaning::ViaSource(status));
        }
        assert_eq!(judge(FROM_40, &heard(404), &resumed()), Meaning::Gone(404));
        assert_eq!(judge(FROM_40, &heard(403), &resumed()), Meaning::AskWhole);
        let again = Known { asked_whole: true, ..resumed() };
        assert_eq!(judge(Asked::Whole, &heard(403), &again), Meaning::Refused(403));
        assert_eq!(judge(Asked::Whole, &heard(451), &resumed()), Meaning::Refused(451));
    }

    #[test]
    fn a_416_ends_the_download_only_with_proof() {
        let full = Known { have: 100, ..resumed() };
        let end = Heard { content_range: ContentRange::Unsatisfied(100), ..heard(416) };
        assert_eq!(judge(Asked::From { start: 100, end: None }, &end, &full), Meaning::AlreadyWhole(100));
        let silent = Heard { validators: Validators::default(), ..end.clone() };
        assert_eq!(judge(Asked::From { start: 100, end: None }, &silent, &full), Meaning::AskWhole);
        assert_eq!(judge(FROM_40, &heard(416), &resumed()), Meaning::AskWhole);
    }

    #[test]
    fn unchanged_is_an_answer_only_to_whoever_asked_for_changes() {
        let asked = Known { conditional: true, ..Known::default() };
        assert_eq!(judge(Asked::Whole, &heard(304), &asked), Meaning::Unchanged);
        assert!(matches!(judge(Asked::Whole, &heard(304), &Known::default()), Meaning::Nonsense(_)));
        assert!(matches!(judge(FROM_40, &heard(304), &resumed()), Meaning::Nonsense(_)));
    }

    #[test]
    fn pages_are_not_files() {
        let page = Heard { media_type: Some("text/html".into()), ..heard(200) };
        assert_eq!(judge(FROM_40, &page, &resumed()), Meaning::LoginPage);
        assert_eq!(judge(Asked::Whole, &page, &Known::default()), Meaning::WebPage);
        let wanted = Known { wants_page: true, ..Known::default() };
        assert_eq!(judge(Asked::Whole, &page, &wanted), Meaning::Begin(Some(100)));
    }

    #[test]
    fn overload_is_transient_and_keeps_the_servers_wish() {
        let busy = Heard { retry_after: Some(Duration::from_secs(7)), ..heard(503) };
        let Meaning::Transient { after, crowded, .. } = judge(FROM_40, &busy, &resumed()) else { panic!() };
        assert_eq!((after, crowded), (Some(Duration::from_secs(7)), true));
        assert_eq!(judge(FROM_40, &heard(421), &resumed()), Meaning::Misdirected);
    }
}
