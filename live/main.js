// The trained models of the lectures that jax-js runs, to be used in the page.

import { start } from "../playground/model.js";
import { start as digits } from "./digits.js";
import { start as language } from "./language.js";
import { start as savings } from "./savings.js";
import { starter } from "./start.js";
import { start as tictactoe } from "./tictactoe.js";

let ready; // jax-js, started once

globalThis.live = starter({ digits, language, savings, tictactoe },
  () => ready ??= start());
