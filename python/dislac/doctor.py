# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what gr-dislac stands on, and says what to do about each fault.

Whatever may crash or hang (GNU Radio beside a wrong numpy, Qt without a display, a radio's driver)
is asked in a process of its own with a time limit, so that the answer comes in any case.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from .extras import EXTRAS

Status = Literal["ok", "note", "fault"]

Installation = Literal["checkout", "pip", "prefix"]
"""Kinds of installation: its sources themselves, a wheel, or CMake."""

OLDEST_GNURADIO = (3, 10, 5)

# distribution: what it is for
CORE = {
    "PyYAML": "scenario files",
    "jsonschema": "scenario files",
    "click": "the command line",
    "rich": "the command line",
    "matplotlib": "pictures",
    "pymap3d": "fixes on the globe",
}
DISPLAYS = {"PyQt5": "live displays", "pyqtgraph": "live displays"}

# Asked of GNU Radio in its own process; one JSON object on the last line of output.
_GNURADIO_PROBE = """
import json, gnuradio.gr as gr
preferences = gr.prefs()
keys = "local_blocks_path", "global_blocks_path"
paths = [preferences.get_string("grc", key, "") for key in keys]
print(json.dumps({"version": gr.version(), "block_paths": paths}))
"""

_QT_PROBE = """
from PyQt5.QtWidgets import QApplication
application = QApplication([])
print(application.platformName())
"""


@dataclass(frozen=True)
class Check:
    """One thing looked at. A ``note`` is optional or good to know; ``remedy`` says what to do."""

    name: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Answer:
    """Answer of a process: its output, and its complaint if it failed."""

    output: str
    complaint: str = ""

    @property
    def reason(self) -> str:
        """The complaint's last line, where Python and most programs say what was wrong."""
        return self.complaint.splitlines()[-1] if self.complaint else ""


def ask(command: Sequence[str], timeout: float = 30.0) -> Answer:
    """Runs ``command`` for at most ``timeout`` seconds. That it fails or hangs is an answer too."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer("", f"no answer within {timeout:g} s")
    except OSError as error:
        return Answer("", str(error))
    if done.returncode == 0:
        return Answer(done.stdout)
    return Answer(done.stdout, done.stderr.strip() or f"exit status {done.returncode}")


def gnuradio_interpreter() -> Path | None:
    """The interpreter that GNU Radio's own programs start with; None where there are none."""
    companion = shutil.which("gnuradio-companion")
    if companion is None:
        return None
    with open(companion, "rb") as file:
        first = file.readline(200).decode(errors="replace")
    match = re.match(r"#!\s*(\S+)", first)
    if match is None:
        return None
    interpreter = Path(match[1])
    if interpreter.name == "env":  # it brings its interpreter along, as conda does
        interpreter = Path(companion).with_name("python3")
    return interpreter if interpreter.exists() else None


def installation() -> Installation:
    """Return how the package that this file belongs to came here."""
    if _grc_of_checkout() is not None:
        return "checkout"
    return "prefix" if _version("gr-dislac") is None else "pip"


def check_interpreter(
    running: Path, of_gnuradio: Path | None, installed: Installation = "checkout"
) -> Check:
    """Is ``running`` (or what its virtual environment was made with) GNU Radio's interpreter?"""
    name = "interpreter"
    if of_gnuradio is not None and running.resolve() == of_gnuradio.resolve():
        return Check(name, "ok", f"{running}, GNU Radio's")
    if installed == "pip":
        return Check(name, "ok", f"{running}, with the library alone, installed by pip")
    if of_gnuradio is None:
        return Check(name, "note", f"{running}; gnuradio-companion is not on PATH to compare with")
    return Check(
        name,
        "fault",
        f"{running}, but GNU Radio's is {of_gnuradio}",
        f"`make setup` in the checkout makes .venv with the right one; by hand: "
        f"{of_gnuradio} -m venv --system-site-packages .venv",
    )


def check_gnuradio(answer: Answer, installed: Installation = "checkout") -> Check:
    """Does GNU Radio import (with this numpy), and is it one of the versions supported?"""
    name = "GNU Radio"
    if answer.complaint:
        if re.search(r"_ARRAY_API|multiarray|compiled using NumPy", answer.complaint):
            return Check(
                name,
                "fault",
                "does not import: it was built for another numpy than the one found here",
                "remove numpy and scipy installed by pip (`python -m pip uninstall numpy scipy`), "
                "or make .venv again (`rm -rf .venv && make setup`)",
            )
        if installed == "pip" and "No module named 'gnuradio.gr'" in answer.reason:
            return Check(
                name,
                "note",
                "not here: the library and its studies need none",
                "for blocks, flowgraphs and the commands that run them, take a checkout "
                "(`make setup`) or CMake instead",
            )
        return Check(
            name,
            "fault",
            f"does not import: {answer.reason}",
            "`make setup`, or: apt-get install --no-install-recommends gnuradio "
            "(the library and its studies work without; flowgraphs and `dislac run` do not)",
        )
    version = str(json.loads(answer.output.splitlines()[-1])["version"])
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])
    if numbers[:2] != OLDEST_GNURADIO[:2] or numbers < OLDEST_GNURADIO:
        wanted = ".".join(map(str, OLDEST_GNURADIO))
        return Check(
            name,
            "fault",
            version,
            f"needs {wanted} or a later 3.10: Debian 12, Ubuntu 24.04 and later have it",
        )
    return Check(name, "ok", version)


