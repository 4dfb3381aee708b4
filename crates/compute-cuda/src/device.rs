//! What jobs run on, by name.

use std::sync::Arc;

use cudarc::driver::CudaContext;
use serde::{Deserialize, Serialize};

use crate::CudaError;

/// Whether there is silicon behind the driver interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A real GPU.
    Gpu,
    /// The project's stand-in: the interpreter behind the driver interface.
    StandIn,
}

/// A device as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What it is.
    pub kind: DeviceKind,
    /// The driver's name for it.
    pub name: String,
    /// Ten times the major plus the minor number.
    pub compute_capability: u16,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Device {
    pub(crate) fn describe(kind: DeviceKind, context: &Arc<CudaContext>) -> Result<Self, CudaError> {
        let name = context.name().map_err(CudaError::driver("reading the device's name"))?;
        let capability = context.compute_capability();
        let (major, minor) = capability.map_err(CudaError::driver("reading the compute capability"))?;
        let (_, total) = context.mem_get_info().map_err(CudaError::driver("reading the memory size"))?;
        let compute_capability = u16::try_from(major * 10 + minor).unwrap_or_default();
        Ok(Self { kind, name, compute_capability, memory_bytes: total as u64 })
    }
}
