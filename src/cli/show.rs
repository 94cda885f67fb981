//! `haul show`: everything about one download, as labelled lines.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::{CliError, as_sentences};
use super::output::Output;
use super::standing;
use super::status::Status;
use super::table::pad_right;
use super::words::{ago, percent, remark, speed};
use crate::model::id::DownloadId;
use crate::model::printable::printable;
use crate::model::request::{Reply, Request};
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::model::units::{ByteCount, ByteRate, clock};
use crate::model::view::{DownloadDetail, Politeness};
use crate::model::way::Way;

/// `show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Which download
    #[arg(value_name = "ID", value_parser = download)]
    pub(crate) id: DownloadId,
    /// Show the true link, with the secrets in it
    #[arg(long)]
    pub(crate) url: bool,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Width of the labels.
const LABEL: usize = 12;

/// Shows one download.
///
/// # Errors
/// There is none of that number, or no engine.
pub(crate) async fn show<E: Engine>(
    args: &ShowArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let detail = match engine.call(Request::Show { id: args.id, reveal: args.url }).await? {
        Reply::Detail(detail) => detail,
        other => return Err(unexpected(&other)),
    };
    if args.json {
        output.json(&detail)?;
        return Ok(Status::Done);
    }
    for (label, text) in lines(&detail, (context.now)(), &TimeZone::system()) {
        output.line(format!("{}{}", pad_right(label, LABEL), printable(&text)).trim_end())?;
    }
    Ok(Status::Done)
}

/// Parses a download's number.
///
/// # Errors
/// A sentence that says that it is none.
pub(crate) fn download(text: &str) -> Result<DownloadId, String> {
    let number = text.trim_start_matches('#').parse();
    number.map(DownloadId).map_err(|_| format!("`{text}` is no download's number; see `haul list`"))
}

/// Writes a moment in the zone of the person.
pub(crate) fn date(at: UnixMs, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.0.to_string(),
    }
}

fn lines(detail: &DownloadDetail, now: UnixMs, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let row = &detail.row;
    let mut lines = vec![("number", format!("{}  ({})", row.id, detail.uuid))];
    let provisional = if row.provisional { "?" } else { "" };
    lines.push(("name", format!("{}{provisional}", row.name)));
    lines.push(("state", state(detail, now)));
    lines.push(("progress", progress(detail)));
    lines.push(("mode", format!("{}, priority {}", row.mode.word(), row.priority.word())));
    lines.push(("collection", row.collection.to_string()));
    lines.push(("from", detail.source_url.clone()));
    let mut optional = |label, text: Option<String>| lines.extend(text.map(|text| (label, text)));
    optional("through", detail.final_url.clone().filter(|url| *url != detail.source_url));
    optional("server", detail.remote.clone());
    optional("to", Some(detail.path.clone()));
    optional("part", detail.part.clone());
    optional("safe", safe(detail, now));
    optional("etag", detail.etag.clone());
    optional("modified", detail.last_modified.map(|at| date(at, zone)));
    optional("checksum", detail.checksum.clone());
    optional(
        "joined",
        row.joined_on_samples.then(|| "on samples: nothing proved that the file was the same".into()),
    );
    optional("tries", (detail.attempts > 0).then(|| format!("{} without a byte", detail.attempts)));
    optional("limit", detail.limit.map(|limit| ByteRate(limit).to_string()));
    lines.extend(detail.shared_limits.iter().map(|limit| ("limit", limit.to_string())));
    let mut optional = |label, text: Option<String>| lines.extend(text.map(|text| (label, text)));
    optional("connections", connections(detail));
    optional("proxy", detail.proxy.clone());
    optional("interface", detail.interface.clone());
    optional("preset", detail.preset.clone());
    optional("added by", detail.page.as_ref().map(|page| format!("a page of {page}")));
    let plan = detail.leave.filter(|_| !row.state.kind().is_ended());
    lines.extend(plan.map(|leave| {
        ("plan", leave.said(Way::of(row.mode, row.priority), |at| standing::moment(at, now, zone)))
    }));
    lines.extend(detail.politeness.as_deref().map(polite).unwrap_or_default());
    let mut optional = |label, text: Option<String>| lines.extend(text.map(|text| (label, text)));
    optional("added", Some(date(row.added, zone)));
    optional("ended", row.ended.map(|at| date(at, zone)));
    lines.extend(detail.set_aside.iter().map(|path| ("set aside", path.clone())));
    lines.extend(detail.info.iter().map(|(name, value)| ("info", format!("{name}: {value}"))));
    lines.extend(
        detail.events.iter().map(|note| ("event", format!("{}  {}", date(note.at, zone), note.text))),
    );
    lines
}

fn state(detail: &DownloadDetail, now: UnixMs) -> String {
    let word = detail.row.state.kind().word();
    let said = remark(&detail.row, now);
    if said.is_empty() || said == word {
        return word.to_owned();
    }
    match &detail.row.state {
        State::Failed(failure) => {
            let hint = with_number(&failure.hint, detail.row.id);
            format!("{word}: {}", as_sentences(&said, &hint))
        }
        State::Completed => {
            let remark = detail.row.remark.as_ref().map_or_else(String::new, |remark| format!("; {remark}"));
            format!("{word}: {said}{remark}")
        }
        _ => format!("{word}: {said}"),
    }
}

/// A hint that names no download, with this one's number in it.
fn with_number(hint: &str, id: DownloadId) -> String {
    let words: Vec<_> =
        hint.split(' ').map(|word| if word == "ID" { id.to_string() } else { word.to_owned() }).collect();
    words.join(" ")
}

