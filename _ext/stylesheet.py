"""Sphinx extension: one style sheet, with the rules and the icons that some page uses.

esbuild joins the dozen style files of theme and extensions, which would keep a page blank for
seconds on a phone; PurgeCSS leaves out the rules for what is on no page, and fontTools the icons.
"""

import re
from base64 import b64encode
from pathlib import Path

import npm_packages
from fontTools import subset

THEME = ["styles/theme.css", "styles/pydata-sphinx-theme.css"]  # named in its templates alone
ICONS = "fa-solid-900"
USES = ["../*.html", "../lectures/*.html", "*.js", "scripts/[!f]*.js"]  # not Font Awesome's icons
KEPT = ["data-theme", "data-mode", "data-bs-popper", ":hover", ":focus-visible"]  # come and go
LOADERS = {"woff2": "file", "woff": "empty", "ttf": "empty", "svg": "dataurl", "png": "dataurl"}


def note_styles(app, pagename, templatename, context, doctree):
    """All pages name the same files, in the order of the cascade."""
    files = [file.filename.removeprefix("_static/") for file in context["css_files"]]
    app.builder.styles = [*THEME, *files]


def write_stylesheet(app, exception):
    """Make `_static/pages.css`, unless no page was written."""
    styles = getattr(app.builder, "styles", None)
    if exception is not None or not styles:
        return
    static = Path(app.outdir, "_static")
    (static / "all.css").write_text("".join(f'@import "./{file}";\n' for file in styles), "utf-8")
    npm_packages.run("esbuild", "all.css", "--bundle", "--minify", "--outfile=pages.css",
                     "--asset-names=fonts/[name]", "--log-level=error",
                     *(f"--loader:.{end}={way}" for end, way in LOADERS.items()), folder=static)
    npm_packages.run("purgecss", "--css", "pages.css", "--content", *USES, "--safelist", *KEPT,
                     "--output", ".", folder=static)
    leave_used_icons(static)


def leave_used_icons(static):
    """Put the icons that the style sheet shows inside it, in place of a font with all of them."""
    css = (static / "pages.css").read_text(encoding="utf-8")
    shown, icons = re.findall(r"\\(f[0-9a-f]{3})\b", css), static / "fonts" / f"{ICONS}.woff"
    subset.main([f"{static}/vendor/fontawesome/webfonts/{ICONS}.ttf", "--flavor=woff",
                 f"--unicodes={','.join(shown)}", f"--output-file={icons}"])
    data = f"url(data:font/woff;base64,{b64encode(icons.read_bytes()).decode()})"
    (static / "pages.css").write_text(
        re.sub(rf'url\([^)]*{ICONS}\.woff2"?\) format\("woff2"\)', data, css), encoding="utf-8")


def setup(app):
    app.connect("html-page-context", note_styles, priority=900)
    app.connect("build-finished", write_stylesheet, priority=800)  # the theme writes until then
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
