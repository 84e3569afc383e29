// Contour lines to a decade of what a loss is above the lowest in sight, and the share
// of the highest under which there are none.
const LINES = 3, DECADES = 4;
const UNTUNED = 0.05;

// The loss on 61 x 61 points of the plane.
function survey({low, high}, {loss}) {
  const at = (k, axis) => low[axis] + k / 60 * (high[axis] - low[axis]);
  return Array.from({length: 61 ** 2}, (_, k) =>
    loss(at(k % 61, 0), at(Math.floor(k / 61), 1)));
}

// Paints contours and shading, once for each size of the canvas and look of the page.
function painter({low, high}, {loss}, losses) {
  const place = (share, axis) => low[axis] + share * (high[axis] - low[axis]);
  const base = Math.min(0, ...losses), top = Math.max(...losses) - base;
  const share = (x, y) =>
    Math.max(0, 1 + Math.log10((loss(x, y) - base) / top) / DECADES);
  let kept = "", ground;

  function render(side, hue) {
    const heights = new Float32Array((side + 1) ** 2);
    for (let j = 0; j <= side; j++)
      for (let i = 0; i <= side; i++)
        heights[j * (side + 1) + i] = share(place(i / side, 0), place(1 - j / side, 1));
    const image = new ImageData(side, side);
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++) {
        const k = j * (side + 1) + i, height = heights[k];
        const lines = DECADES * LINES * height;
        const near = Math.abs(lines - Math.round(lines));
        const steep = DECADES * LINES
          * Math.hypot(heights[k + 1] - height, heights[k + side + 1] - height);
        const line = steep ? Math.max(0, 1 - near / steep / devicePixelRatio) : 0;
        const alpha = 0.25 * Math.min(1, height) + 0.4 * line;
        image.data.set([...hue, 255 * alpha], 4 * (j * side + i));
      }
    const made = make("canvas", {width: side, height: side});
    made.getContext("2d").putImageData(image, 0, 0);
    return made;
  }

  return ({pen, box, wide, tall, colour}) => {
    const side = Math.min(900, Math.round(wide * devicePixelRatio));
    const key = `${side} ${colour("soft")}`;
    if (key !== kept) ground = render(side, rgb(colour("soft")));
    kept = key;
    pen.clearRect(box.left, box.top, wide, tall);
    pen.drawImage(ground, box.left, box.top, wide, tall);
  };
}

// A path is lost further off the plane than `margin` planes.
function strays({low, high}, margin) {
  return point => !point.every((value, axis) => {
    const size = margin * (high[axis] - low[axis]);
    return value >= low[axis] - size && value <= high[axis] + size;
  });
}

// Steps until the loss stays below a thousandth of the first; its least value is zero.
function stepsToSettle(losses, steps) {
  if (losses.length <= steps) return Infinity;
  return losses.findLastIndex(value => !(value < 1e-3 * losses[0])) + 1;
}

// Of 81 rates the one that settles soonest, or ends lowest, without leaving the plane.
function bestRate(scene, name, start, steps, decay) {
  const surface = SURFACES[scene.title], lost = strays(scene, 0);
  const scored = Array.from({length: 81}, (_, k) => {
    const rate = 10 ** (-4 + k / 16);
    const {losses} = descend(surface, RULES[name]({rate, decay}), start, steps, lost);
    const end = losses.length > steps ? losses.at(-1) : Infinity;
    return [stepsToSettle(losses, steps), end, rate];
  });
  return scored.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])[0][2];
}

// A slider with its name and value; the value is shown as `tell` writes it.
function dial(name, of, range, tell, oninput) {
  const value = make("span", {className: "number"});
  const slider = make("input", {type: "range", ...range});
  slider.ariaLabel = `${name} of ${of}`;
  const show = at => {
    value.textContent = slider.ariaValueText = tell(at);
  };
  slider.oninput = () => {
    show(Number(slider.value));
    oninput(Number(slider.value));
  };
  const set = at => {
    slider.value = at;
    show(at);
  };
  return {parts: [make("span", {className: "name"}, name), slider, value], set};
}

