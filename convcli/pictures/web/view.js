// The page: sliders set numbers, `geometry` computes, the two grids show who reads whom.

const START = JSON.parse(document.getElementById("start").textContent);
const DIMS = START.axes.length;
const NAMES = AXIS_NAMES[DIMS];
const MOST_CELLS = 28; // of an axis, drawn at once
const SLIDERS = {
  n: ["input size <i>n</i>", 1, 16],
  f: ["filter size <i>f</i>", 1, 7],
  pb: ["padding <i>p</i>", 0, 6],
  pe: ["padding <i>p</i> at the end", 0, 6],
  s: ["stride <i>s</i>", 1, 5],
  d: ["dilation <i>d</i>", 1, 4],
  op: ["output padding", 0, 4],
};
const KIND_NAMES = {
  conv: "Convolution",
  convt: "Transposed convolution",
  maxpool: "Max pooling",
  avgpool: "Average pooling",
};
// A page of 1 or 2 axes is one of 3 whose others are a single pixel.
const SINGLE = { n: 1, f: 1, s: 1, d: 1, e: 1, pb: 0, pe: 0, op: 0, out: 1, windows: 1, pixels: 1, length: 1, counts: [1] };

const at = (id) => document.getElementById(id);
let settings; // what `geometry.fitAll` takes
let linked; // every axis alike
let even; // the same padding at both ends
let axes; // depth, height, width
let view; // the first position that is drawn of each grid and axis; padding is counted
let slice; // the depth that is shown: a window, and a pixel
let selected; // the cell that stays lit: which grid, and its place on each axis
const grids = {};
const figures = {};

function reset() {
  settings = structuredClone(START);
  linked = alike(settings.axes);
  even = settings.axes.every(({ pb, pe }) => pb === pe);
  view = { places: [0, 0, 0], pixels: [0, 0, 0] };
  slice = { places: 0, pixels: 0 };
  selected = { grid: "places", place: [0, 0, 0] };
  update();
}

// ---- sliders ----

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function slider(id, label, low, high, onInput) {
  const name = element("label", { for: id });
  name.innerHTML = label;
  const input = element("input", { type: "range", id, min: low, max: high, step: 1 });
  input.addEventListener("input", () => onInput(Number(input.value)));
  return element("div", { class: "slider" }, name, element("output", { for: id }), input);
}

function setSlider(id, value, low, high) {
  const input = at(id);
  if (low !== undefined) [input.min, input.max] = [low, high];
  input.value = value;
  input.parentElement.querySelector("output").textContent = value;
}

function buildSettings() {
  NAMES.forEach((name, i) => {
    const legend = element("legend", { id: `axis-${i}` });
    const fieldset = element("fieldset", { id: `sliders-${i}` }, legend);
    for (const [key, [label, low, high]] of Object.entries(SLIDERS)) {
      const most = Math.max(high, 2 * START.axes[i][key]);
      fieldset.append(slider(`${key}-${i}`, label, low, most, (value) => setNumber(i, key, value)));
    }
    at("axes").append(fieldset);
  });
  for (const radio of document.getElementsByName("kind")) {
    radio.addEventListener("change", () => {
      settings.kind = radio.value;
      update();
    });
  }
  at("ceil").addEventListener("change", (event) => {
    settings.ceil = event.target.checked;
    update();
  });
  at("word").addEventListener("change", (event) => {
    settings.word = event.target.value || null;
    update();
  });
  at("even").addEventListener("change", (event) => {
    even = event.target.checked;
    if (even) for (const numbers of settings.axes) numbers.pe = numbers.pb;
    update();
  });
  at("linked").addEventListener("change", (event) => {
    linked = event.target.checked;
    if (linked) settings.axes = settings.axes.map(() => ({ ...settings.axes[0] }));
    update();
  });
  at("reset").addEventListener("click", reset);
  at("settings").addEventListener("submit", (event) => event.preventDefault());
}

function setNumber(i, key, value) {
  for (const numbers of linked ? settings.axes : [settings.axes[i]]) {
    numbers[key] = value;
    if (key === "pb" && even) numbers.pe = value;
  }
  update();
}

