#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets up what a target of the Makefile needs, and says what it installs before it does. Nothing is done twice.
#
#   setup.sh run     system packages, and .venv with the command and its extras
#   setup.sh test    the same with what the tests, the linters and an installation need
#   setup.sh numpy2  .venv-numpy2: the library alone, on numpy 2, where there is no GNU Radio
#   setup.sh docs    .venv-docs: Sphinx, which reads the package with its blocks
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

apt_install() { # FILE...: lists of packages, '#' starts a comment
    local wanted missing=() package as_root=()
    mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@")
    if ! command -v dpkg-query >/dev/null; then
        say "This is no Debian or Ubuntu; these packages, or what they are called here, have to be there: ${wanted[*]}"
        return
    fi
    for package in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing with apt-get, with what they need (minutes, the first time): ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "neither root nor sudo; have them installed: apt-get install --no-install-recommends ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null
}

make_venv() { # DIRECTORY [OPTION...]: made again when it belongs to another interpreter
    local directory=$1 python
    shift
    python=$(scripts/gnuradio-python)
    if [ "$("$directory/bin/python" -c "$identity" 2>/dev/null)" != "$("$python" -c "$identity")" ]; then
        say "Making $directory with $python, GNU Radio's interpreter"
        "$python" -m venv --clear "$@" "$directory"
    fi
}
identity='import os, sys; print(os.path.realpath(sys.executable), sys.version)'

pip_install() { # DIRECTORY ARGUMENT...
    local directory=$1
    shift
    say "Installing into $directory with pip: $*"
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$directory/bin/python" -m pip install -q --progress-bar off --no-input "$@"
}

# pip must not bring another numpy or scipy beside the ones that GNU Radio was built with
pin_to_gnuradio() {
    "$(scripts/gnuradio-python)" -I -c \
        'import numpy, scipy; print(f"numpy=={numpy.__version__}\nscipy=={scipy.__version__}")' >"$1"
}

# What pyproject.toml asks for, one requirement a line.
requirements() { # EXTRA...
    "$(scripts/gnuradio-python)" -c 'import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = (project["optional-dependencies"][extra] for extra in sys.argv[1:])
print(*project["dependencies"], *(line for extra in extras for line in extra), sep="\n")' "$@"
}

# The checkout is put on the path, not installed: its sources count as they are, and before any installed copy.
add_checkout() { # DIRECTORY
    echo "$PWD/python/tree" >"$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gr-dislac.pth"
    sed "1s|.*|#!$PWD/$1/bin/python|" apps/dislac >"$1/bin/dislac"
    chmod +x "$1/bin/dislac"
}

set_up_venv() { # DIRECTORY EXTRA...
    local directory=$1 wanted
    shift
    make_venv "$directory" --system-site-packages
    pin_to_gnuradio "$directory/constraints.txt"
    mapfile -t wanted < <(requirements "$@")
    pip_install "$directory" -c "$directory/constraints.txt" "${wanted[@]}"
    add_checkout "$directory"
    "$directory/bin/python" -c 'from gnuradio import gr; from gnuradio import dislac' ||
        die "GNU Radio does not import in $directory; $directory/bin/dislac doctor says more"
}

set_up_numpy2() {
    local wanted
    make_venv .venv-numpy2
    mapfile -t wanted < <(requirements sigmf orbits zmq cluster test)
    pip_install .venv-numpy2 "numpy>=2" "${wanted[@]}"
    add_checkout .venv-numpy2
}

case ${1-} in
    run)
        apt_install scripts/packages-run.txt
        set_up_venv .venv sigmf orbits zmq fast cluster
        ;;
    test)
        apt_install scripts/packages-run.txt scripts/packages-build.txt
        set_up_venv .venv sigmf orbits zmq fast cluster test dev
        ;;
    numpy2)
        set_up_numpy2
        ;;
    docs)
        apt_install scripts/packages-run.txt
        set_up_venv .venv-docs sigmf orbits zmq fast docs
        ;;
    *) die "usage: $0 run | test | numpy2 | docs" ;;
esac
