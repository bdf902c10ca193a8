"""A scene as a standalone document of LaTeX, drawn by TikZ: `pdflatex conv.tex` makes a PDF."""

from convcli.pictures.palette import ROLES, rgb
from convcli.pictures.scene import Line, Paint, Rect, Scene, Shape, Text, without_controls

_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "…": r"\ldots{}",
    " ": "~",
}
_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_HEAD = r"""% {title}
% {description}
\documentclass[border=4pt]{{standalone}}
\usepackage[T1]{{fontenc}}
\usepackage[utf8]{{inputenc}}
\usepackage{{tikz}}
\usetikzlibrary{{patterns}}
{colours}
\renewcommand{{\familydefault}}{{\sfdefault}}
\begin{{document}}
\begin{{tikzpicture}}[x=0.75bp, y=-0.75bp, every node/.style={{inner sep=0pt, outer sep=0pt}}]
\path[use as bounding box] (0,0) rectangle ({width},{height});
"""


def tikz(scene: Scene) -> str:
    """Write a scene in the colours for light paper; a comment names each of its groups."""
    colours = "\n".join(
        f"\\definecolor{{{role}}}{{RGB}}{{{','.join(map(str, rgb(role)))}}}" for role in ROLES
    )
    head = _HEAD.format(
        title=without_controls(scene.title),
        description=without_controls(scene.description),
        colours=colours,
        width=_number(scene.width),
        height=_number(scene.height),
    )
    lines = []
    for group in scene.groups:
        lines.append(f"% {group.name}")
        for shape in group.shapes:
            lines += _shape(shape)
    body = "\n".join(lines)
    return f"{head}{body}\n\\end{{tikzpicture}}\n\\end{{document}}\n"


def _shape(shape: Shape) -> list[str]:
    if isinstance(shape, Rect):
        return _rect(shape)
    if isinstance(shape, Line):
        return [_line(shape)]
    if isinstance(shape, Text):
        return [_text(shape)]
    raise TypeError("TikZ has no images")


def _rect(shape: Rect) -> list[str]:
    box = f"({_number(shape.x)},{_number(shape.y)}) rectangle "
    box += f"({_number(shape.x + shape.width)},{_number(shape.y + shape.height)});"
    options = []
    if shape.fill is not None:
        options.append(f"fill={_colour(shape.fill)}")
    if shape.stroke:
        options.append(f"draw={shape.stroke}")
        options.append(f"line width={_number(shape.line * 0.75)}bp")
        options += ["dash pattern=on 3bp off 2.25bp"] if shape.dash else []
    lines = [rf"\path[{', '.join(options)}] {box}"] if options else []
    if shape.hatch:
        lines.append(rf"\path[pattern=north east lines, pattern color={shape.hatch}] {box}")
    return lines


def _line(shape: Line) -> str:
    options = f"draw={shape.stroke}, line width={_number(shape.line * 0.75)}bp"
    options += ", -latex" if shape.arrow else ""
    begin = f"({_number(shape.x)},{_number(shape.y)})"
    end = f"({_number(shape.to_x)},{_number(shape.to_y)})"
    if shape.bend:
        up = shape.bend / 0.75
        first = f"({_number(shape.x)},{_number(shape.y - up)})"
        second = f"({_number(shape.to_x)},{_number(shape.to_y - up)})"
        return rf"\path[{options}] {begin} .. controls {first} and {second} .. {end};"
    return rf"\path[{options}] {begin} -- {end};"


def _text(shape: Text) -> str:
    size = shape.size * 0.75
    font = rf"\fontsize{{{_number(size)}bp}}{{{_number(size * 1.2)}bp}}\selectfont"
    font += r"\ttfamily" if shape.mono else ""
    font += r"\bfseries" if shape.bold else ""
    text = "".join(_ESCAPES.get(c, c) for c in without_controls(shape.text))
    return (
        rf"\node[anchor={_ANCHORS[shape.anchor]}, text={shape.fill}, font={font}] "
        f"at ({_number(shape.x)},{_number(shape.y)}) {{{text}}};"
    )


def _colour(paint: Paint) -> str:
    if isinstance(paint, str):
        return paint
    red, green, blue = rgb(paint)
    return f"{{rgb,255:red,{red};green,{green};blue,{blue}}}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
