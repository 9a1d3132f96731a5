"""Sphinx extension: the address of the published book, for search engines and shared links.

The address comes from `BOOK_URL` or `html_baseurl`, else from the repository: the one that
GitHub's workflows build, so that a fork's pages name the fork, or `github_repository` of
_config.yml. Where none is known, the pages carry their descriptions, and neither links to an
unknown place nor a map of it.
"""

import os
import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from sphinx import addnodes

FRONT_DOOR = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={page}">
{head}
<link rel="icon" href="_static/favicon.svg">
</head>
<body><a href="{page}">To the book</a></body>
</html>
"""


def base_url(config):
    """Address of the published book with a slash at its end; None if it is unknown."""
    url = os.environ.get("BOOK_URL") or config.html_baseurl
    if not url and config.github_repository:
        owner, name = config.github_repository.split("/")
        host = f"https://{owner.lower()}.github.io"
        url = host if name.lower() == f"{owner.lower()}.github.io" else f"{host}/{name}"
    return url.rstrip("/") + "/" if url else None


def spread_base_url(app, config):
    """Tell it to all that ask for it, each under its own name."""
    config.github_repository = os.environ.get("GITHUB_REPOSITORY") or config.github_repository
    url = base_url(config)
    config.notfound_urls_prefix = urlsplit(url).path if url else "/"
    if url:
        config.html_baseurl = config.ogp_site_url = url


def describe(app, pagename, templatename, context, doctree):
    """A page's description is what its front matter says, for all that ask for one."""
    meta, other = context.get("meta") or {}, "Search" if pagename == "search" else "Index"
    about = meta.get("description") or f"{app.config.html_title}: {context.get('title', other)}"
    context["meta"] = meta | {"og:description": about}
    context["metatags"] = f'<meta name="description" content="{escape(about)}" />\n'


def drop_unknown_addresses(app, pagename, templatename, context, doctree):
    if not app.config.html_baseurl:
        context["metatags"] = re.sub(
            r'<meta property="og:(url|image)[^>]*>\n?', "", context["metatags"])


def list_index(app, doctree):
    """Put the index of terms last in the table of contents."""
    if app.env.docname == app.config.root_doc:
        *_, appendix = doctree.findall(addnodes.toctree)
        appendix["entries"].append(("Index", "genindex"))


def write_sitemap(app, exception):
    """All pages, also those that this build found unchanged."""
    if exception is None and app.builder.format == "html" and app.config.html_baseurl:
        urls = [f"<url><loc>{app.config.html_baseurl}{app.builder.get_target_uri(name)}</loc></url>"
                for name in sorted(app.env.found_docs)]
        namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
        text = "\n".join([f'<urlset xmlns="{namespace}">', *urls, "</urlset>\n"])
        Path(app.outdir, "sitemap.xml").write_text(text, encoding="utf-8")


def write_front_door(app, exception):
    """The book's own address leads to the landing page, and is shared with its description."""
    if exception is None and app.builder.format == "html":
        landing = app.builder.get_target_uri(app.config.root_doc)
        page = BeautifulSoup(Path(app.outdir, landing).read_text("utf-8"), "html.parser")
        shared = page.select("title, meta[name=description], meta[property], link[rel=canonical]")
        text = FRONT_DOOR.format(page=landing, head="\n".join(map(str, shared)))
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app):
    app.add_config_value("github_repository", "", rebuild="html", types=[str])
    app.connect("config-inited", spread_base_url)
    app.connect("doctree-read", list_index, priority=200)  # after the contents are known
    app.connect("html-page-context", describe, priority=400)  # before sphinxext.opengraph asks
    app.connect("html-page-context", drop_unknown_addresses, priority=900)
    app.connect("build-finished", write_sitemap)
    app.connect("build-finished", write_front_door)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
