//! The log: one subscriber for the process, for people or for machines, on standard error.
//!
//! What may be logged is decided where it happens: a secret is a `Secret` and has no text, an error is logged once.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat, LogLevel, Notice};

/// Starts logging. A process that logs already keeps its logger; that is not an error, so that embedders may have theirs.
pub fn start(log: Log) {
    let registry = tracing_subscriber::registry().with(filter(log.level));
    let begun = match log.format {
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true);
            registry.with(layer.with_span_list(false).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Text => {
            let layer = tracing_subscriber::fmt::layer().with_target(false);
            registry.with(layer.with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr)).try_init()
        }
    };
    if begun.is_err() {
        tracing::debug!("a logger was there already");
    }
}

/// Our own words at `level`. Libraries are held at warnings: at their lower levels they write whole requests, and with
/// them headers and bodies that hold credentials.
fn filter(level: LogLevel) -> EnvFilter {
    let (ours, libraries) = match level {
        LogLevel::Trace => ("trace", "warn"),
        LogLevel::Debug => ("debug", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Error => ("error", "error"),
    };
    EnvFilter::new(format!("{libraries},sallyport={ours}"))
}

/// Tells what the operator should know though the server starts.
pub fn tell(notices: &[Notice]) {
    for notice in notices {
        if notice.is_warning {
            tracing::warn!(key = %notice.key, "{notice}");
        } else {
            tracing::info!(key = %notice.key, "{notice}");
        }
    }
}
