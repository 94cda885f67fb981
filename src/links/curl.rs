//! Commands that a browser's "Copy as cURL" makes, or a page tells to run: what they ask for, with their headers and names.

use super::entry::{Entry, Override, parse_link};
use super::header::parse_header;
use super::{prose, proxy, quantity, shell};
use crate::model::item::Credentials;

/// Part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The words of a command, without `curl`.
    Command(Vec<String>),
    /// Anything else.
    Other(&'a str),
}

/// What a command asks for.
#[derive(Debug, Default)]
pub(super) struct Understood {
    pub(super) entries: Vec<Entry>,
    pub(super) remarks: Vec<String>,
}

/// Headers that are about the copied request and not about the file: with them a server would send nothing, or something else.
const OF_ONE_REQUEST: [&str; 6] =
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "host", "expect"];

/// What an option means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Link,
    Header,
    Cookie,
    Login,
    UserAgent,
    Referer,
    Proxy,
    Output,
    Interface,
    Limit,
    /// Sends something; its value too where it has one.
    Sends,
    /// Turns the check of certificates off.
    Trusts,
    /// Nothing that matters, without a value.
    Flag,
    /// Nothing that matters, with a value.
    Value,
    /// Something that haul doesn't do, with a value.
    Unused,
}

/// Options by their names: the letter, or nothing, and the word.
const OPTIONS: &[(&str, &str, Meaning)] = &[
    ("", "url", Meaning::Link),
    ("H", "header", Meaning::Header),
    ("b", "cookie", Meaning::Cookie),
    ("u", "user", Meaning::Login),
    ("A", "user-agent", Meaning::UserAgent),
    ("e", "referer", Meaning::Referer),
    ("x", "proxy", Meaning::Proxy),
    ("o", "output", Meaning::Output),
    ("", "interface", Meaning::Interface),
    ("", "limit-rate", Meaning::Limit),
    ("d", "data", Meaning::Sends),
    ("", "data-raw", Meaning::Sends),
    ("", "data-ascii", Meaning::Sends),
    ("", "data-binary", Meaning::Sends),
    ("", "data-urlencode", Meaning::Sends),
    ("", "json", Meaning::Sends),
    ("F", "form", Meaning::Sends),
    ("T", "upload-file", Meaning::Sends),
    ("X", "request", Meaning::Value),
    ("k", "insecure", Meaning::Trusts),
    ("L", "location", Meaning::Flag),
    ("", "location-trusted", Meaning::Flag),
    ("s", "silent", Meaning::Flag),
    ("S", "show-error", Meaning::Flag),
    ("f", "fail", Meaning::Flag),
    ("O", "remote-name", Meaning::Flag),
    ("J", "remote-header-name", Meaning::Flag),
    ("#", "progress-bar", Meaning::Flag),
    ("v", "verbose", Meaning::Flag),
    ("i", "include", Meaning::Flag),
    ("I", "head", Meaning::Flag),
    ("g", "globoff", Meaning::Flag),
    ("G", "get", Meaning::Flag),
    ("N", "no-buffer", Meaning::Flag),
    ("4", "ipv4", Meaning::Flag),
    ("6", "ipv6", Meaning::Flag),
    ("", "compressed", Meaning::Flag),
    ("m", "max-time", Meaning::Value),
    ("", "connect-timeout", Meaning::Value),
    ("", "retry", Meaning::Value),
    ("", "retry-delay", Meaning::Value),
    ("", "retry-max-time", Meaning::Value),
    ("", "max-redirs", Meaning::Value),
    ("C", "continue-at", Meaning::Value),
    ("r", "range", Meaning::Value),
    ("w", "write-out", Meaning::Value),
    ("c", "cookie-jar", Meaning::Value),
    ("D", "dump-header", Meaning::Value),
    ("y", "speed-time", Meaning::Value),
    ("Y", "speed-limit", Meaning::Value),
    ("z", "time-cond", Meaning::Value),
    ("", "output-dir", Meaning::Unused),
    ("E", "cert", Meaning::Unused),
    ("", "key", Meaning::Unused),
    ("", "cacert", Meaning::Unused),
    ("", "capath", Meaning::Unused),
    ("", "resolve", Meaning::Unused),
    ("", "connect-to", Meaning::Unused),
    ("", "unix-socket", Meaning::Unused),
    ("U", "proxy-user", Meaning::Unused),
    ("K", "config", Meaning::Unused),
];

/// Parts a text into the commands that begin a line and what stands between them.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut other = 0;
    let mut at = 0;
    while at < text.len() {
        let line = &text[at..];
        if let Some(begin) = command_begin(line) {
            pieces.push(Piece::Other(&text[other..at]));
            let split = shell::split(&line[begin..]);
            at += begin + split.len;
            other = at;
            pieces.push(Piece::Command(split.words.into_iter().skip(1).collect()));
        }
        // After a command, what separates it from the next may stand before that on the same line.
        at += text[at..].find('\n').map_or(text.len() - at, |end| end + 1);
    }
    pieces.push(Piece::Other(&text[other..]));
    pieces.retain(|piece| *piece != Piece::Other(""));
    pieces
}

