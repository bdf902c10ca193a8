"""Random command lines and layer files: valid, nearly valid, absurd."""

import os
from collections.abc import Callable, Iterable
from random import Random

from convcli.models.from_text.builtin import builtin_lines, builtin_names
from convcli.models.from_text.kinds import KINDS
from tests.faults.mutations import blindly
from tests.faults.program import npy
from tests.faults.trial import Trial

_HUGE = ("2147483648", "9223372036854775807", "9223372036854775808", "999999999999999999",
         "1000000000000000000", "9" * 30, "9" * 5000)  # fmt: skip
_ODD = (
    "", " ", "0", "-1", "-0", "+3", "007", "1e3", "1.5", "nan", "inf", "0x10", "1_000", "３", "٣",
    "x", "3x", "x3", "3x3x", "3xx3", ",", "3,,3", "..", "3..", "..3", "9..1", "1..9..0", "1:2:3",
    "-", "--", "--help", "=", "[", "[]", "[[]]", "{}", "null", "'", '"', "\\", "%s", "{0}", "~",
    "a\nb", "\t", "\r", "\x1b[31m", "\x1b]52;c;aGk=\x07", "\x7f", "\x9b31m", "\u202e", "\u2028",
    "\ufeff", "é", "日本", "🙂", "\udcff", "[red]", "x" * 3000, "1x" * 70 + "1", "same", "valid",
    "full", "same-lower", "::", "a::b", "../..", ".", "/dev/null", "/dev/zero", "/dev/full",
    "/proc/self/mem", "nosuch.npy", "nosuch.pt", "nosuch.png", "nosuch/",
)  # fmt: skip


Value = Callable[[Random], str]


def _among(*values: str) -> Value:
    return lambda random: random.choice(values)


def _sizes(*numbers: str) -> Value:
    """Sizes of some numbers in the text notation, now and then a sweep, or a size for each axis."""

    def value(random: Random) -> str:
        draw = random.random()
        first, second = sorted(random.choices(numbers, k=2), key=int)
        if draw < 0.8:
            return first
        return f"{first}x{second}" if draw < 0.9 else f"{first}{random.choice((',', '..'))}{second}"

    return value


def _layer(random: Random) -> str:
    """A valid line of a layer file."""
    kind = random.choice(("conv", "conv", "convt", "maxpool", "avgpool"))
    keys = {"s": _among("1", "2", "3", "2x1"), "p": _among("0", "1", "same", "1:0"),
            "name": _among("stem", "é", "日本"), "repeat": _among("1", "2")}  # fmt: skip
    if "pool" in kind:
        keys["ceil"] = _among("0", "1", "yes")
    else:
        keys |= {"d": _among("1", "2"), "c": _among("4", "8"), "bias": _among("0", "1")}
    words = [f"{key}={keys[key](random)}" for key in random.sample(list(keys), random.randrange(4))]
    return " ".join([kind, f"f={random.choice('2345')}", *words])


_N, _F = _sizes("16", "17", "31", "64", "224"), _sizes("1", "2", "3", "4", "5", "7")
_WINDOW = {"-s": _sizes("1", "1", "2", "3"), "-d": _sizes("1", "1", "2", "3"),
           "-p": _among("0", "1", "2", "0:1", "2x1", "0..2", "same", "same-lower", "valid", "full"),
           "--dims": _among("1", "2", "2", "3")}  # fmt: skip
_FORMAT = {"--format": _among("table", "plain", "json", "csv")}
# For each use of `shape`: what it needs, and what may stand beside it.
_SHAPE: list[tuple[dict[str, Value], dict[str, Value]]] = [
    (
        {"-n": _N, "-f": _F},
        {
            **_WINDOW,
            **_FORMAT,
            "-c": _among("3:64", "8", "4:4"),
            "-g": _among("1"),
            "--no-bias": _among(""),
        },
    ),
    (
        {"-n": _N, "-f": _F, "--pool": _among("", "max", "avg")},
        {**_WINDOW, **_FORMAT, "--ceil": _among("")},
    ),
    (
        {"-n": _N, "-f": _F, "--transposed": _among("")},
        {**_WINDOW, **_FORMAT, "--output-padding": _among("0", "1")},
    ),
    (
        {"-n": _N, "-f": _F, "--explain": _among("")},
        {**_WINDOW, "--format": _among("table", "json")},
    ),
    ({"-n": _N, "-l": _layer}, {"-l": _layer, "-c": _among("3", "4"), **_FORMAT}),
    ({"-n": _N, "--layers": _among("layers", "-")}, {"-l": _layer, "-c": _among("3"), **_FORMAT}),
    (
        {"--solve": _among("n"), "--out": _among("8", "9x4"), "-f": _among("3")},
        {**_WINDOW, **_FORMAT},
    ),
    (
        {"--solve": _among("f", "s", "p"), "--out": _among("8", "4"), "-n": _among("8", "16")},
        {"-f": _among("3", "4"), **_FORMAT},
    ),
]
_KERNEL = _among(
    "box:3", "sobel-x", "gaussian:5:1.0", "log", "identity", "[[0,1],[2,3]]", "[[1.5]]",
    "rand:3x3", "w.npz::w", "emboss", "sobel", "scharr", "[[1e-30,-3]]", "randn:5x1", "ones:2x2",
)  # fmt: skip
_INPUT = _among("x.npy", "x.npy", "w.npz::x", "x.png", "-", "rand:9x8", "randn:3x16x16", "cut.npy",
                "arange:2x3x9x9", "ones:64x64", "zeros:12x12")  # fmt: skip
