/**
 * HealthMate's streams for browsers: send, watch the answer, resume, stop, start over. No dependency but the vendored
 * parser of server-sent events, no build step. `docs/clients.md` shows it in use.
 */
import { createParser } from "./vendor/eventsource-parser/index.js";

const FIRST_PAUSE = 250; // milliseconds; doubled after each failure without progress
const LONGEST_PAUSE = 8000;
const MOST_FAILURES = 10; // in a row without a new event, about a minute
const SILENCE = 45_000; // milliseconds; the server sends something every 15 s
const STOP_ATTEMPTS = 10; // an answer that is being stopped may not have begun yet
const PASSING = new Set([408, 425, 500, 502, 503, 504]);

/** What went wrong: `code` is the server's (or CONNECTION_LOST), `text` what had been written by then. */
export class ChatError extends Error {
  constructor(message, { code = "PROCESSING_ERROR", status = 0, retryable = false, retryAfter = null, text = "" } = {}) {
    super(message);
    this.name = "ChatError";
    Object.assign(this, { code, status, retryable, retryAfter, text });
  }
}

/**
 * One conversation: the device's on the website, or with `sessionId` a session of a user who has a `token`.
 *
 * @param {object} [options]
 * @param {string} [options.baseUrl] where the server is; this page's own origin unless told
 * @param {string} [options.deviceId] the device's secret; unless told, the cookie that the server sets keeps it
 * @param {string|function(): (string|Promise<string>)} [options.token] a JWT, or what gets the present one
 * @param {string} [options.sessionId]
 */
export class Chat {
  #answer = null; // the one that is being read
  #known = false; // the device has its id

