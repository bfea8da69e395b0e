"use strict";
// A file is chosen or dropped; how much of it is sent shows, and then the page of its answer.
const form = document.getElementById("upload"), said = document.getElementById("said");
const file = document.getElementById("file"), sent = document.getElementById("sent");
const over = (event, is) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  form.classList.toggle("over", is);
};
form?.addEventListener("dragover", (event) => over(event, true));
form?.addEventListener("dragleave", (event) => over(event, false));
form?.addEventListener("drop", (event) => {
  over(event, false);
  if (!event.dataTransfer.files.length) return;
  file.files = event.dataTransfer.files;
  form.requestSubmit();
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (file.files[0]?.size > Number(form.dataset.most)) {
    said.textContent = `The file is too large: at most ${Math.floor(form.dataset.most / 2 ** 20)} MiB are taken.`;
    return;
  }
  const request = new XMLHttpRequest(), button = form.querySelector("button");
  const end = (text) => { said.textContent = text; sent.hidden = true; button.disabled = false; };
  request.open("POST", form.action);
  request.upload.onprogress = ({ loaded, total }) => { sent.value = loaded / total; };
  request.onload = () => {
    if (request.status === 200) location.assign(request.responseURL);
    else end(problem(request));
  };
  request.onerror = () => end("The server did not take the file. Try again.");
  sent.value = 0;
  sent.hidden = false;
  button.disabled = true;
  said.textContent = "Sending …";
  request.send(new FormData(form));
});
function problem(request) {
  try { return JSON.parse(request.responseText).detail; } catch { return `The server answered ${request.status}.`; }
}
