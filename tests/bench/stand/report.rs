//! What the benchmark prints: what it was measured on, a table per database, the goals, and every
//! figure on a line of its own.

use std::{fs, path::Path, process::Command, thread};

use super::{
    Result,
    figures::Figures,
    goal::{Bound, Goal},
    kept::printed,
};

const COLUMNS: [(&str, &str); 6] = [
    ("calls_per_second", "calls/s"),
    ("p50", "p50 us"),
    ("p99", "p99 us"),
    ("client_cpu", "client us"),
    ("server_cpu", "server us"),
    ("database_cpu", "database us"),
];

/// Prints what it is measured on.
pub fn machine(folder: &Path, postgres: Option<&str>, figures: &Figures) {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("", |model| model.trim_start_matches(['\t', ' ', ':']));
    let disk = printed(Command::new("stat").args(["-f", "-c", "%T"]).arg(folder));
    let commit = printed(
        Command::new("git")
            .args(["describe", "--always", "--dirty"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    println!("measured on");
    println!("  processor   {cores} cores {model}");
    println!("  kernel      {}", kernel.trim());
    println!("  disk        {}", or_unknown(&disk));
    println!("  PostgreSQL  {}", postgres.unwrap_or("none"));
    println!("  commit      {}", or_unknown(&commit));
    println!("client, service and database share the processor.");
    let disturbance = ["others_cpu", "sqlite_others_cpu"].map(|name| figures.median(name));
    let disturbance = disturbance.into_iter().flatten().fold(0.0, f64::max);
    println!("other programs took {disturbance:.0} % of it meanwhile.");
}

fn or_unknown(text: &Result<String>) -> &str {
    text.as_ref().map_or("unknown", |text| text.trim())
}

/// Prints the points of one database, by what their names begin with.
pub fn table(title: &str, belongs: impl Fn(&str) -> bool, figures: &Figures) {
    let suffix = "_calls_per_second";
    let points = figures
        .medians()
        .filter_map(|(name, _, _)| name.strip_suffix(suffix))
        .filter(|point| belongs(point))
        .collect::<Vec<_>>();
    if points.is_empty() {
        return;
    }
    println!("\n{title}");
    print!("{:<34}", "");
    for (_, heading) in COLUMNS {
        print!("{heading:>13}");
    }
    println!();
    for point in points {
        print!("{point:<34}");
        for (what, _) in COLUMNS {
            match figures.median(&format!("{point}_{what}")) {
                Some(value) => print!("{:>13}", rounded(value)),
                None => print!("{:>13}", ""),
            }
        }
        println!();
    }
}

/// Prints the goals, with what was reached.
pub fn goals(goals: &[Goal], figures: &Figures) {
    println!("\n{:<28}{:>10}{:>10}  ", "goal", "reached", "bound");
    for goal in goals {
        let (sign, bound) = match goal.bound {
            Bound::AtLeast(bound) => ("≥", bound),
            Bound::AtMost(bound) => ("≤", bound),
        };
        let bound = format!("{sign} {bound}");
        let (reached, verdict) = match goal.reached(figures) {
            Some(value) if goal.bound.is_met(value) => (rounded(value), "met"),
            Some(value) => (rounded(value), "MISSED"),
            None => ("-".to_owned(), "not measured"),
        };
        let Goal { name, what, .. } = goal;
        println!("{name:<28}{reached:>10}{bound:>10}  {verdict:<13} {what}");
    }
}

/// Prints every figure on a line of its own, for machines.
pub fn lines(goals: &[Goal], figures: &Figures) {
    println!();
    for goal in goals {
        if let Some(value) = goal.reached(figures) {
            println!("figure {} {} {}", goal.name, rounded(value), goal.unit);
        }
    }
    for (name, median, unit) in figures.medians() {
        println!("figure {name} {} {unit}", rounded(median));
    }
}

/// Three places behind the point for small values, none for large ones.
fn rounded(value: f64) -> String {
    let places = match value.abs() {
        ..10.0 => 3,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}
