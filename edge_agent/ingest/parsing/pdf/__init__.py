"""The layout of a PDF: from characters with places to headings, paragraphs and rows; `formats/pdf.py` joins them."""
