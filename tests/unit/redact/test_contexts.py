"""A planted secret never survives, whatever stands around it and however it is wrapped."""

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import PIIRedactor

TOKENS = [
    "ghp_0123456789abcdefghijABCDEFGHIJ012345", "AKIA2E0A8F3B244C9986", "glpat-EqxkHlgUHjPQOtbFx7rW", "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "sk-ant-api03-FAKEfake0FAKEfakeFAKEfakeFAKEfake", "npm_dhexd1p70zb4grjwlsiaa8b1oiyzywv920id", "jane.doe@example.com",
    "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", "AIzauK2kya1rn5qMB5gpbmh4p9BBwh1BsdlhLAl",
]  # fmt: skip
WRAPPINGS = [
    "{}", "say {} now", "({})", "[{}]", "<{}>", "'{}'", '"{}"', "`{}`", "a,{},b", "x={}", "x={}&y=1", "line\n{}\nline", "line\\n{}\\nline",
    "\\t{}\\t", '{{"v": "{}"}}', '{{\\"v\\": \\"{}\\"}}', "\u001b[32m{}\u001b[0m", "\\u001b[1;31m{}\\u001b[0m", "キー{}です", "ключ{}конец", "\u200b{}\u00a0",
    "https://x.example/?t={}&p=1", "%22{}%22", "| {} |", "+  value = \"{}\"", "    42\t{}", "- [x] rotate `{}`", "<td>{}</td>", "{};", "{}.", "{}:", "'{}',",
    "echo {} | base64", "#{}", "@{}", "»{}«", "…{}…", "data: {}\r\n",
]  # fmt: skip
VALUES = [
    "q9w8e7r6t5y4u3i2o1p0",
    "1a94518f65f5ce0a5f04ad780affb813",
    "Xo4ElZPwi2ebD8kQ",
    "70325d32-448c-92e1-868b-17e86b9e047d",
]
BEHIND_NAMES = [
    "API_KEY={}", "export API_KEY='{}'", 'api_key: "{}"', "api_key = {}", 'apiKey: "{}",', '"apiKey": "{}"', "'api_key' => '{}',", "api_key := \"{}\"",
    "<api_key>{}</api_key>", '<add key="ApiKey" value="{}" />', "--api-key {}", "--api-key={}", "--token '{}'", 'os.environ["API_KEY"] = "{}"',
    'System.setProperty("API_TOKEN", "{}")', "os.getenv('API_KEY', '{}')", "Authorization: Bearer {}", "authorization: token {}", "X-Api-Key: {}",
    "-H 'X-Auth-Token: {}'", '{{\\"client_secret\\": \\"{}\\"}}', "?access_token={}&x=1", "https://x.example/a?api_key={}", "auth_token={};", "set API_KEY={}",
    "setx API_KEY {}", "ENV API_KEY={}", "ENV API_KEY {}", "ARG TOKEN={}", "$env:API_KEY = \"{}\"", "const apiKey = `{}`;", "let token: string = \"{}\";",
    "var clientSecret string = \"{}\"", "static final String API_KEY = \"{}\";", "self.secret_key = '{}'", "api_key: str = \"{}\"", "#define API_KEY \"{}\"",
    "AccessKey={};Endpoint=x", "Set-Cookie: session_token={}; Path=/", "npm config set //registry.npmjs.org/:_authToken {}", "//registry.npmjs.org/:_authToken={}",
    "- name: API_TOKEN\n  value: {}", '{{"name": "API_TOKEN", "value": "{}"}}', "aws_secret_access_key = {}", "secret_key_base: {}", "apikey%3D{}",
    "config.api_key = '{}'", "requests.get(u, headers={{'x-api-key': '{}'}})", "password \"{}\"", "sas_token: {}", "DB_PASSWORD={}", "spring.datasource.password={}",
    "jdbc:mysql://h/db?user=a&password={}", "Server=h;Uid=a;Pwd={};", "pg://app:{}@db/x", "https://oauth2:{}@gitlab.example/a.git", "curl -u alice:{} https://x",
    "sshpass -p '{}' ssh h", "mysql -u root -p{} db", "redis-cli -a {} ping", "docker login -u bob -p {} ghcr.io", "IDENTIFIED BY '{}'", "machine h login u password {}",
    "openssl enc -pass pass:{}", "PGPASSWORD={} psql", "kubectl create secret generic s --from-literal=password={}", "ansible_become_pass: {}", "token={}\\nPATH=/bin",
    "Client Secret: {}", "API key: {}", "secret => \"{}\"", "(setq api-key \"{}\")", "apikey {}", "TOKEN {}", "client_secret\u00a0= {}",
    "\"password\" : \"{}\"", "password=\"{}\"", "passwd: '{}'", "my_password_2={}", "dbPassword={}", "APIKEY:{}", "credentials: {}", "auth={}", "key={}",
]  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_tokens_with_a_form(redactor: PIIRedactor, wrapping: str) -> None:
    """What is known by its form goes in any surrounding, and the surrounding stays."""
    for token in TOKENS:
        redacted = redactor.redact_text(wrapping.format(token))
        assert token[6:] not in redacted
        left, _, right = wrapping.format("\0").partition("\0")
        assert redacted.startswith(left.removesuffix("@").rstrip("#"))
        assert redacted.endswith(right.lstrip(".:"))


