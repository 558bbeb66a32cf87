// How it stands with a device, in a word or two, and in a sentence where there is more to say.

import { make, makeNote } from "./dom.js";

const STATES = {
  connected: "connected",
  silent: "not answering",
  lost: "lost: reconnecting …",
  stopped: "stopped",
  yours: "yours alone",
  gone: "gone",
  dead: "kernel stopped",
};

// The badge's element, the note that says why, and show(state), where a state is {is, why}. The
// element that show is given is marked with the state.
export function makeBadge() {
  const words = make("span");
  const element = make("span", { class: "iotkit-badge", role: "status" }, words);
  const note = makeNote();
  note.element.classList.add("iotkit-why");
  let shown = "";
  return {
    element,
    note: note.element,
    show(marked, state) {
      if (shown === JSON.stringify(state)) return;
      shown = JSON.stringify(state);
      marked.dataset.state = state.is;
      words.textContent = state.who ? `${state.who} has it` : STATES[state.is] ?? state.is;
      element.title = state.why;
      if (state.why) note.show(state.why);
      else note.hide();
    },
  };
}
