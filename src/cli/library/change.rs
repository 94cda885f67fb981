//! What changes the library: edits, entries taken out, files deleted.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use super::{ask, entries, entry, field, kind, strange};
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::status::Status;
use crate::model::media::{Field, MediaId, MediaKind};
use crate::model::printable::printable;
use crate::model::shelf::{LibraryReply, LibraryRequest, MediaEdit};
use crate::model::units::parse_duration;

/// `library edit`.
#[derive(Clone, Debug, Args)]
pub(super) struct EditArgs {
    /// Which entries
    #[arg(value_name = "ID", required = true, value_parser = entry)]
    ids: Vec<MediaId>,
    /// Set the distributor
    #[arg(long, value_name = "NAME")]
    distributor: Option<String>,
    /// Set the kind: music, video or other
    #[arg(long, value_name = "KIND", value_parser = kind, conflicts_with = "reset_kind")]
    kind: Option<MediaKind>,
    /// Set any value, such as `album artist=Tailspin`; empty hides what the file says
    #[arg(long, value_name = "FIELD=TEXT", value_parser = pair)]
    set: Vec<(Field, String)>,
    /// Let the file's or the download's own word count again
    #[arg(long, value_name = "FIELD", value_parser = field)]
    reset: Vec<Field>,
    /// Let the file's own kind count again
    #[arg(long)]
    reset_kind: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// `library remove`.
#[derive(Clone, Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which entries
    #[arg(value_name = "ID", required = true, value_parser = entry)]
    ids: Vec<MediaId>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// `library delete`.
#[derive(Clone, Debug, Args)]
pub(super) struct DeleteArgs {
    /// Which entries
    #[arg(value_name = "ID", required = true, value_parser = entry)]
    ids: Vec<MediaId>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(Field, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` sets nothing: write FIELD=TEXT"))?;
    let field = field(name)?;
    let value = match field {
        Field::Duration if !value.is_empty() => {
            parse_duration(value).map_err(|error| error.to_string())?.as_millis().to_string()
        }
        _ => value.to_owned(),
    };
    field.check(&value)?;
    Ok((field, value))
}

/// Changes what the library says.
pub(super) async fn edit<E: Engine>(
    args: EditArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let mut set: crate::model::media::Info = args.set.into_iter().collect();
    set.extend(args.distributor.map(|name| (Field::Distributor, name)));
    let edit = MediaEdit { set, reset: args.reset, kind: args.kind, reset_kind: args.reset_kind };
    if edit == MediaEdit::default() {
        return Err(CliError::usage(
            "there is nothing to change",
            "Name something: --distributor, --kind, --set or --reset",
        ));
    }
    changed(LibraryRequest::Edit { ids: args.ids, edit }, "Changed", args.json, engine, output).await
}

/// Takes entries out.
pub(super) async fn remove<E: Engine>(
    args: RemoveArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let request = LibraryRequest::Forget { ids: args.ids };
    changed(request, "The files stay; took out", args.json, engine, output).await
}

/// Deletes files, after a question.
pub(super) async fn delete<E: Engine>(
    args: DeleteArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    if !args.yes {
        if !io::stdin().is_terminal() {
            return Err(CliError::usage(
                "deleting files asks first, and nobody can be asked here",
                "Say --yes where you are sure; `haul library remove` leaves the files",
            ));
        }
        let mut files = Vec::new();
        for id in &args.ids {
            files.push(super::show::detail(*id, engine).await?.path);
        }
        if !agrees(&files).map_err(CliError::Output)? {
            output.say("haul: nothing was deleted.");
            return Ok(Status::Done);
        }
    }
    changed(LibraryRequest::DeleteFiles { ids: args.ids }, "Deleted the files of", args.json, engine, output)
        .await
}

/// Asks a person. Anything but a clear yes is no.
fn agrees(files: &[String]) -> io::Result<bool> {
    let mut talk = io::stderr().lock();
    for file in files {
        writeln!(talk, "{}", printable(file))?;
    }
    write!(talk, "Delete {} for good? [y/N] ", if files.len() == 1 { "this file" } else { "these files" })?;
    talk.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn changed<E: Engine>(
    request: LibraryRequest,
    done: &str,
    json: bool,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let count = match ask(engine, request).await? {
        LibraryReply::Changed(count) => count,
        other => return Err(strange(other)),
    };
    if json {
        output.json(&serde_json::json!({ "changed": count }))?;
    } else {
        output.say(&format!("{done} {}.", entries(count)));
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::scripted::{Scripted, output};
    use crate::model::request::{Reply, Request};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: EditArgs,
    }

    fn scripted() -> Scripted {
        Scripted::new(|request| match request {
            Request::Library(_) => Some(Ok(Reply::Library(LibraryReply::Changed(2)))),
            _ => None,
        })
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_edit_says_what_and_of_which() {
        let line = [
            "x",
            "3",
            "#4",
            "--distributor",
            "Shop",
            "--set",
            "album artist=A=B",
            "--set",
            "duration=4:12",
            "--reset",
            "genre",
            "--kind",
            "VIDEO",
        ];
        let args = Line::try_parse_from(line).unwrap().args;
        let engine = scripted();
        let (mut output, _, talk) = output();
        edit(args, &engine, &mut output).await.unwrap();
        insta::assert_snapshot!(engine.asked()[0], @r#"{"method":"library","params":{"what":"edit","ids":[3,4],"edit":{"set":{"album_artist":"A=B","distributor":"Shop","duration":"252000"},"reset":["genre"],"kind":"video"}}}"#);
        assert_eq!(talk.text(), "Changed 2 entries.\n");
        let nothing = Line::try_parse_from(["x", "3"]).unwrap().args;
        assert!(edit(nothing, &engine, &mut output).await.is_err());
        for line in [
            &["x", "three", "--kind", "video"][..],
            &["x", "3", "--set", "colour=blue"],
            &["x", "3", "--set", "title"],
            &["x", "3", "--set", "track=three"],
            &["x", "3", "--set", "duration=abc"],
        ] {
            assert!(Line::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn files_are_deleted_only_when_a_person_is_sure() {
        let engine = scripted();
        let (mut output, _, _) = output();
        let args = DeleteArgs { ids: vec![MediaId(1)], yes: false, json: false };
        // Tests have no terminal to ask on.
        assert!(delete(args.clone(), &engine, &mut output).await.unwrap_err().hint().contains("--yes"));
        assert!(engine.asked().is_empty());
        delete(DeleteArgs { yes: true, ..args }, &engine, &mut output).await.unwrap();
        assert_eq!(engine.asked(), [r#"{"method":"library","params":{"what":"delete_files","ids":[1]}}"#]);
    }
}
