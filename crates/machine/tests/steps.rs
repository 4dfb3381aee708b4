//! Every vector, read from its file, on everything here that takes a step: the reference, the verifier, the interpreter, translated
//! code. What is expected comes from the files alone, which the contracts assert as well.

use std::{fs, path::Path};

use alloy_primitives::{B256, Bytes, hex, keccak256};
use assay_machine::{
    Code, Cpu, Engine, FlatMemory, Interpreter, Machine, Memory, MemoryTree, Reference, SparseMemory, State,
    Status, part_hash, part_of, root_of_leaves, verify_step,
};
use assay_primitives::OracleKey;
use serde_json::Value;

/// Vectors in all files; fewer would mean that some were not read.
const VECTORS: usize = 934;

type Leaves = Vec<(u32, [u8; 32])>;

/// One step: what is before it, what must be after it.
struct Vector {
    name: String,
    code: Code,
    before: Cpu,
    leaves: Leaves,
    values: Vec<(OracleKey, Bytes)>,
    after: State,
    /// Of the state before, the state after and the witness.
    hashes: [B256; 3],
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field}: {value}"))
}

fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let list = value[field].as_array().unwrap_or_else(|| panic!("{field}: {value}"));
    list.iter().map(|item| item.as_str().expect("a string"))
}

fn byte(value: &Value, field: &str) -> u8 {
    value[field].as_u64().and_then(|byte| byte.try_into().ok()).unwrap_or_else(|| panic!("{field}: {value}"))
}

fn number(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number")
}

fn hash(text: &str) -> B256 {
    text.parse().expect("32 bytes")
}

/// Sets the registers that two fields name and give the values of.
fn set_registers(cpu: &mut Cpu, value: &Value, indices: &str, values: &str) {
    let indices = value[indices].as_array().expect("registers");
    for (index, value) in indices.iter().zip(texts(value, values)) {
        cpu.x[index.as_u64().expect("a register") as usize] = number(value);
    }
}

fn leaves(value: &Value, addresses: &str, leaves: &str) -> Leaves {
    let indices = texts(value, addresses).map(|address| (number(address) / 32) as u32);
    indices.zip(texts(value, leaves).map(|leaf| hash(leaf).0)).collect()
}

impl Vector {
    fn read(value: &Value) -> Self {
        let mut before = Cpu::new(number(text(value, "pc")), hash(text(value, "input")));
        before.x = [0; 32];
        set_registers(&mut before, value, "regIndex", "regValue");
        before.output = hash(text(value, "output"));
        (before.status, before.exit_code) = (Status(byte(value, "status")), byte(value, "exitCode"));

        let mut cpu = Cpu { pc: number(text(value, "nextPc")), ..before.clone() };
        set_registers(&mut cpu, value, "nextRegIndex", "nextRegValue");
        cpu.output = hash(text(value, "nextOutput"));
        (cpu.status, cpu.exit_code) = (Status(byte(value, "nextStatus")), byte(value, "nextExitCode"));
        let held = leaves(value, "memAddress", "memLeaf");
        let mut all: std::collections::BTreeMap<u32, [u8; 32]> = held.iter().copied().collect();
        all.extend(leaves(value, "nextMemAddress", "nextMemLeaf"));
        let memory_root = root_of_leaves(&all.into_iter().collect::<Leaves>());

        let keys = texts(value, "preimageKey").map(|key| OracleKey::parse(hash(key)).expect("a key"));
        let values = texts(value, "preimageValue").map(|value| hex::decode(value).expect("bytes").into());
        let hashes = ["preHash", "nextHash", "witnessHash"].map(|field| hash(text(value, field)));
        Self {
            name: text(value, "name").into(),
            code: code(value, before.pc, cpu.pc),
            before,
            leaves: held,
            values: keys.zip(values).collect(),
            after: State { cpu, memory_root },
            hashes,
        }
    }

    /// The memory before the step, which was empty, and the tree over it.
    fn memory<M: Memory + Sync>(&self, mut memory: M) -> (M, MemoryTree) {
        for (index, leaf) in &self.leaves {
            memory.set_leaf(*index, leaf);
        }
        let (mut tree, written) = (MemoryTree::default(), memory.take_written());
        tree.update(&memory, &written);
        (memory, tree)
    }

    fn value(&self, key: OracleKey) -> Option<Bytes> {
        self.values.iter().find(|(held, _)| *held == key).map(|(_, value)| value.clone())
    }

    /// Whether an oracle that was told the values holds this part.
    fn stores(&self, part: &B256) -> bool {
        let offset = self.before.x[11] as u32;
        self.values.iter().any(|(key, value)| part_hash(*key, offset, &part_of(value, offset)) == *part)
    }

