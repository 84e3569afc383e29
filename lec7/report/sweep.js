(() => {
  const picture = document.querySelector(".parallels");
  const told = document.querySelector("output.lifted");
  const rows = [...document.querySelectorAll("tr[data-trial]")];
  const about = Object.fromEntries(rows.map(r => [r.dataset.trial, r.dataset.about]));

  // A trial stands out in all pictures and in the table.
  const lift = number => {
    document.querySelectorAll(".up").forEach(e => e.classList.remove("up"));
    picture?.classList.toggle("lifting", number !== null);
    if (number !== null)
      document.querySelectorAll(`[data-trial="${number}"]`)
        .forEach(e => e.classList.add("up"));
    if (told) told.textContent = about[number] ?? "\u00a0";
  };

  const lines = [...(picture?.querySelectorAll("polyline") ?? [])].map(line => ({
    number: line.dataset.trial,
    points: line.getAttribute("points").split(" ").map(p => p.split(",").map(Number)),
  }));
  const height = (points, x) => {
    for (let i = 1; i < points.length; i++) {
      const [[a, from], [b, to]] = [points[i - 1], points[i]];
      if (a <= x && x <= b) return from + (to - from) * (x - a) / (b - a);
    }
    return Infinity;
  };
  picture?.addEventListener("pointermove", event => {
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(picture.getScreenCTM().inverse());
    let nearest = null, distance = 16;
    for (const { number, points } of lines) {
      const away = Math.abs(height(points, at.x) - at.y);
      if (away <= distance) [nearest, distance] = [number, away];
    }
    lift(nearest);
  });
  picture?.addEventListener("pointerleave", () => lift(null));
  for (const element of document.querySelectorAll("tr[data-trial], circle[data-trial]")) {
    const show = () => lift(element.dataset.trial);
    element.addEventListener("pointerenter", show);
    element.addEventListener("focusin", show);
    element.addEventListener("pointerleave", () => lift(null));
    element.addEventListener("focusout", () => lift(null));
  }

  // A click on a title sorts by its column, what has no value last.
  const body = document.querySelector(".trials tbody");
  document.querySelectorAll(".trials thead th").forEach((title, place, titles) =>
    title.firstChild.addEventListener("click", () => {
      const down = title.ariaSort === "ascending";
      titles.forEach(other => other.removeAttribute("aria-sort"));
      title.ariaSort = down ? "descending" : "ascending";
      const key = row => row.cells[place].dataset.value;
      const missing = value => value === undefined || value === "nan";
      const compare = (a, b) =>
        isNaN(a) || isNaN(b) ? a.localeCompare(b) : Number(a) - Number(b);
      rows.sort((r, s) => {
        const [a, b] = [key(r), key(s)];
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...rows);
    }));
})();
