// The button that stops everything on the shelf.

import { make } from "./dom.js";
import { makeStop } from "./stop.js";
import { Talk } from "./talk.js";

const GONE = "The notebook's kernel has stopped";

export default {
  render({ model, el }) {
    const talk = new Talk(model, () => talk.abandon(GONE));
    const stop = makeStop("Stop all", "all devices", "anything", talk);
    el.append(make("section", { class: "iotkit iotkit-stop-all" }, stop.element, stop.note.element));
    return () => talk.close();
  },
};
