# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributed integrated sensing, localization and communication with LEO satellites.

``from gnuradio import dislac`` imports nothing else: a room of the library (``dislac.arrays``,
``dislac.estimation``, ...) or a block (``dislac.leo_channel``, ...) is imported when it is first
asked for (PEP 562). Only blocks need GNU Radio.
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

__version__ = "0.1.0"


def _modules(*path: str) -> list[str]:
    """Names of the public modules and packages in the folders ``path``."""
    return [module.name for module in iter_modules(path) if not module.name.startswith("_")]


def _block_names() -> list[str]:
    """The public modules of ``blocks/``, each with one block, a class of the module's name."""
    return _modules(f"{__path__[0]}/blocks")


def _block(name: str) -> object:
    if find_spec("gnuradio.gr") is None:
        raise ImportError(
            f"dislac.{name} is a GNU Radio block, and this interpreter has no GNU Radio; "
            "`dislac doctor` says what to do. The other rooms of dislac work without it.",
            name="gnuradio.gr",
        )
    module = import_module(f"{__name__}.blocks.{name}")
    return getattr(module, name, module)  # a module without a block, such as pmt_keys, is itself


def __getattr__(name: str) -> object:
    if name in _modules(__path__[0]):
        return import_module(f"{__name__}.{name}")
    if name in _block_names():
        value = globals()[name] = _block(name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_modules(__path__[0]), *_block_names()})
