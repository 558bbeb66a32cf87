// A plot on the page: strips that move as time goes on, until they are paused or zoomed.

import { make, makeControl, makeNote, shown } from "./dom.js";
import { Feed } from "./feed.js";
import { clockTime, download, lengthOf, makeLook, tableOf } from "./look.js";
import { gridOf } from "./samples.js";
import { makeStrips, MARGIN } from "./strip.js";

const WINDOWS = { "10 s": 10, "30 s": 30, "1 min": 60, "5 min": 300 };
const STATES = {
  live: "live",
  lost: "lost: reconnecting …",
  paused: "paused",
  gone: "gone",
  dead: "kernel stopped",
};
const SHORTEST = 0.01; // s, to be zoomed to
const READABLE = 80; // ms for which a value in the legend stays
const SLOWEST = 100; // ms between two frames of a long time, in which little moves

export class PlotView {
  // `ask` asks the kernel for all that it has kept.
  constructor(spec, ask) {
    this.spec = spec;
    this.span = 10; // s that are shown while it is live
    this.lost = false; // what is shown is away, or some of it
    this.held = undefined; // [from, to] while it isn't
    this.left = undefined; // where the pointer is, in px
    this.dragging = false;
    this.visible = false;
    this.look = makeLook();
    const tell = {
      hover: (left) => this.hover(left),
      zoom: (from, to) => this.hold(from, to),
      show: () => this.draw(),
    };
    this.strips = makeStrips(spec, this.look, tell);
    this.traces = this.strips.flatMap((strip) => strip.traces).sort((a, b) => a.index - b.index);
    this.feed = new Feed(this.traces, ask);
    this.build();
    this.watchSize();
  }

  build() {
    this.badge = make("span", { class: "iotkit-badge", role: "status" });
    this.readout = make("span", { class: "iotkit-readout" });
    this.pauseButton = makeControl("button", { type: "button", class: "iotkit-button iotkit-pause" });
    this.pauseButton.addEventListener("click", () => this.toggle());
    const save = makeControl("button", { type: "button", class: "iotkit-button", title: "Save what is shown as a table" }, "Save CSV");
    save.addEventListener("click", () => this.save());
    this.choice = makeControl("select", { class: "iotkit-box", "aria-label": "How much time to show" });
    for (const [name, seconds] of Object.entries(WINDOWS)) this.choice.append(make("option", { value: seconds }, name));
    this.choice.addEventListener("change", () => this.choose(Number(this.choice.value)));
    this.note = makeNote();
    this.charts = makeControl(
      "div",
      {
        class: "iotkit-charts",
        role: "group",
        tabindex: "0",
        "aria-label":
          `Chart of ${this.traces.map((trace) => trace.label).join(", ")}.` +
          " Space pauses, arrows move, plus and minus zoom, Escape goes back to live.",
      },
      ...this.strips.map((strip) => strip.element),
    );
    this.charts.addEventListener("keydown", (event) => this.press(event));
    this.charts.addEventListener("dblclick", (event) => event.target.closest(".u-over") && this.goLive());
    this.charts.addEventListener("pointerdown", (event) => this.drag(event));
    const tools = make("span", { class: "iotkit-tools" }, this.readout, this.choice, this.pauseButton, save);
    this.element = make(
      "section",
      { class: "iotkit iotkit-plot", "aria-label": `A plot of ${this.spec.title}` },
      make("header", { class: "iotkit-header" }, make("span", { class: "iotkit-name" }, this.spec.title), this.badge, tools),
      this.note.element,
      this.charts,
    );
    this.showState();
  }

  watchSize() {
    this.sizes = new ResizeObserver(() => {
      const style = getComputedStyle(this.charts);
      const width = Math.floor(
        this.charts.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      );
      if (width < 50 || width === this.width) return;
      this.width = width;
      this.look.read(this.element);
      for (const strip of this.strips) strip.resize(width);
      this.draw();
    });
    this.sizes.observe(this.charts);
  }

  // Take in what the kernel tells.
  hear(news, buffer) {
    this.feed.take(news, buffer);
    const words = [...new Set(news.why.filter((why) => why))].join("; ");
    if (words !== this.words) this.say((this.words = words));
    if (news.over) this.end("gone");
    else if (news.lost !== this.lost) {
      this.lost = news.lost;
      this.showState();
    }
    if (!this.held || this.held[1] > this.now) this.drawSoon();
  }

  get now() {
    return this.ended ? this.over : this.feed.now;
  }

  // Nothing will come any more: all devices are gone, or the kernel is.
  end(state, words = "") {
    if (!this.ended) {
      this.over = this.now;
      this.held ??= [this.over - this.span, this.over];
    }
    this.ended = state;
    if (words) this.say(words);
    this.showState();
    this.draw();
  }

  say(words) {
    if (words) this.note.show(words);
    else this.note.hide();
  }

