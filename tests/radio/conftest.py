# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback radios, compiled, where UHD and SoapySDR find them."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIBRARIES = {"uhd": ("uhd/device.hpp", "-luhd"), "soapy": ("SoapySDR/Device.hpp", "-lSoapySDR")}


@pytest.fixture(scope="session", autouse=True)
def loopback_radios():
    """Compiles both device modules, once for the same sources, and names them to the drivers."""
    missing = [h for h, _ in LIBRARIES.values() if not (Path("/usr/include") / h).exists()]
    if missing or shutil.which("g++") is None:
        pytest.skip(f"no g++, or no {missing}: apt-get install g++ libuhd-dev libsoapysdr-dev")
    sources = sorted((HERE / "loopback").iterdir())
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:16]
    built = ROOT / "build" / "loopback" / digest
    built.mkdir(parents=True, exist_ok=True)
    with open(built / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        compilers = []
        for library, (_, link) in LIBRARIES.items():
            target = built / library / "libloopback.so"
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                source = HERE / "loopback" / f"{library}_loopback.cpp"
                command = [
                    "g++",
                    "-std=c++17",
                    "-shared",
                    "-fPIC",
                    "-o",
                    f"{target}.new",
                    source,
                    link,
                ]
                compilers.append((subprocess.Popen(command), target))
        for compiler, target in compilers:
            assert compiler.wait() == 0, target
            os.rename(f"{target}.new", target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHD_MODULE_PATH", str(built / "uhd" / "libloopback.so"))
        patch.setenv("SOAPY_SDR_PLUGIN_PATH", str(built / "soapy"))
        patch.setenv("UHD_LOG_CONSOLE_LEVEL", "off")
        yield