function showSettings() {
  for (const radio of document.getElementsByName("kind")) radio.checked = radio.value === settings.kind;
  at("ceil").checked = settings.ceil;
  at("ceil-line").hidden = !isPool(settings.kind);
  at("word").value = settings.word || "";
  at("even").checked = even;
  at("even-line").hidden = settings.word !== null;
  at("linked").checked = linked;
  at("linked-line").hidden = DIMS === 1;
  NAMES.forEach((name, i) => {
    at(`sliders-${i}`).hidden = linked && i > 0;
    at(`axis-${i}`).textContent = linked && DIMS > 1 ? "Every axis" : name[0].toUpperCase() + name.slice(1);
    for (const key of Object.keys(SLIDERS)) setSlider(`${key}-${i}`, settings.axes[i][key]);
    const show = (key, shown) => (at(`${key}-${i}`).parentElement.hidden = !shown);
    show("pb", settings.word === null);
    show("pe", settings.word === null && !even);
    show("op", settings.kind === "convt");
    const label = at(`pb-${i}`).parentElement.querySelector("label");
    label.innerHTML = SLIDERS.pb[0] + (even ? "" : " at the start");
  });
}

// ---- the answer ----

function update() {
  showSettings();
  at("layer").textContent = KIND_NAMES[settings.kind];
  at("reading").setAttribute("aria-live", "off"); // the new size is what is told
  at("command").textContent = commandLine(settings);
  let real;
  try {
    real = fitAll(settings);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    at("problem").textContent = error.message;
  }
  at("problem").hidden = Boolean(real);
  at("figures").hidden = !real;
  const written = settings.kind === "convt";
  at("explanation").hidden = !real;
  at("loss-name").textContent = written ? "Never written" : "Never read";
  if (!real) {
    at("size").textContent = "There is no output";
    at("formula").textContent = "";
    at("loss").parentElement.hidden = true;
    return;
  }
  const sizes = (key) => real.map((axis) => axis[key]).join("×");
  at("size").textContent = `input ${sizes("n")} → output ${sizes("out")}`;
  at("formula").textContent = groups(real)
    .map(([name, axis], _, { length }) => `${length > 1 ? `${name}: ` : ""}out = ${letters(axis)} = ${formula(axis)}`)
    .join("\n");
  at("steps").textContent = stepByStep(real).join("\n");
  at("loss").parentElement.hidden = false;
  at("loss").textContent = loss(real);
  at("coverage").textContent = coverageWords(real).join(" ");
  axes = [...new Array(3 - DIMS).fill(SINGLE), ...real];
  at("legend-lit").textContent = written ? "writes it, or is written by it" : "read by it, or reads it";
  at("legend-outside").textContent = written ? "cropped" : "padding";
  at("legend-outside-lit").textContent = written ? "written, and cropped" : "padding that is read";
  at("legend-unread").textContent = written ? "never written" : "never read";
  keepInside();
  draw();
}

const limits = (which, i) =>
  which === "places" ? [0, axes[i].windows - 1] : [-axes[i].pb, axes[i].length - axes[i].pb - 1];

const clamp = (number, [low, high]) => Math.max(low, Math.min(number, high));

/** The places of an axis that are drawn. */
function drawn(which, i) {
  const [low, high] = limits(which, i);
  const count = Math.min(high - low + 1, MOST_CELLS);
  view[which][i] = clamp(view[which][i], [0, high - low + 1 - count]);
  return range(low + view[which][i], count);
}

function keepInside() {
  for (const which of ["places", "pixels"]) slice[which] = clamp(slice[which], limits(which, 0));
  selected.place = selected.place.map((place, i) => clamp(place, limits(selected.grid, i)));
  selected.place[0] = slice[selected.grid];
  reveal(selected);
}

/** Move what is drawn of a grid as little as shows some places; return whether it moved. */
function show(which, i, places) {
  const [low] = limits(which, i);
  const shown = drawn(which, i);
  const [start, end] = [places[0] - low, places[places.length - 1] - low];
  view[which][i] = Math.max(view[which][i], end - shown.length + 1);
  view[which][i] = Math.min(view[which][i], start);
  return drawn(which, i)[0] !== shown[0];
}

