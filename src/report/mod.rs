//! Figures and tables: plain data in, files out. Knows neither burn nor models; fairness only in [`audit`],
//! which fills the charts in for one model; [`study`] reads a study's files and fills them in for all.
//!
//! ```text
//! GroupRates, Forest, Roc, Calibration, Sensitivity      of one model ─┐
//! GroupBars, WideForest, HeatMap, TradeOff, GroupDrops,                ├► draw() ─► SVG ─► write ─► stem.svg, stem.png
//! BitAllocation, Strips, Curves, CostBenefit              of a study ──┘                └► raster: PNG of that very SVG
//!   page: title, caption   scale, axis: ticks   legend, labels: names   svg: elements   text: embedded font, widths
//! Table ─► to_latex()
//! ```
//!
//! Equal data gives equal bytes. A figure holds its data and words; whoever has an audit fills it in.
//! Figures carry no element ids, so that several of them can stand inline in one HTML file.

mod allocation;
pub mod audit;
mod axis;
mod calibration;
pub mod card;
mod color;
mod cost_benefit;
mod curves;
mod forest;
mod group_bars;
mod group_drops;
mod group_rates;
mod heat_map;
pub mod html;
mod labels;
mod latex;
mod legend;
mod measured;
mod page;
mod raster;
mod roc;
mod scale;
mod sensitivity;
mod strips;
pub mod study;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod trade_off;

use std::path::Path;

pub use allocation::{AllocatedModel, Allotted, BitAllocation};
pub use calibration::Calibration;
pub use cost_benefit::{Benefit, BenefitPanel, CostBenefit};
pub use curves::{CurveColumn, CurveName, Curves};
pub use forest::{Block, Candidate, Forest, GapChange, WideChange, WideForest, WideRow};
pub use group_bars::{BarPanel, GroupBars};
pub use group_drops::{Drops, GroupDrops};
pub use group_rates::{GroupRates, RateFrame, RateGroup};
pub use heat_map::{Better, HeatCell, HeatMap, HeatPanel};
pub use latex::{Align, Column, Row, Table, escape as escape_latex};
pub use measured::{Measured, ScoredGroup};
pub use raster::{PNG_SCALE, png};
pub use roc::Roc;
pub use sensitivity::{Sensitivity, SensitivityPanel};
pub use strips::{Strip, StripBlock, Strips};
pub use trade_off::{TradeOff, TradePoint};

use crate::error::Result;
use crate::files::{create_dir, write_bytes};

/// Writes `dir/stem.svg` and, rendered from those bytes, `dir/stem.png`; each wholly or not at all.
/// The folder is created where it is missing.
///
/// # Errors
/// The fault of [`png`] when `figure` cannot be rendered, before anything is written; run error naming
/// the path when a file cannot be written.
pub fn write(figure: &str, dir: &Path, stem: &str) -> Result<()> {
    let pixels = png(figure)?;
    create_dir(dir)?;
    write_bytes(&dir.join(format!("{stem}.svg")), figure.as_bytes())?;
    write_bytes(&dir.join(format!("{stem}.png")), &pixels)
}
