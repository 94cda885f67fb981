//! aria2's input files: a line of links to one file, tabs between them, and indented `option=value` lines below it.

use super::entry::{Entry, Override, parse_link};
use super::header::parse_header;
use super::list::{Field, Listed, Problem, fields, lines};
use super::pairs;
use super::proxy;
use super::quantity;
use crate::model::item::Credentials;

/// Whether a text is one: a line is indented and is no link, or has links side by side.
pub(crate) fn is_aria2(text: &str) -> bool {
    lines(text).any(|(number, line)| {
        let is_option = is_indented(line) && !line.contains("://") && line.contains('=');
        let is_plain_option = is_indented(line)
            && line.trim_start().split_once('=').is_some_and(|(key, _)| is_option_name(key));
        is_option || is_plain_option || fields(number, line).skip(1).any(|field| is_link(field.text))
    })
}

/// Parses it.
///
/// # Errors
/// Every problem in it, in order.
pub(crate) fn parse(text: &str) -> Result<Listed, Vec<Problem>> {
    let mut listed = Listed::default();
    let mut problems = Vec::new();
    let mut ignored: Vec<&str> = Vec::new();
    // Whether the options below belong to a download, to a broken one, or to none.
    let mut is_begun = false;
    let mut is_broken = false;
    for (number, line) in lines(text) {
        if !is_indented(line) {
            is_begun = true;
            match parse_links(fields(number, line).filter(|field| !field.text.is_empty())) {
                Ok(entry) => {
                    is_broken = false;
                    listed.entries.extend(entry);
                }
                Err(mut found) => {
                    is_broken = true;
                    problems.append(&mut found);
                }
            }
            continue;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        let field = Field { line: number, column: indent + 1, text: line.trim() };
        let Some((option, value)) = field.text.split_once('=') else {
            problems.push(field.problem(format!("`{}` is no option=value line", field.text)));
            continue;
        };
        match listed.entries.last_mut().filter(|_| is_begun) {
            _ if is_broken => {}
            None => problems.push(field.problem("an option stands before the first link")),
            Some(entry) => match set(entry, option.trim(), value.trim()) {
                Ok(Heeded::Yes) => {}
                Ok(Heeded::No) => {
                    if !ignored.contains(&option) {
                        ignored.push(option);
                    }
                }
                Err(why) => problems.push(field.problem(why)),
            },
        }
    }
    if !ignored.is_empty() {
        listed.remarks.push(format!("haul: these aria2 options are not used: {}.", ignored.join(", ")));
    }
    if problems.is_empty() { Ok(listed) } else { Err(problems) }
}

/// Whether an option means anything here.
enum Heeded {
    Yes,
    No,
}

fn parse_links<'a>(links: impl Iterator<Item = Field<'a>>) -> Result<Option<Entry>, Vec<Problem>> {
    let mut entry: Option<Entry> = None;
    let mut problems = Vec::new();
    for field in links {
        match (parse_link(field.text), &mut entry) {
            (Ok(url), None) => entry = Some(Entry::new(url)),
            (Ok(url), Some(entry)) => entry.extras.mirrors.push(url),
            (Err(why), _) => problems.push(field.problem(why)),
        }
    }
    if problems.is_empty() { Ok(entry) } else { Err(problems) }
}

fn set(entry: &mut Entry, option: &str, value: &str) -> Result<Heeded, String> {
    match option {
        "out" | "dir" | "referer" | "user-agent" => pairs::set(entry, option, value)?,
        "checksum" => pairs::set(entry, option, &value.replacen('=', ":", 1))?,
        "header" => entry.overrides.push(Override::Header(parse_header(value)?)),
        "max-connection-per-server" | "split" => raise_connections(entry, value)?,
        // 0 means no limit there, here and below.
        "max-tries" if value == "0" => {}
        "max-tries" => pairs::set(entry, "tries", value)?,
        "max-download-limit" if matches!(value, "0" | "0K" | "0M") => {}
        "max-download-limit" => entry.overrides.push(Override::Limit(binary_rate(value)?)),
        "all-proxy" | "http-proxy" | "https-proxy" if value.is_empty() => {}
        "all-proxy" => entry.overrides.push(Override::Proxy(proxy::parse(value)?)),
        "http-proxy" | "https-proxy" if option.strip_suffix("-proxy") == Some(entry.url.scheme()) => {
            entry.overrides.push(Override::Proxy(proxy::parse(value)?));
        }
        "http-user" => log_in(entry, |login| value.clone_into(&mut login.user)),
        "http-passwd" => log_in(entry, |login| value.clone_into(&mut login.password)),
        "allow-overwrite" if value == "true" => entry.overrides.push(Override::Replace),
        "load-cookies" => entry.overrides.push(Override::Cookies(value.into())),
        "interface" => entry.overrides.push(Override::Interface(value.into())),
        _ => return Ok(Heeded::No),
    }
    Ok(Heeded::Yes)
}

