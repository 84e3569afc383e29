// A relief in WebGL 2: a box of x and y from -1 to 1, heights from 0 to TOP, and a
// floor below them on which the contour lines lie.
const FLOOR = -0.35, CENTRE = [0, 0, 0.2], DISTANCE = 6;
const MOST_LEVELS = 24;

const GROUND_VERTEX = `#version 300 es
in vec3 point;
in vec3 look;
uniform mat4 view;
uniform float flattened;
out float height, open;
out vec3 normal;
void main() {
  height = point.z / ${TOP};
  normal = mix(vec3(look.xy, 1), vec3(0, 0, 1), flattened);
  open = look.z;
  gl_Position = view * vec4(point.xy, mix(point.z, ${FLOOR}, flattened), 1);
}`;
const GROUND_FRAGMENT = `#version 300 es
precision highp float;
in float height, open;
in vec3 normal;
uniform sampler2D colours;
uniform float levels[${MOST_LEVELS}], flattened, contours, pixel;
uniform int count;
uniform vec3 paper, ink, light, eye;
out vec4 colour;
void main() {
  vec3 map = texture(colours, vec2(height, 0.5)).rgb;
  float change = max(fwidth(height), 1e-5), line = 0.0;
  for (int k = 0; k < count; k++)
    line = max(line,
      1.0 - smoothstep(0.4, 1.3, abs(height - levels[k]) / change / pixel));
  if (flattened > 0.5) {
    vec3 ground = mix(paper, map, 0.13 + 0.2 * (1.0 - open));
    colour = vec4(mix(ground, mix(map, ink, 0.35), 0.9 * line), 1);
    return;
  }
  vec3 n = normalize(gl_FrontFacing ? normal : -normal);
  float lit = max(dot(n, light), 0.0);
  float shine = pow(max(dot(n, normalize(light + eye)), 0.0), 40.0);
  map *= (0.42 + 0.7 * lit) * mix(0.45, 1.0, open) * (gl_FrontFacing ? 1.0 : 0.75);
  map = mix(map, vec3(1), 0.5 * contours * line) + 0.16 * shine * open;
  colour = vec4(map, 1);
}`;
// A line with round ends, its width in pixels; a dot is a line of no length.
const LINE_VERTEX = `#version 300 es
in vec3 from, to;
in vec2 corner;
uniform mat4 view;
uniform vec2 size;
uniform float width, lift;
out vec2 place;
out float reach;
void main() {
  vec4 a = view * vec4(from, 1), b = view * vec4(to, 1);
  vec2 p = a.xy / a.w * size / 2.0, q = b.xy / b.w * size / 2.0;
  reach = distance(p, q);
  vec2 along = reach > 0.0 ? (q - p) / reach : vec2(1, 0);
  float half_width = width / 2.0 + 1.0;
  place = vec2(mix(-half_width, reach + half_width, corner.x), half_width * corner.y);
  float depth = mix(a.z / a.w, b.z / b.w, corner.x) - lift;
  vec2 spot = p + along * place.x + vec2(-along.y, along.x) * place.y;
  gl_Position = vec4(spot / size * 2.0, depth, 1);
}`;
const LINE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 place;
in float reach;
uniform float width;
uniform vec4 hue;
out vec4 colour;
void main() {
  float away = length(vec2(place.x - clamp(place.x, 0.0, reach), place.y));
  float cover = clamp(width / 2.0 + 0.5 - away, 0.0, 1.0) * hue.a;
  if (cover < 0.01) discard;
  colour = vec4(hue.rgb * cover, cover);
}`;

// The camera looks at the middle of the box; returns how places are seen, and the way
// back from a pixel to the ray behind it.
function aim({azimuth, elevation, zoom}, wide, tall) {
  const [ca, sa] = [Math.cos(azimuth), Math.sin(azimuth)];
  const [ce, se] = [Math.cos(elevation), Math.sin(elevation)];
  const right = [-sa, ca, 0], up = [-se * ca, -se * sa, ce];
  const eye = [ce * ca, ce * sa, se];
  const scale = zoom * DISTANCE / 1.62 * Math.min(0.86 * wide, 0.99 * tall);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const [near, far] = [DISTANCE - 3, DISTANCE + 3];
  const row = (axis, factor, extra = 0) =>
    [...axis.map(value => factor * value), extra - factor * dot(axis, CENTRE)];
  const depth = DISTANCE + dot(eye, CENTRE);
  const whole = (far + near) / (far - near), part = 2 * far * near / (far - near);
  const rows = [
    row(right, scale / wide), row(up, scale / tall),
    [...eye.map(value => -whole * value), whole * depth - part],
    [...eye.map(value => -value), depth],
  ];
  const through = ([x, y, z]) => {
    const [a, b, , w] = rows.map(r => r[0] * x + r[1] * y + r[2] * z + r[3]);
    return [(1 + a / w) * wide / 2, (1 - b / w) * tall / 2];
  };
  const back = (px, py, nearness) => {
    const away = DISTANCE - nearness;
    const x = (2 * px - wide) * away / scale, y = (tall - 2 * py) * away / scale;
    return [0, 1, 2].map(k => CENTRE[k] + right[k] * x + up[k] * y + eye[k] * nearness);
  };
  return {matrix: transpose(rows).flat(), right, up, eye, through, back};
}

// Where the ray behind a pixel meets the surface, or nothing.
function pick(grid, camera, px, py) {
  const above = nearness => {
    const [x, y, z] = camera.back(px, py, nearness);
    return Math.abs(x) > 1 || Math.abs(y) > 1 ? NaN : z - TOP * grid.at(x, y);
  };
  for (let near = 2, step = 0.015, before = NaN; near > -2; near -= step) {
    const now = above(near);
    if (before * now <= 0) {
      const share = before / (before - now || 1);
      return camera.back(px, py, near + step * (1 - share)).slice(0, 2);
    }
    before = now;
  }
  return null;
}

function link(gl, sources, names) {
  const program = gl.createProgram();
  [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, k) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, sources[k]);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  });
  names.forEach((name, k) => gl.bindAttribLocation(program, k, name));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program));
  return {program, at: name => gl.getUniformLocation(program, name)};
}

// Returns a function that draws a relief and the lines over it.
function makePainter(canvas, mesh, colours, all) {
  const gl = canvas.getContext("webgl2", {antialias: true});
  const levels = all.filter((_, k) => k % Math.ceil(all.length / MOST_LEVELS) === 0);
  const ground = link(gl, [GROUND_VERTEX, GROUND_FRAGMENT], ["point", "look"]);
  const pen = link(gl, [LINE_VERTEX, LINE_FRAGMENT], ["from", "to", "corner"]);
  const [points, order, strokes] = [0, 1, 2].map(() => gl.createBuffer());
  gl.bindBuffer(gl.ARRAY_BUFFER, points);
  gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STATIC_DRAW);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, order);
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, colours.length, 1, 0, gl.RGBA,
    gl.UNSIGNED_BYTE, new Uint8Array(colours.flatMap(colour => [...rgb(colour), 255])));
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
    gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

  function feed(buffer, sizes) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    const stride = 4 * sizes.reduce((a, b) => a + b);
    sizes.reduce((offset, size, k) => {
      gl.enableVertexAttribArray(k);
      gl.vertexAttribPointer(k, size, gl.FLOAT, false, stride, offset);
      return offset + 4 * size;
    }, 0);
  }

  function drawGround(camera, theme, contours, flattened) {
    const {program, at} = ground;
    gl.useProgram(program);
    gl.disableVertexAttribArray(2);
    feed(points, [3, 3]);
    gl.uniformMatrix4fv(at("view"), false, camera.matrix);
    gl.uniform1fv(at("levels"), levels);
    gl.uniform1i(at("count"), levels.length);
    for (const name of ["paper", "ink"])
      gl.uniform3fv(at(name), theme[name].map(value => value / 255));
    const light = camera.eye.map(
      (value, k) => 0.45 * value + 0.75 * camera.up[k] - 0.55 * camera.right[k]);
    gl.uniform3fv(at("light"), light.map(value => value / Math.hypot(...light)));
    gl.uniform3fv(at("eye"), camera.eye);
    for (const [name, value] of Object.entries(
      {flattened, contours, pixel: devicePixelRatio})) gl.uniform1f(at(name), value);
    gl.drawElements(gl.TRIANGLES, mesh.triangles.length, gl.UNSIGNED_INT, 0);
  }

  function drawLine(line, camera) {
    const {places, width, hue, opacity = 1, lift = 0, hidden} = line;
    const corners = [[0, -1], [1, -1], [1, 1], [0, -1], [1, 1], [0, 1]];
    const ends = places.slice(1).map((to, k) => [places[k], to]);
    const data = ends.flatMap(
      ([a, b]) => corners.flatMap(corner => [...a, ...b, ...corner]));
    const {program, at} = pen;
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, strokes);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(data), gl.DYNAMIC_DRAW);
    feed(strokes, [3, 3, 2]);
    gl.uniformMatrix4fv(at("view"), false, camera.matrix);
    gl.uniform2f(at("size"), canvas.width, canvas.height);
    gl.uniform1f(at("width"), width * devicePixelRatio);
    gl.uniform1f(at("lift"), lift);
    gl.uniform4f(at("hue"), ...hue.map(value => value / 255), opacity);
    gl.depthMask(false);
    if (hidden) gl.disable(gl.DEPTH_TEST);
    gl.drawArrays(gl.TRIANGLES, 0, 6 * ends.length);
    gl.depthMask(true);
  }

  return ({camera, theme, contours, box, lines}) => {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    drawGround(camera, theme, 1, 1);
    for (const line of box) drawLine(line, camera);
    drawGround(camera, theme, Number(contours), 0);
    for (const line of lines) {
      gl.enable(gl.DEPTH_TEST);
      drawLine(line, camera);
    }
  };
}
