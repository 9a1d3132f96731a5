// The trained models of the lectures, to be used in the page, and figures that a reader moves. The
// page's loader calls `startLive` with an element <div class="live" data-live="PIECE">, or with
// data-model="NAME" as well, once the reader is near it and models/NAME.js is there. A piece
// replaces the words that stand in its element.

import { start } from "../playground/model.js";
import { start as weights } from "./attention.js";
import { start as convolution } from "./convolution.js";
import { start as degree } from "./degree.js";
import { start as digits } from "./digits.js";
import { h } from "./dom.js";
import { start as language } from "./language.js";
import { start as savings } from "./savings.js";
import { start as tictactoe } from "./tictactoe.js";
import { start as units } from "./units.js";
import { start as valley } from "./valley.js";

const PIECES = {
  convolution, degree, digits, language, savings, tictactoe, units, valley, weights,
};
let ready; // jax-js, started once

globalThis.startLive = async (element) => {
  const { live, model } = element.dataset;
  try {
    if (model) await (ready ??= start());
    await PIECES[live](element, globalThis.models?.[model]);
  } catch (error) {
    element.replaceChildren(h("p", {}, globalThis.WebAssembly
      ? `This part of the page failed to start (${error.message}).`
      : "This part of the page needs WebAssembly, which this browser does not have."));
    element.style.minHeight = 0;
  }
};
