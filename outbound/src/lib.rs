//! Everything we call, with one time-out and one address policy.
