"""Personal data in texts: found by rules, and replaced by what kind of thing stood there.

One module for each family of identifiers; each gives spans, `spans` settles overlaps, `pseudonyms` writes `[EMAIL_1]`.
Whoever finds more, as a head of a bundle may names and addresses, hands its spans in beside. Every package may import
this one: the branch's feedback and documents, and the center's texts. No torch, no onnxruntime, nothing of a bundle.

Guarantees:
    Linear time: work on a text grows with its length, whatever the text is.
"""
