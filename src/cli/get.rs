//! `haul get`: adds downloads, stays with them, shows their progress and ends as they end. Also `haul add`, which only adds.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::Args;

use super::batch::order;
use super::collections::find_named;
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::following::Following;
use super::intake::{Manner, STREAM, take_in};
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use super::stay::{IDS_AT_ONCE, Stay, pause_and_leave};
use super::stream;
use super::transfer::TransferArgs;
use crate::links::{entry, quantity};
use crate::model::checksum::Checksum;
use crate::model::item::{GiveUp, Mode, Priority};
use crate::model::request::{Added, AddedHow, Batch, Reply, Request};

/// How long `get` goes on without a byte.
const GIVE_UP: Duration = Duration::from_mins(10);
/// How often `get` tries where no byte ever came.
const TRIES: u32 = 5;

/// `haul get` and `haul add`.
#[derive(Clone, Debug, Default, Args)]
pub struct GetArgs {
    /// Links, or Metalink files
    #[arg(value_name = "URL", required_unless_present = "lists")]
    pub(crate) inputs: Vec<String>,
    /// Read links from a list (or from stdin): one a line, `key=value` pairs after tabs, or an aria2 input file
    #[arg(short = 'i', long = "input", value_name = "LIST|-")]
    pub(crate) lists: Vec<PathBuf>,
    /// The file's name, or `-` to write its bytes to stdout in order
    #[arg(short = 'o', long, value_name = "FILE|-")]
    pub(crate) out: Option<String>,
    /// The folder
    #[arg(short = 'd', long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Files of this command at once, whatever else runs
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) parallel: Option<u32>,
    /// background: steps aside and survives; real-time: front first at full speed, lost when this ends
    #[arg(long, value_name = "background|real-time", value_parser = entry::parse_mode)]
    pub(crate) mode: Option<Mode>,
    /// The place in the queue; background at `now` takes its full share of the line
    #[arg(long, value_name = "now|high|normal|low", value_parser = entry::parse_priority)]
    pub(crate) priority: Option<Priority>,
    /// The collection, by number or name
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) collection: Option<String>,
    /// The preset whose settings they are given; `haul preset list` shows them
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// The checksum to verify before the file gets its name
    #[arg(long, value_name = "ALG:HEX", value_parser = quantity::checksum)]
    pub(crate) checksum: Option<Checksum>,
    /// Who sells or gives it: the shelf of the library, where the file itself names none
    #[arg(long, value_name = "NAME")]
    pub(crate) distributor: Option<String>,
    /// Item info, such as Title=Delta, shown before the first byte; what the list says of one comes before this
    #[arg(long, value_name = "NAME=TEXT", value_parser = super::set::pair)]
    pub(crate) info: Vec<(String, String)>,
    /// Replace a file of that name, in one step, once the new one is whole
    #[arg(long, conflicts_with_all = ["if_changed", "again"])]
    pub(crate) replace: bool,
    /// Fetch only what changed on the server since
    #[arg(long, conflicts_with = "again")]
    pub(crate) if_changed: bool,
    /// Make a second copy of what is here already
    #[arg(long)]
    pub(crate) again: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell errors only; nothing but JSON goes to stdout
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
    /// How they are fetched
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}

impl GetArgs {
    /// Whether the bytes go to stdout.
    pub fn is_streamed(&self) -> bool {
        self.out.as_deref() == Some("-")
    }
}

/// Adds downloads and returns at once; their numbers go to stdout.
///
/// # Errors
/// Bad input, a refusal, or no engine.
pub(crate) async fn add<E: Engine>(
    args: &GetArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    output.quiet |= args.quiet;
    if args.out.as_deref() == Some(STREAM) {
        return Err(CliError::usage(
            "`add` leaves at once, so it can't write bytes to stdout",
            "Use `haul get -o -`",
        ));
    }
    if args.parallel.is_some() {
        return Err(CliError::usage(
            "`add` leaves at once, so it can't say how many files run at once",
            "Use `haul get -j N`, or `haul collection set NAME -j N` for all that is added to a collection",
        ));
    }
    let mut intake = take_in(args, Manner::Leaves, context, output)?;
    intake.common.collection = find_named(args.collection.as_deref(), engine).await?;
    let order = order(intake.entries, &intake.common, context)?;
    let added = add_all(engine, order.batch).await?;
    for one in &added {
        if args.json {
            output.json(one)?;
        } else if !output.quiet {
            output.line(&one.id.to_string())?;
        }
        if one.how == AddedHow::AlreadyHere {
            output.say(&format!("haul: {} is already here.", one.id));
        }
    }
    Ok(Status::Done)
}

