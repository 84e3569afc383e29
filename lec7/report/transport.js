// Buttons and a slider that run through steps; show(k) draws one of them.
function transport(show) {
  let count = 0, whole = 0, every = 1, step = 0, begun = null;
  const [pace, paces] = choice("Steps a second", [2, 10, 30, 100]);
  pace.value = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2 : 30;
  const toggle = button("Play", () => begun === null ? play() : stop());
  const slider = make("input", {type: "range", oninput: () => jump(slider.value)});
  slider.ariaLabel = "step";
  const clock = make("span", {className: "clock"});
  const element = make("div", {className: "controls"},
    button("Restart", () => jump(0)), button("Back", () => jump(step - 1)), toggle,
    button("Step", () => jump(step + 1)), slider, clock);

  function go(k) {
    step = Math.max(0, Math.min(count, Math.round(k) || 0));
    slider.value = step;
    clock.textContent = `step ${step * every} of ${whole}`;
    slider.ariaValueText = clock.textContent;
    show(step);
  }

  function jump(k) {
    stop();
    go(k);
  }

  function stop() {
    begun = null;
    toggle.textContent = "Play";
  }

  // From now on there are `last` steps, of which one in `each` is shown.
  function load(last, each, at) {
    [whole, every] = [last, each];
    slider.max = count = Math.floor(last / each);
    jump(at);
  }

  function play() {
    toggle.textContent = "Pause";
    let before = performance.now(), at = step === count ? 0 : step;
    const mine = begun = Symbol();
    requestAnimationFrame(function advance(now) {
      if (begun !== mine) return;
      const seconds = Math.max(0, now - before) / 1000;
      at = Math.min(count, at + seconds * pace.value / every);
      before = now;
      if (Math.floor(at) !== step) go(Math.floor(at));
      if (at === count) stop();
      else requestAnimationFrame(advance);
    });
  }

  return {element, paces, load, jump, redraw: () => show(step)};
}
