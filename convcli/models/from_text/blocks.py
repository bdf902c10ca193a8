"""Blocks of layers with parameters, as a text defines and uses them."""

import re
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.text.notation import parse_number
from convcli.models.from_text.kinds import EVERY_KEY, find_kind

_WORD = re.compile(r"[A-Za-z_]\w*")
_BRACES = re.compile(r"\{([^{}]*)\}")
_TERM = re.compile(r"\s*(//|[+*/-]?)\s*(\w+)\s*")
_FORM = "write such as: block residual c s=1"


class Line(NamedTuple):
    text: str
    where: str


class Block(NamedTuple):
    """A block of layers that is used by its name."""

    name: str
    params: dict[str, str | None]  # and their defaults
    lines: list[Line]


def read_block(words: list[str], line: Line, blocks: dict[str, Block]) -> Block:
    if not words:
        raise UsageError(f"{line.where}: a block needs a name; {_FORM}")
    name, *params = words
    if not _WORD.fullmatch(name) or name in ("block", "input", "in") or find_kind(name):
        raise UsageError(f"{line.where}: {name!r} cannot be the name of a block; {_FORM}")
    if name in blocks:
        raise UsageError(f"{line.where}: there is a block {name} already; use another name")
    found: dict[str, str | None] = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not _WORD.fullmatch(key) or key in EVERY_KEY or key in found or (equals and not value):
            raise UsageError(f"{line.where}: {param!r} is not a parameter of a block; {_FORM}")
        found[key] = value or None
    return Block(name, found, [])


def arguments(block: Block, words: list[str], where: str) -> dict[str, str]:
    """Return the values of a block's parameters, by name or in their order, and of other keys."""
    keys = (*block.params, *EVERY_KEY)
    values: dict[str, str] = {}
    in_order = iter(block.params)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            key, value = next(in_order, ""), word
        if key not in keys or key in values or not value:
            usage = " ".join([block.name, *(f"{key}=..." for key in block.params)])
            raise UsageError(
                f"{where}: {word!r} is not a value of block {block.name}; write {usage}"
            )
        values[key] = value
    for key, default in block.params.items():
        if key not in values:
            if default is None:
                raise UsageError(
                    f"{where}: block {block.name} needs {key}; add {key}=64 or another"
                )
            values[key] = fill(Line(default, where), values)
    return values


def fill(line: Line, values: dict[str, str]) -> str:
    """Put values in the place of ``{c}``, ``{4*c}`` or ``{c/2 + 1}``."""
    if "{" not in line.text:
        return line.text
    return _BRACES.sub(lambda found: _compute(found[1], values, line.where), line.text)


def _compute(text: str, values: dict[str, str], where: str) -> str:
    """Compute a sum of products of whole numbers and parameters."""
    terms = _TERM.findall(text)
    whole = "".join("".join(term) for term in terms) == "".join(text.split())
    # `{c 2}` is neither a sum nor a product, and `{*c}` has nothing to multiply.
    signs = [sign for sign, _ in terms]
    if not whole or not terms or signs[0] not in ("", "+", "-") or "" in signs[1:]:
        raise UsageError(f"{where}: {{{text}}} is not a value; write such as {{c}} or {{4*c}}")
    words = []
    for sign, word in terms:
        if not word.isdigit() and word not in values:
            raise UsageError(
                f"{where}: {word!r} is not a parameter of the block; "
                f"it has {', '.join(key for key in values if key not in EVERY_KEY) or 'none'}"
            )
        words.append((sign, values.get(word, word)))
    if len(words) == 1 and not words[0][0]:
        return str(words[0][1])
    total, product = 0, 0
    for sign, word in words:
        number = parse_number(f"{where}: {{{text}}}", word)
        if sign == "*":
            product *= number
        elif sign in ("/", "//"):
            if not number or (sign == "/" and product % number):
                raise UsageError(f"{where}: {{{text}}} is not a whole number: {product}/{number}")
            product //= number
        else:
            total, product = total + product, -number if sign == "-" else number
    return str(total + product)
