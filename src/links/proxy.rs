//! A proxy as a person writes it.

use url::Url;

/// The port of a proxy that names none, as curl has it.
const DEFAULT_PORT: u16 = 1080;

/// Parses a proxy. Without a scheme it speaks HTTP; without a port it listens at 1080.
///
/// # Errors
/// A sentence, without the proxy's password.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&full).map_err(|error| format!("that is no proxy: {error}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(format!(
            "`{}` is no kind of proxy; there are http, https, socks5 and socks5h",
            url.scheme()
        ));
    }
    if !url.has_host() {
        return Err("that proxy names no host".into());
    }
    if url.scheme() != "https" && !names_port(&full) {
        url.set_port(Some(DEFAULT_PORT)).map_err(|()| "that proxy can't have a port".to_owned())?;
    }
    Ok(url)
}

/// Whether the text names a port: a parsed URL no longer tells `http://p:80` from `http://p`.
fn names_port(full: &str) -> bool {
    let authority =
        full.split("://").nth(1).unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.rsplit(']').next().unwrap_or_default().contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proxy_is_told_without_its_password() {
        for bad in ["socks4://p", "ftp://p", "http://", "http://u:hush@p:99999"] {
            let error = parse(bad).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
