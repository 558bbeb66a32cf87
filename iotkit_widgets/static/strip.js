// One strip of a plot: the traces of one unit on one axis, with their legend.

import { breakable, make, makeControl, shown } from "./dom.js";
import { clockTimes, inSteps } from "./look.js";
import { Samples } from "./samples.js";

export const MARGIN = 14; // px at the right, for half of the last time
const COLOURS = 8; // then they begin again, with dashes
const LANE = 1.8; // between two traces that are on or off
const FEW = 3; // traces; more are drawn thinner, and quicker
const NARROWEST = 0.05; // part of a value's limits that an axis shows at least
const ROOMY = 0.3; // part of an axis that the curves fill at least, or it is made anew
const HEIGHTS = { 1: 240, 2: 160 }; // px, by the number of strips
const LEAST = 120;

// The traces of a plot as strips, in the order of their units.
export function makeStrips(spec, look, tell) {
  const groups = new Map();
  spec.traces.forEach((trace, index) => {
    const group = trace.type === "bool" ? "on and off" : `in ${trace.unit}`;
    groups.set(group, [...(groups.get(group) ?? []), makeTrace(trace, index, spec)]);
  });
  const height = HEIGHTS[groups.size] ?? LEAST;
  const all = [...groups.values()];
  return all.map((traces, i) => new Strip(traces, height, i === all.length - 1, look, tell));
}

function makeTrace(trace, index, spec) {
  const several = new Set(spec.traces.map((one) => one.device)).size > 1;
  return {
    ...trace,
    index,
    label: several ? `${trace.device}.${trace.name}` : trace.name,
    samples: new Samples(spec.kept, trace.type === "bool"),
    colour: (index % COLOURS) + 1,
    dash: index < COLOURS ? undefined : [6, 3],
    visible: true,
    ys: [],
  };
}

class Strip {
  // `look` has the colours, the font and the width of the axes; `tell` is told of what a hand
  // does: {hover(left), zoom(from, to), show()}.
  constructor(traces, height, isLast, look, tell) {
    Object.assign(this, { traces, isLast, look, tell });
    this.lanes = traces[0].type === "bool";
    this.height = (this.lanes ? 16 + 40 * traces.length : height) + (isLast ? 26 : 0);
    this.thin = traces.length > FEW;
    this.range = undefined;
    const legend = make("div", { class: "iotkit-legend" }, ...traces.map((trace) => this.makeEntry(trace)));
    this.area = make("div", { class: "iotkit-area" });
    this.element = make("div", { class: "iotkit-strip" }, legend, this.area);
  }

  makeEntry(trace) {
    const swatch = make("span", { class: "iotkit-swatch", "data-dash": Boolean(trace.dash) });
    swatch.style.setProperty("--colour", `var(--trace-${trace.colour})`);
    trace.value = make("span", { class: "iotkit-legend-value" }, "–");
    trace.entry = makeControl(
      "button",
      { type: "button", class: "iotkit-entry", "aria-pressed": "true", title: trace.help, "data-name": trace.name },
      swatch,
      make("span", { class: "iotkit-legend-name" }, ...breakable(trace.label)),
      trace.value,
      ...(trace.unit ? [make("span", { class: "iotkit-unit" }, trace.unit)] : []),
    );
    trace.entry.addEventListener("click", () => {
      trace.visible = !trace.visible;
      trace.entry.setAttribute("aria-pressed", String(trace.visible));
      this.chart?.setSeries(this.traces.indexOf(trace) + 1, { show: trace.visible }, false);
      this.tell.show();
    });
    return trace.entry;
  }

  // Have this width in px.
  resize(width) {
    if (this.chart) this.chart.setSize({ width, height: this.height });
    else this.chart = new uPlot(this.options(width), [[], ...this.traces.map(() => [])], this.area);
  }

