//! What a chain of layers needs between them, on codes.
