//! The variants of an enum, as `strum` lists them.

/// `VariantArray::VARIANTS` as an array, so that its length is part of its type.
#[must_use]
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "computed by the compiler: a wrong length does not build"
)]
pub const fn all<T: Copy, const N: usize>(variants: &[T]) -> [T; N] {
    *variants.first_chunk().expect("as many variants as the array has places")
}
