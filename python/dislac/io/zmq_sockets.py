# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of ZeroMQ sockets, and the keys that close them to strangers.

**Addresses.** ``PORT``, ``HOST:PORT``, ``tcp://HOST:PORT`` or ``ipc://PATH``. A bare port is one of
this host alone (127.0.0.1). A socket is bound to another interface only where its address is typed
in full, and to all interfaces (``*``, ``0.0.0.0``, ``[::]``, however spelled) only where that is
allowed besides.

**Keys.** CURVE (CurveCP, libzmq's zmq_curve(7)) encrypts and authenticates. Each end has a pair of
files: NAME.key_secret, which never leaves it, and NAME.key, which the other end gets. A server
trusts those whose NAME.key lies beside its own secret one.
"""

import os
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from ..extras import explain_missing
from ..files import read_bounded, write_file

__all__ = [
    "REFUSED",
    "AddressError",
    "CurveKeys",
    "KeyFile",
    "KeyFileError",
    "bind_address",
    "connect_address",
    "load_keys",
    "load_public_key",
    "make_keys",
    "secure_client",
    "secure_server",
]

LOOPBACK = "127.0.0.1"

KeyFile = str | os.PathLike[str]
"""Path of a file of a CURVE key."""

_LARGEST = 1 << 16
"""Bytes that a file of a key may have."""

REFUSED = 0x0800 | 0x2000 | 0x4000
"""Events of a socket whose peer will not talk to it: ZMQ_EVENT_HANDSHAKE_FAILED_*."""

_HOST_AND_PORT = re.compile(
    r"(?:tcp://)?(?:(?P<host>\*|\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[\w.-]+):)?(?P<port>\d{1,5}|\*)"
)
_PART = r"(?:0[xX][^.]*|\d*)"
_LITERAL = re.compile(rf"\[.*\]|{_PART}(?:\.{_PART})*")
"""Hosts that are numbers to resolvers, in whatever spelling."""
_FORMS = "give PORT, HOST:PORT, tcp://HOST:PORT or ipc://PATH"


class AddressError(ValueError):
    """An address that a socket is not to have."""


class KeyFileError(ValueError):
    """A file that does not hold the key that is wanted."""


def bind_address(address: str, *, any_interface: bool = False) -> str:
    """The address, in full, that a socket is bound to.

    Parameters
    ----------
    address
        as in the module's docstring; port 0 or ``*`` is any that is free.
    any_interface
        allow all interfaces of the host at once.

    Raises
    ------
    AddressError
        the address is none, or names all interfaces without leave.
    """
    host, port = _split(address)
    if host is None:
        return address
    if _is_any(host) and not any_interface:
        raise AddressError(
            f"'{address}' would listen on every network of this host; give one of its addresses "
            "instead, or allow it (--bind-any)"
        )
    if host == "localhost":
        host = LOOPBACK
    return f"tcp://{host}:{'*' if port in ('0', '*') else port}"


def connect_address(address: str) -> str:
    """The address, in full, that a socket connects to.

    Raises
    ------
    AddressError
        the address is none, or no single one.
    """
    host, port = _split(address)
    if host is None:
        return address
    if _is_any(host) or port in ("0", "*"):
        raise AddressError(f"'{address}' is no place to connect to; give its host and port")
    return f"tcp://{host}:{port}"


def _split(address: str) -> tuple[str | None, str]:
    """Host and port; host None where the address is a path."""
    if address.startswith("ipc://") and len(address) > len("ipc://"):
        return None, ""
    match = _HOST_AND_PORT.fullmatch(address.strip())
    if match is None:
        raise AddressError(f"'{address}' is no address of a socket; {_FORMS}")
    host, port = match["host"] or LOOPBACK, match["port"]
    if port != "*" and int(port) > 65535:
        raise AddressError(f"'{address}' has port {port}; ports end at 65535")
    if _LITERAL.fullmatch(host):
        try:
            _literal(host)
        except ValueError:
            raise AddressError(f"'{address}': {host} is no IP address; {_FORMS}") from None
    return host, port


def _literal(host: str) -> IPv4Address | IPv6Address:
    return ip_address(host.strip("[]").partition("%")[0])


def _is_any(host: str) -> bool:
    """Return True if a host that `_split` has let through stands for all interfaces."""
    if host == "*" or not _LITERAL.fullmatch(host):
        return host == "*"
    address = _literal(host)
    return (getattr(address, "ipv4_mapped", None) or address).is_unspecified


@dataclass(frozen=True)
class CurveKeys:
    """A pair of keys, each 40 characters of Z85."""

    public: bytes
    secret: bytes = field(repr=False)


def make_keys(directory: str | os.PathLike[str], name: str = "dislac") -> tuple[Path, Path]:
    """Makes a pair of keys and writes NAME.key and NAME.key_secret, the latter for its owner alone.

    Parameters
    ----------
    directory
        where to; it is made.
    name
        of letters, digits, dots, dashes and underscores.

    Returns
    -------
    tuple[Path, Path]
        paths of the public and the secret file.

    Raises
    ------
    KeyFileError
        the name is no file's, or there are keys of this name already.
    ImportError
        pyzmq is not installed.
    """
    zmq = _zmq()
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise KeyFileError(f"'{name}' names no keys; give letters, digits, dots, dashes")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    public, secret = folder / f"{name}.key", folder / f"{name}.key_secret"
    for path in (public, secret):
        if path.exists():
            raise KeyFileError(f"{path} exists; remove it, or give the new keys another name")
    # pyzmq knows the format, but a full disk would leave half of it: here, of what is removed.
    with TemporaryDirectory(dir=folder, prefix=".") as own:
        made = [Path(path).read_bytes() for path in zmq.auth.create_certificates(own, name)]
    # The secret is never anybody else's to read.
    write_file(secret, made[1], mode=0o600)
    try:
        write_file(public, made[0], mode=0o644)
    except OSError:
        secret.unlink()
        raise
    return public, secret


def load_keys(path: KeyFile) -> CurveKeys:
    """The pair in a file NAME.key_secret.

    Raises
    ------
    KeyFileError
        there are no keys in it, or others may read it.
    OSError
        it cannot be read.
    ImportError
        pyzmq is not installed.
    """
    public, secret = _read(path)
    if secret is None:
        raise KeyFileError(f"{path} holds a public key alone; give the file NAME.key_secret")
    if Path(path).stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others; chmod 600 it")
    return CurveKeys(public, secret)


def load_public_key(path: KeyFile) -> bytes:
    """The public key in a file NAME.key.

    Raises
    ------
    KeyFileError
        there is none in it, or a secret one besides.
    OSError
        it cannot be read.
    ImportError
        pyzmq is not installed.
    """
    public, secret = _read(path)
    if secret is not None:
        raise KeyFileError(
            f"{path} holds a secret key, which is its owner's alone; give the file NAME.key"
        )
    return public


def secure_server(socket: Any, secret: KeyFile) -> Any:
    """Lets in only those whose public keys lie beside a secret one; before the socket is bound.

    Parameters
    ----------
    socket
        a pyzmq socket.
    secret
        the server's file NAME.key_secret.

    Returns
    -------
    Any
        what checks the keys, in a thread of its own until its `stop` is called.

    Raises
    ------
    KeyFileError
        a file holds no such key.
    OSError
        a file cannot be read.
    ImportError
        pyzmq is not installed.
    """
    zmq = _zmq()
    from zmq.auth.thread import ThreadAuthenticator

    keys, folder = load_keys(secret), Path(secret).resolve().parent
    for path in folder.glob("*.key"):
        load_public_key(path)
    guard = ThreadAuthenticator(socket.context)
    guard.start()
    guard.configure_curve(domain="*", location=str(folder))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    return guard


def secure_client(socket: Any, secret: KeyFile | None, server: KeyFile | None) -> None:
    """Makes a socket talk to one server alone; before it connects.

    Parameters
    ----------
    socket
        a pyzmq socket.
    secret
        the client's file NAME.key_secret.
    server
        the server's file NAME.key. None, as the client's: to any server.

    Raises
    ------
    ValueError
        one of the two files is None.
    KeyFileError
        a file holds no such key.
    OSError
        a file cannot be read.
    ImportError
        pyzmq is not installed.
    """
    if secret is None and server is None:
        return
    if secret is None or server is None:
        raise ValueError(
            f"{secret or server}: a CURVE connection needs both: keys of this end, and the server's"
        )
    zmq, keys = _zmq(), load_keys(secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    socket.setsockopt(zmq.CURVE_SERVERKEY, load_public_key(server))


def _read(path: KeyFile) -> tuple[bytes, bytes | None]:
    auth = _zmq().auth
    read_bounded(path, _LARGEST)  # pyzmq would read a device without end, and wait for a pipe
    try:
        public, secret = auth.load_certificate(path)
    except (ValueError, LookupError):
        raise KeyFileError(f"{path} holds no key; `dislac keys` makes them") from None
    for key in filter(None, (public, secret)):
        if len(key) != 40:
            raise KeyFileError(f"{path} holds a key of {len(key)} characters; they have 40")
    return public, secret


def _zmq() -> ModuleType:
    try:
        import zmq
        import zmq.auth
    except ImportError as error:
        raise ImportError(explain_missing("zmq"), name="zmq") from error
    return zmq
