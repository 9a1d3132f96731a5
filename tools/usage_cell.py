import sys

import jax

used = [f"JAX {jax.__version__} on {jax.devices()[0].device_kind}"]
if sys.platform != "win32":
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used.append(f"{peak / 2 ** (30 if sys.platform == 'darwin' else 20):.1f} GiB")
if "LoweredElsewhere" in globals():
    used.append(f"{globals()['LoweredElsewhere'].count} functions lowered for cuda and tpu")
print(", ".join(used), end="")
