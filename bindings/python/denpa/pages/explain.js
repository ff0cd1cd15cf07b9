const { nodes, tensors, steps } = data, slider = document.getElementById("step");
const sampleBox = document.getElementById("sample"), detail = document.getElementById("detail");
const FOLD = 8, TERMS = 12;
for (const tensor of tensors) {
  for (const which of ["value", "gradient", "slope"]) if (which in tensor) tensor[which] = doubles(tensor[which]);
}
let chosen = null;

// -- numbers -------------------------------------------------------------------------------------------------

// An element of the matrix that a table shows; undefined where the page does not have it.
function at(tensor, which, row, column) {
  const [height, width] = tensor.corner;
  return tensor[which] && row < height && column < width ? tensor[which][row * width + column] : undefined;
}

// The index in the tensor's own shape.
function indexOf(tensor, row, column) {
  if (!tensor.shape.length) return "";
  const index = [column];
  for (let axis = tensor.shape.length - 2; axis >= 0; axis--) {
    index.unshift(row % tensor.shape[axis]);
    row = Math.floor(row / tensor.shape[axis]);
  }
  return `[${index.join(", ")}]`;
}

const named = (tensor, row, column) => tensor.label + indexOf(tensor, row, column);
const shapeText = (tensor) => (tensor.shape.length ? tensor.shape.join(" × ") : "one number");

function owner(number) {
  return nodes.find((node) => node.values.includes(number));
}

// What a dense layer computes with, or null for another one.
function dense(node) {
  if (node.kind !== "dense" || node.inputs.length !== 1) return null;
  const parameters = node.parameters.map((number) => tensors[number]);
  const argument = node.values.map((n) => tensors[n]).find((tensor) => tensor.kind === "argument");
  const output = node.values.map((n) => tensors[n]).find((tensor) => tensor.kind === "output");
  const W = parameters.find((tensor) => tensor.shape.length === 2);
  const b = parameters.find((tensor) => tensor.shape.length === 1);
  return W && output ? { x: tensors[node.inputs[0]], W, b, u: argument || output, y: output, argument } : null;
}

// "Σ a·b = 0.1·2 + … = 0.7": the terms, each a list of factors, and their sum.
function sumText(terms) {
  if (!terms.length || terms.some((term) => term.some((factor) => factor === undefined))) {
    return "… (the page does not have all terms)";
  }
  const text = terms.slice(0, TERMS).map((term) => term.map((factor) => number(factor)).join("·"));
  if (terms.length > TERMS) text.push(`… (${terms.length} terms)`);
  const total = terms.reduce((sum, term) => sum + term.reduce((a, b) => a * b, 1), 0);
  return `${text.join(" + ")} = ${number(total, 6)}`;
}

const upTo = (count, make) => Array.from({ length: count }, (_, k) => make(k));

// How an element came about: lines of text.
function derivation(number_, which, row, column) {
  const tensor = tensors[number_], name = named(tensor, row, column), node = owner(number_), d = dense(node);
  if (which === "value") {
    const head = `${name} = ${number(at(tensor, "value", row, column), 8)}`;
    if (tensor.kind === "parameter") return [head, "A parameter: training changes it."];
    if (d && tensor === d.u) {
      const terms = upTo(d.W.shape[0], (i) => [at(d.x, "value", row, i), at(d.W, "value", i, column)]);
      if (d.b) terms.push([at(d.b, "value", 0, column)]);
      return [head, `= Σ ${d.x.label}·${d.W.label}${d.b ? ` + ${d.b.label}` : ""}`, `= ${sumText(terms)}`];
    }
    if (d && d.argument && tensor === d.y) {
      return [head, `= f(${named(d.argument, row, column)}) = f(${number(at(d.argument, "value", row, column))})`];
    }
    return [head, node.forward];
  }
  const head = `∂E/∂${name} = ${number(at(tensor, "gradient", row, column), 8)}`;
  if (tensor.kind === "argument" && tensor.slope) {
    const y = tensors[node.values.find((n) => tensors[n].kind === "output")];
    const factors = [at(y, "gradient", row, column), at(tensor, "slope", row, column)];
    return [head, `= ∂E/∂${named(y, row, column)} · f′(${named(tensor, row, column)})`, `= ${sumText([factors])}`];
  }
  if (tensor.kind === "parameter") return [head, ...ofParameter(tensor, row, column)];
  const users = nodes.filter((other) => other.inputs.includes(number_));
  if (users.length && users.every((other) => dense(other))) {
    const terms = users.flatMap((other) => {
      const { u, W } = dense(other);
      return upTo(W.shape[1], (k) => [at(u, "gradient", row, k), at(W, "value", column, k)]);
    });
    const formula = users.map((other) => `Σ ∂E/∂${dense(other).u.label}·${dense(other).W.label}`).join(" + ");
    return [head, `= ${formula}`, `= ${sumText(terms)}`];
  }
  return [head, users.length ? `Comes back from ${users.map((user) => user.name).join(", ")}.` : node.backward];
}

