//! What a server process uses of the machine, as Linux tells it.

use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    pid: u32,
}

impl Resources {
    /// All children of this process.
    pub(crate) fn of_children() -> Vec<Self> {
        let pids = fs::read_dir("/proc").unwrap();
        let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let all = pids.map(|pid| Self { pid });
        let own = std::process::id().to_string();
        all.filter(|child| child.stat().is_some_and(|stat| stat.get(1) == Some(&own))).collect()
    }

    /// The memory in use, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that was ever in use since [`Resources::forget_peak`], in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").unwrap();
    }

    /// The time that the processors have spent on it, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        // Ticks of a hundredth of a second in user mode and in the kernel.
        let stat = self.stat().unwrap();
        let ticks: f64 = stat[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / 100.0
    }

    /// The fields behind the name; `None` when the process is gone.
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
