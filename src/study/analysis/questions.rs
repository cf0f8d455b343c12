//! Which methods are compared with each other, beside everything with its baseline.

/// A comparison of two methods on one architecture, and the question that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versus {
    /// The hypothesis.
    pub question: &'static str,
    /// Compared with.
    pub base: &'static str,
    /// What is compared.
    pub other: &'static str,
}

const fn versus(question: &'static str, base: &'static str, other: &'static str) -> Versus {
    Versus {
        question,
        base,
        other,
    }
}

/// All of them, by question.
pub const ALL: [Versus; 11] = [
    versus("H2", "ptq-static-int8", "qat-int8"),
    versus("H2", "ptq-static-int4", "qat-int4"),
    versus("H3", "ptq-static-int8", "bias-aware-int8"),
    versus("H3", "ptq-static-int4", "bias-aware-int4"),
    versus("H4", "int6", "mixed-sensitivity"),
    versus("H4", "random-allocation", "mixed-sensitivity"),
    versus("H4", "int6", "fair-mixed"),
    versus("H4", "random-allocation", "fair-mixed"),
    versus("H5", "ptq-static-int8", "ptq-static-int4"),
    versus("H5", "ptq-static-int8", "int6"),
    versus("H5", "int6", "ptq-static-int4"),
];
