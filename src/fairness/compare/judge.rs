//! One candidate against the base: every gap, its test and its equivalence.

use rayon::prelude::*;

use super::comparison::{Comparison, ContrastChange, FrameChange, GapChange, Settings};
use super::equivalence::{Changes, Equivalence, Flips, Over, equivalence};
use super::pair::{Both, Pair};
use super::people::Images;
use super::run::CompareConfig;
use super::sharp::{Swaps, two_sided_p};
use super::statistics::{Matrix, PAIRED, Statistics, pairs, sum};
use super::votes::Counted;
use crate::fairness::measure::estimate::Estimate;
use crate::fairness::measure::gaps::Gap;
use crate::fairness::measure::groups::{Frame, Grouping};
use crate::fairness::measure::ranges::Ranges;
use crate::fairness::measure::rates::Rate;
use crate::fairness::resample::bands::{MAX_COMPARED, bands};
use crate::fairness::resample::bootstrap::percentile;
use crate::fairness::resample::draw::{Resampler, replicate_rng};
use crate::fairness::resample::quantile::defined;

/// Keeps the streams of swaps apart from those of replicates and permutations.
const STREAMS: u64 = 1 << 62;

/// What is known of one hypothesis before the whole family is.
pub struct Tested {
    /// |ΔG| / se on the data.
    pub t: f64,
    /// |ΔG* − ΔG| / se* in each replicate.
    pub replicates: Vec<f64>,
    /// Its own p.
    pub p: f64,
    /// ΔG on the data.
    pub delta: f64,
    /// ΔG* in each replicate, NaN where undefined.
    pub changes: Vec<f64>,
}

/// What one model says of the images.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub name: &'a str,
    pub score: &'a [f64],
    /// 0 or 1 for each image.
    pub decisions: &'a [u8],
}

/// Everything that the comparisons with one base share.
pub struct Judge<'a> {
    pub label: &'a [u8],
    pub grouping: &'a Grouping,
    pub base: Subject<'a>,
    pub config: &'a CompareConfig,
    /// Person of each image, and what draws them; `None` where images are drawn.
    pub people: Option<(&'a [u32], &'a Resampler)>,
    pub statistics: Statistics<'a>,
    pub family: usize,
}

/// One candidate's counts and statistics.
pub(super) struct Case<'a> {
    pub candidate: Subject<'a>,
    cells: Vec<Pair>,
    /// On the images themselves.
    pub row: Vec<f64>,
    pub replicates: Matrix,
    /// ΔG of every draw of swaps, `[draws][frames][gaps]`.
    swapped: Vec<Vec<f64>>,
}

