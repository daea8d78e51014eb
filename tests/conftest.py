# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share: which of them run where, and how hypothesis searches."""

import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# before anything imports numpy, matplotlib or Qt
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / "build" / "hypothesis")
)

# Calibrated thresholds: a run of the tests finds those that it has made itself.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / "build" / "cache")

import numpy as np
import pytest
from hypothesis import settings

# A shell has what runs in the background ignore it, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The processes that tests start find the package compiled, whatever the environment says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The folders whose tests run flowgraphs or install the module. All others are the library's and
# pass without GNU Radio.
NEED_GNURADIO = ("blocks", "flowgraphs", "install", "radio")


# Without GNU Radio: what needs it, and statistics, which are the same on any numpy.
LEFT_OUT = ("gnuradio", "monte_carlo")


def gnuradio_is_here() -> bool:
    return find_spec("gnuradio") is not None and find_spec("gnuradio.gr") is not None


collect_ignore = [] if gnuradio_is_here() else list(NEED_GNURADIO)

# The same examples in every run, and none fails for a slow machine.
settings.register_profile("dislac", derandomize=True, deadline=None, database=None)
settings.load_profile("dislac")


@pytest.fixture(scope="module")
def module_roughly_calibrated() -> Iterator[None]:
    """Few noise frames for thresholds, where echoes are far above them: they need not be exact."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
        yield


@pytest.fixture
def roughly_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for one test."""
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)


def pytest_report_header() -> str:
    if gnuradio_is_here():
        return f"numpy {np.__version__}, beside GNU Radio"
    return (
        f"numpy {np.__version__}, no GNU Radio: left out are the tests that need it, and statistics"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The folders mark their tests; any other that needs GNU Radio carries the mark itself."""
    for item in items:
        if item.path.relative_to(config.rootpath / "tests").parts[0] in NEED_GNURADIO:
            item.add_marker("gnuradio")
    if not gnuradio_is_here():
        left_out = [item for item in items if any(map(item.get_closest_marker, LEFT_OUT))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
