//! Ridge regression as weights: what each of the others says of one that was left out.

/// Weights w of the other rows' responses, so that Σ w y is how far the left-out row's response is
/// predicted from the mean of the others: ridge (Hoerl & Kennard 1970) on descriptors standardized over
/// the others, in dual form, w = (x − x̄) Z' (Z Z' + λ I)⁻¹ with its mean taken off.
pub fn left_out_weights(rows: &[Vec<f64>], left_out: usize, penalty: f64) -> Vec<f64> {
    let others: Vec<&Vec<f64>> = rows
        .iter()
        .enumerate()
        .filter(|(m, _)| *m != left_out)
        .map(|(_, row)| row)
        .collect();
    let n = others.len();
    let width = rows[left_out].len();
    let mut standard: Vec<Vec<f64>> = vec![Vec::new(); n];
    let mut mine = Vec::new();
    for c in 0..width {
        let mean = others.iter().map(|row| row[c]).sum::<f64>() / n as f64;
        let square = others
            .iter()
            .map(|row| (row[c] - mean).powi(2))
            .sum::<f64>()
            / n as f64;
        // A descriptor in which the others do not differ teaches nothing.
        if square < 1e-18 {
            continue;
        }
        let spread = square.sqrt();
        mine.push((rows[left_out][c] - mean) / spread);
        for (to, row) in standard.iter_mut().zip(&others) {
            to.push((row[c] - mean) / spread);
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut system: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row: Vec<f64> = (0..n).map(|j| dot(&standard[i], &standard[j])).collect();
            row[i] += penalty;
            row.push(dot(&mine, &standard[i]));
            row
        })
        .collect();
    let weights = solve(&mut system);
    let mean = weights.iter().sum::<f64>() / n as f64;
    weights.into_iter().map(|w| w - mean).collect()
}

/// Gauss–Jordan elimination with pivots, the right-hand side in the last column; the system is positive
/// definite.
fn solve(system: &mut [Vec<f64>]) -> Vec<f64> {
    let n = system.len();
    for c in 0..n {
        let pivot = (c..n).max_by(|a, b| system[*a][c].abs().total_cmp(&system[*b][c].abs()));
        system.swap(c, pivot.unwrap_or(c));
        let top = system[c].clone();
        for (r, row) in system.iter_mut().enumerate() {
            if r != c && top[c] != 0.0 {
                let factor = row[c] / top[c];
                row.iter_mut().zip(&top).for_each(|(x, t)| *x -= factor * t);
            }
        }
    }
    (0..n).map(|i| system[i][n] / system[i][i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::analysis::tests::{golden, numbers};

    #[test]
    fn predictions_are_scikit_learns() {
        for case in golden("ridge") {
            let rows: Vec<Vec<f64>> = case["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(numbers)
                .collect();
            let left_out = case["left_out"].as_u64().unwrap() as usize;
            let w = left_out_weights(&rows, left_out, case["penalty"].as_f64().unwrap());
            let found: f64 = w.iter().zip(numbers(&case["y"])).map(|(w, y)| w * y).sum();
            assert!(
                (found - case["shift"].as_f64().unwrap()).abs() < 1e-9,
                "{found}"
            );
        }
    }

    #[test]
    fn one_descriptor_by_hand() {
        // Others at −1, 0, 1 (standardized ∓√1.5, 0), left out at 2: z = 2√1.5 = √6.
        let rows = vec![vec![-1.0], vec![0.0], vec![1.0], vec![2.0]];
        let w = left_out_weights(&rows, 3, 1.0);
        // β = Σ z y / (Σ z² + 1) = √1.5 (y₃ − y₁) / 4; times √6: 3/4 (y₃ − y₁).
        for (found, expected) in w.iter().zip([-0.75, 0.0, 0.75]) {
            assert!((found - expected).abs() < 1e-12, "{w:?}");
        }
    }
}