// A weight's gradient: what came in times what came back, summed over the rows; then its three factors.
function ofParameter(tensor, row, column) {
  const users = nodes.filter((node) => node.parameters.map((n) => tensors[n]).includes(tensor)).map(dense);
  if (!users.length || users.includes(null)) return [];
  const terms = users.flatMap(({ x, W, u }) => upTo(u.matrix[0], (n) => {
    const back = at(u, "gradient", n, column);
    return tensor === W ? [at(x, "value", n, row), back] : [back];
  }));
  const formula = users.map(({ x, W, u }) => (tensor === W ? `Σ ${x.label}·∂E/∂${u.label}` : `Σ ∂E/∂${u.label}`));
  const found = [`= ${formula.join(" + ")} over the rows`, `= ${sumText(terms)}`];
  const { x, W, argument, y } = users[0], n = Number(sampleBox.value);
  if (argument && argument.slope && users.length === 1) {
    const error = at(y, "gradient", n, column), slope = at(argument, "slope", n, column);
    const input = tensor === W ? at(x, "value", n, row) : 1;
    if ([error, slope, input].every((value) => value !== undefined)) {
      found.push(`Row ${n}: error ${number(error)} × slope f′ ${number(slope)} × input ${number(input)} ` +
        `= ${number(error * slope * input, 6)}`);
    }
  }
  return found;
}

// -- tables --------------------------------------------------------------------------------------------------

function table(number_, which, isOpen) {
  const tensor = tensors[number_], [height, width] = tensor.corner;
  const rows = isOpen ? height : Math.min(height, FOLD), columns = isOpen ? width : Math.min(width, FOLD);
  const numbers = tensor[which], most = numbers.reduce((a, v) => (Number.isFinite(v) ? Math.max(a, Math.abs(v)) : a), 0);
  const body = element("table", { "data-tensor": number_, "data-which": which });
  for (let r = 0; r < rows; r++) {
    const line = element("tr");
    if (tensor.shape.length > 1) {
      line.append(element("th", {}, indexOf(tensor, r, 0).replace(/,[^,]*\]$/, "]").replace(/^\[0\]$/, height === 1 ? "" : "[0]")));
    }
    for (let c = 0; c < columns; c++) {
      const value = numbers[r * width + c], part = most ? Math.min(1, Math.abs(value) / most) : 0;
      const tone = !Number.isFinite(value) ? "odd" : value < 0 ? "minus" : "plus";
      const style = `--part:${Number.isFinite(value) ? Math.round(45 * part) : 100}%`;
      const isChosen = chosen && chosen.join() === [number_, which, r, c].join();
      line.append(element("td", { class: tone + (isChosen ? " chosen" : ""), style, "data-row": r, "data-column": c,
        tabindex: 0, role: "button", title: named(tensor, r, c) }, number(value)));
    }
    if (columns < tensor.matrix[1]) line.append(element("td", { class: "more" }, "…"));
    body.append(line);
  }
  if (rows < tensor.matrix[0]) body.append(element("tr", {}, element("td", { class: "more" }, "⋮")));
  const title = which === "value" ? tensor.label : which === "slope" ? `f′(${tensor.label})` : `∂E/∂${tensor.label}`;
  const block = element("div", { class: "block" }, element("h3", {}, `${title} `, element("span", { class: "soft" }, shapeText(tensor))));
  block.append(element("div", { class: "scroll" }, body));
  if (!isOpen && (rows < height || columns < width)) {
    const whole = height === tensor.matrix[0] && width === tensor.matrix[1];
    const text = whole ? `show all ${height} × ${width}` : `show ${height} × ${width} of ${tensor.matrix.join(" × ")}`;
    block.append(element("button", { type: "button", class: "fold", onclick: () => block.replaceWith(table(number_, which, true)) }, text));
  }
  return block;
}

