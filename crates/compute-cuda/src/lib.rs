#![doc = include_str!("../README.md")]

mod confine;
mod device;
mod executor;
mod library;
#[cfg(test)]
mod tests;

pub use confine::{Confinement, confine};
pub use device::{Device, DeviceKind};
pub use executor::CudaExecutor;
pub use library::CudaError;
