//! `haul offer`: links that somebody else opened, a page or a file manager. They fill the Add dialog and do nothing else.

use clap::Args;
use url::Url;

use super::context::Context;
use super::error::CliError;
use super::intake::from_word;
use crate::links::entry::{Entry, parse_link};

/// Links in one `haul://` link, at most.
const MOST_LINKS: usize = 100;
/// Bytes of a Metalink file, at most.
const MOST_FILE: u64 = 16 << 20;

/// `offer`.
#[derive(Clone, Debug, Args)]
pub struct OfferArgs {
    /// `haul://add?url=LINK`, or a Metalink file
    #[arg(required = true, value_name = "LINK|FILE")]
    links: Vec<String>,
}

/// Returns what is offered, for a person to look at.
///
/// # Errors
/// A link or file makes no sense.
pub(crate) fn offered(args: &OfferArgs, context: &Context) -> Result<Vec<Entry>, CliError> {
    let all = args.links.iter().map(|word| one(word, context)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn one(word: &str, context: &Context) -> Result<Vec<Entry>, CliError> {
    match Url::parse(word) {
        Ok(link) if link.scheme() == "haul" => of_link(&link),
        Ok(file) if file.scheme() == "file" => {
            let path =
                file.to_file_path().map_err(|()| CliError::usage("that file is not on this machine", ""))?;
            of_file(&path.to_string_lossy(), context)
        }
        Ok(link) if matches!(link.scheme(), "http" | "https") => from_word(word, context),
        _ => of_file(word, context),
    }
}

fn of_file(name: &str, context: &Context) -> Result<Vec<Entry>, CliError> {
    let path = context.absolute(std::path::Path::new(name));
    let facts = std::fs::metadata(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    if facts.len() > MOST_FILE {
        return Err(CliError::usage(format!("{name} is too large for a Metalink"), ""));
    }
    from_word(name, context)
}

/// The links of a `haul://` link. It says what to fetch, and nothing of how.
fn of_link(link: &Url) -> Result<Vec<Entry>, CliError> {
    let wrong = |why: &str| CliError::usage(why, "Such a link is haul://add?url=LINK, with LINK encoded");
    if link.host_str() != Some("add") || !matches!(link.path(), "" | "/") {
        return Err(wrong("this haul:// link asks for something that haul doesn't know"));
    }
    let mut entries = Vec::new();
    for (name, value) in link.query_pairs() {
        if name != "url" {
            return Err(wrong(&format!("a haul:// link has no `{}`", name.escape_debug())));
        }
        entries.push(Entry::new(parse_link(&value).map_err(|why| wrong(&why))?));
    }
    match entries.len() {
        0 => Err(wrong("this haul:// link names no link")),
        count if count > MOST_LINKS => Err(wrong("this haul:// link names too many links")),
        _ => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_haul_link_names_links_and_nothing_else() {
        let read = |link: &str| of_link(&Url::parse(link).unwrap()).map(|entries| entries.len());
        for (link, count) in [
            ("haul://add?url=https%3A%2F%2Fa.example%2Fx%3Fa%3D1%26b%3D2", 1),
            ("haul://add/?url=https://a.example/x&url=http://b.example/y", 2),
        ] {
            assert_eq!(read(link).ok(), Some(count), "{link}");
        }
        for link in [
            "haul://add",
            "haul://add?url=",
            "haul://remove?url=https://a.example/x",
            "haul://add/all?url=https://a.example/x",
            "haul://add?url=https://a.example/x&folder=/etc",
            "haul://add?url=file:///etc/passwd",
            "haul://add?url=javascript:alert(1)",
            "haul:add?url=https://a.example/x",
            &format!("haul://add?{}", "url=https://a.example/x&".repeat(101)),
        ] {
            assert!(read(link).is_err(), "{link}");
        }
    }
}
