// The samples of a trace as the kernel sent them, and what of them is to be drawn.

const FIRST_ROOM = 1024; // samples
const MOST = 65_536; // samples that are kept
// s. Samples nearer than this are joined by a line; over a longer time, a value holds until the
// next one came.
const HOLD = 0.25;

export class Samples {
  // `kept` is for how many seconds; `steps` tells that no value is between two others.
  constructor(kept, steps) {
    this.kept = kept;
    this.steps = steps;
    this.next = 0; // the number of the sample that comes next, as the kernel counts them
    this.clear();
  }

  clear() {
    this.times = new Float64Array(FIRST_ROOM);
    this.values = new Float64Array(FIRST_ROOM);
    this.begin = this.end = 0;
  }

  get empty() {
    return this.begin === this.end;
  }

  get last() {
    return this.empty ? undefined : this.values[this.end - 1];
  }

  // Add samples, in the order of their times; NaN is for a value that isn't known.
  add(times, values) {
    if (!times.length) return;
    this.makeRoom(times.length);
    this.times.set(times, this.end);
    this.values.set(values, this.end);
    this.end += times.length;
    // The value that held when the time kept begins is needed too.
    const old = this.indexAt(this.times[this.end - 1] - this.kept);
    this.begin = Math.max(this.begin, old, this.end - MOST);
  }

  makeRoom(wanted) {
    const kept = this.end - this.begin;
    if (this.end + wanted <= this.times.length) return;
    const room = Math.max(FIRST_ROOM, 2 * (kept + wanted));
    for (const part of ["times", "values"]) {
      const moved = new Float64Array(room);
      moved.set(this[part].subarray(this.begin, this.end));
      this[part] = moved;
    }
    this.begin = 0;
    this.end = kept;
  }

  // The index of the last sample at or before a time; before all of them, one less than the first.
  indexAt(time) {
    let low = this.begin;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The value that was known at a time; undefined where none was.
  valueAt(time) {
    const index = this.indexAt(time);
    const value = index < this.begin ? NaN : this.values[index];
    return Number.isNaN(value) ? undefined : value;
  }

  // The height of the curve at a time; null in a gap, undefined before the first sample.
  curveAt(time) {
    const i = this.indexAt(time);
    if (i < this.begin) return undefined;
    const value = this.values[i];
    if (Number.isNaN(value)) return null;
    if (i + 1 === this.end || this.holds(i) || Number.isNaN(this.values[i + 1])) return value;
    const part = (time - this.times[i]) / (this.times[i + 1] - this.times[i]);
    return value + part * (this.values[i + 1] - value);
  }

  // Whether a value holds until the next sample.
  holds(i) {
    return this.steps || this.times[i + 1] - this.times[i] >= HOLD;
  }

  // Fill the heights `ys` of a curve up to the time `until`: two for each column of `grid`, the
  // lowest and the highest in the order in which they came. undefined is for nothing new, null for
  // a gap. Returns the lowest and highest of them all.
  draw(grid, until, ys) {
    ys.fill(undefined);
    const start = grid.first * grid.width;
    const last = Math.min(ys.length - 1, Math.ceil((2 * until) / grid.width) - 2 * grid.first);
    if (last < 0) return [Infinity, -Infinity];
    let i = Math.max(this.indexAt(start), this.begin - 1) + 1;
    const end = this.indexAt(start + (grid.width * (last + 1)) / 2) + 1;
    while (i < end) {
      const column = Math.floor(this.times[i] / grid.width) - grid.first;
      const slot = 2 * Math.max(column, 0);
      if (i > this.begin && slot && this.holds(i - 1)) hold(ys, slot - 1, this.values[i - 1]);
      i = this.drawColumn(i, end, (grid.first + column + 1) * grid.width, slot, ys);
    }
    ys[0] ??= this.curveAt(start);
    ys[last] ??= this.curveAt(Math.min(until, start + (grid.width * (last + 1)) / 2));
    return extent(ys);
  }

  // Draw the samples from `i` on that are before a time; returns which is the next.
  drawColumn(i, end, before, slot, ys) {
    const first = this.values[i];
    let [low, high, lowAt, highAt, gap] = [Infinity, -Infinity, i, i, false];
    let j = i;
    for (; j < end && (j === i || this.times[j] < before); j += 1) {
      const value = this.values[j];
      if (Number.isNaN(value)) gap = true;
      if (value < low) [low, lowAt] = [value, j];
      if (value > high) [high, highAt] = [value, j];
    }
    if (gap) [ys[slot], ys[slot + 1]] = [asHeight(first), asHeight(this.values[j - 1])];
    else if (low === high) ys[slot] = low;
    else [ys[slot], ys[slot + 1]] = lowAt < highAt ? [low, high] : [high, low];
    return j;
  }
}

// The columns, of equal width in seconds, in which a time is drawn. They begin at whole multiples
// of the width, so that a curve keeps its shape while it moves.
export function gridOf(from, to, count) {
  const width = (to - from) / count;
  const first = Math.floor(from / width);
  const slots = 2 * (Math.ceil(to / width) - first + 1);
  const xs = new Float64Array(slots);
  for (let slot = 0; slot < slots; slot += 1) xs[slot] = (first + slot / 2 + 0.25) * width;
  return { width, first, xs };
}

function hold(ys, slot, value) {
  if (ys[slot] === undefined && !Number.isNaN(value)) ys[slot] = value;
}

function asHeight(value) {
  return Number.isNaN(value) ? null : value;
}

function extent(ys) {
  let [low, high] = [Infinity, -Infinity];
  for (const y of ys) {
    if (y === undefined || y === null) continue;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  return [low, high];
}
