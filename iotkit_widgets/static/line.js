// A line of the shelf.

import { make, makeControl } from "./dom.js";
import { comeBack, keepSaved } from "./saved.js";
import { say } from "./talk.js";

export default {
  initialize({ model }) {
    comeBack(model); // later: the notebook waits for this here
  },

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
    const unsave = keepSaved(model, element, () => {
      const words = ["title", "text"].map((name) => make("code", {}, model.get(name)));
      return make("p", {}, words[0], " ", words[1]).outerHTML;
    });
    return () => {
      unsave();
      for (const name of watched) model.off(name, paint);
    };
  },
};
