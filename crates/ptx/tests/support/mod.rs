//! What the integration tests share: running launches on the reference and as a device would.
#![allow(dead_code, reason = "each test uses a part")]

use assay_ptx::{
    ARENA_BASE, BlockOutcome, DeviceArgs, FlatMemory, Image, Launch, LaunchDims, Memory, Module, Page,
    Program, Shadow, UnitTable, print_device,
};

/// Units of each block, or the first outcome that is not `Done`.
pub(crate) fn run_reference(
    image: &Image,
    kernel: &str,
    dims: LaunchDims,
    params: &[u8],
    memory: &mut FlatMemory,
    fuel: u64,
) -> Result<Vec<u64>, BlockOutcome> {
    let program = Program::new(image, kernel, &UnitTable::V1).expect("the kernel is there");
    let mut launch = Launch::new(&program, dims, params).expect("a launch within limits");
    let mut shadow = Shadow::new();
    let mut units = Vec::new();
    for block in 0..dims.blocks() {
        match launch.run_block(block, memory, &mut shadow, fuel).expect("a block of the grid") {
            BlockOutcome::Done { units: u, .. } => units.push(u),
            other => return Err(other),
        }
    }
    Ok(units)
}

/// Device memory at another address than the arena's.
pub(crate) struct DeviceMemory {
    pub(crate) flat: FlatMemory,
}

pub(crate) const DEVICE_BASE: u64 = 0x7F00_1200_0000;

impl Memory for DeviceMemory {
    fn bytes(&self) -> u64 {
        self.flat.bytes()
    }
    fn base(&self) -> u64 {
        DEVICE_BASE
    }
    fn page(&mut self, index: u64) -> &Page {
        self.flat.page(index)
    }
    fn page_mut(&mut self, index: u64) -> &mut Page {
        self.flat.page_mut(index)
    }
}

/// Runs the device text on a device with other addresses: status word, units of each block, and the arena after.
pub(crate) fn run_device(
    image: &Image,
    kernel: &str,
    dims: LaunchDims,
    params: &[u8],
    arena: &FlatMemory,
    fuel: u64,
) -> (u32, Vec<u64>, Vec<u8>) {
    let text = print_device(image, &UnitTable::V1);
    let module = Module::from_device_ptx(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let (_, original) = image.kernel(kernel).expect("the kernel is there");
    let arena_len = arena.as_bytes().len();
    let (units_at, blocks) = (arena_len.next_multiple_of(4096), dims.blocks() as usize);
    let status_at = units_at + 8 * blocks;
    let mut memory = DeviceMemory { flat: FlatMemory::new(status_at as u64 + 8) };
    memory.flat.as_bytes_mut()[..arena_len].copy_from_slice(arena.as_bytes());
    let shared = original.shared_bytes() + dims.dynamic_shared;
    let args = DeviceArgs {
        arena: DEVICE_BASE,
        arena_bytes: arena_len as u64,
        units: DEVICE_BASE + units_at as u64,
        status: DEVICE_BASE + status_at as u64,
        fuel,
        shared_bytes: u64::from(shared),
    };
    let program = Program::new(module.image(), kernel, &UnitTable::V1).expect("the kernel is there");
    let offset = |p: &assay_ptx::Param| p.offset as usize;
    let first = module.image().kernel(kernel).map(|(_, k)| k.params().to_vec()).unwrap_or_default();
    let mut bytes: Vec<u8> = args.words().iter().flat_map(|w| w.to_le_bytes()).collect();
    for (own, theirs) in original.params().iter().zip(&first[6..]) {
        bytes.resize(offset(theirs), 0);
        bytes.extend_from_slice(&params[offset(own)..][..own.bytes as usize]);
    }
    let mut launch = Launch::new(&program, LaunchDims { dynamic_shared: shared, ..dims }, &bytes)
        .expect("a launch within limits");
    let mut shadow = Shadow::off();
    for block in 0..dims.blocks() {
        let outcome =
            launch.run_block(block, &mut memory, &mut shadow, u64::MAX).expect("a block of the grid");
        assert!(matches!(outcome, BlockOutcome::Done { .. }), "{outcome:?}\n{text}");
    }
    let all = memory.flat.as_bytes();
    let units = all[units_at..status_at]
        .chunks(8)
        .map(|c| u64::from_le_bytes(c.try_into().expect("eight bytes")))
        .collect();
    let status = u32::from_le_bytes(all[status_at..status_at + 4].try_into().expect("four bytes"));
    (status, units, all[..arena_len].to_vec())
}

/// Parameter bytes: 32-bit scalars, then pointers to these offsets of the arena.
pub(crate) fn params(scalars: &[u32], pointers: &[usize]) -> Vec<u8> {
    let mut out: Vec<u8> = scalars.iter().flat_map(|s| s.to_le_bytes()).collect();
    if !pointers.is_empty() {
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out.extend(pointers.iter().flat_map(|p| (ARENA_BASE + *p as u64).to_le_bytes()));
    out
}
