//! The nouns of identity and their rules: no input or output, no async, no serde.
