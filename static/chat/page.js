/** The page at `/`: what is on the screen follows what the server has. */
import { Chat } from "../healthmate-chat.js";

const LOOK_AGAIN = 60_000; // milliseconds; a session that is over must not stay on a shared screen
const NEAR_THE_END = 80; // pixels

const at = (id) => document.getElementById(id);
const words = at("words").dataset;
const conversation = at("conversation");
const text = at("text");
const chat = new Chat();
let thread = null;
let looked = 0; // when the server was last asked for the conversation
let reading = null; // the AbortController of the answer that is being read
let preparing = false; // a message is about to be sent

// --- What is on the screen ----------------------------------------------------------------------------

class Bubble {
  constructor(role) {
    this.element = at("message").content.firstElementChild.cloneNode(true);
    this.element.classList.add(role);
    this.#part("author").textContent = role === "user" ? words.you : words.anna;
    at("messages").append(this.element);
    at("welcome").hidden = true;
  }

  #part(name) {
    return this.element.querySelector(`.${name}`);
  }

  set text(value) {
    const follow = isAtTheEnd();
    this.#part("text").textContent = value;
    if (follow) toTheEnd();
  }

  set note(value) {
    this.#part("note").textContent = value;
    this.#part("note").hidden = !value;
  }

  set flags(flags) {
    this.element.classList.toggle("emergency", flags.includes("emergency"));
    this.note = flags.includes("cancelled") ? words.stopped : flags.includes("partial") ? words.partial : "";
  }

  set writing(value) {
    this.element.classList.toggle("writing", value);
  }

  /** Say what went wrong, with a button that does it again in this bubble's place. */
  fail(message, again) {
    this.element.classList.add("failed");
    this.note = message;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = words.retry;
    button.addEventListener("click", () => {
      if (isBusy()) return;
      this.element.remove();
      again();
    });
    this.#part("note").append(" ", button);
  }
}

function isAtTheEnd() {
  return conversation.scrollHeight - conversation.scrollTop - conversation.clientHeight < NEAR_THE_END;
}

function toTheEnd() {
  conversation.scrollTop = conversation.scrollHeight;
}

function notice(message) {
  at("notice").textContent = message;
  at("notice").hidden = !message;
}

/** Screen readers get an answer once, whole: pieces would be read over one another. */
function announce(message) {
  at("announcer").textContent = message;
}

function setBusy(value) {
  const hadFocus = at("composer").contains(document.activeElement);
  at("stop").hidden = !value;
  at("send").hidden = value;
  if (hadFocus) text.focus(); // not lost with the button that goes
}

function clear() {
  at("messages").replaceChildren();
  at("welcome").hidden = false;
  notice("");
}

// --- Talking ------------------------------------------------------------------------------------------

function isBusy() {
  return reading !== null || preparing;
}

function newKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** Show an answer while it is written; `ask` reads it. Resolves to what came of it, or null when it was left. */
async function show(ask) {
  const mine = new AbortController();
  const bubble = new Bubble("assistant");
  let failure = null;
  reading = mine;
  bubble.writing = true;
  setBusy(true);
  toTheEnd();
  announce(words.writing);
  await ask({
    signal: mine.signal,
    onPiece: (_, whole) => {
      notice("");
      bubble.text = whole;
    },
    onDone: (answer) => {
      const follows = isAtTheEnd();
      bubble.text = answer.text;
      bubble.flags = answer.flags;
      if (follows) toTheEnd();
      announce(`${words.anna}: ${answer.text}`);
    },
    onError: (error) => {
      failure = error;
      bubble.text = error.text;
    },
    onReconnecting: () => notice(words.reconnecting),
  });
  if (reading !== mine) return null;
  reading = null;
  bubble.writing = false;
  notice("");
  setBusy(false);
  return { bubble, failure };
}

async function say(message) {
  if (Date.now() - looked > LOOK_AGAIN) {
    preparing = true;
    await look();
    preparing = false;
  }
  new Bubble("user").text = message;
  await deliver(message, newKey());
}

/** Send under a key: the same again finds the answer of a message that did arrive. */
async function deliver(message, key) {
  const shown = await show((options) => chat.send(message, { ...options, idempotencyKey: key }));
  if (shown?.failure) report(shown, () => deliver(message, shown.failure.runId ? newKey() : key));
  else if (shown && thread === null) await look();
}

async function follow(running) {
  const shown = await show((options) => chat.resume(running, options));
  if (shown?.failure) report(shown, load);
  else if (shown) await look(); // another message may wait for its answer
}

function report({ bubble, failure }, again) {
  const message = failure.code === "CONNECTION_LOST" ? words.lost : failure.message;
  bubble.fail(message, again);
  announce(message);
  toTheEnd();
}

// --- Following the server -----------------------------------------------------------------------------

/** Show what the server has, and read on where an answer is being written. */
function render({ threadId, messages, running }) {
  thread = threadId;
  clear();
  for (const message of messages) {
    const bubble = new Bubble(message.role);
    bubble.text = message.content;
    bubble.flags = message.flags;
    if (running?.messageId === message.id) follow(running);
  }
  if (messages.at(-1)?.role === "user" && !running) notice(words.unanswered);
  toTheEnd();
}

async function load() {
  for (;;) {
    try {
      const history = await chat.history();
      looked = Date.now();
      return render(history);
    } catch (error) {
      notice(error.code === "CONNECTION_LOST" ? words.reconnecting : error.message);
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  }
}

/** Ask whether this is still the conversation: its session may be over, or another tab may have started over. */
async function look() {
  if (reading) return;
  const history = await chat.history().catch(() => null); // without a network the next message tells
  if (!history || reading) return;
  looked = Date.now();
  const isFirst = thread === null && at("messages").childElementCount > 0;
  if (isFirst) thread = history.threadId;
  if (history.threadId !== thread || history.running) render(history);
}

async function startOver() {
  at("leave").close();
  reading?.abort();
  reading = null;
  setBusy(false);
  try {
    await chat.startOver();
  } catch (error) {
    notice(error.code === "CONNECTION_LOST" ? words.lost : error.message);
    return;
  }
  thread = null;
  clear();
  announce(words.fresh);
  text.focus();
}

// --- Hands --------------------------------------------------------------------------------------------

function submit() {
  if (isBusy() || !text.value.trim()) return;
  const message = text.value;
  text.value = "";
  fit();
  say(message);
}

function stop() {
  chat.stop().catch((error) => notice(error.message));
}

function fit() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
text.addEventListener("input", fit);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && reading && !at("leave").open) stop();
});
at("stop").addEventListener("click", stop);
for (const button of document.querySelectorAll("[data-say]")) {
  button.addEventListener("click", () => {
    if (isBusy()) return;
    conversation.focus();
    say(button.textContent);
  });
}
at("start-over").addEventListener("click", () => at("leave").showModal());
at("leave-no").addEventListener("click", () => at("leave").close());
at("leave-yes").addEventListener("click", startOver);

document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || look(), LOOK_AGAIN);
addEventListener("pageshow", (event) => event.persisted && load());
load();
