//! Progress bars, on standard error, where a person looks; a pipe or a log gets none.

use std::{
    fs::File,
    io::{self, Read},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a number of rows.
pub(super) fn of_rows(rows: u64, what: &str, doing: &'static str) -> ProgressBar {
    styled(
        ProgressBar::new(rows),
        &format!(
            "{{msg}} {{bar:32}} {{human_pos}}/{{human_len}} {what}, {{per_sec}}, {{eta}} left"
        ),
        doing,
    )
}

/// A bar over the bytes of a file.
pub(super) fn of_bytes(bytes: u64, doing: &'static str) -> ProgressBar {
    styled(
        ProgressBar::new(bytes),
        "{msg} {bar:32} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        doing,
    )
}

fn styled(bar: ProgressBar, template: &str, doing: &'static str) -> ProgressBar {
    // A template that cannot be read costs the bar its looks, not the work its success.
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(doing)
}

/// A file whose reading moves a bar.
pub(super) fn read_file(file: File, bar: &ProgressBar) -> impl Read + use<> {
    Watched {
        file,
        bar: bar.clone(),
    }
}

struct Watched {
    file: File,
    bar: ProgressBar,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.bar.inc(u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(bytes)
    }
}
