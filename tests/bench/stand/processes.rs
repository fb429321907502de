//! What processes use, as the kernel counts it.

use std::{fs, time::Duration};

use super::Result;

/// Ticks of `/proc/PID/stat` in a second: the same on every Linux that people run.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time that a process has used so far, all of its threads together.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = Stat::of(pid).ok_or("the process has ended")?;
    Ok(stat.own)
}

/// Processor time of a process, of the children that it has, and of those that have ended.
pub fn cpu_with_children(pid: u32) -> Result<Duration> {
    let parent = Stat::of(pid).ok_or("the process has ended")?;
    let mut sum = parent.own + parent.ended_children;
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let child = name.to_str().and_then(|name| name.parse().ok());
        // One that ends meanwhile is missed once.
        if let Some(stat) = child.and_then(Stat::of).filter(|stat| stat.parent == pid) {
            sum += stat.own;
        }
    }
    Ok(sum)
}

/// Microseconds of it for each of so many calls.
pub fn per_call(time: Duration, calls: f64) -> f64 {
    time.as_secs_f64() * 1e6 / calls.max(1.0)
}

/// Processor time that everybody together has used so far.
pub fn cpu_of_everybody() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let ticks = stat.lines().next().unwrap_or_default().split_whitespace();
    // user, nice, system, idle, waiting for disks, interrupts, soft interrupts
    let ticks = ticks.skip(1).take(7).map(str::parse::<f64>);
    let ticks = ticks.collect::<Result<Vec<_>, _>>()?;
    let idle = ticks.iter().skip(3).take(2).sum::<f64>();
    let busy = ticks.iter().sum::<f64>() - idle;
    Ok(Duration::from_secs_f64(busy / TICKS_PER_SECOND))
}

/// Resident memory of a process in MiB.
pub fn resident_mib(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS:")
}

/// The most resident memory that a process has had, in MiB.
pub fn peak_mib(pid: u32) -> Result<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, what: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no such line")?.parse::<f64>()? / 1024.0)
}

/// The size in KiB of the largest pages that a process has its memory in.
pub fn largest_page_kib(pid: u32) -> Result<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let sizes = maps
        .lines()
        .filter_map(|line| line.strip_prefix("KernelPageSize:"))
        .filter_map(|size| size.split_whitespace().next()?.parse().ok());
    Ok(sizes.max().ok_or("no such line")?)
}

struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program may hold anything, so count from behind it.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields = rest.split_whitespace().collect::<Vec<_>>();
        let time = |at: usize| {
            let ticks = fields.get(at)?.parse::<f64>().ok()?;
            Some(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
        };
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: time(11)? + time(12)?,
            ended_children: time(13)? + time(14)?,
        })
    }
}
