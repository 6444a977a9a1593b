//! Signs, verifies, encrypts and hashes.
