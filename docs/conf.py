"""The site: `make docs`. The sources stay where they are read on a repository page, too."""

project = "inkdigits"
language = "en"
extensions = ["myst_nb"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENCES.md",
]

myst_enable_extensions = ["html_image"]  # of a width
myst_heading_anchors = 4
nb_execution_mode = "off"  # `make notebooks` ran them
nb_ipywidgets_js = {}  # would come from the network

smartquotes = False  # would make a dash of the two of an option

html_theme = "furo"
html_title = "inkdigits"
html_copy_source = False
html_show_copyright = False
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["tables.css"]
