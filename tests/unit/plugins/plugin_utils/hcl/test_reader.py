# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl

TWICE = "The same name is on line {} already, and SPIRE 1.6.0 and later use only one of the two: make them one."
TWO_KINDS = "The same name is on line {} already, and SPIRE refuses to join values of two kinds: make them one."

HAND_WRITTEN = """\
# A server as found in the wild.
server {
    bind_address = "0.0.0.0", bind_port = "8081"   // both on one line
    trust_domain = "example.org" /* the
    domain */
    "log_level" = "DEBUG"
    ca_subject = {
        country = ["US", "UK",],   # a comma too many
        organization = [
            # the first
            "SPIFFE",
        ]
    }
    experimental { feature_flags = [] }
}
plugins {
    NodeAttestor "join_token" { plugin_data {} }
    "NodeAttestor" "k8s_psat" {
        plugin_data = {
            clusters = {
                "prod" = { service_account_allow_list = ["ns:sa"] }
                "dev" = { service_account_allow_list = ["ns:sa"] }
            }
        }
    }
    NodeAttestor { x509pop { plugin_data { ca_bundle_path = "/ca.pem" } } }
    UpstreamAuthority "vault" plugin_data {
        ca_cert = <<EOF
line one
  "two" ${three
EOF
    }
}
telemetry {
    Prometheus { port = 9988 }
    Statsd { address = "a:1" }
    Statsd { address = "b:1" }
    DogStatsd = [ { address = "c:1" } ]
    M3 = [ { address = "d:1" env = "prod" }, { address = "e:1", env = "test" } ]
}
"""


