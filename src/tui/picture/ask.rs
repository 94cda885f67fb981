//! How the terminal shows pictures: told by a person, by the environment, or by the terminal itself, which is asked once and for a
//! moment only.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use ratatui_image::picker::ProtocolType;
use ratatui_image::picker::cap_parser::{Parser, QueryStdioOptions, Response};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use super::{How, Pictures};
use crate::config::theme::Depth;
use crate::tui::Surroundings;

/// How long an answer may take on this machine.
const NEAR: Duration = Duration::from_millis(200);
/// How long an answer may take over a line.
const FAR: Duration = Duration::from_secs(1);
/// Pixels of a cell where nobody says.
const CELL: (u16, u16) = (10, 20);

/// What was found out beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// No picture.
    Nothing,
    /// This way; the terminal is not asked.
    Sure(How),
    /// The terminal is to be asked; whether kitty's protocol may be asked for. This way where it says nothing of any.
    Ask(bool, How),
}

impl Pictures {
    /// Finds out how the terminal shows pictures; none where it shows none. `HAUL_PICTURES` decides where it is set: `none`, `half`,
    /// `kitty`, `iterm2` or `sixel`. To be called before anything else reads the terminal.
    ///
    /// # Errors
    /// `HAUL_PICTURES` is something else: a sentence that says so.
    pub fn of(
        surroundings: Surroundings,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let is_far = variable("SSH_CONNECTION").or_else(|| variable("SSH_TTY")).is_some();
        let in_tmux = is_tmux(&variable);
        let (how, cell) = match plan(surroundings, &variable)? {
            Plan::Nothing => return Ok(None),
            Plan::Sure(how) => (how, None),
            Plan::Ask(kitty, otherwise) => {
                let given = variable("HAUL_TEST_ASK_MS").and_then(|text| text.parse().ok());
                let usual = if is_far { FAR } else { NEAR };
                let answers = ask(kitty, given.map_or(usual, Duration::from_millis)).unwrap_or_default();
                understood(&answers, otherwise)
            }
        };
        let Some(how) = shown(how, surroundings.depth) else { return Ok(None) };
        let cell = cell.or_else(cell_of_system).unwrap_or(CELL);
        Ok(Some(Self { how, cell, depth: surroundings.depth, in_tmux, is_far }))
    }
}

fn is_tmux(variable: &impl Fn(&str) -> Option<String>) -> bool {
    variable("TMUX").is_some_and(|socket| !socket.is_empty())
}

fn plan(surroundings: Surroundings, variable: &impl Fn(&str) -> Option<String>) -> Result<Plan, String> {
    let get = |name: &str| variable(name).unwrap_or_default();
    match get("HAUL_PICTURES").as_str() {
        "" | "auto" => {}
        "none" => return Ok(Plan::Nothing),
        "half" => return Ok(Plan::Sure(How::HalfBlocks)),
        "kitty" => return Ok(Plan::Sure(How::Kitty)),
        "iterm2" => return Ok(Plan::Sure(How::ITerm2)),
        "sixel" => return Ok(Plan::Sure(How::Sixel)),
        other => {
            return Err(format!(
                "HAUL_PICTURES={other}: there are auto, none, half, kitty, iterm2 and sixel"
            ));
        }
    }
    if surroundings.ascii || surroundings.depth == Depth::None {
        return Ok(Plan::Nothing);
    }
    let (term, program) = (get("TERM"), get("TERM_PROGRAM"));
    // What stands between passes pictures on only where somebody set it up to: then it can be said by the variable.
    if is_tmux(variable) || term.starts_with("screen") || !get("STY").is_empty() || term == "linux" {
        return Ok(Plan::Sure(How::HalfBlocks));
    }
    let speaks_iterm2 = ["iTerm", "WezTerm", "mintty", "vscode", "Tabby", "Hyper", "rio", "WarpTerminal"];
    let is_iterm2 = speaks_iterm2.iter().any(|name| program.contains(name))
        || get("LC_TERMINAL").contains("iTerm")
        || !get("KONSOLE_VERSION").is_empty()
        || !get("WEZTERM_EXECUTABLE").is_empty();
    if is_iterm2 {
        // They draw their own best; the placeholders of kitty's they draw wrongly.
        return Ok(Plan::Ask(false, How::ITerm2));
    }
    // An answer to kitty's question that comes too late would be taken for keys; the others would not. So over a line it is asked
    // only where there will be one.
    let is_far = !get("SSH_CONNECTION").is_empty() || !get("SSH_TTY").is_empty();
    let is_kitty = ["kitty", "ghostty"].iter().any(|name| term.contains(name) || program.contains(name));
    Ok(Plan::Ask(!is_far || is_kitty, How::HalfBlocks))
}

/// Half blocks need more than sixteen colours to be a picture.
fn shown(how: How, depth: Depth) -> Option<How> {
    let is_poor = how == How::HalfBlocks && matches!(depth, Depth::Sixteen | Depth::None);
    (!is_poor).then_some(how)
}

