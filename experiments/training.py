"""How experiments train: one data set, one set of seeds, one plan."""

import dataclasses
import functools
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from lec7 import data, losses, models, runs, train
from lec7.curvature import operators

Rate = optax.ScalarOrSchedule
MakeRule = Callable[[optax.Schedule], optax.GradientTransformation]
Build = Callable[..., nn.Module]
Model = Literal[tuple(models.ARCHITECTURES)]
Name = TypeVar("Name", bound=Hashable)


def named(model: str, *, needs: Sequence[str] = (), **fields: Any) -> Build:
    """Return what makes the network of a name, for `Study.network`.

    Args:
      model: one of `models.ARCHITECTURES`.
      needs: fields that the network must have.
      **fields: of the network, such as `widths`, which an MLP has and no other; those
        that it lacks are left out, so it is then what its name stands for.

    Raises:
      UsageError: the network lacks a field that it needs.
    """
    for field in needs:
        able = [
            name for name in models.ARCHITECTURES if field in models.fields_of(name)
        ]
        if model not in able:
            raise runs.UsageError(
                f"--config.model={model}: expected a network with `{field}`, as this "
                f"configuration asks for it: {', '.join(able)}"
            )
    known = models.fields_of(model)
    given = {field: value for field, value in fields.items() if field in known}
    return functools.partial(models.make, model, **given)


def chunk(model: str) -> int:
    """Return how many examples a look at a network takes at once.

    A Hessian product of a convolution holds many copies of them.
    """
    return 1024 if model == "mlp" else 128


class Settings(Protocol):
    """What the configuration of an experiment that trains has."""

    dataset: str
    seeds: Sequence[int]
    batch_size: int
    updates: int
    evaluate_every: int


