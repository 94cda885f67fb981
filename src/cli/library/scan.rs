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
use crate::cli::progress::bar;
use crate::cli::status::Status;
use crate::links::quantity::duration;
use crate::model::printable::printable;
use crate::model::request::RefusalKind;
use crate::model::shelf::{LibraryReply, LibraryRequest, ScanProgress};

/// How often the engine is asked how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// How often a scan is begun that an agent took with it.
const MOST_BEGUN: u32 = 10;
/// Columns of the bar.
const BAR: usize = 20;
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
    let (mut is_first, mut is_away) = (true, false);
    loop {
        let ended = match whole(folders.clone(), args.json, engine, output, interrupts).await {
            // A disk that is away comes back.
            Err(CliError::Refused(refusal)) if !is_first && refusal.kind == RefusalKind::BadRequest => {
                if !std::mem::replace(&mut is_away, true) {
                    output.complain(&format!("haul: {}. Waiting until it is there again.", refusal.text));
                }
                pause(args.every, interrupts).await?;
                continue;
            }
            ended => ended?,
        };
        (is_first, is_away) = (false, false);
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
    let begin = || LibraryRequest::Scan { folders: folders.clone() };
    let (mut request, mut begun) = (begin(), 1);
    loop {
        let progress = match interrupts.unless(ask(engine, request)).await {
            Ok(LibraryReply::Scan(progress)) => progress,
            Ok(other) => return Err(strange(other)),
            // Another agent has begun since, which knows nothing of it: what is shelved already is quickly looked at.
            Err(CliError::Refused(refusal))
                if refusal.kind == RefusalKind::NotFound && begun < MOST_BEGUN =>
            {
                begun += 1;
                request = begin();
                continue;
            }
            Err(error) => return Err(error),
        };
        if progress.done {
            line.finish_and_clear();
            return Ok(progress);
        }
        line.set_message(far(&progress, output.stderr.ascii));
        request = LibraryRequest::ScanState { scan: progress.scan };
        pause(LOOK, interrupts).await?;
    }
}

/// How far it is, in a line.
fn far(progress: &ScanProgress, ascii: bool) -> String {
    let text = match progress.total {
        Some(total) => {
            let seen = progress.seen.min(total);
            format!("{} {seen} of {total}  {}", bar(seen, total, BAR, ascii), progress.at)
        }
        None => format!("{} looked at  {}", progress.seen, progress.at),
    };
    printable(&text).into_owned()
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
        (ended.unchanged, if ended.unchanged == 1 { "as it was" } else { "as they were" }),
        (ended.not_media, "no media"),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let parts = if parts.is_empty() { "nothing there".to_owned() } else { parts.join(", ") };
    let files = if ended.seen == 1 { "file" } else { "files" };
    output.say(&format!("Looked at {} {files}: {parts}.", ended.seen));
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
    use crate::model::request::{Refusal, Reply, Request};

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

    /// What `scan music` in a folder ends with and says.
    async fn scanned(home: &std::path::Path, engine: &Scripted) -> (Status, String) {
        let (mut output, _, talk) = output();
        let (mut interrupts, _presses) = presses(0);
        let args = ScanArgs { folders: vec!["music".into()], json: false };
        let status = scan(&args, engine, &context(home), &mut output, &mut interrupts).await.unwrap();
        (status, talk.text())
    }

    #[test]
    fn how_far_it_is_is_drawn_once_the_files_are_counted() {
        let progress = ScanProgress { seen: 5, at: "/m/x.mp3".into(), ..ScanProgress::default() };
        assert_eq!(far(&progress, false), "5 looked at  /m/x.mp3");
        let counted = ScanProgress { total: Some(10), ..progress };
        assert_eq!(far(&counted, true), "##########.......... 5 of 10  /m/x.mp3");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_scan_is_followed_to_its_end() {
        let home = tempfile::tempdir().unwrap();
        let engine = scripted();
        let told = "Looked at 5 files: 2 new, 3 as they were.\nhaul: /m/x can't be looked into\n";
        assert_eq!(scanned(home.path(), &engine).await, (Status::Failed, told.into()));
        assert!(engine.asked()[0].contains(home.path().join("music").to_str().unwrap()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_scan_that_an_agent_took_with_it_is_begun_again() {
        let home = tempfile::tempdir().unwrap();
        let begun = AtomicUsize::new(0);
        let engine = Scripted::new(move |request| {
            let lost = || Refusal::new(RefusalKind::NotFound, "there is no scan 4", "");
            Some(match request {
                Request::Library(LibraryRequest::Scan { .. }) => {
                    let again = begun.fetch_add(1, Ordering::Relaxed) > 0;
                    let progress = ScanProgress { scan: 4, done: again, seen: 7, ..ScanProgress::default() };
                    Ok(Reply::Library(LibraryReply::Scan(progress)))
                }
                _ => Err(CliError::Refused(lost())),
            })
        });
        let told = "Looked at 7 files: nothing there.\n";
        assert_eq!(scanned(home.path(), &engine).await, (Status::Done, told.into()));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_watch_waits_for_a_folder_that_is_away() {
        let home = tempfile::tempdir().unwrap();
        let (mut output, data, talk) = output();
        let (mut interrupts, press) = presses(0);
        let args = WatchArgs { folders: vec!["music".into()], every: Duration::from_millis(1), json: true };
        let looks = AtomicUsize::new(0);
        let engine = Scripted::new(move |request| {
            let Request::Library(LibraryRequest::Scan { .. }) = request else { return None };
            let look = looks.fetch_add(1, Ordering::Relaxed);
            if look == 4 {
                press.send(()).unwrap();
            }
            let away = || Refusal::new(RefusalKind::BadRequest, "/music is no folder and no file", "");
            let progress = ScanProgress { done: true, added: 1, ..ScanProgress::default() };
            Some(match look {
                1 | 2 => Err(CliError::Refused(away())),
                _ => Ok(Reply::Library(LibraryReply::Scan(progress))),
            })
        });
        watch(&args, &engine, &context(home.path()), &mut output, &mut interrupts).await.unwrap_err();
        assert!(data.text().lines().count() >= 2, "{}", data.text());
        assert_eq!(talk.text(), "haul: /music is no folder and no file. Waiting until it is there again.\n");
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
