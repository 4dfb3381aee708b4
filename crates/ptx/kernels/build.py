#!/usr/bin/env python3
"""Compile the kernels next to this file to PTX.

    pip install --target DIR nvidia-cuda-nvrtc-cu12==12.9.86
    python3 build.py DIR             # NVRTC: *.ptx
    python3 build.py --clang         # clang-19: clang/*.ptx

NVRTC is proprietary and never vendored; the PTX made from our own sources is committed.
"""
import ctypes, glob, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = ["--gpu-architecture=compute_75", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"]


def sources():
    return sorted(glob.glob(os.path.join(HERE, "*.cu")))


def nvrtc(folder):
    lib = os.path.join(folder, "nvidia", "cuda_nvrtc", "lib")
    ctypes.CDLL(glob.glob(os.path.join(lib, "libnvrtc-builtins.so.*"))[0], mode=ctypes.RTLD_GLOBAL)
    rt = ctypes.CDLL(glob.glob(os.path.join(lib, "libnvrtc.so.*"))[0])
    for path in sources():
        name = os.path.basename(path)
        prog = ctypes.c_void_p()
        text = open(path, "rb").read()
        assert rt.nvrtcCreateProgram(ctypes.byref(prog), text, name.encode(), 0, None, None) == 0
        options = (ctypes.c_char_p * len(OPTIONS))(*[o.encode() for o in OPTIONS])
        status = rt.nvrtcCompileProgram(prog, len(OPTIONS), options)
        size = ctypes.c_size_t()
        rt.nvrtcGetProgramLogSize(prog, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        rt.nvrtcGetProgramLog(prog, log)
        if status != 0:
            sys.exit(f"{name}: {log.value.decode()}")
        rt.nvrtcGetPTXSize(prog, ctypes.byref(size))
        out = ctypes.create_string_buffer(size.value)
        rt.nvrtcGetPTX(prog, out)
        with open(path[:-3] + ".ptx", "w") as f:
            f.write(out.value.decode().strip() + "\n")
        print(name, "ok")


def clang():
    os.makedirs(os.path.join(HERE, "clang"), exist_ok=True)
    for path in sources():
        name = os.path.basename(path)
        out = os.path.join(HERE, "clang", name[:-3] + ".ptx")
        subprocess.run(["clang-19", "-x", "cuda", "-fdeclspec", "-Xclang", "-target-feature", "-Xclang", "+ptx70", "--cuda-device-only", "--cuda-gpu-arch=sm_75", "-nocudainc", "-nocudalib",
                        "-O2", "-S", "-ffp-contract=off", "-include", os.path.join(HERE, "clang", "prelude.h"),
                        path, "-o", out], check=True)
        print(name, "ok (clang)")


if __name__ == "__main__":
    if sys.argv[1:] == ["--clang"]:
        clang()
    elif len(sys.argv) == 2:
        nvrtc(sys.argv[1])
    else:
        sys.exit(__doc__)
