//! Turns a script's answer into bytes on the wire.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use httpdate::fmt_http_date;

use super::answer::{Answer, Cut, Modified};
use super::site::{Stage, Turn};
use super::wire::{Request, Wire};

/// How many bytes are written at once.
const PIECE: usize = 16 * 1024;
const DAY: Duration = Duration::from_hours(24);

/// How a connection stands after an answer.
pub(super) enum Ending {
    /// Ready for the next request.
    Open,
    /// Ended in order.
    Closed,
    /// Ended before all was said, without a word.
    Cut,
    /// To be reset.
    Reset,
}

/// Where a Range begins; nothing for what this server doesn't take for a range.
pub(super) fn range_start(value: &str) -> Option<u64> {
    value.strip_prefix("bytes=")?.split_once('-')?.0.parse().ok()
}

/// Answers one request.
pub(super) fn give(stage: &Stage, wire: &mut Wire, turn: &Turn) -> io::Result<Ending> {
    let mut answer = match &turn.script {
        None => text(404, "no such file"),
        Some(_) if turn.is_expired => text(403, "this link has expired"),
        Some((script, facts)) => script.answer(*facts),
    };
    if let Some(location) = answer.redirect.take() {
        let number = turn.script.as_ref().map_or(0, |(_, facts)| facts.number);
        let location = stage.fill(&location).replace("{n}", &number.to_string());
        answer.status = answer.status.or(Some(302));
        answer.headers.insert("Location".into(), location);
        answer.body = Some(String::new());
    }
    let said = Said::by(&answer, &turn.request, stage.date);
    for _ in 0..if answer.before.is_empty() { 0 } else { answer.before_times } {
        wire.write_all(answer.before.as_bytes())?;
    }
    match &answer.head {
        Some(head) => wire.write_all(stage.fill(head).as_bytes())?,
        None => write_head(wire, &answer, &said, stage.date)?,
    }
    body(stage, wire, turn, &answer, &said)
}

fn text(status: u16, text: &str) -> Answer {
    Answer {
        status: Some(status),
        body: Some(text.into()),
        etag: String::new(),
        close: true,
        ..Answer::default()
    }
}

/// What an answer says, as far as it follows from script and request.
struct Said {
    status: u16,
    bytes: Arc<[u8]>,
    /// Which of the bytes go out.
    range: Range<usize>,
    /// The file's size, for Content-Range.
    size: u64,
}

impl Said {
    fn by(answer: &Answer, request: &Request, date: SystemTime) -> Self {
        let bytes = answer.bytes();
        let size = bytes.len() as u64;
        let whole = |status, bytes: Arc<[u8]>| Self { status, range: 0..bytes.len(), bytes, size };
        if answer.gzip {
            return whole(answer.status.unwrap_or(200), gzip(&bytes));
        }
        if let Some(status) = answer.status.filter(|status| *status != 206) {
            return Self { size: answer.size.0, ..whole(status, bytes) };
        }
        if !answer.etag.is_empty() && request.header("if-none-match") == Some(&answer.etag) {
            return whole(304, Arc::default());
        }
        let since = request.header("if-modified-since").filter(|_| request.header("if-none-match").is_none());
        if since.is_some() && since == modified(answer, date).map(fmt_http_date).as_deref() {
            return whole(304, Arc::default());
        }
        let asked = request.header("range").and_then(|range| parse_range(range, size));
        let is_current = request.header("if-range").is_none_or(|held| {
            held == answer.etag || modified(answer, date).is_some_and(|date| held == fmt_http_date(date))
        });
        let (first, end) = match (asked, answer.unasked) {
            (Some(asked), _) if answer.ranges && is_current => asked,
            (None, Some(unasked)) => (0, unasked.0),
            _ => return whole(200, bytes),
        };
        if first >= size {
            return Self { status: 416, bytes: Arc::default(), range: 0..0, size };
        }
        let first = (first + answer.shift).min(size);
        let end = end.min(size).min(first + answer.piece.map_or(size, |piece| piece.0));
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        Self { status: 206, range: place(first)..place(end.max(first)), bytes, size }
    }
}

/// Returns the first byte and the one after the last.
fn parse_range(value: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        return Some((size.saturating_sub(last.parse().ok()?), size));
    }
    let end = if last.is_empty() { size } else { last.parse::<u64>().ok()? + 1 };
    Some((first.parse().ok()?, end))
}

fn modified(answer: &Answer, date: SystemTime) -> Option<SystemTime> {
    match answer.modified {
        Modified::Older => Some(date - 2 * DAY),
        Modified::Old => Some(date - DAY),
        Modified::Fresh => Some(date - Duration::from_secs(10)),
        Modified::None => None,
    }
}

