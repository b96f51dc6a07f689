"""Every kind of fault is refused, at its line, with its key and the nearest right word (hostile inputs 102-113)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.config.errors import ConfigError
from gateway.config.load import load
from tests.support.config_files import CHANNEL, SPECS, faults, line_of, load_text, shown, write

FEE_KINDS = "a flat fee has an amount, a percent fee bps, both have both; with bps it may have min and max"
BASE = f'version = 1\n[gateway]\nmode = "sandbox"\n{CHANNEL}'


def channel(line: str) -> str:
    return f"{BASE}{line}  # here\n"


def app(line: str) -> str:
    return f"{BASE}[apps.demo]\n{line}  # here\n"


def gateway(line: str) -> str:
    return f"version = 1\n[gateway]\n{line}  # here\n{CHANNEL}"


HTTP_KEY = '{ id = "k1", algorithm = "hmac-sha256", secret = "env:K1" }'

CASES: dict[str, tuple[str, str]] = {
    "a route to nowhere": (
        f'{BASE}[[routes]]  # here\nname = "x"\nonly = ["alpah"]\n',
        "routes.0: no such channel: alpah, did you mean 'alpha'?",
    ),
    "a route of nobody": (
        f'{BASE}[[routes]]\nname = "x"\napps = ["nobody"]  # here\nonly = ["alpha"]\n',
        "routes.0.apps: no such app: nobody",
    ),
    "a route that does two things": (
        f'{BASE}[[routes]]  # here\nname = "x"\nonly = ["alpha"]\nnever = ["alpha"]\n',
        "routes.0: does exactly one of only, never, prefer, split, sticky",
    ),
    "a never that gives way": (
        f'{BASE}[[routes]]  # here\nname = "x"\nnever = ["alpha"]\ngives_way = true\n',
        "routes.0: gives_way goes with only",
    ),
    "two routes of one name": (
        f'{BASE}[[routes]]\nname = "x"\nonly = ["alpha"]\n[[routes]]\nname = "x"  # here\nnever = ["alpha"]\n',
        "routes.1.name: 'x' is also routes[0].name",
    ),
    "routes that are no list": (
        f'{BASE}[routes]  # here\nname = "x"\n',
        "routes: must be an array of tables: [[routes]]",
    ),
    "a preference that there is not": (
        f'{BASE}[routing]  # here\npreference = "slowest"\n',
        "routing: there is no preference 'slowest'; there are balanced, cheapest, fastest",
    ),
    "a calendar that there is not": (channel('calendar = "CN"'), "channels.alpha.calendar: no such calendar: CN"),
    "a day of rest and of work": (
        f"{BASE}[calendars.CN]  # here\nholidays = [2027-01-01]\nworkdays = [2027-01-01]\n",
        "calendars.CN: 2027-01-01 is both a holiday and a working day",
    ),
    "maintenance without an end": (
        channel("maintenance = [{ begins = 2027-01-01T00:00:00Z }]"),
        "channels.alpha.maintenance.0: has begins and ends, or cron and for",
    ),
    "a schedule of nonsense": (
        channel('maintenance = [{ cron = "0 25 * * *", for = "1h" }]'),
        "channels.alpha.maintenance.0: hour: '25' is not within 0 and 23",
    ),
    "a settlement of nonsense": (channel('settles = "T+99"'), "channels.alpha.settles: must match"),
    "a day's limit over the month's": (
        channel("limits = { daily = 2, monthly = 1 }"),
        "channels.alpha.limits: daily = 2 is more than monthly = 1",
    ),
    # 102: unknown and misspelt keys and words
    "unknown top key": (
        f"version = 1\nchanels = 1  # here\n{CHANNEL}",
        "chanels: unknown key, did you mean 'channels'?",
    ),
    "unknown key": (gateway('listn = "x"'), "gateway.listn: unknown key, did you mean 'listen'?"),
    "unknown key, nothing like it": (gateway("zzz = 1"), "gateway.zzz: unknown key"),
    "unknown key by its name in Python": (
        channel('usual_s = "1s"'),
        "channels.alpha.usual_s: unknown key, did you mean 'usual'?",
    ),
    "unknown nested key": (
        channel("limits = { mim = 1 }"),
        "channels.alpha.limits.mim: unknown key, did you mean 'min'?",
    ),
    "unknown dotted key": (
        channel('timeouts.totl = "1s"'),
        "channels.alpha.timeouts.totl: unknown key, did you mean 'total'?",
    ),
    "unknown key of an app's key": (
        app('keys = [{ id = "a", algorithm = "hmac-sha256", secret = "env:A", scope = ["query"] }]'),
        "apps.demo.keys.0.scope: unknown key, did you mean 'scopes'?",
    ),
    "unknown key of the adapter": (
        channel('settings = { base_ulr = "x" }'),
        "channels.alpha.settings.base_ulr: unknown key, did you mean 'base_url'?",
    ),
    "unknown nested key of the adapter": (
        channel("settings.nested.lvel = 1"),
        "channels.alpha.settings.nested.lvel: unknown key, did you mean 'level'?",
    ),
    "a key of a later version": (channel("batch = 100"), "channels.alpha.batch: unknown key"),
    "misspelt state": (
        channel('state = "enabeld"'),
        "channels.alpha.state: must be one of 'enabled', 'draining' or 'disabled', did you mean 'enabled'?",
    ),
    "misspelt mode": (
        gateway('mode = "lvie"'),
        "gateway.mode: must be one of 'sandbox' or 'live', did you mean 'live'?",
    ),
    "misspelt adapter": (
        BASE.replace('adapter = "bank"', 'adapter = "bnak"  # here'),
        "channels.alpha.adapter: no such adapter; there are bank, mock, wechat, did you mean 'bank'?",
    ),
    "misspelt event": (
        app('callbacks = [{ url = "http://127.0.0.1:1/", events = ["payout.payed"] }]'),
        "apps.demo.callbacks.0.events.0: must be one of",
    ),
    "misspelt reason": (
        f'{BASE}[routing]\nfailover_also_on = ["expird"]  # here\n',
        "routing.failover_also_on.0: must be one of 'expired', 'unknown', did you mean 'expired'?",
    ),
    "a reason that is not a matter of policy": (
        f'{BASE}[routing]\nfailover_also_on = ["duplicate"]  # here\n',
        "routing.failover_also_on.0: must be one of 'expired', 'unknown'",
    ),
    # 103: strict types
    "a number in quotes": (
        f'{BASE}[worker]\nconcurrency = "8"  # here\n',
        "worker.concurrency: must be a whole number",
    ),
    "a bool for a number": (
        channel("limits = { in_flight = true }"),
        "channels.alpha.limits.in_flight: must be a whole number",
    ),
    "a number for a string": (channel("adapter_ = 1"), "channels.alpha.adapter_: unknown key, did you mean 'adapter'?"),
    "a string for a list": (channel('poll = "30s"'), "channels.alpha.poll: must be a list"),
    "a string for a table": (channel('limits = "x"'), "channels.alpha.limits: must be a table"),
    "a number for a table": ("version = 1\nworker = 3  # here\n", "worker: must be a table"),
    "a list for all channels": ("version = 1\nchannels = []  # here\n", "channels: must be a table"),
    "a number for one channel": (
        "version = 1\n[channels]\nalpha = 3  # here\n",
        "channels.alpha: must be a table (got 3)",
    ),
    "a string for the adapter's settings": (channel('settings = "x"'), "channels.alpha.settings: must be a table"),
    "a date for a duration": (channel("usual = 2026-01-01"), "channels.alpha.usual: must be a duration"),
    # 104, 105: money and ranges
    "float money": (
        channel("limits = { min = 0.1 }"),
        "channels.alpha.limits.min: must be a whole number (got 0.1)",
    ),
    "whole float money": (channel("limits = { min = 1.0 }"), "channels.alpha.limits.min: must be a whole number"),
    "infinite money": (
        channel("limits = { max = inf }"),
        "channels.alpha.limits.max: must be a whole number (got inf)",
    ),
    "money that is no number": (channel("limits = { max = nan }"), "channels.alpha.limits.max: must be a whole number"),
    "more than 64 bits": (
        channel("limits = { max = 99999999999999999999 }"),
        "channels.alpha.limits.max: must be at most 1000000000000000",
    ),
    "negative money": (channel("limits = { min = -1 }"), "channels.alpha.limits.min: must be at least 1 (got -1)"),
    "negative time-out": (channel('timeouts = { total = "-1s" }'), "channels.alpha.timeouts.total: must be a duration"),
    "no time at all": (channel('timeouts = { read = "0s" }'), "channels.alpha.timeouts.read: must be longer"),
    "a time without unit": (channel("usual = 30"), "channels.alpha.usual: must be a duration"),
    "a float of seconds": (channel("usual = 0.5"), "channels.alpha.usual: must be a duration"),
    "read longer than total": (
        channel('timeouts = { read = "30s" }'),
        "channels.alpha.timeouts: connect and read must not be longer than total",
    ),
    "no permit": (channel("limits = { in_flight = 0 }"), "channels.alpha.limits.in_flight: must be at least 1 (got 0)"),
    "no poll": (channel("poll = []"), "channels.alpha.poll: must not be empty"),
    "a poll of nothing": (channel('poll = ["30s", "0m"]'), "channels.alpha.poll.1: must be longer than nothing"),
    "breaker without failures": (
        channel("breaker = { failures = 0 }"),
        "channels.alpha.breaker.failures: must be at least 1 (got 0)",
    ),
    # 108: secrets
    "a plain secret": (
        app('keys = [{ id = "a", algorithm = "hmac-sha256", secret = "hunter2hunter2" }]'),
        "apps.demo.keys.0.secret: a secret is named as env:NAME, file:PATH or credential:NAME, never written out",
    ),
    "a plain gateway key": (gateway('sealing_key = "00ff"'), "gateway.sealing_key: a secret is named as env:NAME"),
    "a plain secret of the adapter": (
        channel('settings = { private_key = "MIIE" }'),
        "channels.alpha.settings.private_key: a secret is named as env:NAME",
    ),
    "a TLS key from the environment": (
        gateway('tls = { cert = "c.pem", key = "env:K" }'),
        "gateway.tls.key: must match",
    ),
    # 110: things that do not go together
    "min over max": (
        channel("limits = { min = 5, max = 4 }"),
        "channels.alpha.limits: min = 5 is more than max = 4",
    ),
    "no currency": (
        BASE.replace('currencies = ["CNY"]', "currencies = [] # here"),
        "channels.alpha.currencies: must not",
    ),
    "no method": (BASE.replace('["bank_account"]', "[] # here"), "channels.alpha.methods: must not be empty"),
    "unknown currency": (BASE.replace('currencies = ["CNY"]', 'currencies = ["CNY", "XYZ"] # here'), "not a currency"),
    "a currency that nobody pays in": (
        BASE.replace('currencies = ["CNY"]', 'currencies = ["CNY", "XXX"] # here'),
        "channels.alpha.currencies.1: not a currency of ISO 4217",
    ),
    "a currency in lower case": (
        BASE.replace('currencies = ["CNY"]', 'currencies = ["cny", "CNY"] # here'),
        "channels.alpha.currencies.0: not a currency of ISO 4217",
    ),
    "a fee of another currency": (
        BASE.replace("200 }]", '200 }, { kind = "flat", currency = "EUR", amount = 1 }] # here'),
        "channels.alpha.fees.1.currency: EUR is not among the channel's currencies",
    ),
    "no fee for a currency": (
        BASE.replace('["CNY"]', '["CNY", "EUR"]').replace("amount = 200 }]", "amount = 200 }] # here"),
        "channels.alpha.fees: no fee for EUR",
    ),
    "a flat fee with bps": (
        BASE.replace("200 }]", "200, bps = 1 }] # here"),
        "channels.alpha.fees.0: " + FEE_KINDS,
    ),
    "a percent fee without bps": (
        BASE.replace('"flat", currency = "CNY", amount = 200 }]', '"percent", currency = "CNY" }] # here'),
        "channels.alpha.fees.0: " + FEE_KINDS,
    ),
    "a fee over everything": (
        BASE.replace('"flat", currency = "CNY", amount = 200 }]', '"percent", currency = "CNY", bps = 10001 }] # here'),
        "channels.alpha.fees.0.bps: must be at most 10000 (got 10001)",
    ),
    "a fee whose bounds are crossed": (
        BASE.replace("amount = 200 }]", "amount = 200, amount_gte = 9, amount_lte = 8 }] # here"),
        "channels.alpha.fees.0: amount_gte is more than amount_lte",
    ),
    "a name in upper case": (
        BASE.replace("[channels.alpha]", "[channels.Alpha]  # here"),
        "channels.Alpha: a name must match",
    ),
    "an app name with a slash": (f'{BASE}[apps."a/b"]  # here\n', "apps.'a/b': a name must match"),
    "two listeners in one place": (
        gateway('listen = "127.0.0.1:9090"\nadmin_listen = "127.0.0.1:9090"'),
        "gateway.admin_listen: 127.0.0.1:9090 is taken by gateway.listen = 127.0.0.1:9090 (line 3)",
    ),
    "probes in the admin listener's place": (
        gateway('health_listen = "127.0.0.1:9090"'),
        "gateway.health_listen: 127.0.0.1:9090 is taken by gateway.admin_listen = 127.0.0.1:9090",
    ),
    "a lease that is too short": (
        f'{BASE}timeouts.total = "40s"\n[worker]\nlease = "80s"  # here\n',
        "worker.lease: 80s must be more than twice channels.alpha.timeouts.total = 40s (line 10)",
    ),
    "one key id in two apps": (
        f"{BASE}[apps.demo]\nkeys = [{HTTP_KEY}]\n[apps.other]\nkeys = [{HTTP_KEY}]  # here\n",
        "apps.other.keys.0.id: 'k1' is also apps.demo.keys.0.id (line 11)",
    ),
    "one callback twice": (
        app('callbacks = [{ url = "http://127.0.0.1:1/" }, { url = "http://127.0.0.1:1/" }]'),
        "apps.demo.callbacks.1.url: is also apps.demo.callbacks.0.url (line 11)",
    ),
    "an ed25519 key with a secret": (
        app('keys = [{ id = "a", algorithm = "ed25519", secret = "env:A" }]'),
        "apps.demo.keys.0: an ed25519 key has a public_key",
    ),
    "a key without scopes": (
        app('keys = [{ id = "a", algorithm = "hmac-sha256", secret = "env:A", scopes = [] }]'),
        "apps.demo.keys.0.scopes: must not be empty",
    ),
    # what the rest of the file may not be
    "a listener without port": (gateway('listen = "127.0.0.1"'), 'gateway.listen: must be "HOST:PORT"'),
    "a listener at a name": (gateway('listen = "example.com:80"'), "gateway.listen: the host must be localhost or"),
    "another database": (gateway('database = "postgresql://x"'), "gateway.database: must match"),
    "a database in memory": (gateway('database = "sqlite::memory:"'), "gateway.database: must match"),
    "a proxy that is no network": (
        gateway('trusted_proxies = ["ten"]'),
        "gateway.trusted_proxies.0: must be an address",
    ),
    "a callback with a user": (
        app('callbacks = [{ url = "http://u:p@127.0.0.1/" }]'),
        "apps.demo.callbacks.0.url: a URL must not carry a user or password",
    ),
    "a callback without URL": (app("callbacks = [{ events = [] }]"), "apps.demo.callbacks.0.url: is required"),
    "no such version": (f"version = 2  # here\n{CHANNEL}", "version: this program reads version 1"),
    "a true version": (f"version = true  # here\n{CHANNEL}", "version: this program reads version 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_shown_once_at_its_line_with_its_key(tmp_path: Path, case: str) -> None:
    """`config.toml:LINE: key.path: what, did you mean 'word'?`, and nothing else is wrong with the file."""
    text, expected = CASES[case]
    [line] = shown(tmp_path, text)
    assert line.startswith(f"config.toml:{line_of(text, '# here')}: ")
    assert expected in line


def test_a_missing_key_is_shown_at_its_table(tmp_path: Path) -> None:
    """There is no line for what is not there: the header of its table is shown."""
    text = "version = 1\n\n[channels.alpha]\nadapter = 'bank'\nmethods = ['wechat']\n"
    assert shown(tmp_path, text) == ["config.toml:3: channels.alpha.currencies: is required"]


def test_a_missing_version_is_shown(tmp_path: Path) -> None:
    """A file says which version of the format it is written in."""
    assert shown(tmp_path, "[gateway]\n") == ["config.toml:1: version: is required; this program reads version 1"]


def test_all_faults_are_shown_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One run shows everything: a fault in one table hides none in another, cross-checks included."""
    text = "\n".join(
        [
            "version = 1",
            "[gateway]",
            'listen = "127.0.0.1:9090"',
            "[worker]",
            'lease = "1s"',
            "[channels.alpha]",
            'adapter = "bnak"',
            'currencies = ["CNY"]',
            'methods = ["wechat"]',
            'fees = [{ kind = "flat", currency = "CNY", amount = 1 }]',
            "[channels.beta]",
            'adapter = "bank"',
            'settings.base_ulr = ""',
            "[apps.demo]",
            "kyes = []",
        ]
    )
    found = [(fault.line, fault.key) for fault in faults(tmp_path, text)]
    assert found == [
        (2, "gateway.admin_listen"),
        (5, "worker.lease"),
        (7, "channels.alpha.adapter"),
        (11, "channels.beta.currencies"),
        (11, "channels.beta.methods"),
        (13, "channels.beta.settings.base_ulr"),
        (15, "apps.demo.kyes"),
    ]


