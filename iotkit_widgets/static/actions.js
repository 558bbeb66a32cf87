// What a device can do: a button for each function, with its arguments and its result.

import { breakable, freshId, make, makeControl, makeNote, shown } from "./dom.js";
import { isNumber, makeField } from "./fields.js";

const DONE = 1500; // ms that a button shows that what it did is done

// One function: {element, note, wide}; `wide` tells that it needs a row of its own.
export function makeAction(spec, talk) {
  const note = makeNote();
  const button = makeControl(
    "button",
    { type: "button", class: "iotkit-button", title: spec.help, "data-name": spec.name },
    make("span", {}, ...breakable(spec.name)),
  );
  const result = spec.result && makeResult(spec);
  const fields = spec.args.map((arg) => makeArgument(arg, () => run()));
  const mark = (text) => {
    for (const { arg, field } of fields) field.mark(text.startsWith(`${arg.name}: `));
  };

  async function run() {
    if (button.disabled) return; // no second click while it runs
    const focused = document.activeElement === button;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    note.hide();
    mark("");
    if (result) result.wait();
    try {
      const value = await talk.ask({ call: spec.name, args: fields.map(({ field }) => field.get()) });
      if (result) result.show(value);
      button.classList.add("iotkit-done");
      setTimeout(() => button.classList.remove("iotkit-done"), DONE);
    } catch (error) {
      if (result) result.clear();
      mark(error.message);
      note.show(error.message);
    }
    button.removeAttribute("aria-busy");
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus();
  }
  button.addEventListener("click", run);

  const element = make(
    "div",
    { class: "iotkit-action", "data-name": spec.name, role: "group", "aria-label": spec.name },
    button,
  );
  const wide = fields.length > 0;
  const beside = wide ? make("span", { class: "iotkit-arguments" }, ...fields.map((f) => f.element)) : element;
  if (wide) element.append(beside);
  if (result) beside.append(result.element);
  return { element, note, wide };
}

function makeResult(spec) {
  const kind = spec.result.type === "T" ? "text" : spec.result.type;
  const element = make("output", { class: "iotkit-result", "aria-live": "polite" });
  const say = (text, state) => {
    element.textContent = text;
    element.title = text;
    element.dataset.state = state;
  };
  const result = {
    element,
    wait: () => say("…", "waiting"),
    clear: () => say(kind, "empty"),
    show: (value) => say(spec.result.type === "bool" ? (value ? "True" : "False") : shown(value, spec.result.type), "full"),
  };
  result.clear();
  return result;
}

function makeArgument(arg, run) {
  const id = freshId();
  const field = makeField(arg, id, () => {});
  field.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") run();
  });
  if (isNumber(arg)) {
    const lowest = arg.min === null ? 0 : Math.min(Math.max(0, arg.min), arg.max);
    field.set(lowest);
  }
  const element = make(
    "span",
    { class: "iotkit-argument" },
    make("label", { for: id, class: "iotkit-label", title: arg.limits }, ...breakable(arg.name)),
    field.element,
    ...(arg.unit ? [make("span", { class: "iotkit-unit" }, arg.unit)] : []),
  );
  return { arg, field, element };
}
