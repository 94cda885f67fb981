//! The table of methods: what each is for, with an example. The reference is written from it, and tests hold both to the code.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;

use super::session::Own;
use crate::model::request::Request;

/// A method of the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// An example of its parameters, as JSON; empty where it takes none.
    pub params: &'static str,
    /// What its result is.
    pub result: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn method(
    name: &'static str,
    params: &'static str,
    result: &'static str,
    about: &'static str,
) -> Method {
    Method { name, params, result, about }
}

/// All methods: the session's own first, then the object model's.
pub const METHODS: &[Method] = &[
    method(
        "hello",
        r#"{"name":"haul","version":"0.1.0","protocol":1,"key":"9f86d081884c7d65"}"#,
        "`{name, version, protocol, capabilities, pid}`",
        "Must come first. The same random key within a minute is the same owner of real-time downloads.",
    ),
    method(
        "goodbye",
        "",
        "`null`",
        "A confirmed leave: what this client owned in real time ends. A connection that just ends is no goodbye.",
    ),
    method(
        "subscribe",
        "",
        "`{subscription}`",
        "The list comes in `update` notifications, in pages (`more`), then what changed, at most ten times a second.",
    ),
    method("unsubscribe", r#"{"subscription":1}"#, "`null`", "Ends a subscription."),
    method(
        "stage",
        r#"{"number":0,"batch":{"downloads":[],"settings":[]}}"#,
        "`null`",
        "Stages a piece of a batch that is too big for one message.",
    ),
    method("add_staged", r#"{"pieces":2}"#, "`added`", "Adds all staged pieces together, all or none."),
    method("status", "", "`{version, pid, state, socket, clients, …}`", "How the agent is."),
    method(
        "door.ask",
        "",
        "`{granted}`",
        "For web pages only, before `hello`: asks to be let in, and waits until somebody decides.",
    ),
    method("log", r#"{"lines":100}"#, "`{lines}`", "The last lines of the agent's log."),
    method("stop", r#"{"gently":true}"#, "`null`", "Checkpoints everything and ends the agent."),
    method(
        "read",
        r#"{"id":7,"offset":0,"length":65536}"#,
        "`{data}`, base64",
        "A piece of a finished file.",
    ),
    method(
        "sum",
        r#"{"id":7,"length":65536}"#,
        "`{name, size, modified_ms, summed, sha256}`",
        "What a finished file is, and the sum of its first bytes.",
    ),
    method(
        "add",
        r#"{"downloads":[{"url":"https://example.org/a.iso","folder":"/home/me"}],"settings":[]}"#,
        "`added`",
        "Adds downloads, all of them or none.",
    ),
    method("list", r#"{"select":{"all":true}}"#, "`rows`", "Lists downloads."),
    method("show", r#"{"id":7}"#, "`detail`", "Everything about one download."),
    method(
        "act",
        r#"{"select":{"ids":[7]},"act":{"do":"pause"}}"#,
        "`acted`",
        "Does something to downloads.",
    ),
    method("undo", "", "`acted`", "Takes back the last cancel or remove."),
    method("export", r#"{"select":{"all":true}}"#, "`batch`", "Downloads as they can be added again."),
    method(
        "paths",
        r#"{"select":{"all":true}}"#,
        "`paths`",
        "For each download its number and its finished file, or where that will be.",
    ),
    method("collections", "", "`collections`", "Lists collections."),
    method("create_collection", r#"{"name":"films"}"#, "`collections`", "Makes a collection."),
    method("remove_collection", r#"{"id":2,"with_downloads":false}"#, "`done`", "Removes a collection."),
    method("set_collection", r#"{"id":2,"name":"films"}"#, "`done`", "Changes a collection."),
    method(
        "clear",
        r#"{"id":1,"what":"finished"}"#,
        "`acted`",
        "Takes downloads out of a collection's list.",
    ),
    method(
        "hold",
        r#"{"until":1795654800000}"#,
        "`done`",
        "Holds everything, or one collection (`id`): until then, until the plan changes, or `for_good`.",
    ),
    method(
        "go",
        r#"{"id":2}"#,
        "`done`",
        "Releases a hold; without `id` it lifts what else holds everything, too, until that changes by itself.",
    ),
    method(
        "known",
        r#"{"urls":["https://example.com/a.iso"]}"#,
        "`known`",
        "For each link the newest download of it, or nothing.",
    ),
    method("totals", "", "`totals`", "Counts and speeds."),
    method("history", r#"{"limit":50}"#, "`history`", "What happened, newest first."),
    method(
        "adopt",
        r#"{"paths":["/home/me/a.iso.part"]}"#,
        "`added`",
        "Rebuilds downloads from partial files.",
    ),
    method(
        "attend",
        r#"{"ids":[7]}"#,
        "`done`",
        "Stays with downloads: where this client vanishes, those at `now` fall to `normal`.",
    ),
    method(
        "set_own_parallel",
        r#"{"parallel":16}"#,
        "`done`",
        "Files at once of what this client adds from now on, while it stays.",
    ),
    method(
        "set_limits",
        r#"{"parallel":4,"rate":2000000,"rates":{"background":500000}}"#,
        "`done`",
        "Changes the engine's own limits; speeds stay until they are changed, reset or the settings are read anew.",
    ),
    method("standing", "", "`standing`", "What decides how fast downloads may be just now, and until when."),
    method("reload", "", "`done`", "Reads the engine's settings anew; wrong ones change nothing."),
    method("presets", "", "`presets`", "Lists the presets."),
    method(
        "use_preset",
        r#"{"name":"polite"}"#,
        "`done`",
        "Makes a preset the engine's own, and keeps that.",
    ),
    method(
        "door",
        r#"{"what":"allow","origin":"https://shop.example","once":true}"#,
        "`door`",
        "Web pages: who asks (`requests`), `allow`, `deny`, what was decided (`grants`), `revoke`. Not for pages.",
    ),
    method(
        "library",
        r#"{"what":"show","id":3}"#,
        "`library`",
        "Something of the library: shelves, entries, covers, scans.",
    ),
];

/// The names of the object model's methods, as the code knows them.
pub(super) static MODEL: LazyLock<Vec<String>> = LazyLock::new(names::<Request>);
/// The names of the session's methods, as the code knows them.
pub(super) static OWN: LazyLock<Vec<String>> = LazyLock::new(names::<Own>);

/// Whether a name is one of these.
pub(super) fn knows(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

/// The names of the session's methods.
pub fn capabilities() -> Vec<String> {
    OWN.clone()
}

/// The names that a type takes as its method: its decoder lists them to whoever asks for one that is none.
fn names<T: DeserializeOwned>() -> Vec<String> {
    let refused = serde_json::from_str::<T>(r#"{"method":"?"}"#).err();
    let text = refused.map(|error| error.to_string()).unwrap_or_default();
    let listed = text.split_once("expected one of").map_or("", |(_, listed)| listed);
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Writes the reference in Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "\n# Reference\n\n\
         Errors carry JSON-RPC's codes, and -32000 where the engine refuses: `data` then has `kind`, `text` and `hint`. \
         Results of the object model are tagged: `{\"reply\": \"rows\", \"data\": …}`.\n\n\
         | Method | Parameters, by example | Result | |\n| --- | --- | --- | --- |\n",
    );
    for method in METHODS {
        let params = if method.params.is_empty() { String::new() } else { format!("`{}`", method.params) };
        // Writing to a String can't fail.
        let _ = writeln!(text, "| `{}` | {params} | {} | {} |", method.name, method.result, method.about);
    }
    text.push_str(
        "\nNotifications from the engine: `update` with `{\"subscription\": 1, \"update\": {…}}`; see \
         [`crate::model::update::Update`]; and `leaving`, the last word of one that was told to end.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::message::Line;
    use super::*;

    #[test]
    fn the_table_names_every_method_that_the_code_knows_and_no_other() {
        let code: BTreeSet<_> = MODEL.iter().chain(OWN.iter()).map(String::as_str).collect();
        let table: BTreeSet<_> = METHODS.iter().map(|method| method.name).collect();
        assert!(code.len() > 25, "the decoder no longer lists its names: {code:?}");
        assert_eq!(code, table, "a method needs its line in METHODS");
        assert_eq!(METHODS.len(), table.len(), "a method stands in the table twice");
    }

    #[test]
    fn every_example_is_a_request_that_is_understood() {
        for method in METHODS {
            let params = if method.params.is_empty() {
                String::new()
            } else {
                format!(r#","params":{}"#, method.params)
            };
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"{params}}}"#, method.name);
            let Line::One(asked) = Line::read(line.as_bytes()) else { panic!("{line}") };
            assert!(asked.ask.is_ok(), "{line}: {:?}", asked.ask);
        }
    }

    #[test]
    fn the_reference_is_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol/reference.md");
        if std::env::var_os("HAUL_WRITE_REFERENCE").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == reference(),
            "HAUL_WRITE_REFERENCE=1 cargo test --lib the_reference writes it anew"
        );
    }
}
