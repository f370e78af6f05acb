"""HTML: blocks part, items become bullets, cells stay apart, and nothing of a tag stays."""

import time

import pytest

from jobgen.data.cleaning.markup import remove_html


def text_of(html: str) -> str:
    return remove_html(html)[0]


@pytest.mark.parametrize(
    "html",
    [
        "<p>a</p><p>b</p>",
        "<h2>a</h2><p>b",
        "<p>a<p>b",
        "<section><h1>a</h1></section><footer><p>b</p></footer>",
        "<blockquote>a</blockquote>b",
        "<pre>a</pre>b",
        "a<hr>b",
        "a<br><br/>b",
        "a<BR />\n<br>\nb",
        "<span><p>a</p></span>b",
        "<p>a<ul></ul>b",
        "a</p>b",
        "&lt;p&gt;a&lt;/p&gt;b",
        "&amp;lt;p&amp;gt;a&amp;lt;/p&amp;gt;b",
    ],
)
def test_paragraphs_are_parted_by_a_blank_line(html):
    assert text_of(html) == "a\n\nb"


@pytest.mark.parametrize(
    "html",
    [
        "<div>a</div><div>b</div>",
        "<article>a</article><aside>b</aside>",
        "a<div>b",
        "a<br>b",
        "a<br>\n  b",
        "a</br>b",
        "a</div>b",
        "a</li>b",
        "<dl><dt>a</dt><dd>b</dd></dl>",
        "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>",
        "<tr><td>a<tr><td>b",
        "<select><option>a</option><option>b</option></select>",
        "<b>a</b>\n<b>b</b>",
        "<my-block>a\nb</my-block>",
    ],
)
def test_other_blocks_are_parted_by_a_line_break(html):
    assert text_of(html) == "a\nb"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>a</li><li>b</li></ul>", "• a\n• b"),
        ("<ul>\n <li>\n  <p>a</p>\n </li>\n <li><div>b</div></li>\n</ul>", "• a\n• b"),
        ("<ol><li>a<li>b</ol>", "• a\n• b"),
        ("<li>a</li><li>b</li>", "• a\n• b"),
        ("<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>", "• a\n• b\n• c\n• d"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "• a\n• b"),
        ("<ul><li></li><li> </li><li><p></p></li><li>a</li></ul>", "• a"),
        ("<ul><li><b>a:</b> b<br>c</li></ul>", "• a: b\nc"),
        ("<p>Tasks</p><ul><li>a</li></ul><p>End</p>", "Tasks\n\n• a\n\nEnd"),
        ("Tasks<ul><li>a</li></ul>End", "Tasks\n\n• a\n\nEnd"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "• a\n\n• b"),
    ],
)
def test_lists(html, text):
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<table><tr><th>Role</th><td>Rider</td></tr></table>", "Role | Rider"),
        ("<table><tr><th>Role:</th><td>Rider</td></tr></table>", "Role: Rider"),
        ("<table><tr><td>a<td><td>b</table>", "a | b"),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "a | b"),
        ("<td>a</td><td>b</td>", "a | b"),
        (
            "<table><tr><td>Do<td><ul><li>a<li>b</ul></table>",
            "Do\n\n• a\n• b",
        ),
        ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a\n\nb\nc"),
        ("<table><tr><td>a<table><tr><td>b<td>c</table></table>", "a\n\nb | c"),
    ],
)
def test_tables_keep_their_cells_apart(html, text):
    assert text_of(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "ab<script>if (a < b) {}</script>",
        "<style>p {a: b}</style>ab",
        "<head><title>x</title></head><body>ab",
        "a<!-- x > y --><!-- <p> -->b",
        "ab<template><p>x</p></template>",
        "a<svg viewBox='0 0'><title>x</title><path d='M0'/><text>y</text></svg>b",
        "ab<noscript><img src='x'></noscript>",
        "<!DOCTYPE html><?xml:namespace prefix = o />ab",
        "a<![if !supportLists]><![endif]>b",
        "a<o:p></o:p>b",
        "<my-tag>a</my-tag>b",
        "<b>a</b>b",
        "<a href=\"x>y\" title='<p>' data-x=1>a</a><wbr/>b",
        "<p don't>ab",
        '<a href="x>ab</a>',
        'ab<a href="http://exam',
        "ab<span style='x: y",
        "<b>ab</b><p",
        "ab<!-- x",
        "<font color=red>a</FONT>b<img src='x' alt='y'>",
    ],
)
def test_nothing_of_a_tag_stays(html):
    assert text_of(html).strip() == "ab"


