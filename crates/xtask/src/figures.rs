//! What a benchmark prints: one row a figure.

use eyre::{Result, eyre};
use serde_json::{Value, json};

/// One measured figure, beside a peer or a limit measured or known in the same run.
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) against: Option<(&'static str, f64)>,
}

impl Row {
    /// Prints a line of a table, or a JSON object.
    pub(crate) fn print(&self, json: bool) {
        let ratio = self.against.map(|(_, other)| self.value / other);
        if json {
            let against = self.against.map(|(name, _)| name);
            let Self { figure, value, unit, .. } = self;
            println!(
                "{}",
                json!({"figure": figure, "value": value, "unit": unit, "against": against, "ratio": ratio})
            );
            return;
        }
        let against = match (self.against, ratio) {
            (Some((name, other)), Some(ratio)) => format!("{ratio:.2} x {name} ({other:.1})"),
            _ => String::new(),
        };
        println!("{:<26} {:>12.2} {:<4} {against}", self.figure, self.value, self.unit);
    }
}

/// The number that a measuring program printed as `name`.
pub(crate) fn figure(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().ok_or_else(|| eyre!("no figure `{name}` in {value}"))
}