/// Where `curl` stands, if a line begins with it or with a prompt and it.
fn command_begin(line: &str) -> Option<usize> {
    let trimmed = line.trim_start_matches([' ', '\t', '\r', '$', '%', '>', '`']);
    let word = trimmed.split_whitespace().next()?;
    let is_curl = word.eq_ignore_ascii_case("curl") || word.eq_ignore_ascii_case("curl.exe");
    is_curl.then_some(line.len() - trimmed.len())
}

/// Reads a command's words.
pub(super) fn parse(words: Vec<String>) -> Understood {
    let mut command = Command::default();
    let mut words = words.into_iter();
    let mut are_options_over = false;
    while let Some(word) = words.next() {
        if word == ">" {
            command.take(Meaning::Output, &words.next().unwrap_or_default(), "");
        } else if are_options_over || !word.starts_with('-') || word == "-" {
            command.take(Meaning::Link, &word, "");
        } else if word == "--" {
            are_options_over = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let meaning = OPTIONS.iter().find(|(_, name, _)| *name == long).map(|(.., meaning)| *meaning);
            let meaning = meaning.unwrap_or(Meaning::Flag);
            let value = if has_value(meaning) { words.next().unwrap_or_default() } else { String::new() };
            command.take(meaning, &value, &word);
        } else {
            command.take_letters(&word[1..], &mut words);
        }
    }
    command.finish()
}

fn has_value(meaning: Meaning) -> bool {
    !matches!(meaning, Meaning::Flag | Meaning::Trusts)
}

/// A command as far as it was read.
#[derive(Default)]
struct Command {
    links: Vec<url::Url>,
    names: Vec<Option<String>>,
    overrides: Vec<Override>,
    unused: Vec<String>,
    sends: bool,
    trusts: bool,
}

impl Command {
    /// `-sSLofile`: letters run together, and the first that has a value takes the rest.
    fn take_letters(&mut self, letters: &str, words: &mut impl Iterator<Item = String>) {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let known =
                OPTIONS.iter().find(|(name, ..)| name.starts_with(letter)).map(|(.., meaning)| *meaning);
            let meaning = known.unwrap_or(Meaning::Flag);
            if has_value(meaning) {
                let value = match rest.as_str() {
                    "" => words.next().unwrap_or_default(),
                    attached => attached.to_owned(),
                };
                return self.take(meaning, &value, &format!("-{letter}"));
            }
            self.take(meaning, "", &format!("-{letter}"));
        }
    }

    fn take(&mut self, meaning: Meaning, value: &str, option: &str) {
        match meaning {
            Meaning::Link => self.links.extend(parse_link(value).ok().or_else(|| prose::bare(value))),
            Meaning::Header => self.take_header(value),
            Meaning::Cookie if value.contains('=') => self.take_header(&format!("Cookie: {value}")),
            Meaning::Cookie if !value.is_empty() => self.overrides.push(Override::Cookies(value.into())),
            Meaning::Login => {
                if let Some((user, password)) = value.split_once(':') {
                    let login = Credentials { user: user.into(), password: password.into() };
                    self.overrides.push(Override::Credentials(login));
                } else {
                    self.unused.push(option.into());
                }
            }
            Meaning::UserAgent => self.overrides.push(Override::UserAgent(value.into())),
            Meaning::Referer => self.overrides.push(Override::Referer(value.into())),
            Meaning::Interface => self.overrides.push(Override::Interface(value.into())),
            Meaning::Proxy => match proxy::parse(value) {
                Ok(url) => self.overrides.push(Override::Proxy(url)),
                Err(_) => self.unused.push(option.into()),
            },
            Meaning::Limit => match quantity::rate(value) {
                Ok(rate) => self.overrides.push(Override::Limit(rate)),
                Err(_) => self.unused.push(option.into()),
            },
            Meaning::Output => self.names.push(file_name(value)),
            Meaning::Sends => self.sends = true,
            Meaning::Trusts => self.trusts = true,
            Meaning::Unused => self.unused.push(option.into()),
            Meaning::Flag | Meaning::Value | Meaning::Cookie => {}
        }
    }

    /// Headers that haul sets itself are left out: the copied ones describe how the browser fetched, not the file.
    fn take_header(&mut self, text: &str) {
        let Ok(header) = parse_header(text) else { return };
        let name = header.name.to_ascii_lowercase();
        if header.value.is_empty() || OF_ONE_REQUEST.contains(&name.as_str()) {
            return;
        }
        self.overrides.push(match name.as_str() {
            "user-agent" => Override::UserAgent(header.value),
            "referer" => Override::Referer(header.value),
            _ => Override::Header(header),
        });
    }

    fn finish(self) -> Understood {
        let mut remarks = Vec::new();
        if self.sends {
            remarks.push(
                "A command sends data with its request. haul only asks for files, so it sends none.".into(),
            );
        }
        if self.trusts {
            remarks.push("A command trusts any certificate (-k). haul never does.".into());
        }
        if !self.unused.is_empty() {
            remarks.push(format!("These curl options are not used: {}.", self.unused.join(", ")));
        }
        let mut names = self.names.into_iter();
        let entries = self.links.into_iter().map(|url| {
            let name = names.next().flatten();
            let name_is_asked = name.is_some();
            Entry { name, name_is_asked, overrides: self.overrides.clone(), ..Entry::new(url) }
        });
        Understood { entries: entries.collect(), remarks }
    }
}

