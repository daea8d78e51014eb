# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check on what it may find; the probes on programs made for the test."""

import sys
from pathlib import Path

import pytest
from gnuradio.dislac import doctor
from gnuradio.dislac.doctor import Answer

PYTHON = Path("/usr/bin/python3")

NUMPY_2_BESIDE_GNURADIO = """\
A module that was compiled using NumPy 1.x cannot be run in
NumPy 2.1.0 as it may crash.
ImportError: numpy.core.multiarray failed to import
ImportError: initialization failed
"""

UHD_FOUND = """\
--------------------------------------------------
-- UHD Device 0
--------------------------------------------------
Device Address:
    serial: 30AB123
    product: B210
    type: b200
--------------------------------------------------
-- UHD Device 1
--------------------------------------------------
Device Address:
    serial: 30AB124
    product: B210
    type: b200
"""

SOAPY_FOUND = """\
Found device 0
  device_id = 0
  driver = audio
Found device 1
  driver = lime
  label = LimeSDR-USB
"""


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def maps(*paths: str) -> str:
    return "".join(f"7f00-7f01 r-xp 00000000 08:01 17     {path}\n" for path in paths)


# --- the checks


def test_interpreter_is_gnuradios_when_both_are_the_same_file(tmp_path):
    python = script(tmp_path, "python3.11", "")
    link = tmp_path / "python"
    link.symlink_to(python)
    assert doctor.check_interpreter(link, python).status == "ok"


def test_another_interpreter_is_a_fault_that_names_the_right_one(tmp_path):
    running = script(tmp_path, "python", "")
    check = doctor.check_interpreter(running, PYTHON)
    assert check.status == "fault"
    assert f"{PYTHON} -m venv --system-site-packages" in check.remedy


def test_without_companion_the_interpreter_is_no_fault():
    assert doctor.check_interpreter(PYTHON, None).status == "note"


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("3.10.5.1", "ok"),
        ("3.10.12.0", "ok"),
        ("v3.10.9.2-0-gabc", "ok"),
        ("3.10.4.0", "fault"),
        ("3.9.8.0", "fault"),
        ("3.11.0.0", "fault"),
    ],
)
def test_gnuradio_version(version, status):
    answer = Answer(f'a warning\n{{"version": "{version}", "block_paths": []}}\n')
    check = doctor.check_gnuradio(answer)
    assert (check.status, check.found) == (status, version)


def test_gnuradio_missing_and_gnuradio_beside_a_wrong_numpy_have_their_own_remedies():
    missing = doctor.check_gnuradio(Answer("", "Traceback\nImportError: no name 'gr'"))
    assert missing.status == "fault"
    assert "ImportError: no name 'gr'" in missing.found
    assert "gnuradio" in missing.remedy
    wrong_numpy = doctor.check_gnuradio(Answer("", NUMPY_2_BESIDE_GNURADIO))
    assert wrong_numpy.status == "fault"
    assert "pip uninstall numpy" in wrong_numpy.remedy


@pytest.mark.parametrize(
    ("version", "status"),
    [("1.24.2", "ok"), ("2.3.0", "ok"), ("1.23.5", "fault"), ("3.0.0", "fault"), (None, "fault")],
)
def test_numpy_version(version, status):
    assert doctor.check_array_library("numpy", version, "1.24", "3").status == status


@pytest.mark.parametrize(
    ("paths", "status"),
    [
        (["/usr/lib/blas/libblas.so.3.11.0", "/usr/lib/lapack/liblapack.so.3.11.0"], "fault"),
        (
            ["/usr/lib/openblas-pthread/libblas.so.3", "/usr/lib/libopenblasp-r0.3.21.so"],
            "ok",
        ),
        (["/site-packages/numpy.libs/libscipy_openblas64_-32a4b2a6.so"], "ok"),
        # a wheel's OpenBLAS for scipy does not help numpy on the system's reference BLAS
        (["/usr/lib/blas/libblas.so.3", "/site/scipy.libs/libscipy_openblas-6c.so"], "fault"),
        (["/usr/lib/libc.so.6"], "note"),
    ],
)
def test_blas(paths, status):
    check = doctor.check_blas(maps(*paths))
    assert check.status == status
    assert ("libopenblas0-pthread" in check.remedy) == (status == "fault")


