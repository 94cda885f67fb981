//! What a file is called: chosen among what the server and the URLs say, and made safe for every file system.

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use unicode_normalization::UnicodeNormalization;
use url::Url;

use super::disposition;
use crate::model::file_name::{MOST_BYTES, extension, shorten};
use crate::model::printable::is_hostile;

/// Names that Windows keeps for devices, whatever follows the first dot.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Decides a file's name at its first answer. It is never empty and always safe.
pub fn decide(source: &Url, last: &Url, headers: &HeaderMap) -> String {
    let said = headers.get(CONTENT_DISPOSITION).and_then(|value| disposition::file_name(value.as_bytes()));
    let from_source = from_url(source);
    said.as_deref()
        .and_then(sanitise)
        .or_else(|| from_source.clone().filter(|name| extension(name).is_some()))
        .or_else(|| from_url(last).filter(|name| extension(name).is_some()))
        .or(from_source)
        .unwrap_or_else(|| {
            let stem = source.host_str().and_then(sanitise).unwrap_or_else(|| "download".into());
            let kind =
                headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(extension_of_type);
            kind.map_or(stem.clone(), |kind| format!("{stem}.{kind}"))
        })
}

/// Returns the name that the URL's last segment gives, decoded once and made safe.
pub fn from_url(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(segment).collect();
    let decoded = String::from_utf8(bytes)
        .unwrap_or_else(|error| encoding_rs::WINDOWS_1252.decode(error.as_bytes()).0.into_owned());
    sanitise(&decoded)
}

/// Returns the name to show before any answer came.
pub fn provisional(url: &Url) -> String {
    from_url(url).or_else(|| url.host_str().and_then(sanitise)).unwrap_or_else(|| "download".into())
}

/// Makes a decoded name safe: one component, nothing hidden, nothing that a file system or a shell treats specially.
pub fn sanitise(raw: &str) -> Option<String> {
    let last = raw.rsplit(['/', '\\']).next().unwrap_or(raw);
    let clean: String = last
        .nfc()
        .filter(|c| !is_hostile(*c))
        .map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .collect();
    let trimmed = clean.trim_start_matches(|c: char| c == '.' || c.is_whitespace());
    let trimmed = trimmed.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() {
        return None;
    }
    let mut name = trimmed.to_owned();
    if name.starts_with('-') || is_device(&name) {
        name.insert(0, '_');
    }
    Some(shorten(&name, MOST_BYTES))
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let upper = stem.to_uppercase();
    if DEVICES.contains(&upper.as_str()) {
        return true;
    }
    let mut chars = upper.chars();
    let head: String = chars.by_ref().take(3).collect();
    let digit = chars.next();
    matches!(head.as_str(), "COM" | "LPT")
        && digit.is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'))
        && chars.next().is_none()
}

fn extension_of_type(media_type: &str) -> Option<&'static str> {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/html" => "html",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "application/json" => "json",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" | "application/x-gzip" => "gz",
        "application/xml" | "text/xml" => "xml",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "audio/mpeg" => "mp3",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/ogg" => "ogg",
        "audio/mp4" => "m4a",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/x-matroska" => "mkv",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_from_servers_become_safe() {
        let long = format!("{}.tar.gz", "ä".repeat(300));
        let table = [
            ("file.iso", Some("file.iso")),
            ("../../etc/passwd", Some("passwd")),
            ("..\\..\\boot.ini", Some("boot.ini")),
            ("C:\\x\\y.txt", Some("y.txt")),
            (".bashrc", Some("bashrc")),
            ("...", None),
            ("", None),
            ("/", None),
            ("-rf", Some("_-rf")),
            ("NUL", Some("_NUL")),
            ("nul.tar.gz", Some("_nul.tar.gz")),
            ("COM¹.txt", Some("_COM¹.txt")),
            ("COMMON.txt", Some("COMMON.txt")),
            ("trailing. . ", Some("trailing")),
            ("a:b*c?.txt", Some("a_b_c_.txt")),
            ("evil\u{202e}gpj.exe", Some("evilgpj.exe")),
            ("line\nbreak\x1b[2J.txt", Some("linebreak[2J.txt")),
            ("zero\u{200b}.txt", Some("zero.txt")),
            ("e\u{301}.txt", Some("é.txt")),
        ];
        for (raw, name) in table {
            assert_eq!(sanitise(raw).as_deref(), name, "{raw:?}");
        }
        let short = sanitise(&long).unwrap();
        assert!(short.len() <= MOST_BYTES && short.ends_with("ä.tar.gz"));
    }

    #[test]
    fn the_best_source_of_a_name_wins() {
        let decide = |source: &str, last: &str, said: &str, kind: &'static str| {
            let mut headers = HeaderMap::new();
            if !said.is_empty() {
                headers.insert(CONTENT_DISPOSITION, said.parse().unwrap());
            }
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            super::decide(&Url::parse(source).unwrap(), &Url::parse(last).unwrap(), &headers)
        };
        let any = "application/octet-stream";
        let table = [
            ("http://h/a.iso", "http://cdn/x/y.bin", "attachment; filename=\"real.iso\"", any, "real.iso"),
            ("http://h/a.iso", "http://cdn/x/y.bin", "", any, "a.iso"),
            ("http://h/get", "http://cdn/x/y.bin", "", any, "y.bin"),
            ("http://h/get?id=3", "http://cdn/x/blob", "", any, "get"),
            ("http://h.example/", "http://h.example/", "", "text/html; charset=utf-8", "h.example.html"),
            ("http://h/%2e%2e%2fetc%2fpasswd", "http://h/", "", any, "passwd"),
            ("http://h/na%C3%AFve%20file.txt", "http://h/", "", any, "naïve file.txt"),
            ("http://h/latin%E4.txt", "http://h/", "", any, "latinä.txt"),
        ];
        for (source, last, said, kind, name) in table {
            assert_eq!(decide(source, last, said, kind), name, "{source}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_safe_component_and_stays_so(raw in any::<String>()) {
            if let Some(name) = sanitise(&raw) {
                prop_assert!(!name.is_empty() && name.len() <= MOST_BYTES);
                prop_assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with(['.', '-']));
                prop_assert!(!name.chars().any(is_hostile));
                prop_assert_eq!(sanitise(&name), Some(name.clone()));
            }
        }
    }
}
