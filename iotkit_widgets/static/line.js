// A line of the shelf.

import { make, makeControl } from "./dom.js";
import { say } from "./talk.js";

export default {
  render({ model, el }) {
    const title = make("span", { class: "iotkit-name" });
    const text = make("span", { class: "iotkit-words", role: "status" });
    const button = makeControl("button", { type: "button", class: "iotkit-button" });
    const element = make("section", { class: "iotkit iotkit-line" }, title, text, button);
    const paint = () => {
      title.textContent = model.get("title");
      text.textContent = model.get("text");
      button.textContent = model.get("button");
      button.setAttribute("aria-label", `${model.get("button")} ${model.get("title")}`);
      button.hidden = !model.get("button");
      button.disabled = model.get("busy");
      button.setAttribute("aria-busy", String(model.get("busy")));
      element.classList.toggle("iotkit-failed", model.get("failed"));
    };
    button.addEventListener("click", () => say(model, { pressed: true }));
    const watched = ["title", "text", "button", "busy", "failed"].map((name) => `change:${name}`);
    for (const name of watched) model.on(name, paint);
    paint();
    el.append(element);
    return () => {
      for (const name of watched) model.off(name, paint);
    };
  },
};
