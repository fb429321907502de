//! A page of a list in the order of its names: by keyset, so that it stays put while rows change.

/// Which rows to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// Those whose id comes after this one; all when there is none.
    pub after: Option<String>,
    /// At most this many.
    pub size: u64,
}

/// Rows, and whether there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Whether there are rows after them.
    pub more: bool,
}

impl<T> Page<T> {
    /// A page out of one row more than it may hold.
    pub fn cut(mut items: Vec<T>, size: u64) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        Self { items, more }
    }
}
