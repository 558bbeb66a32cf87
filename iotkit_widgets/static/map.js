// Where a robot is on its table, from above, with the way that it came.

import { asSaved, make, makeNote, shown } from "./dom.js";
import { makeBadge } from "./badge.js";
import { comeBack, filledTable, keepSaved } from "./saved.js";
import { listen, Talk, watchVisibility } from "./talk.js";

const TRAIL = 20_000; // ms until the way fades away
const DRIFT = 100; // ms between two drawings only because it fades
const MARGIN = 14; // px around the table: as much as a robot at its edge needs
const NO_KERNEL = "The notebook's kernel has stopped. Run the cell again for a live map.";

export default {
  initialize({ model }) {
    comeBack(model); // later: the notebook waits for this here
  },

  async render({ model, el }) {
    const spec = model.get("spec");
    const map = makeMap(spec);
    const talk = new Talk(model, () => map.showState({ is: "dead", why: NO_KERNEL }));
    el.append(map.element);
    const unsave = keepSaved(model, map.element, () => filledTable(spec.table, map.text));

    let news = {};
    let state = model.get("state");
    map.showState(state);
    let asked = 0;
    let visible = false;
    const paint = () => {
      asked = 0;
      if (state) map.showState(state);
      map.hear(news);
      news = {};
    };
    const hear = (more) => {
      news = { ...news, ...more.news };
      state = more.state ?? state;
      if (visible && !asked) asked = requestAnimationFrame(paint);
    };
    const unlisten = await listen(model, hear);
    const unwatch = watchVisibility(map.element, (now) => {
      visible = now;
      talk.say(now);
      if (now) hear({});
      else map.rest();
    });
    return () => {
      unwatch();
      unlisten();
      unsave();
      cancelAnimationFrame(asked);
      map.close();
      talk.close();
    };
  },
};

function makeMap(spec) {
  const names = ["x", "y", "heading"].filter((name) => spec[name]);
  const canvas = make("canvas", { class: "iotkit-table", role: "img", "aria-label": `Where ${spec.name} is` });
  canvas.style.aspectRatio = `${spec.x.max - spec.x.min} / ${spec.y.max - spec.y.min}`;
  const values = new Map(names.map((name) => [name, make("output", { "aria-live": "off" }, "–")]));
  const reading = names.map((name) =>
    make(
      "div",
      { class: "iotkit-pose" },
      make("span", { class: "iotkit-label" }, name),
      values.get(name),
      ...(spec[name].unit ? [make("span", { class: "iotkit-unit" }, spec[name].unit)] : []),
    ),
  );
  const badge = makeBadge();
  const note = makeNote();
  const element = make(
    "section",
    { class: "iotkit iotkit-map", "aria-label": `A map with ${spec.name}` },
    make("header", { class: "iotkit-header" }, make("span", { class: "iotkit-name" }, spec.name), badge.element),
    badge.note,
    make("div", { class: "iotkit-map-body" }, canvas, make("div", { class: "iotkit-poses" }, ...reading)),
    note.element,
  );
  const pose = {};
  let trail = []; // {x, y, at}; a place that nobody saw it reach has a gap before it
  let gap = true;
  let timer = 0;

  const draw = () => {
    clearTimeout(timer);
    timer = 0;
    const now = performance.now();
    trail = trail.filter((place) => now - place.at < TRAIL);
    drawTable(canvas, spec, pose, trail, now);
    if (trail.length > 1) timer = setTimeout(draw, DRIFT);
  };
  const unstyle = whenLookChanges(canvas, draw);

  return {
    element,
    showState(state) {
      badge.show(element, state);
      gap ||= state.is !== "connected"; // it may be carried elsewhere
    },
    text: (name) => asSaved(pose[name], "float"),
    hear(news) {
      for (const [name, { value, error }] of Object.entries(news)) {
        if (error !== undefined) {
          note.show(error);
          continue;
        }
        note.hide();
        pose[name] = value;
        values.get(name).textContent = shown(value, "float");
      }
      const last = trail.at(-1);
      if (pose.x !== undefined && pose.y !== undefined && (pose.x !== last?.x || pose.y !== last?.y)) {
        trail.push({ x: pose.x, y: pose.y, at: performance.now(), gap });
        gap = false;
      }
      draw();
    },
    rest() {
      clearTimeout(timer);
      gap = true;
    },
    close() {
      clearTimeout(timer);
      unstyle();
    },
  };
}

// Call `draw` when the canvas gets another size or another theme. Returns what ends that.
function whenLookChanges(canvas, draw) {
  const resized = new ResizeObserver(draw);
  resized.observe(canvas);
  const themed = new MutationObserver(draw);
  themed.observe(document.body, { attributes: true });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", draw);
  return () => {
    resized.disconnect();
    themed.disconnect();
    scheme.removeEventListener("change", draw);
  };
}

function drawTable(canvas, spec, pose, trail, now) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const style = getComputedStyle(canvas);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const part = (value, { min, max }) => (value - min) / (max - min);
  const place = ({ x, y }) => [
    MARGIN + part(x, spec.x) * (width - 2 * MARGIN),
    height - MARGIN - part(y, spec.y) * (height - 2 * MARGIN),
  ];
  drawGrid(pen, width, height, style.borderTopColor);
  pen.strokeStyle = pen.fillStyle = style.color;
  drawTrail(pen, trail, place, now);
  if (pose.x !== undefined && pose.y !== undefined) drawRobot(pen, place(pose), pose.heading);
  pen.globalAlpha = 1;
}

function drawGrid(pen, width, height, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  for (let n = 0; n <= 4; n++) {
    pen.globalAlpha = n % 4 ? 0.45 : 1;
    const x = Math.round(MARGIN + ((width - 2 * MARGIN) * n) / 4) + 0.5;
    const y = Math.round(MARGIN + ((height - 2 * MARGIN) * n) / 4) + 0.5;
    pen.beginPath();
    pen.moveTo(x, MARGIN);
    pen.lineTo(x, height - MARGIN);
    pen.moveTo(MARGIN, y);
    pen.lineTo(width - MARGIN, y);
    pen.stroke();
  }
}

function drawTrail(pen, trail, place, now) {
  pen.lineWidth = 2.5;
  pen.lineCap = "round";
  trail.forEach((to, i) => {
    if (!i || to.gap) return;
    pen.globalAlpha = 0.7 * (1 - (now - to.at) / TRAIL);
    pen.beginPath();
    pen.moveTo(...place(trail[i - 1]));
    pen.lineTo(...place(to));
    pen.stroke();
  });
}

// An arrow head where the heading is known, else a dot.
function drawRobot(pen, [x, y], heading) {
  pen.globalAlpha = 1;
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  if (heading === undefined) {
    pen.arc(0, 0, 8, 0, 2 * Math.PI);
  } else {
    pen.rotate((-heading * Math.PI) / 180);
    pen.moveTo(13, 0);
    pen.lineTo(-9, 9);
    pen.lineTo(-5, 0);
    pen.lineTo(-9, -9);
    pen.closePath();
  }
  pen.fill();
  pen.restore();
}
