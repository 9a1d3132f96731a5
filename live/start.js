// What a program of the pages is: pieces, and how one starts in its element, whose words it
// replaces. If it fails, the element says so.

import { h } from "./dom.js";

export const starter = (pieces, ready) => async (element) => {
  const { live, model } = element.dataset;
  try {
    await ready?.();
    await pieces[live](element, globalThis.models?.[model]);
  } catch (error) {
    element.replaceChildren(h("p", {}, ready && !globalThis.WebAssembly
      ? "This part of the page needs WebAssembly, which this browser does not have."
      : `This part of the page failed to start (${error.message}).`));
    element.style.minHeight = 0;
  }
};
