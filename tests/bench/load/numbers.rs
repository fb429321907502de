//! The numbers that calls are made from: each is handed out once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers from one to another.
#[derive(Debug)]
pub struct Numbers {
    next: AtomicU64,
    end: u64,
}

impl Numbers {
    /// Numbers from `first` up to, and without, `end`.
    pub fn new(first: u64, end: u64) -> Self {
        Self {
            next: AtomicU64::new(first),
            end,
        }
    }

    /// The next number, while there is one.
    pub fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }

    /// The number that comes next: all before it have been handed out.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(self.end)
    }
}
