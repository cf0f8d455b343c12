//! Did compression change fairness? One base and any number of other models on the same images, or any
//! pairs of many ([`Joint`]).
//!
//! ```text
//! decisions ─► votes (counts of base × others) ─► replicates ─► pair: ΔG, its standard error
//!                                                                 ├─ intervals, studentized p
//!                                                                 ├─ family: Romano–Wolf, Holm
//!                                                                 └─ equivalence: Δ-contrasts, exact bounds
//!           └─► sharp (randomization)    └─► mcnemar, delong, exemplars
//! ```

mod accuracy;
mod bound;
mod comparison;
mod counter;
pub mod delong;
pub mod equivalence;
pub mod exemplars;
pub mod family;
mod joint;
mod judge;
pub mod mcnemar;
pub mod pair;
mod people;
mod run;
pub mod sharp;
pub mod statistics;
pub mod votes;

pub use bound::exact_bound;
pub use comparison::{
    Adjusted, AucChange, Comparison, ContrastChange, Flipped, FrameChange, GapChange, Settings,
};
pub use joint::{Joint, Member, Pairing};
pub use run::{Base, Candidate, CompareConfig, compare};
