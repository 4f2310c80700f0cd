"""Runs the benchmarks, prints the figures as tables, and compares the ratios with budgets.json. Called by ../run.sh."""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import audio
import bridge
import idle
import turns
import unary
from processes import MeasurementError

PARTS = {"unary": unary.measure, "turns": turns.measure, "idle": idle.measure, "bridge": bridge.measure,
         "audio": audio.measure}


@dataclass
class Programs:
    """What is measured and with what; None for a peer that could not be built."""

    source: Path
    lifeecho: Path
    load: Path
    slow_fsync: Path | None
    grpc_swift: Path | None
    grpc_cpp: Path | None
    uvicorn: Path | None
    bridge_load: Path | None
    bridge_null: Path | None
    bridge_uvicorn: Path | None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lifeecho", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True, help="where run.sh built the load and the peers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all when none is named")
    arguments = parser.parse_args()

    def built(name: str) -> Path | None:
        path = arguments.build / name
        return path if path.exists() else None

    source = Path(__file__).resolve().parent.parent
    programs = Programs(
        source, arguments.lifeecho, arguments.build / "load", built("slow_fsync.so"), built("grpc-swift-peer"),
        built("grpc-cpp-peer"), built("venv/bin/uvicorn"), built("bridge-load"), built("bridge-null"),
        built("bridge-venv/bin/uvicorn"))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most > 0 else 65536, most))

    figures, ratios, failed = {}, {}, False
    for name in arguments.parts or PARTS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lifeecho-bench-", ignore_cleanup_errors=True) as directory:
            os.chmod(directory, 0o755)
            try:
                result = PARTS[name](programs, Path(directory), arguments.quick)
                figures |= result["figures"]
                ratios |= result["ratios"]
            except MeasurementError as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed = True
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)

    show_figures(figures)
    budgets = json.loads((source / "budgets.json").read_text())
    within = show_ratios(ratios, budgets)
    (arguments.build / "results.json").write_text(
        json.dumps({"figures": figures, "ratios": ratios}, ensure_ascii=False, indent=2) + "\n")
    return 0 if within and not failed else 1


def show_figures(figures: dict) -> None:
    print("| figure | median | lowest | highest |\n|---|---|---|---|")
    for name, figure in figures.items():
        print(f"| {name} | {figure['value']} | {figure.get('low', '')} | {figure.get('high', '')} |")


def show_ratios(ratios: dict, budgets: dict) -> bool:
    """False when a ratio is beyond its budget."""
    print("\n| ratio | measured | goal | budget | |\n|---|---|---|---|---|")
    within = True
    for name, ratio in ratios.items():
        budget = budgets.get(name, {})
        at_least = budget.get("at_least", False)
        sign = "≥" if at_least else "≤"

        def kept(limit: float) -> bool:
            return ratio >= limit if at_least else ratio <= limit

        verdict = ""
        if "budget" in budget and not kept(budget["budget"]):
            verdict, within = "OVER BUDGET", False
        elif "goal" in budget:
            verdict = "goal met" if kept(budget["goal"]) else "goal missed"
        limits = [f"{sign} {budget[key]}" if key in budget else "" for key in ("goal", "budget")]
        print(f"| {name} | {ratio:.4g} | {limits[0]} | {limits[1]} | {verdict} |")
    return within


if __name__ == "__main__":
    sys.exit(main())
