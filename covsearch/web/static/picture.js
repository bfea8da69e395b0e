"use strict";
// The cross-similarity, its path, and where the pointer is.
const figure = document.getElementById("picture"), at = document.getElementById("at");
async function draw() {
  const canvas = document.getElementById("matrix");
  const told = await fetch(figure.dataset.address);
  const found = await told.json();
  if (!told.ok) { at.textContent = found.detail; return; }
  const { rows, columns, seconds, grey } = found.picture;
  canvas.height = Math.round(Math.min(900, Math.max(240, canvas.width * seconds[1] / seconds[0])));
  const ink = paint(canvas, rows, columns, grey);
  strips(found.picture, canvas.height);
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
  listen(canvas, moment, found.alignment.path, seconds);
}

// A byte a point, row by row, 255 darkest; rows to the right, columns upwards.
function paint(canvas, rows, columns, grey) {
  const bytes = Uint8Array.from(atob(grey), (c) => c.charCodeAt(0));
  const small = new OffscreenCanvas(rows, columns), pixels = new ImageData(rows, columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    const k = 4 * ((columns - 1 - j) * rows + i), value = 255 - bytes[i * columns + j];
    pixels.data.set([value, value, value, 255], k);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  const ink = canvas.getContext("2d");
  ink.imageSmoothingEnabled = false;
  ink.drawImage(small, 0, 0, canvas.width, canvas.height);
  return ink;
}

// The chroma of either, along its side of the picture.
function strips({ chroma }, height) {
  const [a, b] = ["a", "b"].map((side) => document.getElementById(`strip-${side}`));
  b.height = height;
  paint(a, chroma.a.frames, 12, chroma.a.grey);
  const turned = new OffscreenCanvas(b.height, b.width), ink = b.getContext("2d");
  paint(turned, chroma.b.frames, 12, chroma.b.grey);
  ink.imageSmoothingEnabled = false;
  ink.setTransform(0, -1, 1, 0, 0, b.height);
  ink.drawImage(turned, 0, 0);
  ink.resetTransform();
}

// Both recordings: one is heard, and the other goes on at the moment that the path sets beside it.
function listen(canvas, moment, path, seconds) {
  const sounds = ["a", "b"].map((side) => document.getElementById(`sound-${side}`));
  const button = document.getElementById("switch");
  let heard = sounds[0] ? 0 : 1; // of an upload there is no sound any more
  if (!sounds[heard]) return;
  // a pause that comes before the sound has begun takes the start back, which is no failure
  const start = (sound) => sound.play().catch((error) => { if (error.name !== "AbortError") throw error; });
  const beside = (time, from) => {
    let best = null;
    for (const point of path) if (!best || Math.abs(point[from] - time) < Math.abs(best[from] - time)) best = point;
    return Math.max(0, best ? best[1 - from] + time - best[from] : time);
  };
  const choose = (side) => {
    if (button) button.textContent = `Hear the same moment of ${side ? "A" : "B"}`;
    heard = side;
  };
  const turn = (side) => {
    if (side === heard || !button) return;
    const playing = !sounds[heard].paused;
    sounds[heard].pause();
    sounds[side].currentTime = beside(sounds[heard].currentTime, heard);
    choose(side);
    if (playing) start(sounds[side]);
  };
  sounds.forEach((sound, side) => sound?.addEventListener("play", () => { sounds[1 - side]?.pause(); choose(side); }));
  button?.addEventListener("click", () => turn(1 - heard));
  canvas.addEventListener("click", (event) => {
    moment(event).forEach((time, side) => { if (sounds[side]) sounds[side].currentTime = time; });
    start(sounds[heard]);
  });
  ["a", "b"].forEach((side, n) => document.getElementById(`strip-${side}`).addEventListener("click", (event) => {
    if (!sounds[n]) return;
    const where = event.currentTarget.getBoundingClientRect();
    const part = n ? 1 - (event.clientY - where.top) / where.height : (event.clientX - where.left) / where.width;
    sounds[n].currentTime = part * seconds[n];
    start(sounds[n]);
  }));
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
