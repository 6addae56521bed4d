"""Work on a text grows with its length: twice as much of the worst texts takes about twice the CPU time."""

import time

import pytest

from student.masking.identifiers import find_identifiers

WORST = {
    "digits": "7",
    "digits in groups": "612 345 678 ",
    "digits one by one": "4 1 ",
    "dotted digits": "1.2",
    "hexadecimal": "a:1",
    "letters": "a",
    "letters and digits": "A1",
    "at signs": "a@",
    "spelled at": " at ",
    "dots": "a.",
    "opened brackets": "(",
    "plus signs": "+1",
    "labels": "dni ",
    "labels and digits": "cuenta de 1 pin ",
    "passwords": "password is ",
    "keys": "token-",
    "slashes": "/a",
    "links": "http://a.b/?a=",
    "quotes": '"a" ',
    "mrz": "P<",
    "equal signs": "key= ",
    "begin": "-----BEGIN PRIVATE KEY-----",
    "dates": "nacido 1/1 ",
    "marks": "[ID_1]",
    "combining": "e\u0301",
    "invisible": "1\u200b",
}


@pytest.mark.parametrize("piece", WORST.values(), ids=WORST)
def test_linear_time(piece: str) -> None:
    def cpu_s(chars: int) -> float:
        text = (piece * (chars // len(piece) + 1))[:chars]
        started = time.process_time()
        find_identifiers(text)
        return time.process_time() - started

    chars = 2_000
    while min(cpu_s(chars), cpu_s(chars)) < 0.01 and chars < 1_000_000:  # long enough to be told from the clock's steps
        chars *= 2
    once, four_times = min(cpu_s(chars) for _ in range(3)), min(cpu_s(4 * chars) for _ in range(2))
    assert four_times < 9 * once, f"4 times the text took {four_times / once:.1f} times the work"
