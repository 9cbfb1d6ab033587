//! The memory and CPU time of a process, as Linux reports them (proc(5)).

use std::fs;
use std::time::Duration;

/// The unit of CPU times in `/proc/PID/stat`: `_SC_CLK_TCK` is 100 on every current platform of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The CPU time of all threads so far, in seconds.
    pub(crate) fn cpu(self) -> f64 {
        let stat = self.read("stat");
        // The name of the program is in parentheses, and may contain spaces.
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
    }

    /// Resident memory in MB.
    pub(crate) fn memory(self) -> f64 {
        self.megabytes("VmRSS:")
    }

    /// The highest resident memory since [`Process::reset_peak`], in MB.
    pub(crate) fn peak(self) -> f64 {
        self.megabytes("VmHWM:")
    }

    pub(crate) fn reset_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
    }

    fn megabytes(self, field: &str) -> f64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of the status");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_000.0
    }

    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).expect("the process runs")
    }
}

/// In milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
