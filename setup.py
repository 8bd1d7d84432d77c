"""What the build does beyond pyproject.toml: the generated protobuf code and the optional C extension."""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
EXTENSIONS = [
    # Optional: without a compiler the tree code falls back to NumPy, with the same results.
    Extension(
        "joygrpc.content._blake3tree",
        sources=["joygrpc/content/_blake3tree.c"],
        depends=["joygrpc/content/_blake3lanes.h"],
        extra_compile_args=["-O3", "-std=c11"],
        optional=True,
    ),
]


def generate_protobuf_code() -> None:
    """Make `joygrpc/pb` from the contracts if it is absent or older than they are.

    It happens before the packages are looked up, so that the generated ones are among them.
    """
    made = ROOT / "joygrpc" / "pb" / "joystream" / "__init__.py"
    sources = [*(ROOT / "protos").rglob("*.proto"), ROOT / "scripts" / "generate_protos"]
    if made.exists() and made.stat().st_mtime >= max(path.stat().st_mtime for path in sources):
        return
    status = runpy.run_path(str(ROOT / "scripts" / "generate_protos"))["main"]()
    if status:
        raise SystemExit(status)


generate_protobuf_code()
setup(ext_modules=EXTENSIONS)
