# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile messages to each socket of each command, over loopback.

    python -m tests.fuzz.messages [--seed S] [--count N] [--target NAME]

Each command runs in a child of this process and its peer in another. The peer sends one message
after the other; then the command gets a Ctrl-C. A command may end earlier, in one line, where what
comes is of another scenario: the rest of the messages then goes to a new one.
"""

import argparse
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zmq

from .harness import LONGEST, Outcome, run

__all__ = ["TARGETS", "Fault", "attack", "messages", "send_parts_without_end"]

SETTINGS = ["--set=beams.chains=2", "--set=estimator.kind=mmv-bomp"]
CHAINS = 2
LASTS = 4.0
"""Longest time in which a peer gets rid of its messages, from the first on [s]."""
_STARTS = 60
"""Longest time until a command listens [s]."""

Message = list[bytes]


# What is sent


def _tagged(tags: Sequence[tuple[int, bytes, bytes]], offset: int = 0, items: int = 100) -> bytes:
    """A message of samples, with any bytes as keys and values of its tags."""
    header = struct.pack("=HBQQ", 0x5FF0, 1, offset, len(tags))
    body = b"".join(struct.pack("=Q", at) + key + value + b"\x01" for at, key, value in tags)
    return header + body + bytes(8 * CHAINS * items)


def _symbol(name: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(name)) + name.encode()


def _uint(value: int) -> bytes:
    return b"\x0b" + struct.pack(">Q", value)


def _double(value: float) -> bytes:
    return b"\x04" + struct.pack(">d", value)


def _time(seconds: bytes, fraction: bytes) -> bytes:
    return b"\x0c\x00\x00\x00\x02" + seconds + fraction


def _sample_messages(rng: np.random.Generator) -> list[Message]:
    """Answers to those who ask for samples."""
    x, rx_time, frame = _symbol("x"), _symbol("rx_time"), _symbol("dislac:frame")
    values = [
        b"\x07" * 60_000,
        b"\x09\x06" * 30_000,
        *(bytes([kind]) + b"\xff" * 4 + b"\x06" * 90 for kind in (8, 12)),
        *(bytes([10, kind]) + b"\xff" * 4 + b"\x01\x00" + b"\x06" * 90 for kind in range(12)),
        b"\x02\xff\xff" + b"a" * 65_535,
        b"\x02\x00\x02\xff\xfe",
        b"\x0c\x00\x00\xff\xff" + b"\x06" * 65_535,
        b"",
    ]
    times = [
        _time(b"\x03\xff\xff\xff\xff", _double(0.5)),
        *(_time(_uint(0), _double(value)) for value in (-1.0, np.inf, -np.inf, np.nan, 1e300)),
        *(_time(_uint(value), _double(0.0)) for value in (2**63, 2**64 - 1, 10**9, 10**11)),
        b"\x00",
    ]
    frames = [
        *(_uint(value) for value in (2**63, 2**53 + 1, 2**64 - 1)),
        *(b"\x07" + _uint(0) + _uint(value) for value in (2**63, 10**12, 2**64 - 1)),
        _symbol("\x1b]0;owned\x07\u202e"),
    ]
    one = struct.pack("=Q", 0)
    made = [
        *(_tagged([(0, x, value)]) for value in values),
        *(_tagged([(0, rx_time, value)]) for value in times),
        *(_tagged([(0, frame, value)]) for value in frames),
        *(_tagged([(0, _symbol(f"dislac:{key}"), b"\x00")]) for key in ("chains", "busy")),
        _tagged([(0, x, b"\x06")] * 200_000),
        _tagged([(at, frame, _uint(at)) for at in range(100)] * 40),
        _tagged([(0, _symbol(f"name {k}"), b"\x06") for k in range(4000)]),
        _tagged([(0, _symbol("dislac:busy"), _symbol("\x1b[2J"))], items=0),
        struct.pack("=HBQQ", 0x5FF0, 1, 0, 2**64 - 1) + one * 100,
        *(_tagged([], offset) for offset in (2**63, 2**62, 10**15, 5, 10**9)),
        *(_tagged([(at, x, b"\x06")], 1000) for at in (0, 2**63, 999, 10**6)),
        _tagged([], items=0),
        np.full(CHAINS * 3000, 3e38, np.complex64).tobytes(),
        b"",
        bytes(80),
        _tagged([])[:-3],
    ]
    plain = _tagged([(0, rx_time, _time(_uint(1), _double(0.5))), (7, frame, _uint(3))], 0, 10)
    parts = [[bytes(100)] * 200, [plain, plain], [b"x" * (1 << 20)] * 5]
    return [*([message] for message in made), *parts, *([m] for m in _damaged(rng, plain, 200))]


def _radio_messages(rng: np.random.Generator) -> list[Message]:
    """Answers of a radio: any floats, in any number."""
    floats = [
        np.frombuffer(rng.bytes(8 * int(rng.integers(0, 1000))), np.complex64).tobytes()
        for _ in range(80)
    ]
    odd = [np.full(1000, value, np.complex64).tobytes() for value in (3e38, np.nan, np.inf)]
    return [
        *([samples] for samples in (*floats, *odd, bytes(60_000_000), b"")),
        *([[bytes(8)] * 200, [b"x" * 7], [bytes(80_000_000)]]),
        *_sample_messages(rng)[:20],
    ]


def _damaged(rng: np.random.Generator, good: bytes, count: int) -> list[bytes]:
    """Messages with a few other bytes, cut off, or of chance alone."""
    made = []
    for number in range(count):
        data = bytearray(good)
        for place in rng.integers(0, len(good), 1 + number % 5):
            data[place] = rng.integers(0, 256)
        made.append(bytes(data[: rng.integers(1, len(data))] if number % 3 == 0 else data))
        if number % 10 == 0:
            made.append(rng.bytes(int(rng.integers(1, 300))))
    return made


def _fix_messages(rng: np.random.Generator) -> list[Message]:
    """What a publisher sends to those who listen."""
    fix = (
        b'{"frame": 1, "time": 0.1, "position": [1, 2, 3], "covariance": null, "residual_delay": '
        b'null, "residual_doppler": null, "direction": null, "status": "ok", "error": null, '
        b'"bound": null}'
    )
    contents = [
        *(b"", b"nothing", b"[]", b"null", b"1", b"NaN", b"[" * 60_000, b'{"a":' * 10_000),
        *(b"\xff\xfe", b"\x1b]0;owned\x07", b"9" * 10_000, b"{}", b'{"frame": 1}'),
        *(
            fix.replace(b'"frame": 1', b'"frame": ' + value)
            for value in (b"1.5", b"1e999", b"true", b'"1"', b"9" * 4000, b"null", b"[1]")
        ),
        *(
            fix.replace(b"[1, 2, 3]", value)
            for value in (
                b"5",
                b"[1, 2]",
                b"[1e300, 0, 0]",
                b'["\\u001b[2J", 0, 0]',
                b"{}",
                b"[[]]",
            )
        ),
        fix.replace(b'"ok"', b'"\\u001b[31mok"'),
        fix.replace(b"{", b'{"note": "\xc2\x9b2J\xe2\x80\xae",\x0b'),
    ]
    states = [
        *(b'{"state": ' + value + b"}" for value in (b"5", b"[]", b'{"a": 1}', b"true", b"null")),
        b'{"state": "\\u001b[2J\\u202e", "reason": "\\u0007\\u009b"}',
        b'{"state": "' + b"x" * 50_000 + b'"}',
        *(b'{"fixes": ' + value + b"}" for value in (b"-1", b'"1"', b"1e400", b"9" * 4000)),
        *(b"nothing", b"[]", b"[" * 60_000),
    ]
    made = [
        *([b"dislac.fix " + content] for content in contents),
        *([b"dislac.status " + state] for state in states),
        *([b"dislac.fix "] * 5, [b"dislac.status {}", b"{}"]),
        *([topic + b" {}"] for topic in (b"dislac.fix", b"dislac.fix \x1b[2J", b"dislac.status")),
        [b"dislac.fix " + b" " * 70_000],
        [b"dislac.fix " + fix],
    ]
    return [*made, *([b"dislac.fix " + m] for m in _damaged(rng, fix, 100))]


def _requests(rng: np.random.Generator) -> list[Message]:
    """What is asked of those who hand out samples."""
    ask = struct.pack("=I", 1000)
    return [
        *(
            [b"", request]
            for request in (b"", b"\xff", b"\xff" * 4, bytes(4), bytes(8), b"x" * 1000)
        ),
        *([ask], [b"x", ask], [b"", b"", ask], [b""], [b"", b""]),
        *([b"x" * 1000] * 199 + [b"", ask] for _ in range(10)),
        *([[b"", b"x" * 2000], [b"", bytes(30_000_000)]]),
        *([b"", rng.bytes(int(rng.integers(1, 50)))] for _ in range(100)),
    ]


def _subscriptions(rng: np.random.Generator) -> list[Message]:
    """What is sent to a publisher, as it is on the wire."""
    return [
        [b"\x01dislac.fix "],
        [b"\x01" + bytes(30_000_000)],
        [b"\x01" + b"x" * 1000],
        [b"\x01", b"\x01", b"\x00"],
        *([b"\x01" + struct.pack("=I", k)] for k in range(100)),
        *([b"\x00" + struct.pack("=I", k)] for k in range(10)),
        *([rng.bytes(int(rng.integers(1, 50)))] for _ in range(50)),
    ]


# Who sends it


def _free_address() -> str:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{trial.getsockname()[1]}"


Sent = Callable[[], None]


def _serve(address: str, todo: Sequence[Message], sent: Sent) -> None:
    """Answers requests with one message after the other."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(address)
    for message in todo:
        asked = router.recv_multipart()
        router.send_multipart([*asked[:-1], *message])
        sent()
    router.poll(500)