function choose(cell) {
  const place = cell.closest("table");
  chosen = [Number(place.dataset.tensor), place.dataset.which, Number(cell.dataset.row), Number(cell.dataset.column)];
  for (const other of document.querySelectorAll("td.chosen")) other.classList.remove("chosen");
  cell.classList.add("chosen");
  explainChosen();
}

function explainChosen() {
  const box = document.getElementById("derivation");
  if (!box) return;
  const text = !chosen ? ["Choose a number to see where it comes from."] : chosen[1] === "slope"
    ? [`f′(${named(tensors[chosen[0]], chosen[2], chosen[3])}) = ${number(at(tensors[chosen[0]], "slope", chosen[2], chosen[3]), 8)}`]
    : derivation(...chosen);
  box.replaceChildren(...text.map((line) => element("p", {}, line)));
}

detail.addEventListener("click", (event) => {
  const cell = event.target.closest("td[data-row]");
  if (cell) choose(cell);
});
detail.addEventListener("keydown", (event) => {
  const cell = event.target.closest("td[data-row]");
  if (cell && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); choose(cell); }
});

// -- one step ------------------------------------------------------------------------------------------------

function blocks(title, list) {
  return list.length ? [element("h3", { class: "soft" }, title), element("div", { class: "blocks" }, ...list)] : [];
}

function drawDetail() {
  const [nodeNumber, direction] = steps[Number(slider.value)], node = nodes[nodeNumber];
  const own = (kinds) => node.values.filter((n) => kinds.includes(tensors[n].kind));
  const value = (list) => list.map((n) => table(n, "value"));
  const gradient = (list) => list.filter((n) => tensors[n].gradient).map((n) => table(n, "gradient"));
  const results = own(["output", "input", "target", "loss"]), inside = own(["argument"]);
  const isForward = direction === "forward", attributes = node.note ? `, ${node.note}` : "";
  const head = element("h2", {}, `${isForward ? "Forward" : "Backward"}: ${node.title} `,
    element("span", { class: "soft" }, `${node.kind === node.title ? "" : node.kind}${attributes}`));
  const parts = [head, element("p", { class: "formula" }, isForward ? node.forward : node.backward),
    element("div", { id: "derivation" })];
  if (isForward) {
    parts.push(...blocks("Comes in", value(node.inputs)), ...blocks("Parameters", value(node.parameters)),
      ...blocks(node.role === "input" || node.role === "target" ? "Given" : "Result", value([...inside, ...results])));
  } else {
    const slopes = inside.filter((n) => tensors[n].slope).map((n) => table(n, "slope"));
    if (node.role !== "loss") parts.push(...blocks("Comes back", gradient(results)));
    parts.push(...blocks("In the layer", [...slopes, ...gradient(inside)]),
      ...blocks("Gradients of the parameters", gradient(node.parameters)), ...blocks("Goes on", gradient(node.inputs)));
  }
  detail.replaceChildren(...parts);
  explainChosen();
}

// -- the graph -----------------------------------------------------------------------------------------------

const boxes = [];
function drawGraph() {
  const place = document.getElementById("graph");
  if (!data.places.length) {
    place.append(legend(`The graph of ${nodes.length} layers is too large to be drawn: the slider leads through them.`));
    return;
  }
  const wide = 140, high = 62, all = [...data.places, ...data.routes.flat()];
  const low = Math.min(...all.map((p) => p[0])), top = Math.min(...all.map((p) => p[1]));
  const across = Math.max(...all.map((p) => p[0])) - low + 1, down = Math.max(...all.map((p) => p[1])) - top + 1;
  const left = (p) => (p[0] - low) * wide + wide / 2, height = (p) => (p[1] - top) * high + 26;
  const x = (n) => left(data.places[n]), y = (n) => height(data.places[n]);
  const style = `max-width:${across * wide * 1.2}px;min-width:${Math.min(across * wide * 0.6, 1600)}px;margin:auto`;
  const svg = shape("svg", { viewBox: `0 0 ${across * wide} ${down * high}`, role: "img", style });
  data.edges.forEach(([from, to, value], n) => {
    const end = [x(to), y(to) - 18], title = `${tensors[value].label}: ${shapeText(tensors[value])}`;
    let last = [x(from), y(from) + 18], path = `M${last}`;
    const lead = (next) => {
      const middle = (last[1] + next[1]) / 2;
      path += `C${last[0]} ${middle} ${next[0]} ${middle} ${next}`;
      last = next;
    };
    for (const place of data.routes[n]) {  // straight past the boxes of a row
      lead([left(place), height(place) - 18]);
      last = [left(place), height(place) + 18];
      path += `L${last}`;
    }
    lead(end);
    svg.append(shape("path", { d: path, fill: "none", stroke: "var(--soft)", "stroke-width": 1.4 }, shape("title", {}, title)));
    svg.append(shape("path", { d: `M${end[0] - 4} ${end[1] - 7}L${end[0] + 4} ${end[1] - 7}L${end}Z`, fill: "var(--soft)" }));
  });
  nodes.forEach((node, n) => {
    const box = shape("rect", { x: x(n) - 62, y: y(n) - 18, width: 124, height: 36, rx: 6, class: `box ${node.role}` });
    const out = tensors[node.values.find((k) => tensors[k].kind !== "parameter" && tensors[k].kind !== "argument")];
    const middle = { x: x(n), "text-anchor": "middle" };
    const below = cut(`${node.kind === node.role ? "" : node.kind + " "}${out && out.shape.length ? out.shape.join("×") : ""}`.trim(), 20);
    const group = shape("g", { class: "node", tabindex: 0, role: "button", "data-node": n }, shape("title", {}, `${node.name}: ${node.kind}`), box,
      shape("text", { ...middle, y: y(n) - 2 }, cut(node.title, 18)), shape("text", { ...middle, y: y(n) + 12, class: "soft" }, below));
    boxes.push(group);
    svg.append(group);
  });
  const follow = (event) => { const group = event.target.closest("g.node"); if (group) goTo(Number(group.dataset.node)); };
  svg.addEventListener("click", follow);
  svg.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); follow(event); } });
  place.append(svg);
}

