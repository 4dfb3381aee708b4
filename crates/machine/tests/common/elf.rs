//! Small ELF files, right unless a test makes them wrong.

/// A program header and the bytes it names.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) memory_bytes: u64,
}

/// An ELF file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) entry: u64,
    pub(crate) flags: u32,
    pub(crate) kind: u16,
    pub(crate) machine: u16,
    pub(crate) segments: Vec<Segment>,
}

/// A segment that is loaded.
pub(crate) fn load(flags: u32, address: u64, bytes: &[u8]) -> Segment {
    Segment { kind: 1, flags, address, bytes: bytes.to_vec(), memory_bytes: bytes.len() as u64 }
}

impl Default for File {
    /// Two words of code, then data with room behind it.
    fn default() -> Self {
        let data = Segment { memory_bytes: 9000, ..load(6, 0x2_0000, &[7; 40]) };
        let code = [0x05d0_0893u32.to_le_bytes(), 0x73u32.to_le_bytes()].concat();
        Self {
            entry: 0x1_0000,
            flags: 0,
            kind: 2,
            machine: 243,
            segments: vec![load(5, 0x1_0000, &code), data],
        }
    }
}

impl File {
    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(self.entry.to_le_bytes());
        file.extend(64u64.to_le_bytes());
        file.extend(0u64.to_le_bytes());
        file.extend(self.flags.to_le_bytes());
        file.extend(64u16.to_le_bytes());
        file.extend(56u16.to_le_bytes());
        file.extend((self.segments.len() as u16).to_le_bytes());
        file.extend([0; 6]);
        let mut offset = 64 + 56 * self.segments.len() as u64;
        for segment in &self.segments {
            file.extend(segment.kind.to_le_bytes());
            file.extend(segment.flags.to_le_bytes());
            for field in [
                offset,
                segment.address,
                segment.address,
                segment.bytes.len() as u64,
                segment.memory_bytes,
                4096,
            ] {
                file.extend(field.to_le_bytes());
            }
            offset += segment.bytes.len() as u64;
        }
        file.extend(self.segments.iter().flat_map(|segment| &segment.bytes));
        file
    }
}