@pytest.mark.parametrize(
    "text",
    [
        "a < b, x > y, <5 years, >2 years, a<b",
        "List<String>, Map<K, V>, vector<int>, #include <stdio.h>",
        "Earn a <GPA of 3.0 and >2",
        "<Company Name>, <your-name>, <address>, <title>, <jane@example.com>, <http://example.com>",
        "R&D, AT&T, Q&A, a&b;, &unknown;, &#99999999999;, ?a=1&copy=2&lt=3",
        "<-- left, <3, <>, < >",
        "  two\n\n\n  lines  ",
    ],
)
def test_what_is_no_tag_stays(text):
    assert remove_html(text) == (text, 0)


def test_what_is_no_tag_stays_among_tags():
    html = "<p>List<String> for <5 &lt;years&gt;, a < b &amp; c, <Company Name></p>"
    assert text_of(html) == "List<String> for <5 <years>, a < b & c, <Company Name>"


@pytest.mark.parametrize(
    ("entities", "text"),
    [
        ("R&amp;amp;amp;D &#8211; &#x27;a&#39;", "R&D – 'a'"),
        ("a&nbsp;b &nbsp c &amp d", "a b   c & d"),
        ("&#38;lt;br&#38;gt;a", "a"),
        ("&eacute;t&eacute; &szlig;", "été ß"),
    ],
)
def test_entities(entities, text):
    assert text_of(entities) == text


def test_line_breaks_of_a_half_converted_text_stay():
    assert text_of("<b>Tasks</b>\n- ride\n\n- repair\n<i>Pay</i>: 20") == (
        "Tasks\n- ride\n\n- repair\nPay: 20"
    )


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<b>",
        "<b><p>",
        "<a><b><i>",
        "<table>",
        "<b>x</i>",
        "<ul><li>",
        "<table><tr><td>x</p>",
    ]
    + ["</p>", "<p ", '<p a="', "<!--", "<", "<o:p ", "&amp;", "amp;", "<a-b>", "<a =", "<li>"],
)
def test_time_is_linear(part):
    start = time.process_time()
    remove_html("&" + part * (300_000 // len(part)))
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<ul><li>Take\n          on tasks\n      and <b>ride</b></li></ul>",
            "• Take on tasks and ride",
        ),
        ("<p>Take\n    <b>on</b> tasks.\n    Then ride</p>", "Take on tasks.\n    Then ride"),
        (
            "<p>We look for a rider who brings the parcels to\nthe town.</p>",
            "We look for a rider who brings the parcels to the town.",
        ),
        (
            "<p>Skills:\npython\ndjango\n  - ride\n  - sell</p>",
            "Skills:\npython\ndjango\n  - ride\n  - sell",
        ),
        ("<pre>a\n   b</pre><p>c</p>", "a\n   b\n\nc"),
        ("<![CDATA[<p>Hi</p>]]>", "Hi"),
        ("a<wbr>b", "ab"),
        ("a<!-- unclosed\nb", "a\nb"),
        ("<p>Hi</", "Hi"),
        ("You know <div> and <span>. Then ride", "You know <div> and <span>. Then ride"),
        ("We ride. <br> You too. <p> Ride", "We ride.\nYou too.\n\nRide"),
    ],
)
def test_line_feeds_and_remains_of_html(html, text):
    assert text_of(html) == text
