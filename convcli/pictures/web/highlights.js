// What is lit: who reads whom, by pointer and by keys; at its end the page starts.

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
new ResizeObserver(() => {
  room = at("answer").clientWidth;
  sizeCells();
}).observe(at("answer"));
