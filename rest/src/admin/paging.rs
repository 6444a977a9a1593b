//! Pages of lists.

use crate::call::AdminCall;
use crate::problem::Problem;

/// How many elements a list shows at most, whatever is asked for.
pub(super) const PAGE_MAX: i64 = 10_000;

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// How many are left out at the beginning.
    pub(super) first: i64,
    /// How many follow at most.
    pub(super) max: i64,
}

impl Page {
    /// The part that `first` and `max` ask for. What is negative does not count.
    pub(super) fn of(call: &AdminCall, default_max: i64) -> Result<Self, Problem> {
        let max = call.number("max")?.unwrap_or(default_max);
        Ok(Self {
            first: call.number("first")?.unwrap_or(0).max(0),
            max: if max < 0 { PAGE_MAX } else { max.min(PAGE_MAX) },
        })
    }

    /// The elements on this page.
    pub(super) fn cut<T>(self, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        all.into_iter().skip(first).take(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_out_of_a_list() {
        let cut = |first, max| Page { first, max }.cut(1..=5).collect::<Vec<_>>();
        assert_eq!(cut(0, 2), [1, 2]);
        assert_eq!(cut(4, 2), [5]);
        assert_eq!(cut(5, 2), Vec::<i32>::new());
        assert_eq!(cut(0, 0), Vec::<i32>::new());
    }
}