_RUN_OPTIONS: dict[str, Value] = {
    **_WINDOW,
    "--bias": _among("1", "0.5", "-9", "[2]"),
    "--seed": _among("0", "7"),
    "--layout": _among("HW", "CHW", "HWC", "NCHW"),
    "-p": _among("1", "2x1", "0:1", "same", "full"),
    "--dtype": _among("float32", "float64", "float16", "complex64", "int64", "longdouble"),
    "--pad-mode": _among("zeros", "reflect", "symmetric", "replicate", "circular", "wrap", "edge"),
    "--device": _among("cpu", "auto"),
    "--engine": _among("numpy", "auto"),
    "--time": _among("1", "2"),
    "--method": _among("auto", "gemm", "separable", "fft", "opencv-separable", "shift", "max"),
    "--threads": _among("1", "2", "9"),
    "--memory": _among("1", "1K", "64K", "32M"),
    "--format": _among("table", "plain", "json"),
    "-o": _among("-", "y.npy", "y.png", "y.csv", "y.npz", "y/", "/dev/null", "/dev/full"),
    "--output-format": _among("npy", "npz", "csv", "txt", "png"),
    "--scale": _among("clip", "minmax", "abs", "signed"),
    "--flip": _among(""),
    "-q": _among(""),
    "-v": _among(""),
    "--explain": _among(""),
    "--ceil": _among(""),
    "--no-bias": _among(""),
    "--plot": _among(""),
    "--verify": _among(""),
    "--tf32": _among(""),
}
_FLAGS = (
    "--transposed", "--pool", "--ceil", "--no-bias", "--explain", "--animate", "--flip", "-q",
    "--tf32", "--plot", "--verify", "--list-kernels", "--help", "--version", "--nosuch",
)  # fmt: skip
_OPTIONS = (
    "-n", "-f", "-p", "-s", "-d", "-g", "-c", "-l", "-k", "-o", "--dims", "--bias", "--seed",
    "--time", "--solve", "--out", "--layers", "--format", "--method", "--device", "--dtype",
    "--layout", "--memory", "--threads", "--pad-mode", "--output-padding",
)  # fmt: skip


def case(trial: Trial) -> None:
    """Run a random command line of either command."""
    random = trial.random
    _make_files(trial)
    before = trial.names()
    args = (_shape if random.random() < 0.5 else _run)(random)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        _spoil(random, args)
    stdin = random.choice((npy([[1.0, 2], [3, 4]]), _layer(random).encode(), b""))
    # What is swept or streamed, or are several arrays, may fail in part.
    trial.run(args, stdin, many=True, report="run" in args)
    left = {name for name in trial.names() - before if not any(name in arg for arg in args)}
    trial.check(not left, f"left {left}")


def _stack(random: Random) -> list[str]:
    return [_layer(random) for _ in range(random.choice((1, 2, 3, 8)))]


def _network(random: Random) -> list[str]:
    """Lines with blocks, branches and every kind of layer, which may not fit together."""
    lines = [random.choice(("", "input n=32 c=3", "input n=9x8x7", "input dims=1"))]
    for block in "ab":
        lines.append(f"block {block} {random.choice(('', 'c', 'c=4', 'c s=1'))}")
        lines += [f"  {_branched(random)}" for _ in range(random.choice((1, 2, 4)))]
    return [*lines, *(_branched(random) for _ in range(random.choice((1, 3, 9))))]


