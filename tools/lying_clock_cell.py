def make_clocks_lie():
    """Replace Python's clocks by ones that go on by 1e-7 to 100 seconds at each look.

    `monotonic` goes on telling the truth, since the event loop of the kernel lives by it.
    """
    import math
    import os
    import random
    import time

    draw = random.Random(os.urandom(16)).uniform

    def lying(now):
        def look():
            nonlocal now
            now += math.exp(draw(math.log(1e-7), math.log(100)))
            return now
        return look

    for name in "perf_counter", "process_time", "thread_time", "time":
        look = lying(getattr(time, name)())
        setattr(time, name, look)
        setattr(time, f"{name}_ns", lambda look=look: round(1e9 * look()))


make_clocks_lie()
del make_clocks_lie
