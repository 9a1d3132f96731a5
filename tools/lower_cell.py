import jax


class LoweredElsewhere:
    """A jitted function that at its first call is lowered for other machines as well."""

    jit = jax.jit
    count = 0

    def __init__(self, function, **options):
        self.jitted = LoweredElsewhere.jit(function, **options)
        self.fresh = True

    def __call__(self, *args, **kwargs):
        leaves = jax.tree.leaves((args, kwargs))
        if self.fresh and not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            self.fresh = False
            traced = self.jitted.trace(*args, **kwargs)
            traced.lower(lowering_platforms=("cuda", "tpu"))
            LoweredElsewhere.count += 1
        return self.jitted(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.jitted, name)


jax.jit = lambda function=None, **options: (
    LoweredElsewhere(function, **options) if function else
    lambda function: LoweredElsewhere(function, **options))
