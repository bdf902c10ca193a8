// The arithmetic of a layer, one axis at a time: the rules of convcli/geometry, whose errors it
// repeats word for word. Nothing here knows the document.
"use strict";

const AXIS_NAMES = { 1: ["width"], 2: ["height", "width"], 3: ["depth", "height", "width"] };

/** What does not fit: the text names the value, the rule and the remedy. */
class Misfit extends Error {}

const isPool = (kind) => kind === "maxpool" || kind === "avgpool";
const range = (start, count, step = 1) => Array.from({ length: Math.max(count, 0) }, (_, i) => start + i * step);
const product = (numbers) => numbers.reduce((a, b) => a * b, 1);
const alike = (values) => values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));

/**
 * Apply a window to every axis; an error starts with the axis's name where axes differ.
 *
 * Settings: kind, ceil, word (a padding word or null), and n f pb pe s d op of each axis.
 */
function fitAll({ kind, ceil, word, axes }) {
  const named = !alike(axes);
  return axes.map((numbers, i) => {
    try {
      return fit({ ...numbers, kind, ceil: ceil && isPool(kind), word });
    } catch (error) {
      if (!(error instanceof Misfit) || !named) throw error;
      throw new Misfit(`${AXIS_NAMES[axes.length][i]}: ${error.message}`);
    }
  });
}

/** Resolve the padding, compute the output size, check both. */
function fit({ kind, ceil, word, n, f, s, d, pb, pe, op }) {
  const e = d * (f - 1) + 1;
  if (kind !== "convt") {
    op = 0;
  } else if (op > Math.max(s, d) - 1) {
    const most = Math.max(s, d) - 1;
    throw new Misfit(
      `output padding ${op} must be smaller than the larger of stride ${s} and dilation ${d}; ` +
        `use --output-padding ${most}${most ? " or less" : ""}`,
    );
  }
  if (word !== null) [pb, pe] = resolvePadding(word, n, e, s, op, kind);
  if (Math.min(pb, pe) < 0) {
    throw new Misfit(
      `padding ${word} cannot make the output n·s = ${n}·${s}: filter ${e} is smaller than ` +
        `stride ${s}; use --output-padding ${s - e}`,
    );
  }
  const out = outputSize(n, e, s, pb, pe, op, kind, ceil);
  if (out < 1) {
    throw new Misfit(
      kind === "convt" ? transposedMisfit(n, e, s, pb, pe, op) : misfit(n, f, d, e, pb, pe, kind),
    );
  }
  const axis = { kind, ceil, word, n, f, s, d, e, pb, pe, op, out };
  axis.padded = kind === "convt" ? n : n + pb + pe;
  // Windows read pixels; those of a transposed layer, one for each input pixel, write them.
  [axis.windows, axis.pixels] = kind === "convt" ? [n, out] : [out, n];
  // Positions drawn: pixels with the padding, and what the last window reads beyond.
  axis.length = Math.max(pb + axis.pixels + pe, (axis.windows - 1) * s + e);
  if (isPool(kind)) checkPoolingWindows(axis);
  axis.counts = countReads(axis);
  return axis;
}

function outputSize(n, e, s, pb, pe, op, kind, ceil) {
  if (kind === "convt") return (n - 1) * s - pb - pe + e + op;
  const room = n + pb + pe - e;
  if (!ceil) return Math.floor(room / s) + 1;
  const out = Math.ceil(room / s) + 1;
  // In ceil mode the last window may extend past the end, but may not start outside the input.
  return (out - 1) * s >= n + pb ? out - 1 : out;
}

function resolvePadding(word, n, e, s, op, kind) {
  if (word === "valid") return [0, 0];
  if (word === "full") return [e - 1, e - 1];
  if (word === "causal") {
    if (kind !== "convt") return [e - 1, 0];
    throw new Misfit(
      `padding causal has no transposed form; use -p 0:${Math.max(e + op - s, 0)} to crop the end`,
    );
  }
  const total = kind === "convt" ? e + op - s : Math.max((Math.ceil(n / s) - 1) * s + e - n, 0);
  const small = Math.floor(total / 2);
  return word === "same" ? [small, total - small] : [total - small, small];
}

function misfit(n, f, d, e, pb, pe, kind) {
  const spans = `filter ${f}` + (d > 1 ? ` with dilation ${d} spans ${e} and` : "");
  const [padding, total] = pb === pe ? [pb, `2·${pb}`] : [`${pb}:${pe}`, `${pb} + ${pe}`];
  let remedy = `-p ${Math.ceil((e - n) / 2)} or more`;
  if (isPool(kind) && d > n) remedy = `-d 1 -p ${Math.floor(f / 2)}`;
  return `${spans} does not fit input ${n} with padding ${padding}: ${n} + ${total} < ${e}; use ${remedy}`;
}

function transposedMisfit(n, e, s, pb, pe, op) {
  const whole = (n - 1) * s + e + op;
  const most = Math.floor((whole - 1) / 2);
  return (
    `padding ${pb} + ${pe} crops all of the transposed output of ${whole}: ` +
    `(${n} - 1)·${s} + ${e} + ${op} - ${pb} - ${pe} = ${whole - pb - pe} < 1; ` +
    `use -p ${most}${most ? " or less" : ""}`
  );
}

/** Every window of a pooling layer reads at least one pixel of the input. */
function checkPoolingWindows(axis) {
  const { n, f, s, d, e, pb, pe, out } = axis;
  const stepsOver = f > 1 && d > n;
  let remedy = `-p ${e - 1}${n >= e && e > 1 ? " or less" : ""}`;
  if (stepsOver) remedy = `-d 1 -p ${Math.floor(f / 2)}`;
  const tooLarge = (padding, which) =>
    new Misfit(
      `padding ${padding} must be smaller than the pooling filter, which spans ${e}, or the ` +
        `${which} window reads padding only; use ${remedy}`,
    );
  if (pb >= e) throw tooLarge(pb, "first");
  if ((out - 1) * s - pb >= n) throw tooLarge(pe, "last");
  const readsNone = (window) => !taps(axis, window).some((pixel) => isPixel(axis, pixel));
  if (stepsOver && range(0, out).some(readsNone)) {
    throw new Misfit(
      `dilation ${d} must be ${n} or less for input ${n}, or a pooling window steps over it and ` +
        `reads padding only; use ${remedy}`,
    );
  }
}

/** The pixels that a window reads, those outside the input included; pixel 0 is the first. */
const taps = (axis, window) => range(window * axis.s - axis.pb, axis.f, axis.d);

/** The windows that read a pixel. */
function windowsOn(axis, pixel) {
  const found = range(0, axis.f)
    .map((tap) => (pixel + axis.pb - tap * axis.d) / axis.s)
    .filter((window) => Number.isInteger(window) && window >= 0 && window < axis.windows);
  return found.reverse();
}

function startsWindow(axis, pixel) {
  const window = (pixel + axis.pb) / axis.s;
  return Number.isInteger(window) && window < axis.windows;
}

const isPixel = (axis, pixel) => pixel >= 0 && pixel < axis.pixels;

/** How many windows read each pixel of an axis. */
function countReads(axis) {
  const counts = new Array(axis.pixels).fill(0);
  for (const window of range(0, axis.windows)) {
    for (const pixel of taps(axis, window)) if (isPixel(axis, pixel)) counts[pixel] += 1;
  }
  return counts;
}

/** The largest count of an axis. */
const most = (axis) => axis.counts.reduce((a, b) => Math.max(a, b));
