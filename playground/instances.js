// esbuild puts what this module exports in the place of WebAssembly.Instance in jax-js.
//
// jax-js 0.1.25 makes an instance of a kernel for each call of it, some fifteen a step, and
// collecting them as garbage stops the page for up to a tenth of a second. Here each kernel has
// one: kernels keep no state, and all use the one memory that jax-js has.

const { Instance } = globalThis.WebAssembly ?? {};
const instances = new WeakMap();

function KeptInstance(module, imports) {
  if (!instances.has(module)) instances.set(module, new Instance(module, imports));
  return instances.get(module);
}

export { KeptInstance as "WebAssembly.Instance" };
