//! The ten figures of a study: its numbers put into the charts of this room.

mod baselines;
mod changes;
mod draws;
mod layers;
mod pareto;
mod training;

use super::Study;
use crate::report::Measured;
use crate::report::page::empty;
use crate::report::text::{percent, thousands};

/// A figure of a study with the numbers it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its files without extension, `baselines`.
    pub stem: String,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it and where the numbers come from: n, intervals, seed. The figure says the same below.
    pub caption: String,
    /// Its numbers as CSV with a header; empty where there are none.
    pub csv: String,
    /// The figure; a document without ids, so that several can stand in one page.
    pub svg: String,
    /// Why there is nothing to show, `not measured: …`; the figure says so too.
    pub missing: Option<String>,
}

/// All figures, in the order of a report; those without data too, with the reason.
pub fn figures(study: &Study) -> Vec<Figure> {
    vec![
        baselines::baselines(study),
        changes::forest(study),
        changes::heat_map(study),
        pareto::pareto(study),
        changes::group_drops(study),
        layers::sensitivity(study),
        layers::allocation(study),
        draws::draws(study),
        training::curves(study),
        training::cost(study),
    ]
}

/// What a figure is before it is drawn.
struct Draft {
    stem: &'static str,
    title: &'static str,
}

impl Draft {
    fn figure(self, caption: String, csv: Sheet, svg: String) -> Figure {
        Figure {
            stem: self.stem.into(),
            title: self.title.into(),
            caption,
            csv: csv.text(),
            svg,
            missing: None,
        }
    }

    /// A figure that says why there is nothing to show.
    fn missing(self, reason: &str) -> Figure {
        let reason = format!("not measured: {reason}");
        Figure {
            svg: empty(self.title, &reason, ""),
            stem: self.stem.into(),
            title: self.title.into(),
            caption: reason.clone(),
            csv: String::new(),
            missing: Some(reason),
        }
    }
}

/// What a caption has to say about how its numbers were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    /// Not on test images.
    Elsewhere,
    /// On test images.
    Measured,
    /// The same, with bootstrap intervals.
    WithIntervals,
    /// The same, with p adjusted over the family.
    Tested,
}

/// What is special about a figure, then where its numbers come from.
fn caption(study: &Study, special: &str, made: Made) -> String {
    let mut parts = Vec::new();
    let of = format!("target {}, seed {}", study.target, study.seed);
    if made >= Made::Measured {
        parts.push(format!("{} test images, {of}", thousands(study.n())));
    } else {
        parts.push(of);
    }
    let family = study.findings.as_ref().map(|f| &f.family);
    if let Some(family) = family.filter(|_| made >= Made::WithIntervals) {
        parts.push(format!(
            "{} intervals from {} bootstrap replicates (seed {})",
            percent(family.confidence),
            thousands(family.replicates),
            family.seed
        ));
        if made == Made::Tested {
            parts.push(format!(
                "p adjusted by {} over {} tests",
                family.method, family.size
            ));
        }
    }
    if let Some(source) = &study.provenance {
        let data = &source.data;
        if !data.dir_kind.is_empty() {
            let px = data
                .px
                .map_or_else(String::new, |px| format!(" at {px}\u{a0}px"));
            parts.push(format!("{} faces{px}", data.dir_kind));
        }
        if !data.hash.is_empty() {
            parts.push(format!(
                "data sha256:{}",
                data.hash.get(..16).unwrap_or(&data.hash)
            ));
        }
        parts.push(format!("fairbit\u{a0}{}", source.fairbit));
    }
    let space = if special.is_empty() { "" } else { " " };
    let mut source = parts.join("; ");
    if made == Made::Elsewhere {
        source = source.replacen("target", "Target", 1);
    }
    format!("{special}{space}{source}.")
}

/// CSV being written.
struct Sheet {
    writer: csv::Writer<Vec<u8>>,
}

impl Sheet {
    fn new(header: &str) -> Self {
        let mut sheet = Self {
            writer: csv::Writer::from_writer(Vec::new()),
        };
        sheet.row(header.split(',').map(str::to_string));
        sheet
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        // Writing to memory fails only on rows of unequal length.
        self.writer
            .write_record(&cells)
            .expect("as many cells as columns");
    }

    fn text(self) -> String {
        let bytes = self.writer.into_inner().expect("memory can be written");
        String::from_utf8(bytes).expect("text stays text")
    }
}

/// A number as a cell; empty where there is none.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| format!("{v}"))
}

/// A number and the ends of its interval as three cells.
fn cells(found: Option<Measured>) -> [String; 3] {
    let interval = found.and_then(|m| m.interval);
    [
        cell(found.map(|m| m.value)),
        cell(interval.map(|i| i.0)),
        cell(interval.map(|i| i.1)),
    ]
}

/// Where an axis should end so that the few that go far beyond the rest do not squeeze it: at two and a half times
/// the third quartile of sizes, where the largest is more than four times that. `None` for an axis that shows all.
fn limit(sizes: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sizes: Vec<f64> = sizes.map(f64::abs).filter(|s| s.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    let most = *sizes.last()?;
    let usual = sizes[(0.75 * (sizes.len() - 1) as f64) as usize];
    (usual > 0.0 && most > 4.0 * usual).then_some(2.5 * usual)
}

/// The same for an axis that several share: it has room for what each needs by itself.
fn common_limit(all: impl Iterator<Item = Vec<f64>>) -> Option<f64> {
    let largest = |sizes: &[f64]| sizes.iter().map(|s| s.abs()).fold(0.0, f64::max);
    let (mut most, mut end) = (0f64, 0f64);
    for sizes in all {
        let own = largest(&sizes);
        most = most.max(own);
        end = end.max(limit(sizes.into_iter()).unwrap_or(own));
    }
    (end < most).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::{common_limit, limit};

    #[test]
    fn an_axis_ends_early_only_for_the_sake_of_few() {
        assert_eq!(limit((1..=10).map(f64::from)), None);
        let one_broken = (1..=20).map(|k| if k == 20 { -500.0 } else { f64::from(k) });
        assert_eq!(limit(one_broken.clone()), Some(2.5 * 15.0));
        let both = [one_broken.collect(), vec![50.0, 60.0]];
        assert_eq!(common_limit(both.clone().into_iter()), Some(60.0));
        assert_eq!(common_limit(both.into_iter().skip(1)), None);
        assert_eq!(limit(std::iter::empty()), None);
        assert_eq!(limit([0.0, 0.0, 1.0].into_iter()), None);
    }
}
