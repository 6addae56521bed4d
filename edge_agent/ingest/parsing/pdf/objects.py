"""Drawings of a PDF's page besides text, through PDFium: ruled lines, pictures, colored areas; and its form fields."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2.raw as native

from edge_agent.ingest.parsing.pdf.page import Box, Word

_MAX_OBJECTS, _MAX_RULES, _MAX_SEGMENTS, _MAX_COVERS, _MAX_FIELDS = 20_000, 3_000, 300, 400, 2_000
_MAX_DEPTH = 5
_THIN = 3.0
_WRITTEN_FIELDS = {native.FPDF_FORMFIELD_TEXTFIELD, native.FPDF_FORMFIELD_COMBOBOX, native.FPDF_FORMFIELD_LISTBOX}
_TICKED_FIELDS = {native.FPDF_FORMFIELD_CHECKBOX, native.FPDF_FORMFIELD_RADIOBUTTON}
_HIDDEN_FLAGS = native.FPDF_ANNOT_FLAG_HIDDEN | native.FPDF_ANNOT_FLAG_NOVIEW

_Matrix = tuple[float, float, float, float, float, float]


@dataclass(slots=True)
class Drawn:
    """Boxes (left, low, right, high) of what a page draws besides text.

    Attributes:
        rules: lines, and the edges of frames.
        pictures: images.
        covers: areas in a color, on which white text can be read.
        strokes: how many other pieces of drawing there are, as letters drawn as outlines are.
    """

    rules: list[Box] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    covers: list[Box] = field(default_factory=list)
    strokes: int = 0

    def is_covered(self, word: Word) -> bool:
        """Whether something that is not white lies under a word."""
        x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
        return any(x0 <= x <= x1 and top <= y <= bottom for x0, top, x1, bottom in self.covers)


def read_drawn(page: "native.FPDF_PAGE") -> Drawn:
    """All that a page draws besides text."""
    found = Drawn()
    for kind, drawn, matrix in _objects(page):
        box = _bounds(drawn, matrix)
        if box is None:
            continue
        if kind == native.FPDF_PAGEOBJ_IMAGE:
            found.pictures.append(box)
        elif kind == native.FPDF_PAGEOBJ_SHADING and len(found.covers) < _MAX_COVERS:
            found.covers.append(box)
        elif kind == native.FPDF_PAGEOBJ_PATH:
            if len(found.covers) < _MAX_COVERS and _is_colored(drawn):
                found.covers.append(box)
            rules = _rules(drawn, box, matrix) if len(found.rules) < _MAX_RULES else []
            found.rules += rules
            found.strokes += not rules
    return found


def is_artifact(drawn: "native.FPDF_PAGEOBJECT") -> bool:
    """Whether the document marks an object as no content: a running head, a page number, decoration."""
    for number in range(min(4, native.FPDFPageObj_CountMarks(drawn))):
        mark = native.FPDFPageObj_GetMark(drawn, number)
        name, length = ctypes.create_string_buffer(64), ctypes.c_ulong()
        native.FPDFPageObjMark_GetName(mark, ctypes.cast(name, ctypes.POINTER(native.FPDF_WCHAR)), 64, length)
        if name.raw[: length.value].decode("utf-16-le", "replace").rstrip("\0") == "Artifact":
            return True
    return False


def read_fields(page: "native.FPDF_PAGE", form: object) -> Iterator[tuple[Box, str]]:
    """Boxes and values of the form fields on a page that are filled in; text written over the page likewise."""
    for number in range(min(_MAX_FIELDS, native.FPDFPage_GetAnnotCount(page))):
        annotation = native.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            text = _value_of(annotation, form)
            box = native.FS_RECTF()
            if text and native.FPDFAnnot_GetRect(annotation, box):
                yield (box.left, min(box.bottom, box.top), box.right, max(box.bottom, box.top)), text
        finally:
            native.FPDFPage_CloseAnnot(annotation)


def _value_of(annotation: "native.FPDF_ANNOTATION", form: object) -> str:
    kind = native.FPDFAnnot_GetSubtype(annotation)
    if native.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS:
        return ""
    if kind == native.FPDF_ANNOT_FREETEXT:
        return _string(native.FPDFAnnot_GetStringValue, annotation, b"Contents")
    if kind != native.FPDF_ANNOT_WIDGET:
        return ""
    field_kind = native.FPDFAnnot_GetFormFieldType(form, annotation)
    if field_kind in _TICKED_FIELDS:
        return "[x]" if native.FPDFAnnot_IsChecked(form, annotation) else ""
    return _string(native.FPDFAnnot_GetFormFieldValue, form, annotation) if field_kind in _WRITTEN_FIELDS else ""


def _string(call: "ctypes._NamedFuncPointer", *arguments: object) -> str:
    """The text that a function of PDFium writes into a buffer, UTF-16."""
    length = min(20_000, call(*arguments, None, 0))
    buffer = ctypes.create_string_buffer(max(2, length))
    call(*arguments, ctypes.cast(buffer, ctypes.POINTER(native.FPDF_WCHAR)), length)
    return " ".join(buffer.raw.decode("utf-16-le", "replace").split("\0", 1)[0].split())


def _objects(page: "native.FPDF_PAGE") -> Iterator[tuple[int, "native.FPDF_PAGEOBJECT", _Matrix | None]]:
    """Objects of a page that are no text, those of its forms too, each with the matrix that places it."""
    left = _MAX_OBJECTS
    waiting: list[tuple[object, _Matrix | None, int]] = [(None, None, 0)]
    while waiting:
        form, matrix, depth = waiting.pop()
        count = native.FPDFPage_CountObjects(page) if form is None else native.FPDFFormObj_CountObjects(form)
        for number in range(min(count, left)):
            if form is None:
                drawn = native.FPDFPage_GetObject(page, number)
            else:
                drawn = native.FPDFFormObj_GetObject(form, number)
            kind = native.FPDFPageObj_GetType(drawn)
            if kind == native.FPDF_PAGEOBJ_FORM and depth < _MAX_DEPTH:
                waiting.append((drawn, _times(_matrix_of(drawn), matrix), depth + 1))
            elif kind != native.FPDF_PAGEOBJ_TEXT:
                yield kind, drawn, matrix
        left -= min(count, left)


def _matrix_of(drawn: "native.FPDF_PAGEOBJECT") -> _Matrix:
    matrix = native.FS_MATRIX()
    native.FPDFPageObj_GetMatrix(drawn, matrix)
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _times(first: _Matrix, then: _Matrix | None) -> _Matrix:
    if then is None:
        return first
    a, b, c, d, e, f = then
    return (
        first[0] * a + first[1] * c,
        first[0] * b + first[1] * d,
        first[2] * a + first[3] * c,
        first[2] * b + first[3] * d,
        first[4] * a + first[5] * c + e,
        first[4] * b + first[5] * d + f,
    )


def _at(matrix: _Matrix | None, x: float, y: float) -> tuple[float, float]:
    if matrix is None:
        return x, y
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _bounds(drawn: "native.FPDF_PAGEOBJECT", matrix: _Matrix | None) -> Box | None:
    edges = [ctypes.c_float() for _ in range(4)]
    if not native.FPDFPageObj_GetBounds(drawn, *edges):
        return None
    left, low, right, high = (edge.value for edge in edges)
    if matrix is None:
        return left, low, right, high
    corners = [_at(matrix, x, y) for x in (left, right) for y in (low, high)]
    return (
        min(x for x, _ in corners),
        min(y for _, y in corners),
        max(x for x, _ in corners),
        max(y for _, y in corners),
    )


def _is_colored(drawn: "native.FPDF_PAGEOBJECT") -> bool:
    mode, stroke = ctypes.c_int(), native.FPDF_BOOL()
    color = [ctypes.c_uint() for _ in range(4)]
    if not native.FPDFPath_GetDrawMode(drawn, mode, stroke) or not mode.value:
        return False
    if not native.FPDFPageObj_GetFillColor(drawn, *color):
        return True  # a pattern
    red, green, blue, alpha = (part.value for part in color)
    return alpha > 25 and min(red, green, blue) < 250


def _rules(drawn: "native.FPDF_PAGEOBJECT", box: Box, matrix: _Matrix | None) -> list[Box]:
    """The ruled lines of a path: itself where it is thin, the edges of frames, each straight piece of a grid."""
    left, low, right, high = box
    if right - left <= _THIN or high - low <= _THIN:
        if max(right - left, high - low) < 2 * _THIN:
            return []
        if right - left <= _THIN:
            return [((left + right) / 2, low, (left + right) / 2, high)]
        return [(left, (low + high) / 2, right, (low + high) / 2)]
    mode, stroke = ctypes.c_int(), native.FPDF_BOOL()
    count = native.FPDFPath_CountSegments(drawn)
    if not (native.FPDFPath_GetDrawMode(drawn, mode, stroke) and stroke.value and 2 <= count <= _MAX_SEGMENTS):
        return []  # an area, such as the color behind a line of text, or a drawing
    path = _times(_matrix_of(drawn), matrix)
    rules: list[Box] = []
    start = last = (0.0, 0.0)
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(count):
        segment = native.FPDFPath_GetPathSegment(drawn, number)
        kind = native.FPDFPathSegment_GetType(segment)
        if kind == native.FPDF_SEGMENT_BEZIERTO or not native.FPDFPathSegment_GetPoint(segment, x, y):
            return []
        point = _at(path, x.value, y.value)
        if kind == native.FPDF_SEGMENT_MOVETO:
            start = point
        else:
            rules += _straight(last, point)
        if native.FPDFPathSegment_GetClose(segment):
            rules += _straight(point, start)
        last = point
    return rules


def _straight(a: tuple[float, float], b: tuple[float, float]) -> list[Box]:
    if abs(a[0] - b[0]) < 1 and abs(a[1] - b[1]) > 2 * _THIN:
        return [(a[0], min(a[1], b[1]), a[0], max(a[1], b[1]))]
    if abs(a[1] - b[1]) < 1 and abs(a[0] - b[0]) > 2 * _THIN:
        return [(min(a[0], b[0]), a[1], max(a[0], b[0]), a[1])]
    return []
