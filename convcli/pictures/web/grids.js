// The two grids, and which part of them is drawn. Windows are at places, and read or write pixels.

const limits = (which, i) =>
  which === "places" ? [0, axes[i].windows - 1] : [-axes[i].pb, axes[i].length - axes[i].pb - 1];

const clamp = (number, [low, high]) => Math.max(low, Math.min(number, high));

const total = (which, i) => limits(which, i)[1] - limits(which, i)[0] + 1;

/** How many places of an axis lie outside what is drawn of it. */
const excess = (which, i) => (total(which, i) > WHOLE ? total(which, i) - PART : 0);

/** The places of an axis that are drawn. */
function drawn(which, i) {
  view[which][i] = clamp(view[which][i], [0, excess(which, i)]);
  return range(limits(which, i)[0] + view[which][i], total(which, i) - excess(which, i));
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
const lastFirst = (i) => Math.max(Math.ceil(excess("pixels", i) / axes[i].s), excess("places", i));

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
  const wanted = NAMES.map((name, i) => i + 3 - DIMS).filter((i) => i > 0 && lastFirst(i) > 0);
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
    setSlider(`first-${i}`, start, 0, lastFirst(i));
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
  const [width, gap] = [room - 12, 44];
  const columns = Object.values(grids).map((grid) => grid.columns.length);
  const beside = Math.floor((width - gap) / (columns[0] + columns[1]));
  const below = Math.floor(width / Math.max(...columns)) + 1; // borders are shared
  const digits = String(product(axes.map(most))).length;
  const side = Math.max(Math.min(beside >= 21 ? beside : below, 40), 6 + 7 * digits, 18);
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
    if (!excess(which, i)) continue;
    const [low, high] = limits(which, i);
    const what = i === 1 ? "Rows" : "Columns";
    parts.push(`${what} ${shown[0]} to ${shown[shown.length - 1]} are drawn, of ${low} to ${high}.`);
  }
  return parts.join(" ");
}

function makeGrid(which) {
  const [rows, columns] = [drawn(which, 1), drawn(which, 2)];
  const table = element("div", { class: `grid ${which}`, role: "grid", "aria-labelledby": `${which}-name` });
  for (const [i, name] of [[1, "row"], [2, "col"]]) {
    table.setAttribute(`aria-${name}count`, total(which, i));
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
    const starts = [1, 2].every((i) => startsWindow(axes[i], place[i]));
    cell.classList.toggle("corner", starts);
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
