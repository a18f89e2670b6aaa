//! What the numbers were measured on.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

/// The machine, as far as it matters for the numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores the bench may use.
    pub cores: usize,
    /// Memory; bytes.
    pub memory: u64,
    /// Kernel release.
    pub kernel: String,
    /// Median time of a small append with fdatasync where the databases live; microseconds.
    pub sync_micros: f64,
    /// Version of the PostgreSQL measured; empty without.
    pub postgres: String,
}

impl Machine {
    /// Looks at the machine; `folder` is where the databases will live.
    pub fn describe(folder: &Path) -> Self {
        let first = |file: &str, key: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
        };
        let kibibytes = first("/proc/meminfo", "MemTotal");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: first("/proc/cpuinfo", "model name"),
            cores: cores(),
            memory: kibibytes.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024,
            kernel: kernel.trim().to_owned(),
            sync_micros: sync_micros(folder).unwrap_or(f64::NAN),
            postgres: String::new(),
        }
    }
}

/// Cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn sync_micros(folder: &Path) -> std::io::Result<f64> {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut taken = Vec::with_capacity(200);
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        taken.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(&path)?;
    taken.sort_by(f64::total_cmp);
    Ok(taken[taken.len() / 2])
}
