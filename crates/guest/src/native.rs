//! The host's side: a program as a function, for tests, and to learn without the machine what a run asks for and gives.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use crate::{EXIT_PANIC, Part, keccak::Permutation};

/// What a native run ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As the machine has it; [`EXIT_PANIC`] after a panic.
    pub exit_code: u8,
    /// The last bytes given to [`output`], or zeros.
    pub output: [u8; 32],
    /// Everything told to [`hint`], in order.
    pub hints: Vec<Vec<u8>>,
}

/// Answers for a key, if it can.
type Oracle = Box<dyn FnMut(&[u8; 32]) -> Option<Vec<u8>>>;

struct Run {
    input: [u8; 32],
    outcome: Outcome,
    oracle: Oracle,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// What unwinds a program that called [`exit`].
struct Exit(u8);

fn with<T>(f: impl FnOnce(&mut Run) -> T) -> T {
    RUN.with_borrow_mut(|run| f(run.as_mut().expect("a program calls this, started by `run` on this thread")))
}

/// Runs `main` on this thread, as the machine would: a key for which the `oracle` has no value is a panic of the program.
///
/// # Panics
/// When called by a program.
pub fn run(
    main: fn(),
    input: [u8; 32],
    oracle: impl FnMut(&[u8; 32]) -> Option<Vec<u8>> + 'static,
) -> Outcome {
    let outcome = Outcome { exit_code: 0, output: [0; 32], hints: Vec::new() };
    let before = RUN.replace(Some(Run { input, outcome, oracle: Box::new(oracle) }));
    assert!(before.is_none(), "a program cannot start another");
    let ended = catch_unwind(AssertUnwindSafe(main));
    let mut outcome = RUN.take().expect("nobody else takes it").outcome;
    if let Err(payload) = ended {
        outcome.exit_code = payload.downcast_ref::<Exit>().map_or(EXIT_PANIC, |exit| exit.0);
    }
    outcome
}

/// The program as a process: the input is the first argument in hex, the output is printed. [`entry!`](crate::entry) calls it.
pub fn start(main: fn()) {
    let input = std::env::args().nth(1).unwrap_or_default();
    let Some(input) = parse(&input) else {
        eprintln!("the input is up to 32 bytes in hex, such as 0x00000010");
        std::process::exit(2);
    };
    let outcome = run(main, input, |_| None);
    for hint in &outcome.hints {
        eprint!("{}", String::from_utf8_lossy(hint));
    }
    let hex: String = outcome.output.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("0x{hex}");
    std::process::exit(outcome.exit_code.into());
}

/// Hex with zeros after its end.
fn parse(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.strip_prefix("0x").unwrap_or(hex).as_bytes();
    let mut bytes = [0; 32];
    if !digits.len().is_multiple_of(2) || digits.len() > 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// Ends the program.
pub fn exit(code: u8) -> ! {
    resume_unwind(Box::new(Exit(code)))
}

/// The 32 bytes that the run was started with.
pub fn input() -> [u8; 32] {
    with(|run| run.input)
}

/// Sets the 32 bytes that the run ends with; the last call counts.
pub fn output(bytes: &[u8; 32]) {
    with(|run| run.outcome.output = *bytes);
}

/// Tells the host something that helps it find pre-images, or people to see what goes on. It cannot change the result.
pub fn hint(bytes: &[u8]) {
    with(|run| run.outcome.hints.push(bytes.to_vec()));
}

/// The whole value of `key`.
pub fn preimage(key: &[u8; 32]) -> Vec<u8> {
    with(|run| (run.oracle)(key)).unwrap_or_else(|| panic!("no value for the key {key:02x?}"))
}

/// The part of `key`'s value that begins at `offset`, a multiple of 32 and at most 65,504.
pub fn preimage_part(key: &[u8; 32], offset: usize) -> Part {
    let value = preimage(key);
    let mut bytes = [0; 32];
    let rest = value.get(offset..).unwrap_or_default();
    let len = rest.len().min(32);
    bytes[..len].copy_from_slice(&rest[..len]);
    Part { bytes, len: value.len() }
}

struct Software([u8; 200]);

impl Permutation for Software {
    fn bytes(&mut self) -> &mut [u8; 200] {
        &mut self.0
    }

    fn permute(&mut self) {
        let mut lanes = [0u64; 25];
        for (lane, bytes) in lanes.iter_mut().zip(self.0.as_chunks::<8>().0) {
            *lane = u64::from_le_bytes(*bytes);
        }
        keccak::Keccak::new().with_f1600(|f| f(&mut lanes));
        for (lane, bytes) in lanes.iter().zip(self.0.as_chunks_mut::<8>().0) {
            *bytes = lane.to_le_bytes();
        }
    }
}

/// Keccak-256 in software.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    crate::keccak256_with(&mut Software([0; 200]), data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_function_of_input_and_oracle() {
        fn main() {
            let value = preimage(&input());
            let part = preimage_part(&input(), 32);
            assert_eq!((part.len, part.bytes[1], part.bytes[2]), (34, 7, 0));
            hint(b"read");
            output(&keccak256(&value));
        }
        let value = vec![7; 34];
        let answer = value.clone();
        let outcome = run(main, [9; 32], move |key| (*key == [9; 32]).then(|| answer.clone()));
        let expected = Outcome { exit_code: 0, output: keccak256(&value), hints: vec![b"read".to_vec()] };
        assert_eq!(outcome, expected);
        assert_eq!(run(main, [8; 32], |_| None).exit_code, EXIT_PANIC, "nobody knows the value");
    }

    #[test]
    fn exit_ends_it_and_another_can_start() {
        fn main() {
            output(&[1; 32]);
            exit(input()[0])
        }
        for code in [0, 3, 255] {
            let outcome = run(main, [code; 32], |_| None);
            assert_eq!((outcome.exit_code, outcome.output), (code, [1; 32]));
        }
    }

    #[test]
    fn inputs_are_hex() {
        let mut expected = [0; 32];
        expected[..2].copy_from_slice(&[0x0a, 0xff]);
        assert_eq!(parse("0x0aFf"), Some(expected));
        assert_eq!(parse(""), Some([0; 32]));
        assert_eq!([parse("0x1"), parse("0xg0"), parse("é"), parse(&"00".repeat(33))], [None; 4]);
    }
}