// Goes to the step of a node, in the direction that is shown.
function goTo(node) {
  const direction = steps[Number(slider.value)][1];
  let found = steps.findIndex((step) => step[0] === node && step[1] === direction);
  if (found < 0) found = steps.findIndex((step) => step[0] === node);
  slider.value = found;
  show();
}

// -- the network ---------------------------------------------------------------------------------------------

let drawNetwork = () => {};
function prepareNetwork() {
  if (!data.network) return document.getElementById("network-panel").remove();
  const columns = data.network.columns, { svg, lines, circles } = chain(columns), parts = columns.map((column) => [column.values, column.weights]);
  for (const part of parts.flat()) for (const which in part || {}) part[which].numbers = doubles(part[which].numbers);
  lines.forEach((each) => each.line.addEventListener("click", () => {
    chosen = [columns[each.column].parameter, steps[Number(slider.value)][1] === "forward" ? "value" : "gradient",
      columns[each.column - 1].shown[each.i], columns[each.column].shown[each.j]];
    goTo(columns[each.column].node);
  }));
  circles.forEach((each) => each.dot.addEventListener("click", () => {
    const column = columns[each.column];
    if (tensors[column.tensor].shape.length === 2) {
      chosen = [column.tensor, steps[Number(slider.value)][1] === "forward" ? "value" : "gradient", Number(sampleBox.value), column.shown[each.at]];
    }
    goTo(column.node);
  }));
  drawNetwork = () => {
    const step = Number(slider.value), [current, direction] = steps[step], which = direction === "forward" ? "value" : "gradient";
    const seen = new Set(steps.slice(0, step + 1).filter((each) => each[1] === direction).map((each) => each[0]));
    const row = Number(sampleBox.value);
    for (const each of lines) {
      const part = columns[each.column].weights[which], value = part ? part.numbers[each.at] : 0;
      drawLine(each, value, part ? part.largest : 0, number(value));
      if (which === "gradient") each.title.textContent = `∂E/∂${each.title.textContent}`;
    }
    for (const each of circles) {
      const column = columns[each.column], part = column.values[which], isKnown = part && seen.has(column.node);
      const value = part ? part.numbers[row * each.count + each.at] : NaN;
      drawDot(each, isKnown ? value / (part.largest || 1) : null);
      each.dot.setAttribute("stroke-width", column.node === current ? 3 : 1.5);
      each.title.textContent = isKnown ? `${which === "gradient" ? "∂E/∂" : ""}${each.name} = ${number(value)}` : each.name;
    }
    document.getElementById("network-legend").textContent = which === "value"
      ? "Neurons have the colour of their value, lines that of the weight. Red: positive, blue: negative."
      : "Neurons and lines have the colour of their gradient. Red: positive, blue: negative.";
  };
  document.getElementById("network").append(svg, element("p", { class: "soft", id: "network-legend" }));
}

// -- distributions and the check -----------------------------------------------------------------------------

