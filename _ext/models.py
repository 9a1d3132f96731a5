"""Sphinx extension: each model that a lecture hands to `dl_files.publish`, as a script.

Where pages are opened from a folder a script is the one thing that they can load.
"""

import json
from pathlib import Path

import book
from executed_book import read
from jupyter_cache import get_cache


def models(notebook):
    """What `publish` has left in the outputs of an executed notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "model" in output.get("metadata", {}):
                yield output.metadata.model


def write_models(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir, "models")
    cache = get_cache(app.env.mystnb_config.execution_cache_path)
    for name in book.WITH_CODE:
        record = cache.match_cache_notebook(read(name, app.env))
        for model in models(cache.get_cache_bundle(record.pk).nb):
            folder.mkdir(exist_ok=True)
            script = f"(globalThis.models ??= {{}}).{model['name']} = {json.dumps(model)};\n"
            (folder / f"{model['name']}.js").write_text(script, encoding="utf-8")


def setup(app):
    app.connect("build-finished", write_models, priority=800)  # before a failed book is removed
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
