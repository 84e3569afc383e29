// The losses of lec7.problems and the rules of lec7.update_rules, as pure functions.
const SURFACES = {
  "taco shell": shell(100, 0),
  "rotated ellipse": shell(100, Math.PI / 4),
  "saddle": {
    loss: (x, y) => x ** 2 - y ** 2,
    slope: (x, y) => [2 * x, -2 * y],
  },
  "monkey saddle": {
    loss: (x, y) => x ** 3 - 3 * x * y ** 2,
    slope: (x, y) => [3 * x ** 2 - 3 * y ** 2, -6 * x * y],
  },
  "Rosenbrock": {
    loss: (x, y) => (1 - x) ** 2 + 100 * (y - x ** 2) ** 2,
    slope: (x, y) => [
      -2 * (1 - x) - 400 * x * (y - x ** 2), 200 * (y - x ** 2)],
  },
  "Beale": {
    loss: (x, y) => bealeTerms(x, y).reduce((sum, [a]) => sum + a ** 2, 0),
    slope: (x, y) => bealeTerms(x, y).reduce(
      ([p, q], [a, ax, ay]) => [p + 2 * a * ax, q + 2 * a * ay], [0, 0]),
  },
  "Himmelblau": {
    loss: (x, y) => (x ** 2 + y - 11) ** 2 + (x + y ** 2 - 7) ** 2,
    slope: (x, y) => {
      const [a, b] = [x ** 2 + y - 11, x + y ** 2 - 7];
      return [4 * x * a + 2 * b, 2 * a + 4 * y * b];
    },
  },
  "double well": {
    loss: (x, y) => x ** 4 / 4 + x ** 3 / 3 - 2 * x ** 2 - 4 * x + 28 / 3 + y ** 2,
    slope: (x, y) => [(x + 2) * (x + 1) * (x - 2), 2 * y],
  },
};

// (u^2 + k v^2) / 2 along axes turned by an angle.
function shell(condition, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return {
    loss: (x, y) => ((c * x + s * y) ** 2 + condition * (c * y - s * x) ** 2) / 2,
    slope: (x, y) => {
      const [u, v] = [c * x + s * y, condition * (c * y - s * x)];
      return [c * u - s * v, s * u + c * v];
    },
  };
}

// Each term of Beale's sum of squares, with its slope.
function bealeTerms(x, y) {
  return [1.5, 2.25, 2.625].map((constant, k) => [
    constant - x + x * y ** (k + 1), y ** (k + 1) - 1, x * (k + 1) * y ** k]);
}

const ZERO = [0, 0];

function each(f, ...pairs) {
  return [0, 1].map(axis => f(...pairs.map(pair => pair[axis])));
}

// Settings -> (gradient, state) -> the move, and the state after it; {} at first.
const RULES = {
  "SGD": ({rate}) => g => [each(g => -rate * g, g), {}],

  "momentum": ({rate, decay}) => (g, {v = ZERO}) => {
    v = each((g, v) => decay * v + g, g, v);
    return [each(v => -rate * v, v), {v}];
  },

  "Nesterov": ({rate, decay}) => (g, {v: old = ZERO}) => {
    const v = each((g, old) => decay * old - rate * g, g, old);
    return [each((v, old) => v + decay * (v - old), v, old), {v}];
  },

  "AdaGrad": ({rate}) => (g, {sum = ZERO}) => {
    sum = each((g, sum) => sum + g * g, g, sum);
    return [each((g, sum) => -rate * g / (Math.sqrt(sum) + 1e-7), g, sum), {sum}];
  },

  "RMSProp": ({rate}) => (g, {mean = ZERO}) => {
    mean = each((g, mean) => 0.99 * mean + 0.01 * g * g, g, mean);
    return [each((g, mean) => -rate * g / (Math.sqrt(mean) + 1e-7), g, mean), {mean}];
  },

  "Adam": ({rate, decay}) => (g, {m = ZERO, v = ZERO, t = 1}) => {
    [m, v] = moments(g, m, v, decay);
    const [a, b] = [1 - decay ** t, 1 - 0.999 ** t];
    const step = (m, v) => -rate * (m / a) / (Math.sqrt(v / b) + 1e-8);
    return [each(step, m, v), {m, v, t: t + 1}];
  },

  "almost Adam": ({rate, decay}) => (g, {m = ZERO, v = ZERO}) => {
    [m, v] = moments(g, m, v, decay);
    return [each((m, v) => -rate * m / (Math.sqrt(v) + 1e-7), m, v), {m, v}];
  },
};
const DECAYING = ["momentum", "Nesterov", "Adam", "almost Adam"];

function moments(g, m, v, decay) {
  return [
    each((g, m) => decay * m + (1 - decay) * g, g, m),
    each((g, v) => 0.999 * v + 0.001 * g * g, g, v),
  ];
}

// The points of a descent and their losses, the start first; it ends where `lost` says.
function descend(surface, rule, start, steps, lost = () => false) {
  const points = [start], losses = [surface.loss(...start)];
  let state = {}, move;
  for (let k = 0; k < steps && !lost(points[k]); k++) {
    [move, state] = rule(surface.slope(...points[k]), state);
    points.push(each((x, move) => x + move, points[k], move));
    losses.push(surface.loss(...points[k + 1]));
  }
  return {points, losses};
}
