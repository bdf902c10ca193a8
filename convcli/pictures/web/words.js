// What the page says in words, as convcli/geometry/formula.py and convcli/explain/words.py do.

const SLICES = {
  height: ["row", "rows", "bottom"],
  width: ["column", "columns", "right"],
  depth: ["slice", "slices", "back"],
};

const times = (count) => ["never", "once", "twice"][count] || `${count} times`;
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const listing = (numbers) =>
  numbers.length > 7 ? `${numbers.slice(0, 3).join(", ")}, … ${numbers.at(-1)}` : numbers.join(", ");

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
    const key = JSON.stringify({ ...axis, counts: null });
    const name = AXIS_NAMES[axes.length][i];
    found.set(key, found.has(key) ? [`${found.get(key)[0]} and ${name}`, axis] : [name, axis]);
  });
  return [...found.values()];
}

/** The formula of each group of axes, in letters and with its numbers. */
function formulaLines(axes) {
  const found = groups(axes);
  const prefix = (name) => (found.length > 1 ? `${name}: ` : "");
  return found.map(([name, axis]) => `${prefix(name)}out = ${letters(axis)} = ${formula(axis)}`);
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