fn understood(answers: &[Response], otherwise: How) -> (How, Option<(u16, u16)>) {
    let cell = answers.iter().find_map(|answer| match answer {
        Response::CellSize(size) => *size,
        _ => None,
    });
    let says = |what: &Response| answers.contains(what);
    let how = match otherwise {
        How::ITerm2 => How::ITerm2,
        _ if says(&Response::Kitty) => How::Kitty,
        // Sixels can't be placed without the size of a cell.
        _ if says(&Response::Sixel) && cell.or_else(cell_of_system).is_some() => How::Sixel,
        other => other,
    };
    (how, cell)
}

/// Pixels of a cell, where the system knows them.
fn cell_of_system() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    let cell = (size.ws_xpixel.checked_div(size.ws_col)?, size.ws_ypixel.checked_div(size.ws_row)?);
    (cell.0 > 0 && cell.1 > 0).then_some(cell)
}

/// Asks the terminal and waits no longer than that. Every terminal answers the last of the questions, so it takes a moment only.
fn ask(kitty: bool, patience: Duration) -> io::Result<Vec<Response>> {
    let (stdin, mut stdout) = (io::stdin(), io::stdout());
    if !stdin.is_terminal() || !stdout.is_terminal() {
        return Ok(Vec::new());
    }
    let blacklist_protocols = if kitty { Vec::new() } else { vec![ProtocolType::Kitty] };
    let question = Parser::query(false, QueryStdioOptions { blacklist_protocols, ..Default::default() });
    let before = tcgetattr(stdin.as_fd())?;
    let _back = Back(before.clone());
    let mut raw = before;
    raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
    raw.special_codes[SpecialCodeIndex::VMIN] = 0;
    // In tenths of a second.
    raw.special_codes[SpecialCodeIndex::VTIME] = 1;
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &raw)?;
    stdout.write_all(question.as_bytes())?;
    stdout.flush()?;
    let end = Instant::now() + patience;
    let mut parser = Parser::new();
    let mut answers = Vec::new();
    let mut bytes = [0; 64];
    // A lock of stdin would read ahead of what is asked for; a descriptor does not.
    let mut from = std::fs::File::from(stdin.as_fd().try_clone_to_owned()?);
    while Instant::now() < end {
        let count = from.read(&mut bytes)?;
        for byte in &bytes[..count] {
            for answer in parser.push(char::from(*byte)) {
                if answer == Response::Status {
                    return Ok(answers);
                }
                answers.push(answer);
            }
        }
    }
    // A terminal that says nothing in time is taken for one that shows no pictures.
    Ok(Vec::new())
}

/// Puts the terminal's modes back.
struct Back(Termios);

impl Drop for Back {
    fn drop(&mut self) {
        // A terminal that is gone has none.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(depth: Depth, ascii: bool, variables: &[(&str, &str)]) -> Result<Plan, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        plan(Surroundings { depth, ascii, light: false, progress: false }, &variable)
    }

    #[test]
    fn what_is_known_beforehand_is_not_asked() {
        let half = How::HalfBlocks;
        for (variables, is) in [
            (vec![("TERM", "xterm-256color")], Plan::Ask(true, half)),
            (vec![("TERM", "xterm-256color"), ("SSH_CONNECTION", "a b")], Plan::Ask(false, half)),
            (vec![("TERM", "xterm-kitty"), ("SSH_CONNECTION", "a b")], Plan::Ask(true, half)),
            (vec![("TERM", "tmux-256color"), ("TMUX", "/tmp/x")], Plan::Sure(half)),
            (vec![("TERM", "screen-256color")], Plan::Sure(half)),
            (vec![("TERM", "linux")], Plan::Sure(half)),
            (vec![("TERM_PROGRAM", "iTerm.app")], Plan::Ask(false, How::ITerm2)),
            (vec![("KONSOLE_VERSION", "230804")], Plan::Ask(false, How::ITerm2)),
            (vec![("TMUX", "/tmp/x"), ("HAUL_PICTURES", "kitty")], Plan::Sure(How::Kitty)),
            (vec![("HAUL_PICTURES", "none")], Plan::Nothing),
        ] {
            assert_eq!(planned(Depth::True, false, &variables), Ok(is), "{variables:?}");
        }
        assert_eq!(planned(Depth::None, false, &[]), Ok(Plan::Nothing));
        assert_eq!(planned(Depth::True, true, &[]), Ok(Plan::Nothing));
        assert!(planned(Depth::True, false, &[("HAUL_PICTURES", "big")]).unwrap_err().contains("sixel"));
        assert_eq!(shown(half, Depth::Sixteen), None);
        assert_eq!(shown(How::Sixel, Depth::Sixteen), Some(How::Sixel));
    }

    #[test]
    fn answers_are_taken_at_their_word() {
        let half = How::HalfBlocks;
        let cell = Response::CellSize(Some((9, 18)));
        for (answers, otherwise, is) in [
            (vec![], half, (half, None)),
            (vec![Response::Kitty, Response::Sixel, cell.clone()], half, (How::Kitty, Some((9, 18)))),
            (vec![Response::Sixel, cell.clone()], half, (How::Sixel, Some((9, 18)))),
            (vec![Response::Sixel, cell.clone()], How::ITerm2, (How::ITerm2, Some((9, 18)))),
            (vec![cell], half, (half, Some((9, 18)))),
        ] {
            assert_eq!(understood(&answers, otherwise), is, "{answers:?}");
        }
    }
}
