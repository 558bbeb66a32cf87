// A live chart: the conversation of a view with the kernel.

import { Talk, watchVisibility } from "./talk.js";
import { PlotView } from "./view.js";
import { comeBack, filledTable, keepSaved } from "./saved.js";

const SPEAK = 10_000; // ms; the kernel forgets a view that says nothing
const LOOK = 300; // ms between two looks at the theme
const GONE = "The notebook's kernel has stopped. Run the cell again for a live plot.";

export default {
  initialize({ model }) {
    comeBack(model); // later: the notebook waits for this here
  },

  render({ model, el }) {
    const talk = new Talk(model, () => plot.end("dead", GONE));
    const plot = new PlotView(model.get("spec"), () => talk.send({ all: true }));
    el.append(plot.element);
    const hear = (message, buffers) => message.samples && plot.hear(message.samples, buffers[0]);
    model.on("msg:custom", hear);
    const onKernel = () => el.closest(".jupyter-widgets-disconnected") && plot.end("dead", GONE);
    model.on("comm_live_update", onKernel);
    onKernel();
    const unwatch = watchVisibility(plot.element, (visible) => {
      plot.see(visible);
      talk.say(visible);
      plot.feed.complete();
    });
    const unsave = keepSaved(model, plot.element, () =>
      filledTable(model.get("spec").table, (name) => plot.lastOf(name)),
    );
    const timers = [
      setInterval(() => talk.say(plot.visible), SPEAK),
      setInterval(() => plot.tick(), LOOK),
    ];
    return () => {
      timers.forEach(clearInterval);
      unwatch();
      unsave();
      model.off("msg:custom", hear);
      model.off("comm_live_update", onKernel);
      plot.close();
      talk.send({ gone: true });
      talk.close();
    };
  },
};