impl Judge<'_> {
    /// One candidate, and those of its tests that the family is made of.
    pub fn comparison(
        &self,
        counted: Counted,
        candidate: Subject,
    ) -> (Comparison, Vec<(usize, Tested)>) {
        let cells = pairs(counted.row, counted.slots, counted.model);
        let mut row = vec![0.0; self.statistics.width()];
        self.statistics.write(&cells, &mut row);
        let case = Case {
            replicates: self.statistics.of_replicates(counted),
            swapped: self.swapped(&cells, &candidate),
            candidate,
            cells,
            row,
        };
        let mut tested = Vec::new();
        let frames = self.grouping.frames.iter().enumerate();
        let attributes = frames
            .map(|(f, frame)| {
                let groups = sum(&case.cells, &frame.group_of_cell, frame.groups.len());
                FrameChange {
                    name: frame.name.clone(),
                    gaps: self.gaps(&case, f, &groups, &mut tested),
                    groups: self.flipped(&case, f, frame, &groups),
                    contrasts: self.contrasts(&case, f, frame),
                }
            })
            .collect();
        let mut all = Pair::default();
        case.cells.iter().for_each(|cell| all.add(cell));
        let comparison = Comparison {
            name: candidate.name.into(),
            overall: self.flips("", &all, case.row[0], case.replicates.column(0), || {
                self.images(&candidate)
                    .map(|i| i.differences(&vec![0; i.label.len()], 1).remove(0))
            }),
            auc: self.auc(&candidate),
            attributes,
            settings: Settings {
                replicates: self.config.replicates,
                draws: self.config.draws,
                seed: self.config.seed,
                confidence: self.config.confidence,
                margin: self.config.margin,
                family: self.family,
                clustered: self.people.is_some(),
            },
        };
        (comparison, tested)
    }

    pub(super) fn images<'b>(&'b self, candidate: &'b Subject) -> Option<Images<'b>> {
        Some(Images {
            label: self.label,
            base: self.base.decisions,
            other: candidate.decisions,
            person: self.people?.0,
        })
    }

    fn swapped(&self, cells: &[Pair], candidate: &Subject) -> Vec<Vec<f64>> {
        let grouping = self.grouping;
        let swaps = match self.images(candidate) {
            None => Swaps::Images,
            Some(i) => Swaps::people(&grouping.cell_of, i.label, i.base, i.other, i.person),
        };
        let draw = |r: u64| -> Vec<f64> {
            let mut rng = replicate_rng(self.config.seed, STREAMS | r);
            let cells = swaps.draw(cells, &mut rng);
            let frames = grouping.frames.iter().flat_map(|frame| {
                let both = Both::of(&sum(&cells, &frame.group_of_cell, frame.groups.len()));
                Gap::ALL.map(|gap| both.change(gap).unwrap_or(f64::NAN))
            });
            frames.collect()
        };
        (0..self.config.draws as u64)
            .into_par_iter()
            .map(draw)
            .collect()
    }

    /// All gaps of a frame; those of the family are kept in `tested`.
    fn gaps(
        &self,
        case: &Case,
        f: usize,
        groups: &[Pair],
        tested: &mut Vec<(usize, Tested)>,
    ) -> Vec<GapChange> {
        let frame = &self.grouping.frames[f];
        let gap = |(g, gap): (usize, Gap)| {
            let delta = case.row[self.statistics.gap(f, g)];
            if delta.is_nan() {
                let reason = self.undefined(gap, frame, groups);
                return GapChange {
                    gap,
                    equivalence: Err(reason.clone()),
                    delta: Estimate::NotEstimable { reason },
                    p: None,
                    p_sharp: None,
                    adjusted: None,
                    q: None,
                };
            }
            let column = case.replicates.column(self.statistics.gap(f, g));
            let ci = percentile(column, self.config.confidence);
            let test = self.test(case, f, g, delta);
            let swapped = case.swapped.iter().map(|draw| draw[f * Gap::ALL.len() + g]);
            let found = GapChange {
                gap,
                delta: Estimate::Value { value: delta, ci },
                p: test.as_ref().map(|test| test.p),
                p_sharp: Some(two_sided_p(delta, swapped)),
                adjusted: None,
                q: None,
                equivalence: self.equivalence(case, f, frame, groups, gap),
            };
            if f == self.grouping.primary()
                && matches!(gap, Gap::Dp | Gap::Eo)
                && let Some(test) = test
            {
                tested.push((g, test));
            }
            found
        };
        Gap::ALL.into_iter().enumerate().map(gap).collect()
    }

    /// The studentized bootstrap test of ΔG = 0 (Davison & Hinkley 1997, §4.4). Where all replicates have
    /// a standard error of their own they are divided by it; with identities by the bootstrap's.
    fn test(&self, case: &Case, f: usize, g: usize, delta: f64) -> Option<Tested> {
        let changes = case.replicates.column(self.statistics.gap(f, g));
        let sorted = defined(changes).ok()?;
        let (se, errors): (f64, Option<Vec<f64>>) = match self.people {
            None => {
                let column = self.statistics.error(f, g);
                (
                    case.row[column],
                    Some(case.replicates.column(column).collect()),
                )
            }
            Some(_) => {
                let n = sorted.len() as f64;
                let mean = sorted.iter().sum::<f64>() / n;
                let squares: f64 = sorted.iter().map(|x| (x - mean).powi(2)).sum();
                ((squares / (n - 1.0)).sqrt(), None)
            }
        };
        let studentized = |change: f64, se: f64| match ((change).abs() < 1e-12, se > 0.0) {
            (true, _) => 0.0,
            (false, true) => change.abs() / se,
            (false, false) => f64::INFINITY,
        };
        let changes = case.replicates.column(self.statistics.gap(f, g));
        let replicates: Vec<f64> = changes
            .enumerate()
            .map(|(r, change)| match change.is_nan() {
                true => f64::INFINITY,
                false => {
                    let se = errors.as_ref().map_or(se, |errors| errors[r]);
                    studentized(change - delta, se)
                }
            })
            .collect();
        let changes = (case.replicates.column(self.statistics.gap(f, g))).collect();
        // Without any spread there is nothing to test with.
        if se == 0.0 {
            return Some(Tested {
                t: 0.0,
                p: 1.0,
                replicates,
                delta,
                changes,
            });
        }
        let t = studentized(delta, se);
        let reached = replicates.iter().filter(|r| **r >= t).count();
        Some(Tested {
            t,
            p: (1 + reached) as f64 / (replicates.len() + 1) as f64,
            replicates,
            delta,
            changes,
        })
    }

    fn equivalence(
        &self,
        case: &Case,
        f: usize,
        frame: &Frame,
        groups: &[Pair],
        gap: Gap,
    ) -> std::result::Result<Equivalence, String> {
        let (rates, over): (&[Rate], Over) = match gap {
            Gap::Dp => (&[Rate::Selection], Over::Pairs),
            // A mean of two changes is at most the larger.
            Gap::Eo | Gap::EoMean => (&[Rate::Tpr, Rate::Fpr], Over::Pairs),
            Gap::Eopp => (&[Rate::Tpr], Over::Pairs),
            Gap::Pe => (&[Rate::Fpr], Over::Pairs),
            Gap::Accuracy => (&[Rate::Accuracy], Over::Pairs),
            Gap::WorstGroupAccuracy => (&[Rate::Accuracy], Over::Groups),
            Gap::Di => return Err("a ratio is not bounded by differences of rates".into()),
            Gap::Ppv => return Err("PPV is over different images for each model".into()),
            Gap::EoSum => {
                return Err("see eo_gap: a sum of two changes has no bound of its own".into());
            }
        };
        if groups.len() > MAX_COMPARED {
            return Err(format!("{} groups: more than {MAX_COMPARED}", groups.len()));
        }
        let found: Vec<(Vec<Flips>, Vec<Vec<f64>>)> = rates
            .iter()
            .map(|rate| {
                let index = PAIRED
                    .iter()
                    .position(|r| r == rate)
                    .expect("a paired rate");
                let from = self.statistics.rates(f, index);
                let flips = match self.images(&case.candidate) {
                    None => groups.iter().map(|g| Flips::of(*rate, g)).collect(),
                    Some(images) => {
                        images.flips(*rate, &self.groups_of_images(frame), groups.len())
                    }
                };
                (flips, case.replicates.block(from, groups.len()))
            })
            .collect();
        if found.iter().any(|(_, rows)| rows.is_empty()) {
            return Err("no bootstrap replicate has this rate in every group".into());
        }
        let changes: Vec<Changes> = found
            .iter()
            .map(|(flips, replicates)| Changes { flips, replicates })
            .collect();
        Ok(equivalence(&changes, over, self.config.margin))
    }

    pub(super) fn groups_of_images(&self, frame: &Frame) -> Vec<usize> {
        let cells = self.grouping.cell_of.iter();
        cells
            .map(|cell| frame.group_of_cell[*cell as usize])
            .collect()
    }

    fn undefined(&self, gap: Gap, frame: &Frame, groups: &[Pair]) -> String {
        let of = |counts: fn(&Pair) -> _| {
            let counts: Vec<_> = groups.iter().map(counts).collect();
            Ranges::of(&counts).gap(gap).err()
        };
        let undefined = of(Pair::base)
            .or_else(|| of(Pair::other))
            .expect("one of the gaps is undefined");
        match undefined.group {
            Some(g) => format!("{}: {}", frame.groups[g], undefined.cause),
            None => format!("{}: {}", frame.name, undefined.cause),
        }
    }

    /// Bands of all pairs of groups, for each rate that bounds a gap.
    fn contrasts(&self, case: &Case, f: usize, frame: &Frame) -> Vec<ContrastChange> {
        let groups = frame.groups.len();
        if groups > MAX_COMPARED {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, rate) in PAIRED.into_iter().enumerate() {
            let from = self.statistics.rates(f, index);
            let values = &case.row[from..][..groups];
            if values.iter().any(|v| v.is_nan()) {
                continue;
            }
            let rows = case.replicates.block(from, groups);
            let all = bands(values, rows.len(), |r| &rows[r], self.config.confidence);
            for c in all {
                let [a, b] = c.of;
                let column = rows.iter().map(|row| row[a] - row[b]);
                found.push(ContrastChange {
                    rate,
                    pair: [a, b].map(|g| frame.groups[g].clone()),
                    value: c.value,
                    ci: percentile(column, self.config.confidence),
                    band: c.band,
                });
            }
        }
        found
    }
}