/** Draw what a cell reads, or what reads it, if it lies outside; return whether that moved. */
function reveal(cell) {
  const other = cell.grid === "places" ? "pixels" : "places";
  const reached = reachedFrom(cell);
  if (!reached.every((places) => places.length)) return false;
  let moved = false;
  if (!reached[0].includes(slice[other])) {
    slice[other] = reached[0][0];
    moved = true;
  }
  for (const i of [1, 2]) moved = show(other, i, reached[i]) || moved;
  return moved;
}

/** The first window from which on both ends are drawn. */
const lastFirst = ({ s, length, windows }) =>
  Math.max(Math.ceil((length - MOST_CELLS) / s), windows - MOST_CELLS, 0);

// ---- the grids ----

const isOutput = (which) => (which === "pixels") === (settings.kind === "convt");

function draw() {
  const order = isOutput("pixels") ? ["places", "pixels"] : ["pixels", "places"];
  order.forEach((which, i) => (figures[which] = at(i ? "second-figure" : "first-figure")));
  for (const which of order) drawGrid(which);
  sizeCells();
  light(selected);
}

function drawGrid(which) {
  drawViews();
  grids[which] = makeGrid(which);
  const scroll = element("div", { class: "scroll" }, grids[which].table);
  figures[which].replaceChildren(heading(which), scroll, element("figcaption", {}, caption(which)));
}

function drawViews() {
  const form = at("views");
  const wanted = NAMES.map((name, i) => i + 3 - DIMS).filter((i) => i > 0 && lastFirst(axes[i]) > 0);
  const key = `${wanted}`;
  if (form.dataset.key !== key) {
    form.dataset.key = key;
    const made = wanted.map((i) => {
      const label = `first window drawn, ${AXIS_NAMES[3][i]}`;
      return slider(`first-${i}`, label, 0, 1, (value) => {
        view.places[i] = value;
        view.pixels[i] = value * axes[i].s;
        draw();
      });
    });
    for (const which of DIMS === 3 ? ["pixels", "places"] : []) {
      made.push(
        slider(`slice-${which}`, "", 0, 1, (value) => {
          slice[which] = value;
          if (selected.grid === which) selected.place[0] = value;
          draw();
        }),
      );
    }
    form.replaceChildren(...made);
  }
  for (const i of wanted) {
    const start = Math.max(view.places[i], Math.ceil(view.pixels[i] / axes[i].s));
    setSlider(`first-${i}`, start, 0, lastFirst(axes[i]));
  }
  for (const which of DIMS === 3 ? ["pixels", "places"] : []) {
    setSlider(`slice-${which}`, slice[which], ...limits(which, 0));
    at(`slice-${which}`).parentElement.querySelector("label").textContent =
      `${isOutput(which) ? "output" : "input"} depth shown`;
  }
  form.hidden = !form.childElementCount;
}

/** One side for all cells: both grids beside each other if they can be read, else one below. */
function sizeCells() {
  const [width, gap] = [at("grids").clientWidth - 12, 44];
  const columns = Object.values(grids).map((grid) => grid.columns.length);
  const beside = Math.floor((width - gap) / (columns[0] + columns[1]));
  const below = Math.floor(width / Math.max(...columns)) + 1; // borders are shared
  const digits = String(product(axes.map(most))).length;
  const side = Math.max(Math.min(beside >= 24 ? beside : below, 40), 6 + 7 * digits, 18);
  const font = Math.min(Math.max(0.46 * side, 11), (side - 4) / (0.62 * digits));
  at("grids").style.setProperty("--side", `${side}px`);
  at("grids").style.setProperty("--font", `${font}px`);
}

function heading(which) {
  const name = isOutput(which) ? "Output" : "Input";
  const size = axes.slice(3 - DIMS).map((axis) => (isOutput(which) ? axis.out : axis.n));
  return element("h2", { id: `${which}-name` }, `${name}, ${size.join("×")}`);
}