  constructor({ baseUrl = "", deviceId = null, token = null, sessionId = null } = {}) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this.deviceId = deviceId;
    this.token = token;
    this.sessionId = sessionId;
  }

  /**
   * Send a message and read its answer. Resolves to `{text, messageId, runId, flags}`. A failure rejects with a
   * ChatError, or goes to `onError`, if there is one, and resolves to null; so does an abort of `signal`, which ends
   * the reading and not the answer.
   *
   * @param {string} text
   * @param {object} [options] `onPiece(piece, whole)`, `onDone(answer)`, `onError(error)`, `onReconnecting(attempt)`,
   *   `signal`, `mediaUrls`, `audioUrls`, `idempotencyKey`
   */
  async send(text, { mediaUrls = [], audioUrls = [], idempotencyKey = randomId(), ...options } = {}) {
    const media = this.sessionId ? {} : { media_urls: mediaUrls, audio_urls: audioUrls };
    const post = {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
      body: JSON.stringify({ content: text, ...media }),
    };
    return this.#read(new Answer(post), options);
  }

  /** Read an answer that is being written, from its first word: `running` is what `history()` told. Like `send`. */
  async resume(running, options = {}) {
    return this.#read(new Answer(null, running?.runId ?? null), options);
  }

  /** End the running answer and keep what it has written; true when there was one. */
  async stop() {
    const answer = this.#answer;
    for (let attempt = 1; ; attempt++) {
      const { stopped } = await this.#json(this.sessionId ? `${this.#session}/stop` : "/chat/stop", { method: "POST" });
      if (stopped || !answer || answer.over || attempt === STOP_ATTEMPTS) return stopped;
      await pause(50 * attempt);
    }
  }

  /** `{threadId, messages: [{id, role, content, flags, created_at}], running}`; `running` is for `resume`. */
  async history() {
    if (!this.sessionId) {
      const { thread_id: threadId, messages, running } = await this.#json("/chat/history");
      this.#known = true;
      return { threadId, messages, running: running && { runId: running.run_id, messageId: running.message_id } };
    }
    const { id: threadId, messages } = await this.#json(this.#session);
    const last = messages.at(-1);
    return { threadId, messages, running: last?.role === "user" ? { runId: null, messageId: last.id } : null };
  }

  /** Leave the conversation: the next message begins another, and the server forgets who was writing. */
  async startOver() {
    if (this.sessionId) await this.startSession();
    else await this.#json("/chat/reset", { method: "POST" });
  }

  /** Begin a session of the user's (needs `token`) and make it this conversation; resolves to the session. */
  async startSession({ title = "", initialMessage = "" } = {}) {
    const session = await this.#json("/api/chat/realtime/sessions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ title, initial_message: initialMessage }),
    });
    this.sessionId = session.id;
    return session;
  }

  get #session() {
    return `/api/chat/realtime/sessions/${encodeURIComponent(this.sessionId)}`;
  }

  /** Where this answer is read: the family's address at the time, should the conversation change meanwhile. */
  get #stream() {
    return this.sessionId ? `${this.#session}/stream` : "/chat/stream";
  }

  async #read(answer, { onPiece, onDone, onError, onReconnecting, signal } = {}) {
    this.#answer = answer;
    const stream = this.#stream;
    try {
      if (!this.#known && !this.deviceId && !this.token) await this.#untilDone(() => this.history(), signal);
      for (let failures = 0; !answer.over; ) {
        const before = answer.seq;
        const error = await this.#connection(answer, stream, onPiece, signal);
        if (answer.over) break;
        const mayRead = error?.status === 429 && answer.runId; // too many readers for now; the answer goes on
        if (error && !error.retryable && !mayRead) throw error;
        failures = answer.seq > before ? 1 : failures + 1;
        if (failures > MOST_FAILURES) throw error ?? lost();
        onReconnecting?.(failures);
        await backOff(failures, error?.retryAfter, signal);
      }
      if (answer.error) throw answer.error;
      onDone?.(answer.result);
      return answer.result;
    } catch (error) {
      if (signal?.aborted) return null;
      const told = error instanceof ChatError ? error : new ChatError(error.message, { code: "CLIENT_ERROR" });
      if (told !== answer.error) told.text = answer.text;
      if (!onError) throw told;
      onError(told);
      return null;
    } finally {
      answer.over = true;
      if (this.#answer === answer) this.#answer = null;
    }
  }

  async #untilDone(call, signal) {
    for (let failures = 1; ; failures++) {
      try {
        return await call();
      } catch (error) {
        if (!error.retryable || failures > MOST_FAILURES) throw error;
        await backOff(failures, error.retryAfter, signal);
      }
    }
  }

  /** Read what one connection brings; resolves to the error that ended it, if one did. */
  async #connection(answer, stream, onPiece, signal) {
    const connection = new AbortController();
    const leave = () => connection.abort();
    signal?.addEventListener("abort", leave);
    if (signal?.aborted) leave();
    let silence = setTimeout(leave, SILENCE);
    try {
      const { address, options } = answer.request(stream);
      const response = await this.#fetch(address, { ...options, signal: connection.signal }, "text/event-stream");
      if (response.status === 204) return gone(answer);
      answer.runId ??= uuid(response.headers.get("X-Run-ID"));
      const parser = createParser({ onEvent: ({ data }) => answer.take(JSON.parse(data), onPiece) });
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      while (!answer.over) {
        const { done, value } = await reader.read().catch(disconnected);
        if (done) break;
        clearTimeout(silence);
        silence = setTimeout(leave, SILENCE);
        parser.feed(decoder.decode(value, { stream: true }));
      }
      answer.ended();
      return null;
    } catch (error) {
      if (error instanceof ChatError) return error;
      throw error;
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener("abort", leave);
      if (!answer.over) leave(); // a connection that has told everything is closed by the server
    }
  }

  async #json(address, options = {}) {
    const response = await this.#fetch(address, options, "application/json");
    const value = response.status === 204 ? null : await response.json().catch(disconnected);
    // Another site's cookie is not sent everywhere: there the id itself is kept, as long as this object lives.
    if (!this.token && !sameOrigin(this.baseUrl)) this.deviceId ??= response.headers.get("X-Device-ID");
    return value;
  }

  async #fetch(address, options, accept) {
    const token = typeof this.token === "function" ? await this.token() : this.token;
    const headers = { ...options.headers, Accept: accept };
    if (token) headers.Authorization = `Bearer ${token}`;
    else if (this.deviceId) headers["X-Device-ID"] = this.deviceId;
    const credentials = token || this.deviceId ? "same-origin" : "include";
    const request = { credentials, cache: "no-store", ...options, headers };
    const response = await fetch(this.baseUrl + address, request).catch(disconnected);
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** An answer as far as it has been read: each event counts once, whichever connections bring it. */
class Answer {
  text = "";
  seq = 0; // of the last event
  over = false;
  error = null;
  result = null;
  #post;
  #fresh = 0; // events of this connection
  #replayed = null; // what a reading from the start has brought, where numbers are of no use
  #lastPiece = { seq: 0, length: 0 };

