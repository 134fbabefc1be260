"""The benchmarks: `encodery bench CASE`. Nothing heavy is imported before a command runs."""

from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(no_args_is_help=True, help="Side by side with the peers installed here; a JSON line per case.")


@bench.command("train")
def bench_train(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases")] = None,
) -> None:
    """Pretraining tokens/s and memory against the trainer of transformers."""
    from encodery.bench.train import run_bench

    run_bench(quick=quick, device=device, only_json=json, cases=case or [])


@bench.command("load")
def bench_load(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
) -> None:
    """Time and memory from a BERT-base folder to its first prediction, against transformers."""
    from encodery.bench.load import run_bench

    run_bench(quick=quick, only_json=json)


@bench.command("encode")
def bench_encode(
    quick: Annotated[bool, typer.Option(help="less text and fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases")] = None,
    text: Annotated[Path | None, typer.Option(help="a text file, instead of invented words")] = None,
) -> None:
    """Text to ids: MB/s of batches and the time of one text, against tokenizers, sentencepiece and transformers."""
    from encodery.bench.encode import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [], text=text)


@bench.command("predict")
def bench_predict(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases: minilm, bert/one-16")] = None,
    folder: Annotated[Path | None, typer.Option(help="keep models and exports here for the next time")] = None,
    peers: Annotated[
        Path | None, typer.Option(help="the Python of another environment, which has ctranslate2")
    ] = None,
) -> None:
    """Latency, throughput, memory and size of exported models against the CPU engines installed here."""
    from encodery.bench.predict import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [], folder=folder, peers=peers)


@bench.command("serve")
def bench_serve(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases: one, busy/plain")] = None,
    folder: Annotated[Path | None, typer.Option(help="keep models and exports here for the next time")] = None,
    peers: Annotated[
        Path | None, typer.Option(help="the Python of another environment, which has infinity-emb")
    ] = None,
) -> None:
    """What HTTP costs, requests a second, and a busy neighbour: the server against others."""
    from encodery.bench.serve import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [], folder=folder, peers=peers)


@bench.command("corpus")
def bench_corpus(
    quick: Annotated[bool, typer.Option(help="a smaller crawl, one round")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases: pipeline/datatrove, workers")] = None,
    folder: Annotated[Path | None, typer.Option(help="keep the crawls here for the next time")] = None,
    data: Annotated[Path | None, typer.Option(help="the data for development, for pages of real sites")] = None,
    peers: Annotated[Path | None, typer.Option(help="the Python of another environment, which has Daft")] = None,
    language_model: Annotated[Path | None, typer.Option(help="lid.176.ftz, for the peers")] = None,
    size: Annotated[int | None, typer.Option(min=8, help="MB of HTML in the large crawl (1,024, quick 32)")] = None,
) -> None:
    """HTML to documents: MB/s of the whole pipeline, workers and memory, against datatrove and Daft."""
    from encodery.bench.corpus import run_bench

    run_bench(quick, json, case or [], folder, data, peers, language_model, size)


@bench.command("translate")
def bench_translate(
    quick: Annotated[bool, typer.Option(help="fewer repetitions")] = False,
    json: Annotated[bool, typer.Option("--json", help="only the JSON lines")] = False,
    case: Annotated[list[str] | None, typer.Option(help="only these cases: decode, train/small")] = None,
) -> None:
    """Tokens/s of translation, greedy and by beams, and of its training, against MarianMT in transformers."""
    from encodery.bench.translate import run_bench

    run_bench(quick=quick, only_json=json, cases=case or [])
