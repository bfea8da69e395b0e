"use strict";
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

// Where each match in view runs together with the query: asked for one after the other.
const answer = document.getElementById("answer");
let last = Promise.resolve();
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) {
    seen.unobserve(target);
    last = last.then(() => tellWhere(target)).catch(() => { target.textContent = ""; });
  }
});
const showWhere = () => answer.querySelectorAll("[data-match]").forEach((cell) => seen.observe(cell));
async function tellWhere(cell) {
  const told = await fetch(answer.dataset.compare + encodeURIComponent(cell.dataset.match));
  if (!told.ok) return;
  const { alignment: { stretch }, semitones, tempo } = await told.json();
  if (!stretch) { cell.textContent = "nowhere"; return; }
  const [a, b] = [stretch.a, stretch.b].map(([begin, end]) => `${clock(begin)}-${clock(end)}`);
  const steps = Math.abs(semitones), side = semitones > 0 ? "higher" : "lower";
  const key = steps ? `${steps} semitone${steps === 1 ? "" : "s"} ${side}` : "same key";
  cell.textContent = `${a} ↔ ${b}\n${key}, tempo × ${tempo.toFixed(2)}`;
}

// Answers as they are ready: the page has the vectors' candidates, the event brings the aligned answer.
if (answer?.dataset.settled === "1") showWhere();
if (answer?.dataset.settled === "0") {
  const asked = new URLSearchParams(location.search);
  const source = new EventSource(`${answer.dataset.events}?${asked}`);
  source.addEventListener("answer", (event) => { answer.innerHTML = event.data; source.close(); showWhere(); });
  source.addEventListener("problem", (event) => {
    answer.querySelector(".verdict strong").textContent = event.data;
    source.close();
  });
  source.onerror = () => {
    answer.querySelector(".verdict strong").textContent = "The server did not answer. Load the page again.";
    source.close();
  };
  addEventListener("pagehide", () => source.close());
}

// Titles while one types.
const box = document.getElementById("q"), list = document.getElementById("completions");
let waiting = 0, typing = null;
box?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    typing?.abort();
    typing = new AbortController();
    if (box.value.trim().length < 2) { list.replaceChildren(); return; }
    try {
      const found = await fetch(`/api/find?limit=8&q=${encodeURIComponent(box.value)}`, { signal: typing.signal });
      if (!found.ok) return;
      list.replaceChildren(...(await found.json()).map((one) => {
        const option = document.createElement("option");
        option.value = one.pid;
        option.label = [one.title, one.artist].filter(Boolean).join(" · ");
        return option;
      }));
    } catch (error) { if (error.name !== "AbortError") throw error; }
  }, 150);
});
