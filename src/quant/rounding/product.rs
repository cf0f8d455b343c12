//! The matrix product, by the crate matrixmultiply: one order of sums, whatever the number of threads.

/// A matrix in row-major memory, or its transpose.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// Distance of neighbours in a column and in a row.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// `data` as [data.len() / columns, columns].
    pub(super) fn new(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            rows: data.len() / columns,
            columns,
            strides: [columns, 1],
        }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: [self.strides[1], self.strides[0]],
            ..self
        }
    }
}

/// `out` = alpha · a · b + beta · out. `out` is [a.rows, b.columns], row by row.
pub(super) fn multiply(alpha: f32, a: Matrix, b: Matrix, beta: f32, out: &mut [f32]) {
    assert_eq!(a.columns, b.rows);
    assert_eq!(out.len(), a.rows * b.columns);
    if out.is_empty() {
        return;
    }
    for matrix in [a, b] {
        let last = (matrix.rows.max(1) - 1) * matrix.strides[0]
            + (matrix.columns.max(1) - 1) * matrix.strides[1];
        assert!(matrix.rows * matrix.columns == 0 || last < matrix.data.len());
    }
    let strides = |matrix: &Matrix| matrix.strides.map(|s| s as isize);
    let ([a_row, a_column], [b_row, b_column]) = (strides(&a), strides(&b));
    // SAFETY: the last element of each operand was found to be inside its slice, and `out` is borrowed
    // mutably, so that it overlaps with neither.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            alpha,
            a.data.as_ptr(),
            a_row,
            a_column,
            b.data.as_ptr(),
            b_row,
            b_column,
            beta,
            out.as_mut_ptr(),
            b.columns as isize,
            1,
        );
    }
}