def test_blocks_are_counted_per_folder_of_the_search_paths(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    for name in ("dislac_a.block.yml", "dislac_b.block.yml", "other_c.block.yml"):
        (here / name).touch()
    found = doctor.blocks_found([f"{there}:{here}", "", f"{here}:{tmp_path / 'nowhere'}"])
    assert found == {here: 2}


def test_block_path(tmp_path):
    assert doctor.check_block_path({tmp_path: 3}, None).status == "ok"
    twice = doctor.check_block_path({tmp_path: 3, tmp_path / "old": 2}, None)
    assert twice.status == "note"
    assert "first" in twice.remedy
    source = doctor.check_block_path({}, tmp_path)
    assert source.status == "note"
    assert f"GRC_BLOCKS_PATH={tmp_path}" in source.remedy
    assert doctor.check_block_path({}, None).status == "fault"


def test_a_missing_library_is_a_fault_only_if_the_core_needs_it():
    def status(version, needed):
        return doctor.check_distribution("name", version, "", "", needed=needed).status

    assert (status("8.1.3", True), status(None, True), status(None, False)) == (
        "ok",
        "fault",
        "note",
    )


@pytest.mark.parametrize(
    ("installed", "remedy"),
    [
        ("checkout", "`make setup` installs it into .venv"),
        ("pip", "python -m pip install 'gr-dislac[zmq]'"),
        ("prefix", "install pyzmq for this interpreter, with apt-get or pip"),
    ],
)
def test_a_missing_extra_is_installed_as_gr_dislac_was(monkeypatch, installed, remedy):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    checks = {check.name: check for check in doctor.check_libraries(installed)}
    assert checks["pyzmq"].status == "note" and checks["pyzmq"].remedy == remedy
    assert {name for name, check in checks.items() if check.status == "fault"} == {*doctor.CORE}


def test_the_library_alone_installed_by_pip_is_no_fault():
    for of_gnuradio in (PYTHON, None):
        here = doctor.check_interpreter(Path("/venv/bin/python"), of_gnuradio, "pip")
        assert here.status == "ok" and "installed by pip" in here.found
    missing = Answer("", "Traceback\nModuleNotFoundError: No module named 'gnuradio.gr'")
    assert doctor.check_gnuradio(missing, "pip").status == "note"
    assert doctor.check_gnuradio(missing, "checkout").status == "fault"
    assert doctor.check_gnuradio(Answer("", NUMPY_2_BESIDE_GNURADIO), "pip").status == "fault"
    assert doctor.check_block_path({}, None, "pip").status == "note"
    numpy = doctor.check_array_library("numpy", None, "1.24", "3", "pip")
    assert numpy.remedy == "python -m pip install 'numpy>=1.24,<3'"


def test_pip_is_reported_from_a_checkout_and_from_cmake(monkeypatch):
    assert doctor.installation() == "checkout"
    monkeypatch.setattr(doctor, "_grc_of_checkout", lambda: None)
    monkeypatch.setattr(doctor, "_version", lambda name: "0.1.0")
    assert doctor.installation() == "pip"
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert doctor.installation() == "prefix"


def test_radios_found_are_named():
    check = doctor.check_uhd(Answer(UHD_FOUND))
    assert (check.status, check.found) == ("ok", "2 found: B210, b200")
    check = doctor.check_soapy(Answer(SOAPY_FOUND))
    assert (check.status, check.found) == ("ok", "1 found: lime")


def test_missing_blocks_for_radios_are_no_fault():
    assert doctor.check_radio_blocks(Answer("")).status == "ok"
    check = doctor.check_radio_blocks(Answer("", "ImportError: cannot import name 'uhd'"))
    assert check.status == "note" and "cannot import name 'uhd'" in check.found


@pytest.mark.parametrize(
    ("check", "none_found"),
    [(doctor.check_uhd, "No UHD Devices Found"), (doctor.check_soapy, "No devices found!")],
)
def test_no_radio_is_no_fault(check, none_found):
    assert check(Answer(none_found, "exit status 1")).found == "none found"
    assert check(None).status == "note"
    hung = check(Answer("", "no answer within 20 s"))
    assert hung.status == "note"
    assert "no answer" in hung.found


def test_display():
    assert doctor.check_display(Answer("xcb\n"), {}).found == "xcb"
    complaint = Answer("", "qt.qpa.xcb: could not connect to display")
    assert doctor.check_display(complaint, {}).status == "note"
    assert doctor.check_display(complaint, {"DISPLAY": ":7"}).status == "fault"


# --- the probes


def test_asking_returns_output_or_the_reason():
    assert doctor.ask([sys.executable, "-c", "print(42)"]) == Answer("42\n")
    failed = doctor.ask([sys.executable, "-c", "import sys; sys.exit('first\\nlast')"])
    assert failed.reason == "last"
    crashed = doctor.ask([sys.executable, "-c", "import os; os.abort()"])
    assert crashed.complaint
    missing = doctor.ask(["/nowhere/program"])
    assert "/nowhere/program" in missing.reason


def test_a_program_that_hangs_is_ended():
    answer = doctor.ask(
        [sys.executable, "-c", "input_never_comes = __import__('signal').pause()"], 0.2
    )
    assert "no answer within 0.2 s" in answer.complaint


@pytest.mark.parametrize(
    ("shebang", "interpreter"), [("#!{python}", "{python}"), ("#!/usr/bin/env python3", "python3")]
)
def test_gnuradios_interpreter_is_that_of_its_programs(tmp_path, monkeypatch, shebang, interpreter):
    beside = script(tmp_path, "python3", "")
    script(tmp_path, "gnuradio-companion", shebang.format(python=sys.executable) + "\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = beside if interpreter == "python3" else Path(sys.executable)
    assert doctor.gnuradio_interpreter() == wanted


def test_gnuradios_interpreter_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gnuradio_interpreter() is None


def test_all_checks_run_here_with_radios_attached(tmp_path, monkeypatch):
    script(tmp_path, "uhd_find_devices", f"#!/bin/sh\ncat <<'E'\n{UHD_FOUND}E\n")
    script(tmp_path, "SoapySDRUtil", f"#!/bin/sh\ncat <<'E'\n{SOAPY_FOUND}E\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    checks = {check.name: check for check in doctor.run_checks()}
    assert checks["numpy"].status == checks["scipy"].status == "ok"
    assert checks["radios (UHD)"].found == "2 found: B210, b200"
    assert checks["radios (SoapySDR)"].found == "1 found: lime"
    assert all(check.remedy for check in checks.values() if check.status == "fault")


# --- the report


def test_report_has_each_check_and_each_remedy():
    checks = [doctor.Check("numpy", "ok", "1.24.2"), doctor.Check("BLAS", "fault", "slow", "mend")]
    lines = doctor.format_checks(checks).splitlines()
    assert lines[0].split() == ["ok", "numpy", "1.24.2"]
    assert lines[1].split() == ["fault", "BLAS", "slow"]
    assert lines[2].strip() == "-> mend"
    assert doctor.has_fault(checks)
    assert not doctor.has_fault(checks[:1])