fn progress(detail: &DownloadDetail) -> String {
    let row = &detail.row;
    let covered = ByteCount(row.covered);
    let percent = percent(row).map(|percent| format!("  ({percent}%)")).unwrap_or_default();
    let far = match row.size {
        Some(size) => format!("{covered} of {}{percent}", ByteCount(size)),
        None => format!("{covered}, size not known"),
    };
    let rate = if row.speed > 0 { format!("  at {}", speed(row.speed)) } else { String::new() };
    let left = row.eta_secs.map(|secs| format!("  {} left", clock(secs)));
    far + &rate + &left.unwrap_or_default()
}

fn safe(detail: &DownloadDetail, now: UnixMs) -> Option<String> {
    if detail.row.state.kind() == StateKind::Completed {
        return Some("under its own name, and on the disk".into());
    }
    let at = detail.checkpointed?;
    Some(format!("{} against a power cut, {}", ByteCount(detail.safe), ago(now.since(at))))
}

/// What the governor sees and does, in words and as a graph of the last minute.
fn polite(politeness: &Politeness) -> Vec<(&'static str, String)> {
    let mut lines = vec![("line", politeness.doing.clone())];
    lines.extend(politeness.facts());
    for (label, values, full) in politeness.graphs() {
        let most = values.iter().copied().max().unwrap_or(0).max(full);
        lines.push((label, values.iter().map(|value| bar(*value, most)).collect()));
    }
    lines.extend(politeness.missing.iter().map(|text| ("not seen", text.clone())));
    lines
}

/// One column of a graph.
fn bar(value: u64, most: u64) -> char {
    const BARS: [char; 9] = [
        '\u{2581}', '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}',
        '\u{2588}',
    ];
    BARS[usize::try_from(value.min(most) * 8 / most.max(1)).unwrap_or(0)]
}

fn connections(detail: &DownloadDetail) -> Option<String> {
    match (detail.segments.len(), detail.connections) {
        (0, None) => None,
        (0, Some(most)) => Some(format!("{most} at most")),
        (open, None) => Some(open.to_string()),
        (open, Some(most)) => Some(format!("{open} of {most} at most")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::super::scripted::row;
    use super::*;
    use crate::model::range::ByteRange;
    use crate::model::state::{FailKind, Failure};
    use crate::model::view::Note;

    pub(crate) fn detail(word: &str) -> DownloadDetail {
        DownloadDetail {
            row: row(7, word),
            uuid: Uuid::nil(),
            source_url: "https://a.example/x".into(),
            final_url: None,
            path: "/d/file-7".into(),
            part: None,
            remote: None,
            etag: None,
            last_modified: None,
            checksum: None,
            coverage: Vec::new(),
            segments: Vec::new(),
            safe: 0,
            checkpointed: None,
            attempts: 0,
            received: 0,
            limit: None,
            shared_limits: Vec::new(),
            connections: None,
            proxy: None,
            interface: None,
            preset: None,
            page: None,
            set_aside: Vec::new(),
            info: BTreeMap::new(),
            events: Vec::new(),
            leave: None,
            politeness: None,
        }
    }

    fn shown(detail: &DownloadDetail) -> String {
        let lines = lines(detail, UnixMs(1_000), &TimeZone::UTC);
        let lines: Vec<_> = lines.iter().map(|(label, text)| pad_right(label, LABEL) + text).collect();
        lines.join("\n")
    }

    #[test]
    fn a_bare_one_and_one_with_everything() {
        insta::assert_snapshot!(shown(&detail("failed")), @r#"
        number      7  (00000000-0000-0000-0000-000000000000)
        name        file-7
        state       failed: gone: the server says 404. Check the link.
        progress    250 B of 1.00 kB  (25%)
        mode        background, priority normal
        collection  1
        from        https://a.example/x
        to          /d/file-7
        added       1970-01-01 00:00:00
        "#);
        let mut gone = detail("failed");
        let hint = "check the address; a new link: haul refresh ID URL".to_owned();
        gone.row.state =
            State::Failed(Failure { kind: FailKind::Gone, text: "gone: the server says 404".into(), hint });
        let said = "failed: gone: the server says 404. Check the address; a new link: haul refresh 7 URL.";
        assert_eq!(state(&gone, UnixMs(0)), said);
        let mut full = detail("downloading");
        (full.row.speed, full.row.eta_secs) = (4_100_000, Some(6));
        full.final_url = Some("https://cdn.a.example/y".into());
        full.remote = Some("203.0.113.9:443".into());
        full.part = Some("/d/file-7.part".into());
        (full.safe, full.checkpointed) = (200, Some(UnixMs(0)));
        full.etag = Some("\"9f2c\"".into());
        full.last_modified = Some(UnixMs(0));
        full.segments = vec![ByteRange::new(0, 10).unwrap()];
        full.connections = Some(4);
        full.limit = Some(500_000);
        full.info.insert("Title".into(), "Delta".into());
        full.events.push(Note { at: UnixMs(0), text: "added".into() });
        insta::assert_snapshot!(shown(&full), @r#"
        number      7  (00000000-0000-0000-0000-000000000000)
        name        file-7
        state       downloading: 0:06 left
        progress    250 B of 1.00 kB  (25%)  at 4.10 MB/s  0:06 left
        mode        background, priority normal
        collection  1
        from        https://a.example/x
        through     https://cdn.a.example/y
        server      203.0.113.9:443
        to          /d/file-7
        part        /d/file-7.part
        safe        200 B against a power cut, just now
        etag        "9f2c"
        modified    1970-01-01 00:00:00
        limit       500 kB/s
        connections 1 of 4 at most
        added       1970-01-01 00:00:00
        info        Title: Delta
        event       1970-01-01 00:00:00  added
        "#);
    }
}