/// Adds downloads, stays with them and ends as they end; paths of finished files go to stdout.
///
/// # Errors
/// Bad input, a refusal, an engine that is lost, or a second Ctrl-C.
pub(crate) async fn get<E: Engine>(
    args: &GetArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    output.quiet |= args.quiet;
    if context.remote && args.out.as_deref() == Some(STREAM) {
        return Err(CliError::usage(
            "the bytes of another machine's download don't come here by themselves",
            "Get it there, and bring it home with `haul --host BOX pull ID`",
        ));
    }
    if args.is_streamed() && output.stdout.closed {
        return Err(CliError::Output(std::io::Error::other("it is closed")));
    }
    let mut intake = take_in(args, Manner::Stays, context, output)?;
    intake.common.collection = find_named(args.collection.as_deref(), engine).await?;
    intake.common.settings.tries.get_or_insert(TRIES);
    let give_up = *intake.common.settings.give_up.get_or_insert(GiveUp::AfterSecs(GIVE_UP.as_secs()));
    let order = order(intake.entries, &intake.common, context)?;
    let modes: Vec<_> = order.batch.downloads.iter().map(|new| new.mode.unwrap_or_default()).collect();
    let begun = once_pressed(interrupts, async {
        set_parallel(args, engine).await?;
        let added = add_all(engine, order.batch).await?;
        let open = added.iter().filter(|one| one.how != AddedHow::AlreadyHere).map(|one| one.id);
        for ids in open.collect::<Vec<_>>().chunks(IDS_AT_ONCE) {
            engine.call(Request::Attend { ids: ids.to_vec() }).await?;
        }
        Ok((added, engine.subscribe().await?))
    });
    let ((added, feed), is_pressed) = begun.await?;
    if let (Some(STREAM), [one]) = (args.out.as_deref(), &added[..]) {
        if is_pressed {
            stream::forget(one.id, engine).await?;
            return Ok(Status::Interrupted);
        }
        return stream::stream(one.id, feed, engine, output, interrupts, give_up, context.now).await;
    }
    let mut following = Following::default();
    for ((one, mode), target) in added.iter().zip(modes).zip(order.targets) {
        following.follow(one.id, one.how, mode, Some(target));
    }
    if is_pressed {
        return pause_and_leave(&following, engine, output, interrupts).await;
    }
    let stay = Stay {
        json: args.json,
        paths: !args.quiet,
        asks_where: context.remote && (args.json || !args.quiet),
        give_up,
        deadline: None,
        pauses: true,
        now: context.now,
    };
    stay.until_done(following, None, feed, engine, output, interrupts).await
}

/// Says how many of its files run at once, where that was asked for.
async fn set_parallel<E: Engine>(args: &GetArgs, engine: &E) -> Result<(), CliError> {
    if let Some(parallel) = args.parallel {
        engine.call(Request::SetOwnParallel { parallel }).await?;
    }
    Ok(())
}

/// Adds all of them or none.
async fn add_all<E: Engine>(engine: &E, batch: Batch) -> Result<Vec<Added>, CliError> {
    if batch.downloads.is_empty() {
        return Ok(Vec::new());
    }
    match engine.call(Request::Add(batch)).await? {
        Reply::Added(added) => Ok(added),
        other => Err(unexpected(&other)),
    }
}

