//! Cookies: those that the user brings, in a file in Netscape format or a Firefox profile, and those that answers set.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie_store::{Cookie, CookieStore, RawCookie};
use http::HeaderValue;
use url::Url;

/// Why a cookie file can't be used. Its contents are never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum CookieError {
    /// The file can't be read.
    #[error("the cookie file {file} can't be read: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A line has not the seven fields that the format wants.
    #[error(
        "{file}:{line}: a line of a cookie file in Netscape format has 7 fields, separated by tabs, and this one has {fields}"
    )]
    BadLine {
        /// The file.
        file: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// How many fields it has.
        fields: usize,
    },
}

/// Reads cookies from a Netscape file, a Firefox `cookies.sqlite`, or a Firefox profile folder.
///
/// # Errors
/// The file can't be read, or a line makes no sense.
pub fn read(file: &Path) -> Result<CookieStore, CookieError> {
    let database = if file.is_dir() { file.join("cookies.sqlite") } else { file.to_owned() };
    if database.extension().is_some_and(|extension| extension == "sqlite") {
        return firefox(&database);
    }
    let unreadable =
        |error: std::io::Error| CookieError::Unreadable { file: file.to_owned(), why: error.to_string() };
    let text = std::fs::read(file).map_err(unreadable)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    netscape(file, &String::from_utf8_lossy(&text), now)
}

/// The cookies that answers set. They belong to one download: what one was given says nothing of who asks for another.
#[derive(Debug, Default)]
pub struct Jar {
    /// All that are sent, once an answer set one; until then those that the user brought.
    own: RefCell<Option<CookieStore>>,
}

impl Jar {
    /// Keeps what an answer from this URL sets, beside what the user brought. Returns whether anything was kept.
    pub(super) fn keep<'a>(
        &self,
        lines: impl Iterator<Item = &'a HeaderValue>,
        url: &Url,
        brought: &CookieStore,
    ) -> bool {
        let mut is_kept = false;
        for line in lines.filter_map(|line| line.to_str().ok()) {
            let mut own = self.own.borrow_mut();
            // A cookie that the rules refuse is simply not kept.
            is_kept |= own.get_or_insert_with(|| brought.clone()).parse(line, url).is_ok();
        }
        is_kept
    }

    /// The Cookie field for a URL, where there is anything to send.
    pub(super) fn field(&self, url: &Url, brought: &CookieStore) -> Option<HeaderValue> {
        let own = self.own.borrow();
        let pairs: Vec<_> = own
            .as_ref()
            .unwrap_or(brought)
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// One cookie as both formats have it.
struct Given<'a> {
    domain: &'a str,
    subdomains: bool,
    path: &'a str,
    secure: bool,
    name: &'a str,
    value: &'a str,
}

/// `now` is in seconds since 1970, as the format has it.
fn netscape(file: &Path, text: &str, now: u64) -> Result<CookieStore, CookieError> {
    let mut store = CookieStore::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let [domain, subdomains, path, secure, expires, name, value] = fields[..] else {
            return Err(CookieError::BadLine {
                file: file.to_owned(),
                line: index + 1,
                fields: fields.len(),
            });
        };
        // 0 is a session's, which lasts as long as whoever has the file says.
        if expires.trim().parse::<u64>().is_ok_and(|expires| expires > 0 && expires <= now) {
            continue;
        }
        let is = |text: &str| text.eq_ignore_ascii_case("true");
        add(&mut store, &Given { domain, subdomains: is(subdomains), path, secure: is(secure), name, value });
    }
    Ok(store)
}