function histogram(title, found) {
  const svg = shape("svg", { viewBox: "0 0 160 64", role: "img" }), bins = found.bins || [], most = Math.max(1, ...bins);
  bins.forEach((count, k) => svg.append(shape("rect", { x: (160 / bins.length) * k + 0.5, width: 160 / bins.length - 1,
    y: 50 - (48 * count) / most, height: (48 * count) / most, fill: "var(--accent)" })));
  if (bins.length) {
    svg.append(shape("text", { x: 0, y: 62, class: "soft" }, number(found.low, 3)),
      shape("text", { x: 160, y: 62, "text-anchor": "end", class: "soft" }, number(found.high, 3)));
  }
  const text = found.mean === undefined ? `${found.count} elements` :
    `mean ${number(found.mean, 3)}, deviation ${number(found.spread, 3)}` + (found.zeros ? `, ${found.zeros} of ${found.count} are 0` : "");
  const odd = found.odd ? [element("p", { class: "bad" }, `${found.odd} of ${found.count} are not finite`)] : [];
  return element("figure", {}, element("figcaption", {}, title), svg, element("p", { class: "soft" }, text), ...odd);
}

function drawHistograms() {
  const place = document.getElementById("histograms");
  if (place.hasChildNodes()) return;
  nodes.forEach((node) => {
    const shown = node.values.map((n) => tensors[n]).filter((tensor) => tensor.histogram.count > 1);
    const figures = shown.flatMap((tensor) => [histogram(tensor.label, tensor.histogram),
      ...(tensor.slant ? [histogram(`∂E/∂${tensor.label}`, tensor.slant)] : [])]);
    if (figures.length) place.append(element("h3", {}, node.title), element("div", { class: "figures" }, ...figures));
  });
}

function drawCheck() {
  const found = data.check;
  if (!found) return document.getElementById("check-panel").remove();
  const place = document.getElementById("check");
  place.append(element("p", { class: found.passed ? "good" : "bad" }, `${found.passed ? "✓" : "✗"} ${found.sentence}`));
  const head = ["tensor", "worst", "elements", "at", "backpropagation", "numerical", ""].map((text) => element("th", {}, text));
  const rows = found.rows.map(([tensor, worst, count, index, analytic, numeric, passed]) => element("tr", {},
    ...[tensor, number(worst, 2), count, `[${index.join(", ")}]`, number(analytic, 9), number(numeric, 9)].map((text) => element("td", {}, String(text))),
    element("td", { class: passed ? "good" : "bad" }, passed ? "agrees" : "wrong")));
  if (rows.length) place.append(element("div", { class: "scroll" }, element("table", { class: "plain" }, element("tr", {}, ...head), ...rows)));
}

// -- all together --------------------------------------------------------------------------------------------

function show() {
  const step = Number(slider.value), [current, direction] = steps[step];
  document.getElementById("where").textContent = `${step + 1} of ${steps.length}: ${direction}, ${nodes[current].title}`;
  boxes.forEach((group, n) => group.classList.toggle("current", n === current));
  drawDetail();
  drawNetwork();
}

function move(by) {
  slider.value = Number(slider.value) + by;
  show();
}

const facts = [`${data.dtype}, ${data.rows} ${data.rows === 1 ? "sample" : "samples"}`];
if (data.loss !== null && data.loss !== undefined) facts.push(`loss E = ${number(data.loss, 6)}`);
document.getElementById("title").textContent = data.title;
document.getElementById("facts").append(facts.join(", ") + ". ");
if (data.check) {
  const words = data.check.passed ? "Gradient check passed." : "Gradient check failed.";
  document.getElementById("facts").append(element("span", { class: data.check.passed ? "good" : "bad" }, words));
}
slider.max = steps.length - 1;
sampleBox.max = Math.max(0, Math.min(data.rows, 32) - 1);
if (data.rows < 2) document.getElementById("samples").hidden = true;
drawGraph();
prepareNetwork();
drawCheck();
const distributions = document.getElementById("histograms").closest("details");
distributions.addEventListener("toggle", () => { if (distributions.open) drawHistograms(); });
distributions.open = nodes.length <= 12;
slider.addEventListener("input", show);
sampleBox.addEventListener("input", () => { if (sampleBox.value !== "" && sampleBox.checkValidity()) show(); });
document.getElementById("back").addEventListener("click", () => move(-1));
document.getElementById("next").addEventListener("click", () => move(1));
scheme.addEventListener("change", show);
show();