def check_distribution(
    name: str, version: str | None, purpose: str, remedy: str, *, needed: bool
) -> Check:
    """Is a Python library installed? One that the core needs is a fault when it is not."""
    if version is not None:
        return Check(name, "ok", version)
    return Check(name, "fault" if needed else "note", f"not installed ({purpose})", remedy)


def check_libraries(installed: Installation) -> list[Check]:
    """Are the Python libraries there that the core, its extras and the live displays need?"""
    remedies = {
        "checkout": "`make setup` installs it into .venv",
        "pip": "python -m pip install '{pip}'",
        "prefix": "install {name} for this interpreter, with apt-get or pip",
    }

    def check(name: str, wanted: str, purpose: str, needed: bool) -> Check:
        remedy = remedies[installed].format(name=name, pip=wanted)
        return check_distribution(name, _version(name), purpose, remedy, needed=needed)

    core = (check(name, name, purpose, True) for name, purpose in CORE.items())
    extras = (
        check(name, f"gr-dislac[{extra}]", purpose, False)
        for name, extra, purpose in EXTRAS.values()
    )
    return [*core, *extras]


def check_array_library(
    name: str,
    version: str | None,
    oldest: str,
    below: str,
    installed: Installation = "checkout",
) -> Check:
    """Is numpy or scipy there, and of a version that is supported?"""
    remedy = (
        f"python -m pip install '{name}>={oldest},<{below}'"
        if installed == "pip"
        else f"install {name}>={oldest},<{below}: `make setup`, or apt-get install python3-{name}"
    )
    if version is None:
        return Check(name, "fault", "not installed", remedy)
    if _numbers(oldest) <= _numbers(version) < _numbers(below):
        return Check(name, "ok", version)
    return Check(name, "fault", version, remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:2])


def check_blas(maps: str) -> Check:
    """Name of the BLAS that is loaded, by the file names in ``maps``, a process's memory map."""
    name = "BLAS"
    paths = sorted(set(re.findall(r"/\S*lib\S*\.so\S*", maps)))
    fast = [path for path in paths if re.search(r"openblas|blis|mkl_rt|atlas", path)]
    reference = [path for path in paths if re.search(r"/libblas\.so", path) and path not in fast]
    if reference:
        return Check(
            name,
            "fault",
            f"the reference BLAS, many times slower than others ({reference[0]})",
            "apt-get install libopenblas0-pthread",
        )
    if fast:
        return Check(name, "ok", ", ".join(fast))
    return Check(name, "note", "not known from the files that are loaded")


def blocks_found(paths: Iterable[str]) -> dict[Path, int]:
    """Number of dislac blocks in each folder of the search paths ``paths``, where there are any."""
    folders = dict.fromkeys(
        Path(entry).expanduser() for path in paths for entry in path.split(os.pathsep) if entry
    )
    counts = {folder: len(list(folder.glob("**/dislac_*.block.yml"))) for folder in folders}
    return {folder: count for folder, count in counts.items() if count}


def check_block_path(
    found: Mapping[Path, int], beside: Path | None, installed: Installation = "checkout"
) -> Check:
    """Does Companion find the blocks?

    ``found`` is what `blocks_found` gives, ``beside`` the checkout's grc/ or None.
    """
    name = "block path"
    if found:
        where = "; ".join(f"{count} blocks in {folder}" for folder, count in found.items())
        if len(found) > 1:
            return Check(
                name, "note", where, "the first folder wins: remove the installed copy if it is old"
            )
        return Check(name, "ok", where)
    if beside is not None:
        return Check(
            name,
            "note",
            "a Companion started by hand does not find the blocks",
            f"`make grc` starts one that does; for all: export GRC_BLOCKS_PATH={beside}",
        )
    if installed == "pip":
        return Check(
            name,
            "note",
            "pip installs no blocks for Companion",
            "to have them in Companion, take a checkout (`make grc`) or CMake",
        )
    return Check(
        name,
        "fault",
        "Companion does not find the blocks",
        "export GRC_BLOCKS_PATH=PREFIX/share/gnuradio/grc/blocks, PREFIX that of `cmake --install`",
    )


def check_radio_blocks(answer: Answer) -> Check:
    """Has GNU Radio its blocks for radios? Without, all but radios works."""
    name = "radio blocks"
    if not answer.complaint:
        return Check(name, "ok", "gr-uhd and gr-soapy")
    return Check(
        name,
        "note",
        f"not all of them: {answer.reason}",
        "only for radios: install gr-uhd and gr-soapy (Debian's gnuradio has both)",
    )


