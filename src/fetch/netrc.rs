//! The `.netrc` file: user names and passwords by host, as curl and ftp read it.

use crate::model::item::Credentials;

/// Finds the entry for a host, or the default one.
pub fn find(text: &str, host: &str) -> Option<Credentials> {
    let mut words = Words { rest: text };
    let (mut matches, mut found, mut user, mut password) = (false, false, String::new(), String::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" | "default" => {
                if found {
                    break;
                }
                matches =
                    word == "default" || words.next().is_some_and(|name| name.eq_ignore_ascii_case(host));
                found = matches;
            }
            "login" if matches => user = words.next()?,
            "password" if matches => password = words.next()?,
            "login" | "password" | "account" => {
                words.next();
            }
            // A macro reaches to the next empty line.
            "macdef" => words.rest = words.rest.split_once("\n\n").map_or("", |(_, rest)| rest),
            _ => {}
        }
    }
    found.then_some(Credentials { user, password })
}

/// Words between blanks, with quotes and comments.
struct Words<'a> {
    rest: &'a str,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut word = String::new();
            let mut chars = quoted.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        self.rest = &quoted[at + 1..];
                        return Some(word);
                    }
                    '\\' => word.extend(chars.next().map(|(_, c)| c)),
                    _ => word.push(c),
                }
            }
            self.rest = "";
            return Some(word);
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_find_their_own_entry() {
        let text = "# mine\nmachine a.example login me password \"p w\\\"d\"\n\
                    macdef init\nlogin nobody\n\nmachine b.example\n login you\n password x\ndefault login anon password mail\n";
        let found = |host| find(text, host).map(|given| (given.user, given.password));
        assert_eq!(found("a.example"), Some(("me".into(), "p w\"d".into())));
        assert_eq!(found("B.example"), Some(("you".into(), "x".into())));
        assert_eq!(found("c.example"), Some(("anon".into(), "mail".into())));
        assert!(find("machine a login x password y", "b").is_none());
    }
}
