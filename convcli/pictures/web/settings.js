// The state of the page; sliders and boxes set it, and each change shows the answer anew.

const START = JSON.parse(document.getElementById("start").textContent);
const DIMS = START.axes.length;
const NAMES = AXIS_NAMES[DIMS];
// An axis is drawn whole up to so many cells; of a longer one, fewer are seen at once.
const [WHOLE, PART] = [28, 18];
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
const SINGLE = { f: 1, s: 1, d: 1, pb: 0, windows: 1, pixels: 1, length: 1, counts: [1] };

const at = (id) => document.getElementById(id);
let settings; // what `geometry.fitAll` takes
let linked; // every axis alike
let even; // the same padding at both ends
let axes; // depth, height, width
let view; // the first position that is drawn of each grid and axis; padding is counted
let slice; // the depth that is shown: a window, and a pixel
let selected; // the cell that stays lit: which grid, and its place on each axis
let room = at("answer").clientWidth; // for both grids, in pixels; to measure it at each change is slow
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
  return element("div", { class: "slider" }, name, element("b", { "aria-hidden": true }), input);
}

function setSlider(id, value, low, high) {
  const input = at(id);
  if (low !== undefined) [input.min, input.max] = [low, high];
  input.value = value;
  input.parentElement.querySelector("b").textContent = value;
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
  const words = commandLine(settings).split(" "); // no line breaks at the hyphens of an option
  at("command").replaceChildren(...words.flatMap((word, i) => [i ? " " : "", element("span", {}, word)]));
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
    document.title = `${KIND_NAMES[settings.kind]}, no output`;
    at("loss").parentElement.hidden = true;
    return;
  }
  const sizes = (key) => real.map((axis) => axis[key]).join("×");
  document.title = `${KIND_NAMES[settings.kind]}, ${sizes("n")} to ${sizes("out")}`;
  at("size").textContent = `input ${sizes("n")} → output ${sizes("out")}`;
  at("formula").textContent = formulaLines(real).join("\n");
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
