// What a notebook that was saved with widgets of these in it shows without a kernel: a table
// with the values of last. The file holds that table in the place of the widget, since a
// notebook would show a widget without its kernel as an error; where the kernel still runs when
// the notebook is opened, the widget comes back.
//
// All of this is JupyterLab's; elsewhere, both are in the file, as they were displayed first.

const VIEW = "application/vnd.jupyter.widget-view+json";
const ASK = "iotkit-table"; // the event by which a widget asks all in its output for their HTML

// Have `html()` saved in the place of the view in `element`, which has the class "iotkit".
// Returns what ends that.
export function keepSaved(model, element, html) {
  const context = documentOf(model);
  if (!context) return () => {};
  let roots = new Set();
  outputsWith(model, context, (data) => data[VIEW]).then((found) => (roots = new Set(found.values())));
  const answer = (event) => event.detail.push({ element, html: html() });
  const onSave = (_, state) => {
    if (state !== "started") return;
    const output = element.closest(".jp-OutputArea-output") ?? element.parentElement;
    const parts = [];
    for (const one of output.querySelectorAll(".iotkit")) {
      one.dispatchEvent(new CustomEvent(ASK, { detail: parts }));
    }
    if (parts[0]?.element !== element) return; // one of them does it for all
    replaceWhileSaved(context, roots, parts.map((part) => part.html).join(""));
  };
  element.addEventListener(ASK, answer);
  context.saveState.connect(onSave);
  return () => context.saveState.disconnect(onSave);
}

// Put the widget back into the outputs that were saved without it.
export async function comeBack(model) {
  const context = documentOf(model);
  if (!context) return;
  const outputs = await outputsWith(model, context, (_, metadata) => metadata.iotkit);
  const { dirty } = context.model;
  for (const [output, id] of outputs) {
    if (output.data[VIEW]) continue; // another widget in it was quicker
    const view = { version_major: 2, version_minor: 0, model_id: id };
    output.setData({ data: { ...output.data, [VIEW]: view } });
  }
  context.model.dirty = dirty;
}

// The notebook that the widget is in, if it can be told when it is saved and nobody shares it.
function documentOf(model) {
  const context = model.widget_manager?.context;
  return context?.saveState?.connect && !context.model?.collaborative ? context : undefined;
}

// The notebook's outputs that show this widget, alone or inside another one: a Map to the id of
// the widget that the output is. `idIn(data, metadata)` gives what holds an output's id, if any.
async function outputsWith(model, context, idIn) {
  const found = new Map();
  const shows = (other) =>
    other.get("layout") === model.get("layout") || (other.get("children") ?? []).some(shows);
  for (const [, , output] of outputsOf(context)) {
    const id = idIn(output.data, output.metadata)?.model_id;
    try {
      if (id && shows(await model.widget_manager.get_model(id))) found.set(output, id);
    } catch {
      // of a kernel that has gone
    }
  }
  return found;
}

// Each output of the notebook, as [the cell, the output's place there, the output].
function* outputsOf(context) {
  for (const cell of context.model.cells) {
    if (cell.type !== "code") continue;
    for (let i = 0; i < cell.outputs.length; i++) yield [cell, i, cell.outputs.get(i)];
  }
}

// Have the HTML, and not the widget, in these outputs at the moment in which the notebook is
// written. What is on the page does not notice.
function replaceWhileSaved(context, roots, html) {
  for (const [cell, i, output] of outputsOf(context)) {
    const id = output.data[VIEW]?.model_id;
    const shared = cell.sharedModel;
    // Versions that can't append to a stream can't change an output without drawing it again.
    if (!roots.has(id) || !shared.appendStreamOutput) continue;
    const before = shared.getOutputs()[i];
    const { [VIEW]: _, ...data } = before.data;
    const write = (one) =>
      shared.transact(() => shared.updateOutputs(i, i + 1, [one]), false, "silent-change");
    write({
      ...before,
      data: { ...data, "text/html": html },
      metadata: { ...before.metadata, iotkit: { model_id: id } },
    });
    setTimeout(() => write(before), 0);
  }
}

// The kernel's table, with what `text(name)` says in the second column where that isn't empty.
// Parsed in a document that nobody shows, it runs nothing.
export function filledTable(table, text) {
  const made = new DOMParser().parseFromString(table, "text/html").querySelector("table");
  for (const { cells } of made.tBodies[0].rows) {
    const said = text(cells[0].textContent);
    if (said) cells[1].firstChild.textContent = said;
  }
  return made.outerHTML;
}
