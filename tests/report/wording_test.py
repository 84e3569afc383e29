from lec7.report import markup, wording


def serialised(parts):
    return "".join(
        part if isinstance(part, str) else markup.serialise(part) for part in parts
    )


def test_a_term_is_explained_where_it_is_first_used():
    (paragraph,) = wording.prose("The Hessian and `Hessian`; of Hessians two.")
    text = markup.serialise(paragraph)
    assert text.count('class="term"') == 1
    assert "<code>Hessian</code>; of Hessians two." in text
    assert wording.GLOSSARY["Hessian"] in text


def test_every_term_is_found_in_its_own_sentence():
    for term in wording.GLOSSARY:
        assert 'class="term"' in serialised(wording.inline(f"What is {term}?"))


def test_explanations_are_a_sentence_or_two():
    for explanation in wording.GLOSSARY.values():
        assert explanation.endswith(".")
        assert len(explanation.split()) <= 32


def test_sources_lead_to_the_lecture_and_to_papers():
    source = "lecture, 0:32:05; Jiang et al. 2020, arXiv:1912.02178, section 2"
    links = [
        part.get("href") for part in wording.cited(source) if not isinstance(part, str)
    ]
    assert links == [
        "https://www.youtube.com/watch?v=_JB0AO7QxSA&t=1925s",
        "https://arxiv.org/abs/1912.02178",
    ]
    assert wording.cited("Li et al. 2018, section 5") == ["Li et al. 2018, section 5"]
