//! The themes that haul comes with: whole, readable, and told apart by eyes that see fewer colours.

use haul::config::theme::{Role, Theme, Themes};
use ratatui::style::{Color, Modifier};

/// WCAG 2.2, 1.4.3: text.
const TEXT: f64 = 4.5;
/// WCAG 2.2, 1.4.11: graphics and what is secondary.
const GRAPHIC: f64 = 3.0;
/// What only parts one thing from another: quiet, but there.
const ORNAMENT: f64 = 1.2;
/// How far apart two colours are at least, in CIELAB, that must never be taken for one another.
const APART: f64 = 20.0;

/// What a theme's role has to be read on its ground.
fn wanted(role: Role) -> f64 {
    match role {
        Role::Border | Role::BarRest => ORNAMENT,
        Role::Dim
        | Role::Header
        | Role::Cancelled
        | Role::Hint
        | Role::Bar
        | Role::Graph
        | Role::BorderFocus => GRAPHIC,
        _ => TEXT,
    }
}

/// A colour in linear light, where the theme and not the terminal decides it.
fn light(colour: Color) -> Option<[f64; 3]> {
    let Color::Rgb(red, green, blue) = colour else { return None };
    Some([red, green, blue].map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    }))
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |[red, green, blue]: [f64; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

/// How a colour looks without one kind of cones (Machado, Oliveira and Fernandes, 2009).
fn seen(colour: [f64; 3], matrix: [[f64; 3]; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(colour).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0))
}

const DEUTERANOPIA: [[f64; 3]; 3] = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];
const TRITANOPIA: [[f64; 3]; 3] = [
    [1.255_528, -0.076_749, -0.178_779],
    [-0.078_411, 0.930_809, 0.147_602],
    [0.004_733, 0.691_367, 0.303_900],
];

/// The distance of two colours in CIELAB.
fn distance(one: [f64; 3], other: [f64; 3]) -> f64 {
    let lab = |[red, green, blue]: [f64; 3]| {
        let part = |value: f64| {
            if value > 216.0 / 24389.0 { value.cbrt() } else { (24389.0 / 27.0 * value + 16.0) / 116.0 }
        };
        let long = part((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.950_47);
        let middle = part(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let short = part((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.088_83);
        [116.0 * middle - 16.0, 500.0 * (long - middle), 200.0 * (middle - short)]
    };
    lab(one).iter().zip(lab(other)).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

fn all() -> Vec<Theme> {
    let themes = Themes::built_in();
    themes.names().map(|name| themes.find(name).unwrap()).collect()
}

/// Where the role is drawn: on its own ground, or on that of the text.
fn ground(theme: &Theme, role: Role) -> Option<[f64; 3]> {
    light(theme[role].bg.or(theme[Role::Text].bg)?)
}

fn ink(theme: &Theme, role: Role) -> Option<[f64; 3]> {
    light(theme[role].fg.or(theme[Role::Text].fg)?)
}

#[test]
fn every_role_of_every_theme_can_be_read() {
    let mut bad = Vec::new();
    let mut looked = 0;
    for theme in all() {
        for role in Role::all() {
            let grounds = match role {
                // The cursor's row and dialogs hold text of every kind.
                Role::Selection | Role::Dialog => continue,
                role => [ground(&theme, role), ground(&theme, Role::Dialog), ground(&theme, Role::Selection)],
            };
            for (place, ground) in ["ground", "dialog", "selection"].iter().zip(grounds) {
                let (Some(ink), Some(ground)) = (ink(&theme, role), ground) else { continue };
                looked += 1;
                let strict = if theme.name == "high-contrast" && *place == "ground" { 1.55 } else { 1.0 };
                let least = match (*place, wanted(role)) {
                    // Bars are drawn in no dialog, and lines in no row.
                    ("dialog", _) if role == Role::BarRest => continue,
                    ("selection", ORNAMENT) => continue,
                    ("selection", TEXT) => GRAPHIC,
                    ("selection", least) => least * 0.85,
                    (_, least) => least * strict,
                };
                let found = contrast(ink, ground);
                if found < least {
                    bad.push(format!(
                        "{}: {} on its {place}: {found:.2}, not {least:.2}",
                        theme.name,
                        role.name()
                    ));
                }
            }
        }
        let bar =
            ink(&theme, Role::Bar).zip(ink(&theme, Role::BarRest)).map(|(bar, rest)| contrast(bar, rest));
        if bar.is_some_and(|found| found < GRAPHIC) {
            bad.push(format!("{}: the bar is hard to tell from its rest", theme.name));
        }
    }
    assert!(looked > 500, "only {looked} colours were looked at");
    assert_eq!(bad, Vec::<String>::new());
}

#[test]
fn the_cursor_s_row_is_seen_in_every_theme() {
    for theme in all() {
        let selection = theme[Role::Selection];
        let is_reversed = selection.add_modifier.contains(Modifier::REVERSED);
        let differs = ground(&theme, Role::Selection)
            .zip(ground(&theme, Role::Text))
            .is_some_and(|(row, ground)| contrast(row, ground) > 1.15);
        assert!(is_reversed || differs, "{}", theme.name);
    }
}

#[test]
fn a_light_theme_is_light_and_a_dark_one_dark() {
    for theme in all() {
        let (Some(ink), Some(ground)) = (ink(&theme, Role::Text), ground(&theme, Role::Text)) else {
            continue;
        };
        assert_eq!(theme.is_light, ground[1] > ink[1], "{}", theme.name);
    }
}

#[test]
fn states_are_told_apart_by_eyes_that_see_fewer_colours() {
    let themes = Themes::built_in();
    let states = [Role::Running, Role::Waiting, Role::Failed, Role::Done];
    for (name, matrix) in [("deuteranopia", DEUTERANOPIA), ("tritanopia", TRITANOPIA)] {
        let theme = themes.find(name).unwrap();
        for (at, one) in states.into_iter().enumerate() {
            for other in states.into_iter().skip(at + 1) {
                let colour = |role| seen(ink(&theme, role).unwrap(), matrix);
                let apart = distance(colour(one), colour(other));
                assert!(apart >= APART, "{name}: {} and {}: {apart:.0}", one.name(), other.name());
            }
        }
    }
}

#[test]
fn a_theme_of_the_terminal_s_own_colours_names_no_others() {
    let themes = Themes::built_in();
    for name in ["mono", "ansi-16"] {
        let theme = themes.find(name).unwrap();
        for role in Role::all() {
            for colour in [theme[role].fg, theme[role].bg].into_iter().flatten() {
                assert_eq!(light(colour), None, "{name}: {}", role.name());
                assert!(name == "ansi-16" || colour == Color::Reset, "{name}: {}", role.name());
            }
        }
    }
}
