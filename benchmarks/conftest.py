"""The suite's options, the machine's facts in every saved file, and what benchmarks share."""

from __future__ import annotations

import os

# Before torch is imported. Threads that spin while they wait disturb whatever runs beside them.
os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "GOMP_SPINCOUNT": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        **os.environ,
    }
)

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.machine import facts
from benchmarks.runners import Workshop
from benchmarks.timed import Timed
from harness.discovery.registry import Plugins, discover
from harness.errors import HarnessError
from harness.execution.devices import resolve_device
from harness.protocol import PAPER, QUICK

RATES = pytest.StashKey[dict[str, float]]()
VOLATILE = ("hz_actual", "hz_actual_friendly")
"""What differs between two runs on one machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness")
    group.addoption("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto).")
    group.addoption(
        "--full", action="store_true", help="Full networks at 224 px, which ask for a GPU."
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RATES] = {}
    if _device(config).startswith("cuda"):
        config.option.benchmark_timer = "benchmarks.machine.synchronised"


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    # A host's name says nothing of its speed, and containers of one machine differ in it.
    machine_info.pop("node", None)
    for name in VOLATILE:
        machine_info["cpu"].pop(name, None)
    machine_info["harness"] = facts(_device(config))
    machine_info["full"] = config.getoption("--full")


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    output_json["load_average"] = [round(load, 2) for load in os.getloadavg()]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if rates := config.stash[RATES]:
        terminalreporter.section("images per second, at the median")
        width = max(map(len, rates))
        for name, rate in rates.items():
            terminalreporter.write_line(f"{name:{width}}  {rate:12,.1f}")


def _device(config: pytest.Config) -> str:
    try:
        return resolve_device(config.getoption("--device"))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> str:
    return _device(pytestconfig)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder that nobody else sees."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_HARNESS_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_to_collect() -> Iterator[None]:
    """What other benchmarks have left is not gone through again and again while this one runs."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def timed(benchmark: BenchmarkFixture, pytestconfig: pytest.Config) -> Timed:
    return Timed(benchmark=benchmark, rates=pytestconfig.stash[RATES])


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return discover()


@pytest.fixture(scope="session")
def workshop(
    plugins: Plugins, device: str, full: bool, tmp_path_factory: pytest.TempPathFactory
) -> Workshop:
    protocol = replace(PAPER if full else QUICK, weights="random", epochs=1)
    folder = tmp_path_factory.mktemp("workshop")
    return Workshop(plugins=plugins, protocol=protocol, device=device, folder=folder)
