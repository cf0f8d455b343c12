//! Figures and tables of whole, of partial and of damaged study folders.

mod content;
mod faults;
mod whole;
