//! Asks for a password on the terminal, where nobody sees it.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ctrl-C, Ctrl-D, backspace, Ctrl-U and delete, as a terminal sends them.
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: u8 = 8;
const KILL: u8 = 21;
const DELETE: u8 = 127;

/// Asks on the controlling terminal, whatever stdin and stdout are.
///
/// # Errors
/// There is no terminal, or the person gave up (`Interrupted`).
pub fn ask_password(prompt: &str) -> io::Result<String> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let _silence = Silence::begin(&terminal)?;
    terminal.write_all(prompt.as_bytes())?;
    let answer = read_line(&mut terminal.try_clone()?);
    terminal.write_all(b"\n")?;
    answer
}

/// A terminal that echoes nothing and leaves the interrupt key to us, until this is dropped: a kill by Ctrl-C would leave it so.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin(terminal: &File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn read_line(terminal: &mut impl io::Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    // One at a time: what is typed after the line belongs to whoever reads next.
    while terminal.read(&mut byte)? == 1 {
        match byte[0] {
            b'\r' | b'\n' | END => break,
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            BACKSPACE | DELETE => {
                // A character may be several bytes long.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            KILL => line.clear(),
            byte => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|_| io::Error::other("the password is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_while_it_is_typed() {
        for (typed, read) in [
            (&b"secret\n"[..], "secret"),
            (b"sx\x7fecret\r", "secret"),
            ("sé\x7fecret\n".as_bytes(), "secret"),
            (b"wrong\x15right\n", "right"),
            (b"ends\x04not this", "ends"),
        ] {
            assert_eq!(read_line(&mut &*typed).unwrap(), read);
        }
        assert_eq!(read_line(&mut &b"se\x03"[..]).unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