def _publish(address: str, todo: Sequence[Message], sent: Sent) -> None:
    publisher = zmq.Context().socket(zmq.XPUB)
    publisher.bind(address)
    for _ in range(2):
        publisher.recv()
    for message in todo:
        publisher.send_multipart(message)
        sent()
    time.sleep(0.5)


def _ask(address: str, todo: Sequence[Message], sent: Sent) -> None:
    """Sends each message by a socket of its own, after one without end."""
    send_parts_without_end(address)
    context = zmq.Context()
    for message in todo:
        sender = context.socket(zmq.DEALER)
        sender.connect(address)
        sender.send_multipart(message)
        sent()
    time.sleep(0.5)


def _subscribe(address: str, todo: Sequence[Message], sent: Sent) -> None:
    """Sends all messages by one connection, and each by one of its own."""
    send_parts_without_end(address, "SUB")
    with _connect(address, "SUB") as one:
        for message in todo:
            with _connect(address, "SUB") as other, suppress(OSError):
                other.sendall(_framed(message))
                one.sendall(_framed(message))
            sent()
    time.sleep(0.5)


def _connect(address: str, socket_type: str) -> socket.socket:
    """A connection that has shaken hands as a ZeroMQ socket would (ZMTP 3.0)."""
    host, _, port = address.removeprefix("tcp://").partition(":")
    until = time.monotonic() + _STARTS
    while True:
        try:
            plain = socket.create_connection((host, int(port)))
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    plain.settimeout(LASTS)
    plain.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32))
    kind = socket_type.encode()
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    plain.sendall(b"\x04" + bytes([len(ready)]) + ready)
    return plain


