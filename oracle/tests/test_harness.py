"""The harness can tell equal from different: what it forgives, and what it must not."""

import json
import time
import unittest

import jwt
from joserfc import jwe

from oracle import jose, scenario
from oracle.browser import Cookies, Page, address
from oracle.diff import differences
from oracle.normalize import Normalizer, lifetime

UUID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
OTHER = "0b1c2d3e-8b86-4d01-b42d-00cf4fc964ff"


def normalizer(literals=(), **aliases):
    return Normalizer(aliases, set(literals))


class Differences(unittest.TestCase):
    def test_every_place_is_named(self):
        found = list(differences({"a": 1, "b": [1, 2], "c": None}, {"a": True, "b": [1], "d": 0}))
        self.assertEqual(found, [
            ("$.a", 1, True), ("$.b[1]", 2, "(absent)"), ("$.c", None, "(absent)"), ("$.d", "(absent)", 0)])

    def test_equal_values_have_none(self):
        self.assertEqual(list(differences({"a": [1, {"b": "c"}]}, {"a": [1, {"b": "c"}]})), [])


class Normalizing(unittest.TestCase):
    def test_the_same_value_keeps_its_name(self):
        normalize = normalizer()
        first = normalize({"id": UUID, "sid": OTHER})
        self.assertEqual(first, {"id": "{id:1}", "sid": "{id:2}"})
        self.assertEqual(normalize({"session_state": OTHER}), {"session_state": "{id:2}"})

    def test_a_swapped_value_differs(self):
        one, two = normalizer(), normalizer()
        one({"id": UUID}), two({"id": UUID})
        self.assertNotEqual(one({"sid": UUID}), two({"sid": OTHER}))

    def test_values_written_in_the_scenario_stay(self):
        self.assertEqual(normalizer(["chosen"])({"nonce": "chosen", "code": "chosen"}), {"nonce": "chosen", "code": "chosen"})

    def test_texts_that_people_choose_stay(self):
        self.assertEqual(normalizer()({"id": "account-console", "error": "invalid_grant"}),
                         {"id": "account-console", "error": "invalid_grant"})

    def test_lists_are_sets_unless_ordered(self):
        self.assertEqual(normalizer()(["b", "a"]), ["a", "b"])
        self.assertEqual(normalizer()(["b", "a"], ordered=True), ["b", "a"])

    def test_scopes_are_sets(self):
        self.assertEqual(normalizer()({"scope": "openid email"}), {"scope": "email openid"})

    def test_instants_become_distances(self):
        now = int(time.time())
        self.assertEqual(normalizer()({"a": now, "b": now + 3600}), {"a": "{now:s}", "b": "{now+3600s:s}"})
        self.assertEqual(normalizer()({"a": now * 1000}), {"a": "{now:ms}"})
        self.assertNotEqual(normalizer()({"b": now + 3600}), normalizer()({"b": now + 7200}))

    def test_small_numbers_stay(self):
        self.assertEqual(normalizer()({"not-before-policy": 0, "count": 42}), {"not-before-policy": 0, "count": 42})

    def test_lifetimes_forgive_two_seconds(self):
        self.assertEqual([lifetime(seconds) for seconds in (300, 299, 301, 302)], [300, 300, 300, 300])
        self.assertNotEqual(lifetime(303), lifetime(300))

    def test_tokens_are_opened(self):
        token = jwt.encode({"iat": 1000, "exp": 1300, "sub": UUID, "azp": "app"}, "a secret of thirty-two bytes, at least", "HS256")
        opened = normalizer()({"access_token": token})["access_token"]
        self.assertEqual(opened["header"]["alg"], "HS256")
        self.assertEqual(opened["claims"]["exp"], "{iat+300}")
        self.assertEqual((opened["claims"]["azp"], opened["claims"]["sub"]), ("app", "{id:1}"))

    def test_tokens_for_the_harness_are_decrypted(self):
        signed = jwt.encode({"iat": 1000, "exp": 1300, "azp": "app"}, "a secret of thirty-two bytes, at least", "HS256")
        for name, alg in (("rsa", "RSA-OAEP"), ("rsa", "RSA1_5"), ("ec", "ECDH-ES+A192KW")):
            key, enc = jose.keyring()[name].recipient, "A192CBC-HS384"
            sealed = jwe.encrypt_compact({"alg": alg, "enc": enc, "cty": "JWT"}, signed, key, algorithms=[alg, enc])
            opened = normalizer()({"id_token": sealed})["id_token"]
            self.assertEqual((opened["sealed"], opened["header"]["alg"]), ("{sealed:1}", alg))
            self.assertEqual(opened["content"]["claims"]["azp"], "app")

    def test_tokens_for_others_stay_closed(self):
        stranger = jose.Key("stranger").recipient
        sealed = jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A128GCM"}, "x", stranger, algorithms=["RSA-OAEP", "A128GCM"])
        self.assertEqual(normalizer()({"id_token": sealed}), {"id_token": "{sealed:1}"})

    def test_addresses_of_the_server_have_a_name(self):
        normalize = Normalizer({"http://localhost:8080": "{base}"}, set())
        self.assertEqual(normalize({"issuer": "http://localhost:8080/realms/x"}), {"issuer": "{base}/realms/x"})


