// The rows of a panel that show attributes: those that can be set, and those that can't.

import { breakable, freshId, make, makeNote, setText, shown, asSaved } from "./dom.js";
import { makeFace, makeWarning } from "./faces.js";
import { isNumber, makeField, makeSlider } from "./fields.js";

const ECHO = 400; // ms after a touch in which the device's values don't move what is touched

// One row: {element, hear(entry), text()}, where an entry of the device is {value} or {error},
// and the text is what a saved notebook shows of the value; "" where none is known.
export function makeSetting(spec, talk) {
  const id = freshId();
  let known; // what the device has, as far as was heard
  let touched = 0;
  let pressed = false;
  let sending = false;
  let next; // [value] that waits until the one before has arrived

  const note = makeNote(() => field.restore?.());
  const field = makeField(spec, id, (value) => offer(value));
  field.onRestore = note.hide;
  field.input.setAttribute("aria-describedby", note.element.id);
  const ranged = spec.type === "int" || (spec.type === "float" && spec.min !== null);
  const slider = ranged && makeSlider(spec, `${spec.name}, slider`, (value) => {
    field.restore();
    field.set(value);
    offer(value);
  });

  const tell = (value) => word && setText(word, shown(value, spec.type));
  const paint = () => {
    if (known === undefined) return;
    field.set(known);
    if (slider) slider.set(known);
    tell(known);
  };
  const release = () => {
    if (!(pressed || sending) && performance.now() - touched >= ECHO) paint();
  };
  const touch = () => {
    touched = performance.now();
    setTimeout(release, ECHO + 1);
  };

  // Send it: the latest wins, and one at a time is on its way.
  async function offer(value) {
    touch();
    next = [value];
    if (sending) return;
    sending = true;
    while (next) {
      const [sent] = next;
      next = undefined;
      try {
        await talk.ask({ set: spec.name, value: sent });
        note.hide();
      } catch (error) {
        if (next) continue;
        field.mark(true);
        note.show(error.message);
      }
    }
    sending = false;
    touch();
  }

  if (slider) {
    slider.element.addEventListener("pointerdown", () => (pressed = true));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      slider.element.addEventListener(end, () => {
        pressed = false;
        touch();
      });
    }
  }
  const warning = makeWarning(spec);
  const word = spec.type === "bool" && make("span", { class: "iotkit-word", "aria-hidden": "true" });
  if (word) field.element.append(word);
  if (word) field.input.addEventListener("change", () => tell(field.get()));

  const kind = slider ? "slider" : spec.type === "bool" ? "toggle" : isNumber(spec) ? "number" : "text";
  const row = make(
    "div",
    { class: `iotkit-row iotkit-${kind}-row`, "data-name": spec.name },
    make("label", { class: "iotkit-label", for: id, title: spec.help }, ...breakable(spec.name)),
    ...(slider ? [slider.element] : []),
    field.element,
    ...(spec.unit ? [make("span", { class: "iotkit-unit" }, spec.unit)] : []),
    warning.element,
    note.element,
  );
  let failing = false; // the note is about reading it, and goes when that succeeds

  return {
    element: row,
    text: () => asSaved(known, spec.type),
    hear(entry) {
      if (entry.error !== undefined) {
        failing = true;
        note.show(entry.error);
        return;
      }
      if (failing) note.hide();
      failing = false;
      known = entry.value;
      warning.show(known);
      release();
    },
  };
}

// A value to look at, and what it is shown with.
export function makeReading(spec) {
  const value = make("output", { class: "iotkit-value", id: freshId(), "aria-live": "off" }, "–");
  const face = makeFace(spec);
  const note = makeNote();
  const figure = make("div", { class: "iotkit-figure" }, value);
  if (spec.unit) figure.append(make("span", { class: "iotkit-unit" }, spec.unit));
  const element = make(
    "div",
    { class: `iotkit-reading iotkit-of-${spec.type}`, "data-name": spec.name, title: spec.help },
    make("label", { class: "iotkit-label", for: value.id }, ...breakable(spec.name)),
    figure,
    ...(face ? [face.element] : []),
    note.element,
  );
  let known;
  let room = 0; // characters that the text has needed so far: it gets smaller, and stays so

  return {
    element,
    text: () => asSaved(known, spec.type),
    seen: (visible) => face?.seen(visible),
    hear(entry) {
      if (entry.error !== undefined) {
        note.show(entry.error);
        return;
      }
      note.hide();
      known = entry.value;
      const text = shown(known, spec.type);
      setText(value, text);
      if (text.length > room) figure.style.setProperty("--room", (room = text.length));
      face?.show(known);
    },
  };
}
