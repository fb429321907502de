//! One benchmark at a time on a machine.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use super::Result;

/// Two benchmarks at once would measure each other. Holds for as long as the file is open.
pub fn wait_for_others(folder: &Path) -> Result<File> {
    let lock = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("enrollment-bench.lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("another benchmark is running here: waiting for it");
        lock.lock()?;
    }
    Ok(lock)
}
