// The arithmetic of a layer, one axis at a time: the rules and the words of convcli/geometry and
// convcli/explain/words.py, so that the page and the command say the same. No function here knows
// the document.
"use strict";

const AXIS_NAMES = { 1: ["width"], 2: ["height", "width"], 3: ["depth", "height", "width"] };
const SLICES = {
  height: ["row", "rows", "bottom"],
  width: ["column", "columns", "right"],
  depth: ["slice", "slices", "back"],
};

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
  return (
    `padding ${pb} + ${pe} crops all of the transposed output of ${whole}: ` +
    `(${n} - 1)·${s} + ${e} + ${op} - ${pb} - ${pe} = ${whole - pb - pe} < 1; ` +
    `use -p ${Math.floor((whole - 1) / 2)} or less`
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

/** The formula of an output size with its numbers filled in. */
function formula(a) {
  if (a.kind === "convt") {
    return `(${a.n} - 1)·${a.s}${paddingTerm("-", a)} + ${a.e}${a.op ? ` + ${a.op}` : ""} = ${a.out}`;
  }
  const room = `${a.n}${paddingTerm("+", a)} - ${a.e}`;
  if (a.s === 1) return `${room} + 1 = ${a.out}`;
  if (a.ceil && Math.ceil((a.padded - a.e) / a.s) + 1 > a.out) {
    return `ceil((${room})/${a.s}) = ${a.out}, the next window would start past the input`;
  }
  return `${a.ceil ? "ceil" : "floor"}((${room})/${a.s}) + 1 = ${a.out}`;
}

/** The same formula in letters. */
function letters(a) {
  const e = a.d > 1 ? "e" : "f";
  if (a.kind === "convt") return `(n - 1)·s - ${a.pb === a.pe ? "2p" : "p_begin - p_end"} + ${e} + op`;
  const both = a.pb === a.pe ? "2p" : "p_begin + p_end";
  return `${a.ceil ? "ceil" : "floor"}((n + ${both} - ${e})/s) + 1`;
}

function paddingTerm(sign, a) {
  if (a.pb === a.pe) return a.pb ? ` ${sign} 2·${a.pb}` : "";
  return ` ${sign} ${a.pb} ${sign} ${a.pe}`;
}

/** Axes that are alike, with their names: "height and width". */
function groups(axes) {
  const found = new Map();
  axes.forEach((axis, i) => {
    const key = JSON.stringify(axis);
    const name = AXIS_NAMES[axes.length][i];
    found.set(key, found.has(key) ? [`${found.get(key)[0]} and ${name}`, axis] : [name, axis]);
  });
  return [...found.values()];
}

/** The formula in letters, then with the numbers, one step a line; axes that are alike once. */
const stepByStep = (axes) =>
  groups(axes).flatMap(([name, axis]) => [`${name}:`, ...axisSteps(axis).map((line) => `  ${line}`)]);

function axisSteps(a) {
  const e = a.d > 1 ? "e" : "f";
  const lines = [];
  if (a.d > 1) lines.push(`e   = d·(f - 1) + 1 = ${a.d}·(${a.f} - 1) + 1 = ${a.e}, what the filter spans`);
  if (a.word !== null) lines.push(`p   = ${a.word}: ${a.pb} before, ${a.pe} after`);
  if (a.kind === "convt") {
    return [...lines, `out = ${letters(a)}`, `    = ${formula(a)}`];
  }
  const both = a.pb === a.pe ? "2p" : "p_begin + p_end";
  const room = a.padded - a.e;
  const [rounding, rounded] = a.ceil ? [Math.ceil, "up"] : [Math.floor, "down"];
  return [
    ...lines,
    `padded input   n + ${both} = ${a.n} + ${a.pb} + ${a.pe} = ${a.padded}`,
    `room to move   ${a.padded} - ${a.e} = ${room}`,
    `strides        ${room}/${a.s} = ${shortest(room / a.s)}, rounded ${rounded}: ${rounding(room / a.s)}`,
    `out = ${letters(a)}`,
    `    = ${formula(a)}`,
    ...(a.kind === "conv" && a.s === 1 && a.e > 1 ? keepingTheSize(a, e) : []),
  ];
}

const shortest = (number) => String(Number(number.toPrecision(6)));

/** What padding is for: without it a deep network runs out of pixels. */
function keepingTheSize(a, e) {
  const loss = a.e - 1;
  const half = Math.floor(loss / 2);
  const lines = [];
  if (a.out < a.n) {
    const taken = a.n - a.out;
    const left = `after ${Math.floor((a.n - 1) / taken)} of them ${((a.n - 1) % taken) + 1} of ${a.n} are left`;
    lines.push(`each such layer takes ${taken} of the pixels: ${left}`);
  }
  if (loss % 2 === 0) return [...lines, `p = (${e} - 1)/2 = ${half} keeps the size`];
  return [
    ...lines,
    `(${e} - 1)/2 = ${shortest(loss / 2)} is not whole: no p keeps the size, which is why filters ` +
      `are odd; -p same adds ${half}:${loss - half}`,
  ];
}

/** Which pixels no window reads, or which none writes for a transposed layer. */
function loss(axes) {
  const parts = axes.map((axis, i) => {
    const count = axis.counts.filter((reads) => reads === 0).length;
    if (!count) return "";
    const [one, many, end] = SLICES[AXIS_NAMES[axes.length][i]];
    const atEnd = axis.pixels - 1 - axis.counts.findLastIndex((reads) => reads > 0);
    let where = atEnd ? ` at the ${end}` : "";
    if (atEnd > 0 && atEnd < count) where = `, ${atEnd} of them${where}`;
    return `${count} ${count === 1 ? one : many}${where}`;
  });
  return parts.filter(Boolean).join("; ") || "none";
}

/** How often a corner and the middle of the input are read. */
function coverageWords(axes) {
  const times = (count) => ["never", "once", "twice"][count] || `${count} times`;
  const corner = product(axes.map((axis) => axis.counts[0]));
  const middle = product(axes.map((axis) => axis.counts[Math.floor(axis.pixels / 2)]));
  const top = product(axes.map(most));
  const transposed = axes[0].kind === "convt";
  const verb = transposed ? "written" : "read";
  const what = transposed ? "input pixels write each output pixel" : "windows read each input pixel";
  const also = top > Math.max(corner, middle) ? `, the most ${verb} pixel ${times(top)}` : "";
  return [
    `How many ${what} (the filter has ${axes.map((axis) => axis.f).join("·")} taps):`,
    `${axes.length === 1 ? "an end" : "a corner"} is ${verb} ${times(corner)}, the middle ${times(middle)}${also}`,
  ];
}

/** The same layer as a command. */
function commandLine({ kind, ceil, word, axes }) {
  const joined = (values) => (alike(values) ? values[0] : values.join("x"));
  const all = (key) => joined(axes.map((numbers) => numbers[key]));
  const pads = axes.map(({ pb, pe }) => (pb === pe ? pb : `${pb}:${pe}`));
  const words = [`convcli shape -n ${all("n")} -f ${all("f")}`];
  const p = word === null ? joined(pads) : word;
  if (p !== 0) words.push(`-p ${p}`);
  if (isPool(kind) || all("s") !== 1) words.push(`-s ${all("s")}`);
  if (all("d") !== 1) words.push(`-d ${all("d")}`);
  if (kind === "convt") {
    words.push("--transposed");
    if (all("op") !== 0) words.push(`--output-padding ${all("op")}`);
  }
  if (isPool(kind)) words.push(`--pool ${kind.slice(0, 3)}${ceil ? " --ceil" : ""}`);
  if (axes.length !== 2) words.push(`--dims ${axes.length}`);
  return `${words.join(" ")} --explain`;
}
