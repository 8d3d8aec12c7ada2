"""The allow-list: which gateway may have a certificate, asked by AWS IoT before it provisions one.

A Lambda function; certs/README.md says how it is set up. It needs nothing beside what Lambda has.
"""

from __future__ import annotations

from typing import Any

TABLE = "edge-agent-gateways"
# On the list, and not used; or used by this very certificate, when the service asks a second time.
EXPECTED = "attribute_exists(thing) AND (attribute_not_exists(enrolled) OR enrolled = :certificate)"
NO: dict[str, Any] = {"allowProvisioning": False}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer AWS IoT. An error here is a refusal too."""
    import boto3  # type: ignore[import-not-found]  # noqa: PLC0415  Lambda has it, we do not

    account = event["templateArn"].split(":")[4]
    region = event["templateArn"].split(":")[3]
    asker = f"arn:aws:iot:{region}:{account}:cert/{event['claimCertificateId']}"
    if event["templateArn"].endswith("/edge-agent-rotate"):
        return rotation(event, boto3.client("iot").list_principal_things(principal=asker)["things"])
    return enrolment(event, boto3.resource("dynamodb").Table(TABLE))


def rotation(event: dict[str, Any], things: list[str]) -> dict[str, Any]:
    """A gateway's own certificate asks: for its own thing, and no other."""
    wanted = event["parameters"].get("Thing")
    return {"allowProvisioning": True} if wanted and things == [wanted] else NO


def enrolment(event: dict[str, Any], table: Any) -> dict[str, Any]:  # noqa: ANN401  boto3 has no types
    """The claim asks: for a serial number we expect, once; thing and site are what the table says."""
    try:
        row = table.update_item(
            Key={"serial": event["parameters"]["SerialNumber"]},
            UpdateExpression="SET enrolled = :certificate",
            ConditionExpression=EXPECTED,
            ExpressionAttributeValues={":certificate": event["certificateId"]},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return NO
    return {"allowProvisioning": True, "parameterOverrides": {"Thing": row["thing"], "Site": row["site"]}}
