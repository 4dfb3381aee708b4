//! The layer check: arrows between crates only point down (`crates/README.md`).

use eyre::{Result, bail, eyre};
use serde_json::Value;

use crate::shell::{cargo, output};

/// Crates from the bottom up. A crate may use crates of lower layers, and earlier crates of its own layer
/// where the layer is marked as ordered.
const LAYERS: &[Layer] = &[
    Layer { crates: &["primitives", "bindings", "guest"], ordered: false },
    Layer { crates: &["execution", "machine", "dispute", "ptx", "compute", "libcuda-cpu"], ordered: true },
    Layer {
        crates: &[
            "program-hello",
            "program-keccak",
            "program-preimage",
            "program-transfers",
            "program-bench",
        ],
        ordered: true,
    },
    Layer { crates: &["storage", "l1", "rpc", "transport", "compute-cuda"], ordered: false },
    Layer { crates: &["node"], ordered: false },
    Layer { crates: &["sequencer", "verifier", "provider"], ordered: false },
    Layer { crates: &["cli"], ordered: false },
    Layer { crates: &["testkit", "xtask", "tests"], ordered: true },
];

/// Crates a production crate may name under `[dev-dependencies]` although they lie above it.
const DEV_ONLY: &[&str] = &["testkit"];

struct Layer {
    crates: &'static [&'static str],
    ordered: bool,
}

/// Fails with every arrow that points up or sideways.
pub(crate) fn check() -> Result<()> {
    let text = output(cargo().args(["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().ok_or_else(|| eyre!("cargo metadata without packages"))?;
    let mut wrong = Vec::new();
    for package in packages {
        let name = short(package["name"].as_str().unwrap_or_default());
        let Some(from) = place(name) else {
            wrong.push(format!("{name} has no layer: add it to LAYERS"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let full = dependency["name"].as_str().unwrap_or_default();
            let to_name = short(full);
            if !full.starts_with("assay-") && !full.starts_with("program-") {
                continue;
            }
            let dev = dependency["kind"].as_str() == Some("dev");
            if dev && DEV_ONLY.contains(&to_name) {
                continue;
            }
            let allowed = place(to_name).is_some_and(|to| {
                to.0 < from.0 || (to.0 == from.0 && LAYERS[from.0].ordered && to.1 < from.1)
            });
            if !allowed {
                wrong.push(format!("{name} -> {to_name} does not point down"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("layers:\n  {}", wrong.join("\n  "));
    }
    println!("{} crates, every arrow points down", packages.len());
    Ok(())
}

fn short(name: &str) -> &str {
    name.strip_prefix("assay-").unwrap_or(name)
}

fn place(name: &str) -> Option<(usize, usize)> {
    LAYERS
        .iter()
        .enumerate()
        .find_map(|(i, layer)| layer.crates.iter().position(|c| *c == name).map(|j| (i, j)))
}
