//! Time as the server counts it. The present is always handed in; nothing here reads a clock.

use std::ops::{Add, Sub};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// A duration, or an instant since 1970, in whole seconds: the unit of JWT and of most settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub i64);

impl Millis {
    /// The whole seconds of this instant, rounded down as in JWT (RFC 7519 §2, `NumericDate`).
    pub const fn seconds(self) -> Seconds {
        Seconds(self.0.div_euclid(1000))
    }
}

impl Seconds {
    /// The same in milliseconds; saturates at the end of time.
    pub const fn millis(self) -> Millis {
        Millis(self.0.saturating_mul(1000))
    }
}

impl Add<Seconds> for Millis {
    type Output = Self;
    fn add(self, span: Seconds) -> Self {
        Self(self.0.saturating_add(span.millis().0))
    }
}

impl Sub<Seconds> for Millis {
    type Output = Self;
    fn sub(self, span: Seconds) -> Self {
        Self(self.0.saturating_sub(span.millis().0))
    }
}

impl Add for Seconds {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Seconds {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_before_and_after_the_epoch() {
        assert_eq!(Millis(1_999).seconds(), Seconds(1));
        assert_eq!(Millis(-1).seconds(), Seconds(-1));
    }

    #[test]
    fn spans_saturate() {
        assert_eq!(Millis(i64::MAX) + Seconds(1), Millis(i64::MAX));
        assert_eq!(Seconds(i64::MAX).millis(), Millis(i64::MAX));
    }
}