def _framed(message: Message) -> bytes:
    """Parts as they are on the wire."""
    last = len(message) - 1
    return b"".join(
        bytes([2 + (number < last)]) + struct.pack(">Q", len(part)) + part
        for number, part in enumerate(message)
    )


def send_parts_without_end(address: str, socket_type: str = "DEALER", megabytes: int = 100) -> bool:
    """Sends parts of a message that never ends; whether that was cut off."""
    with _connect(address, socket_type) as plain:
        try:
            for _ in range(megabytes * 10):
                plain.sendall((b"\x01\xc8" + bytes(200)) * 500)
        except OSError:
            return True
    return False


@dataclass(frozen=True)
class Target:
    """A command with a socket: its arguments, what is sent to it and by whom."""

    arguments: Callable[[str, Path], list[str]]
    messages: Callable[[np.random.Generator], list[Message]]
    peer: Callable[[str, Sequence[Message], Sent], None]


TARGETS = {
    "station": Target(
        lambda address, _: ["station", "lab", *SETTINGS, "--from", address],
        _sample_messages,
        _serve,
    ),
    "channel": Target(
        lambda address, folder: [
            *("channel", "lab", *SETTINGS, "--from", address, "--at", f"ipc://{folder}/channel")
        ],
        _sample_messages,
        _serve,
    ),
    "relay": Target(
        lambda address, folder: [
            *("relay", "paper", "--rate", "1.92e6", "--gnb-tx", address),
            *("--gnb-rx", f"ipc://{folder}/g", "--ue-tx", f"ipc://{folder}/t"),
            *("--ue-rx", f"ipc://{folder}/u"),
        ],
        _radio_messages,
        _serve,
    ),
    "monitor": Target(lambda address, _: ["monitor", address], _fix_messages, _publish),
    "satellite": Target(
        lambda address, _: ["satellite", "lab", *SETTINGS, "--at", address],
        _requests,
        _ask,
    ),
    "channel's output": Target(
        lambda address, folder: [
            *("channel", "lab", *SETTINGS, "--from", f"ipc://{folder}/s", "--at", address)
        ],
        _requests,
        _ask,
    ),
    "relay's output": Target(
        lambda address, folder: [
            *("relay", "paper", "--rate", "1.92e6", "--gnb-tx", f"ipc://{folder}/t"),
            *("--gnb-rx", address, "--ue-tx", f"ipc://{folder}/v", "--ue-rx", f"ipc://{folder}/u"),
        ],
        _requests,
        _ask,
    ),
    "publisher": Target(
        lambda address, _: ["run", "lab", *SETTINGS, "--frames", "0", "--publish", address],
        _subscriptions,
        _subscribe,
    ),
}


