//! What the calm user saw during a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::meter::millis;
use crate::victim::Sample;

/// Percentiles in milliseconds, and the rejected requests.
pub(crate) struct Experience {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) livez_p50: f64,
    pub(crate) livez_p99: f64,
    pub(crate) rejections: Vec<String>,
}

impl Experience {
    /// Of the requests that were sent between two times.
    pub(crate) fn of(samples: &[Sample], from: Instant, to: Instant) -> Self {
        let during: Vec<_> = samples.iter().filter(|sample| (from..to).contains(&sample.sent)).collect();
        let times = |is_probe| {
            let some = during.iter().filter(|sample| sample.is_probe == is_probe).map(|sample| sample.took);
            some.collect::<Vec<_>>()
        };
        let (requests, probes) = (times(false), times(true));
        Self {
            count: during.len(),
            p50: percentile(&requests, 50),
            p99: percentile(&requests, 99),
            livez_p50: percentile(&probes, 50),
            livez_p99: percentile(&probes, 99),
            rejections: during.iter().filter_map(|sample| sample.rejection.clone()).collect(),
        }
    }
}

impl Experience {
    /// How often each request was rejected for which reason.
    pub(crate) fn reasons(&self) -> String {
        let mut counts = BTreeMap::<_, usize>::new();
        for rejection in &self.rejections {
            *counts.entry(rejection).or_default() += 1;
        }
        counts.iter().map(|(reason, count)| format!("{count} x {reason}")).collect::<Vec<_>>().join(", ")
    }
}

/// In milliseconds. Of fewer than a hundred times, the 99th percentile is the highest.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().checked_sub(1).expect("nothing was measured");
    millis(times[(times.len() * percent / 100).min(last)])
}
