//! ELF: from a file to a program (System V ABI; RISC-V ELF psABI 1.0).

use alloc::vec::Vec;

use crate::{
    code::{Code, CodeError},
    memory::SparseMemory,
    program::Program,
};

/// The most segments that are loaded.
pub const ELF_SEGMENTS_MAX: usize = 64;
/// The most bytes that the segments take from the file, all together.
pub const ELF_IMAGE_BYTES_MAX: u64 = 256 << 20;

const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const ET_EXEC: u16 = 2;
const EM_RISCV: u16 = 243;
const EF_RVC: u32 = 1;
const EF_FLOAT_ABI: u32 = 6;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PF_X: u32 = 1;

/// Why a file cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It ends before something that it says it holds.
    #[error("the file has {found} bytes, what it describes ends at {needed}")]
    Truncated {
        /// Bytes of the file.
        found: usize,
        /// Where the part that is missing would end.
        needed: u64,
    },
    /// It does not start as an ELF file.
    #[error("not an ELF file")]
    NotElf,
    /// Another class, byte order or version.
    #[error("ELF class {class}, data {data}, version {version}; expected 2, 1, 1 (64 bits, little-endian)")]
    Format {
        /// `EI_CLASS`.
        class: u8,
        /// `EI_DATA`.
        data: u8,
        /// `EI_VERSION`.
        version: u8,
    },
    /// Not a file linked to fixed addresses.
    #[error("ELF type {0}, expected 2 (ET_EXEC): link statically and not position-independent")]
    Type(u16),
    /// Another processor.
    #[error("ELF machine {0}, expected 243 (RISC-V)")]
    Machine(u16),
    /// It may hold compressed instructions.
    #[error("the file is marked as using compressed instructions: build it without the C extension")]
    Compressed,
    /// It passes arguments in floating-point registers.
    #[error("the file uses a floating-point calling convention: build it with a soft-float ABI")]
    FloatAbi,
    /// It is marked with something else that the machine does not know.
    #[error("ELF flags {0:#x}, expected 0")]
    Flags(u32),
    /// It needs a dynamic linker.
    #[error("the file is linked dynamically")]
    Dynamic,
    /// Program headers of another size.
    #[error("program headers of {0} bytes, expected 56")]
    HeaderSize(u16),
    /// More segments than are loaded.
    #[error("{found} program headers, at most {ELF_SEGMENTS_MAX} are read")]
    TooManySegments {
        /// Program headers.
        found: usize,
    },
    /// A segment with more bytes in the file than in memory.
    #[error("the segment at {address:#x} has {file_bytes} bytes in the file and {memory_bytes} in memory")]
    SegmentSize {
        /// Its address.
        address: u64,
        /// Its bytes in the file.
        file_bytes: u64,
        /// Its bytes in memory.
        memory_bytes: u64,
    },
    /// A segment beyond the memory.
    #[error("the segment at {address:#x} with {bytes} bytes does not end by 2^32")]
    SegmentRange {
        /// Its address.
        address: u64,
        /// Its bytes in memory.
        bytes: u64,
    },
    /// Two segments share addresses.
    #[error("the segments at {first:#x} and {second:#x} overlap")]
    Overlap {
        /// The address of one.
        first: u64,
        /// The address of the other.
        second: u64,
    },
    /// More bytes than are loaded.
    #[error("the segments take {bytes} bytes from the file, at most {ELF_IMAGE_BYTES_MAX} are loaded")]
    TooLarge {
        /// Bytes of all segments.
        bytes: u64,
    },
    /// The executable segments are no code.
    #[error("executable segments: {0}")]
    Code(#[from] CodeError),
    /// An entry that cannot be fetched.
    #[error("the entry {0:#x} is not a multiple of 4")]
    EntryAlignment(u64),
    /// An entry where no code is.
    #[error("the entry {0:#x} lies in no executable segment")]
    EntryOutsideCode(u64),
}

/// A segment that is loaded, with its bytes in the file.
struct Segment<'a> {
    address: u64,
    memory_bytes: u64,
    executable: bool,
    bytes: &'a [u8],
}

