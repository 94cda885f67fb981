//! `haul library scan`, `watch` and `missing`: folders are looked through by the engine, and this says how far it is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::list::StatsArgs;
use super::{ask, strange};
use crate::cli::context::Context;
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::interrupts::Interrupts;
use crate::cli::output::Output;
use crate::cli::status::Status;
use crate::links::quantity::duration;
use crate::model::printable::printable;
use crate::model::shelf::{LibraryReply, LibraryRequest, ScanProgress};

/// How often the engine is asked how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// Frames a second of the line that says it.
const FRAMES: u8 = 10;

/// `library scan`.
#[derive(Clone, Debug, Args)]
pub(super) struct ScanArgs {
    /// Which folders; a file that is named itself is taken in though it was removed before
    #[arg(value_name = "DIR|FILE", required = true)]
    folders: Vec<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// `library watch`.
#[derive(Clone, Debug, Args)]
pub(super) struct WatchArgs {
    /// Which folders
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// How long to wait between two looks
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    every: Duration,
    /// Write JSON, one object for each look that found something
    #[arg(long)]
    json: bool,
}

/// Takes folders in.
pub(super) async fn scan<E: Engine>(
    args: &ScanArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    let folders = args.folders.iter().map(|folder| context.absolute(folder)).collect();
    let ended = whole(folders, args.json, engine, output, interrupts).await?;
    tell(&ended, args.json, output)?;
    Ok(if ended.trouble.is_empty() { Status::Done } else { Status::Failed })
}

/// Takes folders in again and again. Looking costs one question to the system a file.
pub(super) async fn watch<E: Engine>(
    args: &WatchArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    let folders: Vec<PathBuf> = args.folders.iter().map(|folder| context.absolute(folder)).collect();
    loop {
        let ended = whole(folders.clone(), args.json, engine, output, interrupts).await?;
        if ended.added + ended.updated + ended.found + ended.missing > 0 {
            tell(&ended, args.json, output)?;
            output.flush()?;
        }
        pause(args.every, interrupts).await?;
    }
}

/// Looks at every file that is known, and lists those that are not where they were.
pub(super) async fn missing<E: Engine>(
    args: &StatsArgs,
    engine: &E,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    whole(Vec::new(), args.json, engine, output, interrupts).await?;
    super::list::gone(args.json, engine, output).await
}

async fn whole<E: Engine>(
    folders: Vec<PathBuf>,
    json: bool,
    engine: &E,
    output: &Output,
    interrupts: &mut Interrupts,
) -> Result<ScanProgress, CliError> {
    let line = if output.stderr.terminal && !json && !output.quiet {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(FRAMES))
    } else {
        ProgressBar::hidden()
    };
    line.set_style(
        ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let mut request = LibraryRequest::Scan { folders };
    loop {
        let progress = match interrupts.unless(ask(engine, request)).await? {
            LibraryReply::Scan(progress) => progress,
            other => return Err(strange(other)),
        };
        if progress.done {
            line.finish_and_clear();
            return Ok(progress);
        }
        line.set_message(printable(&format!("{} looked at  {}", progress.seen, progress.at)).into_owned());
        request = LibraryRequest::ScanState { scan: progress.scan };
        pause(LOOK, interrupts).await?;
    }
}

async fn pause(time: Duration, interrupts: &mut Interrupts) -> Result<(), CliError> {
    let sleep = async {
        tokio::time::sleep(time).await;
        Ok(())
    };
    interrupts.unless(sleep).await
}

fn tell(ended: &ScanProgress, json: bool, output: &mut Output) -> Result<(), CliError> {
    if json {
        return output.json(ended);
    }
    let parts = [
        (ended.added, "new"),
        (ended.updated, "changed"),
        (ended.found, "found again"),
        (ended.missing, "missing"),
        (ended.unchanged, "as they were"),
        (ended.not_media, "no media"),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let parts = if parts.is_empty() { "nothing there".to_owned() } else { parts.join(", ") };
    output.say(&format!("Looked at {} files: {parts}.", ended.seen));
    for trouble in &ended.trouble {
        output.complain(&format!("haul: {trouble}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::cli::scripted::{Scripted, context, output, presses};
    use crate::model::request::{Reply, Request};

    fn scripted() -> Scripted {
        Scripted::new(|request| {
            let progress = match request {
                Request::Library(LibraryRequest::Scan { .. }) => {
                    ScanProgress { scan: 4, ..ScanProgress::default() }
                }
                Request::Library(LibraryRequest::ScanState { scan: 4 }) => ScanProgress {
                    scan: 4,
                    done: true,
                    seen: 5,
                    added: 2,
                    unchanged: 3,
                    trouble: vec!["/m/x can't be looked into".into()],
                    ..ScanProgress::default()
                },
                _ => return None,
            };
            Some(Ok(Reply::Library(LibraryReply::Scan(progress))))
        })
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_scan_is_followed_to_its_end() {
        let home = tempfile::tempdir().unwrap();
        let (mut output, _, talk) = output();
        let (mut interrupts, _presses) = presses(0);
        let args = ScanArgs { folders: vec!["music".into()], json: false };
        let engine = scripted();
        let status = scan(&args, &engine, &context(home.path()), &mut output, &mut interrupts).await.unwrap();
        assert_eq!(status, Status::Failed);
        assert_eq!(
            talk.text(),
            "Looked at 5 files: 2 new, 3 as they were.\nhaul: /m/x can't be looked into\n"
        );
        assert!(engine.asked()[0].contains(home.path().join("music").to_str().unwrap()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_watch_looks_again_until_it_is_interrupted() {
        let home = tempfile::tempdir().unwrap();
        let (mut output, data, _) = output();
        let (mut interrupts, press) = presses(0);
        let args = WatchArgs { folders: vec!["music".into()], every: Duration::from_millis(1), json: true };
        let looks = AtomicUsize::new(0);
        let engine = Scripted::new(move |request| {
            let Request::Library(LibraryRequest::Scan { .. }) = request else { return None };
            // The first and the third look find something; then somebody has seen enough.
            let look = looks.fetch_add(1, Ordering::Relaxed);
            if look == 3 {
                press.send(()).unwrap();
            }
            let added = u64::from(look == 0 || look == 2);
            let progress = ScanProgress { done: true, added, ..ScanProgress::default() };
            Some(Ok(Reply::Library(LibraryReply::Scan(progress))))
        });
        let error =
            watch(&args, &engine, &context(home.path()), &mut output, &mut interrupts).await.unwrap_err();
        assert!(matches!(error, CliError::Interrupted));
        assert_eq!(data.text().lines().count(), 2);
    }
}
