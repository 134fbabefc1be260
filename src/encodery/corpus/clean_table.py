"""`[corpus.clean]`: what is done to raw files on their way to the corpus. It only composes the tables that steps own.

What the phases (`corpus/phases`) call of the parts, so that these can be written side by side:

reading      `read_pages(file: InputFile, entry: CorpusInput, ledger: Ledger) -> Iterator[Page]`; damage goes to the
             ledger, nothing but a missing file raises; `files_of(entry, base)` also finds crawl files
             (`CorpusInput.format` gains "warc", "wet", "html", "wikipedia"). Lazy: one page at a time.
steps        `XStep(config: XConfig, base: Path)` is a `Step`: cheap to make and to pickle, what it needs (models, word
             lists, evaluation sets) is loaded at its first call. All of a step's settings are in its `XConfig(Config)`;
             the switch is the table itself: `x: XConfig | None`. Calls get some 100 to 1000 pages, those that are
             dropped already included.
perplexity   `train(config, language: str, base: Path, into: Path)` writes that language's model into a folder, by a
             task per language before all else; the step is `PerplexityStep(config, models: Path)`.
dedup        paragraphs: `paragraph_hashes(paragraphs: Sequence[str]) -> UInt64[np.ndarray, " n"]`, and of one range of
             hashes, in the order of the input, `repeated(hashes, documents, keep: "first" | "none") ->
             Bool[np.ndarray, " n"]`: which of these paragraphs go (`documents` are numbers that tell documents apart).
             near: `Signer(config)(texts: Sequence[str]) -> UInt64[np.ndarray, "texts bands"]`; of one range of one
             band `edges(hashes, documents) -> UInt64[np.ndarray, "edges 2"]` (earlier, later document), of all edges
             `later_copies(edges) -> UInt64[np.ndarray, " dropped"]`: all but the first of each cluster, sorted.
             The engine sorts, files and bounds memory: hashes of a range come sorted by (hash, place in the input).
buckets      of one language's perplexities `cutoffs(perplexities: Float32[np.ndarray, " n"], config) -> Cutoffs` (a
             dataclass, JSON through `asdict`), `cutoffs.bucket(perplexity: float | None) -> str`.
report       `write_report(ledger, metrics, into: Path)`: `report.html`, `card.md` beside `ledger.json`.
"""
