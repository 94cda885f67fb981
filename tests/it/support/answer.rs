//! What a scripted server answers: plain fields with honest defaults, and rules that change some for some requests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::{Table, Value};

use super::byte_size::ByteSize;
use super::content::Version;

/// How one request is answered. An empty script is an honest server with a strong tag and an old date.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answer {
    /// How large the file is.
    pub(crate) size: ByteSize,
    /// Which content it has: a seed.
    pub(crate) version: u64,
    /// Offsets of bytes that differ from the version's.
    pub(crate) flip: Vec<u64>,
    /// The ETag as it stands in the header, quotes and `W/` included; empty: none.
    pub(crate) etag: String,
    /// The Last-Modified.
    pub(crate) modified: Modified,
    /// Whether Range is honoured; otherwise it is ignored.
    pub(crate) ranges: bool,
    /// The status; without one it follows from the request.
    pub(crate) status: Option<u16>,
    /// Header fields beside or instead of the usual ones; an empty value leaves the field out.
    pub(crate) headers: BTreeMap<String, String>,
    /// A text instead of the file.
    pub(crate) body: Option<String>,
    /// A file of `tests/fixtures` instead.
    pub(crate) fixture: Option<String>,
    /// The head as it goes over the wire, instead of a sound one.
    pub(crate) head: Option<String>,
    /// Sent before the head.
    pub(crate) before: String,
    /// How often `before` is sent.
    pub(crate) before_times: u64,
    /// How many header fields are added that mean nothing.
    pub(crate) pad_headers: u64,
    /// How long one added header field is.
    pub(crate) pad_header: ByteSize,
    /// How many bytes of a range are given at most.
    pub(crate) piece: Option<ByteSize>,
    /// A plain GET is answered with 206 and this many bytes.
    pub(crate) unasked: Option<ByteSize>,
    /// The bytes of a 206 begin so much later than asked, and its Content-Range says so.
    pub(crate) shift: u64,
    /// Content-Range as a pattern of `{first}`, `{last}` and `{size}`; empty: none.
    pub(crate) content_range: Option<String>,
    /// Content-Length as it stands in the header; empty: none, and the end of the connection ends the body.
    pub(crate) length: Option<String>,
    /// Whether the body goes in chunks, without a length.
    pub(crate) chunked: bool,
    /// Whether the body goes as gzip, asked for or not.
    pub(crate) gzip: bool,
    /// Whether the body goes as `multipart/byteranges`, even for one range.
    pub(crate) multipart: bool,
    /// Retry-After: `+2` is two seconds, `date+2` is two seconds after the Date that this server says, all else goes as it stands.
    pub(crate) retry_after: Option<String>,
    /// Location as a pattern of `{site}`, `{other}`, `{tls}`, `{n}` and `{fresh}`; makes the status 302.
    pub(crate) redirect: Option<String>,
    /// The connection ends after so many bytes of the body.
    pub(crate) cut_after: Option<ByteSize>,
    /// How it ends.
    pub(crate) cut: Cut,
    /// Nothing more comes after so many bytes of the body, until the site is released.
    pub(crate) stall_after: Option<ByteSize>,
    /// Bytes a second.
    pub(crate) rate: Option<ByteSize>,
    /// Whether the connection is closed after the answer.
    pub(crate) close: bool,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            size: ByteSize(0),
            version: 1,
            flip: Vec::new(),
            etag: "\"one\"".into(),
            modified: Modified::Old,
            ranges: true,
            status: None,
            headers: BTreeMap::new(),
            body: None,
            fixture: None,
            head: None,
            before: String::new(),
            before_times: 1,
            pad_headers: 0,
            pad_header: ByteSize(0),
            piece: None,
            unasked: None,
            shift: 0,
            content_range: None,
            length: None,
            chunked: false,
            gzip: false,
            multipart: false,
            retry_after: None,
            redirect: None,
            cut_after: None,
            cut: Cut::Fin,
            stall_after: None,
            rate: None,
            close: false,
        }
    }
}

impl Answer {
    /// Returns the bytes that it stands for.
    pub(crate) fn bytes(&self) -> Arc<[u8]> {
        if let Some(name) = &self.fixture {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
            return std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into();
        }
        match &self.body {
            Some(text) => text.clone().into_bytes().into(),
            // Whoever refuses gives no file.
            None if self.status.is_some_and(|status| status >= 300) => Arc::default(),
            None => self.content().bytes(),
        }
    }

    /// Returns the version of the file that it gives.
    pub(crate) fn content(&self) -> Version {
        Version { seed: self.version, size: self.size.0, flip: self.flip.clone() }
    }
}

/// How long ago the file was changed, seen from the answer's Date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Modified {
    /// Two days.
    Older,
    /// A day.
    #[default]
    Old,
    /// Ten seconds: not settled, a second version may have the same date.
    Fresh,
    /// The server doesn't say.
    None,
}

/// How a connection ends early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cut {
    /// In order, as if all had been said.
    #[default]
    Fin,
    /// Reset; what was on its way is lost.
    Rst,
}

