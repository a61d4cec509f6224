"""The control: a bot as tutorials write it, on the same services, with the same broker.

What comes in: the same events as the product's functions get.  What goes out: orders, and a position it believes in.
Why it is here: a weakness of the cloud that this bot survives is no test of anything.  In calm weather it does what the
product does; under each weakness it must fail.  Nothing in it is foolish by itself: each line stands in somebody's
published example (read, add, write; remember what was seen for an hour; try again when it raises; trust the queue's five
minutes).
"""

import base64
import json

from stratofold.adapters.aws.client import AwsError

TABLE = "journal"


def _key(sort):
    return {"pk": {"S": "naive"}, "sk": {"S": sort}}


class Naive:
    """The functions of the bot; one instance an environment, with a memory of its own."""

    def __init__(self, client, ask, random, now):
        self.client, self.ask, self.random, self.now = client, ask, random, now
        self.known = None  # the state, cached between calls

    def decide(self, event, context):
        """A bar comes: count it, remember it, order ten."""
        for record in event["Records"]:
            body = record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()
            name = record.get("messageId") or record["kinesis"]["sequenceNumber"]
            bar = json.loads(body)
            if bar.get("event") != "bar" or self._seen(name):
                continue
            state = self._state()
            bars = [*json.loads(state["bars"]["S"]), bar["time"]]
            self._put("state", bars={"S": json.dumps(bars)})
            self._order(f"order/{bar['time']}", bar["symbol"])
            self._put(f"seen/{name}", ttl={"N": str(self.now() // 10**9 + 3_600)})

    def _order(self, sort, symbol):
        """Write an order once: a transaction that is cancelled was written before."""
        item = {**_key(sort), "quantity": {"N": "10"}, "symbol": {"S": symbol}}
        put = {"TableName": TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            self.client.json("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": put}]})
        except AwsError as error:
            if error.code != "TransactionCanceledException":
                raise

    def _seen(self, name):
        return "Item" in self.client.json("dynamodb", "GetItem", {"TableName": TABLE, "Key": _key(f"seen/{name}")})

    def _state(self):
        found = self.client.json("dynamodb", "GetItem", {"TableName": TABLE, "Key": _key("state")})
        return found.get("Item") or {"bars": {"S": "[]"}}

    def _put(self, sort, **values):
        try:
            self.client.json("dynamodb", "PutItem", {"TableName": TABLE, "Item": {**_key(sort), **values}})
        except AwsError:
            # "Handle errors gracefully": try once more.
            self.client.json("dynamodb", "PutItem", {"TableName": TABLE, "Item": {**_key(sort), **values}})

    def deliver(self, event, context):
        """An order was written: send it; what fails is tried again by whoever called."""
        for record in event["Records"]:
            image = record["dynamodb"].get("NewImage", {})
            if record["eventName"] != "INSERT" or not image["sk"]["S"].startswith("order/"):
                continue
            name = f"{self.random.getrandbits(64):016x}"
            body = {
                "client_order_id": name, "symbol": image["symbol"]["S"], "side": "buy", "type": "market",
                "time_in_force": "day", "qty": image["quantity"]["N"],
            }  # fmt: skip
            status, _ = self.ask("POST", "/v2/orders", body)
            if status >= 500 or status == 429:
                raise RuntimeError(f"the broker said {status}")

    def webhook(self, event, context):
        """A fill is told: add it."""
        fill = json.loads(event["body"])
        if fill["kind"] == "fill":
            self.client.json("dynamodb", "UpdateItem", {
                "TableName": TABLE, "Key": _key("position"), "UpdateExpression": "ADD quantity :some",
                "ExpressionAttributeValues": {":some": {"N": fill["quantity"]}},
            })  # fmt: skip
        return {"statusCode": 200}
