//! Figures and tables: plain data in, files out. Knows neither burn nor models nor fairness.

mod latex;

pub use latex::{Align, Column, Row, Table, escape as escape_latex};
