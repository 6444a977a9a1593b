//! What the process takes of its machine, as Linux tells it. Elsewhere, and where it does not tell,
//! there are no such metrics.

use std::fs::{read_dir, read_to_string};

use super::exposition::{Kind, Text};

/// Nanoseconds in the unit in which Linux counts what processes take of a processor: 1/100 s in its
/// interface on all machines, whatever the kernel counts in.
const TICK: f64 = 1e7;

/// Writes what can be learned now.
pub fn write(text: &mut Text) {
    if let Some(ticks) = cpu_ticks() {
        let help = "The \"cpu time\" used by the process";
        text.single("process_cpu_time_ns", Kind::Counter, help, ticks * TICK);
    }
    let files = read_dir("/proc/self/fd").map(Iterator::count);
    if let Ok(files) = files {
        let help = "The open file descriptor count";
        text.single("process_files_open_files", Kind::Gauge, help, float(files));
    }
    if let Some(most) = number_behind("/proc/self/limits", "Max open files") {
        let help = "The maximum file descriptor count";
        text.single("process_files_max_files", Kind::Gauge, help, most);
    }
    if let Some(kib) = number_behind("/proc/self/status", "VmRSS:") {
        let help = "Memory of the process that is in use";
        let name = "process_resident_memory_bytes";
        text.single(name, Kind::Gauge, help, kib * 1024.0);
    }
    if let Some(threads) = number_behind("/proc/self/status", "Threads:") {
        text.single(
            "process_threads",
            Kind::Gauge,
            "Threads of the process",
            threads,
        );
    }
    if let Ok(count) = std::thread::available_parallelism() {
        let help = "The number of processors available to the process";
        text.single("system_cpu_count", Kind::Gauge, help, float(count.get()));
    }
    let load = read_to_string("/proc/loadavg").ok();
    if let Some(load) = load.and_then(|load| load.split(' ').next()?.parse().ok()) {
        let help = "The number of runnable threads of the machine, averaged over a minute";
        text.single("system_load_average_1m", Kind::Gauge, help, load);
    }
}

/// Time in the user's part and in the system's part: the 14th and 15th field of `stat`. The second
/// is a name in brackets, which may hold anything.
fn cpu_ticks() -> Option<f64> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The first number of the line that begins so.
fn number_behind(file: &str, name: &str) -> Option<f64> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Format;
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_what_the_process_takes() {
        let mut text = Text::new(Format::Prometheus);
        write(&mut text);
        let text = text.finish();
        for name in [
            "process_cpu_time_ns_total",
            "process_files_open_files",
            "process_files_max_files",
            "process_resident_memory_bytes",
            "process_threads",
            "system_cpu_count",
            "system_load_average_1m",
        ] {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value: f64 = value
                .unwrap_or_else(|| panic!("{name}: {text}"))
                .parse()
                .unwrap();
            assert!(value >= 0.0, "{name}: {value}");
        }
    }
}