class Study:
    """One data set and one set of seeds, on which networks are trained.

    Attributes:
      dataset: standardised.
    """

    def __init__(
        self,
        config: Settings,
        context: runs.Context,
        batches: Sequence[str] = (),
        *,
        dataset: str | None = None,
        prepare: Callable[[data.Dataset], data.Dataset] = data.standardise,
    ):
        """Load the data set of a configuration.

        Args:
          config: of the experiment.
          context: where and on what to train.
          batches: fields of the configuration that are batch sizes.
          dataset: its name, where the configuration has several.
          prepare: what is done to the data set.

        Raises:
          UsageError: the devices cannot share a batch equally.
        """
        require_divisible(context, {name: getattr(config, name) for name in batches})
        self._config, self._context = config, context
        with context.phase("data"):
            self.dataset = prepare(data.load(dataset or config.dataset))

    @property
    def devices(self) -> Sequence[jax.Device]:
        """On which networks are trained."""
        return self._context.devices

    def keep(
        self, examples: int, *, field: str = "examples", test_with_rest: bool = False
    ) -> None:
        """Train on the first examples alone.

        Args:
          examples: how many.
          field: of the configuration, which has their number.
          test_with_rest: whether the others join the test split.

        Raises:
          UsageError: there are fewer.
        """
        train, test = self.dataset.train, self.dataset.test
        if examples > len(train.labels):
            raise runs.UsageError(
                f"--config.{field}={examples}: expected at most {len(train.labels)}, "
                "the number of training examples"
            )
        kept, rest = (
            data.Split(*(leaf[part] for leaf in train))
            for part in (slice(examples), slice(examples, None))
        )
        if test_with_rest:
            test = data.Split(*map(np.concatenate, zip(rest, test, strict=True)))
        self.dataset = dataclasses.replace(self.dataset, train=kept, test=test)

    @property
    def everything(self) -> int:
        """How many training examples all devices can share equally."""
        devices = len(self._context.devices)
        return len(self.dataset.train.labels) // devices * devices

    def sweep(
        self,
        build: Build,
        make_rule: MakeRule,
        rates: Mapping[Name, Rate],
        *,
        name: str,
        **given: Any,
    ) -> dict[Name, train.Record]:
        """Train a population at every rate or schedule; see `populations`."""
        trained = self.populations(build, make_rule, rates, name=name, **given)
        return {rate: population.record for rate, population in trained.items()}

    def populations(
        self,
        build: Build,
        make_rule: MakeRule,
        rates: Mapping[Name, Rate],
        *,
        name: str,
        batch_size: int | None = None,
        updates: int | None = None,
        evaluate_every: int | None = None,
        seeds: Sequence[int] = (),
        **given: Any,
    ) -> dict[Name, train.Population]:
        """Train a population at every rate or schedule, all as one.

        A seed has the same start and the same batches at all of them. A training that
        explodes goes on, because here an explosion is a finding.

        Args:
          build: makes the network, given `num_classes`.
          make_rule: schedule -> update rule.
          rates: name -> learning rate, or schedule.
          name: of this training in the run's folder.
          batch_size: unless that of the configuration.
          updates: unless those of the configuration.
          evaluate_every: unless that of the configuration.
          seeds: unless those of the configuration.
          **given: what else `train.train` takes.
        """
        seeds = tuple(seeds or self._config.seeds)
        members = len(seeds)
        make = optax.inject_hyperparams(lambda row: make_rule(_chosen(row, rates)))
        trained = self.population(
            build,
            make(row=jnp.eye(len(rates))[0]),
            name=name,
            batch_size=batch_size or self._config.batch_size,
            updates=updates or self._config.updates,
            seeds=seeds * len(rates),
            hyperparams={"row": np.repeat(np.eye(len(rates)), members, axis=0)},
            watch=("train",),
            ceiling=train.CEILING,
            evaluate_every=evaluate_every or self._config.evaluate_every,
            **{"checkpoint_every": 16, **given},
        )
        return {
            rate: trained.part(slice(i * members, (i + 1) * members))
            for i, rate in enumerate(rates)
        }

    def population(
        self,
        build: Build,
        rule: optax.GradientTransformation,
        *,
        name: str,
        batch_size: int,
        updates: int,
        dataset: Any = None,
        **given: Any,
    ) -> train.Population:
        """Train one population.

        Args:
          build: makes the network, given `num_classes`.
          rule: the update rule.
          name: of this training in the run's folder.
          batch_size: examples an update.
          updates: at the most.
          dataset: what `train.train` takes, unless that of the study.
          **given: what else `train.train` takes.
        """
        context, model = self._context, self.network(build)
        with context.progress.task(name, updates) as task:
            return train.train(
                model,
                rule,
                self.dataset if dataset is None else dataset,
                batch_size=batch_size,
                steps=updates,
                devices=context.devices,
                folder=context.folder,
                name=name.replace(" ", "_"),
                progress=lambda step, **_: task.update(step),
                **{
                    "seeds": self._config.seeds,
                    "initialise": self.initialise(model),
                    "on_divergence": "raise",
                    **given,
                },
            )

    def range_tests(
        self, build: Build, rules: Mapping[str, MakeRule]
    ) -> dict[str, train.RateRange]:
        """Let the rate grow over one short training with every rule."""
        config, model = self._config, self.network(build)
        batches = train.from_arrays(
            *self.dataset.train, seeds=config.seeds, batch_size=config.batch_size
        )
        progress, found = self._context.progress, {}
        with progress.task("range test", len(rules), unit="rule") as task:
            for name, make_rule in rules.items():
                found[name] = train.learning_rate_range(
                    train.initial_population(
                        self.initialise(model), make_rule(1.0), config.seeds
                    ),
                    model=model,
                    make_rule=make_rule,
                    loss=losses.cross_entropy,
                    batches=batches,
                    devices=self._context.devices,
                )
                task.update(len(found))
        return found

    def network(self, build: Build) -> nn.Module:
        """Return the network for this data set."""
        return build(num_classes=self.dataset.num_classes, axis_name=train.DEVICE_AXIS)

    def initialise(self, model: nn.Module) -> Callable[[jax.Array], Any]:
        """Return key -> the initial variables of a network.

        The function raises UsageError where the network cannot take the examples.
        """
        shape = self.dataset.train.images.shape[1:]

        def start(key):
            try:
                return models.initialise(model, key, shape)
            except ValueError as error:
                raise runs.UsageError(f"{self.dataset.name}: {error}") from error

        return start