impl Program {
    /// Loads a static RV64 executable: all its segments into memory, the executable ones into code too.
    ///
    /// The machine needs no more than the file says; what it says is checked. Sections, symbols and notes are not read.
    pub fn from_elf(file: &[u8]) -> Result<Self, ElfError> {
        let entry = header(file)?;
        let segments = segments(file)?;
        let code: Vec<(u64, &[u8])> =
            segments.iter().filter(|s| s.executable).map(|s| (s.address, s.bytes)).collect();
        if entry % 4 != 0 {
            return Err(ElfError::EntryAlignment(entry));
        }
        let holds = |(address, bytes): &(u64, &[u8])| {
            entry.checked_sub(*address).is_some_and(|offset| offset + 4 <= bytes.len() as u64)
        };
        if !code.iter().any(holds) {
            return Err(ElfError::EntryOutsideCode(entry));
        }
        let code = Code::new(&code)?;
        let mut memory = SparseMemory::default();
        for segment in &segments {
            memory.write(segment.address, segment.bytes);
        }
        Ok(Self::new(code, memory, entry))
    }
}

/// Checks the file header and gives the entry.
fn header(file: &[u8]) -> Result<u64, ElfError> {
    if !file.starts_with(b"\x7fELF") {
        return Err(ElfError::NotElf);
    }
    if file.len() < HEADER_BYTES {
        return Err(ElfError::Truncated { found: file.len(), needed: HEADER_BYTES as u64 });
    }
    let (class, data, version) = (file[4], file[5], file[6]);
    if (class, data, version) != (2, 1, 1) {
        return Err(ElfError::Format { class, data, version });
    }
    match u16_at(file, 18) {
        EM_RISCV => {}
        machine => return Err(ElfError::Machine(machine)),
    }
    match u16_at(file, 16) {
        ET_EXEC => {}
        kind => return Err(ElfError::Type(kind)),
    }
    match u32_at(file, 48) {
        0 => {}
        flags if flags & EF_RVC != 0 => return Err(ElfError::Compressed),
        flags if flags & EF_FLOAT_ABI != 0 => return Err(ElfError::FloatAbi),
        flags => return Err(ElfError::Flags(flags)),
    }
    Ok(u64_at(file, 24))
}

/// The segments to load, each checked alone and against each other.
fn segments(file: &[u8]) -> Result<Vec<Segment<'_>>, ElfError> {
    let count = usize::from(u16_at(file, 56));
    if count > ELF_SEGMENTS_MAX {
        return Err(ElfError::TooManySegments { found: count });
    }
    match u16_at(file, 54) {
        size if count == 0 || usize::from(size) == SEGMENT_BYTES => {}
        size => return Err(ElfError::HeaderSize(size)),
    }
    let table = range(file, u64_at(file, 32), (count * SEGMENT_BYTES) as u64)?;
    let mut segments = Vec::new();
    for entry in table.chunks_exact(SEGMENT_BYTES) {
        match u32_at(entry, 0) {
            PT_LOAD => segments.extend(segment(file, entry)?),
            PT_DYNAMIC | PT_INTERP => return Err(ElfError::Dynamic),
            _ => {}
        }
    }
    segments.sort_by_key(|segment: &Segment<'_>| segment.address);
    for pair in segments.windows(2) {
        if pair[0].address + pair[0].memory_bytes > pair[1].address {
            return Err(ElfError::Overlap { first: pair[0].address, second: pair[1].address });
        }
    }
    let bytes = segments.iter().map(|segment| segment.bytes.len() as u64).sum();
    if bytes > ELF_IMAGE_BYTES_MAX {
        return Err(ElfError::TooLarge { bytes });
    }
    Ok(segments)
}

/// One segment, `None` if it is empty.
fn segment<'a>(file: &'a [u8], entry: &[u8]) -> Result<Option<Segment<'a>>, ElfError> {
    let (address, file_bytes, memory_bytes) = (u64_at(entry, 16), u64_at(entry, 32), u64_at(entry, 40));
    if file_bytes > memory_bytes {
        return Err(ElfError::SegmentSize { address, file_bytes, memory_bytes });
    }
    if memory_bytes == 0 {
        return Ok(None);
    }
    if address.checked_add(memory_bytes).is_none_or(|end| end > 1 << 32) {
        return Err(ElfError::SegmentRange { address, bytes: memory_bytes });
    }
    let bytes = range(file, u64_at(entry, 8), file_bytes)?;
    Ok(Some(Segment { address, memory_bytes, executable: u32_at(entry, 4) & PF_X != 0, bytes }))
}

fn range(file: &[u8], offset: u64, bytes: u64) -> Result<&[u8], ElfError> {
    let end = offset.saturating_add(bytes);
    let truncated = ElfError::Truncated { found: file.len(), needed: end };
    let (Ok(start), Ok(end)) = (usize::try_from(offset), usize::try_from(end)) else { return Err(truncated) };
    file.get(start..end).ok_or(truncated)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
