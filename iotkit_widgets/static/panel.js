// The panel of a device.

import { make } from "./dom.js";
import { makeBadge } from "./badge.js";
import { makeAction } from "./actions.js";
import { makeRecorder } from "./record.js";
import { makeReading, makeSetting } from "./settings.js";
import { comeBack, filledTable, keepSaved } from "./saved.js";
import { makeStop, stopOnEscape } from "./stop.js";
import { listen, Talk, watchVisibility } from "./talk.js";

const NO_KERNEL = "The notebook's kernel has stopped. Run the cell again for a live panel.";

export default {
  initialize({ model }) {
    comeBack(model); // later: the notebook waits for this here
  },

  async render({ model, el }) {
    const onDead = () => {
      panel.showState({ is: "dead", why: NO_KERNEL });
      talk.abandon(NO_KERNEL);
    };
    const talk = new Talk(model, onDead);
    const panel = makePanel(model.get("spec"), talk);
    el.append(panel.element);

    // News waits until the next frame in which the panel can be seen; the latest wins.
    let news = {};
    let asked = 0;
    let visible = false;
    const paint = () => {
      asked = 0;
      const { entries, state, recording } = news;
      news = {};
      for (const [name, entry] of Object.entries(entries ?? {})) panel.rows.get(name)?.hear(entry);
      if (state?.is) panel.showState(state);
      if (recording) panel.recorder?.hear(recording);
    };
    const hear = (more) => {
      for (const part in more) news[part] = { ...news[part], ...more[part] };
      if (visible && !asked) asked = requestAnimationFrame(paint);
    };
    news = { entries: model.get("entries"), state: model.get("state") };
    paint();

    const onKernel = () => el.closest(".jupyter-widgets-disconnected") && onDead();
    model.on("comm_live_update", onKernel);
    onKernel();

    const unsave = keepSaved(model, panel.element, () =>
      filledTable(model.get("spec").table, (name) => panel.rows.get(name)?.text()),
    );
    const unlisten = await listen(model, hear);
    const unwatch = watchVisibility(panel.element, (now) => {
      visible = now;
      talk.say(now);
      for (const row of panel.rows.values()) row.seen?.(now);
      if (now) hear({});
    });
    return () => {
      unwatch();
      unlisten();
      unsave();
      cancelAnimationFrame(asked);
      model.off("comm_live_update", onKernel);
      talk.close();
    };
  },
};

function makePanel(spec, talk) {
  const rows = new Map();
  const remember = (one, row) => {
    rows.set(one.name, row);
    return row.element;
  };
  const badge = makeBadge();
  const body = make("fieldset", { class: "iotkit-body", "aria-label": spec.name });
  const settings = spec.settings.map((one) => remember(one, makeSetting(one, talk)));
  const readings = spec.readings.map((one) => remember(one, makeReading(one)));
  const stop = spec.stop && makeStop("Stop", spec.name, "it", talk);
  const actions = spec.actions
    .filter((one) => !(stop && one.name === "stop"))
    .map((one) => makeAction(one, talk));
  const short = actions.filter((one) => !one.wide);
  const wide = actions.filter((one) => one.wide);
  const sets = makeGroup("Settings", settings.length && make("div", { class: "iotkit-settings" }, ...settings));
  const reads = makeGroup("Readings", readings.length && make("div", { class: "iotkit-readings" }, ...readings));
  const acts = makeGroup(
    "Actions",
    short.length && make("div", { class: "iotkit-short" }, ...short.map((one) => one.element)),
    ...short.map((one) => one.note.element),
    wide.length && make("div", { class: "iotkit-wide" }, ...wide.flatMap((one) => [one.element, one.note.element])),
  );
  const recorder = spec.record && makeRecorder(talk);
  const driving = [...sets, ...acts];
  body.append(...sets, ...reads, ...acts, ...(recorder ? [recorder.element] : []));
  const element = make(
    "section",
    { class: "iotkit iotkit-panel", tabindex: stop && "-1", "aria-label": `The device ${spec.name}` },
    make(
      "header",
      { class: "iotkit-header", title: spec.help },
      make("span", { class: "iotkit-name" }, spec.name),
      make("span", { class: "iotkit-target" }, spec.target),
      badge.element,
      ...(stop ? [stop.element] : []),
    ),
    ...(stop ? [stop.note.element] : []),
    badge.note,
    body,
  );
  if (stop) stopOnEscape(element, stop.press);
  const showState = (state) => {
    badge.show(element, state);
    body.disabled = state.is === "gone" || state.is === "dead";
    for (const group of driving) {
      group.disabled = state.is === "claimed";
      group.title = group.disabled ? state.why : "";
    }
  };
  return { element, rows, recorder, showState };
}

// The group of these parts, in an array; an empty one where there are none.
function makeGroup(title, ...parts) {
  const content = parts.filter((part) => part);
  const head = make("div", { class: "iotkit-title", "aria-hidden": "true" }, title);
  return content.length
    ? [make("fieldset", { class: "iotkit-group", "aria-label": title }, head, ...content)]
    : [];
}