@pytest.mark.parametrize("context", BEHIND_NAMES)
def test_values_behind_a_name(redactor: PIIRedactor, context: str) -> None:
    """What a name, flag or place gives away goes in the syntax of every language and tool."""
    left = [value for value in VALUES if value in redactor.redact_text(context.format(value))]
    assert [] == left


@given(
    token=st.sampled_from(TOKENS[:7]),
    before=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\\"), max_size=12),
    after=st.text(max_size=12),
    depth=st.integers(0, 3),
)
def test_any_depth_of_json(token: str, before: str, after: str, depth: int) -> None:
    """A token between any two texts goes, also inside JSON inside JSON."""
    text = f"{before} {token} {after}"
    for _ in range(depth):
        text = json.dumps({"v": text})
    assert token not in REDACTOR.redact_text(text)


REDACTOR = PIIRedactor()


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_any_position(size: int) -> None:
    """A token goes wherever it stands in a text of any length."""
    chance = random.Random(size)
    for _ in range(20):
        words = [
            "".join(chance.choices(string.ascii_lowercase, k=chance.randint(1, 9))) for _ in range(size // 6)
        ]
        words.insert(chance.randint(0, len(words)), TOKENS[0])
        redacted = REDACTOR.redact_text(" ".join(words))
        assert " ".join("[API_KEY_REDACTED]" if word == TOKENS[0] else word for word in words) == redacted


def test_prose_and_code_stay(redactor: PIIRedactor) -> None:
    """Words, and this package's own source, come back as they are."""
    chance = random.Random(3)
    for _ in range(200):
        text = " ".join(
            "".join(chance.choices(string.ascii_letters, k=chance.randint(1, 12))) for _ in range(60)
        )
        assert text == redactor.redact_text(text)
    for file in Path(__file__).parents[3].glob("sidecar/*.py"):
        assert file.read_text("utf-8") == redactor.redact_text(file.read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "password = getpass.getpass()", "password: str", "token = request.headers['x-token']", "secret: ${{ secrets.DEPLOY }}", "PASSWORD=$PASSWORD",
        "api_key=<your-api-key>", "api_key: YOUR_API_KEY", "token: xxxxxxxxxxxx", "password=********", '"password": null', "auth: false", "key: ArrowDown",
        "max_tokens=4096", "input_tokens: 1234567", "author = 'Jane Example'", "cache_key = 'user:42:profile'", "primary_key=True", "public_key: ssh-ed25519",
        "if token is None:", "the secret to good tests", "a token of appreciation", "password must be at least 12 characters", "keyboard: qwerty12345678",
        "tokenizer = AutoTokenizer", "secretName: my-secret", "kms_key_id: 555ea4a3-d53a-4412-9c66-3a7cb667b0d6", "sha256:44af8603f5c1dc860e7527da285bdc443ccb28d2",
        "commit 9a038989604e8da62ecddbe2094b16ce1b778be1", "v1.2.3-rc.4+build.5678", "2026-11-22T07:16:02.123Z", "https://example.com/home/dashboard/settings",
        "import { key } from './keys'", "for key, value in items.items():", "key=lambda item: item[1]", "passed=12 failed=0", "#ff5733", "0x7ffee4b2a9c0",
        "10.0.0.1:8080", "192.168.1.1", "00:1B:44:11:3A:B7", "src/home/index.tsx", "git@github.com:a/b.git", "icon@2x.png", "docker run -u 1000:1000 x",
        "chmod 0755 file", "1763115794", "Total: 1,234,567.89", "std::string token;", "token.text()", "process.env.TOKEN", "session.get(key)", "--password-stdin",
    ],
)  # fmt: skip
def test_look_alikes_stay(redactor: PIIRedactor, text: str) -> None:
    """References, placeholders, words of programs and plain numbers stay as they are."""
    assert text == redactor.redact_text(text)
