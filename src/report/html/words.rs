//! Numbers and names as the page writes them: accuracy in %, gaps and changes in percentage points.

use super::super::Measured;
use super::super::study::results::Change;
use super::super::text::{fixed, p_value, signed};
use super::markup::Html;
use super::table::Cell;

/// A share as `89.2`, in %.
pub fn hundred(share: f64) -> String {
    fixed(100.0 * share, 1)
}

/// A change of a share as `+1.2`, in percentage points.
pub fn points(change: f64) -> String {
    signed(100.0 * change, 1)
}

/// Bytes as MB of 10⁶ bytes, with as many places as three significant digits take.
pub fn megabytes(bytes: f64) -> String {
    significant(bytes / 1e6)
}

/// Three significant digits, no exponent.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 2 + (-size.log10()).ceil() as usize,
    };
    fixed(value, decimals.min(9))
}

/// `89.2 [87.8, 90.5]`.
pub fn with_interval(measured: Measured, write: impl Fn(f64) -> String) -> String {
    match measured.interval {
        Some((lo, hi)) => format!("{} [{}, {}]", write(measured.value), write(lo), write(hi)),
        None => write(measured.value),
    }
}

/// A cell with its interval below.
pub fn measured_cell(measured: Option<Measured>, write: impl Fn(f64) -> String + Copy) -> Cell {
    Cell::number(measured.map(|m| m.value), write)
        .interval(measured.and_then(|m| m.interval), write)
}

/// A change in points with its interval; set apart where the adjusted test finds one.
pub fn change_cell(change: Option<&Change>) -> Cell {
    measured_cell(change.map(|c| c.delta), points).strong_if(change.is_some_and(significant_change))
}

/// Whether the adjusted p is below 0.05; without one, whether the interval excludes 0.
pub fn significant_change(change: &Change) -> bool {
    match (change.p_adjusted, change.delta.interval) {
        (Some(p), _) => p < 0.05,
        (None, Some((lo, hi))) => lo > 0.0 || hi < 0.0,
        (None, None) => false,
    }
}

/// A p value.
pub fn p_cell(p: Option<f64>) -> Cell {
    Cell::number(p, p_value)
}

/// `yes`, `not shown` or `–`: equivalence is shown or not, never refuted by its absence.
pub fn equivalent_cell(equivalent: Option<bool>) -> Cell {
    Cell::text(match equivalent {
        Some(true) => "yes",
        Some(false) => "not shown",
        None => "–",
    })
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// `1 image`, `2,000 images`: regular nouns only.
pub fn several(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!(
        "{}\u{a0}{noun}{plural}",
        super::super::text::thousands(n as u64)
    )
}

/// Small numbers as words, others as digits.
pub fn in_letters(n: usize) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    WORDS
        .get(n)
        .map_or_else(|| n.to_string(), |word| (*word).into())
}

/// The first letter as a capital.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A verdict in its frame.
pub fn verdict(html: &mut Html, verdict: &str) {
    let kind = match verdict {
        "supported" | "contradicted" | "inconclusive" => verdict,
        _ => "not-testable",
    };
    html.classed("span", &format!("verdict {kind}"), verdict);
}

/// Numbers sorted, the middle one or the mean of the two middle ones.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(values[n / 2]),
        _ => Some((values[n / 2 - 1] + values[n / 2]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let written = [0.0, 1234.6, 12.34, 1.234, 0.1234, 0.001234].map(significant);
        assert_eq!(written, ["0", "1235", "12.3", "1.23", "0.123", "0.00123"]);
        assert_eq!(megabytes(89_894_123.0), "89.9");
        assert_eq!(
            (hundred(0.9201), points(-0.0314)),
            ("92.0".into(), "\u{2212}3.1".into())
        );
    }

    #[test]
    fn lists_and_medians() {
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(list(&names(0)), "");
        assert_eq!(list(&names(2)), "0 and 1");
        assert_eq!(list(&names(3)), "0, 1 and 2");
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
        assert_eq!(several(1, "image"), "1\u{a0}image");
    }
}