/// Waits for an answer over one press of Ctrl-C, and tells whether there was one; a second one leaves.
async fn once_pressed<T>(
    interrupts: &mut Interrupts,
    answer: impl Future<Output = Result<T, CliError>>,
) -> Result<(T, bool), CliError> {
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => return Ok((answer?, false)),
        () = interrupts.next() => {}
    }
    Ok((interrupts.unless(answer).await?, true))
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, context, output, presses};
    use super::super::show::tests::detail;
    use super::*;
    use crate::model::id::DownloadId;
    use crate::model::request::{Refusal, RefusalKind};

    struct Told {
        code: Result<u8, u8>,
        data: String,
        talk: String,
    }

    /// Runs `get` on `links` links while the engine reports a story, with Ctrl-C pressed so many times when that has been read.
    async fn told(
        engine: &Scripted,
        links: usize,
        story: &str,
        pressed: usize,
        change: fn(&mut GetArgs),
    ) -> Told {
        let home = tempfile::tempdir().unwrap();
        let inputs = (1..=links).map(|n| format!("http://a.example/file-{n}")).collect();
        let mut args = GetArgs { inputs, ..GetArgs::default() };
        change(&mut args);
        engine.report(story);
        let (mut output, data, talk) = output();
        let (mut interrupts, _press) = presses(pressed);
        let ended = get(&args, engine, &context(home.path()), &mut output, &mut interrupts).await;
        output.flush().unwrap();
        let at_home = |text: String| text.replace(home.path().to_str().unwrap(), "~");
        Told {
            code: ended.map(Status::code).map_err(|error| error.status().code()),
            data: at_home(data.text()),
            talk: at_home(talk.text()),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_ends_as_its_downloads_end() {
        for (links, story, code, data, talk) in [
            (1, "1:queued 1:downloading 1:completed", 0, "~/file-1\n", ""),
            (
                2,
                "1:queued+2:queued 2:completed 1:completed",
                0,
                "~/file-2\n~/file-1\n",
                "haul: 2 of 2 done.\n",
            ),
            (
                2,
                "1:queued+2:queued 1:failed 2:completed",
                1,
                "~/file-2\n",
                "haul: file-1 (1): gone: the server says 404. Check the link.\nhaul: 1 of 2 done, 1 failed.\n",
            ),
            (
                1,
                "1:retrying 1:downloading 1:gave-up",
                4,
                "",
                "haul: file-1 (1) waits: the server closed the connection; try 3 is next, 8 s.\n\
                 haul: file-1 (1): gave up after 5 tries. Try again with `haul retry`.\n",
            ),
            (1, "1:queued 1:cancelled", 1, "", "haul: file-1 (1) was cancelled.\n"),
        ] {
            let told = told(&Scripted::new(|_| None), links, story, 0, |_| {}).await;
            assert_eq!(
                (told.code, told.data.as_str(), told.talk.as_str()),
                (Ok(code), data, talk),
                "{story}"
            );
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_adds_attends_and_asks_nothing_more() {
        let engine = Scripted::new(|_| None);
        told(&engine, 2, "1:completed+2:completed", 0, |args| args.parallel = Some(16)).await;
        let own = r#"{"method":"set_own_parallel","params":{"parallel":16}}"#;
        assert_eq!(engine.asked(), [own, "add 2", r#"{"method":"attend","params":{"ids":[1,2]}}"#]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_here_already_is_said_to_be() {
        let engine = Scripted::new(|request| match request {
            Request::Add(_) => {
                Some(Ok(Reply::Added(vec![Added { id: DownloadId(1), how: AddedHow::AlreadyHere }])))
            }
            _ => None,
        });
        let told = told(&engine, 1, "1:completed", 0, |_| {}).await;
        assert_eq!((told.code, told.data.as_str()), (Ok(0), "~/file-1\n"));
        assert_eq!(told.talk, "haul: file-1 is already here.\n");
        assert_eq!(engine.asked(), ["add 1"]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn ctrl_c_pauses_what_is_open_and_says_how_to_go_on() {
        let engine = Scripted::new(|_| None);
        let told =
            told(&engine, 2, "1:downloading+2:completed", 1, |args| args.mode = Some(Mode::RealTime)).await;
        assert_eq!(told.code, Ok(130));
        assert!(
            told.talk.ends_with(
                "haul: paused 1 download. Go on with `haul resume 1`, or the same command again.\n"
            )
        );
        // The engine's rows say that they are background ones, so there is nothing to switch.
        assert_eq!(
            engine.asked().last().unwrap(),
            r#"{"method":"act","params":{"select":{"ids":[1]},"act":{"do":"pause"}}}"#
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn ctrl_c_before_the_first_report_makes_real_time_downloads_background_ones() {
        let engine = Scripted::new(|_| None);
        told(&engine, 1, "", 1, |args| args.mode = Some(Mode::RealTime)).await;
        let acts: Vec<_> = engine.asked().into_iter().filter(|asked| asked.contains("\"act\"")).collect();
        assert!(acts[0].contains("set_mode") && acts[0].contains("background"), "{acts:?}");
        assert!(acts[1].contains("pause"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_second_ctrl_c_leaves_at_once() {
        let mut engine = Scripted::new(|_| None);
        engine.is_deaf = true;
        assert_eq!(told(&engine, 1, "1:downloading", 2, |_| {}).await.code, Err(130));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_leaves_when_only_a_person_could_help_for_too_long() {
        let engine = Scripted::new(|_| None);
        let told =
            told(&engine, 1, "1:expired", 0, |args| args.transfer.give_up = Some(GiveUp::AfterSecs(0))).await;
        assert_eq!(told.code, Ok(4));
        assert!(told.talk.contains("given up waiting for file-1 (1): the link expired"), "{}", told.talk);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn another_machine_is_asked_where_its_file_is() {
        for (json, data) in [(false, "/d/file-7\n"), (true, r#""path":"/d/file-7""#)] {
            let engine = Scripted::new(|request| match request {
                Request::Add(_) => {
                    Some(Ok(Reply::Added(vec![Added { id: DownloadId(7), how: AddedHow::New }])))
                }
                Request::Show { .. } => Some(Ok(Reply::Detail(Box::new(detail("completed"))))),
                _ => None,
            });
            engine.report("7:completed");
            let inputs = vec!["http://a.example/file-7".into()];
            let args = GetArgs { inputs, json, ..GetArgs::default() };
            let (mut output, written, _) = output();
            let (mut interrupts, _press) = presses(0);
            let context = Context { remote: true, ..context(std::path::Path::new("/here")) };
            get(&args, &engine, &context, &mut output, &mut interrupts).await.unwrap();
            output.flush().unwrap();
            assert!(written.text().contains(data), "{}", written.text());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn json_and_quiet() {
        let engine = Scripted::new(|_| None);
        let all =
            told(&engine, 2, "1:completed+2:failed", 0, |args| (args.json, args.quiet) = (true, true)).await;
        let lines: Vec<serde_json::Value> =
            all.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["path"], "~/file-1");
        assert_eq!(lines[1]["state"]["is"], "failed");
        assert_eq!(all.talk, "haul: file-2 (2): gone: the server says 404. Check the link.\n");
        let quiet = told(&Scripted::new(|_| None), 1, "1:completed", 0, |args| args.quiet = true).await;
        assert_eq!((quiet.data.as_str(), quiet.talk.as_str()), ("", ""));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_long_list_is_asked_for_as_one_and_refused_as_one() {
        let engine = Scripted::new(|request| match request {
            Request::Add(_) => {
                Some(Err(CliError::Refused(Refusal::new(RefusalKind::Taken, "the name is taken", ""))))
            }
            _ => None,
        });
        let told = told(&engine, 20_000, "", 0, |_| {}).await;
        assert_eq!(told.code, Err(2));
        assert_eq!(engine.asked(), ["add 20000"]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn add_writes_numbers_and_leaves() {
        let engine = Scripted::new(|_| None);
        let home = tempfile::tempdir().unwrap();
        let (mut output, data, talk) = output();
        let args = GetArgs {
            inputs: vec!["http://a.example/1".into(), "http://a.example/2".into()],
            ..GetArgs::default()
        };
        let status = add(&args, &engine, &context(home.path()), &mut output).await.unwrap();
        output.flush().unwrap();
        assert_eq!((status, data.text().as_str(), talk.text().as_str()), (Status::Done, "1\n2\n", ""));
        assert_eq!(engine.asked(), ["add 2"]);
    }
}