class Browsing(unittest.TestCase):
    def test_cookies_follow_paths_and_go_when_expired(self):
        cookies = Cookies()
        seen = cookies.take(["A=1; Path=/realms/x/; HttpOnly; Secure; SameSite=None", "B=2; Path=/other/"])
        self.assertEqual([(cookie["name"], cookie["secure"], cookie["http_only"]) for cookie in seen],
                         [("A", True, True), ("B", False, False)])
        self.assertEqual(cookies.header("/realms/x/login"), "A=1")
        self.assertTrue(cookies.take(["A=; Path=/realms/x/; Max-Age=0"])[0]["cleared"])
        self.assertEqual(cookies.header("/realms/x/login"), "")

    def test_pages_are_reduced_to_facts(self):
        page = Page("http://h/a", '<body data-page-id="login"><title>T</title><h1>Sign in</h1><form id="f" method="POST" '
                    'action="/b?c=1"><input name="u" type="text"><input name="h" type="hidden" value="v"></form>'
                    '<span id="input-error">Wrong</span><a href="/d">Go</a></body>')
        facts = page.facts("http://h")
        self.assertEqual((facts["page"], facts["title"], facts["heading"], facts["messages"]),
                         ("login", "T", "Sign in", ["Wrong"]))
        self.assertEqual(facts["forms"][0]["fields"], {"u": "text", "h": "hidden"})
        self.assertNotIn("posts", facts["forms"][0])
        self.assertEqual(page.link("Go"), "http://h/d")
        self.assertEqual(page.hidden(), {"u": "", "h": "v"})

    def test_addresses_are_split(self):
        self.assertEqual(address("http://h/p?a=1&b=#x=y"),
                         {"to": "http://h/p", "query": {"a": "1", "b": ""}, "fragment": {"x": "y"}})


class Scenarios(unittest.TestCase):
    def test_patches_are_merged_by_name(self):
        base = {"clients": [{"clientId": "a", "enabled": True}, {"clientId": "b"}]}
        merged = scenario.merge(base, {"clients": [{"clientId": "a", "secret": "s"}, {"clientId": "c"}]})
        self.assertEqual(merged, {"clients": [{"clientId": "a", "enabled": True, "secret": "s"},
                                              {"clientId": "b"}, {"clientId": "c"}]})
        self.assertNotIn("secret", base["clients"][0])

    def test_every_case_has_a_golden_and_every_golden_a_case(self):
        titles = {case.title for case in scenario.load(scenario.HERE / "scenarios")}
        goldens = {f"{path.stem}/{name}" for path in (scenario.HERE / "goldens").glob("*.json")
                   for name in json.loads(path.read_text())}
        self.assertEqual(titles ^ goldens, set())
        self.assertEqual([title for title in titles if title != title.strip()], [], "lists are read without outer blanks")

    def test_lists_name_what_exists(self):
        cases = scenario.load(scenario.HERE / "scenarios")
        entries = {name: [line for line in (scenario.HERE / name).read_text().splitlines() if line and line[0] != "#"]
                   for name in ("equal.txt", "topics.txt")}
        self.assertLessEqual(set(entries["equal.txt"]), {case.title for case in cases})
        self.assertLessEqual(set(entries["topics.txt"]), {case.topic for case in cases})
        self.assertEqual(entries["equal.txt"], sorted(entries["equal.txt"]))

    def test_cases_share_a_realm_only_where_they_may(self):
        cases = scenario.load(scenario.HERE / "scenarios", ["logout-endpoint"])
        self.assertLess(len(scenario.groups(cases)), len(cases))
        self.assertEqual(len(scenario.groups(cases, fresh=True)), len(cases))


if __name__ == "__main__":
    unittest.main()
