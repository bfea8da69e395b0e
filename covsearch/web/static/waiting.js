"use strict";
// What long work is at; once it is done, the page loads itself again and has the answer.
const job = document.getElementById("waiting"), bar = job.querySelector("progress");
const source = new EventSource(job.dataset.events);
source.addEventListener("progress", (event) => {
  const { stage, done, total, seconds } = JSON.parse(event.data);
  const text = `${stage[0].toUpperCase()}${stage.slice(1)} …`, told = job.querySelector("strong");
  if (told.textContent !== text) told.textContent = text;
  if (total) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
  const part = total ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")}, ` : "";
  document.getElementById("seconds").textContent = `${part}${Math.round(seconds)} s`;
});
source.addEventListener("done", () => { source.close(); location.reload(); });
source.onerror = () => {
  source.close();
  job.querySelector("strong").textContent = "The server did not answer. Load the page again.";
};
addEventListener("pagehide", () => source.close());
