"""A scene as PNG, and its frames as an animated GIF, drawn by Pillow, with the font it carries."""

import io
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from convcli.pictures.palette import rgb
from convcli.pictures.scene import Line, Paint, Pixels, Rect, Scene, Shape, Text, without_controls
from convcli.pictures.svg import arrow_head

_SMOOTH = 2  # times that a drawing is larger before it is scaled down, so that edges are smooth
_PNG_SCALE, _GIF_SCALE = 2, 1
_HATCH = 8.5  # pixels between lines
# The font has no sign for these.
_INSTEAD = str.maketrans({"→": "-", "×": "x", "≤": "<=", "²": "2"})


def png(scene: Scene) -> bytes:
    """Draw a scene with two pixels for each of its own."""
    file = io.BytesIO()
    _drawn(scene, _PNG_SCALE).save(file, "PNG", dpi=(192, 192), optimize=True)
    return file.getvalue()


def gif(scene: Scene) -> bytes:
    """Draw the frames of an animation, which repeats for ever."""
    moving = [g for g in scene.groups if g.moves]
    fixed = scene._replace(groups=tuple([g for g in scene.groups if not g.moves]))
    done = _large(fixed, _GIF_SCALE * _SMOOTH)
    size = (round(scene.width), round(scene.height))
    frames: list[Image.Image] = []
    palette: Image.Image | None = None
    for at in range(scene.frames):
        # What stays is drawn once, on what the later frames start from.
        for group in moving:
            if group.first == at and group.last is None:
                _draw(done, group.shapes, _GIF_SCALE * _SMOOTH)
        image = done.copy()
        for group in moving:
            if group.first == at and group.last is not None:
                _draw(image, group.shapes, _GIF_SCALE * _SMOOTH)
        small = image.resize(size, Image.Resampling.BOX)
        if palette is None:
            palette = _palette(scene, small)
        frames.append(small.quantize(palette=palette, dither=Image.Dither.NONE))
    file = io.BytesIO()
    milliseconds = [round(scene.seconds * 1000)] * scene.frames
    milliseconds[-1] += 1200
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0,
        disposal=1,
    )  # fmt: skip
    return file.getvalue()


def _palette(scene: Scene, first: Image.Image) -> Image.Image:
    """Choose 256 colours for all frames: those of the first and of the last."""
    last = _drawn(scene.still(scene.frames - 1), _GIF_SCALE)
    both = Image.new("RGB", (first.width, 2 * first.height))
    both.paste(first, (0, 0))
    both.paste(last, (0, first.height))
    return both.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _drawn(scene: Scene, scale: int) -> Image.Image:
    size = (round(scene.width * scale), round(scene.height * scale))
    return _large(scene, scale * _SMOOTH).resize(size, Image.Resampling.BOX)


def _large(scene: Scene, scale: int) -> Image.Image:
    size = (round(scene.width) * scale, round(scene.height) * scale)
    image = Image.new("RGB", size, _colour("paper"))
    for group in scene.groups:
        _draw(image, group.shapes, scale)
    return image


def _draw(image: Image.Image, shapes: Sequence[Shape], scale: int) -> None:
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        if isinstance(shape, Rect):
            _rect(image, draw, shape, scale)
        elif isinstance(shape, Line):
            _line(draw, shape, scale)
        elif isinstance(shape, Text):
            _text(draw, shape, scale)
        else:
            _pixels(image, shape, scale)


def _rect(image: Image.Image, draw: Any, shape: Rect, scale: int) -> None:
    left, top = shape.x * scale, shape.y * scale
    right, bottom = left + shape.width * scale, top + shape.height * scale
    inside = (round(left), round(top), max(round(right) - 1, 0), max(round(bottom) - 1, 0))
    if inside[2] < inside[0] or inside[3] < inside[1]:
        return
    if shape.fill is not None:
        draw.rectangle(inside, fill=_colour(shape.fill))
    if shape.hatch:
        _hatch(image, inside, shape.hatch, scale)
    if not shape.stroke:
        return
    width, ink = max(round(shape.line * scale), 1), _colour(shape.stroke)
    if shape.dash:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        for begin, end in pairwise(corners):
            _dashed(draw, begin, end, scale, width, ink)
        return
    half = width / 2
    outside = (round(left - half), round(top - half), round(right + half), round(bottom + half))
    draw.rectangle(outside, outline=ink, width=width)


