//! What `get` and `add` are asked for: links, lists and Metalink files from the command line, as entries and what they have in common.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::batch::Common;
use super::context::Context;
use super::error::CliError;
use super::folder::destination;
use super::get::GetArgs;
use super::output::Output;
use crate::links::entry::{Entry, parse_link};
use crate::links::list;
use crate::model::item::{Mode, Priority, Taken};

/// How a command differs in what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It stays until the downloads have ended.
    Stays,
    /// It leaves at once.
    Leaves,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Intake {
    /// The downloads.
    pub(crate) entries: Vec<Entry>,
    /// What they have in common.
    pub(crate) common: Common,
}

/// What `-i -` and `-o -` mean.
pub(crate) const STREAM: &str = "-";

/// Reads everything that the command line names, before anything is added.
///
/// # Errors
/// All problems of a list at once; else the first thing that is wrong.
pub(crate) fn take_in(
    args: &GetArgs,
    manner: Manner,
    context: &Context,
    output: &mut Output,
) -> Result<Intake, CliError> {
    let mut entries = Vec::new();
    for text in &args.inputs {
        entries.append(&mut from_word(text, context)?);
    }
    for list in &args.lists {
        entries.append(&mut from_list(list, context, output)?);
    }
    if entries.is_empty() {
        return Err(CliError::usage(
            "there is nothing to download: the list is empty",
            "Put one link on each line",
        ));
    }
    let given = args.distributor.iter().map(|name| ("Distributor", name.as_str()));
    let given = given.chain(args.info.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    for (name, text) in given {
        for entry in entries.iter_mut().filter(|entry| !entry.extras.info.contains_key(name)) {
            entry.extras.info.insert(name.to_owned(), text.to_owned());
        }
    }
    let streams = args.out.as_deref() == Some(STREAM);
    let folder = if streams { Some(context.spool.clone()) } else { common_folder(args, manner, context)? };
    let usual = match manner {
        Manner::Stays => Priority::Now,
        Manner::Leaves => Priority::Normal,
    };
    let common = Common {
        settings: args.transfer.settings(context, output)?,
        folder,
        mode: args.mode.or(match manner {
            Manner::Stays => streams.then_some(Mode::RealTime),
            // Whatever the settings say: nobody stays with it.
            Manner::Leaves => Some(Mode::Background),
        }),
        // What this command does by itself is a wish like a flag's, unless a preset was asked for.
        priority: args
            .priority
            .or_else(|| (manner == Manner::Stays && args.preset.is_none()).then_some(usual)),
        otherwise: usual,
        // Its name is looked up where there is an engine.
        collection: None,
        again: args.again || streams,
        proxy: args.transfer.proxy()?,
        netrc: args.transfer.netrc,
    };
    let mut intake = Intake { entries, common };
    intake.common.settings.streamed = streams;
    intake.common.settings.preset.clone_from(&args.preset);
    intake.common.settings.taken = match (args.replace, args.if_changed) {
        (true, _) => Taken::Replace,
        (_, true) => Taken::IfChanged,
        _ => Taken::Number,
    };
    intake.single_file(args, streams, context)?;
    if manner == Manner::Leaves {
        intake.refuse_real_time()?;
    }
    Ok(intake)
}

impl Intake {
    /// Takes in the flags that are about one file.
    fn single_file(&mut self, args: &GetArgs, streams: bool, context: &Context) -> Result<(), CliError> {
        let flag = if args.out.is_some() { "-o" } else { "--checksum" };
        if args.out.is_none() && args.checksum.is_none() {
            return Ok(());
        }
        let [entry] = &mut self.entries[..] else {
            return Err(CliError::usage(
                format!("{flag} is about one file, and {} are asked for", self.entries.len()),
                "Put out= and checksum= into a list, and give that with -i",
            ));
        };
        if let Some(checksum) = &args.checksum {
            entry.extras.checksum = Some(checksum.clone());
        }
        let Some(out) = args.out.as_deref() else { return Ok(()) };
        entry.name = None;
        entry.folder = None;
        if streams {
            return Ok(());
        }
        let path = Path::new(out);
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| !out.ends_with('/'))
        else {
            return Err(CliError::usage(format!("-o {out} names no file"), "Name a folder with -d"));
        };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.common.folder = match &self.common.folder {
                Some(folder) => Some(destination(&folder.join(parent), context)?),
                None if parent.is_absolute() => Some(destination(parent, context)?),
                None => {
                    entry.folder = Some(parent.to_owned());
                    None
                }
            };
        }
        let folder = self.common.folder.as_ref().filter(|_| !context.remote);
        if folder.is_some_and(|folder| folder.join(name).is_dir()) {
            return Err(CliError::usage(format!("-o {out} is a folder"), "Name a folder with -d"));
        }
        entry.name = Some(name.to_owned());
        entry.name_is_asked = true;
        Ok(())
    }

    /// A real-time download ends with the client that asked for it, and this one leaves at once.
    fn refuse_real_time(&self) -> Result<(), CliError> {
        let common = self.common.mode;
        if self.entries.iter().any(|entry| entry.mode.or(common) == Some(Mode::RealTime)) {
            return Err(CliError::usage(
                "a real-time download ends with the command that asks for it, and this one ends at once",
                "Use `haul get --mode real-time`, which stays, or leave the mode away",
            ));
        }
        Ok(())
    }
}

