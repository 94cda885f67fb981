//! The connection to the agent of this machine: over its socket, started where none answers.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::net::UnixStream;

use super::connect::{Connect, ConnectError, Connecting, Connection};

/// How often an agent is started that is gone again before it was reached.
const TRIES: usize = 3;

/// The way to the agent of a state folder.
pub struct Local {
    find: Find,
    start: Option<Start>,
}

/// Tells where the agent listens, or would.
pub type Find = Box<dyn Fn() -> PathBuf>;
/// Starts the agent and waits until it can be reached.
pub type Start = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), ConnectError>>>>>;

impl Local {
    /// Returns the way; without `start` an agent that isn't there is not started.
    pub fn new(find: Find, start: Option<Start>) -> Self {
        Self { find, start }
    }

    async fn reach(&self, may_start: bool) -> Result<Connection, ConnectError> {
        for _ in 0..TRIES {
            let path = (self.find)();
            let error = match UnixStream::connect(&path).await {
                Ok(stream) => {
                    let (reader, writer) = stream.into_split();
                    return Ok(Connection {
                        reader: Box::pin(reader),
                        writer: Box::pin(writer),
                        carrier: None,
                    });
                }
                Err(error) => error,
            };
            let is_away = is_away(error.kind());
            match &self.start {
                Some(start) if may_start && is_away => start().await?,
                _ if is_away => {
                    return Err(ConnectError::away(
                        "no agent is running",
                        "start it with `haul agent start`",
                    ));
                }
                _ => {
                    return Err(ConnectError::lasting(
                        format!("the agent at {} can't be reached: {error}", path.display()),
                        "check who owns that file",
                    ));
                }
            }
        }
        Err(ConnectError::away("the agent ends as soon as it starts", "see `haul agent log`"))
    }
}

/// Whether nobody listens there, or whoever did was killed in this very moment.
fn is_away(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
    )
}

impl Connect for Local {
    fn connect(&self, may_start: bool) -> Connecting<'_> {
        Box::pin(self.reach(may_start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_killed_while_it_was_asked_is_away_and_one_that_may_not_be_asked_is_not() {
        for errno in [libc::ENOENT, libc::ECONNREFUSED, libc::ECONNRESET, libc::EPIPE] {
            assert!(is_away(std::io::Error::from_raw_os_error(errno).kind()), "{errno}");
        }
        assert!(!is_away(std::io::Error::from_raw_os_error(libc::EACCES).kind()));
    }
}
