// The height of the largest loss, where x and y run from -1 to 1.
const TOP = 1.1;

// Cubics through the known values that leave their range nowhere; NaN where unknown.
function refine(values, times) {
  const rises = values.slice(1).map((value, k) => value - values[k]);
  const slopes = values.map((_, k) => {
    const [a, b] = [rises[k - 1] ?? rises[k], rises[k] ?? rises[k - 1]];
    return a * b > 0 ? 2 * a * b / (a + b) : 0;
  });
  const fine = [values[0]];
  for (let k = 1; k < values.length; k++)
    for (let part = 1; part <= times; part++) {
      const t = part / times, s = 1 - t;
      fine.push(values[k - 1] * s * s * (1 + 2 * t) + values[k] * t * t * (1 + 2 * s)
        + s * t * (slopes[k - 1] * s - slopes[k] * t));
    }
  return fine;
}

function transpose(rows) {
  return rows[0].map((_, k) => rows.map(row => row[k]));
}

// Even parts between the values of an axis, whose ends become -1 and 1.
function spread(axis, times) {
  const [low, high] = [axis[0], axis.at(-1)];
  const at = value => 2 * (value - low) / (high - low) - 1;
  return axis.slice(1).reduce((all, value, k) => {
    for (let part = 1; part <= times; part++)
      all.push(at(axis[k] + (value - axis[k]) * part / times));
    return all;
  }, [-1]);
}

// Heights [A][B] as shares of the range -> a finer grid that holds them.
function buildGrid(x, y, heights) {
  const times = Math.max(1, Math.round(96 / (Math.max(x.length, y.length) - 1)));
  const known = heights.map(row => row.map(value => value ?? NaN));
  const across = transpose(known).map(line => refine(line, times));
  const rows = transpose(across).map(line => refine(line, times));
  const [xs, ys] = [x, y].map(axis => spread(axis, times));
  function cell(axis, value) {
    const k = Math.max(1, axis.findIndex(each => each >= value));
    return [k - 1, (value - axis[k - 1]) / (axis[k] - axis[k - 1])];
  }
  function at(x, y) {
    const [[i, s], [j, t]] = [cell(xs, x), cell(ys, y)];
    const on = row => row[j] * (1 - t) + row[j + 1] * t;
    return on(rows[i]) * (1 - s) + on(rows[i + 1]) * s;
  }
  return {rows, xs, ys, wide: xs.length - 1, deep: ys.length - 1, at};
}

// How much of the sky a place sees, from the steepest rise in each of ten directions.
function openness({rows, wide, deep}, i, j) {
  let seen = 0;
  for (let turn = 0; turn < 10; turn++) {
    const [c, s] = [Math.cos(turn * Math.PI / 5), Math.sin(turn * Math.PI / 5)];
    let steepest = 0;
    for (let reach = 0.02; reach < 0.7; reach *= 1.6) {
      const near = rows[Math.round(i + c * reach * wide / 2)];
      const rise = near?.[Math.round(j + s * reach * deep / 2)] - rows[i][j];
      if (rise * TOP / reach > steepest) steepest = rise * TOP / reach;
    }
    seen += 1 - steepest / Math.hypot(1, steepest);
  }
  return seen / 10;
}

function buildMesh(grid) {
  const {rows, xs, ys, wide, deep} = grid, vertices = [], triangles = [];
  function slope(axis, k, value) {
    const [before, after] = [Math.max(k - 1, 0), Math.min(k + 1, axis.length - 1)];
    const rise = (value(after) - value(before)) / (axis[after] - axis[before]);
    return Number.isFinite(rise) ? rise * TOP : 0;
  }
  rows.forEach((row, i) => row.forEach((value, j) => vertices.push(
    xs[i], ys[j], value * TOP,
    -slope(xs, i, k => rows[k][j]), -slope(ys, j, k => row[k]), openness(grid, i, j))));
  for (let i = 0; i < wide; i++)
    for (let j = 0; j < deep; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      if (!corners.every(([a, b]) => Number.isFinite(rows[a][b]))) continue;
      const [a, b, c, d] = corners.map(([m, n]) => m * (deep + 1) + n);
      triangles.push(a, b, c, a, c, d);
    }
  return {vertices: new Float32Array(vertices), triangles: new Uint32Array(triangles)};
}