def test_a_hand_written_file_is_read() -> None:
    assert hcl.loads(HAND_WRITTEN) == {
        "server": {
            "bind_address": "0.0.0.0",
            "bind_port": "8081",
            "trust_domain": "example.org",
            "log_level": "DEBUG",
            "ca_subject": {"country": ["US", "UK"], "organization": ["SPIFFE"]},
            "experimental": {"feature_flags": []},
        },
        "plugins": {
            "NodeAttestor": {
                "join_token": {"plugin_data": {}},
                "k8s_psat": {
                    "plugin_data": {
                        "clusters": {
                            "prod": {"service_account_allow_list": ["ns:sa"]},
                            "dev": {"service_account_allow_list": ["ns:sa"]},
                        },
                    },
                },
                "x509pop": {"plugin_data": {"ca_bundle_path": "/ca.pem"}},
            },
            "UpstreamAuthority": {"vault": {"plugin_data": {"ca_cert": 'line one\n  "two" ${three\n'}}},
        },
        "telemetry": {
            "Prometheus": {"port": 9988},
            "Statsd": [{"address": "a:1"}, {"address": "b:1"}],
            "DogStatsd": [{"address": "c:1"}],
            "M3": [{"address": "d:1", "env": "prod"}, {"address": "e:1", "env": "test"}],
        },
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("0755", 493),
        ("0x1F", 31),
        ("-0X10", -16),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.0", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("010.5", 10.5),
        ("-2.5e-3", -0.0025),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("[1 , 2.0,true,]", [1, 2.0, True]),
        ("[[1], [[2]], {}]", [[1], [[2]], {}]),
        ("{}", {}),
        ('""', ""),
        (r'"\a\b\f\n\r\t\v\\\""', '\a\b\f\n\r\t\v\\"'),
        (r'"\x41\101\u00e9\U0001F600"', "AAé😀"),
        (r'"\xc3\xa9 \303\251"', "é é"),
        (r'"\u0024{HOME}"', "${HOME}"),
        ('"tab\there"', "tab\there"),
        ('"${a "quoted" {x} word} and on"', '${a "quoted" {x} word} and on'),
        (r'"${a\n}"', r"${a\n}"),
        ('"${a\nb}"', "${a\nb}"),
        ('"$ {} $x"', "$ {} $x"),
        ('"# // /* no comment */"', "# // /* no comment */"),
        ("<<EOT\none\n\ttwo\nEOT\n", "one\n\ttwo\n"),
        ("<<EOT\nEOT\n", ""),
        ('<<EOT\nraw \\n "\nEOTX\n EOT\n', 'raw \\n "\nEOTX\n '),
        ("<<-EOT\n    one\n      two\n    EOT\n", "one\n  two\n"),
        ("<<-EOT\n  one\n    EOT\n", "  one\n"),
        ("<<EOT\r\none\r\nEOT\r\n", "one\n"),
    ],
)
def test_a_value_is_read(text: str, value: Any) -> None:
    result = hcl.loads(f"key = {text}\nafter = 1\n")
    assert result == {"key": value, "after": 1}
    assert type(result["key"]) is type(value)


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, hcl.loads("a = -0.0")["a"]) == -1


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", {}),
        (" \n# only a comment", {}),
        ("a {}", {"a": {}}),
        ("a = {}", {"a": {}}),
        ('a "b" "c" {}', {"a": {"b": {"c": {}}}}),
        ('a "b" {x = 1} a "c" {x = 2}', {"a": {"b": {"x": 1}, "c": {"x": 2}}}),
        ('a { b { x = 1 } } a "c" { x = 2 }', {"a": {"b": {"x": 1}, "c": {"x": 2}}}),
        ('a "b" "c" {} a "b" "d" {}', {"a": {"b": {"c": {}, "d": {}}}}),
        ("o { a { x = 1 } a { x = 2 } a {} }", {"o": {"a": [{"x": 1}, {"x": 2}, {}]}}),
        ("server { a = 1 b = 1 } o {} server { b = 2 c { x = 1 } }", {"server": {"a": 1, "b": 2, "c": {"x": 1}}, "o": {}}),
        ('o { a = "x" a = "y" }', {"o": {"a": "y"}}),
        ("o { a = [1] a = [] a = [2, 3] }", {"o": {"a": [1, 2, 3]}}),
        ("o { a = [{ x = 1 }] a { x = 2 } }", {"o": {"a": [{"x": 1}, {"x": 2}]}}),
        ('o { a { x = 1 } a "b" { x = 2 } }', {"o": {"a": {"x": 1, "b": {"x": 2}}}}),
        ('o { a "b" { x = 1 } a "b" { y = 2 } }', {"o": {"a": {"b": [{"x": 1}, {"y": 2}]}}}),
        ("o { a { b {} } a { c {} } }", {"o": {"a": {"b": {}, "c": {}}}}),
        ("a.b-c_é1 = 1", {"a.b-c_é1": 1}),
        ('"" = 1 "a b" = 2', {"": 1, "a b": 2}),
        ("a = 1, b = 2,", {"a": 1, "b": 2}),
    ],
)
def test_blocks_and_labels(text: str, tree: dict[str, Any]) -> None:
    assert hcl.loads(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("{}", {}),
        (' \n{"server": {"bind_port": 8081, "x": 1.0, "y": null}}', {"server": {"bind_port": 8081, "x": 1.0, "y": ""}}),
        ('{"a": {"plugin_data": null}}', {"a": {}}),
        ('{"a": [1, 2,], "b": {"c": "x,}", "d": {"e": 1 , } , },}', {"a": [1, 2], "b": {"c": "x,}", "d": {"e": 1}}}),
        ('{"server": [{"a": 1}, {"b": 2}], "c": [], "d": [1]}', {"server": {"a": 1, "b": 2}, "c": [], "d": [1]}),
        ('{"o": {"a": [{"x": 1}, {"x": 2}], "a": {"x": 3}}}', {"o": {"a": [{"x": 1}, {"x": 2}, {"x": 3}]}}),
        ('{"plugins": {"A": {"b": {}}}, "plugins": {"A": {"c": {}}}}', {"plugins": {"A": {"b": {}, "c": {}}}}),
        ('{"a": {"b": ["\\u00e9\\ud83d\\ude00", [true]]}}', {"a": {"b": ["é😀", [True]]}}),
    ],
)
def test_a_brace_at_the_beginning_means_json(text: str, tree: dict[str, Any]) -> None:
    assert repr(hcl.loads(text)) == repr(tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "line 1, column 2: Here should be '{' or '=', but there is the end of the file."),
        ("a = ", "line 1, column 5: Here should be a value, but there is the end of the file."),
        ("a 1", "line 1, column 3: Here should be '{' or '=', but there is a number or boolean."),
        ('a "b" = 1', "line 1, column 7: Here should be '{', but there is '='."),
        ("= 1", "line 1, column 1: Here should be a key, but there is '='."),
        ("<<A\nx\nA\n= 1", "line 1, column 1: Here should be a key, but there is a heredoc."),
        ("a = 1\n}", "line 2, column 1: Here should be a key, but there is '}'."),
        ("a = null", "line 1, column 5: A string is written in quotes; bare are true, false and numbers."),
        ("a {\n  b = 1\n", "line 1, column 3: This brace is never closed."),
        ("a {\n  b = [1,\n", "line 2, column 7: This list is never closed."),
        ("a = [1 2]", "line 1, column 8: Here should be ',' or ']', but there is a number or boolean."),
        ("a = [1}", "line 1, column 7: Here should be ',' or ']', but there is '}'."),
        ('a = "hunter2\n', "line 1, column 5: This string is never closed, or not on its own line."),
        ('a = "hunter2', "line 1, column 5: This string is never closed, or not on its own line."),
        (r'a = "hunter2\d"', "line 1, column 13: HCL has no such escape: a backslash itself is written twice."),
        (r'a = "\ud83d"', "line 1, column 6: This escape is not a character."),
        (r'a = "\U00110000"', "line 1, column 6: This escape is not a character."),
        (r'a = "\777"', "line 1, column 6: This octal escape is larger than a byte."),
        (r'a = "\xff"', "line 1, column 5: The escapes in this string make bytes that are not UTF-8."),
        (
            'a = "hunter2${x"',
            "line 1, column 5: A ${ in this string has no closing brace: write \\u0024{ for the bare characters.",
        ),
        ("a = 9223372036854775808", "line 1, column 5: This integer does not fit into 64 bits."),
        ("a = " + "9" * 5000, "line 1, column 5: This integer does not fit into 64 bits."),
        ("a = 1e999", "line 1, column 5: This number is too large."),
        ("a = 1e", "line 1, column 5: This is not a number."),
        ("a = 0x", "line 1, column 5: This is not a number."),
        ("a = 08", "line 1, column 5: This is not a number."),
        ("a = -", "line 1, column 5: This character can't stand here."),
        ("\ufeffa = 1", "line 1, column 1: This character can't stand here."),
        ("a = 'hunter2'", "line 1, column 5: This character can't stand here."),
        ("a = 1 / 2", "line 1, column 7: This character can't stand here."),
        ("a = 1\n/* never", "line 2, column 1: This comment is never closed."),
        ("a = <x", "line 1, column 5: This character can't stand here."),
        ("a = <<\nx\n", "line 1, column 5: After << must come one word of letters and digits, and then a new line."),
        ("a = <<E\nx\nE", "line 1, column 5: This heredoc is never closed: its word must stand alone on a line."),
        ("a = <<-E\nx\nE\n", "line 1, column 5: This heredoc is never closed: its word must stand alone on a line."),
        ("a = 1\n# \x00", "line 2, column 3: The character U+0000 is not allowed in HCL."),
        ('a = "\ue123"', "line 1, column 6: The character U+E123 is not allowed in HCL."),
        ("plugins { A b {} }\nplugins { A c {} }", f"line 2, column 1: {TWICE.format(1)}"),
        ("Plugins {}\nPlugins {}", f"line 2, column 1: {TWICE.format(1)}"),
        ('plugins {\n  A "b" { plugin_data {} }\n  A "b" { plugin_data {} }\n}', f"line 3, column 11: {TWICE.format(2)}"),
        ("o {\n  a = 1\n  a = [2]\n}", f"line 3, column 3: {TWO_KINDS.format(2)}"),
        ("o {\n  a = [1]\n  a { x = 1 }\n}", f"line 3, column 3: {TWO_KINDS.format(2)}"),
        ("o {\n  a { x = 1 }\n  a = 2\n}", f"line 3, column 3: {TWO_KINDS.format(2)}"),
        ('o {\n  a = [{}]\n  a "b" {}\n}', f"line 3, column 3: {TWO_KINDS.format(2)}"),
        (
            "{ \"a\": 1,\n 'hunter2': 2}",
            "line 2, column 2: This is not JSON: Expecting property name enclosed in double quotes.",
        ),
        ('{"a": "hunter\\2"}', "line 1, column 14: This is not JSON: Invalid \\escape."),
        ('{"a": "hun\nter2"}', "line 1, column 11: This is not JSON: Invalid control character at."),
        ('{"a": {"b": 1, "b": [2]}}', "a.b: The same name is in this JSON object already, and SPIRE refuses to join values of two kinds: make them one."),
        (
            '{"plugins": [{"A": [{"b": {}}]}, {"A": [{"c": {}}]}]}',
            "plugins: The same name is in this JSON object already, and SPIRE 1.6.0 and later use only one of the two: make them one.",
        ),
        ('{"a": [1, null]}', "a[1]: SPIRE refuses null in a list: leave it out."),
        ('{"a": 1 "b": 2}', "line 1, column 9: This is not JSON: Expecting."),
        ('{"a": {"b": NaN}}', "a.b: NaN and infinity have no form in HCL."),
        ('{"a": {"b": 1e999}}', "a.b: NaN and infinity have no form in HCL."),
        ('{"a": ' + "9" * 5000 + "}", "a: The integer does not fit into 64 bits, which is all that SPIRE reads."),
        ('{"a": "\\ud83d"}', "a: The string contains half of a surrogate pair, which UTF-8 can't represent."),
        ('{"a":' * 60 + "1" + "}" * 60, "a.a.a...: The tree is nested more than 50 levels deep."),
        ('{"a":' + "[" * 100000, "The JSON is nested more than 50 levels deep."),
        ("a {" * 60, "line 1, column 154: This is nested more than 50 levels deep."),
        ("a = " + "[" * 100000, "line 1, column 56: This is nested more than 50 levels deep."),
        ("a " * 100000 + "{}", "line 1, column 103: This is nested more than 50 levels deep."),
    ],
)
def test_an_error_names_its_place_and_no_value(text: str, message: str) -> None:
    with pytest.raises(hcl.HclError) as caught:
        hcl.loads(text)
    assert str(caught.value) == message
    assert "hunter" not in repr(caught.value)
    # The exception has no cause or context whose traceback could show a part of the file.
    assert caught.value.__cause__ is None and (caught.value.__context__ is None or caught.value.__suppress_context__)


def test_an_error_carries_line_and_column() -> None:
    with pytest.raises(hcl.HclError) as caught:
        hcl.loads("a = 1\r\nb = é")
    assert (caught.value.line, caught.value.column, caught.value.path) == (2, 5, "")


@pytest.mark.parametrize("value", [None, {"a": 1}, b"a = 1"])
def test_only_a_text_is_read(value: Any) -> None:
    with pytest.raises(hcl.HclError, match=r"^Only a text can be read as HCL\.$"):
        hcl.loads(value)


def test_a_subclass_of_str_gives_plain_values() -> None:
    class Tagged(str):
        """Stands for Ansible's strings that carry tags."""

    tree = hcl.loads(Tagged('name = "value"'))
    assert [type(item) for pair in tree.items() for item in pair] == [str, str]