/// Reads a copy, because a running Firefox keeps its database locked.
fn firefox(file: &Path) -> Result<CookieStore, CookieError> {
    let fail = |why: String| CookieError::Unreadable { file: file.to_owned(), why };
    let folder = tempfile::tempdir().map_err(|error| fail(error.to_string()))?;
    let copy = folder.path().join("cookies.sqlite");
    std::fs::copy(file, &copy).map_err(|error| fail(error.to_string()))?;
    let wal = file.with_extension("sqlite-wal");
    if wal.exists() {
        std::fs::copy(&wal, copy.with_extension("sqlite-wal")).map_err(|error| fail(error.to_string()))?;
    }
    let read = || -> rusqlite::Result<CookieStore> {
        let database = rusqlite::Connection::open(&copy)?;
        let mut statement = database.prepare("SELECT host, path, isSecure, name, value FROM moz_cookies")?;
        let mut rows = statement.query([])?;
        let mut store = CookieStore::new();
        while let Some(row) = rows.next()? {
            let (domain, path, name, value): (String, String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
            let subdomains = domain.starts_with('.');
            let given = Given {
                domain: &domain,
                subdomains,
                path: &path,
                secure: row.get(2)?,
                name: &name,
                value: &value,
            };
            add(&mut store, &given);
        }
        Ok(store)
    };
    read().map_err(|error| fail(format!("it is no Firefox cookie database ({error})")))
}

/// Adds a cookie as if its own host had set it; one that the rules refuse is not taken.
fn add(store: &mut CookieStore, given: &Given<'_>) {
    let host = given.domain.trim_start_matches('.');
    let scheme = if given.secure { "https" } else { "http" };
    let Ok(url) = Url::parse(&format!("{scheme}://{host}{}", given.path)) else { return };
    let mut raw = RawCookie::build((given.name.to_owned(), given.value.to_owned()))
        .path(given.path.to_owned())
        .secure(given.secure);
    if given.subdomains {
        raw = raw.domain(host.to_owned());
    }
    if let Ok(cookie) = Cookie::try_from_raw_cookie(&raw.build(), &url) {
        // Refused means that the rules forbid it for this host: then it would never be sent either.
        let _ = store.insert(cookie.into_owned(), &url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str, url: &str) -> Vec<String> {
        let store = netscape(Path::new("cookies.txt"), text, 1_000_000).unwrap();
        let url = Url::parse(url).unwrap();
        let mut pairs: Vec<_> =
            store.get_request_values(&url).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn cookies_go_where_their_fields_say() {
        let text = "# Netscape HTTP Cookie File\n\
                    .shop.example\tTRUE\t/\tTRUE\t0\tsid\tabc\n\
                    #HttpOnly_shop.example\tFALSE\t/dl\tFALSE\t0\tonly\tx\n";
        assert_eq!(sent(text, "https://shop.example/dl/a"), ["only=x", "sid=abc"]);
        assert_eq!(sent(text, "https://cdn.shop.example/"), ["sid=abc"]);
        assert_eq!(sent(text, "http://shop.example/"), Vec::<String>::new());
        assert_eq!(sent(text, "https://other.example/"), Vec::<String>::new());
    }

    #[test]
    fn what_expired_is_not_sent() {
        let text = "h.example\tFALSE\t/\tFALSE\t999999\told\ta\n\
                    h.example\tFALSE\t/\tFALSE\t1000001\tnew\tb\n\
                    h.example\tFALSE\t/\tFALSE\t0\tsession\tc\n";
        assert_eq!(sent(text, "http://h.example/"), ["new=b", "session=c"]);
    }

    #[test]
    fn what_one_download_was_set_is_no_other_ones() {
        let brought = netscape(Path::new("c"), "h.example\tFALSE\t/\tFALSE\t0\tsid\tbrought\n", 0).unwrap();
        let url = Url::parse("http://h.example/").unwrap();
        let (one, other) = (Jar::default(), Jar::default());
        let set = |line| one.keep([HeaderValue::from_static(line)].iter(), &url, &brought);
        assert!(set("sid=set; Path=/"));
        assert!(!set("sid=x; Domain=else.example"));
        assert_eq!(one.field(&url, &brought).unwrap(), "sid=set");
        assert_eq!(other.field(&url, &brought).unwrap(), "sid=brought");
        assert!(set("sid=; Max-Age=0; Path=/"));
        assert_eq!(one.field(&url, &brought), None);
    }

    #[test]
    fn a_bad_line_is_named_and_not_quoted() {
        let error = netscape(Path::new("c.txt"), "# x\nsecret value\n", 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "c.txt:2: a line of a cookie file in Netscape format has 7 fields, separated by tabs, and this one has 1"
        );
    }

    #[test]
    fn a_firefox_profile_is_read_from_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let database = rusqlite::Connection::open(folder.path().join("cookies.sqlite")).unwrap();
        database
            .execute_batch(
                "CREATE TABLE moz_cookies (host TEXT, path TEXT, isSecure INTEGER, name TEXT, value TEXT);
                 INSERT INTO moz_cookies VALUES ('.shop.example', '/', 0, 'sid', 'abc');",
            )
            .unwrap();
        let store = read(folder.path()).unwrap();
        let url = Url::parse("http://a.shop.example/").unwrap();
        assert_eq!(store.get_request_values(&url).collect::<Vec<_>>(), [("sid", "abc")]);
    }
}
