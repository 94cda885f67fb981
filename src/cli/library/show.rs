//! `haul library show`: everything about one entry, as labelled lines, with who said it.

use std::path::PathBuf;

use clap::Args;
use data_encoding::BASE64;
use jiff::tz::TimeZone;

use super::{ask, entry, strange};
use crate::cli::context::Context;
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::show::date;
use crate::cli::status::Status;
use crate::cli::table::pad_right;
use crate::model::media::MediaId;
use crate::model::printable::printable;
use crate::model::shelf::{LibraryReply, LibraryRequest, MediaDetail, MediaValue};
use crate::model::units::ByteCount;

/// `library show`.
#[derive(Clone, Debug, Args)]
pub(super) struct ShowArgs {
    /// Which entry
    #[arg(value_name = "ID", value_parser = entry)]
    id: MediaId,
    /// Write the cover into a file, as JPEG or PNG
    #[arg(long, value_name = "FILE")]
    cover: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Width of the labels.
const LABEL: usize = 14;
/// Most pixels a side of a cover that is written.
const SIDE: u32 = 1024;

/// Shows one entry.
pub(super) async fn show<E: Engine>(
    args: &ShowArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let detail = detail(args.id, engine).await?;
    if let Some(file) = &args.cover {
        write_cover(args.id, &context.absolute(file), engine).await?;
    }
    if args.json {
        output.json(&detail)?;
        return Ok(Status::Done);
    }
    for (label, text) in lines(&detail, &TimeZone::system()) {
        output.line(format!("{}{}", pad_right(label, LABEL), printable(&text)).trim_end())?;
    }
    Ok(Status::Done)
}

/// Asks for everything about an entry.
pub(super) async fn detail<E: Engine>(id: MediaId, engine: &E) -> Result<MediaDetail, CliError> {
    match ask(engine, LibraryRequest::Show { id }).await? {
        LibraryReply::Detail(detail) => Ok(*detail),
        other => Err(strange(other)),
    }
}

async fn write_cover<E: Engine>(id: MediaId, file: &std::path::Path, engine: &E) -> Result<(), CliError> {
    let text = match ask(engine, LibraryRequest::Cover { id, side: SIDE }).await? {
        LibraryReply::Cover(Some(text)) => text,
        LibraryReply::Cover(None) => return Err(CliError::usage(format!("entry {id} has no cover"), "")),
        other => return Err(strange(other)),
    };
    let bytes = BASE64
        .decode(text.as_bytes())
        .map_err(|error| CliError::Unreachable { why: format!("the cover came damaged: {error}") })?;
    let write = || {
        use std::io::Write as _;
        // Nothing that is there is written over.
        std::fs::File::create_new(file)?.write_all(&bytes)
    };
    write().map_err(|source| CliError::Handing { what: format!("can't write {}", file.display()), source })
}

fn lines(detail: &MediaDetail, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let row = &detail.row;
    let mut lines = vec![("number", row.id.to_string())];
    lines.push(("kind", format!("{}  ({})", row.kind.word(), detail.kind_from.words())));
    lines.extend(detail.values.iter().map(|value| (value.field.word(), said(value))));
    let mut optional = |label, text: Option<String>| lines.extend(text.map(|text| (label, text)));
    optional("file", Some(detail.path.clone()));
    optional("missing", detail.missing_since.map(|since| format!("since {}", date(since, zone))));
    optional("size", Some(ByteCount(row.size).to_string()));
    optional("changed", Some(date(detail.modified, zone)));
    optional("format", Some(detail.format.clone()).filter(|format| !format.is_empty()));
    optional("bitrate", detail.bitrate.map(|rate| format!("{} kbit/s", rate / 1000)));
    optional("pictures", detail.frame.map(|(width, height)| format!("{width}x{height}")));
    optional("cover", detail.has_cover.then(|| "in the file".into()));
    optional("download", detail.download.map(|id| id.to_string()));
    optional("from", detail.source.clone());
    optional("trouble", detail.trouble.clone());
    optional("shelved", Some(date(row.added, zone)));
    lines.extend(detail.copies.iter().map(|copy| ("same bytes", format!("#{}  {}", copy.id, copy.path))));
    lines
}

/// A value with who said it, and what it won over.
fn said(value: &MediaValue) -> String {
    let text = value.field.shown(&value.text);
    let place = value.place.as_ref().map(|place| format!(": {place}")).unwrap_or_default();
    let by = value
        .set_by
        .as_ref()
        .map_or_else(|| value.origin.words().to_owned(), |by| format!("set by the {by}"));
    let mut line = format!("{text}  ({by}{place}");
    for (origin, other) in &value.instead_of {
        let other = value.field.shown(other);
        line = format!("{line}; `{other}` was {}", origin.words());
    }
    line.push(')');
    line
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::row;
    use super::*;
    use crate::cli::scripted::{Scripted, context, output};
    use crate::model::id::DownloadId;
    use crate::model::media::{Field, KindFrom, Origin};
    use crate::model::request::{Reply, Request};
    use crate::model::shelf::MediaCopy;
    use crate::model::time::UnixMs;

    pub(in crate::cli::library) fn full() -> MediaDetail {
        let value = |field, text: &str, origin| MediaValue {
            field,
            text: text.into(),
            origin,
            place: None,
            set_by: None,
            instead_of: Vec::new(),
        };
        let shop = MediaValue {
            place: Some("ID3v2 PRIV WM/ContentDistributor".into()),
            instead_of: vec![(Origin::Download, "Other Shop".into())],
            ..value(Field::Distributor, "Shop", Origin::File)
        };
        MediaDetail {
            row: row(7, "Delta"),
            values: vec![
                value(Field::Title, "Delta", Origin::Person),
                shop,
                MediaValue {
                    instead_of: vec![(Origin::File, "252000".into())],
                    ..value(Field::Duration, "61000", Origin::Download)
                },
            ],
            kind_from: KindFrom::ClassId,
            path: "/m/Delta.mp3".into(),
            path_hex: None,
            format: "MPEG-1/2 Audio Layer 3".into(),
            bitrate: Some(128_000),
            frame: None,
            has_cover: true,
            modified: UnixMs(0),
            missing_since: Some(UnixMs(60_000)),
            download: Some(DownloadId(3)),
            source: Some("https://shop.example/Delta.mp3".into()),
            trouble: None,
            copies: vec![MediaCopy { id: MediaId(9), path: "/m/copy.mp3".into() }],
        }
    }

    #[test]
    fn every_value_says_where_it_came_from() {
        let lines = lines(&full(), &TimeZone::UTC);
        let lines: Vec<_> = lines.iter().map(|(label, text)| pad_right(label, LABEL) + text).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        number        7
        kind          Music  (WM/MediaClassPrimaryID in the file)
        title         Delta  (changed by you)
        distributor   Shop  (read from the file: ID3v2 PRIV WM/ContentDistributor; `Other Shop` was given with the download)
        duration      1:01  (given with the download; `4:12` was read from the file)
        file          /m/Delta.mp3
        missing       since 1970-01-01 00:01:00
        size          4.10 MB
        changed       1970-01-01 00:00:00
        format        MPEG-1/2 Audio Layer 3
        bitrate       128 kbit/s
        cover         in the file
        download      3
        from          https://shop.example/Delta.mp3
        shelved       1970-01-01 00:00:00
        same bytes    #9  /m/copy.mp3
        ");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_cover_is_written_and_never_over_anything() {
        let engine = Scripted::new(|request| {
            let reply = match request {
                Request::Library(LibraryRequest::Cover { .. }) => {
                    LibraryReply::Cover(Some("aGVsbG8=".into()))
                }
                _ => LibraryReply::Detail(Box::new(full())),
            };
            Some(Ok(Reply::Library(reply)))
        });
        let home = tempfile::tempdir().unwrap();
        let (mut output, _, _) = output();
        let args = ShowArgs { id: MediaId(7), cover: Some("c.jpg".into()), json: true };
        show(&args, &engine, &context(home.path()), &mut output).await.unwrap();
        assert_eq!(std::fs::read(home.path().join("c.jpg")).unwrap(), b"hello");
        let again = show(&args, &engine, &context(home.path()), &mut output).await.unwrap_err();
        assert!(again.to_string().contains("c.jpg"), "{again}");
    }
}
