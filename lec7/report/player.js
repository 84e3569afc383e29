// A direction grows from the middle by its root, a size from the left by its logarithm.
function scaleMeter(part) {
  if (part.kind === "arrow") return value => {
    const half = 50 * Math.sqrt(Math.abs(value) / (peak(part) || 1));
    return [value < 0 ? 50 - half : 50, half];
  };
  const sizes = [...part.x, ...part.y].filter(value => value > 0).map(Math.log10);
  const low = Math.min(...sizes), high = Math.max(...sizes);
  const share = value => (Math.log10(value) - low) / (high - low || 1);
  return value => [0, value > 0 ? 5 + 95 * share(value) : 0];
}

// What a rule remembers, as numbers and bars; returns how to bring it up to a step.
function fillCard(card, rule) {
  const updates = [];
  function addRow(label, read, ...track) {
    const number = make("span", {className: "number"});
    card.append(make("span", {className: "name"}, label), ...track, number);
    updates.push(k => { number.textContent = format(read(k)); });
  }
  addRow("loss", k => rule.losses[k]);
  addRow("step length", k => rule.steps[k]);
  for (const part of rule.state) {
    const place = scaleMeter(part);
    for (const axis of ["x", "y"]) {
      const label = `${part.name}, ${axis}`;
      if (part.kind === "point") {
        addRow(label, k => part[axis][k]);
        continue;
      }
      const bar = make("i");
      const track = make("span", {className: `meter ${part.kind}`}, bar);
      bar.style.background = rule.colour ?? "var(--ink)";
      addRow(label, k => part[axis][k], track);
      updates.push(k => {
        const [left, width] = place(part[axis][k] ?? 0);
        Object.assign(bar.style, {left: `${left}%`, width: `${width}%`});
      });
    }
  }
  const note = card.appendChild(make("small"));
  updates.push(k => {
    const gone = rule.lost !== null && k === rule.x.length - 1;
    note.textContent = gone ? `off the plane, out of sight at step ${rule.lost}` : "";
  });
  return step => {
    for (const update of updates) update(Math.min(step, rule.x.length - 1));
  };
}

function setUp(figure) {
  const scenes = JSON.parse(figure.querySelector("script").textContent);
  const hidden = new Set();
  let scene, charts, updates;

  const [surface, surfaces] = choice(
    "Surface", scenes.map(scene => scene.title),
    () => load(scenes[surface.selectedIndex]));
  const runner = transport(show);
  const [plane, losses, lengths] = ["plane", "chart", "chart"].map(
    className => make("canvas", {className, role: "img"}));
  losses.ariaLabel = "Loss against step";
  lengths.ariaLabel = "Length of a step against step";
  const cards = make("div", {className: "rules"});
  figure.querySelector(".player").append(
    make("div", {className: "controls"}, surfaces, runner.paces),
    make("div", {className: "views"}, plane, losses, lengths),
    runner.element,
    cards);

  function load(next) {
    scene = next;
    surface.value = scene.title;
    plane.ariaLabel = `Contours of the surface ${scene.title} and the paths over it`;
    charts = [[losses, fit(scene, "losses", "loss")],
      [lengths, fit(scene, "steps", "step length")]];
    cards.replaceChildren();
    updates = scene.rules.map(rule => {
      const glyph = make("b", {}, rule.glyph);
      const show = button(glyph, () => {
        if (!hidden.delete(rule.name)) hidden.add(rule.name);
        runner.redraw();
      });
      show.append(rule.name);
      glyph.ariaHidden = true;
      glyph.style.color = rule.colour ?? "var(--ink)";
      const card = make("div", {className: "rule"}, show);
      const update = fillCard(card, rule);
      cards.append(card);
      return k => {
        show.ariaPressed = !hidden.has(rule.name);
        update(k);
      };
    });
    runner.load(scene.last, scene.every, 0);
  }

  function show(step) {
    const rules = scene.rules.filter(({name}) => !hidden.has(name));
    for (const update of updates) update(step);
    drawPlane(plane, scene, rules, step);
    for (const [canvas, chart] of charts)
      drawChart(canvas, scene, rules, step, chart);
  }

  // An address may end in #surface=TITLE&step=20&rules=SGD,Adam.
  function obey() {
    const wish = new URLSearchParams(location.hash.slice(1));
    const wanted = scenes.find(({title}) => title === wish.get("surface"));
    if (wanted) load(wanted);
    if (wish.has("rules")) {
      const named = wish.get("rules").split(",");
      for (const {name} of scene.rules)
        if (named.includes(name)) hidden.delete(name); else hidden.add(name);
      runner.redraw();
    }
    if (wish.has("step")) runner.jump(wish.get("step") / scene.every);
  }

  figure.classList.add("running");
  load(scenes[0]);
  obey();
  addEventListener("hashchange", obey);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", runner.redraw);
  new ResizeObserver(runner.redraw).observe(plane);
}

for (const figure of document.querySelectorAll(".replay")) setUp(figure);