function caption(which) {
  const parts = [];
  if (which === "pixels" && isOutput(which)) {
    parts.push("The number in a cell: how many input pixels write it.");
  } else if (which === "pixels") {
    parts.push("The number in a cell: how many windows read it.");
  }
  if (DIMS === 3) parts.push(`Depth ${slice[which]} is drawn.`);
  for (const i of [1, 2]) {
    const shown = drawn(which, i);
    const [low, high] = limits(which, i);
    if (shown.length === high - low + 1) continue;
    const what = i === 1 ? "Rows" : "Columns";
    parts.push(`${what} ${shown[0]} to ${shown[shown.length - 1]} are drawn, of ${low} to ${high}.`);
  }
  return parts.join(" ");
}

function makeGrid(which) {
  const [rows, columns] = [drawn(which, 1), drawn(which, 2)];
  const table = element("div", { class: `grid ${which}`, role: "grid", "aria-labelledby": `${which}-name` });
  for (const [i, name] of [[1, "row"], [2, "col"]]) {
    table.setAttribute(`aria-${name}count`, limits(which, i)[1] - limits(which, i)[0] + 1);
  }
  const cells = rows.map((row) => {
    const line = element("div", { class: "row", role: "row", "aria-rowindex": row - limits(which, 1)[0] + 1 });
    table.append(line);
    return columns.map((column) => {
      const cell = makeCell(which, [slice[which], row, column]);
      line.append(cell);
      return cell;
    });
  });
  return { table, cells, rows, columns };
}

function makeCell(which, place) {
  const cell = element("div", { class: "cell", role: "gridcell", tabindex: -1 });
  cell.setAttribute("aria-colindex", place[2] - limits(which, 2)[0] + 1);
  cell.place = { grid: which, place };
  let label = `${isOutput(which) ? "output" : "input"} ${where(place)}`;
  if (which === "pixels") {
    const starts = axes.map((axis, i) => (place[i] + axis.pb) % axis.s === 0 && (place[i] + axis.pb) / axis.s < axis.windows);
    cell.classList.toggle("corner", starts[1] && starts[2]);
    if (axes.every((axis, i) => isPixel(axis, place[i]))) {
      const count = product(axes.map((axis, i) => axis.counts[place[i]]));
      cell.textContent = count;
      cell.style.setProperty("--share", count / Math.max(product(axes.map(most)), 1));
      cell.classList.toggle("unread", count === 0);
      label += `, ${isOutput(which) ? "written" : "read"} ${times(count)}`;
    } else {
      cell.classList.add("outside");
      label = `${isOutput(which) ? "cropped" : "padding"} ${where(place)}`;
    }
  }
  cell.setAttribute("aria-label", label);
  return cell;
}

/** The place in words: "row 0, column 1"; of one axis, its number. */
function where(place) {
  const names = ["depth", "row", "column"];
  if (DIMS === 1) return String(place[2]);
  return place.map((number, i) => `${names[i]} ${number}`).slice(3 - DIMS).join(", ");
}

// ---- who reads whom ----

/** The places that a cell reads, or that read it, of each axis. */
const reachedFrom = ({ grid, place }) =>
  axes.map((axis, i) => (grid === "places" ? taps : windowsOn)(axis, place[i]));

/** Light what a cell reads, or what reads it, and say so. */
function light(cell) {
  const other = cell.grid === "places" ? "pixels" : "places";
  const reached = reachedFrom(cell);
  for (const which of ["places", "pixels"]) {
    const { cells, rows, columns } = grids[which];
    const isReached = ([z, y, x]) => reached[0].includes(z) && reached[1].includes(y) && reached[2].includes(x);
    rows.forEach((row, r) =>
      columns.forEach((column, c) => {
        const place = [slice[which], row, column];
        const here = cells[r][c];
        const own = which === cell.grid && String(place) === String(cell.place);
        const kept = which === selected.grid && String(place) === String(selected.place);
        here.classList.toggle("lit", which === other && isReached(place));
        here.classList.toggle("selected", own);
        here.setAttribute("aria-selected", own);
        here.tabIndex = kept ? 0 : -1;
      }),
    );
    if (which !== selected.grid) cells[0][0].tabIndex = 0;
    else if (!cells.flat().some((each) => each.tabIndex === 0)) cells[0][0].tabIndex = 0;
  }
  at("reading").textContent = sentence(cell, reached);
}

