const frames = data.steps.length, slider = document.getElementById("frame");
document.getElementById("title").textContent = data.title;
slider.max = frames - 1;
const draws = [];

// -- the network ---------------------------------------------------------------------------------------------

function neurons(network) {
  const { svg, lines, circles } = chain(network.columns);
  const weights = network.columns.map((column) => (column.weights ? floats(column.weights) : null));
  const biases = network.columns.map((column) => (column.bias ? floats(column.bias) : null));
  draws.push((frame) => {
    for (const each of lines) {
      const value = weights[each.column][frame * each.count + each.at];
      drawLine(each, value, network.columns[each.column].largest, number(value));
    }
    for (const each of circles) {
      const bias = biases[each.column], value = bias ? bias[frame * each.count + each.at] : 0;
      drawDot(each, value / (network.columns[each.column].largest_bias || 1));
      each.title.textContent = bias ? `${each.name}: bias ${number(value)}` : each.name;
    }
  });
  return [svg, legend("Red: positive, blue: negative. A wide line is a large weight; a neuron has the colour of its bias.")];
}

function tensors(network) {
  const found = network.tensors.map((tensor) => {
    const { height, width, largest } = tensor, values = floats(tensor.values), step = height * width;
    const canvas = element("canvas", { width, height, style: `max-width:${Math.max(width * 8, 40)}px` });
    const shown = tensor.shape.join(" × ") || "1";
    draws.push((frame) => {
      draw(canvas, (k) => signed(values[frame * step + k] / (largest || 1)));
    });
    return element("div", {}, element("h3", {}, `${tensor.name} (${shown})`), canvas);
  });
  return [...found, legend("The first rows and columns of each parameter. Red: positive, blue: negative.")];
}

