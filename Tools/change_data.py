"""Streams of changes, made from tables or from a recorded stream of events: for Tools/data.py."""

import base64
import gzip
import json
import random

FORMS = ("export", "streams", "kinesis", "envelope")
START_SECOND = 1_758_794_400
INSERT_SHARE, UPDATE_SHARE = 0.5, 0.4


def dumped(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def record(form, micros, keys, old, new, table=None):
    """One change as a line of text (bytes).

    keys, old and new are DynamoDB JSON as text; without new it is a deletion.
    """
    images = f'"Keys":{keys}'
    if form == "export":
        images += f',"OldImage":{old}' if old else ""
        images += f',"NewImage":{new}' if new else ""
        images += f',"Table":"{table}"' if table else ""
        text = f'{{"Metadata":{{"WriteTimestampMicros":{{"N":"{micros}"}}}},{images}}}\n'
        return text.encode()
    images += f',"NewImage":{new}' if new else ""
    images += f',"OldImage":{old}' if old else ""
    event = "REMOVE" if not new else "MODIFY" if old else "INSERT"
    if form == "streams":
        arn = "arn:aws:dynamodb:eu-west-1:123456789012:table"
        source = f',"eventSourceARN":"{arn}/{table}/stream/2025-09-25T10:00:00.000"'
        text = (
            f'{{"eventID":"{micros:032x}","eventName":"{event}","eventVersion":"1.1",'
            f'"eventSource":"aws:dynamodb","awsRegion":"eu-west-1","dynamodb":{{'
            f'"ApproximateCreationDateTime":{micros // 1_000_000},{images},'
            f'"SequenceNumber":"{micros:021}","StreamViewType":"NEW_AND_OLD_IMAGES"}}'
            f'{source if table else ""}}}')
        return (text + "\n").encode()
    text = (
        f'{{"awsRegion":"eu-west-1","eventName":"{event}","tableName":"{table or "Orders"}",'
        f'"dynamodb":{{"ApproximateCreationDateTime":{micros},'
        f'"ApproximateCreationDateTimePrecision":"MICROSECOND",{images}}},'
        '"eventSource":"aws:dynamodb"}')
    if form == "envelope":
        data = base64.b64encode(text.encode()).decode()
        text = f'{{"SequenceNumber":"{micros}","Data":"{data}","PartitionKey":"x"}}'
    return (text + "\n").encode()


def changes_of(lines, count, with_quantity, seed, per_second=100, start=START_SECOND):
    """A stream of changes of a table that begins empty.

    Half of them insert a line, in the order of the lines; four in ten change a quantity, one in ten
    deletes, and what was deleted may come back. Yields (micros, keys, old, new), images as text.
    """
    generator = random.Random(f"{seed} changes")
    waiting = list(range(len(lines) - 1, -1, -1))
    live, images = [], {}
    step = 1_000_000 // per_second
    for number in range(count):
        micros = start * 1_000_000 + number // per_second * 1_000_000 + number % per_second * step
        choice = generator.random()
        if waiting and (choice < INSERT_SHARE or not live):
            index = waiting.pop()
            new = lines[index]
            images[index] = new
            live.append(index)
            yield micros, keys_of(new), None, image_of(new)
            continue
        place = generator.randrange(len(live))
        index = live[place]
        old = images[index]
        if choice < INSERT_SHARE + UPDATE_SHARE or not waiting and choice < 0.95:
            new = with_quantity(old, lambda: generator.randint(1, 999))
            images[index] = new
            yield micros, keys_of(old), image_of(old), image_of(new)
        else:
            live[place] = live[-1]
            live.pop()
            del images[index]
            # Some come back soon, most later.
            at = len(waiting) if generator.random() < 0.3 else generator.randrange(len(waiting) + 1)
            waiting.insert(at, index)
            yield micros, keys_of(old), image_of(old), None


def image_of(line):
    """The item of a line {"Item":{...}}, as text."""
    return line[len(b'{"Item":'):-2].decode()


def keys_of(line):
    """InvoiceNo and Line of an order line, which stand first, as text."""
    return image_of(line).split(',"StockCode"')[0].split(',"Quantity"')[0] + "}"


def events_of(path, attribute_value, number):
    """The changes of a recorded stream: lines {ts, op, key, new}.

    The table's partition key is an attribute `key`. Yields (micros, keys, old, new), as
    `changes_of` does.
    """
    images = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            event = json.loads(line, parse_int=number, parse_float=number)
            keys = {"key": {"S": event["key"]}}
            old = images.get(event["key"])
            new = None
            if event["op"] != "REMOVE":
                item = {name: attribute_value(value) for name, value in event["new"].items()}
                new = images[event["key"]] = dumped(keys | item)
            else:
                images.pop(event["key"], None)
            yield int(event["ts"]) * 1_000_000, dumped(keys), old, new
