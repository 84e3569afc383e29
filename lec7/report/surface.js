const HOME = {azimuth: -1.05, elevation: 0.76, zoom: 1};
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

// The lines behind and below the surface: walls that face away, and the floor's edge.
function frame({eye}, marks, theme) {
  const [a, b] = [Math.sign(eye[0]) || 1, Math.sign(eye[1]) || 1];
  const line = (opacity, ...places) => ({places, width: 1, hue: theme.line, opacity});
  const wall = z => line(0.9, [a, -b, z], [-a, -b, z], [-a, b, z]);
  const pillars = [[a, -b], [-a, -b], [-a, b]].map(
    ([x, y]) => line(1, [x, y, FLOOR], [x, y, TOP]));
  const floor = [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]];
  const edge = line(1, ...floor.map(([x, y]) => [x, y, FLOOR]));
  return [...marks.map(([height]) => wall(height * TOP)), ...pillars, edge];
}

// Writes beside the edges that are nearest; what would stand on another is left out.
function label(canvas, {through, eye}, scene, theme) {
  const {clientWidth: wide, clientHeight: tall} = canvas, taken = [];
  const pen = canvas.getContext("2d");
  canvas.width = wide * devicePixelRatio;
  canvas.height = tall * devicePixelRatio;
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.font = `${wide < 420 ? 11 : 12}px ${getComputedStyle(canvas).fontFamily}`;
  pen.fillStyle = theme.text;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const [a, b] = [Math.sign(eye[0]) || 1, Math.sign(eye[1]) || 1];

  function write(text, x, y) {
    const half = pen.measureText(text).width / 2 + 3;
    const box = [x - half, y - 8, x + half, y + 8];
    const free = taken.every(other => box[2] < other[0] || other[2] < box[0]
      || box[3] < other[1] || other[3] < box[1]);
    if (!free || box[0] < 0 || box[2] > wide) return;
    taken.push(box);
    pen.fillText(text, x, y);
  }

  // An edge from start to end; away is the direction out of the box.
  function mark(axis, name, place, away) {
    const out = (share, gap) => {
      const on = place(share), [x, y] = through(on);
      const beyond = through(on.map((value, k) => value + 0.1 * away[k]));
      const [dx, dy] = [beyond[0] - x, beyond[1] - y], size = Math.hypot(dx, dy) || 1;
      return [x + dx / size * gap, y + dy / size * gap];
    };
    const [low, high] = [axis[0], axis.at(-1)];
    for (const value of ticks([low, high], false))
      write(format(value), ...out(2 * (value - low) / (high - low) - 1, 17));
    const [p, q] = [through(place(-0.5)), through(place(0.5))];
    const angle = Math.atan2(q[1] - p[1], q[0] - p[0]);
    pen.save();
    pen.translate(...out(0, 42));
    pen.rotate(Math.abs(angle) > Math.PI / 2 ? angle + Math.PI : angle);
    pen.fillText(name, 0, 0);
    pen.restore();
  }

  const corner = through([a, -b, FLOOR])[0] < through([-a, b, FLOOR])[0] ? 1 : -1;
  for (const [height, text] of scene.marks) {
    const [x, y] = through([corner * a, -corner * b, height * TOP]);
    write(text, x - 8 - pen.measureText(text).width / 2, y);
  }
  mark(scene.x, scene.labels[0], share => [share, b, FLOOR], [0, b, 0]);
  mark(scene.y, scene.labels[1], share => [a, share, FLOOR], [a, 0, 0]);
}

// The way of a descent, above the surface and as a shadow on the floor.
function trail(path, theme) {
  if (!path) return [];
  const shadow = path.map(([x, y]) => [x, y, FLOOR]);
  const [hue, halo] = [theme.path, theme.halo];
  const dot = (at, width, hue, lift) => ({places: [at, at], width, hue, lift});
  const [start, end] = [path[0], path.at(-1)];
  return [
    {places: shadow, width: 2, hue: theme.ink, opacity: 0.4, lift: 1e-3},
    {places: path, width: 2.5, hue, opacity: 0.25, hidden: true},
    {places: path, width: 5.5, hue: halo, opacity: 0.85, lift: 0.012},
    {places: path, width: 3, hue, lift: 0.013},
    dot(start, 13, hue, 0.014), dot(start, 7, halo, 0.015),
    dot(end, 13, halo, 0.014), dot(end, 9, hue, 0.015),
  ];
}