/// The folder of all; none where the engine is to choose: what stays with its downloads wants them here.
fn common_folder(
    args: &GetArgs,
    manner: Manner,
    context: &Context,
) -> Result<Option<std::path::PathBuf>, CliError> {
    match (&args.dir, manner) {
        (Some(dir), _) => destination(dir, context).map(Some),
        (None, Manner::Stays) if !context.remote => destination(&context.cwd, context).map(Some),
        (None, _) => Ok(None),
    }
}

/// A word of the command line: a link, or the name of a Metalink file.
pub(super) fn from_word(text: &str, context: &Context) -> Result<Vec<Entry>, CliError> {
    let path = context.absolute(Path::new(text));
    if text.contains("://") || !path.is_file() {
        return match parse_link(text) {
            Ok(url) => Ok(vec![Entry::new(url)]),
            Err(why) if text.is_empty() || text.contains("://") || text.contains(char::is_whitespace) => {
                Err(CliError::usage(why, ""))
            }
            Err(why) => Err(CliError::usage(why, format!("Did you mean https://{text}?"))),
        };
    }
    let bytes = fs::read(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    if is_xml(&bytes) {
        return metalink(text, &bytes, context);
    }
    Err(CliError::usage(
        format!("{text} is a file here, neither a link nor a Metalink"),
        format!("Give a list of links as -i {text}"),
    ))
}

fn from_list(list: &Path, context: &Context, output: &mut Output) -> Result<Vec<Entry>, CliError> {
    let (name, bytes) = if list.as_os_str() == STREAM {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|source| CliError::Read { path: "stdin".into(), source })?;
        ("stdin".to_owned(), bytes)
    } else {
        let path = context.absolute(list);
        let bytes = fs::read(&path).map_err(|source| CliError::Read { path, source })?;
        (list.display().to_string(), bytes)
    };
    if is_xml(&bytes) {
        return metalink(&name, &bytes, context);
    }
    let listed = list::parse(&bytes).map_err(|problems| CliError::List { from: name, problems })?;
    for remark in &listed.remarks {
        output.complain(remark);
    }
    Ok(listed.entries)
}

fn metalink(name: &str, bytes: &[u8], context: &Context) -> Result<Vec<Entry>, CliError> {
    let files = (context.read_metalink)(bytes)
        .map_err(|why| CliError::usage(format!("{name} is no Metalink that can be used: {why}"), ""))?;
    let entries =
        files.into_iter().map(|file| Entry { name: file.name, extras: file.extras, ..Entry::new(file.url) });
    Ok(entries.collect())
}

