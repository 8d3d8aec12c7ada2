"""Wording: what came of looking at every record, for people."""

from __future__ import annotations

from edge_agent.toolbox.soundness import Soundness
from edge_agent.words import counted

MOST_FINDINGS = 100


def in_sentences(soundness: Soundness) -> list[str]:
    """The findings first, then what was looked at."""
    lines = soundness.findings[:MOST_FINDINGS]
    if len(soundness.findings) > MOST_FINDINGS:
        lines.append(f"… and {len(soundness.findings) - MOST_FINDINGS} more")
    if not soundness.first:
        return [*lines, "the journal is empty"]
    verdict = "sound" if soundness.sound else "NOT sound"
    lines.append(
        f"records {soundness.first:,} to {soundness.last:,}: {soundness.records:,} looked at, {verdict}"
        + (f"; {soundness.let_go:,} were let go for room, as was journalled" if soundness.let_go else "")
    )
    if soundness.lost:
        lost = sum(last - first + 1 for first, last in soundness.lost)
        lines.append(f"{counted(lost, 'record')} lost to damage before, as was journalled")
    lines.append(_checkpoints(soundness))
    return lines


def _checkpoints(soundness: Soundness) -> str:
    said = []
    if soundness.signed:
        said.append(f"{counted(soundness.signed, 'good signature')} of checkpoints")
    if soundness.unchecked:
        said.append(f"{soundness.unchecked} are signed and were not checked: give their --certificate")
    if soundness.unsigned:
        said.append(f"{soundness.unsigned} are not signed")
    return "; ".join(said) or "no checkpoint vouches for the chain yet"