def check_uhd(answer: Answer | None) -> Check:
    """Radios that UHD finds; ``answer`` of ``uhd_find_devices``, None if not installed."""
    name = "radios (UHD)"
    if answer is None:
        return Check(
            name, "note", "not looked for", "only for such radios: apt-get install uhd-host"
        )
    kinds = re.findall(r"^\s*(?:product|type):\s*(\S+)", answer.output, re.MULTILINE)
    devices = len(re.findall(r"^-- UHD Device \d+", answer.output, re.MULTILINE))
    if devices:
        return Check(name, "ok", f"{devices} found: {', '.join(dict.fromkeys(kinds))}")
    if answer.complaint and "No UHD Devices Found" not in answer.output + answer.complaint:
        return Check(name, "note", f"looking failed: {answer.reason}", "run uhd_find_devices")
    return Check(name, "note", "none found")


def check_soapy(answer: Answer | None) -> Check:
    """Radios that SoapySDR finds; ``answer`` of ``SoapySDRUtil --find``, None if not installed."""
    name = "radios (SoapySDR)"
    if answer is None:
        return Check(
            name, "note", "not looked for", "only for such radios: apt-get install soapysdr-tools"
        )
    drivers = re.findall(r"^\s*driver\s*=\s*(\S+)", answer.output, re.MULTILINE)
    drivers = [driver for driver in drivers if driver != "audio"]  # sound cards count as devices
    if drivers:
        return Check(name, "ok", f"{len(drivers)} found: {', '.join(dict.fromkeys(drivers))}")
    if answer.complaint and "No devices found" not in answer.output + answer.complaint:
        return Check(name, "note", f"looking failed: {answer.reason}", "run SoapySDRUtil --find")
    return Check(name, "note", "none found")


def check_display(answer: Answer, environment: Mapping[str, str]) -> Check:
    """Can Qt open windows? Without any display that is no fault: headless flowgraphs need none."""
    name = "Qt display"
    if not answer.complaint:
        return Check(name, "ok", answer.output.strip())
    if not any(environment.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return Check(
            name,
            "note",
            "no display",
            "live windows need one (ssh -X); headless flowgraphs and `dislac run` do not",
        )
    return Check(
        name,
        "fault",
        f"Qt does not start: {answer.reason}",
        "apt-get install python3-pyqt5; is DISPLAY, WAYLAND_DISPLAY or QT_QPA_PLATFORM right?",
    )


def run_checks() -> list[Check]:
    """All checks, in the order in which faults are best mended. Takes a few seconds."""
    installed = installation()
    gnuradio = ask([sys.executable, "-c", _GNURADIO_PROBE])
    of_gnuradio = check_gnuradio(gnuradio, installed)
    checks = [
        check_interpreter(Path(sys.executable), gnuradio_interpreter(), installed),
        check_array_library("numpy", _version("numpy"), "1.24", "3", installed),
        check_array_library("scipy", _version("scipy"), "1.10", "2", installed),
        of_gnuradio,
        check_blas(_loaded_files()),
        *check_libraries(installed),
    ]
    if of_gnuradio.status == "note":  # all that follows is for blocks
        return checks
    display = ask([sys.executable, "-c", _QT_PROBE])
    return [
        *checks,
        check_block_path(blocks_found(_block_paths(gnuradio)), _grc_of_checkout(), installed),
        *(
            check_distribution(
                name,
                _version(name),
                purpose,
                f"apt-get install python3-{name.lower()}",
                needed=False,
            )
            for name, purpose in DISPLAYS.items()
        ),
        check_radio_blocks(ask([sys.executable, "-c", "from gnuradio import soapy, uhd"])),
        check_uhd(_ask_tool("uhd_find_devices")),
        check_soapy(_ask_tool("SoapySDRUtil", "--find")),
        check_display(display, os.environ),
    ]


def has_fault(checks: Iterable[Check]) -> bool:
    return any(check.status == "fault" for check in checks)


def format_checks(checks: Sequence[Check]) -> str:
    """One line a check, and under it what to do."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{check.status:<5}  {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"{'':<5}  {'':<{width}}  -> {check.remedy}")
    return "\n".join(lines)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _loaded_files() -> str:
    """Files that this process has mapped once numpy and scipy have used their BLAS, or ""."""
    try:
        import numpy as np
        import scipy.linalg

        scipy.linalg.solve(np.eye(2) @ np.eye(2), np.ones(2))
        return Path("/proc/self/maps").read_text()
    except (ImportError, OSError):
        return ""


def _block_paths(gnuradio: Answer) -> list[str]:
    """The search paths of Companion: the environment's, then the preferences'."""
    of_preferences = (
        [] if gnuradio.complaint else json.loads(gnuradio.output.splitlines()[-1])["block_paths"]
    )
    return [os.environ.get("GRC_BLOCKS_PATH", ""), *of_preferences]


def _grc_of_checkout() -> Path | None:
    """grc/ of the checkout that this file is run from, if it is."""
    folder = Path(__file__).resolve().parents[2] / "grc"
    return folder if folder.is_dir() else None


def _ask_tool(program: str, *arguments: str) -> Answer | None:
    path = shutil.which(program)
    return None if path is None else ask([path, *arguments], timeout=20.0)
