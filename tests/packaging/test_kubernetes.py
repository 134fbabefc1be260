"""The manifests: what they select, probe, allow and wait for."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from encodery.serve.auth import HEALTH
from tests.packaging.conftest import PACKAGING, parse_serve

FOLDER = PACKAGING / "kubernetes"
LABELS = {"app.kubernetes.io/name": "encodery"}


def manifest(name: str) -> Any:
    (found,) = yaml.safe_load_all((FOLDER / name).read_text())
    return found


@pytest.fixture
def pod() -> Any:
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


@pytest.fixture
def container(pod: Any) -> Any:
    (only,) = pod["containers"]
    return only


def test_all_manifests_are_applied() -> None:
    named = manifest("kustomization.yaml")["resources"]
    assert {*named, "kustomization.yaml"} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_them() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    kinds = {found["kind"] for found in yaml.safe_load_all(done.stdout)}
    assert kinds == {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"}


def test_everything_is_about_the_same_pods() -> None:
    deployment = manifest("deployment.yaml")
    assert deployment["spec"]["template"]["metadata"]["labels"] == LABELS
    assert deployment["spec"]["selector"] == {"matchLabels": LABELS}
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == {"matchLabels": LABELS}
    assert manifest("service.yaml")["spec"]["selector"] == LABELS
    assert manifest("disruption.yaml")["spec"]["selector"] == {"matchLabels": LABELS}
    assert manifest("network.yaml")["spec"]["podSelector"] == {"matchLabels": LABELS}
    target = manifest("autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert [target[key] for key in ("apiVersion", "kind", "name")] == [
        deployment["apiVersion"],
        deployment["kind"],
        deployment["metadata"]["name"],
    ]


def test_the_server_is_started_with_flags_that_it_has(container: Any) -> None:
    parsed = parse_serve(container["args"])
    (port,) = container["ports"]
    assert parsed["port"] == port["containerPort"]
    assert parsed["host"] == "0.0.0.0"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(parsed["keys"].parent) in mounts
    for model in parsed["models"]:
        assert any(str(model).startswith(mount) for mount in mounts)


def test_it_is_probed_where_no_key_is_needed(container: Any) -> None:
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/health/ready",
        "readiness": "/health/ready",
        "liveness": "/health/live",  # a server that drains or loads is not to be killed
    }
    assert {probe["path"] for probe in probes.values()} <= HEALTH
    names = {port["name"] for port in container["ports"]}
    assert {probe["port"] for probe in probes.values()} <= names
    assert manifest("service.yaml")["spec"]["ports"][0]["targetPort"] in names
    assert manifest("network.yaml")["spec"]["ingress"][0]["ports"][0]["port"] in names


def test_it_is_given_the_time_to_drain(pod: Any, container: Any, stop_seconds: float) -> None:
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert pod["terminationGracePeriodSeconds"] > float(seconds) + stop_seconds
    readiness = container["readinessProbe"]
    assert float(seconds) > readiness["periodSeconds"] * readiness["failureThreshold"]


def test_no_request_is_lost_to_an_update() -> None:
    deployment = manifest("deployment.yaml")["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    least = manifest("autoscaler.yaml")["spec"]["minReplicas"]
    assert least > manifest("disruption.yaml")["spec"]["maxUnavailable"]


def test_applying_it_again_leaves_as_many_as_the_autoscaler_wants() -> None:
    assert "replicas" not in manifest("deployment.yaml")["spec"]


def test_it_may_do_nothing_but_serve(pod: Any, container: Any) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = container["securityContext"]
    assert allowed["readOnlyRootFilesystem"] is True
    assert allowed["allowPrivilegeEscalation"] is False
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/tmp"]
    assert manifest("network.yaml")["spec"]["egress"] == []


def test_its_size_is_stated(container: Any) -> None:
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"].keys() == {"cpu", "memory"}
