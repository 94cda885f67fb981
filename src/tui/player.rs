//! Playing a finished file: with the player that is set, or with the system's own program.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Opens a file or a folder with the program that the system has for it.
pub(crate) fn open(path: &Path) -> io::Result<()> {
    // What the opener's exit status was helps nobody.
    open::that_detached(path).map_err(|_| io::Error::other("the system has no program for it"))
}

/// Starts a player beside this program: it reads no keys of ours and writes nothing into the screen.
pub(crate) fn play(player: &[String], file: &Path) -> io::Result<()> {
    if !file.exists() {
        return Err(io::Error::other("it is not where it was"));
    }
    let Some((program, args)) = player.split_first() else { return open(file) };
    let mut started = Command::new(program)
        .args(args)
        .arg(file)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(format!("there is no program `{program}`")),
            _ => error,
        })?;
    // Waited for, so that no player that has ended stays as a name without a process.
    std::thread::Builder::new().name("player".into()).spawn(move || started.wait())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_that_is_not_there_is_named() {
        let error = play(&["no-such-player".into(), "-x".into()], Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "there is no program `no-such-player`");
        let error = play(&["true".into()], Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.to_string(), "it is not where it was");
    }
}
