//! Which layer got how many bits: a strip per plan, layers in forward order.

use super::color::mix;
use super::legend::{Swatch, legend};
use super::page::{Page, empty};
use super::style::{LABEL, MARGIN, QUIET};
use super::svg::{Anchor, Font};
use super::text::widest;

/// Widths of weights by layer, for plans that are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct BitAllocation {
    /// What was allocated. May be empty.
    pub subject: String,
    /// From top to bottom.
    pub models: Vec<AllocatedModel>,
    /// What stands below. May be empty.
    pub caption: String,
}

/// The plans of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct AllocatedModel {
    /// Its name.
    pub name: String,
    /// Its plans.
    pub plans: Vec<Allotted>,
}

/// One plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Allotted {
    /// The method.
    pub name: String,
    /// What it comes to, `3.41 MB`.
    pub total: String,
    /// Width of each layer in forward order, bits; `None` for floats.
    pub widths: Vec<Option<u64>>,
}

const STRIP: f64 = 560.0;
const ROW: f64 = 20.0;
const HEAD: f64 = 24.0;
/// Floats: another hue, so that they are not read as the next width.
const FLOAT: &str = "#E69F00";

/// Light for few bits, dark for many.
fn color(width: Option<u64>) -> String {
    match width {
        None => FLOAT.into(),
        Some(bits) => mix("#dcebf5", "#08306b", (bits.clamp(2, 8) - 2) as f64 / 6.0),
    }
}

impl BitAllocation {
    /// The figure as SVG.
    pub fn draw(&self) -> String {
        let subject = if self.subject.is_empty() {
            String::new()
        } else {
            format!(": {}", self.subject)
        };
        let title = format!("Bits of every layer{subject}");
        let plans = || self.models.iter().flat_map(|m| &m.plans);
        let mut widths: Vec<Option<u64>> = plans().flat_map(|p| p.widths.iter().copied()).collect();
        // Floats last.
        widths.sort_by_key(|w| w.unwrap_or(u64::MAX));
        widths.dedup();
        if widths.is_empty() {
            return empty(&title, "no plans to show", &self.caption);
        }
        let left = MARGIN + 10.0 + widest(plans().map(|p| p.name.as_str()), LABEL.size) + 12.0;
        let totals = widest(plans().map(|p| p.total.as_str()), LABEL.size);
        let width = left + STRIP + 10.0 + totals + MARGIN;
        let notes = "Layers in forward order from left to right, one cell each; on the right the bytes of the plan.";
        let mut page = Page::new(width, &title, notes);
        let entries = widths.iter().map(|w| {
            let name = w.map_or_else(|| "float".into(), |bits| format!("{bits} bits"));
            (Swatch::Block(color(*w)), name)
        });
        let entries: Vec<(Swatch, String)> = entries.collect();
        let mut y = legend(
            &mut page.svg,
            (MARGIN, page.top),
            width - 2.0 * MARGIN,
            &entries,
        ) + 2.0;
        let svg = &mut page.svg;
        for model in &self.models {
            let layers = model
                .plans
                .iter()
                .map(|p| p.widths.len())
                .max()
                .unwrap_or(0);
            svg.text((MARGIN, y + 15.0), &model.name, LABEL);
            let count = format!("{layers} layers");
            svg.text((left, y + 15.0), &count, Font { size: 9.5, ..QUIET });
            y += HEAD;
            let cell = STRIP / layers.max(1) as f64;
            for plan in &model.plans {
                svg.text((MARGIN + 10.0, y + 13.0), &plan.name, QUIET);
                for (l, width) in plan.widths.iter().enumerate() {
                    // A hairline of white between cells.
                    let at = (left + cell * l as f64, y + 1.0);
                    svg.rect(at, (cell - 0.8, ROW - 4.0), &color(*width));
                }
                let end = (left + STRIP + 10.0 + totals, y + 13.0);
                svg.text(end, &plan.total, LABEL.anchored(Anchor::End));
                y += ROW;
            }
        }
        page.finish(y + 6.0, &self.caption)
    }
}
