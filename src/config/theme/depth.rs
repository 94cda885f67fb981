//! What becomes of a theme's colours on a terminal that shows fewer of them, or none.

use ratatui::style::{Color, Modifier, Style};

use super::{Role, Theme};

/// How many colours a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: `NO_COLOR`, or a terminal without any. Only bold, dim, underlined and reversed are left.
    None,
    /// The 16 of every terminal.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// All.
    True,
}

impl Theme {
    /// Returns the theme with the colours that a terminal can show.
    #[must_use]
    pub fn shown_in(&self, depth: Depth) -> Self {
        let mut theme = self.clone();
        for (style, role) in theme.styles.iter_mut().zip(Role::all()) {
            *style = match depth {
                Depth::True => *style,
                Depth::Indexed => mapped(*style, indexed),
                Depth::Sixteen => mapped(*style, sixteen),
                Depth::None => colourless(*style, role),
            };
        }
        theme
    }
}

impl Depth {
    /// Returns the colour that a terminal of this depth shows for one.
    pub fn shown(self, colour: Color) -> Color {
        match self {
            Self::True => colour,
            Self::Indexed => indexed(colour),
            Self::Sixteen => sixteen(colour),
            Self::None => Color::Reset,
        }
    }
}

fn mapped(style: Style, map: fn(Color) -> Color) -> Style {
    Style { fg: style.fg.map(map), bg: style.bg.map(map), ..style }
}

/// The steps of each of red, green and blue in the 6 × 6 × 6 cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The nearest of the 6 × 6 × 6 cube and the 24 greys.
fn indexed(colour: Color) -> Color {
    let Color::Rgb(red, green, blue) = colour else { return colour };
    let nearest = |value: u8| (0u8..6).min_by_key(|at| STEPS[usize::from(*at)].abs_diff(value)).unwrap_or(0);
    let (r, g, b) = (nearest(red), nearest(green), nearest(blue));
    let cube = (STEPS[usize::from(r)], STEPS[usize::from(g)], STEPS[usize::from(b)]);
    let average = u8::try_from((u16::from(red) + u16::from(green) + u16::from(blue)) / 3).unwrap_or(0);
    let step = (average.saturating_sub(3) / 10).min(23);
    let grey = 8 + step * 10;
    let wanted = (red, green, blue);
    if distance(wanted, (grey, grey, grey)) < distance(wanted, cube) {
        Color::Indexed(232 + step)
    } else {
        Color::Indexed(16 + 36 * r + 6 * g + b)
    }
}

/// The terminal's own colours, as most terminals paint them.
const ANSI: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 49, 49)),
    (Color::Green, (13, 188, 121)),
    (Color::Yellow, (229, 190, 16)),
    (Color::Blue, (36, 114, 200)),
    (Color::Magenta, (188, 63, 188)),
    (Color::Cyan, (17, 168, 205)),
    (Color::Gray, (190, 190, 190)),
    (Color::DarkGray, (102, 102, 102)),
    (Color::LightRed, (241, 76, 76)),
    (Color::LightGreen, (35, 209, 139)),
    (Color::LightYellow, (245, 245, 67)),
    (Color::LightBlue, (59, 142, 234)),
    (Color::LightMagenta, (214, 112, 214)),
    (Color::LightCyan, (41, 184, 219)),
    (Color::White, (255, 255, 255)),
];

fn sixteen(colour: Color) -> Color {
    let wanted = match colour {
        Color::Rgb(red, green, blue) => (red, green, blue),
        Color::Indexed(number) if number >= 16 => of_index(number),
        other => return other,
    };
    ANSI.iter().min_by_key(|(_, known)| distance(wanted, *known)).map_or(colour, |(named, _)| *named)
}

fn of_index(number: u8) -> (u8, u8, u8) {
    if number >= 232 {
        let grey = 8 + (number - 232) * 10;
        return (grey, grey, grey);
    }
    let at = number - 16;
    (STEPS[usize::from(at / 36)], STEPS[usize::from(at / 6 % 6)], STEPS[usize::from(at % 6)])
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * square(a.0, b.0) + 4 * square(a.1, b.1) + 3 * square(a.2, b.2)
}

/// What is left of a style where there are no colours: the cursor's row is reversed, what is wrong is bold, what is secondary is dim.
fn colourless(style: Style, role: Role) -> Style {
    let modifier = match role {
        Role::Selection | Role::Toast => Modifier::REVERSED,
        Role::Strong | Role::Title | Role::Failed | Role::Error | Role::Warning | Role::Key | Role::Mark => {
            Modifier::BOLD
        }
        Role::BorderFocus | Role::Accent | Role::Running => Modifier::BOLD,
        Role::Dim | Role::Border | Role::BarRest | Role::Done | Role::Cancelled => Modifier::DIM,
        Role::Link | Role::Input => Modifier::UNDERLINED,
        _ => Modifier::empty(),
    };
    Style { fg: None, bg: None, underline_color: None, ..style.add_modifier(modifier) }
}

#[cfg(test)]
mod tests {
    use super::super::Themes;
    use super::*;

    #[test]
    fn colours_become_what_the_terminal_has() {
        assert_eq!(indexed(Color::Rgb(255, 255, 255)), Color::Indexed(231));
        assert_eq!(indexed(Color::Rgb(18, 18, 18)), Color::Indexed(233));
        assert_eq!(sixteen(Color::Rgb(240, 80, 70)), Color::LightRed);
        let plain = Themes::built_in().find("dark").unwrap().shown_in(Depth::None);
        for role in Role::all() {
            assert_eq!((plain[role].fg, plain[role].bg), (None, None), "{}", role.name());
        }
        assert!(plain[Role::Selection].add_modifier.contains(Modifier::REVERSED));
    }
}