function readTheme(element) {
  const look = getComputedStyle(element);
  const colour = name => look.getPropertyValue(`--${name}`).trim();
  const [paper, ink, line] = ["paper", "ink", "soft"].map(name => rgb(colour(name)));
  const fade = line.map((value, k) => 0.45 * value + 0.55 * paper[k]);
  return {
    paper, ink, line: fade, text: colour("soft"),
    path: [255, 96, 32], halo: [255, 255, 255],
  };
}

function bar(scene) {
  const stripe = make("i");
  stripe.style.background = `linear-gradient(to right, ${scene.colours.join()})`;
  const marks = scene.marks.map(([height, text]) => {
    const mark = make("span", {}, text);
    mark.style.left = `${100 * height}%`;
    return mark;
  });
  const scale = make("div", {className: "scale"}, stripe, ...marks);
  return make("div", {className: "key"}, make("span", {}, scene.labels[2]), scale);
}

// One surface of a figure: a canvas, what is written over it, and the loss pointed at.
function makeStage(scene, surface, wish) {
  const canvas = make("canvas", {tabIndex: 0});
  canvas.setAttribute("role", "application");
  canvas.ariaRoleDescription = "landscape that turns";
  canvas.ariaLabel = `${scene.labels[2]} over ${scene.labels[0]} and ${scene.labels[1]}`
    + `${surface.title ? `, ${surface.title}` : ""}. Arrow keys turn it, plus and `
    + "minus zoom, 0 resets, and arrow keys with Shift read the loss.";
  const words = make("canvas", {className: "words", ariaHidden: "true"});
  const reading = make("output", {});
  const view = make("div", {className: "relief"}, canvas, words);
  const head = make("div", {className: "head"}, make("b", {}, surface.title), reading);
  const element = make("div", {className: "stage"}, head, view);
  const grid = buildGrid(scene.x, scene.y, surface.heights);
  const paint = makePainter(canvas, buildMesh(grid), scene.colours, scene.levels);
  const scale = axis => value => 2 * (value - axis[0]) / (axis.at(-1) - axis[0]) - 1;
  const [across, along] = [scale(scene.x), scale(scene.y)];
  const path = surface.path?.map(
    ([x, y, height]) => [across(x), along(y), height * TOP]);
  let camera;

  function draw({place, probe, contours}) {
    const {clientWidth: wide, clientHeight: tall} = canvas;
    if (!wide) return;
    canvas.width = wide * devicePixelRatio;
    canvas.height = tall * devicePixelRatio;
    camera = aim(place, wide, tall);
    const theme = readTheme(canvas), height = probe ? grid.at(...probe) : NaN;
    const lines = trail(path, theme);
    if (Number.isFinite(height)) {
      const spots = [[...probe, height * TOP], [...probe, FLOOR]];
      lines.push({places: spots, width: 1, hue: theme.ink, opacity: 0.7, hidden: true});
      for (const [width, hue] of [[11, theme.halo], [7, theme.ink]])
        lines.push({places: [spots[0], spots[0]], width, hue, hidden: true});
    }
    paint({camera, theme, contours, lines, box: frame(camera, scene.marks, theme)});
    label(words, camera, scene, theme);
    reading.textContent = Number.isFinite(height) ? tell(probe, height) : "";
  }

  function tell(probe, height) {
    const [low, high] = scene.range;
    const loss = format(10 ** (low + height * (high - low)));
    const [x, y] = [scene.x, scene.y].map((axis, k) => {
      const value = (probe[k] + 1) / 2 * (axis.at(-1) - axis[0]) + axis[0];
      return format(Number(value.toFixed(3)));
    });
    return `${scene.labels[2].replace(/ \(.*/, "")} ${loss} at (${x}, ${y})`;
  }

  const here = event => pick(grid, camera, event.offsetX, event.offsetY);
  listen(canvas, wish, here);
  new ResizeObserver(() => wish.redraw()).observe(view);
  canvas.addEventListener("webglcontextlost", () => wish.giveUp());
  return {element, draw};
}

