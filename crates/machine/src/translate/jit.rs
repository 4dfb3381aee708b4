//! From regions to code that runs.

use std::sync::atomic::{AtomicPtr, Ordering};

use cranelift_codegen::{
    Context,
    ir::{self, AbiParam, InstBuilder, MemFlagsData, UserFuncName, types::I64},
    isa::{CallConv, OwnedTargetIsa, TargetFrontendConfig},
    settings::{self, Configurable, Flags},
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleError, default_libcall_names};

use super::{TranslateError, cold::Words, emit::Emitter, region::Region};

/// Where the host enters: registers, memory, instructions that may be executed, `pc` and what is in the table for it. Gives how many
/// of the instructions are left and replaces `pc`.
pub(super) type Enter = unsafe extern "C" fn(*mut u64, *mut u8, i64, *mut u64, *const u8) -> i64;

/// For each word of a program the region that starts there, or the way back to the host.
pub(super) struct Table(Box<[AtomicPtr<u8>]>);

impl Table {
    pub(super) fn get(&self, index: u32) -> *const u8 {
        self.0[index as usize].load(Ordering::Acquire)
    }

    fn address(&self) -> i64 {
        self.0.as_ptr() as i64
    }
}

/// Compiles regions of one program; owns their code.
pub(super) struct Compiler {
    /// `None` only while it is dropped.
    module: Option<JITModule>,
    context: Context,
    builder_context: FunctionBuilderContext,
    /// Of regions.
    signature: ir::Signature,
    /// What was compiled so far.
    pub(super) stats: Stats,
}

/// What a translator has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Regions translated.
    pub regions: u64,
    /// Instructions of all regions; one that lies in several counts as often.
    pub instructions: u64,
    /// Bytes of native code.
    pub bytes: u64,
}

/// What running code needs.
pub(super) struct Entries {
    pub(super) enter: Enter,
    /// The table's entry where there is no region.
    pub(super) absent: *const u8,
    pub(super) table: Table,
}

// SAFETY: the pointers are to code, which does not change.
unsafe impl Send for Entries {}
// SAFETY: as above; the table's entries are atomic.
unsafe impl Sync for Entries {}

impl Compiler {
    /// A compiler for this machine, and what runs the code of a program of `words` words.
    pub(super) fn new(words: usize) -> Result<(Self, Entries), TranslateError> {
        let mut module = JITModule::new(JITBuilder::with_isa(host()?, default_libcall_names()));
        let mut signature = module.make_signature();
        signature.call_conv = CallConv::Tail;
        signature.params = vec![AbiParam::new(I64); 4];
        signature.returns = vec![AbiParam::new(I64); 2];
        let context = module.make_context();
        let builder_context = FunctionBuilderContext::new();
        let stats = Stats::default();
        let absent = module.declare_anonymous_function(&signature)?;
        let mut enter_signature = module.make_signature();
        enter_signature.params = vec![AbiParam::new(I64); 5];
        enter_signature.returns = vec![AbiParam::new(I64)];
        let enter = module.declare_anonymous_function(&enter_signature)?;
        let mut compiler = Self { module: Some(module), context, builder_context, signature, stats };
        compiler.define(absent, None, emit_absent)?;
        compiler.define(enter, Some(enter_signature), emit_enter)?;
        let module = compiler.module_mut();
        module.finalize_definitions()?;
        let absent = module.get_finalized_function(absent);
        let enter = module.get_finalized_function(enter);
        // SAFETY: the function was compiled with the signature of `Enter`, in the platform's C convention.
        let enter = unsafe { core::mem::transmute::<*const u8, Enter>(enter) };
        let table = (0..words).map(|_| AtomicPtr::new(absent.cast_mut())).collect();
        Ok((compiler, Entries { enter, absent, table: Table(table) }))
    }

    fn module_mut(&mut self) -> &mut JITModule {
        match &mut self.module {
            Some(module) => module,
            None => unreachable!("it is there until it is dropped"),
        }
    }

    /// Compiles regions and enters them into the table. One that the compiler refuses stays interpreted.
    pub(super) fn compile(&mut self, words: &Words, regions: &[Region], entries: &Entries) {
        let mut compiled = Vec::with_capacity(regions.len());
        let table = entries.table.address();
        for region in regions {
            let signature = self.signature.clone();
            let Ok(id) = self.module_mut().declare_anonymous_function(&signature) else { continue };
            let bytes = self.define(id, None, |builder, signature, config| {
                Emitter::emit(builder, words, region, table, signature, config);
            });
            if let Ok(bytes) = bytes {
                self.stats.bytes += bytes;
                self.stats.regions += 1;
                self.stats.instructions += u64::from(region.instructions);
                compiled.push((region.entry, id));
            }
        }
        if self.module_mut().finalize_definitions().is_err() {
            return;
        }
        for (entry, id) in compiled {
            let code = self.module_mut().get_finalized_function(id);
            entries.table.0[entry as usize].store(code.cast_mut(), Ordering::Release);
        }
    }

    /// Defines a function, of a region unless there is another signature, and gives the bytes of its code.
    fn define(
        &mut self,
        id: FuncId,
        signature: Option<ir::Signature>,
        emit: impl FnOnce(FunctionBuilder, &ir::Signature, TargetFrontendConfig),
    ) -> Result<u64, Box<ModuleError>> {
        self.context.func.signature = signature.unwrap_or_else(|| self.signature.clone());
        self.context.func.name = UserFuncName::user(0, id.as_u32());
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let Some(module) = &mut self.module else { unreachable!("it is there until it is dropped") };
        emit(builder, &self.signature, module.target_config());
        let defined = module.define_function(id, &mut self.context);
        let bytes = self.context.compiled_code().map_or(0, |code| code.code_buffer().len() as u64);
        module.clear_context(&mut self.context);
        defined.map(|()| bytes).map_err(Box::new)
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: a compiler is dropped with the last translator that enters its code.
            unsafe { module.free_memory() };
        }
    }
}

fn host() -> Result<OwnedTargetIsa, TranslateError> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        // Tail calls need it.
        ("preserve_frame_pointers", "true"),
        // A frame larger than the stack's guard touches each of its pages.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ] {
        flags.set(name, value).map_err(|error| TranslateError::Compiler(error.to_string()))?;
    }
    let builder = cranelift_native::builder().map_err(TranslateError::Host)?;
    builder.finish(Flags::new(flags)).map_err(|error| TranslateError::Compiler(error.to_string()))
}

/// Where there is no region: back to the host.
fn emit_absent(mut b: FunctionBuilder, _: &ir::Signature, config: TargetFrontendConfig) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let parameters = b.block_params(block).to_vec();
    b.ins().return_(&parameters[2..4]);
    b.seal_all_blocks();
    b.finalize(config);
}

/// From the platform's convention to the regions'.
fn emit_enter(mut b: FunctionBuilder, region: &ir::Signature, config: TargetFrontendConfig) {
    let region = b.import_signature(region.clone());
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let parameters = b.block_params(block).to_vec();
    let [registers, memory, left, pc, code] = parameters[..] else {
        unreachable!("the signature has five parameters")
    };
    let from = b.ins().load(I64, MemFlagsData::trusted(), pc, 0);
    let call = b.ins().call_indirect(region, code, &[registers, memory, left, from]);
    let results = b.inst_results(call).to_vec();
    b.ins().store(MemFlagsData::trusted(), results[1], pc, 0);
    b.ins().return_(&results[..1]);
    b.seal_all_blocks();
    b.finalize(config);
}
