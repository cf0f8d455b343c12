//! Everything that one sample of the images is measured by: all metrics of all groups, and all gaps.
//!
//! The panel is built once and applied to the images themselves and to every replicate, so that the
//! same replicate serves every metric.

use super::estimate::Point;
use super::gaps::{Gap, GapPoint, gaps};
use super::groups::{Frame, Grouping};
use super::metrics::{Counts, GroupMetric, class};
use super::predictions::Predictions;
use super::ranked::Ranked;

/// Metrics of one group, in the order of [`GroupMetric::ALL`].
pub type GroupPoints = [Point; GroupMetric::ALL.len()];

/// What the panel finds for one frame.
#[derive(Debug, Clone)]
pub struct FramePoints {
    /// Counts of each group.
    pub counts: Vec<Counts>,
    /// Metrics of each group. Without image weights AUC and ECE are missing, which reads as NaN.
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
pub struct Panel {
    frames: Vec<(Frame, Vec<Ranked>)>,
    /// 4 · cell + class of each image.
    slot: Vec<u32>,
    cells: usize,
}

impl Panel {
    /// Prepares the images with decisions at `threshold`.
    pub fn new(predictions: &Predictions, grouping: &Grouping, threshold: f64) -> Self {
        let (label, score) = (predictions.label(), predictions.score());
        let everyone = Frame {
            name: String::new(),
            groups: vec!["all images".into()],
            group_of_cell: vec![0; grouping.cells],
        };
        let frames = std::iter::once(&everyone)
            .chain(&grouping.frames)
            .map(|frame| {
                let mut members = vec![Vec::new(); frame.groups.len()];
                for (i, cell) in (0u32..).zip(&grouping.cell_of) {
                    members[frame.group_of_cell[*cell as usize]].push(i);
                }
                let ranked = members
                    .into_iter()
                    .map(|m| Ranked::new(m, label, score))
                    .collect();
                (frame.clone(), ranked)
            });
        let slot = (0..predictions.n())
            .map(|i| 4 * grouping.cell_of[i] + u32::from(class(label[i], score[i], threshold)))
            .collect();
        Self {
            frames: frames.collect(),
            slot,
            cells: grouping.cells,
        }
    }

    /// The frames, the one of all images first.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &Frame> {
        self.frames.iter().map(|(frame, _)| frame)
    }

    /// Counts per cell of the images counted `weight[i]` times.
    pub fn count(&self, weight: &[u32]) -> Vec<Counts> {
        let mut cells = vec![Counts::default(); self.cells];
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
        self.frames
            .iter()
            .map(|(frame, ranked)| {
                let counts = sum_cells(frame, cells);
                let groups = counts.iter().zip(ranked).map(|(c, ranked)| {
                    let (auc, ece) =
                        weight.map_or((Ok(f64::NAN), Ok(f64::NAN)), |w| ranked.auc_ece(w));
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
        self.frames
            .iter()
            .map(|(frame, _)| frame_width(frame))
            .sum()
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
        self.frames[..frame]
            .iter()
            .map(|(frame, _)| frame_width(frame))
            .sum()
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
