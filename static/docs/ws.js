// The test page of the clinicians' WebSocket: log in, connect, ask, watch every frame.

const $ = (id) => document.getElementById(id);
const url = new URL("/ws/chat", location.href);
url.protocol = url.protocol.replace("http", "ws");
$("address").textContent = url.href;

let socket = null;
let session = null; // the last question's: {id, seq, over}

function note(text, kind) {
  const line = document.createElement("li");
  line.textContent = text;
  if (kind) line.className = kind;
  $("log").append(line);
  $("log").scrollTop = $("log").scrollHeight;
}

function show() {
  const state = socket ? ["opening", "open", "closing", "closed"][socket.readyState] : "closed";
  const isOpen = state === "open";
  const isRunning = isOpen && session !== null && !session.over;
  $("state").textContent = $("state").dataset.state = state;
  $("connect").disabled = isOpen || state === "opening";
  $("disconnect").disabled = $("ping").disabled = !isOpen;
  $("send").disabled = !isOpen || isRunning;
  $("cancel").disabled = !isRunning;
  $("resume").disabled = !isOpen || session === null || !session.isLost;
}

function send(frame) {
  socket.send(JSON.stringify(frame));
  note(JSON.stringify(frame), "sent");
}

function clearAnswer() {
  for (const id of ["patient", "text", "problem", "figures", "citations"]) $(id).replaceChildren();
  for (const item of $("statuses").children) item.className = "";
}

function figure(name, value) {
  const pair = document.createElement("div");
  const term = document.createElement("dt");
  const said = document.createElement("dd");
  term.textContent = name;
  said.textContent = value;
  pair.append(term, said);
  return pair;
}

function citation({ marker, date, resource_type, record_id, text }) {
  const item = document.createElement("li");
  const mark = document.createElement("b");
  const place = document.createElement("small");
  mark.textContent = `${marker} `;
  place.textContent = `${resource_type} ${record_id}${date ? `, ${date}` : ""}`;
  item.append(mark, text, place);
  return item;
}

const shown = {
  status: ({ status }) => document.querySelector(`[data-status="${status}"]`)?.classList.add("done"),
  stream_start: () => $("text").classList.add("writing"),
  token: ({ token }) => $("text").append(token),
  stream_end: () => $("text").classList.remove("writing"),
  complete: ({ patient_info, answer, metadata, flags }) => {
    $("text").replaceChildren(answer.text);
    if (patient_info) {
      const { full_name, document_type, document_number } = patient_info;
      $("patient").textContent = `${full_name} · ${document_type} ${document_number}`;
    }
    $("figures").replaceChildren(
      figure("confidence", answer.confidence.toFixed(2)),
      figure("model", answer.model_used || "unfinished"),
      figure("records searched", metadata.total_records_analyzed),
      figure("pieces used", metadata.vector_chunks_used),
      ...(flags.length ? [figure("flags", flags.join(", "))] : []),
    );
    $("citations").replaceChildren(...answer.citations.map(citation));
  },
  error: ({ error }) => {
    $("text").classList.remove("writing");
    $("problem").textContent = `${error.code}: ${error.message}`;
  },
};

function receive({ data }) {
  const frame = JSON.parse(data);
  note(data);
  if (frame.type === "error" || (session && frame.session_id === session.id)) shown[frame.type]?.(frame);
  if (session && frame.session_id === session.id) {
    session.seq = frame.seq ?? session.seq;
    if (frame.type === "complete" || frame.type === "error") session.over = true;
  }
  show();
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData(event.target));
  const response = await fetch("/auth/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const body = await response.json();
  $("token").value = body.access_token ?? $("token").value;
  $("login-note").textContent = response.ok ? "Logged in." : body.error.message;
});

$("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  // Not in the address: addresses are logged and kept.
  socket = new WebSocket(url, ["bearer", $("token").value.trim() || "none"]);
  socket.addEventListener("open", show);
  socket.addEventListener("message", receive);
  socket.addEventListener("close", ({ code, reason }) => {
    note(`closed with ${code}${reason ? ` (${reason})` : ""}`, "note");
    if (session && !session.over) session.isLost = true;
    $("text").classList.remove("writing");
    show();
  });
  show();
});

$("disconnect").addEventListener("click", () => socket.close());
$("ping").addEventListener("click", () => send({ type: "ping" }));
$("clear").addEventListener("click", () => $("log").replaceChildren());
$("cancel").addEventListener("click", () => send({ type: "cancel", session_id: session.id }));
$("resume").addEventListener("click", () => {
  session.isLost = false;
  send({ type: "resume", session_id: session.id, after: session.seq });
  show();
});
$("query").addEventListener("submit", (event) => {
  event.preventDefault();
  clearAnswer();
  session = { id: uuid(), seq: 0, over: false, isLost: false };
  send({
    type: "query",
    session_id: session.id,
    document_type_id: Number($("type").value),
    document_number: $("number").value,
    question: $("question").value,
  });
  show();
});

function uuid() {
  // crypto.randomUUID is missing where the page does not come over HTTPS or from this machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

show();