/// Whether a file begins as XML does, which no list can.
fn is_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::batch::order;
    use super::super::context::MetalinkFile;
    use super::super::scripted::{context, output};
    use super::*;
    use crate::model::item::Extras;
    use crate::model::request::Batch;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        get: GetArgs,
    }

    /// The batch of a command line in a folder that has `list`, `many`, `x.meta4` and `down/`.
    fn batch(line: &str, manner: Manner) -> Result<Batch, CliError> {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("down")).unwrap();
        fs::write(
            home.path().join("list"),
            "http://a.example/1\nhttp://a.example/2\tout=two\theader=X-A: b\n",
        )
        .unwrap();
        fs::write(home.path().join("x.meta4"), "<?xml version='1.0'?><metalink/>").unwrap();
        let many: Vec<_> = (0..20_000).map(|n| format!("http://a.example/files/{n:08}/name.bin")).collect();
        fs::write(home.path().join("many"), many.join("\n")).unwrap();
        let mut context = context(home.path());
        context.read_metalink = |_| {
            let url = "http://m.example/x".parse().unwrap();
            Ok(vec![MetalinkFile { url, name: Some("m.iso".into()), extras: Extras::default() }])
        };
        let (mut output, _, _) = output();
        let args = Line::try_parse_from(std::iter::once("get").chain(line.split_whitespace())).unwrap().get;
        let intake = take_in(&args, manner, &context, &mut output)?;
        let mut batch = order(intake.entries, &intake.common, &context)?.batch;
        for new in &mut batch.downloads {
            new.folder = new
                .folder
                .take()
                .map(|folder| folder.strip_prefix(home.path()).unwrap_or(&folder).to_owned());
        }
        Ok(batch)
    }

    #[test]
    fn one_link_goes_to_where_get_is_run_at_once() {
        let batch = batch("http://a.example/x", Manner::Stays).unwrap();
        let new = &batch.downloads[0];
        assert_eq!((new.priority, new.mode, new.name.as_deref()), (Some(Priority::Now), None, None));
        assert_eq!(batch.settings[0].umask, Some(0o022));
    }

    #[test]
    fn what_is_added_goes_to_where_the_engine_says_and_steps_aside() {
        for (line, folder) in [
            ("http://a.example/x", None),
            ("http://a.example/x -d down", Some("down")),
            ("http://a.example/x -o sub/y", Some("sub")),
        ] {
            let new = &batch(line, Manner::Leaves).unwrap().downloads[0];
            assert_eq!(
                (new.priority, new.otherwise, new.mode),
                (None, Priority::Normal, Some(Mode::Background))
            );
            assert_eq!(new.folder.as_deref(), folder.map(Path::new), "{line}");
        }
    }

    #[test]
    fn a_preset_may_say_what_the_command_would() {
        for (line, priority) in [
            ("http://a.example/x --preset night", None),
            ("http://a.example/x --preset night --priority high", Some(Priority::High)),
        ] {
            let batch = batch(line, Manner::Stays).unwrap();
            let new = &batch.downloads[0];
            assert_eq!((new.priority, new.otherwise), (priority, Priority::Now), "{line}");
            assert_eq!(batch.settings[0].preset.as_deref(), Some("night"));
        }
    }

    #[test]
    fn no_proxy_at_all_is_told_apart_from_none_being_named() {
        for (line, direct) in [("http://a.example/x", false), ("http://a.example/x --proxy=", true)] {
            let batch = batch(line, Manner::Stays).unwrap();
            assert_eq!((batch.settings[0].direct, &batch.settings[0].proxy), (direct, &None), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_asked_for_is_not_numbered() {
        for (line, folder, name, taken) in [
            ("http://a.example/x -o y", "", "y", Taken::Refuse),
            ("http://a.example/x -o down/y", "down", "y", Taken::Refuse),
            ("http://a.example/x -d down -o y", "down", "y", Taken::Refuse),
            ("http://a.example/x -o y --replace", "", "y", Taken::Replace),
            ("http://a.example/x -o y --if-changed", "", "y", Taken::IfChanged),
            ("x.meta4", "", "m.iso", Taken::Number),
            ("-i x.meta4", "", "m.iso", Taken::Number),
        ] {
            let batch = batch(line, Manner::Stays).unwrap();
            let new = &batch.downloads[0];
            let given = new.folder.as_deref().and_then(Path::to_str);
            assert_eq!((given, new.name.as_deref()), (Some(folder), Some(name)), "{line}");
            assert_eq!(batch.settings[new.settings].taken, taken, "{line}");
        }
    }

    #[test]
    fn settings_are_shared_by_all_that_have_the_same() {
        let batch = batch("http://b.example/x -i list --limit 1000", Manner::Leaves).unwrap();
        let places: Vec<_> = batch.downloads.iter().map(|new| new.settings).collect();
        assert_eq!(places, [0, 0, 1]);
        assert_eq!(batch.settings[1].headers.len(), 1);
        assert!(batch.settings.iter().all(|settings| settings.limit == Some(1000)));
    }

    #[test]
    fn a_long_list_shares_one_set_of_settings() {
        let batch = batch("-i many", Manner::Leaves).unwrap();
        assert_eq!((batch.downloads.len(), batch.settings.len()), (20_000, 1));
    }

    #[test]
    fn the_bytes_of_a_stream_lie_in_the_spool() {
        let batch = batch("http://a.example/x -o -", Manner::Stays).unwrap();
        assert!(batch.settings[0].streamed);
        assert_eq!(batch.downloads[0].name, None);
    }

    #[test]
    fn bad_input_is_told_before_anything_is_added() {
        for (line, said) in [
            ("a.example/x", "Did you mean https://a.example/x"),
            ("ftp://a.example/x", "only https:// and http://"),
            ("list", "-i list"),
            ("-i nowhere", "can't read"),
            ("-i list -o y", "-o is about one file, and 2"),
            (
                "-i list --checksum sha-256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "--checksum is about one file",
            ),
            ("http://a.example/x -d /nowhere/at-all", "no such folder"),
            ("http://a.example/x -d list", "no folder"),
            ("http://a.example/x -o down", "is a folder"),
            ("http://a.example/x -o down/", "names no file"),
            ("http://a.example/x -o /nowhere/at-all/y", "no such folder"),
            ("http://a.example/x --ca nowhere", "can't read"),
            ("http://a.example/x --header X", "no colon"),
            ("http://a.example/x --header @nowhere", "can't read"),
            ("http://a.example/x --proxy gopher://p", "no kind of proxy"),
            ("http://a.example/x --user me:hush", "takes a name only"),
        ] {
            let error = batch(line, Manner::Stays).unwrap_err();
            assert_eq!(error.status().code(), 2, "{line}");
            let lines = error.lines().join("\n");
            assert!(lines.contains(said), "{line}: {lines}");
            assert!(!lines.contains("hush"), "{lines}");
        }
        let error = batch("http://a.example/x --mode real-time", Manner::Leaves).unwrap_err();
        assert!(error.hint().contains("haul get"));
    }
}
