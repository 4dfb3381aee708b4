//! The machine's side: entry point, system calls, allocator, panics. Numbers and meanings are those of the machine's specification.

use alloc::vec::Vec;
use core::{
    alloc::{GlobalAlloc, Layout},
    arch::{asm, global_asm},
    cell::UnsafeCell,
    fmt::Write,
    panic::PanicInfo,
    ptr::{addr_of, null_mut},
};

use crate::{
    EXIT_PANIC, Part,
    heap::Heap,
    keccak::{Permutation, keccak256_with},
};

/// Where the heap ends: the top gigabyte is the stack's.
const HEAP_END: usize = 0xc000_0000;
/// Bytes of a panic message that the host gets.
const MESSAGE_BYTES_MAX: usize = 512;

// The machine starts with a stack; nothing else is needed.
global_asm!(
    ".section .text._start",
    ".globl _start",
    "_start:",
    "call __assay_main",
    "li a0, 0",
    "li a7, 93",
    "ecall"
);

/// Runs `main` and ends the program with exit code 0. [`entry!`](crate::entry) calls it.
pub fn start(main: fn()) {
    main();
    exit(0)
}

/// Ends the program.
pub fn exit(code: u8) -> ! {
    // SAFETY: system call 93 does not return; it reads no memory.
    unsafe { asm!("ecall", in("a7") 93, in("a0") u64::from(code), options(noreturn, nomem)) }
}

/// One leaf of memory.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Leaf([u8; 32]);

/// The 32 bytes that the run was started with.
pub fn input() -> [u8; 32] {
    let mut leaf = Leaf([0; 32]);
    // SAFETY: system call 1 writes the 32 bytes of `leaf`, which is aligned to 32, and no register.
    unsafe { asm!("ecall", in("a7") 1, in("a0") &raw mut leaf, options(nostack)) };
    leaf.0
}

/// Sets the 32 bytes that the run ends with; the last call counts.
pub fn output(bytes: &[u8; 32]) {
    let leaf = Leaf(*bytes);
    // SAFETY: system call 2 reads the 32 bytes of `leaf`, which is aligned to 32, and changes no register.
    unsafe { asm!("ecall", in("a7") 2, in("a0") &raw const leaf, options(nostack)) }
}

/// Tells the host something that helps it find pre-images, or people to see what goes on. It cannot change the result.
pub fn hint(bytes: &[u8]) {
    // SAFETY: system call 3 changes nothing; the host reads `bytes`.
    unsafe { asm!("ecall", in("a7") 3, in("a0") bytes.as_ptr(), in("a1") bytes.len(), options(nostack)) }
}

/// A key's leaf and the leaf that its part goes to.
#[repr(C, align(64))]
struct Exchange([u8; 32], [u8; 32]);

/// The part of `key`'s value that begins at `offset`, a multiple of 32 and at most 65,504. A key of no type traps.
pub fn preimage_part(key: &[u8; 32], offset: usize) -> Part {
    let mut exchange = Exchange(*key, [0; 32]);
    let len: usize;
    // SAFETY: system call 4 reads the first leaf at a pointer aligned to 64, writes the second, and changes a0 only.
    unsafe {
        asm!("ecall", in("a7") 4, inlateout("a0") &raw mut exchange => len, in("a1") offset, options(nostack));
    }
    Part { bytes: exchange.1, len }
}

/// The whole value of `key`.
pub fn preimage(key: &[u8; 32]) -> Vec<u8> {
    let first = preimage_part(key, 0);
    let mut value = Vec::with_capacity(first.len.next_multiple_of(32));
    value.extend_from_slice(&first.bytes);
    for offset in (32..first.len).step_by(32) {
        value.extend_from_slice(&preimage_part(key, offset).bytes);
    }
    value.truncate(first.len);
    value
}

/// The sponge's state where `keccak_f` wants it.
#[repr(C, align(256))]
struct State([u8; 200]);

impl Permutation for State {
    fn bytes(&mut self) -> &mut [u8; 200] {
        &mut self.0
    }

    fn permute(&mut self) {
        // SAFETY: system call 5 changes the 200 bytes at a pointer aligned to 256, and no register.
        unsafe { asm!("ecall", in("a7") 5, in("a0") self.0.as_mut_ptr(), options(nostack)) }
    }
}

/// For what the machine's only thread owns.
struct Single<T>(UnsafeCell<T>);

// SAFETY: the machine has one thread and no interrupts.
unsafe impl<T> Sync for Single<T> {}

/// Keccak-256 by the machine's permutation.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    static STATE: Single<State> = Single(UnsafeCell::new(State([0; 200])));
    // SAFETY: one thread, and nothing in `keccak256_with` comes back here.
    keccak256_with(unsafe { &mut *STATE.0.get() }, data)
}

/// What `alloy-primitives` calls with its feature `native-keccak`.
///
/// # Safety
/// `bytes` has `len` bytes to read, `output` 32 to write.
#[unsafe(no_mangle)]
unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
    // SAFETY: the caller says so.
    unsafe {
        let hash = keccak256(core::slice::from_raw_parts(bytes, len));
        output.cast::<[u8; 32]>().write_unaligned(hash);
    }
}

unsafe extern "C" {
    /// The linker's name for the first address after the program's data.
    #[link_name = "_end"]
    static PROGRAM_END: u8;
}

struct Bump(Single<Option<Heap>>);

#[global_allocator]
static HEAP: Bump = Bump(Single(UnsafeCell::new(None)));

impl Bump {
    #[expect(clippy::mut_from_ref, reason = "one thread, and no caller keeps it")]
    fn heap(&self) -> &mut Heap {
        // SAFETY: one thread; the reference ends before any other code of the program runs.
        unsafe { &mut *self.0.0.get() }
            .get_or_insert_with(|| Heap::new(addr_of!(PROGRAM_END) as usize, HEAP_END))
    }
}

// SAFETY: blocks lie apart from each other and from the program, in memory that the machine has; `resize` and `give` only touch
// the last one.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.heap().take(layout).map_or(null_mut(), |at| at as *mut u8)
    }

    unsafe fn dealloc(&self, at: *mut u8, _layout: Layout) {
        self.heap().give(at as usize);
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size <= layout.size() || self.heap().resize(at as usize, size) {
            return at;
        }
        let new = Layout::from_size_align(size, layout.align()).ok();
        let Some(to) = new.and_then(|new| self.heap().take(new)) else { return null_mut() };
        // SAFETY: the new block is larger and apart from the old one.
        unsafe { core::ptr::copy_nonoverlapping(at, to as *mut u8, layout.size()) };
        to as *mut u8
    }
}

/// A panic message, as much of it as fits.
struct Message {
    bytes: [u8; MESSAGE_BYTES_MAX],
    len: usize,
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = &mut self.bytes[self.len..];
        let len = room.len().min(text.len());
        room[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut message = Message { bytes: [0; MESSAGE_BYTES_MAX], len: 0 };
    // a message that cannot be made is no reason not to end
    let _ = write!(message, "{info}");
    hint(&message.bytes[..message.len]);
    exit(EXIT_PANIC)
}
