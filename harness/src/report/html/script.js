"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
  for (const figure of document.querySelectorAll("figure")) {
    const bars = [...figure.querySelectorAll(".bar")];
    const readout = figure.querySelector(".readout");
    const show = (bar) => {
      for (const other of bars) other.classList.toggle("on", other === bar);
      readout.textContent = bar.getAttribute("aria-label");
    };
    bars.forEach((bar, at) => {
      bar.addEventListener("focus", () => show(bar));
      bar.addEventListener("pointerenter", () => show(bar));
      bar.addEventListener("click", () => bar.focus());
      bar.addEventListener("keydown", (event) => {
        const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1,
          Home: 0, End: bars.length - 1 }[event.key];
        if (to === undefined || !bars[to]) return;
        event.preventDefault();
        bar.tabIndex = -1;
        bars[to].tabIndex = 0;
        bars[to].focus();
      });
    });
  }
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.errors:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
