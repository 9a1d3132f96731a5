"""One style sheet for all pages: the rules that some page uses, with the icons it needs."""

import os
import re
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

ICONS = "vendor/fontawesome/webfonts/fa-solid-900.ttf"


def one_stylesheet(outdir, files):
    """The style sheet of the pages in `outdir`, from `files` in the order of the cascade."""
    static = Path(outdir) / "_static"
    css = "".join(read(file, static) for file in files)
    words = used_words(Path(outdir))
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    css = "".join(used_rules(rules, words))
    return with_icons(css, static / ICONS)


def read(file, static):
    """Text of a style file: its imports read in, its addresses relative to `static`."""
    def imported(match):
        return read(file.parent / match[1], static)

    def moved(match):
        return f"url({Path(os.path.relpath(file.parent / match[1], static)).as_posix()})"

    css = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.S)
    css = re.sub(r'@import (?:url\()?"([^"]*)"\)?;', imported, css)
    return re.sub(r"""url\(["']?(?!data:|#)([^"')]*)["']?\)""", moved, css)


def used_words(outdir):
    """All words that stand inside a tag of a page, or in a script: names a rule may ask for."""
    tags = set()
    for file in [*outdir.glob("*.html"), *outdir.glob("lectures/*.html")]:
        tags.update(re.findall(r"<[a-zA-Z][^>]*>", file.read_text(encoding="utf-8")))
    scripts = set(re.findall(r'<script[^>]* src="[^"]*?(_static/[^"?]*)', "".join(tags)))
    texts = [*tags, *((outdir / name).read_text(encoding="utf-8") for name in scripts)]
    return {word for text in texts for word in re.findall(r"[\w-]+", text)}


def used_rules(rules, words):
    """The text of `rules`, less the selectors that name something which is in no page."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in split(rule.prelude) if names(s) <= words]
            if selectors:
                text = ",".join(tinycss2.serialize(s).strip() for s in selectors)
                yield f"{text}{{{tight(rule.content)}}}\n"
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = "".join(used_rules(inner, words))
            if body:
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{body}}}\n"
        elif rule.type == "at-rule":
            yield rule.serialize() + "\n"


def split(tokens):
    """Selectors of a list of selectors."""
    selectors = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def names(selector):
    """Classes, identifiers and elements that a selector names, those in brackets left out."""
    found, before = set(), ""
    for token in selector:
        if token.type == "hash" or (token.type == "ident" and before != ":"):
            found.add(token.value)
        before = token.value if token.type == "literal" else ""
    return found


def tight(content):
    return re.sub(r"\s+", " ", tinycss2.serialize(content)).strip()


def with_icons(css, font):
    """The style sheet with the icons that it shows inside, and no other."""
    escaped = {int(code, 16) for code in re.findall(r"\\([0-9a-f]{2,4})\b", css)}
    literal = {ord(character) for character in css if "\ue000" <= character <= "\uf8ff"}
    options = subset.Options(flavor="woff", notdef_outline=True, hinting=False)
    subsetter = subset.Subsetter(options)
    icons = TTFont(font)
    subsetter.populate(unicodes=escaped | literal)
    subsetter.subset(icons)
    icons.flavor = "woff"
    buffer = BytesIO()
    icons.save(buffer)
    data = b64encode(buffer.getvalue()).decode()
    return re.sub(rf"src:url\([^)]*{font.stem}\.woff2\)[^;}}]*",
                  f'src:url(data:font/woff;base64,{data}) format("woff")', css)
