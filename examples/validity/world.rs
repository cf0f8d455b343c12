//! Populations whose truth is known, and data sets drawn from them.

use fairbit::fairness::compare::pair::Pair;
use fairbit::fairness::{
    AttributeColumn, Base, Candidate, CompareConfig, Comparison, Counts, Gap, Grouping, Orders,
    Predictions, Thresholds, compare, gaps, replicate_rng,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One group of a population: what is true of its images.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Images in every data set.
    pub n: usize,
    /// Share of positive labels.
    pub positive: f64,
    /// The base's rates.
    pub tpr: f64,
    pub fpr: f64,
    /// Chance that a compressed model selects what the base does not, for negatives and positives.
    pub up: [f64; 2],
    /// Chance that it does not select what the base does.
    pub down: [f64; 2],
}

/// Image `i` of group `cell`: label, the base's decision, the other's.
type Image = (usize, u8, u8, u8);

impl Cell {
    /// A share of the cell's images by (y, b, q), as [`Pair`] orders them.
    fn shares(&self) -> [f64; 8] {
        std::array::from_fn(|class| {
            let [y, b, q] = [class / 4, class / 2 % 2, class % 2];
            let label = if y == 1 {
                self.positive
            } else {
                1.0 - self.positive
            };
            let rate = if y == 1 { self.tpr } else { self.fpr };
            let base = if b == 1 { rate } else { 1.0 - rate };
            let flip = if b == 1 { self.down[y] } else { self.up[y] };
            label * base * if b == q { 1.0 - flip } else { flip }
        })
    }

    /// The truth as counts of a population so large that rounding them does not matter.
    fn population(&self) -> Pair {
        Pair {
            of: self.shares().map(|share| (share * 1e9).round() as u32),
        }
    }

    pub fn draw(&self, rng: &mut ChaCha8Rng) -> (u8, u8, u8) {
        let y = rng.random_bool(self.positive);
        let b = rng.random_bool(if y { self.tpr } else { self.fpr });
        let flip = if b { self.down } else { self.up }[usize::from(y)];
        (
            u8::from(y),
            u8::from(b),
            u8::from(b ^ rng.random_bool(flip)),
        )
    }
}

/// A population of several groups.
#[derive(Debug, Clone)]
pub struct World {
    pub cells: Vec<Cell>,
}

impl World {
    /// True counts of each group for the base or the compressed model.
    pub fn truth(&self, of: fn(&Pair) -> Counts) -> Vec<Counts> {
        self.cells
            .iter()
            .map(|cell| of(&cell.population()))
            .collect()
    }

    /// The true gap of the base.
    pub fn gap(&self, gap: Gap) -> f64 {
        value(&self.truth(Pair::base), gap)
    }

    /// The true change of a gap.
    pub fn change(&self, gap: Gap) -> f64 {
        value(&self.truth(Pair::other), gap) - self.gap(gap)
    }

    /// A data set.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Image> {
        let cells = self.cells.iter().enumerate();
        cells
            .flat_map(|(g, cell)| (0..cell.n).map(move |_| (g, *cell)))
            .map(|(g, cell)| {
                let (y, b, q) = cell.draw(rng);
                (g, y, b, q)
            })
            .collect()
    }
}

fn value(counts: &[Counts], gap: Gap) -> f64 {
    let index = Gap::ALL
        .iter()
        .position(|g| *g == gap)
        .expect("every gap is there");
    gaps(counts)[index]
        .expect("a population has every rate")
        .value
}

/// The generator of data set `d` of a simulation.
pub fn stream(simulation: u64, d: u64) -> ChaCha8Rng {
    replicate_rng(20_261_125 + simulation, d)
}

/// A table with the decisions of one model as scores.
pub fn table(images: &[Image], decision: fn(&Image) -> u8, people: Option<usize>) -> Predictions {
    let group: Vec<String> = images.iter().map(|image| image.0.to_string()).collect();
    let score = images.iter().map(|image| match decision(image) {
        1 => 0.75,
        _ => 0.25,
    });
    Predictions::new(
        (0..images.len()).map(|i| i.to_string()).collect(),
        (0..images.len())
            .map(|i| people.map(|each| (i / each).to_string()))
            .collect(),
        vec![AttributeColumn::new("group", &group).expect("a good column")],
        images.iter().map(|image| image.1).collect(),
        score.collect(),
    )
    .expect("a good table")
}

/// A comparison of models with a base; the first decision of each image is the base's.
pub fn compared(
    base: &Predictions,
    others: Vec<Predictions>,
    config: &CompareConfig,
) -> Vec<Comparison> {
    let grouping = Grouping::new(base.attributes(), &Orders::default()).expect("few groups");
    let decide = |table: &Predictions| {
        Thresholds::One(0.5)
            .decide(table.score(), &grouping)
            .expect("a good threshold")
    };
    let candidates: Vec<Candidate> = others
        .into_iter()
        .map(|predictions| Candidate {
            name: String::new(),
            decisions: decide(&predictions),
            predictions,
        })
        .collect();
    let decisions = decide(base);
    let base = Base {
        predictions: base,
        decisions: &decisions,
        grouping: &grouping,
    };
    compare(&base, &candidates, config).expect("few replicates")
}

/// Groups in the proportions of CelebA's test images and far from each other, `n` images in all, with
/// flips in both directions that leave every rate as it is.
pub fn separated(n: usize, flips: f64) -> World {
    // Shares of the 2 × 2 cells, then positive labels, TPR and FPR.
    let cells = [
        (0.14, 0.46, 0.80, 0.10),
        (0.47, 0.57, 0.90, 0.14),
        (0.17, 0.36, 0.66, 0.04),
        (0.22, 0.44, 0.84, 0.08),
    ];
    let cell = |(share, positive, tpr, fpr): (f64, f64, f64, f64)| {
        // Balance: the same number of images goes up and down, among positives and among negatives.
        let balanced = |rate: f64| (flips / (2.0 * (1.0 - rate)), flips / (2.0 * rate));
        let ((up1, down1), (up0, down0)) = (balanced(tpr), balanced(fpr));
        Cell {
            n: (share * n as f64).round() as usize,
            positive,
            tpr,
            fpr,
            up: [up0, up1],
            down: [down0, down1],
        }
    };
    World {
        cells: cells.into_iter().map(cell).collect(),
    }
}

/// The same groups, treated exactly alike.
pub fn tied(n: usize, flips: f64) -> World {
    let mut world = separated(n, flips);
    let like = world.cells[0];
    for cell in &mut world.cells {
        *cell = Cell { n: cell.n, ..like };
    }
    world
}