// Pointers turn and pinch, keys turn and zoom, the wheel zooms where the focus is.
function listen(canvas, wish, here) {
  const held = new Map();
  const gap = () => {
    const [a, b] = [...held.values()];
    return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  };
  canvas.addEventListener("pointerdown", event => {
    held.set(event.pointerId, {x: event.clientX, y: event.clientY});
    canvas.setPointerCapture(event.pointerId);
    wish.rest();
  });
  canvas.addEventListener("pointermove", event => {
    const before = held.get(event.pointerId), wide = gap();
    if (!before) return wish.probe(here(event));
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    held.set(event.pointerId, {x: event.clientX, y: event.clientY});
    if (wide) wish.zoom(gap() / wide);
    else wish.turn(-dx * 0.008, dy * 0.008);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, event => held.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => wish.probe(null));
  canvas.addEventListener("dblclick", () => wish.reset());
  canvas.addEventListener("wheel", event => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    wish.zoom(Math.exp(-event.deltaY / 600));
  }, {passive: false});
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1],
      ArrowDown: [0, -1]}[event.key];
    if (arrow && event.shiftKey) wish.move(...arrow);
    else if (arrow) wish.turn(0.1 * arrow[0], 0.1 * arrow[1]);
    else if (["+", "="].includes(event.key)) wish.zoom(1.15);
    else if (["-", "_"].includes(event.key)) wish.zoom(1 / 1.15);
    else if (["0", "Home"].includes(event.key)) wish.reset();
    else if (event.key === "Escape") canvas.blur();
    else return;
    event.preventDefault();
  });
}

function turn(figure) {
  const scene = JSON.parse(figure.querySelector("script").textContent);
  const place = {...HOME}, row = figure.querySelector(".stages");
  let probe = null, contours = true, waiting = false, spinning = null;

  function draw() {
    waiting = false;
    for (const stage of stages) stage.draw({place, probe, contours});
  }
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const wish = {
    redraw() {
      const {azimuth, elevation, zoom} = place;
      row.dataset.camera = [azimuth, elevation, zoom].map(x => x.toFixed(4)).join(" ");
      if (!waiting) requestAnimationFrame(draw);
      waiting = true;
    },
    turn(across, up) {
      place.azimuth += across;
      place.elevation = clamp(place.elevation + up, 0.06, Math.PI / 2 - 0.01);
      wish.redraw();
    },
    zoom(times) {
      place.zoom = clamp(place.zoom * times, 0.6, 4);
      wish.redraw();
    },
    reset() {
      Object.assign(place, HOME);
      wish.rest();
      wish.redraw();
    },
    probe(at) {
      probe = at;
      wish.redraw();
    },
    // By a fiftieth, as seen from where the camera is.
    move(across, up) {
      const [c, s] = [Math.cos(place.azimuth), Math.sin(place.azimuth)];
      const [x, y] = probe ?? [0, 0], step = 0.04;
      wish.probe([x - step * (s * across + c * up), y + step * (c * across - s * up)]
        .map(value => clamp(value, -1, 1)));
    },
    rest() {
      spinning = null;
      spin.ariaPressed = false;
    },
    giveUp: () => figure.classList.remove("turning"),
  };
  const spin = button("Turn", () => {
    if (STILL.matches) return wish.turn(Math.PI / 12, 0);
    if (spinning) return wish.rest();
    let before = performance.now();
    const mine = spinning = Symbol();
    spin.ariaPressed = true;
    requestAnimationFrame(function advance(now) {
      if (spinning !== mine) return;
      wish.turn(Math.max(0, now - before) * 0.0004, 0);
      before = now;
      requestAnimationFrame(advance);
    });
  });
  const lines = button("Contours", () => {
    contours = !contours;
    lines.ariaPressed = contours;
    wish.redraw();
  });
  lines.ariaPressed = true;
  spin.ariaPressed = false;
  const [nearer, farther] = [button("+", () => wish.zoom(1.15)),
    button("−", () => wish.zoom(1 / 1.15))];
  [nearer.ariaLabel, farther.ariaLabel] = ["nearer", "farther"];
  const stages = scene.surfaces.map(surface => makeStage(scene, surface, wish));
  row.append(...stages.map(stage => stage.element), make("div", {className: "controls"},
    farther, nearer, spin, lines, button("Reset", wish.reset), bar(scene)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", wish.redraw);
  wish.redraw();
}

// Browsers keep sixteen views of WebGL at most; the other figures stay still, and so do
// those that the graphics of a machine cannot draw.
for (const figure of [...document.querySelectorAll(".surface")].slice(0, 7))
  try {
    turn(figure);
    figure.classList.add("turning");
  } catch (error) {
    console.info(`${figure.id} stays still: ${error}`);
  }