def messages(target: str, seed: int, count: int) -> list[Message]:
    """The first `count` messages to a target, the same for the same seed."""
    return TARGETS[target].messages(np.random.default_rng(seed))[:count]


@dataclass(frozen=True)
class Fault:
    """A word for what went wrong, the numbers of the messages sent, and what was said."""

    word: str
    first: int
    last: int
    output: str


def attack(target: str, todo: Sequence[Message], folder: Path) -> list[Fault]:
    """Sends all messages to a command, to a new one after each end; what went wrong."""
    faults, done = [], 0
    while done < len(todo):
        outcome, sent = _run_once(TARGETS[target], todo[done:], folder)
        word = outcome.fault or _obeyed(outcome.output)
        if not word and not sent:
            word = "nothing could be sent"
        if word:
            faults.append(Fault(word, done, done + sent, outcome.output[-1000:]))
        done += max(sent, 1)
    return faults


def _obeyed(output: str) -> str | None:
    """A word for what a terminal would obey, but for the colours of statuses."""
    for colour in "\x1b[32m", "\x1b[33m", "\x1b[0m":
        output = output.replace(colour, "")
    strange = {c for c in output if not c.isprintable()} - {"\n"}
    return f"prints {sorted(strange)}" if strange else None


def _run_once(target: Target, todo: Sequence[Message], folder: Path) -> tuple[Outcome, int]:
    """One run of the command, and how many messages were sent to it.

    The seconds of its outcome are those from the Ctrl-C to its end.
    """
    from gnuradio.dislac.cli import main

    address = _free_address()
    progress, written = os.pipe()
    peer = os.fork()
    if peer == 0:
        try:
            _be_peer(target, address, todo, written)
        finally:
            os._exit(0)
    os.close(written)
    read_end, write_end = os.pipe()

    def call() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        process = os.getpid()

        def interrupt() -> None:
            while not _is_over(peer):
                time.sleep(0.02)
            os.write(write_end, struct.pack("=d", time.monotonic()))
            os.kill(process, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        os.chdir(folder)
        main(target.arguments(address, folder), prog_name="dislac")

    outcome = run(call, longest=_STARTS + LASTS + LONGEST)
    now = time.monotonic()
    os.kill(peer, signal.SIGKILL)
    os.waitpid(peer, 0)
    sent = len(os.read(progress, 1 << 16))
    os.close(write_end)
    interrupted = os.read(read_end, 8)
    for descriptor in (progress, read_end):
        os.close(descriptor)
    seconds = now - struct.unpack("=d", interrupted)[0] if interrupted else 0.0
    return replace(outcome, seconds=seconds), sent


def _be_peer(target: Target, address: str, todo: Sequence[Message], progress: int) -> None:
    """Sends messages for a while from the first on; it may take some time until that can go."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_STARTS)
    first = True

    def sent() -> None:
        nonlocal first
        if first:
            signal.setitimer(signal.ITIMER_REAL, LASTS)
        first = False
        os.write(progress, b".")

    target.peer(address, todo, sent)


def _is_over(process: int) -> bool:
    """Whether a process has ended, and only waits for its parent to see that."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100, help="messages to each socket")
    parser.add_argument("--first", type=int, default=0, help="leave out those before")
    parser.add_argument("--target", choices=list(TARGETS))
    options = parser.parse_args()
    total, found = 0, 0
    for target in [options.target] if options.target else TARGETS:
        todo = messages(target, options.seed, options.count)[options.first :]
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            faults = attack(target, todo, Path(folder))
        total += len(todo)
        found += len(faults)
        print(f"{target}: {len(todo)} messages, {time.monotonic() - begin:.0f} s", flush=True)
        for fault in faults:
            first, last = (options.first + number for number in (fault.first, fault.last))
            print(
                f"{target}: {fault.word}: python -m tests.fuzz.messages --seed {options.seed} "
                f"--target '{target}' --first {first} --count {last}\n{fault.output}"
            )
    print(f"{total} messages, {found} faults")
    return int(found > 0)


if __name__ == "__main__":
    import gnuradio.dislac.blocks.zmq_flowgraphs  # noqa: F401  once, before the forks

    sys.exit(main())