function sentence({ grid, place }, reached) {
  const written = settings.kind === "convt";
  const places = reached.slice(3 - DIMS);
  const count = product(places.map((each) => each.length));
  const rows = ["depths", "rows", "columns"].slice(3 - DIMS);
  const listed = places.map((each, i) => (DIMS === 1 ? "" : `${rows[i]} `) + listing(each)).join("; ");
  if (grid === "places") {
    const inside = product(reached.map((each, i) => each.filter((pixel) => isPixel(axes[i], pixel)).length));
    const name = `${written ? "Input" : "Output"} ${where(place)} ${written ? "writes" : "reads"}`;
    const rest = count - inside;
    const kinds = written ? ["output pixel", "cropped"] : ["input pixel", "of padding"];
    const outside = rest ? ` and ${rest} ${kinds[1]}` : "";
    return `${name} ${counted(inside, kinds[0])}${outside}: ${listed}.`;
  }
  const real = axes.every((axis, i) => isPixel(axis, place[i]));
  const kind = written ? (real ? "Output" : "Cropped output") : real ? "Input" : "Padding";
  const name = `${kind} ${where(place)} is ${written ? "written" : "read"} by`;
  if (!count) return `${name} no ${written ? "input" : "output"}.`;
  return `${name} ${counted(count, written ? "input" : "output")}: ${listed}.`;
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const times = (count) => ["never", "once", "twice"][count] || `${count} times`;
const listing = (numbers) =>
  numbers.length > 7 ? `${numbers.slice(0, 3).join(", ")}, … ${numbers[numbers.length - 1]}` : numbers.join(", ");

function select(cell) {
  at("reading").setAttribute("aria-live", "polite");
  selected = cell;
  if (reveal(cell)) drawGrid(cell.grid === "places" ? "pixels" : "places");
  light(cell);
}

/** Go to a place, which is drawn first if it is not. */
function go(which, place) {
  const inside = place.map((number, i) => clamp(number, limits(which, i)));
  let moved = slice[which] !== inside[0];
  slice[which] = inside[0];
  for (const i of [1, 2]) moved = show(which, i, [inside[i]]) || moved;
  selected = { grid: which, place: inside };
  if (moved) drawGrid(which);
  const { cells, rows, columns } = grids[which];
  cells[rows.indexOf(inside[1])][columns.indexOf(inside[2])].focus();
}

function onKey(event) {
  const cell = event.target.place;
  if (!cell || event.altKey || event.metaKey) return;
  const [z, y, x] = cell.place;
  const [top, bottom] = limits(cell.grid, 1);
  const [left, right] = limits(cell.grid, 2);
  const moves = {
    ArrowLeft: [z, y, x - 1],
    ArrowRight: [z, y, x + 1],
    ArrowUp: [z, y - 1, x],
    ArrowDown: [z, y + 1, x],
    Home: [z, event.ctrlKey ? top : y, left],
    End: [z, event.ctrlKey ? bottom : y, right],
    PageUp: DIMS === 3 ? [z - 1, y, x] : [z, top, x],
    PageDown: DIMS === 3 ? [z + 1, y, x] : [z, bottom, x],
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  go(cell.grid, moves[event.key]);
}

const cellOf = (event) => event.target.closest(".grid .cell")?.place;

at("grids").addEventListener("pointerover", (event) => light(cellOf(event) || selected));
at("grids").addEventListener("pointerleave", () => light(selected));
at("grids").addEventListener("focusin", (event) => cellOf(event) && select(cellOf(event)));
at("grids").addEventListener("click", (event) => cellOf(event) && event.target.focus());
at("grids").addEventListener("keydown", onKey);

buildSettings();
reset();
new ResizeObserver(() => grids.pixels && sizeCells()).observe(at("answer"));