fn write_head(wire: &mut Wire, answer: &Answer, said: &Said, date: SystemTime) -> io::Result<()> {
    let mut fields: Vec<(&str, String)> = vec![("Date", fmt_http_date(date))];
    if let Some(date) = modified(answer, date).filter(|_| answer.body.is_none()) {
        fields.push(("Last-Modified", fmt_http_date(date)));
    }
    if !answer.etag.is_empty() {
        fields.push(("ETag", answer.etag.clone()));
    }
    if answer.ranges && answer.body.is_none() {
        fields.push(("Accept-Ranges", "bytes".into()));
    }
    let kind =
        if answer.multipart { "multipart/byteranges; boundary=cut" } else { "application/octet-stream" };
    fields.push(("Content-Type", kind.into()));
    match said.status {
        206 => {
            let pattern = answer.content_range.as_deref().unwrap_or("bytes {first}-{last}/{size}");
            let last = said.range.end.saturating_sub(1);
            let filled = pattern.replace("{first}", &said.range.start.to_string());
            let filled = filled.replace("{last}", &last.to_string());
            if !filled.is_empty() {
                fields.push(("Content-Range", filled.replace("{size}", &said.size.to_string())));
            }
        }
        416 => fields.push(("Content-Range", format!("bytes */{}", said.size))),
        _ => {}
    }
    if answer.gzip {
        fields.push(("Content-Encoding", "gzip".into()));
    }
    if answer.chunked {
        fields.push(("Transfer-Encoding", "chunked".into()));
    } else if said.status != 304 {
        let true_length = || framed(answer, said).iter().map(|bytes| bytes.len()).sum::<usize>().to_string();
        fields.push(("Content-Length", answer.length.clone().unwrap_or_else(true_length)));
    }
    if let Some(wait) = &answer.retry_after {
        let seconds = |text: &str| Duration::from_secs(text.parse().unwrap_or(0));
        let value = match wait.strip_prefix("date+") {
            Some(wait) => fmt_http_date(date + seconds(wait)),
            None => wait.trim_start_matches('+').to_owned(),
        };
        fields.push(("Retry-After", value));
    }
    fields.retain(|(name, value)| !value.is_empty() && !answer.headers.contains_key(*name));
    write!(wire, "HTTP/1.1 {} As told\r\n", said.status)?;
    for (name, value) in &fields {
        write!(wire, "{name}: {value}\r\n")?;
    }
    for (name, value) in answer.headers.iter().filter(|(_, value)| !value.is_empty()) {
        write!(wire, "{name}: {value}\r\n")?;
    }
    for number in 0..answer.pad_headers {
        write!(wire, "X-Pad-{number}: means nothing\r\n")?;
    }
    if answer.pad_header.0 > 0 {
        wire.write_all(b"X-Pad: ")?;
        io::copy(&mut io::Read::take(io::repeat(b'x'), answer.pad_header.0), wire)?;
        wire.write_all(b"\r\n")?;
    }
    if closes(answer) {
        wire.write_all(b"Connection: close\r\n")?;
    }
    wire.write_all(b"\r\n")
}

/// Whether the end of the body is the end of the connection.
fn closes(answer: &Answer) -> bool {
    answer.close || answer.head.is_some() || (!answer.chunked && answer.length.is_some())
}

/// The body, and what stands around it.
fn framed<'a>(answer: &Answer, said: &'a Said) -> Vec<std::borrow::Cow<'a, [u8]>> {
    let bytes = &said.bytes[said.range.clone()];
    if !answer.multipart {
        return vec![bytes.into()];
    }
    let (first, last) = (said.range.start, said.range.end.saturating_sub(1));
    let open = format!("\r\n--cut\r\nContent-Range: bytes {first}-{last}/{}\r\n\r\n", said.size);
    vec![open.into_bytes().into(), bytes.into(), b"\r\n--cut--\r\n".into()]
}

/// Sends a piece of a body.
fn send(wire: &mut Wire, piece: &[u8], chunked: bool) -> io::Result<()> {
    if chunked {
        write!(wire, "{:x}\r\n", piece.len())?;
    }
    wire.write_all(piece)?;
    if chunked {
        wire.write_all(b"\r\n")?;
    }
    wire.flush()
}

fn body(stage: &Stage, wire: &mut Wire, turn: &Turn, answer: &Answer, said: &Said) -> io::Result<Ending> {
    let began = Instant::now();
    let mut sent = 0_u64;
    let stall = answer.stall_after.map_or(u64::MAX, |at| at.0);
    let cut = answer.cut_after.map_or(u64::MAX, |at| at.0);
    for part in framed(answer, said) {
        let mut rest = &*part;
        while !rest.is_empty() {
            if sent == stall {
                stage.wait_for_release();
            }
            if sent == cut {
                return Ok(cut_off(answer));
            }
            let until = if sent < stall { stall.min(cut) } else { cut };
            let wanted = rest.len().min(PIECE).min(usize::try_from(until - sent).unwrap_or(usize::MAX));
            let Some(granted) = stage.grant(wanted) else { return Ok(Ending::Cut) };
            let (now, later) = rest.split_at(granted);
            if let Err(error) = send(wire, now, answer.chunked) {
                // Somebody who was killed meanwhile takes nothing from who comes next.
                stage.give_back(granted);
                return Err(error);
            }
            stage.count(turn, said.range.start, granted);
            (sent, rest) = (sent + granted as u64, later);
            if let Some(rate) = answer.rate {
                let due = began + Duration::from_micros(sent * 1_000_000 / rate.0);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    }
    if sent == stall {
        stage.wait_for_release();
    }
    if sent == cut {
        return Ok(cut_off(answer));
    }
    if answer.chunked {
        wire.write_all(b"0\r\n\r\n")?;
    }
    wire.flush()?;
    Ok(if closes(answer) { Ending::Closed } else { Ending::Open })
}

fn cut_off(answer: &Answer) -> Ending {
    match answer.cut {
        Cut::Fin => Ending::Cut,
        Cut::Rst => Ending::Reset,
    }
}

/// Wraps bytes as gzip without compressing them (RFC 1951, 3.2.4; RFC 1952).
fn gzip(bytes: &[u8]) -> Arc<[u8]> {
    let mut wrapped = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        wrapped.push(u8::from(blocks.peek().is_none()));
        wrapped.extend(length.to_le_bytes());
        wrapped.extend((!length).to_le_bytes());
        wrapped.extend(block);
    }
    wrapped.extend(crc32fast::hash(bytes).to_le_bytes());
    // The length counts modulo 2^32.
    wrapped.extend((bytes.len() as u64).to_le_bytes().iter().take(4));
    wrapped.into()
}