  options(width) {
    const { look } = this;
    const axis = { stroke: () => look.text, font: look.font, ticks: { show: false } };
    const grid = { stroke: () => look.line, width: 1 };
    return {
      width,
      height: this.height,
      padding: [8, MARGIN, this.isLast ? 0 : 8, 0],
      legend: { show: false },
      scales: { x: { time: true, auto: false }, y: { auto: false, range: (_, low, high) => [low, high] } },
      axes: [
        { ...axis, grid, size: this.isLast ? 26 : 0, space: 70, values: this.isLast ? clockTimes : () => [] },
        { ...axis, grid, size: (_, values) => look.makeRoom(values), space: 26, ...this.heights() },
      ],
      series: [{}, ...this.traces.map((trace) => this.series(trace))],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => null },
      },
      hooks: {
        setCursor: [(chart) => this.moved(chart)],
        setSelect: [(chart) => this.selected(chart)],
      },
    };
  }

  series(trace) {
    return {
      auto: false,
      stroke: () => this.look.colours[trace.colour - 1],
      width: this.thin ? 1 : 1.5,
      dash: trace.dash,
      pxAlign: this.thin ? 1 : 0, // a thin line between two rows of px is faint
      points: { show: false },
    };
  }

  // What stands at the axis.
  heights() {
    if (!this.lanes) return { values: (_, splits, axis, space, step) => splits.map((y) => inSteps(y, step)) };
    const bottoms = this.traces.map((_, lane) => lane * LANE);
    return {
      splits: () => bottoms.flatMap((y) => [y, y + 1]),
      values: () => bottoms.flatMap(() => ["off", "on"]),
    };
  }

  moved(chart) {
    if (!this.following) this.tell.hover(chart.cursor.left);
  }

  // Show the cursor at this px, or none.
  follow(left) {
    this.following = true;
    this.chart?.setCursor({ left: left ?? -10, top: 10 });
    this.following = false;
  }

  selected(chart) {
    const { left, width } = chart.select;
    if (width <= 0) return;
    const [from, to] = [left, left + width].map((px) => chart.posToVal(px, "x"));
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.tell.zoom(from, to);
  }

  // Draw the time from..to, of which the kernel has told until `until`.
  draw(grid, from, to, until) {
    if (!this.chart) return;
    let [low, high] = [Infinity, -Infinity];
    this.traces.forEach((trace, place) => {
      trace.ys.length = grid.xs.length;
      const [lowest, highest] = trace.samples.draw(grid, until, trace.ys);
      if (trace.visible) [low, high] = [Math.min(low, lowest), Math.max(high, highest)];
      if (this.lanes) lift(trace.ys, (this.traces.length - 1 - place) * LANE);
    });
    this.range = this.lanes ? [-0.25, (this.traces.length - 1) * LANE + 1.25] : this.rangeFor(low, high);
    this.chart.batch(() => {
      this.chart.setData([grid.xs, ...this.traces.map((trace) => trace.ys)], false);
      this.chart.setScale("x", { min: from, max: to });
      this.chart.setScale("y", { min: this.range[0], max: this.range[1] });
    });
  }

  // The heights that the axis shows: the same ones as long as they suit.
  rangeFor(low, high) {
    if (low > high) return this.range ?? [0, 1];
    const limits = this.traces.filter((one) => one.visible && one.min !== null);
    const least = Math.max(0, ...limits.map((one) => NARROWEST * (one.max - one.min)));
    const more = Math.max(0, least - (high - low)) / 2;
    [low, high] = [low - more, high + more];
    const [bottom, top] = this.range ?? [Infinity, -Infinity];
    if (bottom <= low && high <= top && high - low >= ROOMY * (top - bottom)) return this.range;
    const flat = low === high && (Math.abs(low) / 10 || 1);
    return flat ? [low - flat, high + flat] : uPlot.rangeNum(low, high, 0.05, false);
  }

  // Show the values at a time, or else the newest.
  showValues(time) {
    for (const trace of this.traces) {
      const value = time === undefined ? trace.samples.last : trace.samples.valueAt(time);
      const known = value !== undefined && !Number.isNaN(value);
      const text = shown(known ? asValue(value, trace.type) : undefined, trace.type);
      if (trace.value.textContent !== text) trace.value.textContent = text;
      // What stands behind it doesn't move with each digit.
      if (text.length > (trace.widest ?? 0)) trace.value.style.minWidth = `${(trace.widest = text.length)}ch`;
    }
  }

  close() {
    this.chart?.destroy();
  }
}

function lift(ys, height) {
  for (let i = 0; i < ys.length; i += 1) if (ys[i] !== undefined && ys[i] !== null) ys[i] += height;
}

// A value as the legend shows it; that has no room for all digits of a float.
function asValue(number, type) {
  if (type === "bool") return number !== 0;
  return type === "float" ? Number(number.toPrecision(6)) : number;
}
