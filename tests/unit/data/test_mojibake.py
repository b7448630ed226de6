import pytest

from afina.data.mojibake import is_broken, repair


@pytest.mark.parametrize(
    "text", ["Não é possível", "“aspas” – travessão…", "Água à toa", "日本語", "😀 ótimo", "Às vezes"]
)
def test_repair_undoes_a_wrong_decoding(text):
    broken = "".join(
        bytes([byte]).decode("cp1252") if byte not in b"\x81\x8d\x8f\x90\x9d" else chr(byte) for byte in text.encode()
    )
    assert is_broken(broken)
    assert repair(broken) == text


@pytest.mark.parametrize("text", ["NÃO", "SÃO JOÃO", "ação é você", "Â", "plain", "Ångström", "1ª 2º", "“a” – b"])
def test_repair_leaves_real_text_alone(text):
    assert not is_broken(text)
    assert repair(text) == text


def test_is_broken_sees_lost_characters():
    assert is_broken("n\ufffdo")