  // What is shown.

  see(visible) {
    this.visible = visible;
    if (visible) this.drawSoon();
  }

  get shownTime() {
    const now = this.now;
    return this.held ?? [now - this.span, now];
  }

  // Draw again and again while it is live, as often as anything has moved.
  drawSoon() {
    if (this.asked || !this.visible) return;
    this.asked = requestAnimationFrame((at) => {
      this.asked = undefined;
      const pause = Math.min((500 * this.span) / (this.width ?? 1), SLOWEST);
      if (at - (this.drawnAt ?? 0) >= pause - 8 && !this.dragging) {
        this.drawnAt = at;
        this.draw();
      }
      if (!this.held) this.drawSoon();
    });
  }

  draw() {
    if (!this.width || this.closed) return;
    const room = this.look.room;
    const columns = Math.max(this.width - room - MARGIN, 50); // one for each px
    const [from, to] = this.held ?? inWholeSteps(this.shownTime, this.span / columns);
    const grid = gridOf(from, to, columns);
    const until = Math.min(to, this.now);
    for (const strip of this.strips) strip.draw(grid, from, to, until);
    if (this.look.room !== room) this.draw();
    const now = performance.now();
    if (this.held || now - (this.readAt ?? 0) > READABLE) {
      this.readAt = now;
      this.showValues();
    }
  }

  showValues() {
    const at = this.hoverTime();
    for (const strip of this.strips) strip.showValues(at ?? (this.held && this.held[1]));
    const [from, to] = this.shownTime;
    const text = at === undefined ? "" : clockTime(at, (to - from) / 1000);
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }

  // The last value in words of what the kernel calls so, where one is known.
  lastOf(name) {
    const trace = this.traces.find((one) => `${one.device}.${one.name}` === name);
    return trace && trace.last !== undefined ? shown(trace.last, trace.type) : "";
  }

  hoverTime() {
    const chart = this.strips[0].chart;
    return this.left === undefined || !chart ? undefined : chart.posToVal(this.left, "x");
  }

  hover(left) {
    this.left = left >= 0 ? left : undefined;
    for (const strip of this.strips) strip.follow(this.left);
    this.showValues();
  }

  tick() {
    if (this.visible && this.look.read(this.element)) this.draw();
  }

  // What a hand does.

  drag(event) {
    if (!event.target.closest(".u-over")) return;
    this.dragging = true; // or the curves would move away under it
    const end = () => setTimeout(() => (this.dragging = false)); // after the chart has seen it
    window.addEventListener("pointerup", end, { once: true });
  }

  toggle() {
    if (this.held) this.goLive();
    else this.hold(...this.shownTime);
  }

  hold(from, to) {
    const middle = (from + to) / 2;
    const half = Math.min(Math.max(to - from, SHORTEST), this.spec.kept) / 2;
    this.held = [middle - half, middle + half];
    this.showState();
    this.draw();
  }

  // Go on with what comes, or to where it has ended.
  goLive() {
    this.held = this.ended && [this.over - this.span, this.over];
    this.showState();
    this.draw();
    this.drawSoon();
  }

  choose(seconds) {
    this.span = seconds;
    if (this.held) this.hold(this.held[1] - seconds, this.held[1]);
    else this.draw();
  }

  press(event) {
    if (event.target !== this.charts || event.ctrlKey || event.metaKey || event.altKey) return;
    const [from, to] = this.shownTime;
    const [step, middle] = [(to - from) / 4, (from + to) / 2];
    const wider = (factor) => this.hold(middle - 2 * step * factor, middle + 2 * step * factor);
    const keys = {
      " ": () => this.toggle(),
      Escape: () => this.goLive(),
      ArrowLeft: () => this.hold(from - step, to - step),
      ArrowRight: () => this.hold(from + step, to + step),
      "+": () => wider(0.5),
      "-": () => wider(2),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  showState() {
    const state = this.ended ?? (this.held ? "paused" : this.lost ? "lost" : "live");
    this.element.dataset.state = state;
    this.badge.textContent = state === "paused" ? `paused, ${lengthOf(this.held)}` : STATES[state];
    this.pauseButton.textContent = this.ended ? "Show the end" : this.held ? "Back to live" : "Pause";
  }

  save() {
    const [from, to] = this.shownTime;
    const stamp = new Date(to * 1000).toISOString().slice(0, 19).replaceAll(":", "-");
    download(`plot-${stamp}.csv`, tableOf(this.traces, from, to));
  }

  close() {
    this.closed = true;
    cancelAnimationFrame(this.asked);
    this.sizes.disconnect();
    for (const strip of this.strips) strip.close();
  }
}

// The time from..to, moved on so that a picture of it moves by whole px, and no curve trembles.
function inWholeSteps([from, to], step) {
  const moved = Math.ceil(to / step) * step - to;
  return [from + moved, to + moved];
}
