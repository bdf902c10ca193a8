"""A scene as SVG: text stays text, colours follow the reader's scheme, frames need no script."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator

from convcli.pictures.palette import ROLES, hexadecimal, rgb
from convcli.pictures.scene import Group, Line, Pixels, Rect, Scene, Shape, Text, without_controls

_SANS = "system-ui,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif"
_MONO = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def svg(scene: Scene) -> str:
    """Write a scene; each of its groups is a ``<g>`` with its name as class."""
    width, height = _number(scene.width), _number(scene.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="title description">',
        f'<title id="title">{escaped(scene.title)}</title>',
        f'<desc id="description">{escaped(scene.description)}</desc>',
        f"<style>\n{_style(scene)}</style>",
    ]
    hatches = dict.fromkeys(s.hatch for s in scene.shapes if isinstance(s, Rect) and s.hatch)
    if hatches:
        lines.append(f"<defs>{''.join(map(_pattern, hatches))}</defs>")
    lines.append('<rect class="fill-paper" width="100%" height="100%"/>')
    for group in scene.groups:
        lines.append(f'<g class="{_classes(scene, group)}">')
        lines += map(_shape, group.shapes)
        lines.append("</g>")
    lines.append("</svg>\n")
    return "\n".join(lines)


def _style(scene: Scene) -> str:
    roles = _roles(scene)
    light, dark = (
        "".join(
            f".{'fill' if name == 'fill' else 'line'}-{role}{{{name}:{ROLES[role][i]}}}"
            for name, role in roles
        )
        for i in range(2)
    )
    return (
        f"svg{{font-family:{_SANS};max-width:100%;height:auto}}\n"
        f".mono{{font-family:{_MONO};white-space:pre}}\n{light}\n"
        f"@media (prefers-color-scheme:dark){{{dark}}}\n" + "".join(_keyframes(scene))
    )


def _roles(scene: Scene) -> list[tuple[str, str]]:
    """List the roles that are used, for filling or for lines."""
    used = {("fill", "paper")}
    for shape in scene.shapes:
        fill = getattr(shape, "fill", None)
        if isinstance(fill, str):
            used.add(("fill", fill))
        stroke, hatch = getattr(shape, "stroke", None), getattr(shape, "hatch", None)
        used |= {("stroke", role) for role in (stroke, hatch) if role}
        if isinstance(shape, Line) and shape.arrow:
            used.add(("fill", shape.stroke))
    return sorted(used)


def _keyframes(scene: Scene) -> Iterator[str]:
    """Write when the groups of an animation are seen; where nothing moves, the last frame is."""
    if scene.frames == 1:
        return
    total = _number(scene.frames * scene.seconds)
    spans = dict.fromkeys((g.first, g.last) for g in scene.groups if _moves(scene, g))
    rules = []
    for first, last in spans:
        name = _span_name(first, last)
        stop = scene.frames if last is None else last + 1
        shown = stop == scene.frames
        steps = [f"0%{{visibility:{'hidden' if first else 'visible'}}}"]
        if first:
            steps.append(f"{_percent(first, scene.frames)}{{visibility:visible}}")
        if not shown:
            steps.append(f"{_percent(stop, scene.frames)},100%{{visibility:hidden}}")
        else:
            steps.append("100%{visibility:visible}")
        yield f"@keyframes {name}{{{''.join(steps)}}}\n"
        yield f".{name}{{visibility:{'visible' if shown else 'hidden'}}}\n"
        rules.append(f".{name}{{animation:{name} {total}s step-end infinite}}")
    yield f"@media (prefers-reduced-motion:no-preference){{{''.join(rules)}}}\n"


def _percent(frame: int, frames: int) -> str:
    return f"{100 * frame / frames:.6g}%"


def _moves(scene: Scene, group: Group) -> bool:
    return scene.frames > 1 and group.moves


def _span_name(first: int, last: int | None) -> str:
    return f"from{first}" if last is None else f"from{first}to{last}"


def _classes(scene: Scene, group: Group) -> str:
    return f"{group.name} {_span_name(*group[2:])}" if _moves(scene, group) else group.name


def _shape(shape: Shape) -> str:
    if isinstance(shape, Text):
        return _text(shape)
    if isinstance(shape, Line):
        return _line(shape)
    if isinstance(shape, Pixels):
        return _image(shape)
    return _rect(shape)


def _rect(shape: Rect) -> str:
    place = " ".join(
        f'{key}="{_number(value)}"'
        for key, value in zip(("x", "y", "width", "height"), shape[:4], strict=True)
    )
    classes, more = [], ""
    if isinstance(shape.fill, str):
        classes.append(f"fill-{shape.fill}")
    else:
        more = f' fill="{"none" if shape.fill is None else hexadecimal(rgb(shape.fill))}"'
    if shape.stroke:
        classes.append(f"line-{shape.stroke}")
        more += f' stroke-width="{_number(shape.line)}"'
        more += ' stroke-dasharray="4 3"' if shape.dash else ""
    named = f' class="{" ".join(classes)}"' if classes else ""
    plain = f"<rect {place}{named}{more}/>"
    return plain + (f'<rect {place} fill="url(#{shape.hatch}-hatch)"/>' if shape.hatch else "")


def _pattern(role: str) -> str:
    return (
        f'<pattern id="{role}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><path d="M3 0V6" '
        f'class="line-{role}" stroke-width="1.6"/></pattern>'
    )


def _line(shape: Line) -> str:
    x, y, to_x, to_y = map(_number, shape[:4])
    path = f"M{x} {y}L{to_x} {to_y}"
    if shape.bend:  # a cubic curve reaches three quarters of the way to its control points
        up = shape.bend / 0.75
        path = f"M{x} {y}C{x} {_number(shape.y - up)} {to_x} {_number(shape.to_y - up)} {to_x} "
        path += to_y
    drawn = f'<path d="{path}" fill="none" class="line-{shape.stroke}" '
    drawn += f'stroke-width="{_number(shape.line)}"/>'
    if shape.arrow:
        points = " ".join(f"{_number(px)},{_number(py)}" for px, py in arrow_head(shape))
        drawn += f'<polygon points="{points}" class="fill-{shape.stroke}"/>'
    return drawn


def arrow_head(shape: Line) -> list[tuple[float, float]]:
    """Return the corners of the head of an arrow, at the end of its line."""
    dx, dy = shape.to_x - shape.x, shape.to_y - shape.y
    if shape.bend:
        dx, dy = 0.0, 1.0
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length, dy / length
    back_x, back_y = shape.to_x - 7 * dx, shape.to_y - 7 * dy
    return [
        (shape.to_x, shape.to_y),
        (back_x - 3.5 * dy, back_y + 3.5 * dx),
        (back_x + 3.5 * dy, back_y - 3.5 * dx),
    ]


def _text(shape: Text) -> str:
    mono = " mono" if shape.mono else ""
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    bold = ' font-weight="600"' if shape.bold else ""
    return (
        f'<text x="{_number(shape.x)}" y="{_number(shape.y)}" font-size="{_number(shape.size)}"'
        f'{anchor}{bold} class="fill-{shape.fill}{mono}">{escaped(shape.text)}</text>'
    )


def _image(shape: Pixels) -> str:
    data = b64encode(png(shape)).decode()
    place = " ".join(
        f'{key}="{_number(value)}"'
        for key, value in zip(("x", "y", "width", "height"), shape[:4], strict=True)
    )
    return (
        f'<image {place} preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>'
    )


def png(shape: Pixels) -> bytes:
    """Encode pixels as a PNG of 8 bits a colour, one pixel each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows = b"".join(b"\0" + bytes([part for pixel in row for part in pixel]) for row in shape.rows)
    header = struct.pack(">IIBBBBB", len(shape.rows[0]), len(shape.rows), 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND", b""),
        ]
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def escaped(text: str) -> str:
    """Write a text so that SVG and HTML show it as it is."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    return without_controls(text)
