//! A layer as adaptive rounding sees it: a matrix, or several side by side for grouped convolution.

/// Weights, scales, and what the layer sees and should give. A convolution comes unfolded (im2col): a
/// sample is one place of one image, k the values under the kernel in one group.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// [rows, k], row by row; the rows of a group are neighbours.
    pub weights: &'a [f32],
    /// Step of each row. `[rows]`
    pub scales: &'a [f32],
    /// Codes are in ±(2^(bits−1) − 1).
    pub bits: u32,
    /// Inputs of a row.
    pub k: usize,
    /// 1, or as many as the convolution has.
    pub groups: usize,
    /// What the quantized layer sees. [groups, samples, k]
    pub inputs: &'a [f32],
    /// What it should give, without bias.
    pub targets: Targets<'a>,
    /// How much each sample's error counts. `[samples]`
    pub sample_weights: &'a [f32],
}

/// What the outputs should be.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// Those of the float weights on the same inputs: the layer's own error (eq. 21 without asymmetry).
    SameInputs,
    /// Those of the float weights on the float model's activations: also undoes what the layers before
    /// did wrong (eq. 25). [groups, samples, k]
    FloatInputs(&'a [f32]),
    /// These. [samples, rows]
    Outputs(&'a [f32]),
}

/// Why a layer cannot be rounded.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RoundingError {
    /// A weight, activation, target or sample weight that is infinite or not a number.
    #[error("{what}, number {index}: {value} is not finite")]
    NotFinite {
        /// Which of the layer's slices.
        what: &'static str,
        /// Where in it.
        index: usize,
        /// What is there.
        value: f32,
    },
    /// A scale that is not positive, or whose reciprocal is not finite.
    #[error("scale of row {row}: {value}, expected a positive number")]
    Scale {
        /// Whose scale.
        row: usize,
        /// What is there.
        value: f32,
    },
    /// A negative weight of a sample.
    #[error("weight of sample {sample}: {value}, expected 0 or more")]
    Negative {
        /// Which sample.
        sample: usize,
        /// Its weight.
        value: f32,
    },
    /// No samples, or all with weight 0.
    #[error("no sample has a weight above 0, so that no error can be measured")]
    NothingCounts,
}

impl Layer<'_> {
    /// Output channels.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Samples of each group.
    pub fn samples(&self) -> usize {
        self.sample_weights.len()
    }

    pub(super) fn rows_per_group(&self) -> usize {
        self.rows() / self.groups
    }

    /// The samples of one of [`Layer::inputs`] or [`Targets::FloatInputs`]. [samples, k]
    pub(super) fn of_group<'b>(&self, inputs: &'b [f32], group: usize) -> &'b [f32] {
        let length = self.samples() * self.k;
        &inputs[group * length..][..length]
    }

    /// Shapes by panic, values by error.
    pub(super) fn check(&self) -> Result<(), RoundingError> {
        assert!((2..=8).contains(&self.bits), "codes have 2 to 8 bits");
        assert!(
            self.k > 0 && self.groups > 0 && self.rows().is_multiple_of(self.groups),
            "{} rows of {} in {} groups",
            self.rows(),
            self.k,
            self.groups
        );
        let inputs = self.groups * self.samples() * self.k;
        assert_eq!(self.weights.len(), self.rows() * self.k, "weights");
        assert_eq!(self.inputs.len(), inputs, "inputs");
        let targets: &[f32] = match self.targets {
            Targets::SameInputs => &[],
            Targets::FloatInputs(x) => {
                assert_eq!(x.len(), inputs, "float inputs");
                x
            }
            Targets::Outputs(y) => {
                assert_eq!(y.len(), self.samples() * self.rows(), "outputs");
                y
            }
        };
        for (what, values) in [
            ("weights", self.weights),
            ("inputs", self.inputs),
            ("targets", targets),
            ("weights of samples", self.sample_weights),
        ] {
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                let value = values[index];
                return Err(RoundingError::NotFinite { what, index, value });
            }
        }
        let usable = |s: f32| s > 0.0 && s.is_finite() && (1.0 / s).is_finite();
        match self.scales.iter().position(|s| !usable(*s)) {
            Some(row) => Err(RoundingError::Scale {
                row,
                value: self.scales[row],
            }),
            None => Ok(()),
        }
    }

    /// Weights of the samples with sum 1. [samples]
    pub(super) fn importance(&self) -> Result<Vec<f32>, RoundingError> {
        if let Some(sample) = self.sample_weights.iter().position(|w| *w < 0.0) {
            let value = self.sample_weights[sample];
            return Err(RoundingError::Negative { sample, value });
        }
        let total: f64 = self.sample_weights.iter().map(|w| f64::from(*w)).sum();
        if total <= 0.0 {
            return Err(RoundingError::NothingCounts);
        }
        let share = |w: &f32| (f64::from(*w) / total) as f32;
        Ok(self.sample_weights.iter().map(share).collect())
    }
}
