"""What Prometheus reads at `/metrics`. Labels have few values, which the server chooses and no caller."""

from collections.abc import Callable, Collection, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from encodery.serve.answers import ServedModel
from encodery.serve.exchange import Exchange
from encodery.serve.figures import Figures
from encodery.serve.problems import KINDS
from encodery.serve.supervisor import LocalModel

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "POST", "OPTIONS"})
PHASES = ("queue", "tokenize", "infer", "decode")


class Metrics:
    """Counts and times of one server, in a registry of its own."""

    def __init__(self, models: Mapping[str, ServedModel], loading: Collection[str] = ()) -> None:
        """`models` and `loading`, the names of those that are not among them yet, are looked at whenever it is asked
        for."""
        self.registry = CollectorRegistry()
        self._children: dict[tuple[object, ...], Counter | Gauge | Histogram] = {}
        of_model = ["model", "task"]
        self._requests = self._histogram(
            "http_server_request_duration_seconds",
            "From a request's headers to the end of its answer",
            ["route", "method", "status"],
        )
        self._phases = {
            phase: self._histogram(f"enc_{phase}_seconds", f"Seconds of the phase: {phase}", of_model)
            for phase in PHASES
        }
        self._inputs = self._counter("enc_inputs_total", "Records answered", of_model)
        self._tokens = self._counter("enc_tokens_total", "Tokens of the records answered", of_model)
        self._truncated = self._counter(
            "enc_inputs_truncated_total", "Records of which something was left out", of_model
        )
        self._rejected = self._counter("enc_rejected_total", "Requests refused, by the code of the error", ["reason"])
        self._abandoned = self._counter("enc_abandoned_total", "Requests whose client left", of_model)
        self._nonfinite = self._counter("enc_nonfinite_total", "Answers with numbers that are not finite", of_model)
        self._waiting = Gauge("enc_requests_in_progress", "Requests at a model", of_model, registry=self.registry)
        for code in KINDS:  # a counter that is not there yet cannot be seen to rise
            self._rejected.labels(code)
        ProcessCollector(registry=self.registry)
        self.registry.register(_Models(models, loading))

    def waiting(self, model: str, task: str) -> Gauge:
        """How many requests are at a model."""
        child = self._child(self._waiting, model, task)
        assert isinstance(child, Gauge)
        return child

    def count(self, exchange: Exchange, route: str) -> None:
        """An exchange that is over."""
        method = exchange.method if exchange.method in _METHODS else "other"
        self._observe(self._requests, exchange.total, route, method, str(exchange.status))
        if exchange.code in KINDS:
            self._add(self._rejected, 1, exchange.code)
        of_model = exchange.model, exchange.task
        if exchange.num_tokens:
            self._add(self._inputs, exchange.num_inputs, *of_model)
            self._add(self._tokens, exchange.num_tokens, *of_model)
            self._add(self._truncated, exchange.num_truncated, *of_model)
        for phase, seconds in exchange.phases.items():
            self._observe(self._phases[phase], seconds, *of_model)
        if exchange.code == "client_gone":
            self._add(self._abandoned, 1, *of_model)
        if exchange.code == "model_output":
            self._add(self._nonfinite, 1, *of_model)

    def text(self) -> bytes:
        """All of it, in the format that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _histogram(self, name: str, help_: str, labels: list[str]) -> Histogram:
        return Histogram(name, help_, labels, buckets=_SECONDS, registry=self.registry)

    def _counter(self, name: str, help_: str, labels: list[str]) -> Counter:
        return Counter(name, help_, labels, registry=self.registry)

    def _child(self, metric: Counter | Gauge | Histogram, *labels: str) -> Counter | Gauge | Histogram:
        """`metric.labels`, which takes a lock and checks the labels each time, remembered."""
        key = (metric, *labels)
        if (child := self._children.get(key)) is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _observe(self, metric: Histogram, seconds: float, *labels: str) -> None:
        child = self._child(metric, *labels)
        assert isinstance(child, Histogram)
        child.observe(seconds)

    def _add(self, metric: Counter, amount: int, *labels: str) -> None:
        child = self._child(metric, *labels)
        assert isinstance(child, Counter)
        child.inc(amount)


class _Models(Collector):
    """What is served at the moment of the scrape, and what its workers count."""

    def __init__(self, models: Mapping[str, ServedModel], loading: Collection[str]) -> None:
        self.models = models
        self.loading = loading

    def collect(self) -> Iterable[Metric]:
        """A sample for each model."""
        info = GaugeMetricFamily("enc_model_info", "A model", labels=["model", "task", "version", "engine", "dtype"])
        ready = GaugeMetricFamily("enc_model_ready", "Whether a model can be asked", labels=["model"])
        gauges = [GaugeMetricFamily(name, text, labels=["model"]) for name, text, _ in _GAUGES]
        counters = [CounterMetricFamily(name, text, labels=["model"]) for name, text, _ in _COUNTERS]
        for name in sorted(self.loading):  # a first start that hangs is to be seen, too
            ready.add_metric([name], 0.0)
        for name, model in self.models.items():
            about = model.info
            info.add_metric([name, about.task, about.version, about.engine, about.dtype], 1)
            ready.add_metric([name], float(model.is_ready))
            if isinstance(model, LocalModel):
                figures = model.figures
                for gauge, (_, _, read) in zip(gauges, _GAUGES, strict=True):
                    gauge.add_metric([name], read(figures))
                for counter, (_, _, read) in zip(counters, _COUNTERS, strict=True):
                    counter.add_metric([name], read(figures))
        return [info, ready, *gauges, *counters]


Read = Callable[[Figures], float]
_GAUGES: tuple[tuple[str, str, Read], ...] = (
    ("enc_queue_depth", "Requests that are not answered yet", lambda figures: float(figures.waiting)),
    ("enc_queue_tokens", "Their tokens, as estimated", lambda figures: figures.waiting_tokens),
    ("enc_drain_tokens_per_second", "How fast the queue drains", lambda figures: figures.tokens_per_second),
    (
        "enc_worker_busy_seconds",
        "How long the worker is at what it does",
        lambda figures: figures.worker.busy_seconds,
    ),
)
_COUNTERS: tuple[tuple[str, str, Read], ...] = (
    ("enc_worker_restarts", "Workers started because one had died or hung", lambda figures: float(figures.restarts)),
    (
        "enc_requests_resent",
        "Requests sent once more, for their worker had died",
        lambda figures: float(figures.resent),
    ),
    ("enc_batches", "Batches that the worker of now computed", lambda figures: float(figures.worker.batches)),
    ("enc_batch_sequences", "Sequences in them", lambda figures: float(figures.worker.sequences)),
    ("enc_batch_tokens", "Tokens in them", lambda figures: float(figures.worker.tokens)),
    (
        "enc_dropped",
        "Requests that nobody waited for any more, not computed",
        lambda figures: float(figures.worker.dropped),
    ),
    (
        "enc_divided_batches",
        "Batches computed in parts, for lack of memory",
        lambda figures: float(figures.worker.divided),
    ),
)
