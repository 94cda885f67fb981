//! Pictures in the terminal: how it shows them, and a cover made ready for it, away from the thread that draws.

mod ask;

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use image::{ImageReader, Limits};
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;
use ratatui_image::{FilterType, FontSize, Image, Resize};

use crate::config::theme::Depth;

/// Most columns and rows of a picture.
const MOST: (u16, u16) = (40, 20);
/// Most columns and rows over a line that may be slow.
const MOST_FAR: (u16, u16) = (24, 12);
/// Most pixels a side that are decoded, and most memory for it.
const MOST_SIDE: u32 = 2048;
const MOST_DECODED: u64 = 32 << 20;

/// A way to show pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Two colours a cell, with characters that every terminal has.
    HalfBlocks,
    /// Kitty's protocol.
    Kitty,
    /// iTerm2's protocol.
    ITerm2,
    /// Sixels.
    Sixel,
}

/// How this terminal shows pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// In which way.
    pub how: How,
    /// Pixels of a cell, across and down.
    pub cell: (u16, u16),
    /// How many colours half blocks have.
    pub depth: Depth,
    /// Whether tmux stands between, which wants each sequence wrapped.
    pub in_tmux: bool,
    /// Whether the line to the terminal may be slow.
    pub is_far: bool,
}

/// A picture, ready to be drawn.
#[derive(Clone)]
pub struct Picture {
    protocol: Arc<Protocol>,
    pictures: Pictures,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { width, height } = self.protocol.size();
        write!(f, "Picture({width}x{height} {:?})", self.pictures.how)
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.protocol, &other.protocol)
    }
}

impl Pictures {
    /// The columns and rows that a picture gets of what there is room for.
    pub(crate) fn room(self, (columns, rows): (u16, u16)) -> (u16, u16) {
        let most = if self.is_far { MOST_FAR } else { MOST };
        (columns.min(most.0), rows.min(most.1))
    }

    /// The most pixels a side that a picture can need.
    pub(crate) fn side(self) -> u32 {
        let most = if self.is_far { MOST_FAR } else { MOST };
        let (across, down) = match self.how {
            // Each of its cells is two pixels; a little more makes the smaller picture better.
            How::HalfBlocks => (8, 16),
            _ => self.cell,
        };
        u32::from(most.0 * across.min(16)).max(u32::from(most.1 * down.min(32))).min(640)
    }

    /// Makes a picture ready; none where the bytes are no picture or one that is too large. Takes a while: not for the thread that
    /// draws.
    pub(crate) fn make(self, bytes: &[u8], room: (u16, u16)) -> Option<Picture> {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(MOST_SIDE);
        limits.max_image_height = Some(MOST_SIDE);
        limits.max_alloc = Some(MOST_DECODED);
        reader.limits(limits);
        let image = reader.decode().ok()?;
        let (columns, rows) = self.room(room);
        if columns == 0 || rows == 0 {
            return None;
        }
        let (room, cell) = (Size::new(columns, rows), FontSize::new(self.cell.0, self.cell.1));
        let resize = Resize::Scale(Some(FilterType::Triangle));
        let size = resize.size_for(&image, cell, room);
        let size = Size::new(size.width.clamp(1, columns), size.height.clamp(1, rows));
        let image = resize.resize(&image, cell, size, None);
        let protocol = match self.how {
            How::HalfBlocks => Protocol::Halfblocks(Halfblocks::new(image, size).ok()?),
            How::Sixel => Protocol::Sixel(Sixel::new(image, size, self.in_tmux).ok()?),
            How::ITerm2 => Protocol::ITerm2(Iterm2::new(image, size, self.in_tmux).ok()?),
            How::Kitty => {
                let id = fastrand::u32(1..);
                Protocol::Kitty(Kitty::new(image, size, id, self.in_tmux, false, false).ok()?)
            }
        };
        Some(Picture { protocol: Arc::new(protocol), pictures: self })
    }
}

impl Picture {
    /// The columns and rows that it takes.
    pub(crate) fn size(&self) -> (u16, u16) {
        let Size { width, height } = self.protocol.size();
        (width, height)
    }