/// Which requests a rule is for: those that fulfil all of its conditions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    /// From this request on: the first of the step is 1.
    from: Option<u64>,
    /// Up to this request.
    to: Option<u64>,
    /// Every request whose number it divides.
    every: Option<u64>,
    /// With or without Range.
    ranged: Option<bool>,
    /// With or without If-Range.
    if_range: Option<bool>,
    /// A range that begins here or later.
    starts_at: Option<ByteSize>,
    /// While at least so many other answers are being given.
    beside: Option<u64>,
}

/// What conditions look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Which request for this file it is since the step began, from 1.
    pub(crate) number: u64,
    /// Where its range begins.
    pub(crate) range_start: Option<u64>,
    /// Whether it has If-Range.
    pub(crate) has_if_range: bool,
    /// How many other answers are being given.
    pub(crate) beside: u64,
}

impl When {
    fn is_met(&self, facts: Facts) -> bool {
        self.from.is_none_or(|from| facts.number >= from)
            && self.to.is_none_or(|to| facts.number <= to)
            && self.every.is_none_or(|every| facts.number.is_multiple_of(every))
            && self.ranged.is_none_or(|ranged| facts.range_start.is_some() == ranged)
            && self.if_range.is_none_or(|wanted| facts.has_if_range == wanted)
            && self.starts_at.is_none_or(|at| facts.range_start.is_some_and(|start| start >= at.0))
            && self.beside.is_none_or(|others| facts.beside >= others)
    }
}

/// A file's script: an answer, and rules that change it for some requests.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    base: Table,
    rules: Vec<(When, Table)>,
}

impl Script {
    /// Reads a script; `rule` holds the rules, each with its conditions in `when`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(mut table: Table) -> Result<Self, String> {
        let mut rules = Vec::new();
        if let Some(Value::Array(tables)) = table.remove("rule") {
            for rule in tables {
                let mut rule: Table = rule.try_into().map_err(|error| format!("{error}"))?;
                let when = rule.remove("when").ok_or("a rule without `when`")?;
                rules.push((when.try_into().map_err(|error| format!("{error}"))?, rule));
            }
        }
        let script = Self { base: table, rules };
        for wanted in std::iter::once(None).chain(script.rules.iter().map(Some)) {
            merged(&script.base, wanted.map(|(_, rule)| rule)).map_err(|error| format!("{error}"))?;
        }
        Ok(script)
    }

    /// Returns this script with some of its fields replaced; new rules replace all old ones.
    pub(crate) fn changed(&self, change: Table) -> Result<Self, String> {
        let mut table = self.base.clone();
        let keeps_rules = !change.contains_key("rule");
        table.extend(change);
        let mut changed = Self::parse(table)?;
        if keeps_rules {
            changed.rules.clone_from(&self.rules);
        }
        Ok(changed)
    }

    /// Returns the answer where no rule applies.
    pub(crate) fn plain(&self) -> Answer {
        merged(&self.base, None).expect("checked when it was read")
    }

    /// Returns every version of the file that it may give.
    pub(crate) fn versions(&self) -> Vec<Version> {
        let answers = self.rules.iter().map(|(_, rule)| merged(&self.base, Some(rule)));
        let versions = answers.map(|answer| answer.expect("checked when it was read").content());
        std::iter::once(self.plain().content()).chain(versions).collect()
    }

    /// Returns the answer to one request: later rules win.
    pub(crate) fn answer(&self, facts: Facts) -> Answer {
        let met = self.rules.iter().filter(|(when, _)| when.is_met(facts)).map(|(_, rule)| rule);
        merged(&self.base, met).expect("fields that are sound one by one are so together")
    }
}

fn merged<'a>(base: &Table, rules: impl IntoIterator<Item = &'a Table>) -> Result<Answer, toml::de::Error> {
    let mut table = base.clone();
    for rule in rules {
        table.extend(rule.clone());
    }
    table.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::toml;

    fn facts(number: u64) -> Facts {
        Facts { number, range_start: None, has_if_range: false, beside: 0 }
    }

    #[test]
    fn later_rules_win_where_their_conditions_are_met() {
        let script = Script::parse(toml! {
            size = "1 KiB"
            rule = [
                { when = { from = 2 }, status = 503 },
                { when = { from = 3, ranged = false }, status = 404, etag = "" },
            ]
        })
        .unwrap();
        let said = |number| (script.answer(facts(number)).status, script.answer(facts(number)).etag);
        assert_eq!(said(1), (None, "\"one\"".into()));
        assert_eq!(said(2), (Some(503), "\"one\"".into()));
        assert_eq!(said(3), (Some(404), String::new()));
        assert_eq!(script.plain().size, ByteSize(1024));
    }

    #[test]
    fn a_misspelt_field_is_found_when_the_script_is_read() {
        assert!(Script::parse(toml! { sizes = 1 }).is_err());
        assert!(Script::parse(toml! { rule = [{ when = { form = 2 } }] }).is_err());
        assert!(Script::parse(toml! { rule = [{ when = { from = 2 }, state = 404 }] }).is_err());
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let script = Script::parse(toml! { size = 5
        rule = [{ when = { from = 2 }, status = 404 }] });
        let changed = script.unwrap().changed(toml! { version = 2 }).unwrap();
        assert_eq!((changed.plain().size, changed.plain().version), (ByteSize(5), 2));
        assert_eq!(changed.answer(facts(2)).status, Some(404));
    }
}
