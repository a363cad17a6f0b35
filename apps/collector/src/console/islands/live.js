// Keeps the region `live` as the server would draw it now: what it hears is only a reason to ask for the page again,
// so that there is one place where data becomes markup.
const main = document.querySelector("main[data-live]");
const state = document.getElementById("live-state");
let asked = false;
let running = false;

/** Makes `old` equal to `fresh`. Nodes that are there in both stay, and with them focus, selection and scrolling. */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType === Node.TEXT_NODE) {
    old.data = fresh.data;
    return;
  }
  // What a person opened stays open.
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  const olds = [...old.childNodes];
  const news = [...fresh.childNodes];
  const alike = olds.length === news.length && olds.every((one, at) => one.nodeName === news[at].nodeName);
  if (!alike) old.replaceChildren(...news);
  else for (const [at, one] of olds.entries()) morph(one, news[at]);
}

/** The link that had the focus, found again where its row was drawn anew. */
function keepFocus(region, change) {
  const href = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  change();
  if (href === null || region.contains(document.activeElement)) return;
  [...region.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === href)?.focus();
}

function say(text, name) {
  if (!state || state.dataset.state === name) return;
  state.dataset.state = name;
  state.textContent = text;
}

async function draw() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const region = document.getElementById("live");
  const fresh = page.getElementById("live");
  if (!region || !fresh) return location.reload();
  keepFocus(region, () => morph(region, document.adoptNode(fresh)));
}

async function refresh() {
  asked = true;
  if (running || document.hidden) return;
  running = true;
  while (asked) {
    asked = false;
    await draw().then(
      () => say("live", "live"),
      () => say("the collector does not answer", "away"),
    );
    await new Promise((resolve) => setTimeout(resolve, Number(main.dataset.gatherMs)));
  }
  running = false;
}

/** A browser holds six connections to one address: pages that nobody sees give theirs back. */
let source;
function listen() {
  if (document.hidden) return source?.close();
  source = new EventSource(main.dataset.live);
  source.addEventListener("open", () => say("live", "live"));
  source.addEventListener("error", () => say("connecting again", "away"));
  for (const kind of ["audit", "report"]) source.addEventListener(kind, refresh);
}

if (main) {
  listen();
  // Traffic and ages move without being news.
  setInterval(refresh, Number(main.dataset.everyMs));
  document.addEventListener("visibilitychange", () => {
    listen();
    refresh();
  });
  addEventListener("pagehide", () => source?.close());
}
