// The Stop button. It goes several ways at once, and where none works, it says so in words.

import { makeControl, makeNote } from "./dom.js";

const HEARD = 150; // ms in which the kernel says that it has heard; else it is interrupted
const STOPPED = 1000; // ms in which what moves has said that it stopped; else a person must act

// A button that stops what `talk` is about: {element, note, press()}. It says that it stops `what`,
// and warns of what `it` may do.
export function makeStop(label, what, it, talk) {
  const note = makeNote();
  note.element.classList.add("iotkit-alarm");
  const element = makeControl(
    "button",
    { type: "button", class: "iotkit-stop", "data-name": "stop", "aria-label": `Stop ${what}` },
    label,
  );

  async function press() {
    note.hide();
    element.classList.add("iotkit-pressed");
    let heard = false;
    const interrupt = setTimeout(() => talk.interrupt(), HEARD);
    const warn = setTimeout(() => {
      const known = heard ? "Stop was sent, but not confirmed." : "The notebook did not confirm Stop.";
      note.show(`${known} If ${it} still moves, pull its plug.`);
    }, STOPPED);
    const onHeard = () => {
      heard = true;
      clearTimeout(interrupt);
    };
    try {
      await talk.ask({ stop: Date.now() }, onHeard);
      note.hide();
    } catch (error) {
      note.show(`${error.message}. If ${it} still moves, pull its plug.`);
    }
    clearTimeout(interrupt);
    clearTimeout(warn);
    element.classList.remove("iotkit-pressed");
  }

  // When it is pressed, not when it is let go: that takes a tenth of a second.
  element.addEventListener("pointerdown", (event) => event.button === 0 && press());
  element.addEventListener("click", (event) => event.detail === 0 && press()); // not by a pointer
  return { element, note, press };
}

// Have the Escape key, pressed in `element` but not while typing, do `press`.
export function stopOnEscape(element, press) {
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.target.matches("input[type=text], select")) return;
    event.preventDefault();
    press();
  });
}