function setUp(figure) {
  const {surfaces, rules} = JSON.parse(figure.querySelector("script").textContent);
  const shown = new Set(["SGD", "momentum", "RMSProp", "Adam"]);
  let scene, start, steps = 100;

  const [surface, surfaceChoice] = choice(
    "Surface", surfaces.map(({title}) => title),
    () => load(surfaces[surface.selectedIndex]));
  const [length, lengthChoice] = choice("Steps", [30, 100, 300, 1000], () => {
    steps = Number(length.value);
    follow();
  });
  length.value = steps;
  const runner = transport(show);
  const plane = make("canvas", {className: "plane", role: "img"});
  const handle = make("button", {type: "button", className: "handle"});
  const [losses, lengths] = ["Loss against step", "Length of a step against step"]
    .map(ariaLabel => make("canvas", {className: "chart", role: "img", ariaLabel}));
  const cards = rules.map(makeCard);
  const tuners = [button("Best rates", () => tune()),
    button("One rate for all", () => tune("SGD"))];
  figure.querySelector(".player").append(
    make("div", {className: "controls"}, surfaceChoice, lengthChoice, runner.paces,
      ...tuners),
    make("div", {className: "views"},
      make("div", {className: "place"}, plane, handle), losses, lengths),
    runner.element,
    make("div", {className: "rules"}, ...cards.map(({card}) => card)));

  function makeCard(rule) {
    const {name} = rule, glyph = make("b", {ariaHidden: "true"}, rule.glyph);
    const toggle = button(glyph, () => {
      if (!shown.delete(name)) shown.add(name);
      follow();
    });
    toggle.append(name);
    glyph.style.color = rule.colour ?? "var(--ink)";
    const settings = {rate: 0.01, decay: 0.9};
    const rate = dial("rate", name, {min: -4, max: 1, step: 0.0125},
      value => format(10 ** value), value => {
        settings.rate = 10 ** value;
        follow();
      });
    const decay = dial("momentum", name, {min: 0, max: 0.99, step: 0.01},
      value => `${value}`, value => {
        settings.decay = value;
        follow();
      });
    decay.set(settings.decay);
    const note = make("small");
    const card = make("div", {className: "rule"}, toggle, ...rate.parts,
      ...(DECAYING.includes(name) ? decay.parts : []), note);
    return {rule, card, toggle, note, settings, set: value => {
      settings.rate = value;
      rate.set(Math.log10(value));
    }};
  }

  function load(next) {
    const losses = survey(next, SURFACES[next.title]);
    const paint = painter(next, SURFACES[next.title], losses);
    scene = {...next, paint, labels: ["x", "y"], every: 1};
    surface.value = scene.title;
    plane.ariaLabel = `Contours of the surface ${scene.title} and the paths over it`;
    start = scene.start;
    tune();
  }

  // The best rate of every rule, or that of one rule for all; there is none on a loss
  // without a minimum.
  function tune(of) {
    for (const tuner of tuners) tuner.disabled = !scene.minima.length;
    if (!scene.minima.length) {
      for (const card of cards) card.set(UNTUNED);
      return follow();
    }
    const best = ({rule: {name}, settings}) =>
      bestRate(scene, name, start, steps, settings.decay);
    const one = of && best(cards.find(({rule}) => rule.name === of));
    for (const card of cards) card.set(one ?? best(card));
    follow();
  }

  function follow() {
    const lost = strays(scene, 1);
    for (const {rule, settings, toggle, note, card} of cards) {
      toggle.ariaPressed = shown.has(rule.name);
      card.classList.toggle("off", !shown.has(rule.name));
      const path = descend(SURFACES[scene.title], RULES[rule.name](settings), start,
        steps, lost);
      const [end, moves] = [path.points.length - 1, path.points.slice(1)];
      Object.assign(rule, {
        x: path.points.map(([x]) => x), y: path.points.map(([, y]) => y),
        losses: path.losses, state: [], lost: end < steps ? end : null,
        steps: [0, ...moves.map((to, k) => Math.hypot(
          to[0] - path.points[k][0], to[1] - path.points[k][1]))],
      });
      note.textContent = end < steps || lost(path.points[end])
        ? `off the plane at step ${end}`
        : `loss ${format(path.losses[end])} after ${end} steps`;
    }
    scene.rules = rules.filter(({name}) => shown.has(name));
    scene.last = steps;
    figure.dataset.start = start.map(value => value.toFixed(4)).join(" ");
    handle.ariaLabel = `start at x ${format(start[0])}, y ${format(start[1])}; `
      + "arrow keys move it, with Shift by little";
    runner.load(steps, 1, steps);
  }

  function show(step) {
    if (!plane.clientWidth) return;
    const view = drawPlane(plane, scene, scene.rules, step);
    handle.style.left = `${view.across(start[0])}px`;
    handle.style.top = `${view.up(start[1])}px`;
    for (const [canvas, key, label] of [
      [losses, "losses", "loss"], [lengths, "steps", "step length"]])
      drawChart(canvas, scene, scene.rules, step, fit(scene, key, label));
  }

  function move(x, y) {
    start = [x, y].map((value, axis) =>
      Math.min(scene.high[axis], Math.max(scene.low[axis], value)));
    follow();
  }

  function place(event) {
    const {left, top, width, height} = plane.getBoundingClientRect();
    const box = room(width, height);
    const across = (event.clientX - left - box.left) / (box.right - box.left);
    const up = (box.bottom - (event.clientY - top)) / (box.bottom - box.top);
    move(...[across, up].map((share, axis) =>
      scene.low[axis] + share * (scene.high[axis] - scene.low[axis])));
  }
  plane.addEventListener("click", event => {
    place(event);
    handle.focus({preventScroll: true});
  });
  handle.addEventListener("pointerdown", event => {
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", event => {
    if (handle.hasPointerCapture(event.pointerId)) place(event);
  });
  handle.addEventListener("keydown", event => {
    const arrow = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1],
      ArrowDown: [0, -1]}[event.key];
    if (!arrow) return;
    event.preventDefault();
    const part = event.shiftKey ? 0.002 : 0.02;
    move(...start.map((value, axis) =>
      value + part * arrow[axis] * (scene.high[axis] - scene.low[axis])));
  });

  figure.classList.add("running");
  load(surfaces[0]);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", runner.redraw);
  new ResizeObserver(runner.redraw).observe(plane);
}

for (const figure of document.querySelectorAll(".playground")) setUp(figure);
