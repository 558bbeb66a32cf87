// The record button: what the device does goes into a file, until it is pressed again.

import { make, makeControl, makeNote } from "./dom.js";

const HELP = "Keep every change in a file, until this is pressed again";

// {element, hear(condition)}
export function makeRecorder(talk) {
  const note = makeNote();
  const button = makeControl(
    "button",
    { type: "button", class: "iotkit-record", title: HELP, "data-name": "record", "aria-pressed": "false" },
    "Record",
  );
  const words = make("span", { class: "iotkit-file", role: "status" });

  async function press() {
    if (button.disabled) return;
    button.disabled = true;
    note.hide();
    try {
      await talk.ask({ record: button.getAttribute("aria-pressed") === "false" });
    } catch (error) {
      note.show(error.message);
    }
    button.disabled = false;
  }
  button.addEventListener("click", press);

  const hear = ({ on, file, error }) => {
    button.setAttribute("aria-pressed", String(on));
    const text = `${on ? "Recording to" : "Recorded in"} ${file}`;
    if (words.textContent !== text) words.textContent = text;
    if (error) note.show(error);
  };
  const element = make(
    "div",
    { class: "iotkit-recorder", role: "group", "aria-label": "Recording" },
    button,
    words,
    note.element,
  );
  return { element, hear };
}
