"""How this project is written, where a tool doesn't say so already."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import PROJECT, called, modules, name, templates, tree

LONGEST = 450  # lines that say something
SAFE_BY_HAND = {
    "valuerealization/common/templatetags/vr.py",  # joins what was escaped part by part
}


def services() -> list[Path]:
    return [path for path in modules() if "services" in path.relative_to(PROJECT).with_suffix("").parts]


@pytest.mark.parametrize("path", services(), ids=name)
def test_services_take_keywords_only(path: Path) -> None:
    """`archive_account(account=…, by=…, at=…)` reads the same wherever it is called."""
    positional = [
        node.name
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if node.args.args or node.args.posonlyargs or node.args.vararg
    ]
    assert positional == []


def classes(base: str) -> list[tuple[Path, ast.ClassDef]]:
    """Find the classes that name a base."""
    return [
        (path, node)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(each).split("[")[0].endswith(base) for each in node.bases)
    ]


def test_no_model_has_a_default_order() -> None:
    """An order that nobody asked for costs a sort, and changes what DISTINCT and GROUP BY mean."""
    found = [
        f"{name(path)}: {model.name}"
        for path in modules()
        if "models" in path.relative_to(PROJECT).with_suffix("").parts
        for model in ast.walk(tree(path))
        if isinstance(model, ast.ClassDef)
        for meta in model.body
        if isinstance(meta, ast.ClassDef) and meta.name == "Meta"
        for line in meta.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "ordering" and ast.literal_eval(line.value)
    ]
    assert found == []


def test_foreign_keys_say_what_deleting_does() -> None:
    found, silent = 0, []
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and called(node) in {"models.ForeignKey", "models.OneToOneField"}:
                found += 1
                if "on_delete" not in {keyword.arg for keyword in node.keywords}:
                    silent.append(f"{name(path)}:{node.lineno}")
    assert found > 10
    assert silent == []


def test_nothing_is_declared_safe_by_hand() -> None:
    """`format_html` escapes; `mark_safe` and `|safe` only promise."""
    promises = re.compile(r"\bmark_safe\b|\bSafeString\(|\bSafeData\b")
    by_hand = {name(path) for path in modules() if promises.search(path.read_text())}
    assert by_hand == SAFE_BY_HAND
    unescaped = re.compile(r"\|\s*safe\b|\|\s*safeseq\b|\{%\s*autoescape\s+off")
    assert [name(path) for path in templates() if unescaped.search(path.read_text())] == []


INLINE = {
    "style attribute": re.compile(r"<[^>%]*\sstyle\s*=", re.IGNORECASE),
    "style element": re.compile(r"<style\b", re.IGNORECASE),
    "inline script": re.compile(r"<script\b(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE),
    "event attribute": re.compile(r"<[^>%]*\son[a-z]+\s*=", re.IGNORECASE),
    "script address": re.compile(r"(href|src|action)\s*=\s*[\"']?\s*javascript:", re.IGNORECASE),
    "htmx script": re.compile(r"\bhx-on\b|\bhx-(vals|headers|vars)\s*=\s*[\"']\s*js:", re.IGNORECASE),
    "other people's server": re.compile(r"(src|href)\s*=\s*[\"'](https?:)?//", re.IGNORECASE),
}


@pytest.mark.parametrize("what", INLINE)
def test_templates_keep_to_the_content_security_policy(what: str) -> None:
    assert [name(path) for path in templates() if INLINE[what].search(path.read_text())] == []


def test_inline_patterns_find_what_they_are_for() -> None:
    examples = {
        "style attribute": '<p class="a" style="color: red">',
        "style element": "<style>p {}</style>",
        "inline script": "<script>alert(1)</script>",
        "event attribute": '<a href="#" onclick="go()">',
        "script address": '<a href="javascript:go()">',
        "htmx script": "<div hx-vals='js:{a: 1}'>",
        "other people's server": '<script src="//cdn.example.com/x.js"></script>',
    }
    assert {what for what, text in examples.items() if INLINE[what].search(text)} == set(INLINE)
    harmless = '<script src="/static/app.js" defer></script><option on="x">{% if a.style == b %}'
    assert not any(INLINE[what].search(harmless) for what in set(INLINE) - {"event attribute"})


def test_pages_extend_the_base() -> None:
    """A template that nothing includes is a page: it has the shell's navigation, landmarks and title."""
    texts = {path.relative_to(PROJECT / "templates").as_posix(): path.read_text() for path in templates()}
    sources = [path.read_text() for path in modules()]
    included = {
        other
        for text in [*texts.values(), *sources]
        for other in re.findall(r"(?:include|extends)\s+[\"']([\w/.#-]+\.html)|body=[\"']([\w/.-]+\.html)", text)
        for other in other
        if other
    }
    passed_on = {match for text in texts.values() for match in re.findall(r"[\"']([\w/.-]+\.html)[\"']", text)}
    folders = ("accounts/", "objectives/", "portfolio/", "portal/", "playbooks/", "reviews/", "roi/")
    pages = [page for page in texts if page.startswith(folders) and page not in included | passed_on]
    assert len(pages) >= 10
    roots = {"base.html", "ui/skeleton.html"}

    def root(page: str) -> str:
        match = re.search(r"{%\s*extends\s+[\"']([\w/.-]+)[\"']", texts[page])
        return page if match is None else match[1] if match[1] in roots else root(match[1])

    assert {page: root(page) for page in pages if root(page) not in roots} == {}


def test_modules_are_short() -> None:
    lengths = {name(path): sum(1 for line in path.read_text().splitlines() if line.strip()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(
        r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|Not" + r"ImplementedError|pragma: no " + "cover"
    )
    scripts = [
        path
        for path in (PROJECT / "static").rglob("*")
        if path.suffix in {".js", ".css"} and "vendor" not in path.parts
    ]
    documents = [*(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("*.md")]
    files = [*modules(with_tests=True), *templates(), *scripts, *documents]
    assert [name(path) for path in files if marks.search(path.read_text())] == []


def test_public_things_say_what_they_are_for() -> None:
    """Modules, and the public functions and classes of services, queries, policies and pure modules."""
    silent = []
    for path in modules():
        module = tree(path)
        if module.body and ast.get_docstring(module) is None:
            silent.append(name(path))
        if not {"services", "queries", "policies"} & set(path.relative_to(PROJECT).with_suffix("").parts):
            continue
        silent += [
            f"{name(path)}: {node.name}"
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if ast.get_docstring(node) is None
        ]
    assert silent == []


def test_documents_link_to_what_exists() -> None:
    """Files and headings alike, as a reader on a code host finds them."""
    missing = []
    for document in [*(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", document.read_text()):
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.exists() or (anchor and file.suffix == ".md" and anchor not in headings(file)):
                missing.append(f"{name(document)}: {target}")
    assert missing == []


def headings(document: Path) -> set[str]:
    """Give a document's anchors."""
    lines = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") for line in lines}


def test_code_names_sections_that_exist() -> None:
    """`Source: docs/formulas.md#completion` in a docstring leads somewhere."""
    missing = [
        f"{name(path)}: {document}#{anchor}"
        for path in modules()
        for document, anchor in re.findall(r"(docs/[\w/-]+\.md)#([\w-]+)", path.read_text())
        if anchor not in headings(PROJECT / document)
    ]
    assert missing == []
