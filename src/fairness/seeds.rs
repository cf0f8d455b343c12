//! Training variance: mean and t-interval of a number over runs that differ only in their seed.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewest seeds for which an interval is given; with fewer, training variance was not estimated.
pub const FEWEST: usize = 5;

/// Mean of `values` and the half-width of its 95 % t-interval, `t · s/√n` with n − 1 degrees of
/// freedom; `None` with fewer than [`FEWEST`] values.
///
/// # Panics
/// If `values` is empty.
pub fn mean_and_half_width(values: &[f64]) -> (f64, Option<f64>) {
    assert!(!values.is_empty(), "there is at least one run");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < FEWEST {
        return (mean, None);
    }
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0)
        .expect("positive degrees of freedom")
        .inverse_cdf(0.975);
    (mean, Some(t * (variance / n).sqrt()))
}

/// The half-width of the t-interval of a mean, for few independent values of any kind (architectures);
/// `None` with fewer than three.
pub fn t_half_width(values: &[f64], confidence: f64) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < 3 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = StudentsT::new(0.0, 1.0, n - 1.0).expect("positive degrees of freedom");
    Some(t.inverse_cdf(0.5 + confidence / 2.0) * (variance / n).sqrt())
}

/// One line of a summary over seeds.
pub fn line(name: &str, values: &[f64]) -> String {
    match mean_and_half_width(values) {
        (mean, Some(half)) => format!(
            "{name}: {mean:.4} ± {half:.4} (95 % t-interval over {} seeds)",
            values.len()
        ),
        (mean, None) => format!(
            "{name}: mean {mean:.4} over {} seeds; training variance was not estimated (that takes {FEWEST})",
            values.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_textbook_one() {
        // t(0.975, 4) = 2.776445; s = √2.5, n = 5.
        let (mean, half) = mean_and_half_width(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mean, 3.0);
        assert!((half.unwrap() - 2.776_445_105 * (2.5f64 / 5.0).sqrt()).abs() < 1e-6);
    }

    #[test]
    fn three_values_are_enough_for_an_interval_of_a_mean() {
        let text = include_str!("../../tests/golden/study.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in golden["t"].as_array().unwrap() {
            let values = case["values"].as_array().unwrap().iter();
            let values: Vec<f64> = values.map(|x| x.as_f64().unwrap()).collect();
            let half = t_half_width(&values, case["confidence"].as_f64().unwrap()).unwrap();
            assert!(
                (half - case["half"].as_f64().unwrap()).abs() < 1e-7,
                "{half}"
            );
        }
        assert_eq!(t_half_width(&[1.0, 2.0], 0.95), None);
    }

    #[test]
    fn few_seeds_give_no_interval() {
        assert_eq!(mean_and_half_width(&[0.5, 0.7]), (0.6, None));
        assert!(line("accuracy", &[0.5]).contains("not estimated"));
    }
}
