//! Printing for people and, with `--json`, for programs: results on standard output, everything else on standard error.

use std::{fmt::Arguments, io::Write};

use alloy::primitives::{U256, utils::format_ether};
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};

/// Prints a line of the result.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// A reader that has gone, such as `head`, misses the rest; what was done stays done.
pub(crate) fn line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints an error and its causes, each on a line of its own.
pub(crate) fn error(report: &eyre::Report) {
    eprintln!("error: {report}");
    for cause in causes(report) {
        eprintln!("  because: {cause}");
    }
}

/// The causes that say something which the line before them does not.
fn causes(report: &eyre::Report) -> Vec<String> {
    let mut said = report.to_string();
    let mut news = Vec::new();
    for cause in report.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            news.push(cause.clone());
        }
        said = cause;
    }
    news
}

/// One JSON value on one line.
pub(crate) fn json(value: &serde_json::Value) {
    say!("{value}");
}

/// A table with a header row.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table
}

/// Wei as ether, without the tail of zeros.
pub(crate) fn ether(wei: U256) -> String {
    let text = format_ether(wei);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{} ETH", if text.is_empty() { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let report = eyre::eyre!("not there").wrap_err("a.toml: not there").wrap_err("no job");
        assert_eq!(causes(&report), ["a.toml: not there"]);
        assert!(causes(&eyre::eyre!("alone")).is_empty());
    }

    #[test]
    fn ether_drops_trailing_zeros_only() {
        assert_eq!(ether(U256::ZERO), "0 ETH");
        assert_eq!(ether(U256::from(10u128.pow(19))), "10 ETH");
        assert_eq!(ether(U256::from(1u8)), "0.000000000000000001 ETH");
    }
}
