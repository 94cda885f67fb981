//! `haul library play`: the file in a player of this machine.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use data_encoding::HEXLOWER;

use super::entry;
use crate::cli::context::Context;
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::status::Status;
use crate::model::media::MediaId;
use crate::model::shelf::MediaDetail;

/// `library play`.
#[derive(Clone, Debug, Args)]
pub(super) struct PlayArgs {
    /// Which entry
    #[arg(value_name = "ID", value_parser = entry)]
    id: MediaId,
    /// Player, with arguments; the config's, or the system's own, where none is named
    #[arg(long, value_name = "COMMAND", env = "HAUL_PLAYER")]
    player: Option<String>,
    /// Only print the path
    #[arg(long)]
    path: bool,
}

/// Plays an entry, or prints where it is.
pub(super) async fn play<E: Engine>(
    args: &PlayArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let detail = super::show::detail(args.id, engine).await?;
    let path = true_path(&detail);
    if args.path {
        use std::os::unix::ffi::OsStrExt as _;
        output.bytes(path.as_os_str().as_bytes())?;
        output.bytes(b"\n")?;
        return Ok(Status::Done);
    }
    if context.remote {
        return Err(CliError::usage("the file is on another machine", "Fetch it first, or play it there"));
    }
    if !path.exists() {
        return Err(CliError::usage(
            format!("{} is not where it was", detail.path),
            "`haul library scan FOLDER` finds it again where it is now",
        ));
    }
    let failed = |source| CliError::Handing { what: format!("can't play {}", detail.path), source };
    let named = args.player.as_deref().map(|player| player.split_whitespace().map(str::to_owned).collect());
    match named.unwrap_or_else(crate::config::player) {
        words if !words.is_empty() => {
            let mut player = Command::new(&words[0]);
            player
                .args(&words[1..])
                .arg(&path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            player.spawn().map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    failed(io::Error::other(format!("there is no program `{}`", words[0])))
                }
                _ => failed(error),
            })?;
        }
        // What its launchers say of themselves helps nobody.
        _ => open::that_detached(&path).map_err(|_| {
            failed(io::Error::other("the system has no program for it; name one with --player"))
        })?,
    }
    output.say(&format!("Playing {}.", detail.row.title));
    Ok(Status::Done)
}

/// Every byte of the path: what is shown may be less.
fn true_path(detail: &MediaDetail) -> PathBuf {
    let bytes = detail.path_hex.as_ref().and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
    bytes.map_or_else(|| PathBuf::from(&detail.path), |bytes| OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::super::show::tests::full;
    use super::*;
    use crate::cli::scripted::{Scripted, context, output};
    use crate::model::request::Reply;
    use crate::model::shelf::LibraryReply;

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_that_is_gone_is_not_played_and_its_path_is_whole() {
        let engine = Scripted::new(|_| {
            let detail = MediaDetail { path_hex: Some("2f6e6f6e652fff".into()), ..full() };
            Some(Ok(Reply::Library(LibraryReply::Detail(Box::new(detail)))))
        });
        let home = tempfile::tempdir().unwrap();
        let (mut output, _, _) = output();
        let args = PlayArgs { id: MediaId(7), player: Some("false".into()), path: false };
        let error = play(&args, &engine, &context(home.path()), &mut output).await.unwrap_err();
        assert!(error.to_string().contains("not where it was"), "{error}");
        assert_eq!(
            true_path(&MediaDetail { path_hex: Some("2f6e6f6e652fff".into()), ..full() }).as_os_str().len(),
            7
        );
    }
}