def test_a_fault_never_shows_a_string_of_the_file(tmp_path: Path) -> None:
    """A secret that was written out by mistake does not go on into a terminal or a log."""
    planted = "pLanted5ecret"
    text = f"""version = 1
[gateway]
sealing_key = "{planted}"
public_url = "{planted}"
database = "{planted}"
mode = "{planted}"
listen = "{planted}"
trusted_proxies = ["{planted}"]
{CHANNEL}
state = "{planted}"
usual = "{planted}"
settings = {{ private_key = "{planted}", nested = "{planted}" }}
[apps.demo]
keys = [{{ id = "a", algorithm = "hmac-sha256", secret = "{planted}" }}]
callbacks = [{{ url = "{planted}", secret = "{planted}" }}]
"""
    found = shown(tmp_path, text)
    assert len(found) == 13
    assert planted not in "\n".join(found)


# 106, 107, 109 and files that are no configuration


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version = 1\n[a\n", 2, "Expected"),
        ("version = 1\nversion = 1\n", 2, "Cannot overwrite a value"),
        ("version = 1\n[channels.alpha]\n\n[channels.alpha]\n", 4, "Cannot declare ('channels', 'alpha') twice"),
        ("version = 1\n\na = ", 3, "Invalid value"),
        ("a = '''\nopen\n", 3, "Expected"),
        ("\ufeffversion = 1\n", 1, "Invalid statement"),
        ("a = " + "9" * 5000, 1, "Exceeds the limit"),
        ("a = " + "[" * 100_000, 1, "nested too deeply"),
        ("a = " + "{b=" * 100_000, 1, "nested too deeply"),
    ],
)
def test_toml_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    """Syntax errors, doubled keys and tables, and depth bombs: one fault, the line the parser stopped at."""
    [found] = shown(tmp_path, text)
    assert found.startswith(f"config.toml:{line}: ")
    assert what in found


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    """A file in another encoding is refused, not guessed at."""
    path = write(tmp_path, "")
    path.write_bytes("version = 1\n# 配置\n".encode("gbk"))
    with pytest.raises(ConfigError, match=r":2: not UTF-8"):
        load(path, {}, SPECS)


def test_a_file_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    """Reading stops at the limit; exactly at the limit it is still read."""
    head = "version = 1\n"
    full = head + "#" * (1024 * 1024 - len(head))
    assert load_text(tmp_path, full).gateway.mode == "sandbox"
    [found] = shown(tmp_path, full + "#")
    assert "longer than 1048576 bytes" in found


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    """Whoever can write the configuration decides where money goes. Reading it is harmless: it holds no secret."""
    path = write(tmp_path, "version = 1\n")
    path.chmod(0o646)
    with pytest.raises(ConfigError, match="mode 0646: everybody can write it"):
        load(path, {}, SPECS)
    path.chmod(0o644)
    assert load(path, {}, SPECS).path == path


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Missing, a folder or a pipe: a fault, and no hanging."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.toml", "", "pipe"):
        with pytest.raises(ConfigError, match="there is no such file"):
            load(tmp_path / name, {}, SPECS)


def test_values_out_of_every_order_still_load_or_fault(tmp_path: Path) -> None:
    """A deep but legal document does not break the walk or the checks."""
    text = f"version = 1\n[worker]\nconcurrency = {'[' * 100}{']' * 100}\n"
    assert shown(tmp_path, text) == ["config.toml:3: worker.concurrency: must be a whole number"]
