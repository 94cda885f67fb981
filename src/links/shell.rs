//! A command as a browser copies it, split into its words: as a Unix shell reads it, or as Windows' `cmd` and then the C runtime do.

/// A command's words, and where the text goes on after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The words, without their quotes.
    pub(super) words: Vec<String>,
    /// Bytes that the command takes.
    pub(super) len: usize,
}

/// Splits the command that a text begins with. A quote that nobody closes runs to the end.
pub(super) fn split(text: &str) -> Split {
    if is_cmd(text) { split_cmd(text) } else { split_unix(text) }
}

/// A command's words in one line, quoted where a Unix shell would take them for something else.
pub(super) fn joined(words: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,~".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Whether a command is written for `cmd`: its carets before quotes or at a line's end mean nothing elsewhere.
fn is_cmd(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.contains("^\"") || line.ends_with('^')
}

/// The words so far.
#[derive(Default)]
struct Words {
    done: Vec<String>,
    open: Option<String>,
}

impl Words {
    fn push(&mut self, c: char) {
        self.begin().push(c);
    }

    /// A quote begins a word even where nothing is in it.
    fn begin(&mut self) -> &mut String {
        self.open.get_or_insert_default()
    }

    fn end(&mut self) {
        self.done.extend(self.open.take());
    }
}

fn split_unix(text: &str) -> Split {
    let mut words = Words::default();
    let mut rest = text.char_indices().peekable();
    let mut len = text.len();
    while let Some((at, c)) = rest.next() {
        match c {
            '\'' => {
                words.begin();
                words.begin().extend(rest.by_ref().map(|(_, c)| c).take_while(|c| *c != '\''));
            }
            '"' => {
                words.begin();
                while let Some((_, c)) = rest.next().filter(|(_, c)| *c != '"') {
                    match (c, rest.peek().map(|(_, next)| *next)) {
                        ('\\', Some('\n')) => drop(rest.next()),
                        ('\\', Some(next)) if "\\\"$`".contains(next) => {
                            words.push(next);
                            rest.next();
                        }
                        _ => words.push(c),
                    }
                }
            }
            '$' if rest.peek().is_some_and(|(_, next)| *next == '\'') => {
                rest.next();
                words.begin();
                read_ansi_c(&mut rest, &mut words);
            }
            '\\' => match rest.next() {
                Some((_, '\n')) | None => {}
                Some((_, '\r')) if rest.peek().is_some_and(|(_, next)| *next == '\n') => drop(rest.next()),
                Some((_, next)) => words.push(next),
            },
            '>' => {
                words.end();
                words.push('>');
                words.end();
            }
            // Between two characters of a link that nobody quoted it is no sign of the shell's.
            '&' if words.open.is_some()
                && rest.peek().is_some_and(|(_, next)| !next.is_whitespace() && *next != '&') =>
            {
                words.push(c);
            }
            '\n' | ';' | '|' | '&' => {
                len = at;
                break;
            }
            c if c.is_whitespace() => words.end(),
            c => words.push(c),
        }
    }
    words.end();
    Split { words: words.done, len }
}

/// What stands in `$'...'`.
fn read_ansi_c(rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>, words: &mut Words) {
    while let Some((_, c)) = rest.next().filter(|(_, c)| *c != '\'') {
        if c != '\\' {
            words.push(c);
            continue;
        }
        let Some((_, letter)) = rest.next() else { return };
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let mut number = String::new();
        while number.len() < digits
            && let Some((_, digit)) = rest.next_if(|(_, c)| c.is_ascii_hexdigit())
        {
            number.push(digit);
        }
        words.push(match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' | 'b' | 'e' | 'f' | 'v' => ' ',
            'x' | 'u' | 'U' => {
                u32::from_str_radix(&number, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
            }
            other => other,
        });
    }
}

fn split_cmd(text: &str) -> Split {
    let (line, len) = without_carets(text);
    Split { words: c_runtime_words(&line), len }
}

/// What `cmd` hands on: carets are gone, and what they stood before is plain.
fn without_carets(text: &str) -> (String, usize) {
    let mut line = String::new();
    let mut is_quoted = false;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '^' if !is_quoted => {
                rest.next_if(|(_, next)| *next == '\r');
                // A line's end after a caret is skipped, and what follows is plain.
                if rest.next_if(|(_, next)| *next == '\n').is_some() {
                    rest.next_if(|(_, next)| *next == '\r');
                }
                line.extend(rest.next().map(|(_, next)| next));
            }
            '"' => {
                is_quoted = !is_quoted;
                line.push(c);
            }
            '\n' => return (line, at),
            '&' | '|' if !is_quoted => return (line, at),
            c => line.push(c),
        }
    }
    (line, text.len())
}