  constructor(post, runId = null) {
    this.#post = post;
    this.runId = runId;
  }

  /** What to ask for next: the message (again, under its key) until its run is known, then the rest of the answer. */
  request(stream) {
    this.#fresh = 0;
    if (this.#post && !this.runId) {
      if (this.seq) this.#replayed = "";
      return { address: stream, options: this.#post };
    }
    if (this.#replayed !== null) this.#replayed = "";
    const after = this.#replayed === null ? this.seq : 0;
    const query = new URLSearchParams({ after, ...(this.runId ? { run_id: this.runId } : {}) });
    return { address: `${stream}?${query}`, options: {} };
  }

  /** Take an event of either family. */
  take(event, onPiece) {
    if (this.over) return;
    this.#fresh += 1;
    this.runId ??= event.run_id ?? null;
    if (event.is_final || event.type === "done" || event.type === "error") this.#end(event);
    else if (this.#replayed !== null) this.#replay(event, onPiece);
    else if (event.seq > this.seq) this.#add(event.content ?? "", event.seq, onPiece);
  }

  /** The connection is over. With neither an end nor anything new, the server counts anew: all is read again. */
  ended() {
    if (!this.over && this.#fresh === 0 && this.seq) this.#replayed = "";
  }

  #add(piece, seq, onPiece) {
    this.seq = Math.max(this.seq, seq);
    this.text += piece;
    this.#lastPiece = { seq, length: piece.length };
    if (piece) onPiece?.(piece, this.text);
  }

  #replay({ content = "", seq }, onPiece) {
    this.#replayed += content;
    const isLonger = this.#replayed.length > this.text.length && this.#replayed.startsWith(this.text);
    if (isLonger) this.#add(this.#replayed.slice(this.text.length), seq, onPiece);
  }

  #end(event) {
    this.over = true;
    const { message_id: messageId, run_id: runId, flags = [] } = event;
    const whole = this.#replayed ?? this.text;
    const failure = typeof event.error === "object" ? event.error : event.type === "error" ? event : null;
    if (!failure) {
      this.result = { text: event.full_content ?? whole, messageId, runId, flags };
      return;
    }
    // The website's failures are also said as a last piece, for clients that know nothing but pieces.
    const said = this.#lastPiece.seq === event.seq ? this.#lastPiece.length : 0;
    const text = event.full_content ?? whole.slice(0, whole.length - said);
    const { code, retryable } = failure;
    this.error = new ChatError(failure.message ?? failure.error, { code, retryable, text });
    Object.assign(this.error, { messageId, runId, flags });
  }
}

async function refusal(response) {
  const body = await response.json().catch(() => null);
  const { code, message } = body?.error ?? {};
  return new ChatError(message ?? `HTTP ${response.status}`, {
    code: code ?? "PROCESSING_ERROR",
    status: response.status,
    retryable: PASSING.has(response.status) || response.status < 400, // less: a status that was cut off, as "20"
    retryAfter: Number(response.headers.get("Retry-After")) || null,
  });
}

function disconnected() {
  throw lost();
}

function lost() {
  return new ChatError("The connection was lost.", { code: "CONNECTION_LOST", retryable: true });
}

function gone(answer) {
  return new ChatError("There is no answer to read.", { code: "NO_ANSWER", status: 204, text: answer.text });
}

/** Wait before the next attempt: longer each time, not all clients at once, and no longer once the network is back. */
async function backOff(failures, retryAfter, signal) {
  const most = Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
  await pause(retryAfter ? retryAfter * 1000 : most * (0.5 + Math.random() / 2), signal);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const cleared = new AbortController();
    const end = (settle) => () => {
      clearTimeout(timer);
      cleared.abort();
      settle();
    };
    const timer = setTimeout(end(resolve), milliseconds);
    globalThis.addEventListener?.("online", end(resolve), { signal: cleared.signal });
    if (signal?.aborted) end(reject)();
    signal?.addEventListener("abort", end(reject), { signal: cleared.signal });
  });
}

function sameOrigin(baseUrl) {
  return !globalThis.location || new URL(baseUrl || "/", location.href).origin === location.origin;
}

/** Nothing for what is no whole id: browsers take headers that were cut off. */
function uuid(text) {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text ?? "") ? text : null;
}

/** 128 random bits; `crypto.randomUUID` is not there on plain HTTP. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
