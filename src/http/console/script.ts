/**
 * What the console does in a browser: it sends votes, and shows what changes. The pages are the server's in every case: what has
 * changed is taken out of the same page, asked for once more.
 */
export const SCRIPT = `"use strict";
(() => {
  const AGES_MS = 30000;
  const AGAIN_MS = 5000;
  const told = document.getElementById("told");
  const form = document.querySelector("#vote form");
  const events = document.body.dataset.events;

  // A text twice in a row is read out twice.
  const tell = (text) => {
    told.textContent = "";
    told.textContent = text;
  };

  const ask = async () => {
    const answer = await fetch(location.href);
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  };

  const put = (part, next) => {
    if (next === null || next.isEqualNode(part)) return;
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    part.replaceWith(document.adoptNode(next));
    if (held !== null) {
      const same = [...next.querySelectorAll("a, [tabindex]")].find((one) => one.href === held.href && one.className === held.className);
      (same ?? document.getElementById("title")).focus();
    }
    if (next.dataset.mark !== part.dataset.mark && !voting) tell(next.dataset.told);
  };

  let voting = false;
  let over = false;
  const close = (text) => {
    over = true;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    if (text !== undefined) tell(text);
  };

  let running = null;
  let again = false;
  const refresh = async () => {
    again = true;
    running ??= (async () => {
      while (again) {
        again = false;
        const fresh = await ask();
        if (fresh === null) continue;
        for (const part of document.querySelectorAll("[data-live]")) put(part, fresh.getElementById(part.id));
        const open = fresh.querySelector("#vote form");
        if (form === null || over || voting) continue;
        if (open === null) close();
        else if (open.dataset.view !== form.dataset.view) close("This was asked anew. Open the page again to see what is asked now.");
        else if (open.dataset.state !== form.dataset.state) close("The request stands otherwise by now. Open the page again to vote.");
      }
    })().catch(() => undefined).finally(() => { running = null; });
    await running;
  };

  // A window that nobody sees holds no connection: browsers give a service few.
  const live = document.getElementById("live");
  let source = null;
  const listen = () => {
    if (events === undefined || document.hidden || source !== null) return;
    source = new EventSource(events);
    source.addEventListener("queue", () => void refresh());
    source.addEventListener("open", () => { live.textContent = "live"; });
    source.addEventListener("error", () => {
      live.textContent = "not live: this page may be out of date";
      if (source === null || source.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(listen, AGAIN_MS);
    });
  };
  const leave = () => {
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  listen();
  if (events !== undefined) setInterval(() => { if (!document.hidden) void refresh(); }, AGES_MS);

  if (form === null) return;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (voting || over) return;
    const word = event.submitter?.value;
    if (word !== "approve" && word !== "reject") return;
    voting = true;
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    const note = form.elements.note.value;
    let said = { detail: "the service does not answer", help: undefined, state: undefined };
    let isVoted = false;
    try {
      const answer = await fetch(form.dataset[word], {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ view: form.dataset.view, ...(note === "" ? {} : { note }) }),
      });
      said = await answer.json();
      isVoted = answer.ok;
    } catch {
      // What was not answered is told as such.
    }
    const first = said.detail ?? "";
    if (isVoted) tell("Your vote is recorded. The request is " + said.state + ".");
    else tell("The vote does not count: " + first + (said.help === undefined ? "" : " (" + said.help + ")") + ".");
    told.focus();
    if (isVoted) close();
    await refresh();
    voting = false;
    if (!isVoted && !over) for (const button of buttons) button.disabled = false;
  });
})();
`;
