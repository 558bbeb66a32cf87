// A pad to drive a device by hand: held by mouse or finger, or by the arrow keys. The hand is at
// x (right) and y (up), each -1 to 1; the kernel makes numbers for the device of that.

import { asText, make, makeControl, makeNote } from "./dom.js";
import { makeBadge } from "./badge.js";
import { comeBack, keepSaved } from "./saved.js";
import { Talk } from "./talk.js";

const FRAME = 33; // ms between two messages at least
const ALIVE = 100; // ms between two signs of life while it is held; without, the kernel lets go
const STILL = 0.06; // as near to the middle line, it is meant to be on it
const SPEED_UP = 400; // ms that a key takes to the edge
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const NO_KERNEL = "The notebook's kernel has stopped. Run the cell again for a pad that works.";

export default {
  initialize({ model }) {
    comeBack(model); // later: the notebook waits for this here
  },

  render({ model, el }) {
    const spec = model.get("spec");
    const pad = makePad(spec);
    const talk = new Talk(model, () => pad.showState({ is: "dead", why: NO_KERNEL }));
    const hand = makeHand(talk, pad);
    const grips = [followPointer(pad.field, hand), followKeys(pad.field, hand)];
    const letGo = () => grips.forEach((grip) => grip.release());
    const onHidden = () => document.visibilityState === "hidden" && letGo();
    const onFailed = (message) => message.failed && pad.note.show(message.failed);
    document.addEventListener("visibilitychange", onHidden);
    addEventListener("pagehide", letGo);
    const onState = () => pad.showState(model.get("state"));
    model.on("msg:custom", onFailed);
    model.on("change:state", onState);
    onState();
    el.append(pad.element);
    const unsave = keepSaved(model, pad.element, () => spec.html);
    return () => {
      letGo();
      hand.close();
      unsave();
      model.off("msg:custom", onFailed);
      model.off("change:state", onState);
      document.removeEventListener("visibilitychange", onHidden);
      removeEventListener("pagehide", letGo);
      talk.close();
    };
  },
};

function makePad(spec) {
  const knob = make("div", { class: "iotkit-knob" });
  const field = makeControl(
    "div",
    {
      class: "iotkit-pad-field",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "pad",
      "aria-label": `${spec.title}: drive with the arrow keys, let go to stop`,
    },
    knob,
  );
  const values = spec.labels.map(() => make("output", { "aria-live": "off" }));
  const reading = spec.labels.map((label, i) =>
    make(
      "div",
      { class: "iotkit-pad-value" },
      make("span", { class: "iotkit-label" }, label),
      values[i],
      ...(spec.units[i] ? [make("span", { class: "iotkit-unit" }, spec.units[i])] : []),
    ),
  );
  const badge = makeBadge();
  const note = makeNote();
  const element = make(
    "section",
    { class: "iotkit iotkit-pad", "aria-label": `A pad for ${spec.title}` },
    make("header", { class: "iotkit-header" }, make("span", { class: "iotkit-name" }, spec.title), badge.element),
    badge.note,
    make("div", { class: "iotkit-pad-body" }, field, make("div", { class: "iotkit-pad-values" }, ...reading)),
    note.element,
  );
  const pad = {
    element,
    field,
    note,
    showState(state) {
      badge.show(element, state);
      if (state.is === "connected") note.hide(); // what went wrong before is over
    },
    place(x, y) {
      knob.style.setProperty("--x", x);
      knob.style.setProperty("--y", y);
      field.classList.toggle("iotkit-held", x !== 0 || y !== 0);
    },
    tell(numbers) {
      numbers.forEach((number, i) => (values[i].textContent = asText(number, "int")));
    },
  };
  pad.tell(spec.rest);
  return pad;
}

// Where the hand is, and what the kernel knows of that: the newest place, one message at a time.
// Letting go doesn't wait for anything.
function makeHand(talk, pad) {
  let place = [0, 0];
  let told = [0, 0];
  let asking = false;
  let sentAt = -FRAME;
  let timer = 0;
  let signs = 0;

  const same = () => place[0] === told[0] && place[1] === told[1];
  const isHeld = () => place[0] !== 0 || place[1] !== 0;
  const send = () => {
    clearTimeout(timer);
    timer = 0;
    if (same() || (asking && isHeld())) return;
    const left = sentAt + FRAME - performance.now();
    if (isHeld() && left > 0) {
      timer = setTimeout(send, left);
      return;
    }
    told = place;
    sentAt = performance.now();
    ask(place);
  };
  let latest = 0; // of the questions: an answer to an older one says nothing any more
  async function ask(asked) {
    const number = (latest += 1);
    asking = true;
    try {
      const numbers = await talk.ask({ steer: asked, at: performance.now() });
      if (numbers.length) pad.tell(numbers);
      if (number === latest) pad.note.hide();
    } catch (error) {
      pad.note.show(error.message);
    }
    if (number !== latest) return;
    asking = false;
    send();
  }
  return {
    move(x, y) {
      place = [x, y];
      pad.place(x, y);
      if (isHeld() && !signs) signs = setInterval(() => talk.send({ alive: true }), ALIVE);
      if (!isHeld()) {
        clearInterval(signs);
        signs = 0;
      }
      send();
    },
    close: () => clearTimeout(timer),
  };
}

// A grip is what holds the pad: {release()} lets go of it.

function followPointer(field, hand) {
  let held; // the id of the pointer
  const part = (at, from, size) => {
    const found = Math.min(Math.max((2 * (at - from)) / size - 1, -1), 1);
    return Math.abs(found) < STILL ? 0 : found;
  };
  const move = (event) => {
    if (event.pointerId !== held) return;
    const { left, top, width, height } = field.getBoundingClientRect();
    hand.move(part(event.clientX, left, width), -part(event.clientY, top, height) || 0);
  };
  const down = (event) => {
    if (event.button !== 0 || held !== undefined) return;
    held = event.pointerId;
    field.setPointerCapture(held);
    field.focus();
    move(event);
  };
  const release = () => {
    if (held === undefined) return;
    held = undefined;
    hand.move(0, 0);
  };
  const up = (event) => event.pointerId === held && release();
  field.addEventListener("pointerdown", down);
  field.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) field.addEventListener(end, up);
  field.addEventListener("contextmenu", (event) => event.preventDefault()); // which a long touch opens
  field.addEventListener("blur", release);
  return { release };
}

// A key goes to the edge little by little, and back at once.
function followKeys(field, hand) {
  const since = new Map(); // the keys that are down, and from when on
  let frame = 0;
  const move = () => {
    cancelAnimationFrame(frame);
    const now = performance.now();
    const at = [0, 0];
    for (const [key, began] of since) {
      const part = Math.min(0.2 + (now - began) / SPEED_UP, 1);
      KEYS[key].forEach((way, i) => (at[i] += way * part));
    }
    hand.move(...at);
    if (since.size) frame = requestAnimationFrame(move);
  };
  const release = () => {
    if (!since.size) return;
    since.clear();
    move();
  };
  const down = (event) => {
    if (event.key === "Escape") release();
    if (!(event.key in KEYS) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (event.repeat || since.has(event.key)) return; // let go of, it must be pressed anew
    since.set(event.key, performance.now());
    move();
  };
  field.addEventListener("keydown", down);
  field.addEventListener("keyup", (event) => since.delete(event.key) && move());
  field.addEventListener("blur", release);
  return { release };
}
