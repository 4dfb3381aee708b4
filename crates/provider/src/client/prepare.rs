//! From `job.toml` and files to an order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use assay_bindings::Market;
use assay_compute::{
    AudienceSpec, Executor as _, Flow, Job, JobResult, JobSpec, Plan, Reference, Status, Step, spec_root,
};
use assay_primitives::page_root;
use assay_ptx::Image;

use super::{ClientError, write_whole};
use crate::bundle;

/// The class of jobs whose result a dispute can decide by proof.
const CLASS_PROVEN: u8 = 1;

/// A job ready to be posted: image lowered, plan made, roots known.
#[derive(Clone, Debug)]
pub struct Prepared {
    spec: JobSpec,
    spec_file: PathBuf,
    dir: PathBuf,
    image: Image,
    image_id: B256,
    plan: Plan,
    plan_root: B256,
    files: Vec<(String, PathBuf)>,
}

/// What a local run on the reference interpreter gave.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// How it ended.
    pub status: Status,
    /// Work units used.
    pub units: u64,
    /// The result root that honest providers will reveal.
    pub result_root: B256,
    /// For people: what went wrong.
    pub fault: Option<String>,
}

/// Reads a `job.toml`, lowers its image, plans, and writes both into `dir`.
///
/// # Errors
/// [`ClientError`] that says what is wrong with which file.
pub fn prepare(spec_file: &Path, dir: &Path) -> Result<Prepared, ClientError> {
    // What is remembered of a job must not depend on where the next command is called.
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| ClientError::File { path: path.to_owned(), source })
    };
    let (spec_file, dir) = (&absolute(spec_file)?, &absolute(dir)?);
    let text = read(spec_file)?;
    let text = String::from_utf8(text).map_err(|e| bad(spec_file, &e))?;
    let spec: JobSpec = toml::from_str(&text).map_err(|e| bad(spec_file, &e))?;
    let base = spec_file.parent().unwrap_or(Path::new("."));
    let image_path = base.join(&spec.image);
    let ptx = String::from_utf8(read(&image_path)?).map_err(|e| bad(&image_path, &e))?;
    let image = Image::from_ptx(&ptx).map_err(|refusal| ClientError::Image { path: image_path, refusal })?;

    let mut roots = BTreeMap::new();
    let mut files = vec![
        (bundle::IMAGE.to_owned(), dir.join(bundle::IMAGE)),
        (bundle::PLAN.to_owned(), dir.join(bundle::PLAN)),
    ];
    for buffer in &spec.buffers {
        let Some(input) = &buffer.input else { continue };
        let path = base.join(input);
        let bytes = read(&path)?;
        roots.insert(buffer.name.clone(), (bytes.len() as u64, page_root(&bytes)));
        files.push((bundle::input(roots.len() - 1), path));
    }
    let plan = spec.plan(&image, &roots);
    let plan = plan.map_err(|source| ClientError::Spec { path: spec_file.to_owned(), source })?;
    let (image_bytes, plan_bytes) = (image.encode(), plan.encode());
    write_whole(&files[0].1, &image_bytes)?;
    write_whole(&files[1].1, &plan_bytes)?;
    Ok(Prepared {
        image_id: page_root(&image_bytes),
        plan_root: page_root(&plan_bytes),
        spec,
        spec_file: spec_file.to_owned(),
        dir: dir.to_owned(),
        image,
        plan,
        files,
    })
}

impl Prepared {
    /// The specification.
    pub fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The lowered image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Page root of the image.
    pub fn image_id(&self) -> B256 {
        self.image_id
    }

    /// Page root of the plan.
    pub fn plan_root(&self) -> B256 {
        self.plan_root
    }

    /// What the order names on chain.
    pub fn spec_root(&self) -> B256 {
        spec_root(self.image_id, self.plan_root)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn spec_file(&self) -> &Path {
        &self.spec_file
    }

    pub(super) fn files(&self) -> &[(String, PathBuf)] {
        &self.files
    }

    /// Where each output goes, in the plan's order.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        let base = self.spec_file.parent().unwrap_or(Path::new("."));
        let outputs = self.spec.buffers.iter().filter_map(|b| b.output.as_ref());
        outputs.map(|path| base.join(path)).collect()
    }

    /// The order, to be posted with the address of whoever serves the inputs.
    pub fn order(&self, locator: Vec<u8>) -> Market::Order {
        let terms = &self.spec.terms;
        let (input_bytes, output_bytes) = self.plan.io_bytes();
        let arena_mib = self.plan.arena_bytes.div_ceil(1 << 20);
        Market::Order {
            imageId: self.image_id,
            planRoot: self.plan_root,
            class: CLASS_PROVEN,
            replicas: terms.replicas,
            audience: match terms.audience {
                AudienceSpec::Assigned => 1,
                AudienceSpec::Public => 2,
            },
            maxUnits: self.plan.fuel,
            inputBytes: input_bytes,
            outputBytes: output_bytes,
            cap: Market::Price {
                baseFee: terms.base_fee_wei,
                megaUnit: terms.mega_unit_wei,
                inputByte: terms.input_byte_wei,
                outputByte: terms.output_byte_wei,
            },
            needs: Market::Requirements {
                vramMib: terms.vram_mib.unwrap_or(u32::try_from(arena_mib).unwrap_or(u32::MAX)),
                computeCapability: terms.compute_capability,
                unitsPerSecond: terms.units_per_second,
            },
            windows: Market::Windows {
                matchSecs: terms.match_secs,
                ackSecs: terms.ack_secs,
                runSecs: terms.run_secs,
                revealSecs: terms.reveal_secs,
                challengeSecs: terms.challenge_secs,
            },
            locator: locator.into(),
        }
    }

    /// Runs the job here, on the reference interpreter: what it will cost and what it will give.
    ///
    /// # Errors
    /// [`ClientError`] when an input changed or the run gives no result.
    pub fn dry_run(
        &self,
        config_hash: B256,
        watch: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<(DryRun, JobResult), ClientError> {
        let inputs = self.files[2..].iter().map(|(_, path)| read(path)).collect::<Result<_, _>>()?;
        let job = Job::new(config_hash, self.image.clone(), self.plan.clone(), inputs);
        let job = job.map_err(|e| bad(&self.spec_file, &e))?;
        let result = Reference::default().run(&job, watch)?;
        let dry = DryRun {
            status: result.state.status,
            units: result.units(),
            result_root: result.result_root(),
            fault: result.fault.clone(),
        };
        Ok((dry, result))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|source| ClientError::File { path: path.to_owned(), source })
}

fn bad(path: &Path, error: &dyn std::fmt::Display) -> ClientError {
    ClientError::BadFile { path: path.to_owned(), reason: error.to_string() }
}
