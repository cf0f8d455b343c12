//! PNG from SVG, with the embedded font and no other, so that every machine gives the same picture.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

use super::text::FONT;
use crate::error::{Fault, Result};

/// Pixels of the PNG per px of the SVG: sharp on dense screens and in print at column width.
pub const PNG_SCALE: u32 = 2;

/// Half a GiB of memory; the largest figure of a study has 7 million.
const MAX_PIXELS: u64 = 1 << 27;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Renders `figure` (an SVG document) at [`PNG_SCALE`] pixels per px.
///
/// # Errors
/// Run error when `figure` is no SVG, or has more than 2²⁷ pixels.
pub fn png(figure: &str) -> Result<Vec<u8>> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    };
    let tree = Tree::from_str(figure, &options)
        .map_err(|e| fault(format!("a figure that is not valid SVG ({e})")))?;
    let scale = PNG_SCALE as f32;
    let size = tree.size().to_int_size();
    let too_large = || {
        let (width, height) = (size.width(), size.height());
        Fault::plain(format!(
            "a figure of {width} × {height} px is too large to render"
        ))
        .next("draw fewer rows, or keep the SVG only")
        .run()
    };
    let mut pixels = size
        .scale_by(scale)
        .filter(|s| u64::from(s.width()) * u64::from(s.height()) <= MAX_PIXELS)
        .and_then(|s| Pixmap::new(s.width(), s.height()))
        .ok_or_else(too_large)?;
    let transform = Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut pixels.as_mut());
    pixels
        .encode_png()
        .map_err(|e| fault(format!("a figure that cannot be encoded ({e})")))
}

fn fault(found: String) -> crate::error::Error {
    Fault::plain(found).run()
}
