"""Secure aggregation: integers in at each branch, their exact sum modulo 2^32 out at the center, nothing in between.

The protocol is that of Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning"
(CCS 2017), on the sparse graph of Bell et al. (CCS 2020): each branch hides its vector under one mask of its own and
one with each peer; masks with peers cancel in the sum, and what a lost branch leaves behind is removed with shares of
its key that its peers hold. Four messages to each branch:

    advertise   two fresh public keys
    share       peers' keys in; shares of the two secrets, sealed for each peer, out
    mask        peers' shares in; the masked vector out
    reveal      who is in the sum in; for each peer one share out: of its mask if it is in, of its key if it is lost

Trust: the center follows the protocol but looks at all it sees, alone or with fewer than `threshold` of a branch's
peers (docs/privacy.md). Knows no learning and no Flower.
"""
