// What a plot looks like, its numbers and times in words, and what is shown as a table.

import { make } from "./dom.js";

// The colours and the font of the page, and the width in px that the axes take.
export function makeLook() {
  const look = {
    room: 40,
    makeRoom(labels) {
      const longest = Math.max(0, ...(labels ?? []).map((label) => String(label).length));
      look.room = Math.max(look.room, 7 * longest + 14);
      return look.room;
    },
    // Read them; returns whether any has changed.
    read(element) {
      const style = getComputedStyle(element);
      element.dataset.dark = String(isDark(style.backgroundColor));
      const [text, line] = ["--muted", "--line"].map((name) => style.getPropertyValue(name).trim());
      const colours = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => style.getPropertyValue(`--trace-${n}`).trim());
      const before = look.seen;
      look.seen = [text, line, ...colours].join();
      Object.assign(look, { text, line, colours, font: `11px ${style.fontFamily}` });
      return look.seen !== before;
    },
  };
  return look;
}

function isDark(colour) {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128;
}

// A length of time in words.
export function lengthOf([from, to]) {
  const seconds = to - from;
  return seconds >= 60 ? `${Number((seconds / 60).toFixed(1))} min` : `${Number(seconds.toPrecision(3))} s`;
}

// A field of a table, as spreadsheets read it; what looks like a formula is kept a text.
function quoted(field) {
  if (typeof field === "number") return String(field);
  const text = /^[=+@\t\r-]/.test(field) ? `'${field}` : field;
  return `"${text.replaceAll('"', '""')}"`;
}

// The samples of a time as a table, a row for each.
export function tableOf(traces, from, to) {
  const rows = traces.flatMap(({ samples, label, unit, type }) => {
    const [first, end] = [Math.max(samples.indexAt(from), samples.begin), samples.indexAt(to) + 1];
    return Array.from({ length: Math.max(end - first, 0) }, (_, i) => {
      const [time, value] = [samples.times[first + i], samples.values[first + i]];
      const text = Number.isNaN(value) ? "" : type === "bool" ? (value ? "True" : "False") : value;
      return [time, label, text, unit];
    });
  });
  rows.sort((one, other) => one[0] - other[0]);
  const lines = rows.map(([time, ...rest]) => [new Date(time * 1000).toISOString(), ...rest].map(quoted).join(","));
  return ["time,name,value,unit", ...lines, ""].join("\r\n");
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// A number with as many digits as steps of this size need.
export function inSteps(number, step) {
  if (Math.abs(number) >= 1e6) return String(Number(number.toPrecision(6)));
  let digits = 0;
  while (digits < 9 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits += 1;
  return number.toFixed(digits);
}

// The labels of an axis of time.
export function clockTimes(_, times, axis, space, step) {
  return times.map((time) => clockTime(time, step));
}

// A time of the day, in this place's time, with as many digits as steps of this size need.
export function clockTime(time, step) {
  const digits = step >= 1 ? 0 : Math.min(Math.ceil(-Math.log10(step) - 1e-9), 3);
  const date = new Date(Math.round(time * 1000));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (step >= 60) return minutes;
  const part = digits ? `.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : "";
  return `${minutes}:${two(date.getSeconds())}${part}`;
}
