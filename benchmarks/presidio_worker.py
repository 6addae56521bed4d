"""Microsoft Presidio with its rules alone, in an environment of its own: texts on stdin, what it finds on stdout.

Its predefined recognizers for both languages run on spaCy's blank pipelines, so that no model is downloaded.
"""

import json
import sys
from importlib.metadata import version

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine


def main() -> None:
    """Answers with the places of each text, and the version."""
    registry = RecognizerRegistry(supported_languages=["en", "es"])
    registry.load_predefined_recognizers(languages=["en", "es"])
    blank = SpacyNlpEngine(ner_model_configuration=NerModelConfiguration())
    blank.nlp = {language: spacy.blank(language) for language in ("en", "es")}  # tokens without names
    engine = AnalyzerEngine(registry=registry, nlp_engine=blank, supported_languages=["en", "es"])
    found = []
    for text, language in json.load(sys.stdin):
        results = engine.analyze(text=text, language=language)
        found.append([[each.start, each.end, each.entity_type] for each in results])
    json.dump({"version": version("presidio-analyzer"), "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
