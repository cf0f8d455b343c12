//! Continuous columns cut into groups: an age of 34 into `30-44`.

use std::collections::BTreeMap;

use crate::error::{Fault, Result};

/// Edges of the bins of one column: ascending numbers, each the first of its bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Edges {
    edges: Vec<f64>,
    names: Vec<String>,
}

impl Edges {
    /// Edges `[18, 30, 45]` make the four bins `<18`, `18-30`, `30-45` and `45+`; a value that is an edge
    /// belongs to the upper bin.
    ///
    /// # Errors
    /// Config error naming `column` when the edges are none, not finite or not ascending.
    pub fn new(column: &str, edges: &[f64]) -> Result<Self> {
        let ascending = edges.windows(2).all(|two| two[0] < two[1]);
        if edges.is_empty() || !ascending || !edges.iter().all(|edge| edge.is_finite()) {
            return Err(Fault::plain(format!("{edges:?}"))
                .key(format!("audit.bins.{column}"))
                .expected("ascending numbers, such as [18, 30, 45]")
                .config());
        }
        let mut names = vec![format!("<{}", edges[0])];
        names.extend(edges.windows(2).map(|two| format!("{}-{}", two[0], two[1])));
        names.push(format!("{}+", edges[edges.len() - 1]));
        Ok(Self {
            edges: edges.to_vec(),
            names,
        })
    }

    /// Names of the bins, ascending.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The bin of a value.
    pub fn bin(&self, value: f64) -> u16 {
        self.edges.partition_point(|edge| *edge <= value) as u16
    }
}

/// The columns that are cut, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bins {
    columns: BTreeMap<String, Edges>,
}

impl Bins {
    /// From the edges of each column.
    ///
    /// # Errors
    /// As [`Edges::new`].
    pub fn new(columns: &BTreeMap<String, Vec<f64>>) -> Result<Self> {
        let edges = columns
            .iter()
            .map(|(name, edges)| Ok((name.clone(), Edges::new(name, edges)?)));
        Ok(Self {
            columns: edges.collect::<Result<_>>()?,
        })
    }

    /// The edges of a column, where it is cut.
    pub fn of(&self, column: &str) -> Option<&Edges> {
        self.columns.get(column)
    }

    /// Names of the columns that are cut.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_above_it() {
        let age = Edges::new("age", &[18.0, 30.0, 45.5]).unwrap();
        assert_eq!(age.names(), ["<18", "18-30", "30-45.5", "45.5+"]);
        let bins = [-1.0, 17.9, 18.0, 30.0, 45.0, 45.5, 200.0].map(|v| age.bin(v));
        assert_eq!(bins, [0, 0, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn edges_that_make_no_bins_are_refused() {
        for edges in [
            &[][..],
            &[3.0, 3.0],
            &[2.0, 1.0],
            &[f64::NAN],
            &[1.0, f64::INFINITY],
        ] {
            let error = Edges::new("age", edges).unwrap_err();
            assert!(error.to_string().contains("audit.bins.age"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
