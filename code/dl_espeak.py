"""A program that lets espeak-ng read texts aloud, for `spoken` of dl_data.

It reads JSON on standard input, [library, folder of its data, [[text, voice, words a minute,
pitch], ...]], and writes for each text the length in bytes, 4 bytes, and samples of 16 bits.
"""

import ctypes
import json
import sys

SYNCHRONOUS, DO_NOT_EXIT, RATE, PITCH, BY_CHARACTER, UTF8 = 2, 0x8000, 1, 3, 1, 1


def main():
    library, folder, requests = json.load(sys.stdin)
    espeak, parts = ctypes.CDLL(library), []

    @ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def keep(samples, n, events):
        parts.append(ctypes.string_at(samples, 2 * n) if samples else b"")
        return 0

    if espeak.espeak_Initialize(SYNCHRONOUS, 0, folder.encode(), DO_NOT_EXIT) != 22_050:
        sys.exit(f"espeak-ng finds no voices in {folder}, whose name may be too long for it")
    espeak.espeak_SetSynthCallback(keep)
    for text, voice, speed, pitch in requests:
        if espeak.espeak_SetVoiceByName(voice.encode()):
            sys.exit(f"no voice {voice!r}; take an accent such as en-us, and a variant as "
                     "en-us+linda")
        espeak.espeak_SetParameter(RATE, speed, 0)
        espeak.espeak_SetParameter(PITCH, pitch, 0)
        espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))  # or it is the time of the day
        text = text.encode() + bytes(1)
        size = ctypes.c_size_t(len(text))
        espeak.espeak_Synth(text, size, 0, BY_CHARACTER, 0, UTF8, None, None)
        sound, parts[:] = b"".join(parts), []
        sys.stdout.buffer.write(len(sound).to_bytes(4, "little") + sound)


if __name__ == "__main__":
    main()
