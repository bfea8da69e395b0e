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
  const pair = new URLSearchParams({ a: answer.dataset.id, b: cell.dataset.match });
  const told = await fetch(`/api/compare?${pair}`);
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
  const source = new EventSource(`/events/${encodeURIComponent(answer.dataset.id)}?${asked}`);
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

// The cross-similarity, its path, and where the pointer is.
const figure = document.getElementById("picture");
async function draw() {
  const { a, b } = figure.dataset, canvas = figure.querySelector("canvas"), at = document.getElementById("at");
  const told = await fetch(`/api/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}&picture=1`);
  const found = await told.json();
  if (!told.ok) { at.textContent = found.detail; return; }
  const { rows, columns, seconds, grey } = found.picture;
  const bytes = Uint8Array.from(atob(grey), (c) => c.charCodeAt(0));
  const small = new OffscreenCanvas(rows, columns), pixels = new ImageData(rows, columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const k = 4 * ((columns - 1 - j) * rows + i), value = 255 - bytes[i * columns + j];
    pixels.data.set([value, value, value, 255], k);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  canvas.height = Math.round(Math.min(900, Math.max(240, canvas.width * seconds[1] / seconds[0])));
  const ink = canvas.getContext("2d");
  ink.imageSmoothingEnabled = false;
  ink.drawImage(small, 0, 0, canvas.width, canvas.height);
  ink.strokeStyle = "#b3261e";
  ink.lineWidth = 2;
  ink.beginPath();
  for (const [x, y] of found.alignment.path) ink.lineTo(x / seconds[0] * canvas.width, canvas.height * (1 - y / seconds[1]));
  ink.stroke();
  canvas.dataset.drawn = "1";
  const moment = (event) => {
    const where = canvas.getBoundingClientRect();
    return [(event.clientX - where.left) / where.width * seconds[0],
      (1 - (event.clientY - where.top) / where.height) * seconds[1]];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = moment(event);
    at.textContent = `A ${clock(x)}, B ${clock(y)}`;
  });
  listen(canvas, moment, found.alignment.path);
}

// Both recordings: one is heard, and the other goes on at the moment that the path sets beside it.
function listen(canvas, moment, path) {
  const sounds = ["a", "b"].map((side) => document.getElementById(`sound-${side}`));
  const button = document.getElementById("switch");
  if (!button) return;
  let heard = 0;
  // a pause that comes before the sound has begun takes the start back, which is no failure
  const start = (sound) => sound.play().catch((error) => { if (error.name !== "AbortError") throw error; });
  const beside = (time, from) => {
    let best = null;
    for (const point of path) if (!best || Math.abs(point[from] - time) < Math.abs(best[from] - time)) best = point;
    return Math.max(0, best ? best[1 - from] + time - best[from] : time);
  };
  const choose = (side) => {
    button.textContent = `Hear the same moment of ${side ? "A" : "B"}`;
    heard = side;
  };
  const turn = (side) => {
    if (side === heard) return;
    const playing = !sounds[heard].paused;
    sounds[heard].pause();
    sounds[side].currentTime = beside(sounds[heard].currentTime, heard);
    choose(side);
    if (playing) start(sounds[side]);
  };
  sounds.forEach((sound, side) => sound.addEventListener("play", () => { sounds[1 - side].pause(); choose(side); }));
  button.addEventListener("click", () => turn(1 - heard));
  canvas.addEventListener("click", (event) => {
    moment(event).forEach((time, side) => { sounds[side].currentTime = time; });
    start(sounds[heard]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, button, audio")) return;
    const sound = sounds[heard], key = event.key.toLowerCase();
    if (key === " ") sound.paused ? start(sound) : sound.pause();
    else if (key === "a" || key === "b") turn(key === "b" ? 1 : 0);
    else if (key === "arrowleft" || key === "arrowright") sound.currentTime += key === "arrowleft" ? -5 : 5;
    else return;
    event.preventDefault();
  });
}
if (figure) draw();
