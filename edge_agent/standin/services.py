"""The services behind reserved topics: a publish to one of them is a question, and gets answers.

One row a kind of question. What the services need to know is in the topic, the payload and the
certificate of whoever asks; the policy has been asked already, as for any publish. Answers about
certificates go to the connection that asked and to nobody else, even if others subscribe; those
about shadows to every subscriber. Faults of answers are done here too, on request.
"""

from __future__ import annotations

import json
import re
from typing import Any

from edge_agent.standin.answers import Answer, AnswerFaults, Refused
from edge_agent.standin.provisioning import Provisioning
from edge_agent.standin.registry import Certificate
from edge_agent.standin.shadows import Shadows

PREFIX = "$aws/"
SHADOW = "shadow"

# What a question is called in faults, and the topic it is asked at.
QUESTIONS = {
    "create-from-csr": re.compile(r"\$aws/certificates/create-from-csr/(?P<format>json|cbor)"),
    "provision": re.compile(
        r"\$aws/provisioning-templates/(?P<template>[^/]+)/provision/(?P<format>json|cbor)"
    ),
    SHADOW: re.compile(
        r"\$aws/things/(?P<thing>[^/]+)/shadow/name/(?P<name>[a-zA-Z0-9:_-]{1,64})/"
        r"(?P<operation>get|update|delete)"
    ),
}


class Services:
    """Answers questions. Without `provisioning` those about certificates are rejected."""

    def __init__(self, shadows: Shadows, provisioning: Provisioning | None = None) -> None:
        self.shadows = shadows
        self.provisioning = provisioning
        self.faults = AnswerFaults()

    def kind(self, topic: str) -> str | None:
        """What kind of question a publish to this topic is; None if it is none."""
        question = self._question(topic)
        return None if question is None else question[0]

    def answers(self, topic: str, payload: bytes, asker: Certificate, now: float) -> list[Answer]:
        """What is said in return, if this is a question."""
        question = self._question(topic)
        if question is None:
            return []
        kind, asked = question
        try:
            self.faults.refuse(kind)
            if kind == SHADOW:
                answers = self.shadows.answers(topic, asked, payload, now)
            else:
                accepted = self._provision(kind, asked, payload, asker, now)
                answers = [Answer(f"{topic}/accepted", accepted)]
        except Refused as refused:
            answers = [
                self.shadows.rejected(topic, refused.status, refused.message, now)
                if kind == SHADOW
                else _rejected(topic, refused)
            ]
        return self.faults.apply(kind, answers)

    def _question(self, topic: str) -> tuple[str, dict[str, str]] | None:
        matching = ((kind, pattern.fullmatch(topic)) for kind, pattern in QUESTIONS.items())
        return next(((kind, asked.groupdict()) for kind, asked in matching if asked is not None), None)

    def _provision(
        self, kind: str, asked: dict[str, str], payload: bytes, asker: Certificate, now: float
    ) -> dict[str, Any]:
        if self.provisioning is None:
            raise Refused(404, "ResourceNotFound", "This stand-in has no provisioning template.")
        request = _read(payload, asked["format"])
        if kind == "create-from-csr":
            return self.provisioning.create_from_csr(request, now)
        return self.provisioning.register_thing(asked["template"], request, asker, now)


def _read(payload: bytes, form: str) -> dict[str, Any]:
    if form != "json":
        raise Refused(400, "InvalidPayload", "This stand-in reads JSON alone.")
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(400, "InvalidPayload", "The payload is no JSON object.")
    return document


def _rejected(topic: str, refused: Refused) -> Answer:
    document = {
        "statusCode": refused.status,
        "errorCode": refused.code,
        "errorMessage": refused.message,
    }
    return Answer(f"{topic}/rejected", document)
