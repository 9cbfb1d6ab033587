//! The memory and CPU time of a server process, read from /proc.

use std::fs;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    pid: u32,
}

impl Resources {
    /// All child processes of the test.
    pub(crate) fn of_children() -> Vec<Self> {
        let pids = fs::read_dir("/proc").unwrap();
        let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let all = pids.map(|pid| Self { pid });
        let own = std::process::id().to_string();
        all.filter(|child| child.stat().is_some_and(|stat| stat.get(1) == Some(&own))).collect()
    }

    /// In bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The peak since [`Resources::forget_peak`], in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").unwrap();
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        // User and kernel time, in ticks of a hundredth of a second.
        let stat = self.stat().unwrap();
        let ticks: f64 = stat[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / 100.0
    }

    /// The fields after the process name, or `None` if the process has ended.
    fn stat(&self) -> Option<Vec<String>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }
}