def _hatch(image: Image.Image, box: tuple[int, int, int, int], role: str, scale: int) -> None:
    """Draw lines that go on from a cell to the next."""
    left, top, right, bottom = box
    tile = Image.new("L", (right - left + 1, bottom - top + 1), 0)
    draw = ImageDraw.Draw(tile)
    step, height = round(_HATCH * scale), tile.height
    first = (left + top) // step * step - left - top
    for x in range(first, tile.width + height + step, step):
        draw.line((x, 0, x - height, height), fill=255, width=round(1.6 * scale))
    image.paste(_colour(role), (left, top), tile)


def _dashed(
    draw: Any, begin: Sequence[float], end: Sequence[float], scale: int, width: int, ink: Any
) -> None:
    length = abs(end[0] - begin[0]) + abs(end[1] - begin[1])
    at = 0.0
    while at < length:
        points = [
            begin[i] + (end[i] - begin[i]) * min(place, length) / length
            for place in (at, at + 4 * scale)
            for i in range(2)
        ]
        draw.line(points, fill=ink, width=width)
        at += 7 * scale


def _line(draw: Any, shape: Line, scale: int) -> None:
    points = [(shape.x * scale, shape.y * scale), (shape.to_x * scale, shape.to_y * scale)]
    if shape.bend:
        points = [_on_curve(shape, i / 32, scale) for i in range(33)]
    width = max(round(shape.line * scale), 1)
    draw.line(points, fill=_colour(shape.stroke), width=width, joint="curve")
    if shape.arrow:
        head = [(x * scale, y * scale) for x, y in arrow_head(shape)]
        draw.polygon(head, fill=_colour(shape.stroke))


def _on_curve(shape: Line, t: float, scale: int) -> tuple[float, float]:
    up = shape.bend / 0.75
    near, far = (1 - t) ** 3 + 3 * t * (1 - t) ** 2, t**3 + 3 * t * t * (1 - t)
    x = near * shape.x + far * shape.to_x
    y = near * shape.y + far * shape.to_y - up * 3 * t * (1 - t)
    return x * scale, y * scale


def _text(draw: Any, shape: Text, scale: int) -> None:
    text = without_controls(shape.text).translate(_INSTEAD)
    place = (shape.x * scale, shape.y * scale)
    ink = _colour(shape.fill)
    font = _font(round(shape.size * scale))
    bold = max(round(shape.size * scale / 36), 1) if shape.bold else 0
    aligned = shape.mono and ("  " in text or text.startswith(" "))
    if aligned:  # the font has no equal widths: each letter has a cell of its own
        for i, letter in enumerate(text):
            x = place[0] + (i + 0.5) * shape.size * 0.605 * scale
            draw.text((x, place[1]), letter, fill=ink, font=font, anchor="ms")
        return
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
    draw.text(place, text, fill=ink, font=font, anchor=anchor, stroke_width=bold / 2)


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _pixels(image: Image.Image, shape: Pixels, scale: int) -> None:
    small = Image.new("RGB", (len(shape.rows[0]), len(shape.rows)))
    small.putdata([tuple(pixel) for row in shape.rows for pixel in row])
    size = (round(shape.width * scale), round(shape.height * scale))
    way = Image.Resampling.NEAREST if size[0] >= small.width else Image.Resampling.BOX
    image.paste(small.resize(size, way), (round(shape.x * scale), round(shape.y * scale)))


def _colour(paint: Paint) -> tuple[int, int, int]:
    red, green, blue = rgb(paint)
    return red, green, blue