/// `split` and `max-connection-per-server` both bound it there; here the larger one does.
fn raise_connections(entry: &mut Entry, value: &str) -> Result<(), String> {
    let wanted: u32 = value.parse().map_err(|_| format!("`{value}` is no number of connections"))?;
    for own in &mut entry.overrides {
        if let Override::Connections(connections) = own {
            *connections = wanted.max(*connections);
            return Ok(());
        }
    }
    entry.overrides.push(Override::Connections(wanted));
    Ok(())
}

/// aria2's K and M are 1024 and 1024 times that.
fn binary_rate(value: &str) -> Result<u64, String> {
    let (digits, scale) = match value.char_indices().last() {
        Some((at, 'k' | 'K')) => (&value[..at], 1024),
        Some((at, 'm' | 'M')) => (&value[..at], 1024 * 1024),
        _ => return quantity::rate(value),
    };
    let count: Option<u64> = digits.parse().ok();
    count.and_then(|count| count.checked_mul(scale)).ok_or_else(|| format!("`{value}` is no speed"))
}

/// Name and password stand on lines of their own there.
fn log_in(entry: &mut Entry, change: impl FnOnce(&mut Credentials)) {
    for own in &mut entry.overrides {
        if let Override::Credentials(credentials) = own {
            return change(credentials);
        }
    }
    let mut credentials = Credentials { user: String::new(), password: String::new() };
    change(&mut credentials);
    entry.overrides.push(Override::Credentials(credentials));
}

fn is_indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

fn is_option_name(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
}

fn is_link(text: &str) -> bool {
    ["http://", "https://", "ftp://", "sftp://"].iter().any(|scheme| text.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::super::list::parse;
    use super::*;

    #[test]
    fn it_is_known_by_itself() {
        for (text, is) in [
            ("http://a.example/x\n", false),
            ("http://a.example/x\tout=y\n", false),
            ("  http://a.example/x?a=b\n", false),
            ("http://a.example/x\n out=y\n", true),
            ("http://a.example/x\n\treferer=http://b.example/\n", true),
            ("http://a.example/x\thttp://b.example/x\n", true),
            ("#\thttp://a.example\n", false),
        ] {
            assert_eq!(is_aria2(text), is, "{text}");
        }
    }

    #[test]
    fn links_to_one_file_are_mirrors_and_options_belong_to_it() {
        let text = "# list\nhttp://a.example/x\thttps://b.example/x\n  dir=/data\n  out=y.iso\n  checksum=sha-256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\
            \theader=X-A: b\n  split=4\n  max-connection-per-server=8\n  max-download-limit=2M\n  max-tries=3\n  gid=1\n\nhttp://c.example/z\n  http-user=me\n  http-passwd=hush\n  gid=2\n";
        let listed = parse(text.as_bytes()).unwrap();
        assert_eq!(listed.remarks, ["haul: these aria2 options are not used: gid."]);
        let [first, second] = &listed.entries[..] else { panic!("not two") };
        assert_eq!(first.extras.mirrors.len(), 1);
        assert_eq!(first.folder, Some("/data".into()));
        assert_eq!(first.name.as_deref(), Some("y.iso"));
        assert!(first.extras.checksum.is_some());
        assert!(first.overrides.contains(&Override::Connections(8)));
        assert!(first.overrides.contains(&Override::Limit(2 * 1024 * 1024)));
        assert!(first.overrides.contains(&Override::Tries(3)));
        let known = Credentials { user: "me".into(), password: "hush".into() };
        assert_eq!(second.overrides, [Override::Credentials(known)]);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        for (text, places) in [
            (" out=x\nhttp://a.example/x\n", &[(1, 2)][..]),
            ("http://a.example/x\tftp://b.example/x\n  out=../y\n", &[(1, 20)]),
            ("http://a.example/x\n  out=../y\n  split=many\n  nonsense\n", &[(2, 3), (3, 3), (4, 3)]),
        ] {
            let found: Vec<_> =
                parse(text.as_bytes()).unwrap_err().iter().map(|at| (at.line, at.column)).collect();
            assert_eq!(found, places, "{text}");
        }
    }
}