def _branched(random: Random) -> str:
    """One line of a network: a layer or several, or a block."""
    line = random.choice((
        _layer(random), _layer(random), f"{_layer(random)} | {random.choice(list(KINDS))}",
        f"{random.choice(list(KINDS))} {random.choice(_OF_KINDS)}", "a c=4", "b 4", "a", "b c=8",
        "conv f=1 c={c}", "conv f=3 p=1 c={4*c} g=c",
    ))  # fmt: skip
    return " ".join([line, *random.sample(_JOINS, random.choice((0, 0, 1, 2)))])


_JOINS = ["from=in", "with=in", "from=stem", "with=stem", "with=*", "with=a*", "repeat=3",
          "repeat=99", "name=stem", "name=a", "with=in,in", "like=in", "like=stem"]  # fmt: skip
_OF_KINDS = ("", "c=8", "out=3", "scale=2", "scale=3/2", "p=1", "out=99", "mode=cubic", "with=in",
             "scale=999999999", "out=999999999999", "p=99999999999999999")  # fmt: skip


def _published(random: Random) -> list[str]:
    """The text of a built-in network, of which some lines are moved, doubled or left out."""
    lines = list(builtin_lines(random.choice(builtin_names())) or ())
    for _ in range(random.choice((0, 1, 2, 5))):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[at] = random.choice((lines[other], "", lines[at] * 2, lines[at].lstrip()))
    return [line.rstrip("\n") for line in lines]


def layers_case(trial: Trial) -> None:
    """Read a random or damaged file of layers."""
    random = trial.random
    lines = random.choice((_stack, _network, _published))(random)
    for _ in range(random.choice((0, 0, 1, 2))):
        at = random.randrange(len(lines))
        words = lines[at].split(" ")
        words[-1] = words[-1].partition("=")[0] + "=" + random.choice((*_HUGE, *_ODD))
        lines[at] = " ".join(words)
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    file = trial.write("layers", blindly(random, text) if random.random() < 0.4 else text)
    args = ["shape", "-n", _N(random), "--layers", file, "--format", _FORMAT["--format"](random)]
    trial.run(args + ["-c", "4"] * (random.random() < 0.5), many=True)


def _shape(random: Random) -> list[str]:
    needed, allowed = random.choice(_SHAPE)
    return ["shape", *_words(random, needed, needed), *_some(random, allowed)]


def _run(random: Random) -> list[str]:
    filter_ = ["-k", _KERNEL(random)]
    if random.random() < 0.4:
        layer: tuple[list[str], ...] = (
            [],
            ["-c", _among("3", "3:4", "1:2", "16")(random)],
            ["--pool", "avg"],
            ["--pool"],
        )
        filter_ = ["-f", _F(random), *random.choice(layer)]
    inputs = [_INPUT(random) for _ in range(random.choice((1, 1, 1, 1, 2)))]
    return ["run", *inputs, *filter_, *_some(random, _RUN_OPTIONS)]


def _some(random: Random, options: dict[str, Value]) -> list[str]:
    count = min(random.choice((0, 1, 1, 2, 3)), len(options))
    return _words(random, options, random.sample(list(options), count))


def _words(random: Random, options: dict[str, Value], names: Iterable[str]) -> list[str]:
    """Write some options, each with a value where it takes one."""
    pairs = [(name, options[name](random)) for name in names]
    return [word for pair in pairs for word in pair if word]


def _spoil(random: Random, args: list[str]) -> None:
    """Make one thing of a command line odd, absurd, missing or said twice."""
    at = random.randrange(1, len(args)) if len(args) > 1 else 0
    odd = random.choice(_HUGE if random.random() < 0.4 else _ODD)
    # Zeros cannot stand in an argument; what is no character can, as bytes.
    odd = os.fsdecode(os.fsencode(odd))
    way = random.randrange(7)
    if way < 2:
        args[at] = odd
    elif way == 2:
        args[at] += random.choice(("x", ",", ":", "..", "::", "=", "")) + odd
    elif way == 3:
        args[at:at] = [random.choice(_OPTIONS), odd]
    elif way == 4:
        args.insert(at, random.choice(_FLAGS))
    elif way == 5:
        del args[at]
    else:
        args += args[at : at + 2]


def _make_files(trial: Trial) -> None:
    """Make the files that command lines name."""
    from tests.faults import corpus

    whole = npy([[float(3 * row + column) for column in range(6)] for row in range(5)])
    trial.write("x.npy", whole)
    trial.write("cut.npy", whole[:-9])
    trial.write("w.npz", corpus.files("npz")[0][1])
    trial.write("x.png", corpus.files("png")[4][1])
    trial.write("layers", b"conv f=3 s=2 p=1 c=8 name=a\nmaxpool f=2 # pooled\n")
