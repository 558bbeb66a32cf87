// Elements for a panel. What a device says goes into text nodes and attributes that hold text
// (title, value, aria-label), never into markup.

let lastId = 0;

export function freshId() {
  lastId += 1;
  return `iotkit-${Math.random().toString(36).slice(2, 8)}-${lastId}`;
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

// Have the element say `text`, and nothing else. A text node that stays costs a fraction of what a
// new one does, after which the page looks for all rules that might hold now.
export function setText(element, text) {
  if (element.firstChild) {
    if (element.firstChild.data !== text) element.firstChild.data = text;
  } else {
    element.textContent = text;
  }
}

// Something to use with hand or keyboard. The notebook's own shortcuts ("b" inserts a cell)
// must not fire in it.
export function makeControl(tag, attributes = {}, ...children) {
  return make(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);
}

// A name, which a narrow panel may break after an underscore.
export function breakable(name) {
  const parts = name.match(/[^_]*_+|[^_]+/g) ?? [name];
  return parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part]));
}

// A value as a person reads it.
export function shown(value, type) {
  if (value === undefined || value === null) return "–";
  if (type === "bool") return value ? "on" : "off";
  return printable(asText(value, type));
}

// A device's text without what would hide a part of it or turn it around: such characters are
// shown as escapes, as the terminal shows them. What can be changed by hand is left as it is.
function printable(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0);
    const digits = code.toString(16);
    if (code < 256) return `\\x${digits.padStart(2, "0")}`;
    return code < 65536 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
}

// A value as a saved notebook shows it; "" where none is known.
export function asSaved(value, type) {
  return value === undefined || value === null ? "" : shown(value, type);
}

// A value as a person would type it.
export function asText(value, type) {
  if (type !== "float" || typeof value !== "number") return String(value);
  const text = String(Number(value.toPrecision(9)));
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

// Words about something that went wrong, until they are dismissed.
export function makeNote(onDismiss = () => {}) {
  const words = make("span");
  const button = makeControl("button", {
    type: "button",
    class: "iotkit-dismiss",
    "aria-label": "Dismiss this message",
    title: "Dismiss",
  });
  button.textContent = "×";
  const element = make("div", { class: "iotkit-note", role: "alert", id: freshId() }, words, button);
  element.hidden = true;
  const note = {
    element,
    show(text) {
      if (words.textContent === text) return; // it would be read out again
      words.textContent = text;
      element.hidden = false;
    },
    hide() {
      if (element.hidden) return;
      element.hidden = true;
      words.textContent = "";
    },
  };
  button.addEventListener("click", () => {
    note.hide();
    onDismiss();
  });
  return note;
}
