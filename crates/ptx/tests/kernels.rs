//! The committed kernels, as NVRTC and clang compile them.

use assay_ptx::{Image, print};

const NVRTC: [(&str, &str); 5] = [
    ("saxpy", include_str!("../kernels/saxpy.ptx")),
    ("sgemm_tiled", include_str!("../kernels/sgemm_tiled.ptx")),
    ("warp_reduce", include_str!("../kernels/warp_reduce.ptx")),
    ("dp4a_matmul", include_str!("../kernels/dp4a_matmul.ptx")),
    ("hash", include_str!("../kernels/hash.ptx")),
];
const CLANG: [(&str, &str); 5] = [
    ("saxpy", include_str!("../kernels/clang/saxpy.ptx")),
    ("sgemm_tiled", include_str!("../kernels/clang/sgemm_tiled.ptx")),
    ("warp_reduce", include_str!("../kernels/clang/warp_reduce.ptx")),
    ("dp4a_matmul", include_str!("../kernels/clang/dp4a_matmul.ptx")),
    ("hash", include_str!("../kernels/clang/hash.ptx")),
];

#[test]
fn compiled_kernels_survive_print_and_encode() {
    for (name, text) in NVRTC.into_iter().chain(CLANG) {
        let image = Image::from_ptx(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let printed = print(&image);
        let again = Image::from_ptx(&printed).unwrap_or_else(|e| panic!("{name}: {e}\n{printed}"));
        assert_eq!(again, image, "{name}\n{printed}");
        assert_eq!(Image::decode(&image.encode()).as_ref(), Ok(&image), "{name}");
        assert_eq!(image.kernels()[0].name(), name);
    }
}
