"""What is shipped for containers, systemd and Kubernetes fits the program that it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.__main__ import build
from gateway.config.config import Config
from gateway.config.load import load
from gateway.config.urls import Address

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "systemd" / "paymux.service").read_text(encoding="utf-8")
USER = 10001


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "k8s" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


POD: dict[str, Any] = manifest("deployment")["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The ConfigMap's file, read as the gateway reads it. Secrets are looked up at a start only."""
    path = tmp_path / "config.toml"
    path.write_text(manifest("configmap")["data"]["config.toml"], encoding="utf-8")
    return load(path)


def directives(text: str) -> dict[str, list[str]]:
    """A unit's settings, each with its values in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, flags=re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


# Kubernetes ----------------------------------------------------------------------------------------------------------


def test_the_configmap_is_a_live_configuration_that_is_accepted(config: Config) -> None:
    """Every door of live mode is shut; what is left to fill in are names and keys."""
    assert not config.sandbox
    assert config.channels
    assert config.apps


def test_ports_are_those_of_the_listeners(config: Config) -> None:
    """Probes reach the health listener, the service the public one, Prometheus the admin one; from outside the pod."""
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    listeners = {
        "api": config.gateway.listen,
        "admin": config.gateway.admin_listen,
        "health": config.gateway.health_listen,
    }
    assert {name: Address("0.0.0.0", port) for name, port in ports.items()} == listeners  # noqa: S104 - compared
    probes = [CONTAINER[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [(probe["path"], probe["port"]) for probe in probes] == [
        ("/livez", "health"),
        ("/livez", "health"),
        ("/readyz", "health"),
    ]
    assert [port["targetPort"] for port in manifest("service")["spec"]["ports"]] == ["api"]
    opened = [port["port"] for rule in manifest("networkpolicy")["spec"]["ingress"] for port in rule["ports"]]
    assert opened == ["api", "admin"]
    (scraped,) = yaml.safe_load((DEPLOY / "prometheus" / "podmonitor.yaml").read_text())["spec"]["podMetricsEndpoints"]
    assert (scraped["port"], scraped["path"]) == ("admin", "/metrics")


def test_the_configuration_is_a_mounted_directory() -> None:
    """A file mounted by itself would never change; a directory's symlink swap is seen."""
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert all("subPath" not in mount for mount in mounts.values())
    assert mounts["config"]["mountPath"] == "/etc/paymux"
    assert CONTAINER["args"] == ["serve", "--config", "/etc/paymux/config.toml"]
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert set(volumes) == set(mounts)
    assert volumes["config"]["configMap"]["name"] == manifest("configmap")["metadata"]["name"]
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == manifest("state")["metadata"]["name"]


def test_secrets_lie_where_they_are_looked_for_and_only_we_can_read_them(config: Config) -> None:
    """0440 with our group is what the gateway accepts of a mounted secret."""
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    named = re.findall(r"file:([^\"\s]+)", manifest("configmap")["data"]["config.toml"])
    assert len(named) >= 7
    assert {str(Path(path).parent) for path in named} == {mounts["secrets"]}
    (secrets,) = [volume["secret"] for volume in POD["volumes"] if "secret" in volume]
    assert secrets["defaultMode"] == 0o440
    assert POD["securityContext"]["fsGroup"] == POD["securityContext"]["runAsGroup"] == USER
    assert str(config.state_dir) == mounts["state"]


def test_one_pod_at_a_time_and_time_to_stop(config: Config) -> None:
    """Two on one store are refused; a stop may take its stages."""
    spec = manifest("deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert POD["terminationGracePeriodSeconds"] > 4 * config.gateway.shutdown_grace_s
    (timeout,) = directives(UNIT)["TimeoutStopSec"]
    assert int(timeout.removesuffix("s")) > 4 * config.gateway.shutdown_grace_s


def test_the_pod_may_do_nothing_but_its_work() -> None:
    """No root, no token, no new privilege, nothing to write to but the state."""
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsUser"] == USER
    assert POD["securityContext"]["runAsNonRoot"] is True
    limits = CONTAINER["securityContext"]
    assert limits["readOnlyRootFilesystem"] is True
    assert limits["allowPrivilegeEscalation"] is False
    assert limits["capabilities"] == {"drop": ["ALL"]}


# The image -----------------------------------------------------------------------------------------------------------


def test_the_image_is_built_from_hashes_and_runs_as_nobody_in_particular() -> None:
    """Two stages, every wheel by its hash, our own wheel without an index, exec form, the user that the pod names."""
    assert len(re.findall(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)) == 2
    assert "--require-hashes --only-binary=:all:" in DOCKERFILE
    assert re.search(r"--no-index --no-deps /build/paymux-", DOCKERFILE)
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert f"\nUSER {USER}:{USER}\n" in last
    entry, command = (
        json.loads(re.findall(rf"^{word} (\[.*\])$", last, re.MULTILINE)[0]) for word in ("ENTRYPOINT", "CMD")
    )
    assert entry == ["paymux"]
    assert command == CONTAINER["args"]
    build().parse_args(command, exit_on_error=False, print_error=False)


def test_what_the_image_copies_is_let_in() -> None:
    """The ignore file lets in what is copied, and nothing beside it."""
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, flags=re.MULTILINE)
    ignored = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    assert sorted(line.removeprefix("!") for line in ignored[1:]) == sorted(copied)


# systemd -------------------------------------------------------------------------------------------------------------


def test_the_unit_starts_reloads_and_hands_over_the_keys() -> None:
    """A command that exists, the signal that reloads, a credential for each of the three keys."""
    unit = directives(UNIT)
    (start,) = unit["ExecStart"]
    program, *words = start.split()
    assert program.endswith("/paymux")
    build().parse_args(words, exit_on_error=False, print_error=False)
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    shipped = (DEPLOY.parent / "config.toml").read_text(encoding="utf-8")
    named = re.findall(r'_key = "credential:(\w+)"', shipped)
    assert [value.partition(":")[0] for value in unit["LoadCredential"]] == named
    assert len(named) == 3


def test_the_unit_is_shut_in() -> None:
    """What systemd can take away from it is taken away."""
    unit = directives(UNIT)
    assert unit["User"] == ["paymux"]
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
        assert unit[name] == ["yes"], name
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["CapabilityBoundingSet"] == [""]
