// What the kernel tells of the traces of a plot, and what time it has.

const REPEAT = 2000; // ms between two requests for what is missing
const JUMP = 1; // s by which the kernel's clock may seem late

export class Feed {
  // `ask` asks the kernel for all that it has kept.
  constructor(traces, ask) {
    this.traces = traces;
    this.ask = ask;
    this.whole = false; // whether all of it has come
  }

  // Take in a message: for each trace the number of the first sample and how many there are, and
  // in the buffer their times, then their values.
  take(news, buffer) {
    const { byteOffset, byteLength } = buffer;
    const numbers = new Float64Array(buffer.buffer.slice(byteOffset, byteOffset + byteLength));
    this.setClock(news.now);
    if (news.all) this.whole = true;
    let at = 0;
    this.traces.forEach((trace, i) => {
      const half = at + news.counts[i];
      const end = half + news.counts[i];
      this.append(trace, news.first[i], numbers.subarray(at, half), numbers.subarray(half, end), news.all);
      at = end;
    });
    this.complete();
  }

  // Add what isn't there yet; where samples are missing, there is a gap.
  append(trace, first, times, values, all) {
    const { samples } = trace;
    if (all) samples.clear();
    else if (first > samples.next) {
      this.whole = false;
      if (!samples.empty && times.length) samples.add([times[0]], [NaN]);
    }
    const known = all ? 0 : Math.max(samples.next - first, 0);
    samples.add(times.subarray(known), values.subarray(known));
    samples.next = Math.max(samples.next, first + times.length);
    trace.last = values.findLast((value) => !Number.isNaN(value)) ?? trace.last;
  }

  // Ask for all that the kernel has kept, if some of it is missing.
  complete() {
    const now = performance.now();
    if (this.whole || now - (this.askedAt ?? -REPEAT) < REPEAT) return;
    this.askedAt = now;
    this.ask();
  }

  // Note the kernel's time. Messages are never early; the quickest of them tells best.
  setClock(time) {
    const ahead = time - performance.now() / 1000;
    const known = this.ahead ?? -Infinity;
    this.ahead = ahead > known || known - ahead > JUMP ? ahead : known;
  }

  // The time in the kernel, in seconds since the epoch.
  get now() {
    return this.ahead === undefined ? Date.now() / 1000 : performance.now() / 1000 + this.ahead;
  }
}
