// Figures that a reader moves, and that do without jax-js.

import { start as weights } from "./attention.js";
import { start as convolution } from "./convolution.js";
import { start as degree } from "./degree.js";
import { starter } from "./start.js";
import { start as units } from "./units.js";
import { start as valley } from "./valley.js";

globalThis.ideas = starter({ convolution, degree, units, valley, weights });
