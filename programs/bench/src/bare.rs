//! Entry, exit, heap and keccak without anything below.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::{asm, global_asm},
    cell::UnsafeCell,
    panic::PanicInfo,
    ptr::null_mut,
};

use keccak::Keccak;

/// All that the programs may allocate.
const HEAP_BYTES: usize = 5 << 18;
/// Blocks have sizes of powers of two, from 16 bytes.
const CLASSES: usize = 24;

global_asm!(".section .text._start", ".globl _start", "_start:", "andi sp, sp, -16", "call __bench_main");

/// Runs `work` and ends with its exit code.
pub fn start(work: fn() -> u64) -> ! {
    exit(crate::exit_code(work()))
}

fn exit(code: u8) -> ! {
    // SAFETY: the call does not return; it reads no memory.
    unsafe { asm!("ecall", in("a7") 93, in("a0") u64::from(code), options(noreturn, nomem)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

#[repr(C, align(16))]
struct Heap {
    room: [u8; HEAP_BYTES],
    used: usize,
    /// The last freed block of each size; it holds the address of the one before.
    free: [*mut u8; CLASSES],
}

struct Global(UnsafeCell<Heap>);

// SAFETY: one thread.
unsafe impl Sync for Global {}

#[global_allocator]
static HEAP: Global =
    Global(UnsafeCell::new(Heap { room: [0; HEAP_BYTES], used: 0, free: [null_mut(); CLASSES] }));

fn class(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(16).next_power_of_two().trailing_zeros() as usize
}

// SAFETY: a block is given out once until it is freed; blocks of a size class never overlap.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        // SAFETY: one thread, and nothing below allocates.
        let heap = unsafe { &mut *self.0.get() };
        let Some(&block) = heap.free.get(class) else { return null_mut() };
        if !block.is_null() {
            // SAFETY: a free block holds the address of the next.
            heap.free[class] = unsafe { *block.cast() };
            return block;
        }
        let start = heap.used.next_multiple_of(layout.align().max(16));
        if start + (1 << class) > HEAP_BYTES {
            return null_mut();
        }
        heap.used = start + (1 << class);
        &raw mut heap.room[start]
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout);
        // SAFETY: one thread; the block is at least 16 bytes and nobody's any more.
        unsafe {
            let heap = &mut *self.0.get();
            *block.cast() = heap.free[class];
            heap.free[class] = block;
        }
    }
}

/// What `alloy-primitives` calls with its feature `native-keccak`: here in software, which every machine has.
///
/// # Safety
/// `bytes` has `len` bytes to read, `output` 32 to write.
#[unsafe(no_mangle)]
unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
    const RATE: usize = 136;
    let mut lanes = [0u64; 25];
    let f = Keccak::new();
    // SAFETY: the caller says so.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, len) };
    let (blocks, rest) = bytes.as_chunks::<RATE>();
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 1;
    last[RATE - 1] |= 0x80;
    for block in blocks.iter().chain([&last]) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane ^= u64::from_le_bytes(*word);
        }
        f.with_f1600(|f1600| f1600(&mut lanes));
    }
    for (i, lane) in lanes[..4].iter().enumerate() {
        // SAFETY: the caller says so.
        unsafe { output.add(8 * i).cast::<[u8; 8]>().write_unaligned(lane.to_le_bytes()) };
    }
}
