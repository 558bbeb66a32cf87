// The conversation of one view with the kernel: questions and their answers, whether the view
// can be seen, and the news of the device.

// Send `content` to the widget behind `model`, so that a running cell doesn't hold it up: by the
// kernel's control channel where the kernel says that it listens there (talk.py), else as any
// widget would. Throws where the kernel can't be reached any more.
export function say(model, content) {
  const id = model.get("control_id");
  const kernel = kernelOf(model);
  if (!id || typeof kernel?.sendControlMessage !== "function" || kernel.hasComm?.(id) === false) {
    model.send(content);
    return;
  }
  const header = {
    msg_id: crypto.randomUUID?.() ?? `${Math.random()}`.slice(2),
    msg_type: "comm_msg",
    session: kernel.clientId,
    username: kernel.username,
    date: new Date().toISOString(),
    version: "5.3",
  };
  const data = { method: "custom", content };
  const message = { header, parent_header: {}, metadata: {}, content: { comm_id: id, data }, buffers: [] };
  kernel.sendControlMessage({ channel: "control", ...message }, false, true);
}

// JupyterLab's connection to the kernel, or nothing in other places.
export function kernelOf(model) {
  return model.widget_manager?.kernel;
}

const RENEWAL = 10_000; // ms; the kernel forgets a view that says nothing for 25 s

export class Talk {
  // `onDead` is called when the kernel can't be reached any more.
  constructor(model, onDead) {
    this.view = Math.random().toString(36).slice(2);
    this.model = model;
    this.onDead = onDead;
    this.asked = new Map();
    this.lastQuestion = 0;
    this.onMessage = (message) => this.receive(message);
    model.on("msg:custom", this.onMessage);
  }

  // Ask for something to be done; the promise gives its result, or an Error with words.
  // `onHeard` is called when the kernel has begun with it, where that says so.
  ask(question, onHeard = () => {}) {
    const id = (this.lastQuestion += 1);
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject, onHeard });
      this.send({ id, ...question });
    });
  }

  // Tell the kernel whether the view can be seen.
  say(visible) {
    this.send({ visible });
  }

  // Interrupt what the kernel runs, as the notebook's own button does.
  interrupt() {
    kernelOf(this.model)?.interrupt?.().catch(() => {}); // a dead kernel is noticed elsewhere
  }

  send(message) {
    try {
      say(this.model, { view: this.view, ...message });
    } catch {
      this.onDead(); // the kernel was restarted: nobody remembers this panel
    }
  }

  receive(message) {
    if (message.to !== this.view || !this.asked.has(message.id)) return;
    const { resolve, reject, onHeard } = this.asked.get(message.id);
    if (message.heard) {
      onHeard();
      return;
    }
    this.asked.delete(message.id);
    if (message.error !== undefined) reject(new Error(message.error));
    else resolve(message.result);
  }

  // Give up on what is still unanswered.
  abandon(words) {
    for (const { reject } of this.asked.values()) reject(new Error(words));
    this.asked.clear();
  }

  close() {
    this.model.off("msg:custom", this.onMessage);
    this.asked.clear();
  }
}

// Call `tell(visible)` when the element comes into sight or leaves it, and now and then while it
// is in sight. Returns what ends that.
export function watchVisibility(element, tell) {
  let onPage = false;
  let said = false;
  const update = () => {
    const visible = onPage && document.visibilityState === "visible";
    if (visible !== said) tell((said = visible));
  };
  const observer = new IntersectionObserver(
    (entries) => {
      onPage = entries.at(-1).isIntersecting;
      update();
    },
    { rootMargin: "100px" },
  );
  observer.observe(element);
  document.addEventListener("visibilitychange", update);
  const renew = () => said && tell(true);
  const timer = setInterval(renew, RENEWAL);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", update);
    clearInterval(timer);
    if (said) tell(false);
  };
}

// Call `hear(news)` for each message of the hub about the device. Returns what ends that.
export async function listen(model, hear) {
  const key = model.get("key");
  const onMessage = (message, buffers) => {
    message.news ??= JSON.parse(new TextDecoder().decode(buffers[0])); // the first panel does it
    const news = message.news[key];
    if (news) hear(news);
  };
  try {
    const hub = await model.widget_manager.get_model(model.get("hub"));
    hub.on("msg:custom", onMessage);
    return () => hub.off("msg:custom", onMessage);
  } catch {
    return () => {}; // a notebook opened without its kernel: what was saved is shown
  }
}
