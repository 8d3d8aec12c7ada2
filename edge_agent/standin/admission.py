"""Admission: whether a CONNECT is taken, and what the CONNACK tells.

Judged in this order, as the service does: the client id's form, what is not spoken here, the
policy for the connection, and the will as the PUBLISH it may become.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.standin import limits
from edge_agent.standin.packets import Connect, Properties, Reason, Will
from edge_agent.standin.policy import Action
from edge_agent.standin.topics import valid_topic

if TYPE_CHECKING:
    from edge_agent.standin.broker import Broker


def judge_connect(broker: Broker, certificate_id: str, packet: Connect) -> Reason:
    """The reason not to take this client, or success."""
    if not 0 < len(packet.client_id.encode("utf-8")) <= limits.CLIENT_ID_LIMIT_BYTES:
        return Reason.CLIENT_ID_NOT_VALID
    if packet.properties.authentication_method is not None:
        return Reason.BAD_AUTHENTICATION_METHOD
    attributes = _connect_attributes(packet)
    if not broker.allows(certificate_id, packet.client_id, Action.CONNECT, packet.client_id, attributes):
        return Reason.NOT_AUTHORISED
    if packet.will is None:
        return Reason.SUCCESS
    return _judge_will(broker, certificate_id, packet.client_id, packet.will)


def may_publish(broker: Broker, certificate_id: str, client_id: str, topic: str, *, retain: bool) -> bool:
    """Whether the policy lets a client publish there, and leave the message there."""
    actions = (Action.PUBLISH, Action.RETAIN_PUBLISH) if retain else (Action.PUBLISH,)
    return all(broker.allows(certificate_id, client_id, action, topic) for action in actions)


def settings(keep_alive: int | None) -> Properties:
    """What the CONNACK tells every client; the keep-alive if it is another than was asked for."""
    return Properties(
        receive_maximum=limits.RECEIVE_MAXIMUM,
        maximum_qos=limits.MAXIMUM_QOS,
        maximum_packet_size=limits.PACKET_LIMIT_BYTES,
        topic_alias_maximum=limits.TOPIC_ALIAS_MAXIMUM,
        server_keep_alive=keep_alive,
        session_expiry_interval=0,
        subscription_identifiers_available=0,
        shared_subscription_available=0,
    )


def _judge_will(broker: Broker, certificate_id: str, client_id: str, will: Will) -> Reason:
    """As a PUBLISH would be judged, before the client is taken."""
    if will.qos > limits.MAXIMUM_QOS:
        return Reason.QOS_NOT_SUPPORTED
    if not valid_topic(will.topic):
        return Reason.TOPIC_NAME_INVALID
    if not may_publish(broker, certificate_id, client_id, will.topic, retain=will.retain):
        return Reason.NOT_AUTHORISED
    return Reason.SUCCESS


def _connect_attributes(packet: Connect) -> frozenset[str]:
    """What `iot:ConnectAttributes` is for this CONNECT."""
    wanted = {"LastWill": packet.will is not None, "PersistentConnect": not packet.clean_start}
    return frozenset(name for name, there in wanted.items() if there)
