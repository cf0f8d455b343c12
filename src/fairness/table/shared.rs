//! Two tables of the same images, row by row: what a paired comparison needs.

use std::collections::HashMap;

use super::predictions::Predictions;
use crate::error::{Error, Fault, Result};

/// What happens to images that only some tables have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unshared {
    /// They are an error.
    #[default]
    Refused,
    /// They are left out of every table.
    LeftOut,
}

/// The base and the others with the same images in the base's order.
///
/// # Errors
/// Data error naming the table and the first difference: an image that is missing or, with
/// [`Unshared::LeftOut`], no shared image at all; an image with another label, identity or attribute
/// value; other attribute columns.
pub fn align(
    base: &Predictions,
    others: &[(String, Predictions)],
    unshared: Unshared,
) -> Result<(Predictions, Vec<Predictions>)> {
    let rows: Vec<HashMap<&str, usize>> = others
        .iter()
        .map(|(_, table)| table.image().iter().zip(0..).collect())
        .collect();
    let mut kept = Vec::with_capacity(base.n());
    for (row, image) in base.image().iter().enumerate() {
        let missing = rows.iter().position(|rows| !rows.contains_key(image));
        match (missing, unshared) {
            (None, _) => kept.push(row),
            (Some(_), Unshared::LeftOut) => {}
            (Some(table), Unshared::Refused) => {
                return Err(unequal(
                    &others[table].0,
                    "no row",
                    image,
                    "one, as in the base",
                ));
            }
        }
    }
    if kept.is_empty() {
        return Err(Fault::plain("no image that all tables share")
            .next("are these predictions of the same data set?")
            .data());
    }
    if unshared == Unshared::Refused {
        let known: HashMap<&str, usize> = base.image().iter().zip(0..).collect();
        for (name, table) in others {
            if let Some(extra) = table
                .image()
                .iter()
                .find(|image| !known.contains_key(image))
            {
                return Err(unequal(
                    name,
                    "an image",
                    extra,
                    "none that the base does not have",
                ));
            }
        }
    }
    let whole = |table: &Predictions, rows: &[usize]| {
        // Tables in the same order, which is the rule, are not taken apart.
        match rows.len() == table.n() && rows.iter().enumerate().all(|(i, row)| i == *row) {
            true => table.clone(),
            false => table.select(rows),
        }
    };
    let mut aligned = Vec::with_capacity(others.len());
    for ((name, table), rows) in others.iter().zip(&rows) {
        let order: Vec<usize> = kept
            .iter()
            .map(|row| rows[base.image().get(*row)])
            .collect();
        same_people(base, &kept, name, table, &order)?;
        aligned.push(whole(table, &order));
    }
    Ok((whole(base, &kept), aligned))
}

/// Everything but the scores has to be equal.
fn same_people(
    base: &Predictions,
    kept: &[usize],
    name: &str,
    table: &Predictions,
    order: &[usize],
) -> Result<()> {
    fn columns(of: &Predictions) -> Vec<&str> {
        of.attributes().iter().map(|a| a.name()).collect()
    }
    let (expected, found) = (columns(base), columns(table));
    if let Some(lacking) = expected.iter().find(|column| !found.contains(column)) {
        return Err(
            Fault::new(name, format!("attributes `{}`", found.join(",")))
                .expected(format!(
                    "`{}`, as in the base: `{lacking}` is missing",
                    expected.join(",")
                ))
                .data(),
        );
    }
    if found.len() > expected.len() || found != expected {
        return Err(
            Fault::new(name, format!("attributes `{}`", found.join(",")))
                .expected(format!("`{}`, as in the base", expected.join(",")))
                .next("choose the columns with --attributes")
                .data(),
        );
    }
    for (row, other) in kept.iter().zip(order) {
        let image = base.image().get(*row);
        let differs = |what: &str, found: &str, expected: &str| {
            let found = format!("{what} {found:?}");
            Err(unequal(
                name,
                &found,
                image,
                &format!("{expected:?}, as in the base"),
            ))
        };
        let (label, same) = (base.label()[*row], table.label()[*other]);
        if label != same {
            return differs("label", &same.to_string(), &label.to_string());
        }
        let person = |of: &Predictions, row: usize| of.identity().get(row).map(String::from);
        let (expected, found) = (person(base, *row), person(table, *other));
        if expected != found {
            let text = |person: Option<String>| person.unwrap_or_default();
            return differs("identity", &text(found), &text(expected));
        }
        for (a, b) in base.attributes().iter().zip(table.attributes()) {
            if a.level(*row) != b.level(*other) {
                return differs(&format!("`{}`", a.name()), b.level(*other), a.level(*row));
            }
        }
    }
    Ok(())
}

fn unequal(table: &str, found: &str, image: &str, expected: &str) -> Error {
    Fault::new(table, found)
        .key(image)
        .expected(expected)
        .next("--intersect-images compares the images that all tables share")
        .data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fairness::table::attribute::AttributeColumn;

    fn table(rows: &[(&str, u8, &str)]) -> Predictions {
        let groups: Vec<&str> = rows.iter().map(|row| row.2).collect();
        Predictions::new(
            rows.iter().map(|row| row.0.into()).collect(),
            vec![None; rows.len()],
            vec![AttributeColumn::new("g", &groups).unwrap()],
            rows.iter().map(|row| row.1).collect(),
            (0..rows.len()).map(|i| i as f64 / 10.0).collect(),
        )
        .unwrap()
    }

    fn of(
        base: &Predictions,
        other: Predictions,
        unshared: Unshared,
    ) -> Result<(Predictions, Vec<Predictions>)> {
        align(base, &[("q.csv".into(), other)], unshared)
    }

    #[test]
    fn another_order_is_the_same_table() {
        let base = table(&[("a", 0, "x"), ("b", 1, "y"), ("c", 1, "x")]);
        let other = table(&[("c", 1, "x"), ("a", 0, "x"), ("b", 1, "y")]);
        let (same, others) = of(&base, other, Unshared::Refused).unwrap();
        assert_eq!(same, base);
        assert!(others[0].image().iter().eq(["a", "b", "c"]));
        assert_eq!(others[0].score(), [0.1, 0.2, 0.0]);
    }

    #[test]
    fn the_first_difference_is_named() {
        let base = table(&[("a", 0, "x"), ("b", 1, "y")]);
        let cases = [
            (table(&[("a", 0, "x")]), "q.csv, `b`: found no row"),
            (
                table(&[("a", 0, "x"), ("b", 1, "y"), ("c", 1, "y")]),
                "q.csv, `c`: found an image",
            ),
            (
                table(&[("a", 1, "x"), ("b", 1, "y")]),
                "q.csv, `a`: found label \"1\"",
            ),
            (
                table(&[("a", 0, "x"), ("b", 1, "x")]),
                "q.csv, `b`: found `g` \"x\"",
            ),
        ];
        for (other, expected) in cases {
            let error = of(&base, other, Unshared::Refused).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert_eq!(error.exit_code(), 3);
        }
    }

    #[test]
    fn shared_images_can_be_compared_alone() {
        let base = table(&[("a", 0, "x"), ("b", 1, "y"), ("c", 1, "x")]);
        let other = table(&[("d", 1, "x"), ("c", 1, "x"), ("a", 0, "x")]);
        let (same, others) = of(&base, other.clone(), Unshared::LeftOut).unwrap();
        assert!(same.image().iter().eq(["a", "c"]));
        assert_eq!(others[0].score(), [0.2, 0.1]);
        let none = table(&[("e", 1, "x")]);
        assert!(of(&base, none, Unshared::LeftOut).is_err());
    }
}