function draw(canvas, color) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  for (let k = 0; k < canvas.width * canvas.height; k++) {
    image.data.set([...color(k), 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
}

// -- the answers ---------------------------------------------------------------------------------------------

// Colours of classes that are told apart in light and dark.
function classColor(number, count) {
  if (count <= 2) return number ? [230, 120, 30] : [50, 110, 220];
  const hue = (number * 360) / count, f = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.5 - 0.35 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [f(0), f(8), f(4)];
}

function plane(stage) {
  const n = stage.grid, values = bytes(stage.values), canvas = element("canvas", { width: n, height: n });
  const heat = (byte) => signed(byte / 127.5 - 1);
  const classHeat = (byte) => {
    const number = Math.floor(byte / stage.levels), part = ((byte % stage.levels) + 1) / stage.levels;
    const ground = paint("panel"), hex = (rgb) => "#" + rgb.map((v) => v.toString(16).padStart(2, "0")).join("");
    return mixed(ground, hex(classColor(number, stage.classes)), 0.15 + 0.55 * part);
  };
  const color = stage.kind === "classes" ? classHeat : heat;
  const svg = shape("svg", { viewBox: "0 0 300 300", style: "position:absolute;inset:0;width:100%;height:100%" });
  stage.x.forEach(([a, b], i) => {
    const x = (300 * (a - stage.low[0])) / (stage.high[0] - stage.low[0]);
    const y = 300 - (300 * (b - stage.low[1])) / (stage.high[1] - stage.low[1]);
    if (a === null || b === null) return;
    const range = stage.range || [0, 1], t = stage.t[i];
    const rgb = stage.classes ? classColor(t, stage.classes) : signed((2 * (t - range[0])) / (range[1] - range[0] || 1) - 1);
    const dot = shape("circle", { cx: x, cy: y, r: 3.2, fill: `rgb(${rgb})`, stroke: "#fff", "stroke-width": 0.9 });
    dot.append(shape("title", {}, `x = (${number(a)}, ${number(b)}), target ${number(t)}`));
    svg.append(dot);
  });
  draws.push((frame) => {
    const palette = Array.from({ length: 256 }, (_, byte) => color(byte));
    // Row 0 of the answers is the lowest second input, and is drawn at the bottom.
    draw(canvas, (k) => palette[values[frame * n * n + (n - 1 - Math.floor(k / n)) * n + (k % n)]]);
  });
  const text = stage.classes
    ? "Each place has the colour of the class that is predicted there: the stronger, the more certain."
    : `Answers from ${number(stage.range[0])} (blue) to ${number(stage.range[1])} (red).`;
  return [element("div", { style: "position:relative" }, canvas, svg), legend(text + samples(stage))];
}

function samples(stage) {
  const shown = stage.x.length < stage.rows ? `${stage.x.length} of ${stage.rows} samples` : `${stage.rows} samples`;
  return ` Dots: ${shown}, in the colour of their target.`;
}

function curve(stage) {
  const n = stage.count, values = floats(stage.values), known = [...values, ...stage.t].filter(Number.isFinite);
  let low = Math.min(...known.slice(-stage.t.length)), high = Math.max(...known.slice(-stage.t.length));
  const room = 0.25 * (high - low) || 1;
  low -= room; high += room;
  const x = (value) => 20 + (270 * (value - stage.low[0])) / (stage.high[0] - stage.low[0]);
  const y = (value) => 290 - (280 * (Math.max(low, Math.min(high, value)) - low)) / (high - low);
  const svg = shape("svg", { viewBox: "0 0 300 300", role: "img" });
  stage.x.forEach(([a], i) => {
    if (a === null || stage.t[i] === null) return;
    svg.append(shape("circle", { cx: x(a), cy: y(stage.t[i]), r: 2.6, fill: "var(--soft)" }));
  });
  const line = shape("path", { fill: "none", stroke: "var(--plus)", "stroke-width": 2 });
  svg.append(line, shape("text", { x: 2, y: 12 }, number(high, 3)), shape("text", { x: 2, y: 298 }, number(low, 3)));
  draws.push((frame) => {
    let path = "", pen = "M";
    for (let i = 0; i < n; i++) {
      const value = values[frame * n + i];
      if (!Number.isFinite(value)) { pen = "M"; continue; }
      path += `${pen}${x(stage.low[0] + ((stage.high[0] - stage.low[0]) * i) / (n - 1)).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
    line.setAttribute("d", path);
  });
  return [svg, legend(`The network's answer (line) and the targets of ${stage.x.length} samples.`)];
}

// -- the loss ------------------------------------------------------------------------------------------------

function losses() {
  const svg = shape("svg", { viewBox: "0 0 300 220", role: "img" }), known = data.losses.filter((v) => v !== null);
  const isLog = known.every((v) => v > 0) && known.length > 0 && Math.max(...known) > 20 * Math.min(...known);
  const scale = (v) => (isLog ? Math.log10(v) : v);
  let low = Math.min(...known.map(scale)), high = Math.max(...known.map(scale));
  if (!known.length) { low = 0; high = 1; }
  if (low === high) { low -= 0.5; high += 0.5; }
  const last = data.steps[frames - 1], first = data.steps[0];
  const x = (step) => 44 + (248 * (step - first)) / (last - first || 1);
  const y = (v) => 192 - (180 * (scale(v) - low)) / (high - low);
  for (const part of [0, 0.5, 1]) {
    const at = low + (high - low) * part, text = number(isLog ? 10 ** at : at, 2), line = 192 - 180 * part;
    svg.append(shape("line", { x1: 44, x2: 292, y1: line, y2: line, stroke: "var(--line)" }));
    svg.append(shape("text", { x: 40, y: line + 4, "text-anchor": "end", class: "soft" }, text));
  }
  svg.append(shape("text", { x: 44, y: 212, class: "soft" }, String(first)));
  svg.append(shape("text", { x: 292, y: 212, "text-anchor": "end", class: "soft" }, String(last)));
  let path = "", pen = "M";
  data.losses.forEach((v, i) => {
    if (v === null || (isLog && v <= 0)) { pen = "M"; return; }
    path += `${pen}${x(data.steps[i]).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = "L";
  });
  svg.append(shape("path", { d: path, fill: "none", stroke: "var(--accent)", "stroke-width": 1.8 }));
  const dot = shape("circle", { r: 5, fill: "var(--accent)" });
  svg.append(dot);
  draws.push((frame) => {
    const v = data.losses[frame];
    dot.setAttribute("visibility", v === null ? "hidden" : "visible");
    if (v !== null) fill(dot, { cx: x(data.steps[frame]), cy: y(v) }, []);
  });
  return [svg, legend(isLog ? "Over epochs or steps, on a logarithmic scale." : "Over epochs or steps.")];
}

// -- the slider ----------------------------------------------------------------------------------------------

function show() {
  const frame = Number(slider.value), loss = data.losses[frame];
  document.getElementById("where").textContent = `step ${data.steps[frame]}, loss ${number(loss)}`;
  for (const drawFrame of draws) drawFrame(frame);
}

let timer = null;
function play() {
  const button = document.getElementById("play");
  if (timer !== null) {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
    return;
  }
  if (Number(slider.value) === frames - 1) slider.value = 0;
  button.textContent = "Pause";
  timer = setInterval(() => {
    if (Number(slider.value) >= frames - 1) return play();
    slider.value = Number(slider.value) + 1;
    show();
  }, Math.max(40, Math.min(400, 8000 / frames)));
}

const network = data.network.kind === "chain" ? neurons(data.network) : tensors(data.network);
document.getElementById("network").append(...network);
if (data.stage) {
  document.getElementById("stage-title").textContent = data.stage.classes ? "Decision regions" : "Answers";
  document.getElementById("stage").append(...(data.stage.kind === "curve" ? curve(data.stage) : plane(data.stage)));
} else {
  document.getElementById("stage-panel").remove();
}
document.getElementById("loss").append(...losses());
slider.addEventListener("input", show);
document.getElementById("play").addEventListener("click", play);
scheme.addEventListener("change", show);
slider.value = frames - 1;
show();
