function make(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function format(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e5))
    return `${+value.toPrecision(3)}`.replace("-", "−");
  const [digits, power] = value.toExponential(2).split("e");
  const raise = sign => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)];
  const raised = [...`${+power}`].map(raise).join("");
  return `${+digits}×10${raised}`.replace(/^1×/, "").replace("-", "−");
}

function ticks([low, high], log) {
  if (log) {
    const first = Math.ceil(Math.log10(low)), last = Math.floor(Math.log10(high));
    const every = Math.max(1, Math.ceil((last - first) / 4));
    const decades = [];
    for (let power = first; power <= last; power += every)
      decades.push(Number(`1e${power}`));
    if (decades.length > 1) return decades;
  }
  const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find(digit => digit * unit >= rough);
  const even = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) even.push(k * step);
  return even;
}

function choice(label, options, onchange) {
  const made = options.map(text => make("option", {}, text));
  const select = make("select", {onchange}, ...made);
  return [select, make("label", {}, `${label} `, select)];
}

function button(text, onclick) {
  return make("button", {type: "button", onclick}, text);
}

const mixed = new Map();

function rgb(colour) {
  if (!mixed.has(colour)) {
    const brush = make("canvas", {width: 1, height: 1}).getContext("2d");
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    mixed.set(colour, [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3));
  }
  return mixed.get(colour);
}

// Where the axes of a canvas leave room for what they hold.
function room(width, height) {
  return {left: 58, top: 26, right: width - 18, bottom: height - 42};
}

// Axes on a canvas; returns where a value lies, and the colours of the page.
function axes(canvas, {x, y, log = false, labels}) {
  const {clientWidth: width, clientHeight: height} = canvas;
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const look = getComputedStyle(canvas);
  const colour = name => look.getPropertyValue(`--${name}`).trim();
  const box = room(width, height);
  const lift = log ? Math.log10 : value => value;
  const [low, high] = y.map(lift);
  const [wide, tall] = [box.right - box.left, box.bottom - box.top];
  const across = value => box.left + (value - x[0]) / (x[1] - x[0]) * wide;
  const up = value => box.bottom - (lift(value) - low) / (high - low) * tall;
  pen.font = `13px ${look.fontFamily}`;
  pen.fillStyle = colour("soft");
  pen.strokeStyle = colour("line");
  pen.textAlign = "center";
  for (const value of ticks(x, false))
    pen.fillText(format(value), across(value), box.bottom + 17);
  pen.fillText(labels[0], (box.left + box.right) / 2, box.bottom + 36);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of ticks(y, log)) {
    pen.fillText(format(value), box.left - 6, up(value));
    pen.beginPath();
    pen.moveTo(box.left, up(value));
    pen.lineTo(box.right, up(value));
    pen.stroke();
  }
  pen.textAlign = "left";
  pen.fillText(labels[1], 4, 10);
  pen.beginPath();
  pen.rect(box.left, box.top, wide, tall);
  pen.stroke();
  pen.save();
  pen.clip();
  return {pen, box, wide, tall, across, up, colour};
}

function trace(pen, xs, ys, {across, up}, end = xs.length - 1) {
  pen.beginPath();
  for (let k = 0; k <= end && k < xs.length; k++)
    if (xs[k] !== null && ys[k] !== null) pen.lineTo(across(xs[k]), up(ys[k]));
  pen.stroke();
}

function shade({pen, box, wide, tall, colour}, scene) {
  const bytes = atob(scene.shading);
  const image = new ImageData(scene.side, scene.side);
  const ground = make("canvas", {width: scene.side, height: scene.side});
  const [red, green, blue] = rgb(colour("soft"));
  for (let k = 0; k < bytes.length; k++)
    image.data.set([red, green, blue, bytes.charCodeAt(k) / 4], 4 * k);
  ground.getContext("2d").putImageData(image, 0, 0);
  pen.clearRect(box.left, box.top, wide, tall);
  pen.drawImage(ground, box.left, box.top, wide, tall);
}

function drawPlane(canvas, scene, rules, step) {
  const view = axes(canvas, {
    x: [scene.low[0], scene.high[0]],
    y: [scene.low[1], scene.high[1]],
    labels: scene.labels,
  });
  const {pen, across, up, colour} = view;
  if (scene.paint) scene.paint(view);
  else {
    shade(view, scene);
    pen.strokeStyle = colour("soft");
    pen.globalAlpha = 0.45;
    for (const [xs, ys] of scene.contours) trace(pen, xs, ys, view);
    pen.globalAlpha = 1;
  }
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = "22px sans-serif";
  pen.fillStyle = colour("ink");
  for (const [x, y] of scene.minima) pen.fillText("★", across(x), up(y));
  pen.lineJoin = "round";
  for (const rule of rules) drawRule(view, rule, step);
  pen.restore();
  return view;
}

