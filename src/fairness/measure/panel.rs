//! Everything that one sample of the images is measured by: all metrics of all groups, and all gaps.
//!
//! The panel is built once and applied to the images themselves and to every replicate, so that the
//! same replicate serves every metric.

use super::counts::{Counts, GroupMetric, class};
use super::estimate::Point;
use super::gaps::{Gap, GapPoint, gaps};
use super::groups::{Frame, Grouping};
use super::ranked::{Ranked, sorted};
use crate::fairness::table::predictions::Predictions;

/// Metrics of one group, in the order of [`GroupMetric::ALL`].
pub type GroupPoints = [Point; GroupMetric::ALL.len()];

/// What the panel finds for one frame.
#[derive(Debug, Clone)]
pub struct FramePoints {
    /// Counts of each group.
    pub counts: Vec<Counts>,
    /// Metrics of each group. Without image weights, or in a panel without ranks, AUC and ECE are
    /// missing, which reads as NaN.
    pub groups: Vec<GroupPoints>,
    /// Gaps in the order of [`Gap::ALL`].
    pub gaps: [GapPoint; Gap::ALL.len()],
}

/// A sample of the images: what is counted how often.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// How often each image is in the sample.
    Weights(&'a [u32]),
    /// Counts per cell: decisions without scores.
    Cells(&'a [Counts]),
}

/// The images of a predictions table, prepared for measuring. Frame 0 is all images as one group.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    predictions: &'a Predictions,
    grouping: &'a Grouping,
    frames: Vec<Frame>,
    /// Images of each group of each frame, by score; empty in a panel without ranks.
    ranks: Vec<Vec<Ranked>>,
    /// All images, by score.
    order: Vec<u32>,
    /// 4 · cell + class of each image.
    slot: Vec<u32>,
}

impl<'a> Panel<'a> {
    /// Prepares the images with the decisions made on them, one each.
    ///
    /// # Panics
    /// When there is not one decision for each image.
    pub fn new(predictions: &'a Predictions, grouping: &'a Grouping, decisions: &[u8]) -> Self {
        assert_eq!(
            decisions.len(),
            predictions.n(),
            "a decision for each image"
        );
        let everyone = Frame {
            name: String::new(),
            groups: vec!["all images".into()],
            group_of_cell: vec![0; grouping.cells],
        };
        let label = predictions.label();
        let slot = (0..predictions.n())
            .map(|i| 4 * grouping.cell_of[i] + u32::from(class(label[i], decisions[i])));
        Self {
            frames: std::iter::once(everyone)
                .chain(grouping.frames.iter().cloned())
                .collect(),
            ranks: Vec::new(),
            order: sorted(predictions.score()),
            slot: slot.collect(),
            predictions,
            grouping,
        }
    }

    /// Keeps every group's images sorted, so that AUC and ECE are measured on every sample: 24 bytes for
    /// each image and frame.
    pub fn with_ranks(mut self) -> Self {
        self.ranks = (0..self.frames.len()).map(|f| self.ranked(f)).collect();
        self
    }

    /// Whether AUC and ECE are measured on every sample.
    pub fn has_ranks(&self) -> bool {
        !self.ranks.is_empty()
    }

    /// The groups of one frame, each sorted by score.
    fn ranked(&self, frame: usize) -> Vec<Ranked> {
        let frame = &self.frames[frame];
        let mut members = vec![Vec::new(); frame.groups.len()];
        for &i in &self.order {
            let cell = self.grouping.cell_of[i as usize] as usize;
            members[frame.group_of_cell[cell]].push(i);
        }
        let (label, score) = (self.predictions.label(), self.predictions.score());
        let members = members.into_iter();
        members.map(|m| Ranked::new(&m, label, score)).collect()
    }