    /// Whether it lies in the cells like text does; what does not is gone while a dialog lies over it, and comes again after.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.pictures.how, How::HalfBlocks | How::Kitty)
    }

    /// Draws it at the left top of an area, where there is room for all of it.
    pub(crate) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        frame.render_widget(Image::new(&self.protocol), area);
        if self.pictures.how != How::HalfBlocks {
            return;
        }
        let (columns, rows) = self.size();
        let covered = Rect { width: columns, height: rows, ..area }.intersection(frame.area());
        let buffer = frame.buffer_mut();
        for place in covered.positions() {
            let cell = &mut buffer[place];
            cell.fg = self.pictures.depth.shown(cell.fg);
            cell.bg = self.pictures.depth.shown(cell.bg);
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;

    use super::*;

    pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, _| {
            if x * 2 < width { Rgb([250, 10, 10]) } else { Rgb([10, 10, 250]) }
        });
        let mut out = Cursor::new(Vec::new());
        DynamicImage::from(image).write_to(&mut out, ImageFormat::Png).unwrap();
        out.into_inner()
    }

    fn pictures(how: How) -> Pictures {
        Pictures { how, cell: (10, 20), depth: Depth::True, in_tmux: false, is_far: false }
    }

    fn drawn(pictures: Pictures, room: (u16, u16)) -> Terminal<TestBackend> {
        let picture = pictures.make(&png(64, 64), room).unwrap();
        let mut terminal = Terminal::new(TestBackend::new(30, 12)).unwrap();
        terminal.draw(|frame| picture.draw(frame, Rect::new(2, 1, 28, 11))).unwrap();
        terminal
    }

    #[test]
    fn each_way_writes_what_its_terminals_read() {
        for (how, begins) in
            [(How::Kitty, "\u{1b}_G"), (How::ITerm2, "\u{1b}]1337;File="), (How::Sixel, "\u{1b}P")]
        {
            let terminal = drawn(pictures(how), (16, 8));
            let symbol = terminal.backend().buffer()[(2, 1)].symbol();
            assert!(symbol.contains(begins), "{how:?}: {:?}", &symbol[..symbol.len().min(80)]);
            assert!(symbol.len() < 400_000, "{how:?}: {} bytes", symbol.len());
        }
    }

    #[test]
    fn half_blocks_are_in_the_colours_that_there_are() {
        let terminal = drawn(pictures(How::HalfBlocks), (16, 8));
        let buffer = terminal.backend().buffer();
        assert!(matches!(buffer[(3, 2)].fg, Color::Rgb(red, _, blue) if red > 200 && blue < 60));
        assert!(matches!(buffer[(16, 2)].fg, Color::Rgb(red, _, blue) if red < 60 && blue > 200));
        let few = Pictures { depth: Depth::Indexed, ..pictures(How::HalfBlocks) };
        let terminal = drawn(few, (16, 8));
        assert!(matches!(terminal.backend().buffer()[(3, 2)].fg, Color::Indexed(_)));
    }

    #[test]
    fn a_picture_keeps_its_shape_within_its_room_and_bounds() {
        for (size, room, is) in [
            ((100, 100), (30, 10), (20, 10)),
            ((100, 100), (10, 30), (10, 5)),
            ((400, 100), (20, 20), (20, 3)),
            ((100, 100), (200, 200), (40, 20)),
            ((2, 2), (8, 4), (8, 4)),
        ] {
            let made = pictures(How::HalfBlocks).make(&png(size.0, size.1), room).unwrap();
            assert_eq!(made.size(), is, "{size:?} in {room:?}");
        }
        let far = Pictures { is_far: true, ..pictures(How::Kitty) };
        assert_eq!(far.make(&png(100, 100), (200, 200)).unwrap().size(), MOST_FAR);
        assert!(pictures(How::Sixel).make(b"no picture", (10, 10)).is_none());
        assert!(pictures(How::Sixel).make(&png(9, 9), (0, 10)).is_none());
        assert!(pictures(How::Sixel).make(&png(MOST_SIDE + 1, 1), (10, 10)).is_none());
    }
}