function drawRule(view, rule, step) {
  const {pen, across, up, colour} = view;
  const end = Math.min(step, rule.x.length - 1), hue = rule.colour ?? colour("ink");
  for (const [stroke, width] of [[colour("paper"), 5], [hue, 2.2]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.setLineDash(stroke === hue ? rule.dashes : []);
    trace(pen, rule.x, rule.y, view, end);
  }
  pen.setLineDash([]);
  drawRing(view, rule.x[0], rule.y[0], colour("ink"));
  pen.fillStyle = hue;
  for (let k = Math.max(0, end - 15); k < end; k++) {
    pen.beginPath();
    pen.arc(across(rule.x[k]), up(rule.y[k]), 1.5 + (k - end + 16) / 8, 0, 7);
    pen.fill();
  }
  const x = across(rule.x[end]), y = up(rule.y[end]);
  for (const part of rule.state) {
    const [a, b] = [part.x[end], part.y[end]];
    if (a === null || b === null) continue;
    if (part.kind === "arrow") drawArrow(view, part, x, y, a, b, hue);
    if (part.kind === "point") drawRing(view, a, b, hue);
  }
  pen.font = "19px sans-serif";
  pen.lineWidth = 4;
  pen.strokeStyle = colour("paper");
  pen.strokeText(rule.glyph, x, y);
  pen.fillStyle = hue;
  pen.fillText(rule.glyph, x, y);
}

function drawRing({pen, across, up}, x, y, hue) {
  pen.lineWidth = 2.5;
  pen.strokeStyle = hue;
  pen.beginPath();
  pen.arc(across(x), up(y), 6, 0, 7);
  pen.stroke();
}

// The longest arrow of a run is a fifth of the plane; others go by their root.
function drawArrow({pen, wide, across, up, colour}, part, x, y, a, b, hue) {
  const size = Math.hypot(a, b);
  if (!size) return;
  const right = part.sign * a * (across(1) - across(0));
  const down = part.sign * b * (up(1) - up(0));
  const length = 0.2 * wide * Math.sqrt(size / peak(part));
  pen.save();
  pen.translate(x, y);
  pen.rotate(Math.atan2(down, right));
  for (const [stroke, width] of [[colour("paper"), 7], [hue, 3.5]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(0, 0);
    pen.lineTo(length, 0);
    pen.moveTo(length - 9, -6);
    pen.lineTo(length, 0);
    pen.lineTo(length - 9, 6);
    pen.stroke();
  }
  pen.restore();
}

function peak(part) {
  part.peak ??= Math.max(...part.x.map((a, k) => Math.hypot(a, part.y[k])));
  return part.peak;
}

// Axes that hold every value met on the plane; a value below zero has no logarithm.
function fit(scene, key, label) {
  const [x, y] = [0, 1].map(k => [scene.low[k], scene.high[k]]);
  const within = (value, [low, high]) => value >= low && value <= high;
  const met = scene.rules.flatMap(rule => rule[key].filter((value, k) =>
    value !== null && within(rule.x[k], x) && within(rule.y[k], y)));
  const log = met.every(value => value >= 0);
  const shown = log ? met.filter(value => value > 0) : met;
  const high = Math.max(...shown), low = Math.min(...shown);
  if (low === high) return {key, label, log: false, range: [low - 1, low + 1]};
  if (!shown.length) return {key, label, log: false, range: [-1, 1]};
  return {key, label, log, range: [log ? Math.max(low, 1e-9 * high) : low, high]};
}

// A quantity of every rule against the step: what is over, and faint what is to come.
function drawChart(canvas, scene, rules, step, {key, label, range, log}) {
  const labels = ["step", label];
  const view = axes(canvas, {x: [0, scene.last], y: range, log, labels});
  const {pen, across, box, colour} = view;
  for (const rule of rules) {
    const steps = rule[key].map((_, k) => k * scene.every);
    pen.strokeStyle = rule.colour ?? colour("ink");
    pen.lineWidth = 2;
    pen.setLineDash(rule.dashes);
    pen.globalAlpha = 0.25;
    trace(pen, steps, rule[key], view);
    pen.globalAlpha = 1;
    trace(pen, steps, rule[key], view, step);
  }
  pen.setLineDash([]);
  pen.strokeStyle = colour("ink");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(across(step * scene.every), box.top);
  pen.lineTo(across(step * scene.every), box.bottom);
  pen.stroke();
  pen.restore();
}
