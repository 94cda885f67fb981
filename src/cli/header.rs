//! Request headers that a person gives: parsed, read from files, and warned of where others can see a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::{HeaderName, HeaderValue};

use super::error::CliError;
use crate::model::item::GivenHeader;

/// What haul sets itself, because the bytes depend on it (RFC 9110, sections 12.5.3, 13.1.5 and 14.2).
const OWN: [&str; 8] = [
    "range",
    "if-range",
    "accept-encoding",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
];

/// Names, or parts of names, of headers that carry secrets.
const SECRET: [&str; 8] =
    ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "session"];

/// Parses `Name: value`.
///
/// # Errors
/// A sentence that says what is wrong with it, without the value.
pub(crate) fn parse_header(text: &str) -> Result<GivenHeader, String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("a header is written as `Name: value`; there is no colon".into());
    };
    let (name, value) = (name.trim(), value.trim());
    let known =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` can't name a header"))?;
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("the value of `{name}` has a control character in it"))?;
    if OWN.contains(&known.as_str()) {
        return Err(format!("`{name}` can't be given: haul sets it itself, because resuming depends on it"));
    }
    Ok(GivenHeader { name: name.to_owned(), value: value.to_owned() })
}

/// Reads the `--header` values, `@FILE` ones line by line. Warnings are sentences.
///
/// # Errors
/// The first value or file that is wrong.
pub(crate) fn read_headers(
    given: &[String],
    absolute: impl Fn(&Path) -> std::path::PathBuf,
) -> Result<(Vec<GivenHeader>, Vec<String>), CliError> {
    let mut headers = Vec::new();
    let mut warnings = Vec::new();
    for text in given {
        if let Some(file) = text.strip_prefix('@') {
            let path = absolute(Path::new(file));
            let content =
                fs::read_to_string(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
            if is_readable_by_others(&path) {
                warnings.push(format!("haul: others may read {}. Run `chmod 600` on it.", path.display()));
            }
            for (number, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                headers.push(parse_header(line).map_err(|why| {
                    CliError::usage(format!("{}:{}: {why}", path.display(), number + 1), "")
                })?);
            }
        } else {
            let header = parse_header(text).map_err(|why| {
                CliError::usage(why, "Write it as --header 'Name: value' or --header @FILE")
            })?;
            if is_secret(&header.name) {
                warnings.push(format!(
                    "haul: everybody on this machine can see the {} header in the process list. Put it into a file that only you may read and give --header @FILE.",
                    header.name
                ));
            }
            headers.push(header);
        }
    }
    Ok((headers, warnings))
}

/// Whether a header of this name is likely to carry a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|known| known.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_a_colon_and_a_value() {
        let header = parse_header("X-Thing:  a: b ").unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("X-Thing", "a: b"));
        for bad in ["no colon", ": x", "a b: c", "X: a\u{1}b", "Range: bytes=0-", "accept-encoding: gzip"] {
            assert!(parse_header(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for secret in
            ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "PRIVATE-TOKEN"]
        {
            assert!(is_secret(secret), "{secret}");
        }
        for plain in ["Referer", "Accept", "Accept-Language", "X-Request-Id"] {
            assert!(!is_secret(plain), "{plain}");
        }
    }

    #[test]
    fn a_secret_is_warned_of_in_the_arguments_and_in_a_file_that_others_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        fs::write(&file, "Authorization: Bearer x\n\nX-Other: y\n").unwrap();
        let at = |path: &Path| folder.path().join(path);
        for (mode, warned) in [(0o600, 0), (0o640, 1), (0o644, 1)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let (headers, warnings) = read_headers(&["@headers".into()], at).unwrap();
            assert_eq!((headers.len(), warnings.len()), (2, warned), "{mode:o}");
        }
        let (_, warnings) = read_headers(&["Cookie: a=b".into(), "Accept: */*".into()], at).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(!warnings[0].contains("a=b"));
    }
}
