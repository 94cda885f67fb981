//! Request headers of the command line: read from files, and warned of where others can see a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::error::CliError;
use crate::links::header::parse_header;
use crate::model::item::GivenHeader;

/// Names, or parts of names, of headers that carry secrets.
const SECRET: [&str; 8] =
    ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "session"];

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