/// The file's own name in `-o`'s path: where it goes is chosen in the dialog.
fn file_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let is_name = !matches!(name, "" | "-" | "." | ".." | "null" | "NUL") && !name.contains(char::is_control);
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command's first link with its name and settings, in short.
    fn read(command: &str) -> String {
        let [Piece::Command(words)] = &pieces(command)[..] else { panic!("{command}") };
        let understood = parse(words.clone());
        let setting = |own: &Override| match own {
            Override::Header(header) => format!(" [{}: {}]", header.name, header.value),
            Override::Credentials(login) => format!(" [{}:{}]", login.user, login.password),
            own => format!(" [{own:?}]"),
        };
        let said = |entry: &Entry| {
            let settings: Vec<_> = entry.overrides.iter().map(setting).collect();
            format!("{} {:?}{}", entry.url, entry.name.as_deref().unwrap_or_default(), settings.concat())
        };
        let mut lines: Vec<_> = understood.entries.iter().map(said).collect();
        lines.extend(understood.remarks);
        lines.join("\n")
    }

    #[test]
    fn what_browsers_copy() {
        insta::assert_snapshot!(read("curl 'https://a.example/x?y=1' \\\n  --compressed \\\n  -H 'User-Agent: Mozilla/5.0' \\\n  -H 'Accept: */*' \\\n  -H 'Accept-Encoding: gzip, deflate, br' \\\n  -H 'If-None-Match: \"abc\"' \\\n  -H 'Range: bytes=0-' \\\n  -H 'Referer: https://a.example/' \\\n  -b 'sid=1; t=2'"), @r#"https://a.example/x?y=1 "" [UserAgent("Mozilla/5.0")] [Accept: */*] [Referer("https://a.example/")] [Cookie: sid=1; t=2]"#);
        insta::assert_snapshot!(read("curl ^\"https://a.example/x?a=1^&b=^%^20c^\" ^\r\n  -H ^\"cookie: a=^\\^\"b^\\^\"^\" ^\r\n  -H ^\"sec-ch-ua-mobile: ?0^\""), @r#"https://a.example/x?a=1&b=%20c "" [cookie: a="b"] [sec-ch-ua-mobile: ?0]"#);
    }

    #[test]
    fn what_people_write() {
        for (command, said) in [
            ("curl -sSLO https://a.example/x", "https://a.example/x \"\""),
            ("$ curl -fL -o /tmp/y.iso https://a.example/x", "https://a.example/x \"y.iso\""),
            ("curl -oy.iso https://a.example/x", "https://a.example/x \"y.iso\""),
            ("curl https://a.example/x > y.iso", "https://a.example/x \"y.iso\""),
            ("curl https://a.example/x -o /dev/null", "https://a.example/x \"\""),
            ("curl -u me:hush https://a.example/x", "https://a.example/x \"\" [me:hush]"),
            ("curl -O a.example/x.iso", "https://a.example/x.iso \"\""),
            (
                "curl -o 1 https://a.example/x -o 2 https://a.example/y",
                "https://a.example/x \"1\"\nhttps://a.example/y \"2\"",
            ),
            (
                "curl -k -X POST -d a=b https://a.example/x",
                "https://a.example/x \"\"\nA command sends data with its request. haul only asks for files, so it sends none.\nA command trusts any certificate (-k). haul never does.",
            ),
            (
                "curl --cacert x.pem --limit-rate 2MB https://a.example/x",
                "https://a.example/x \"\" [Limit(2000000)]\nThese curl options are not used: --cacert.",
            ),
            ("curl -- https://a.example/x", "https://a.example/x \"\""),
            ("curl file:///etc/passwd", ""),
        ] {
            assert_eq!(read(command), said, "{command}");
        }
    }

    #[test]
    fn commands_are_cut_out_of_a_text() {
        let text = "one\ncurl 'a' ;\ncurl 'b'\nthe curl command\n";
        let words = |words: &[&str]| Piece::Command(words.iter().map(ToString::to_string).collect());
        assert_eq!(
            pieces(text),
            [
                Piece::Other("one\n"),
                words(&["a"]),
                Piece::Other(";\n"),
                words(&["b"]),
                Piece::Other("\nthe curl command\n")
            ]
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let understood = parse(vec![
            "-u".into(),
            "me:hush".into(),
            "-b".into(),
            "s=hush".into(),
            "http://a.example".into(),
        ]);
        assert!(!format!("{understood:?}").contains("hush"));
    }
}
