// What a value is shown with: a gauge for a number that has limits, a line of the last half
// minute for one that has none, and words for a value that it should not have. Each is
// {element, show(value), seen(visible)}.

import { asText, make, setText } from "./dom.js";
import { isNumber } from "./fields.js";

const SPAN = 30_000; // ms that the line shows
const STEP = 250; // ms that are one point of it, and between two drawings: about a pixel
const DRIFT = 1000; // ms until it is drawn again only because time went by
const SVG = "http://www.w3.org/2000/svg";

// The face of a value that can only be read; none where the value says it all.
export function makeFace(spec) {
  if (!isNumber(spec)) return spec.choices.length ? makeWarning(spec) : undefined;
  return spec.min === null ? makeSpark(spec) : makeGauge(spec);
}

// Words that appear while a value is outside what the device declares.
export function makeWarning(spec) {
  const element = make("span", { class: "iotkit-beyond" });
  element.hidden = true;
  return {
    element,
    show(value) {
      const said = beyond(spec, value);
      if (said === element.textContent) return;
      element.textContent = said;
      element.hidden = !said;
    },
    seen() {},
  };
}

function beyond(spec, value) {
  if (spec.choices.length) return spec.choices.includes(value) ? "" : "◆ none of its choices";
  if (typeof value !== "number" || spec.min === null) return "";
  if (value > spec.max) return `▲ above ${asText(spec.max, "int")}`;
  return value < spec.min ? `▼ below ${asText(spec.min, "int")}` : "";
}

function makeGauge(spec) {
  const bar = make("div", { class: "iotkit-bar", "aria-hidden": "true" });
  const ends = [spec.min, spec.max].map((end) =>
    make("span", { class: "iotkit-end", "aria-hidden": "true" }, asText(end, "int")),
  );
  const warning = makeWarning(spec);
  const scale = make("div", { class: "iotkit-scale" }, ...ends, warning.element);
  return {
    element: make("div", { class: "iotkit-face" }, bar, scale),
    show(value) {
      const part = (value - spec.min) / (spec.max - spec.min);
      bar.style.setProperty("--part", `${100 * Math.min(Math.max(part, 0), 1)}%`);
      warning.show(value);
    },
    seen() {},
  };
}

function makeSpark(spec) {
  const line = document.createElementNS(SVG, "path");
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "iotkit-spark");
  picture.setAttribute("viewBox", "0 0 100 100");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.append(line);
  const range = make("div", { class: "iotkit-scale", title: "The lowest and the highest of 30 s" });
  let points = []; // {at, first, low, high, last}, and {at, gap: true} from when on nobody looked
  let looked = false;
  let timer = 0;
  let due = 0;

  const drawIn = (delay) => {
    const at = performance.now() + delay;
    if (timer && due <= at) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(draw, delay);
  };
  const draw = () => {
    timer = 0;
    const now = performance.now();
    points = since(points, now - SPAN);
    const low = Math.min(...points.filter((p) => !p.gap).map((p) => p.low));
    const high = Math.max(...points.filter((p) => !p.gap).map((p) => p.high));
    line.setAttribute("d", pathOf(points, now, low, high));
    const still = !(low < high);
    setText(range, still ? "" : `${asText(low, spec.type)} … ${asText(high, spec.type)}`);
    if (!still) drawIn(DRIFT);
  };
  return {
    element: make("div", { class: "iotkit-face", "aria-hidden": "true" }, picture, range),
    show(value) {
      const at = performance.now();
      const latest = points.at(-1);
      if (latest?.last === value) return;
      if (latest && !latest.gap && at - latest.at < STEP) {
        latest.low = Math.min(latest.low, value);
        latest.high = Math.max(latest.high, value);
        latest.last = value;
      } else {
        points.push({ at, first: value, low: value, high: value, last: value });
      }
      drawIn(STEP);
    },
    seen(visible) {
      if (visible) {
        // What was shown before anybody looked says nothing of the time since.
        if (!looked) points = points.slice(-1).map((point) => ({ ...point, at: performance.now() }));
        looked = true;
        drawIn(0);
        return;
      }
      clearTimeout(timer);
      timer = 0;
      if (points.length && !points.at(-1).gap) points.push({ at: performance.now(), gap: true });
    },
  };
}

// The points from a time on, and the one before, whose value still held then.
function since(points, start) {
  const first = points.findIndex((point) => point.at >= start);
  return points.slice(first < 0 ? -1 : Math.max(first - 1, 0));
}

// The line through the points, on a picture of 100 × 100: a value holds until the next one.
function pathOf(points, now, low, high) {
  const x = (at) => Math.max(100 * (1 - (now - at) / SPAN), 0).toFixed(2);
  const y = (value) => (high > low ? 95 - (90 * (value - low)) / (high - low) : 50).toFixed(1);
  const parts = [];
  points.forEach((point, i) => {
    if (point.gap) return;
    const before = points[i - 1];
    const after = points[i + 1];
    parts.push(`${before && !before.gap ? "L" : "M"}${x(point.at)} ${y(point.first)}`);
    if (point.high > point.low) parts.push(`V${y(point.low)}V${y(point.high)}V${y(point.last)}`);
    if (!after || after.gap) parts.push(`H${x(after?.at ?? now)}`);
    else if (after.at - point.at > 2 * STEP) parts.push(`H${x(after.at - STEP)}`);
  });
  return parts.join("");
}
