"""Encodings are found; what was guessed is told."""

import pytest

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, encoding_of, read_chunks
from jobgen.data.reading.contents import Content
from jobgen.data.reading.encodings import find_encoding
from jobgen.data.tables import read_table

GERMAN = "Köchin für unsere Küche gesucht – „Grüß Gott“ auf dem Weißen Rössl"
FRENCH = "Développeur expérimenté, vous êtes motivé à l’idée de créer"
SPANISH = "Ingeniero con experiencia en diseño. ¿Te gusta? Envíanos tu currículum"
DANISH = "Vi søger en dygtig kok på vores café i København; du kan håndtere travlhed"
POLISH = "Zatrudnimy inżyniera, który będzie pracować nad łączeniem źródeł danych"
CZECH = "Hledáme zkušeného účetního, který řeší úkoly a těší se na nové výzvy, přijďte"
HUNGARIAN = "Tapasztalt szakácsot keresünk főzéshez, előny a nyelvtudás és a jó kedv"
TURKISH = "Deneyimli aşçı arıyoruz. Müşterilere güler yüzlü hizmet sağlayacak kişiler"
RUSSIAN = "Требуется повар. Мы ищем опытного повара для нашего ресторана"
GREEK = "Ζητείται έμπειρος μάγειρας για το εστιατόριό μας"
JAPANESE = "経験豊富なシェフを募集しています。お客様に料理を提供します。"
KOREAN = "경험이 풍부한 요리사를 모집합니다. 고객에게 요리를 제공합니다."
CHINESE = "我们正在招聘一位经验丰富的厨师。您将为客人提供餐饮。"


def write(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Köchin", "cp1252"),
        ("It’s you – not “us”", "cp1252"),
        *((text, "cp1252") for text in (GERMAN, FRENCH, SPANISH, DANISH)),
        *((text, "mac_roman") for text in (GERMAN, FRENCH, "Café")),
        (FRENCH.replace("’", "'"), "cp850"),
        *((text, "cp1250") for text in (POLISH, CZECH, HUNGARIAN)),
        (POLISH, "iso8859_2"),
        (TURKISH, "cp1254"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (GREEK, "cp1253"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "euc_kr"),
        (CHINESE, "gb18030"),
        *((text, "utf-8") for text in (GERMAN, RUSSIAN, JAPANESE)),
        *((text, "utf-8-sig") for text in (GERMAN, CHINESE)),
        *((GERMAN, name) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")),
        (JAPANESE, "utf-16-le"),
    ],
)
@pytest.mark.parametrize("n", [1, 3000])
def test_texts_in_many_encodings(tmp_path, text, encoding, n):
    lines = ["title,text", *(f'Cook {i},"{text}"' for i in range(n))]
    path = write(tmp_path, ("\n".join(lines) + "\n").encode(encoding))
    assert read_table(path)["text"].tolist() == [text] * n


def test_what_was_guessed_is_told_once(tmp_path, capsys):
    path = write(tmp_path, b"title,text\nCook,You cook\nK\xf6chin,x\n")
    read_table(path)
    read_table(path)
    told = f"{path}: read as cp1252, it is not UTF-8 (line 3); if that is wrong, set encoding=NAME"
    assert capsys.readouterr().out.splitlines() == [told]
    assert encoding_of(Source(path)) == "cp1252"


def test_a_few_bytes_in_much_utf8(tmp_path):
    whole = f"title,text\n{GERMAN},Caf\xe9".encode()
    path = write(tmp_path, whole + b"\nCaf\xe9 \x81 \xe2\x80,x\n")
    table = read_table(path)
    assert table["title"].tolist() == [GERMAN, "Café \ufffd \ufffd"]
    note = find_encoding(Content(path)).note
    assert note == "4 bytes are not UTF-8 (the first in line 3), read as cp1252"


def test_bytes_that_are_no_characters_of_the_encoding(tmp_path):
    path = write(tmp_path, b"title,text\n" + f"{SPANISH},x\n".encode("cp1252") * 9 + b"a\x81b,x\n")
    assert read_table(path)["title"].tolist() == [SPANISH] * 9 + ["a\ufffdb"]
    assert "1 bytes are none of its characters" in find_encoding(Content(path)).note


def test_a_character_on_the_border_of_two_blocks(tmp_path):
    for n in range(2**16 - 20, 2**16 - 8):
        path = write(tmp_path, b"title,text\n" + b"a" * n + "é,ü\n".encode())
        assert find_encoding(Content(path)).codec == "utf-8"


def test_a_named_encoding(tmp_path):
    path = write(tmp_path, "title,text\nKöchin,x\n".encode("cp1252"))
    assert read_table(path, "cp1252")["title"].tolist() == ["Köchin"]
    with pytest.raises(InputError, match="not utf-8 at line 2, byte 12"):
        read_table(path, "utf-8")
    with pytest.raises(InputError, match='unknown encoding "klingon"'):
        read_table(path, "klingon")
    for name in ("hex", "cp\0"):
        with pytest.raises(InputError, match=f'unknown encoding "{name}"'):
            list(read_chunks(Source(path, encoding=name)))


@pytest.mark.parametrize(
    ("written", "named"),
    [
        *(("utf-8-sig", "cp1252"), ("utf-8-sig", "U8"), ("utf-8-sig", "utf-8")),
        *(("utf-16", "utf-16-le"), ("utf-16", "UTF-16")),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, written, named):
    path = write(tmp_path, "title,text\nCook,x\n".encode(written))
    assert list(read_table(path, named)) == ["title", "text"]
