"""A run, as a sentence: recipe in, verdict out.

prepared   = prepare(recipe)        rows, splits, base, task, model, what moves
progress   = fit                    steps, checkpoints, the best weights
evaluation = judge                  against the base, on the same held-out rows
folder     = ship                   what leaves the run, read back by a fresh process
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from afina.base import registry, seeds
from afina.base.errors import AfinaError
from afina.base.events import Events
from afina.base.messages import language, say
from afina.data import batching
from afina.engine import checkpoint
from afina.engine.contract import Callback, Judgement
from afina.engine.loop import COMPONENTS, Loop, weights_held_in
from afina.engine.recording import Recording
from afina.engine.tracking import Tracking
from afina.evaluation.contract import Evaluation
from afina.inference.checkpointing import recomputed
from afina.inference.forward import Forward
from afina.inference.used_rows import used_rows
from afina.models import loading, quantised
from afina.recipe.resolved import Resolved
from afina.reporting.html import write_report
from afina.run import judging, machine, mirroring, prefixing, record, settling, shipping
from afina.run.folder import RunFolder, environment_of
from afina.run.gather import Gathered, gather
from afina.run.listener import Listener, Silent
from afina.run.prepared import Prepared


def prepare(
    resolved: Resolved,
    num_processes: int | None = None,
    threads: int | None = None,
    listener: Listener | None = None,
) -> Prepared:
    """Gather, load and tune; settle every value that was left open.

    Args:
        resolved: The recipe.
        num_processes: Processes asked for, or None for what a launcher started.
        threads: Threads that a resumed run began with.
        listener: Who is told how far it is.

    Raises:
        AfinaError: Whatever cannot be read, found, trusted or matched.
    """
    listener = listener or Silent()
    processes = machine.processes(num_processes)
    machine.set_threads(threads)
    trackers = mirroring.trackers(resolved.recipe) if processes.is_main_process else {}
    listener.stage(say("reading the rows"))
    gathered = gather(resolved)
    listener.stage(say("loading the base"))
    recipe = gathered.recipe
    model = loading.load(
        gathered.source,
        gathered.task.head,
        gathered.processor,
        seed=recipe.seed,
        dropout=recipe.base.dropout,
        requires=gathered.tuning.requires,
    )
    report = gathered.tuning.apply(model)
    resolved = settling.settle(gathered, report, processes)
    training = resolved.recipe.training
    forward = Forward(
        model,
        processes.device,
        training.precision,  # type: ignore[arg-type]
        training.layout,
        report.takes_segments,
    )
    plan = batching.Plan(settling.lengths(gathered.segments["train"]), training.global_batch_size, recipe.seed)
    settings = settling.settings(resolved.recipe, plan)
    epochs = settings.num_steps / plan.steps_per_epoch
    resolved = prefixing.settle(resolved, gathered, forward, report, epochs, processes)
    return Prepared(
        gathered=gathered,
        resolved=resolved,
        model=model,
        report=report,
        forward=forward,
        settings=settings,
        plan=plan,
        retention=registry.build("retention", recipe.retention),
        processes=processes,
        digests=quantised.digests(model.named_parameters()),
        trackers=trackers,
    )


def train(
    prepared: Prepared, folder: RunFolder, callbacks: Sequence[Callback] = (), listener: Listener | None = None
) -> Evaluation | None:
    """Carry a run from where it stands to its end, and leave its folder complete.

    The main process writes to the folder, which it must hold (`Lease`).

    Args:
        prepared: The run.
        folder: Its folder; a checkpoint in it is gone on from.
        callbacks: Behaviours beside those of the recipe.
        listener: Who is told how far it is.

    Returns:
        The evaluation; None in processes other than the main one.

    Raises:
        RunError: If the run's data are no longer those it began with.
        QualityError: If training diverged or what it made failed its self-check.
    """
    listener = listener or Silent()
    if not prepared.processes.is_main_process:
        _fit(prefixing.filled(prepared, Silent()), folder, callbacks, Silent())
        return None
    checkpoint.clean(folder.path)
    _begin(prepared, folder)
    with (
        _status(folder),
        Events(folder.events) as events,
        mirroring.mirrors(prepared, folder, events, listener) as mirrors,
    ):
        listener.began(prepared)
        earlier_s = record.seconds_trained(folder.events)
        started = time.monotonic()
        prepared = prefixing.filled(prepared, listener)
        loop = _fit(prepared, folder, [*callbacks, Recording(events), Tracking(mirrors)], listener)
        spent_s = earlier_s + time.monotonic() - started
        listener.stage(say("comparing with the base"))
        prepared = replace(prepared, gathered=_settle_outputs(prepared))
        base = judging.base_forward(prepared.gathered, prepared.forward)
        for dead in shipping.check_learning(prepared.model, prepared.report, loop.gradient_seen):
            events.write("note", step=loop.progress.step, level="warn", code="no-gradient", message=str(dead))
            listener.warning(str(dead))
        shipping.check_frozen(prepared.model, base.model, prepared.report, prepared.digests)
        spent = judging.Spent(spent_s, prepared.report.num_trainable, prepared.report.num_total)
        evaluation = judging.evaluate(prepared.gathered, prepared.forward, base, spent)
        listener.stage(say("saving the model, and reading it back in a fresh process"))
        evaluation = shipping.ship(prepared.gathered, prepared.forward, folder, evaluation)
        mirrors.conclude(mirroring.figures(evaluation), evaluation.verdict.sentence)
        events.write("note", level="info", code="finished", message=evaluation.verdict.sentence)
        listener.stage(say("writing the report"))
        write_report(folder.path, language())
        folder.say_status("finished", step=loop.progress.step, best_step=loop.progress.best_step)
    return evaluation


@contextmanager
def _status(folder: RunFolder) -> Iterator[None]:
    """Say in the folder how the run ends when it does not end well; its report then tells why."""
    folder.say_status("running", error=None)
    try:
        yield
    except KeyboardInterrupt:
        folder.say_status("interrupted")
        raise
    except AfinaError as error:
        folder.say_status("failed", error=error.as_dict())
        write_report(folder.path, language())
        raise


def _begin(prepared: Prepared, folder: RunFolder) -> None:
    environment = environment_of(folder)
    if record.has_begun(environment):
        record.check_data(prepared.gathered, environment)
        return
    record.write(folder, prepared.gathered, prepared.resolved, prepared.report, prepared.processes.num_processes)


def _fit(prepared: Prepared, folder: RunFolder, callbacks: Sequence[Callback], listener: Listener) -> Loop:
    gathered, recipe = prepared.gathered, prepared.resolved.recipe
    judge, retention = _judge(prepared), prepared.retention
    start = gathered.tuning.state(prepared.model) if retention.walks else {}
    own = [registry.build("engine.callbacks", options) for options in recipe.training.callbacks]
    seeds.seed_everything(recipe.seed + prepared.processes.process_index)
    with used_rows(prepared.model, settling.tokens_in_training(gathered)):
        material = prepared.material(judge)
        loop = Loop(material, prepared.settings, [*own, *callbacks], prepared.processes, folder.path)
        _go_on(loop, folder, listener)
        setting = recipe.training.gradient_checkpointing
        with weights_held_in(prepared.forward), recomputed(prepared.model, setting):
            loop.fit()
    prepared.forward.module = prepared.model
    outcome = retention.finish(settling.path(gathered, prepared.model, start, judge))
    loop.note_retention(outcome.alpha, outcome.curve)
    return loop


def _go_on(loop: Loop, folder: RunFolder, listener: Listener) -> None:
    found, problems = checkpoint.newest(folder.path, COMPONENTS)
    for problem in problems:
        listener.warning(say("A checkpoint was passed over. {problem}", problem=str(problem)))
    if found is not None:
        loop.restore(found.read())
        listener.remark(
            say("Going on from step {step} of {num_steps}.", step=found.step, num_steps=loop.progress.num_steps)
        )


def _judge(prepared: Prepared) -> Callable[[], Judgement] | None:
    gathered = prepared.gathered
    if not gathered.splits.validation:
        return None
    references = gathered.task.references(gathered.splits.validation)
    segments = gathered.segments["validation"]

    def judge() -> Judgement:
        return judging.judgement(gathered.task, prepared.forward.predict(gathered.task, segments), references)

    return judge


def _settle_outputs(prepared: Prepared) -> Gathered:
    return replace(prepared.gathered, task=prepared.gathered.task.settled(prepared.model))
