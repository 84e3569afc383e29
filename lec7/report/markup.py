"""HTML as a tree, so that no text can be taken for markup."""

import importlib.resources
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


def tag(name: str, /, *children: Element | str, **attributes: str | None) -> Element:
    """Make an element.

    Args:
      name: of the element.
      *children: elements and texts, in order.
      **attributes: a trailing underscore is dropped and the others become hyphens, as
        in `class_` and `aria_label`; one that is None is left out.

    Returns:
      The element; its texts and attributes are escaped when it is serialised.

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
    """Return the text of a file that stands beside this one, on lines of its own.

    Args:
      name: of the file.

    Returns:
      JavaScript or CSS.
    """
    file = importlib.resources.files(__package__) / name
    return "\n" + file.read_text(encoding="utf-8")


def script(text: str, *, kind: str = "text/javascript") -> Element:
    r"""Make a script.

    Args:
      text: JavaScript or JSON. It is not escaped; a `<` that would end the script
        early, which only a string can hold, is written as the string's own escape.
      kind: media type of the text.

    Returns:
      The element.

    Example:
      >>> print(serialise(script('"</script>"', kind="application/json")))
      <script type="application/json">"\u003c/script>"</script>
    """
    text = re.sub("<(?=/script|script|!--)", r"\\u003c", text, flags=re.IGNORECASE)
    return tag("script", text, type=kind)


def prose(text: str) -> list[Element]:
    r"""Make paragraphs.

    Args:
      text: paragraphs separated by an empty line; what is between backticks is code.

    Returns:
      The paragraphs.

    Example:
      >>> [serialise(paragraph) for paragraph in prose("The `params`.\n\nEnd.")]
      ['<p>The <code>params</code>.</p>', '<p>End.</p>']
    """
    return [
        tag("p", *(tag("code", x) if i % 2 else x for i, x in enumerate(parts)))
        for parts in (part.split("`") for part in re.split(r"\n\s*\n", text.strip()))
        if parts != [""]
    ]


def serialise(root: Element) -> str:
    """Write a tree as HTML.

    Args:
      root: the outermost element.

    Returns:
      The text, void elements without an end tag.
    """
    return ElementTree.tostring(root, encoding="unicode", method="html")
