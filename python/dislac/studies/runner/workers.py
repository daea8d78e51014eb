# SPDX-License-Identifier: GPL-3.0-or-later
"""Those that run trials: processes of this machine, a Dask cluster, or this very process."""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple

__all__ = ["Workers", "cluster", "processes", "this_process"]

CONNECT_WITHIN = 10.0
"""Time in which a scheduler has to answer [s]."""

THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of workers: other numbers of threads sum in another order, and round otherwise."""


class Workers(NamedTuple):
    """An executor, and the number of batches that it can work on at a time."""

    executor: Executor
    capacity: Callable[[], int]


@contextmanager
def processes(count: int, preload: Sequence[str]) -> Iterator[Workers]:
    """Processes of this machine, which end with this one, however that ends.

    Parameters
    ----------
    count
        Of processes.
    preload
        Modules that are imported once for all of them.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(THREADS)
    context = get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _follow, (reader,))
    try:
        yield Workers(pool, lambda: count)
        pool.shutdown()
    finally:
        writer.close()
        pool.shutdown(cancel_futures=True)
        reader.close()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow(parent: Connection) -> None:
    """End this process, whatever it is at, as soon as the other end of a pipe is closed."""

    def watch() -> None:
        wait([parent])
        os._exit(1)

    # Ctrl-C is the parent's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=watch, daemon=True).start()


@contextmanager
def cluster(address: str, modules: Sequence[Path]) -> Iterator[Workers]:
    """Workers of a Dask cluster, which may come and go.

    Parameters
    ----------
    address
        Of its scheduler, such as ``tcp://localhost:8786``.
    modules
        Files that the workers are given to import.

    Raises
    ------
    ImportError
        Dask is not installed.
    OSError
        No scheduler answers.
    """
    from distributed import Client

    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # all that fails is raised, too
    try:
        client = Client(address, timeout=CONNECT_WITHIN, set_as_default=False)
    except Exception as error:
        reason = f" ({str(error).splitlines()[0]})" if isinstance(error, ValueError) else ""
        raise OSError(
            f"no Dask scheduler answers at {address} within {CONNECT_WITHIN:g} s{reason}: "
            "start one with `dask scheduler`, and workers with `dask worker`"
        ) from None
    with client:
        for module in modules:
            client.upload_file(os.fspath(module))
        known = [-1.0, 0.0]

        def capacity() -> int:
            if monotonic() - known[0] > 1.0:
                known[:] = monotonic(), len(client.nthreads())
            return int(known[1])

        executor = client.get_executor(pure=False)
        try:
            yield Workers(executor, capacity)
        finally:
            executor.shutdown(wait=False)


class _ThisProcess(Executor):
    """An executor that has done what is submitted when it returns."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def this_process() -> Iterator[Workers]:
    """No others: trials run here, where a debugger sees them."""
    yield Workers(_ThisProcess(), lambda: 0)