    /// Has an engine take the step, or the reference where the engine leaves it; gives whether the engine took it. There is no
    /// code behind it: more than one step is a jump to itself, which changes nothing the second time.
    fn run(&self, engine: &mut impl Engine, steps: u64) -> bool {
        // A page that is written but not marked keeps its hash in the tree.
        let (mut memory, tree) = self.memory(FlatMemory::new().expect("memory"));
        let mut cpu = self.before.clone();
        let done = if cpu.is_running() { engine.run(&mut cpu, &mut memory, steps) } else { 0 };
        let mut machine = Machine::with(cpu, memory, tree, done);
        if done == 0 {
            assert_eq!(machine.state_hash(), self.hashes[0], "{}: no step, but another state", self.name);
            machine.step(&self.code, &mut |key| self.value(key)).expect("the value is there");
        }
        assert_eq!(machine.state(), self.after, "{}", self.name);
        done > 0
    }

    /// Whether an engine must take the step by itself: it needs nothing but registers and memory, and leads to a word of the code.
    fn is_for_engines(&self) -> bool {
        let Cpu { pc, status, .. } = self.after.cpu;
        let beyond = pc.wrapping_sub(self.code.base()) >= 4 * self.code.words().len() as u64;
        let calls = self.code.fetch(self.before.pc) == Some(0x73);
        self.before.is_running() && status == Status::RUNNING && !calls && pc % 4 == 0 && !beyond
    }
}

/// The word at `pc`, if it can be fetched there, in code that reaches the next word, so that engines may go there.
fn code(value: &Value, pc: u64, next: u64) -> Code {
    let window = u64::from(byte(value, "window"));
    let fetches = pc.is_multiple_of(4) && pc >> 25 == window;
    let at = if fetches { pc } else { window << 25 };
    let mut parts = vec![(next & !3, 0), (at, number(text(value, "word")) as u32)];
    parts.retain(|(address, _)| address >> 25 == window);
    let parts: Vec<(u64, [u8; 4])> = parts.iter().map(|(at, word)| (*at, word.to_le_bytes())).collect();
    let parts: Vec<(u64, &[u8])> = parts.iter().map(|(at, bytes)| (*at, &bytes[..])).collect();
    Code::new(&parts).expect("code in one window")
}

fn vectors() -> Vec<Vector> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    let folder = Path::new(&package).join("../../tests/vectors/machine");
    let files = fs::read_dir(folder).expect("the vectors").map(|file| file.expect("a file").path());
    let lists = files.map(|file| fs::read_to_string(file).expect("a file of vectors"));
    let lists = lists.map(|list| serde_json::from_str::<Vec<Value>>(&list).expect("a list of vectors"));
    let vectors: Vec<Vector> = lists.flatten().map(|value| Vector::read(&value)).collect();
    assert_eq!(vectors.len(), VECTORS);
    vectors
}

#[test]
fn the_reference_and_the_verifier_take_the_steps_of_the_vectors() {
    for vector in vectors() {
        let Vector { name, code, before, after, hashes, .. } = &vector;
        let (memory, tree) = vector.memory(SparseMemory::default());
        let mut reference: Reference = Machine::with(before.clone(), memory, tree, 0);
        let mut proven = reference.clone();
        let first = reference.state();
        let mut oracle = |key| vector.value(key);
        reference.step(code, &mut oracle).expect("the value is there");
        assert_eq!(reference.state(), *after, "{name}");
        let witness = proven.step_witness(code, &mut oracle).expect("the value is there");
        assert_eq!(proven.state(), *after, "{name}");
        assert_eq!([first.hash(), after.hash(), keccak256(&witness)], *hashes, "{name}");
        let verified = verify_step(code.root(), &first, &witness, |part| vector.stores(part));
        assert_eq!(verified.as_ref(), Ok(after), "{name}");
    }
}

#[test]
fn the_interpreter_takes_the_steps_of_the_vectors() {
    let run = |vector: &Vector| {
        // It jumps while more steps are left than the longest straight code has, which is one here, and two.
        vector.run(&mut Interpreter::new(&vector.code), 4)
    };
    let left: Vec<String> =
        vectors().into_iter().filter(|v| !run(v) && v.is_for_engines()).map(|v| v.name).collect();
    // Stores into two pages, a load to `x0`, branches not taken whose target is no word of the code.
    assert_eq!(left.len(), 6 + 1 + 12, "left to the reference: {left:?}");
}

/// Each step is translated first, and then run with as many steps as the region has instructions: then it is entered.
#[cfg(feature = "translate")]
#[test]
fn the_translator_takes_the_steps_of_the_vectors() {
    use assay_machine::{TranslateOptions, Translating, Translator};
    let options =
        TranslateOptions { runs_before: 0, region_instructions_max: 1, translating: Translating::Inline };
    let run = |vector: &Vector| {
        let mut translator = Translator::new(&vector.code, options).unwrap();
        vector.run(&mut translator, 1);
        let stats = translator.stats();
        let translates = vector.before.is_running() && vector.code.fetch(vector.before.pc).is_some();
        assert_eq!(stats.regions, u64::from(translates), "{}", vector.name);
        vector.run(&mut translator, stats.instructions)
    };
    let left: Vec<String> =
        vectors().into_iter().filter(|v| !run(v) && v.is_for_engines()).map(|v| v.name).collect();
    assert_eq!(left, [""; 0], "left to the reference");
}