def require_divisible(
    context: runs.Context, sizes: Mapping[str, int | Sequence[int]]
) -> None:
    """Check that the devices can share batches.

    Args:
      context: on what to train.
      sizes: field of the configuration -> examples in a batch, or several of them.

    Raises:
      UsageError: one is not a multiple of the number of devices.
    """
    devices = len(context.devices)
    for field, given in sizes.items():
        for size in given if isinstance(given, Sequence) else (given,):
            if size % devices:
                raise runs.UsageError(
                    f"--config.{field}={size}: expected a multiple of "
                    f"--devices={devices}"
                )


def require_dense(widths: Sequence[int], dataset: data.Dataset) -> None:
    """Check that networks with one hidden layer have Hessians that can be formed.

    Args:
      widths: hidden units of each, a field of the configuration.
      dataset: what they are to learn.

    Raises:
      UsageError: one has more than `operators.DENSE_LIMIT` parameters.
    """
    inputs = math.prod(dataset.train.images.shape[1:])
    each = inputs + 1 + dataset.num_classes  # parameters of a hidden unit
    most = (operators.DENSE_LIMIT - dataset.num_classes) // each
    if max(widths) > most:
        raise runs.UsageError(
            f"--config.widths has {max(widths)}; expected at most {most} units for the "
            f"{inputs} inputs of {dataset.name}, as Hessians of up to "
            f"{operators.DENSE_LIMIT:,} parameters can be formed"
        )


def short_names(datasets: Sequence[str]) -> dict[str, str]:
    """Return the short name of each data set -> the name as given.

    Raises:
      ValueError: there are none, or two differ in their configs or folders alone.
    """
    names = {data.short_name(name): name for name in datasets}
    if not names or len(names) < len(datasets):
        raise ValueError(
            f"dataset is {datasets}; expected one or more with different names"
        )
    return names


def without_validation(dataset: data.Dataset) -> data.Dataset:
    """Return a data set whose validation examples are trained on as well."""
    if dataset.validation is None:
        return dataset
    parts = zip(dataset.train, dataset.validation, strict=True)
    joined = data.Split(*map(np.concatenate, parts))
    return dataclasses.replace(dataset, train=joined, validation=None)


def best_rate(swept: Mapping[Name, train.Record]) -> Name:
    """Return the rate of the lowest final training loss, a geometric mean."""
    return min(swept, key=lambda rate: np.log(swept[rate].end).mean())


def best(swept: Mapping[Any, train.Record]) -> np.ndarray:
    """Return the final training loss [M] at the best rate."""
    return swept[best_rate(swept)].end


def at_border(*several: Mapping[float, train.Record]) -> str | None:
    """Say which best rate is the first or the last of its list; None if none is."""
    for swept in several:
        if why := end_of(swept, best_rate(swept)):
            return why
    return None


def end_of(rates: Iterable[float], *best: float) -> str | None:
    """Say which best rate is the first or the last of one list; None if none is."""
    rates = list(rates)
    for rate in best:
        if not min(rates) < rate < max(rates):
            side = "lowest" if rate == min(rates) else "highest"
            return f"a best rate, {rate:g}, is the {side} of its list"
    return None


def shortfall(
    swept: Mapping[float, train.Record], rates: Sequence[float]
) -> np.ndarray:
    """Return the points of validation accuracy [M] that rates are below the best one.

    Args:
      swept: learning rate -> what was measured.
      rates: of which the better one counts, seed by seed.
    """
    accuracies = {rate: _validation(record) for rate, record in swept.items()}
    most = max(accuracies.values(), key=np.mean)
    return most - np.max([accuracies[rate] for rate in rates], axis=0)


def over_rates(
    swept: Mapping[float, train.Record],
    measure: Callable[[train.Record], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates [R] and what was measured of each, [M, R]."""
    values = [measure(record) for record in swept.values()]
    return np.asarray(list(swept)), np.stack(values, axis=1)


def _validation(record: train.Record) -> np.ndarray:
    return 100 * record.final["validation_accuracy"].astype(np.float64)


def _chosen(row: jax.Array, rates: Mapping[Any, Rate]) -> optax.Schedule:
    """Return the schedule that a one-hot row [R] picks."""

    def schedule(count):
        now = [rate(count) if callable(rate) else rate for rate in rates.values()]
        return row @ jnp.stack([jnp.asarray(rate, row.dtype) for rate in now])

    return schedule