    /// AUC and ECE of each group of a frame, on all images once.
    pub fn scores(&self, frame: usize) -> Vec<(Point, Point)> {
        let once = vec![1u32; self.predictions.n()];
        let of = |ranked: &Ranked| ranked.auc_ece(&once);
        match self.ranks.get(frame) {
            Some(ranks) => ranks.iter().map(of).collect(),
            None => self.ranked(frame).iter().map(of).collect(),
        }
    }

    /// The frames, the one of all images first.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Counts per cell of the images counted `weight[i]` times.
    pub fn count(&self, weight: &[u32]) -> Vec<Counts> {
        let mut cells = vec![Counts::default(); self.grouping.cells];
        for (slot, w) in self.slot.iter().zip(weight) {
            cells[*slot as usize / 4].of[*slot as usize % 4] += u64::from(*w);
        }
        cells
    }

    /// Measures a sample, frame by frame.
    pub fn measure(&self, sample: Sample<'_>) -> Vec<FramePoints> {
        let counted;
        let (cells, weight) = match sample {
            Sample::Cells(cells) => (cells, None),
            Sample::Weights(weight) => {
                counted = self.count(weight);
                (counted.as_slice(), Some(weight))
            }
        };
        let frames = self.frames.iter().enumerate();
        frames
            .map(|(f, frame)| {
                let counts = sum_cells(frame, cells);
                let scores = |group: usize| match (weight, self.ranks.get(f)) {
                    (Some(weight), Some(ranks)) => ranks[group].auc_ece(weight),
                    _ => (Ok(f64::NAN), Ok(f64::NAN)),
                };
                let groups = counts.iter().enumerate().map(|(group, c)| {
                    let (auc, ece) = scores(group);
                    [
                        c.accuracy(),
                        c.selection_rate(),
                        c.tpr(),
                        c.fpr(),
                        c.ppv(),
                        auc,
                        ece,
                    ]
                });
                FramePoints {
                    groups: groups.collect(),
                    gaps: gaps(&counts),
                    counts,
                }
            })
            .collect()
    }

    /// Number of statistics, see [`write_row`](Self::write_row).
    pub fn width(&self) -> usize {
        self.frames.iter().map(frame_width).sum()
    }

    /// Column of a group's metric; `metric` and `group` are indices.
    pub fn group_column(&self, frame: usize, group: usize, metric: usize) -> usize {
        self.frame_column(frame) + group * GroupMetric::ALL.len() + metric
    }

    /// Column of a gap; `gap` is an index into [`Gap::ALL`].
    pub fn gap_column(&self, frame: usize, gap: usize) -> usize {
        self.frame_column(frame + 1) - Gap::ALL.len() + gap
    }

    fn frame_column(&self, frame: usize) -> usize {
        self.frames[..frame].iter().map(frame_width).sum()
    }

    /// Writes all statistics of a sample into a row of [`width`](Self::width) numbers, undefined ones
    /// as NaN.
    ///
    /// # Panics
    /// When the row has another length.
    pub fn write_row(&self, sample: Sample<'_>, row: &mut [f64]) {
        assert_eq!(row.len(), self.width(), "one column per statistic");
        let points = self.measure(sample);
        let values = points.iter().flat_map(|frame| {
            let groups = frame
                .groups
                .iter()
                .flatten()
                .map(|point| point.unwrap_or(f64::NAN));
            groups.chain(
                frame
                    .gaps
                    .iter()
                    .map(|gap| gap.map_or(f64::NAN, |a| a.value)),
            )
        });
        for (place, value) in row.iter_mut().zip(values) {
            *place = value;
        }
    }
}

/// Counts of each group of a frame.
pub fn sum_cells(frame: &Frame, cells: &[Counts]) -> Vec<Counts> {
    let mut groups = vec![Counts::default(); frame.groups.len()];
    for (group, counts) in frame.group_of_cell.iter().zip(cells) {
        groups[*group].add(counts);
    }
    groups
}

fn frame_width(frame: &Frame) -> usize {
    frame.groups.len() * GroupMetric::ALL.len() + Gap::ALL.len()
}
