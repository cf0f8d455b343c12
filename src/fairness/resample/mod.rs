//! Replicates of the images, and what is read off them: intervals, bands, noise floors.

pub mod bands;
pub mod bca;
pub mod bootstrap;
pub mod draw;
pub mod noise_floor;
pub mod quantile;
pub mod simultaneous;
