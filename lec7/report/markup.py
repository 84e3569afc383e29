"""HTML as a tree, so that no text can be taken for markup."""

import importlib.resources
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


def tag(name: str, /, *children: Element | str, **attributes: str | None) -> Element:
    """Return an element; texts and attributes are escaped when it is serialised.

    Of the name of an attribute a trailing underscore is dropped and the others become
    hyphens; an attribute that is None is left out.

    Example:
      >>> serialise(tag("p", "1 < 2, ", tag("b", "always"), id="law", class_=None))
      '<p id="law">1 &lt; 2, <b>always</b></p>'
    """
    element = Element(name)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.rstrip("_").replace("_", "-"), value)
    for child in children:
        if isinstance(child, Element):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + child
        else:
            element.text = (element.text or "") + child
    return element


def asset(name: str) -> str:
    """Return JavaScript or CSS that stands beside this file, on lines of its own."""
    file = importlib.resources.files(__package__) / name
    return "\n" + file.read_text(encoding="utf-8")


def script(text: str, *, kind: str = "text/javascript") -> Element:
    r"""Return a script, its text not escaped.

    A `<` that would end the script early, which only a string can hold, is written as
    the string's own escape.

    Example:
      >>> print(serialise(script('"</script>"', kind="application/json")))
      <script type="application/json">"\u003c/script>"</script>
    """
    text = re.sub("<(?=/script|script|!--)", r"\\u003c", text, flags=re.IGNORECASE)
    return tag("script", text, type=kind)


def serialise(root: Element) -> str:
    """Return a tree as HTML, void elements without an end tag."""
    return ElementTree.tostring(root, encoding="unicode", method="html")
