//! `sensitivity.csv` and `sensitivity.json`.

use std::fmt;

use serde_json::{Map, Value, json};

use super::agreement::Agreement;
use super::{Estimate, Sensitivity};
use crate::fairness::Interval;
use crate::models::LayerKind;

/// The columns of `sensitivity.csv`.
const HEADER: &str =
    "layer,kind,depth,params,bits,group,first_order,fisher,direct,sqnr_db,gauss_newton";

impl Estimate {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstOrder => "first_order",
            Self::Fisher => "fisher",
            Self::FirstOrderFisher => "first_order+fisher",
            Self::GaussNewton => "gauss_newton",
            Self::FirstOrderGaussNewton => "first_order+gauss_newton",
            Self::Direct => "direct",
        }
    }
}

impl Sensitivity {
    /// A row for each layer, width and group, the group empty for everybody; what was not found out, and the
    /// signal to noise of weights that rounding leaves as they are, is empty.
    pub fn to_csv(&self) -> String {
        let columns = [Estimate::FirstOrder, Estimate::Fisher, Estimate::Direct];
        let means = columns.map(|estimate| self.means(estimate));
        let gauss_newton = self.means(Estimate::GaussNewton);
        let mut text = format!("{HEADER}\n");
        for (l, layer) in self.layers.iter().enumerate() {
            for (w, bits) in self.widths.iter().enumerate() {
                let column = l * self.widths.len() + w;
                for (g, group) in self.groups.iter().enumerate() {
                    let number = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
                    let mean = |of: &Option<Vec<Vec<f64>>>| {
                        number(of.as_ref().map(|means| means[g][column]))
                    };
                    let fields = [
                        layer.path.clone(),
                        layer.kind.name().into(),
                        layer.depth.to_string(),
                        layer.params.to_string(),
                        bits.to_string(),
                        quoted(&group.name),
                        means.each_ref().map(mean).join(","),
                        number(layer.sqnr_db[w]),
                        mean(&gauss_newton),
                    ];
                    text.push_str(&fields.join(","));
                    text.push('\n');
                }
            }
        }
        text
    }

    /// Rank correlations with their intervals, means by kind of layer, and what they are of.
    pub fn to_json(&self, agreements: &[Agreement]) -> Value {
        let list = |with_depth: bool| -> Vec<Value> {
            let mut rows: Vec<Value> = Vec::new();
            for found in agreements.iter().filter(|a| a.with_depth == with_depth) {
                let group = &self.groups[found.group].name;
                let same = |row: &Value| row["bits"] == found.bits && row["group"] == *group;
                if !rows.last().is_some_and(same) {
                    rows.push(json!({"bits": found.bits, "group": group}));
                }
                let row = rows.last_mut().expect("just pushed");
                row[found.estimate.name()] = found.to_json();
            }
            rows
        };
        let float = self.weighting.means(
            &self.groups,
            &super::Scores {
                values: self.float_loss.clone(),
                columns: 1,
            },
        );
        let groups: Vec<Value> = self
            .groups
            .iter()
            .zip(float)
            .map(|(group, loss)| {
                let inside = |cell: &&usize| group.cells.contains(cell);
                let images = self.weighting.cells.iter().filter(inside).count();
                json!({"group": group.name, "images": images, "float_loss": loss[0]})
            })
            .collect();
        json!({
            "images": self.float_loss.len(),
            "layers": self.layers.len(),
            "widths": self.widths,
            "unit": "change of the mean cross entropy, nats",
            "groups": groups,
            "spearman_with_direct": list(false),
            "spearman_with_depth": list(true),
            "mean_by_kind": self.by_kind(),
            "gradient_seconds": self.gradient_seconds,
            "direct_seconds": self.direct.is_some().then_some(self.direct_seconds),
        })
    }

    /// Means over the layers of each kind, at each width, over everybody.
    fn by_kind(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        let all = Estimate::ALL;
        let means = all.map(|estimate| self.means(estimate));
        for &bits in &self.widths {
            for kind in [LayerKind::Conv, LayerKind::Depthwise, LayerKind::Linear] {
                let of_kind = |l: &usize| self.layers[*l].kind == kind;
                let layers: Vec<usize> = (0..self.layers.len()).filter(of_kind).collect();
                if layers.is_empty() {
                    continue;
                }
                let mut row = Map::new();
                row.insert("bits".into(), json!(bits));
                row.insert("kind".into(), json!(kind.name()));
                row.insert("layers".into(), json!(layers.len()));
                for (estimate, means) in all.into_iter().zip(&means) {
                    let Some(means) = means else { continue };
                    let columns = layers.iter().filter_map(|&l| self.column(l, bits));
                    let sum: f64 = columns.map(|column| means[0][column]).sum();
                    let mean = sum / layers.len() as f64;
                    row.insert(estimate.name().into(), json!(mean));
                }
                rows.push(Value::Object(row));
            }
        }
        rows
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = match self.with_depth {
            true => "depth",
            false => "the direct measurement",
        };
        let name = self.estimate.name();
        write!(f, "rank correlation of {name} with {with} ")?;
        match (self.rho, &self.interval) {
            (None, _) => write!(f, "not estimable"),
            (Some(rho), Interval::Bounds { lo, hi }) => write!(f, "{rho:.2} [{lo:.2}, {hi:.2}]"),
            (Some(rho), Interval::NotEstimable { .. }) => write!(f, "{rho:.2}"),
        }
    }
}

impl Agreement {
    /// As everywhere: `{"value", "ci"}`, and the reason for what is null.
    fn to_json(&self) -> Value {
        let Some(rho) = self.rho else {
            let reason = "the same for all layers";
            return json!({"value": null, "ci": null, "reason": reason});
        };
        match &self.interval {
            Interval::Bounds { lo, hi } => json!({"value": rho, "ci": [lo, hi]}),
            Interval::NotEstimable { reason } => {
                json!({"value": rho, "ci": null, "reason": reason})
            }
        }
    }
}

/// A CSV field, in quotes where it needs them.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}
