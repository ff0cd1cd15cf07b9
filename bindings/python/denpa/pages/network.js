// A chain of dense layers as columns of neurons, of large ones the first and the last. Returns the drawing, its
// lines (from neuron i of the column before to neuron j) and its circles, with their places in the numbers.
function chain(columns) {
  const wide = 120, gap = 26, width = wide * columns.length;
  const tallest = Math.max(...columns.map((column) => column.shown.length + (column.shown.length < column.size)));
  const height = tallest * gap + 56;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `max-width:${1.6 * width}px;margin:auto` });
  const edges = shape("g"), dots = shape("g"), lines = [], circles = [];
  svg.append(edges, dots);
  const places = columns.map((column, c) => {
    const folded = column.shown.length < column.size, count = column.shown.length + folded;
    const top = 40 + ((tallest - count) * gap) / 2, half = column.shown.length / 2, x = wide * c + wide / 2;
    const middle = { x, "text-anchor": "middle" };
    if (folded) dots.append(shape("text", { ...middle, y: top + half * gap + 14, class: "soft" }, "⋮"));
    dots.append(shape("text", { ...middle, y: 14 }, cut(column.name, 17)));
    const note = cut(column.note, 12);
    const text = note ? `${column.size} · ${note}` : String(column.size);
    dots.append(shape("text", { ...middle, y: 28, class: "soft" }, text));
    return column.shown.map((_, i) => [x, top + (i + (folded && i >= half)) * gap + 10]);
  });
  columns.forEach((column, c) => {
    if (column.weights) {
      const from = places[c - 1], to = places[c], count = from.length * to.length;
      from.forEach((a, i) => to.forEach((b, j) => {
        const title = shape("title"), name = `${column.label}[${columns[c - 1].shown[i]}, ${column.shown[j]}]`;
        const line = shape("line", { x1: a[0], y1: a[1], x2: b[0], y2: b[1] }, title);
        edges.append(line);
        lines.push({ line, title, name, column: c, at: i * to.length + j, count, i, j });
      }));
    }
    places[c].forEach(([x, y], j) => {
      const title = shape("title"), dot = shape("circle", { cx: x, cy: y, r: 8, "stroke-width": 1.5 }, title);
      dots.append(dot);
      circles.push({ dot, title, name: `${column.name}[${column.shown[j]}]`, column: c, at: j, count: places[c].length });
    });
  });
  return { svg, lines, circles };
}

function drawLine({ line, title, name }, value, largest, text) {
  const part = largest ? Math.abs(value) / largest : 0;
  line.setAttribute("stroke", Number.isFinite(value) ? paint(value < 0 ? "minus" : "plus") : "#ff00ff");
  line.setAttribute("stroke-width", Number.isFinite(part) ? 0.3 + 3.7 * part : 4);
  line.setAttribute("stroke-opacity", Number.isFinite(part) ? 0.25 + 0.75 * part : 1);
  title.textContent = `${name} = ${text}`;
}

// Draws a neuron in the colour of a value from −1 to 1; null is not known yet.
function drawDot({ dot }, value) {
  dot.setAttribute("fill", value === null ? paint("ground") : `rgb(${signed(value)})`);
  dot.setAttribute("stroke", paint("soft"));
}