/// The words of a Windows command line: a backslash is one, but before a quote.
fn c_runtime_words(line: &str) -> Vec<String> {
    let mut words = Words::default();
    let mut is_quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let mut slashes = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    slashes += 1;
                }
                let is_before_quote = rest.peek() == Some(&'"');
                let kept = if is_before_quote { slashes / 2 } else { slashes };
                (0..kept).for_each(|_| words.push('\\'));
                if is_before_quote && slashes % 2 == 1 {
                    words.push('"');
                    rest.next();
                }
            }
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => words.push('"'),
            '"' => {
                is_quoted = !is_quoted;
                words.begin();
            }
            c if c.is_whitespace() && !is_quoted => words.end(),
            c => words.push(c),
        }
    }
    words.end();
    words.done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shell_s_words() {
        for (text, words, rest) in [
            ("curl a b", &["curl", "a", "b"][..], ""),
            ("curl 'a b' \"c $d\"", &["curl", "a b", "c $d"], ""),
            ("curl \\\n  'a'\nnext", &["curl", "a"], "\nnext"),
            ("curl \\\r\n  a", &["curl", "a"], ""),
            ("curl a'b'\"c\"\\ d ''", &["curl", "abc d", ""], ""),
            ("curl \"a\\\"b\\\\c\\d\"", &["curl", "a\"b\\c\\d"], ""),
            ("curl $'it\\'s \\u0021\\x41\\n'", &["curl", "it's !A\n"], ""),
            ("curl 'a' ;\ncurl 'b'", &["curl", "a"], ";\ncurl 'b'"),
            ("curl a | tar x", &["curl", "a"], "| tar x"),
            ("curl http://a/?a=1&b=2 &", &["curl", "http://a/?a=1&b=2"], "&"),
            ("curl a && b", &["curl", "a"], "&& b"),
            ("curl a>b", &["curl", "a", ">", "b"], ""),
            ("curl 'open", &["curl", "open"], ""),
        ] {
            let split = split(text);
            assert_eq!(
                (&split.words[..], &text[split.len..]),
                (&words.iter().map(ToString::to_string).collect::<Vec<_>>()[..], rest),
                "{text}"
            );
        }
    }

    #[test]
    fn the_words_of_cmd() {
        for (text, words, rest) in [
            (
                "curl ^\"http://a/x?a=1^&b=^%^2F^\" ^\r\n  -H ^\"a: ^\\^\"b^\\^\"^\"",
                &["curl", "http://a/x?a=1&b=%2F", "-H", "a: \"b\""][..],
                "",
            ),
            (
                "curl \"http://a/x?a=1&b=2\" ^\n  -H \"a: \"\"b\"\"\" ^\n  --compressed\nnext",
                &["curl", "http://a/x?a=1&b=2", "-H", "a: \"b\"", "--compressed"],
                "\nnext",
            ),
            ("curl ^\"a^\" ^\n -d ^\"x^\n\ny^\" &\ncurl", &["curl", "a", "-d", "x\ny"], "&\ncurl"),
            ("curl ^\"c:\\\\dir^\"", &["curl", "c:\\\\dir"], ""),
        ] {
            let split = split(text);
            assert_eq!(
                (&split.words[..], &text[split.len..]),
                (&words.iter().map(ToString::to_string).collect::<Vec<_>>()[..], rest),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "curl (\\PC|['\"\\\\^$&\n\r]){0,40}") {
            let split = split(&text);
            prop_assert!(text.is_char_boundary(split.len));
        }

        #[test]
        fn what_a_shell_quotes_comes_back(words in prop::collection::vec("[^']{0,10}", 1..5)) {
            let text = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_unix(&text).words, words);
        }
    }
}
