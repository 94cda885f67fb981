//! How downloads are fetched, as the flags say it: `get`, `add` and `adopt` share them.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::context::Context;
use super::error::CliError;
use super::header::read_headers;
use super::output::Output;
use crate::links::{proxy, quantity};
use crate::model::item::{Credentials, GiveUp, TransferSettings};

/// The flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct TransferArgs {
    /// Connections to use for one file, at most
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) connections: Option<u32>,
    /// Speed of each download, at most: 500kB, 2MB
    #[arg(long, value_name = "RATE", value_parser = quantity::rate)]
    pub(crate) limit: Option<u64>,
    /// A request header; @FILE reads them from a file, one a line, so that nobody sees a secret
    #[arg(long = "header", value_name = "K: V|@FILE")]
    pub(crate) headers: Vec<String>,
    /// Cookies: a Netscape cookie file or a Firefox profile's cookies.sqlite
    #[arg(long, value_name = "FILE")]
    pub(crate) cookies: Option<PathBuf>,
    /// Certificate authorities to trust beside the system's (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The client certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Proxy: http, https, socks5 or socks5h; '' for none at all
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Network interface to bind to; never another route
    #[arg(long, value_name = "IF")]
    pub(crate) interface: Option<String>,
    /// Referer to send
    #[arg(long, value_name = "URL")]
    pub(crate) referer: Option<String>,
    /// User-Agent to send
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,
    /// User name; the password is asked for
    #[arg(long, value_name = "NAME", conflicts_with = "netrc")]
    pub(crate) user: Option<String>,
    /// Take user names and passwords from ~/.netrc
    #[arg(long)]
    pub(crate) netrc: bool,
    /// Tries in all where no byte came
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tries: Option<u32>,
    /// Stop trying after so long without a byte: 10m, 14d, never
    #[arg(long, value_name = "never|DURATION", value_parser = quantity::give_up)]
    pub(crate) give_up: Option<GiveUp>,
    /// Take a web page where a file was expected
    #[arg(long)]
    pub(crate) accept_html: bool,
    /// Follow a redirect from https to http, where anybody on the way can read and change what comes
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
}

/// Which proxy the flags choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyChoice {
    /// What the environment says for each link.
    Environment,
    /// None.
    Direct,
    /// This one for everything.
    Always(Url),
}

impl TransferArgs {
    /// Returns the settings, secrets read and asked for. The proxy is chosen link by link, in [`Self::proxy`].
    ///
    /// # Errors
    /// A file that is not there, a header that is none, a password that nobody could be asked for.
    pub(crate) fn settings(
        &self,
        context: &Context,
        output: &mut Output,
    ) -> Result<TransferSettings, CliError> {
        let (headers, warnings) = read_headers(&self.headers, |path| context.absolute(path))?;
        for warning in &warnings {
            output.complain(warning);
        }
        let file = |path: &Option<PathBuf>| path.as_deref().map(|path| readable(path, context)).transpose();
        Ok(TransferSettings {
            connections: self.connections,
            limit: self.limit,
            headers,
            cookies: self.cookies.as_deref().map(|file| cookie_file(file, context)).transpose()?,
            ca: file(&self.ca)?,
            cert: file(&self.cert)?,
            key: file(&self.key)?,
            interface: self.interface.clone(),
            referer: self.referer.clone(),
            user_agent: self.user_agent.clone(),
            credentials: self.user.as_deref().map(|user| ask_credentials(user, context)).transpose()?,
            tries: self.tries,
            give_up: self.give_up,
            accept_html: self.accept_html,
            allow_downgrade: self.allow_downgrade,
            umask: Some(context.umask),
            ..TransferSettings::default()
        })
    }

    /// Returns which proxy is chosen.
    ///
    /// # Errors
    /// `--proxy` names none.
    pub(crate) fn proxy(&self) -> Result<ProxyChoice, CliError> {
        match self.proxy.as_deref() {
            None => Ok(ProxyChoice::Environment),
            Some("") => Ok(ProxyChoice::Direct),
            Some(text) => proxy::parse(text)
                .map(ProxyChoice::Always)
                .map_err(|why| CliError::usage(format!("--proxy: {why}"), "Write it as http://HOST:PORT")),
        }
    }
}

impl ProxyChoice {
    /// Returns the proxy for a link, if it goes through one.
    ///
    /// # Errors
    /// The environment's value is no proxy.
    pub(crate) fn for_link(&self, link: &Url, context: &Context) -> Result<Option<Url>, CliError> {
        match self {
            Self::Direct => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::Environment => context
                .proxies
                .for_link(link)
                .map_err(|why| CliError::usage(why, "Correct or unset it, or give --proxy ''")),
        }
    }
}

/// Returns a file's absolute path once it is known to be readable; the engine may run elsewhere in the file system.
fn readable(path: &Path, context: &Context) -> Result<PathBuf, CliError> {
    let path = context.absolute(path);
    if !context.remote {
        let opened = std::fs::File::open(&path);
        opened.map_err(|source| CliError::Read { path: path.clone(), source })?;
    }
    Ok(path)
}

/// Returns a cookie file's absolute path once it is known to be one: a download would fail only when its turn comes.
///
/// # Errors
/// It can't be read, or a line of it makes no sense.
pub(crate) fn cookie_file(path: &Path, context: &Context) -> Result<PathBuf, CliError> {
    let path = readable(path, context)?;
    if !context.remote {
        (context.check_cookies)(&path).map_err(|why| {
            CliError::usage(why, "Correct the line, or export the cookies again in Netscape format")
        })?;
    }
    Ok(path)
}

fn ask_credentials(user: &str, context: &Context) -> Result<Credentials, CliError> {
    if user.contains(':') {
        return Err(CliError::usage(
            "--user takes a name only: everybody can see the arguments of a process",
            "Leave the password away; it is asked for",
        ));
    }
    let password = (context.ask_password)(&format!("Password for {user}: ")).map_err(|error| {
        if error.kind() == std::io::ErrorKind::Interrupted {
            CliError::Interrupted
        } else {
            CliError::usage(
                format!("can't ask for the password of {user}: {error}"),
                "Use --netrc or --header @FILE",
            )
        }
    })?;
    Ok(Credentials { user: user.to_owned(), password })
}
