// Fields to enter a value in: each is {element, input, get(), set(value), mark(wrong)}, where
// `input` is what a label belongs to. `commit(value)` is called when the user has entered one.

import { asText, makeControl, make } from "./dom.js";

const INT_MAX = 2 ** 31 - 1; // the largest int that a device can hold

// The field for a value: of an attribute that can be set, or of a function's argument.
export function makeField(spec, id, commit) {
  if (spec.type === "bool") return makeToggle(spec, id, commit);
  if (spec.choices.length) return makeChoice(spec, id, commit);
  return makeBox(spec, id, commit);
}

export function isNumber(spec) {
  return spec.type === "int" || spec.type === "float";
}

function common(spec, id) {
  return { id, "data-name": spec.name, title: spec.help ?? spec.limits, autocomplete: "off" };
}

function makeToggle(spec, id, commit) {
  const input = makeControl("input", { ...common(spec, id), type: "checkbox", role: "switch" });
  input.addEventListener("change", () => commit(input.checked));
  const element = make("span", { class: "iotkit-toggle" }, input);
  return {
    element,
    input,
    get: () => input.checked,
    set: (value) => (input.checked = value),
    mark: () => {},
  };
}

function makeChoice(spec, id, commit) {
  const input = makeControl("select", { ...common(spec, id), class: "iotkit-box" });
  for (const choice of spec.choices) {
    const option = make("option", {}, choice);
    option.value = choice;
    input.append(option);
  }
  input.addEventListener("change", () => commit(input.value));
  return {
    element: input,
    input,
    get: () => input.value,
    set: (value) => (input.value = value),
    mark: (wrong) => input.setAttribute("aria-invalid", String(wrong)),
  };
}

// A box to type into. What is being typed, or was refused, stays until it is entered or given
// up (Escape); else the box shows what the device has. A number is sent as the text that was
// typed, so that the kernel, which knows the rules, can say what is wrong with it.
function makeBox(spec, id, commit) {
  const numeric = isNumber(spec);
  const input = makeControl("input", {
    ...common(spec, id),
    class: numeric ? "iotkit-box iotkit-number" : "iotkit-box",
    type: "text",
    inputmode: spec.type === "int" ? "numeric" : numeric ? "decimal" : "text",
    spellcheck: "false",
  });
  let value;
  let typing = false;
  const field = {
    element: input,
    input,
    get: () => input.value,
    set(given) {
      value = given;
      if (typing) return;
      const text = value === undefined ? "" : asText(value, spec.type);
      if (input.value !== text) input.value = text;
    },
    mark(wrong) {
      input.setAttribute("aria-invalid", String(wrong));
      typing = wrong;
    },
    restore() {
      typing = false;
      field.mark(false);
      field.set(value);
    },
  };
  const enter = () => {
    if (!typing) return;
    typing = false;
    commit(numeric ? input.value.trim() : input.value);
  };
  input.addEventListener("input", () => {
    field.mark(false);
    typing = true;
  });
  input.addEventListener("blur", () => input.getAttribute("aria-invalid") !== "true" && enter());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") enter();
    if (event.key === "Escape") {
      field.restore();
      field.onRestore?.();
    }
  });
  return field;
}

// The range a slider covers: the device's limits, or else a round one around the value, which
// only ever widens.
export function rangeFor(spec, value, before) {
  if (spec.min !== null && spec.max !== null) {
    const fine = 10 ** Math.floor(Math.log10((spec.max - spec.min) / 200));
    return { min: spec.min, max: spec.max, step: spec.step ?? (spec.type === "int" ? 1 : fine) };
  }
  if (before && before.min <= value && value <= before.max) return before;
  const wide = Math.min(roundUp(Math.max(100, 2 * Math.abs(value))), INT_MAX);
  const max = Math.max(before?.max ?? 0, wide);
  return { min: value < 0 || before?.min < 0 ? -max : 0, max, step: 1 };
}

// The next of 1, 2, 5, 10, 20, 50, …
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((digit) => digit * power >= value) * power;
}

export function makeSlider(spec, label, move) {
  const input = makeControl("input", {
    type: "range",
    class: "iotkit-slider",
    "data-name": spec.name,
    "aria-label": label,
    title: spec.help,
  });
  let range;
  let given; // the value it was set to, until it is moved
  const paint = () => {
    const part = (input.valueAsNumber - range.min) / (range.max - range.min);
    input.style.setProperty("--part", `${100 * part}%`);
  };
  input.addEventListener("input", () => {
    given = undefined;
    paint();
    move(input.valueAsNumber);
  });
  const slider = {
    element: input,
    set(value) {
      if (range && value === given) return;
      given = value;
      const wanted = rangeFor(spec, value, range);
      if (wanted.min !== range?.min || wanted.max !== range.max) {
        range = wanted;
        Object.assign(input, { min: range.min, max: range.max, step: range.step });
      }
      input.value = value;
      paint();
    },
  };
  slider.set(spec.min ?? 0);
  return slider;
}
