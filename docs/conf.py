"""How the documentation is built: `python -m sphinx -W --keep-going -b html docs out`.

Nothing is fetched while it builds, so that it builds offline and the same every time.
"""

import re

import sklopt

project = "sklopt"
author = "The sklopt developers"
copyright = author
version = release = sklopt.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

# What stands in single backticks is a name: a link where it is one of ours.
default_role = "py:obj"

autosummary_generate = True
# Values keep their straight quotes, so that they can be copied.
smartquotes = False
# A page documents its own class; numpydoc's table of members would list them twice.
numpydoc_show_class_members = False
# Examples are printed as they are typed, without the doctest's options.
trim_doctest_flags = True

html_theme = "alabaster"
html_theme_options = {
    "description": "Regressors whose optimizer is a hyperparameter",
    "page_width": "64rem",
}
html_copy_source = False
html_show_sourcelink = False


# What is code already, or what reStructuredText would take for markup: |x|, an absolute
# value here, and loss_ or loss_curve_, names that end in an underscore.
CODE_OR_MARKUP = re.compile(r"(?P<code>(`+).+?\2)|\||(?<=\w)_(?!\w)", re.DOTALL)


def escape_formulas(app, what, name, obj, options, lines):
    """Docstrings are written to be read in a terminal; nothing in them substitutes."""
    blocks = re.split(r"(\n\s*\n)", "\n".join(lines))
    for i, block in enumerate(blocks):
        if not block.lstrip().startswith(">>>"):
            blocks[i] = CODE_OR_MARKUP.sub(_escaped, block)
    lines[:] = "".join(blocks).split("\n")


def _escaped(match):
    return match[0] if match["code"] else "\\" + match[0]


def skip_what_is_not_ours(app, what, name, member, skip, options):
    """Leave out what estimators inherit: scikit-learn documents it, in its own way."""
    owner = getattr(member, "fget", member)  # a property has no module of its own
    module = getattr(owner, "__module__", None) or ""
    return skip or (what == "class" and not module.startswith("sklopt"))


def setup(app):
    """Connect both to Sphinx, which calls this."""
    app.connect("autodoc-skip-member", skip_what_is_not_ours)
    # After numpydoc, which has the default priority of 500 and looks for headings.
    app.connect("autodoc-process-docstring", escape_formulas, priority=600)
