//! A loaded module: device text, or any other PTX of the profile, lowered.

use assay_ptx::{Image, Refusal};

#[derive(Debug)]
pub(crate) struct Module {
    image: Image,
}

impl Module {
    pub(crate) fn load(text: &str) -> Result<Self, Refusal> {
        // Device text has reserved parameters, which are parameters like others here.
        let image = match assay_ptx::Module::from_device_ptx(text) {
            Ok(module) => module.image().clone(),
            Err(_) => Image::from_ptx(text)?,
        };
        Ok(Self { image })
    }

    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Offset and size of each parameter of a kernel, if there is such a kernel.
    pub(crate) fn params(&self, kernel: &str) -> Option<Vec<(usize, usize)>> {
        let (_, kernel) = self.image.kernel(kernel)?;
        Some(kernel.params().iter().map(|p| (p.offset as usize, p.bytes as usize)).collect())
    }
}
