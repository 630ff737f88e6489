// Grades by keyboard, saved without leaving the page. Without this script its buttons do the same.
"use strict";
const say = (text, isWrong) => {  // seen where it is wrong, else for screen readers alone: the page tells it too
  const said = document.getElementById("said");
  said.className = isWrong ? "" : "unseen";
  said.textContent = text;
};
const help = document.getElementById("help");
let shownAt = performance.now();
let isSaving = false;

addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input[type=text]");
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping || help.open) return;
  if (!document.getElementById("keys").checked) return;
  const button = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (!button) return;
  event.preventDefault();
  button.click();
});

addEventListener("click", (event) => {
  if (event.target.closest("[aria-haspopup=dialog]")) help.showModal();
});

addEventListener("submit", async (event) => {
  if (event.target.method !== "post") return;
  event.preventDefault();
  if (isSaving) return;
  isSaving = true;
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  body.set("seconds", ((performance.now() - shownAt) / 1000).toFixed(1));
  try {
    const answer = await fetch(event.target.action, { method: "POST", body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    const main = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    document.querySelector("main").replaceWith(main);
    main.querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
    say(`Saved: ${main.dataset.grades} graded.`, false);
    shownAt = performance.now();
  } catch (error) {
    const isGone = error instanceof TypeError;
    say(`Not saved. ${isGone ? "The server does not answer: start it again, and open the address that it prints." : error.message}`, true);
  } finally {
    isSaving = false;
  }
});
