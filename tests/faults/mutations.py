"""Ways to damage bytes: blindly, or inside a container whose checksums are then made right."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

_EDGES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_EDGES_32 = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0xFFFF)
_NUMBERS = (
    b"0", b"-1", b"1", b"3", b"7", b"64", b"65537", b"2147483648", b"1e9", b"4294967296",
    b"9223372036854775808", b"99999999999999999999999", b"NaN", b"''", b"[]", b"None",
)  # fmt: skip


def _place(random: Random, data: bytes) -> int:
    """Choose a place, in half of the cases near the start, where headers are."""
    return random.randrange(min(len(data), 256) if random.random() < 0.5 else len(data))


def flip(random: Random, data: bytes) -> bytes:
    """Flip one bit."""
    at = _place(random, data)
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def edge(random: Random, data: bytes) -> bytes:
    """Set a byte, or four of them, to a value at the edge of what they hold."""
    at = _place(random, data)
    if random.random() < 0.5:
        return data[:at] + bytes([random.choice(_EDGES)]) + data[at + 1 :]
    order = random.choice("<>")
    return data[:at] + struct.pack(order + "I", random.choice(_EDGES_32)) + data[at + 4 :]


def cut(random: Random, data: bytes) -> bytes:
    """Leave out the end."""
    return data[: random.randrange(len(data))]


def extend(random: Random, data: bytes) -> bytes:
    """Add what does not belong there."""
    return data + random.choice((data, random.randbytes(random.randrange(1, 64)), b"\0" * 128))


def remove(random: Random, data: bytes) -> bytes:
    """Leave out a piece."""
    at = _place(random, data)
    return data[:at] + data[at + random.randrange(1, 32) :]


def repeat(random: Random, data: bytes) -> bytes:
    """Write a piece twice."""
    at = _place(random, data)
    return data[: at + random.randrange(1, 64)] + data[at:]


def scramble(random: Random, data: bytes) -> bytes:
    """Put noise over a piece."""
    at = _place(random, data)
    noise = random.randbytes(random.randrange(1, 16))
    return data[:at] + noise + data[at + len(noise) :]


def renumber(random: Random, data: bytes) -> bytes:
    """Replace a number that is written in digits."""
    found = list(re.finditer(rb"[0-9]+", data[:4096]))
    if not found:
        return flip(random, data)
    number = random.choice(found)
    return data[: number.start()] + random.choice(_NUMBERS) + data[number.end() :]


def rezip(random: Random, data: bytes) -> bytes:
    """Damage one member of a zip archive, whose checksum then fits again."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        members = {info.filename: old.read(info) for info in old.infolist()}
        name = random.choice(list(members))
        members[name] = blindly(random, members[name])
        for member, content in members.items():
            new.writestr(member, content, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return made.getvalue()


def rechunk(random: Random, data: bytes) -> bytes:
    """Damage one chunk of a PNG, whose checksum then fits again; pixels before compression."""
    chunks, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    chosen = random.randrange(len(chunks))
    kind, body = chunks[chosen]
    if kind == b"IDAT" and random.random() < 0.5:
        body = zlib.compress(blindly(random, zlib.decompress(body)))
    else:
        body = blindly(random, body)
    chunks[chosen] = (kind, body)
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


_BLIND: tuple[Callable[[Random, bytes], bytes], ...] = (
    flip, flip, edge, edge, cut, extend, remove, repeat, scramble, renumber, renumber,
)  # fmt: skip


def blindly(random: Random, data: bytes) -> bytes:
    """Damage bytes once, or a few times."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if data:
            data = random.choice(_BLIND)(random, data)
    return data


def mutate(random: Random, data: bytes) -> bytes:
    """Damage a valid file; one in ten stays whole."""
    if random.random() < 0.1:
        return data
    if random.random() < 0.5:
        if data.startswith(b"PK"):
            return rezip(random, data)
        if data.startswith(b"\x89PNG"):
            return rechunk(random, data)
    return blindly(random, data)
