// Loads a piece when the reader comes near: the program that runs <div class="live"
// data-live="PIECE">, and if it has data-model="NAME", models/NAME.js.

import { h } from "./dom.js";

const BY_JAX = ["digits", "language", "savings", "tictactoe"]; // pieces that need live.js
const { src } = document.currentScript;
const loading = {};
const load = (file) => loading[file] ??= new Promise((resolve, reject) => document.head.append(
  h("script", { src: new URL(file, src), onload: resolve, onerror: reject })));

const near = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target }) => {
  if (!isIntersecting) return;
  near.unobserve(target);
  const { live, model } = target.dataset, program = BY_JAX.includes(live) ? "live" : "ideas";
  Promise.all([load(`${program}.js`), model && load(`../models/${model}.js`)]).then(
    () => globalThis[program](target),
    () => { target.textContent = "This part of the page could not be loaded."; });
}), { rootMargin: "1000px 0px" });
for (const element of document.querySelectorAll("[data-live]")) near.observe(element);
