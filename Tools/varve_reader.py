#!/usr/bin/env python3
"""An independent reader of the Varve archive format, version 1.

Written from the pages of `Spec/` alone, with nothing but Python's standard library (the package
`lz4` is used when it is there, since it is faster). It lists, verifies and restores what a
repository in a directory holds, and thereby proves that the specification is complete.

    varve_reader.py list REPOSITORY [--json]
    varve_reader.py verify REPOSITORY [--quick] [-v] [-q]
    varve_reader.py restore REPOSITORY TABLE (--backup NAME | --at TIME | --latest)
    varve_reader.py history REPOSITORY TABLE KEY
    varve_reader.py dump REPOSITORY NAME

Exit codes: 0 all is well, 1 a problem was found (one line each on standard error), 2 wrong usage.
"""

import argparse
import array
import base64
import bisect
import collections
import datetime
import decimal
import hashlib
import heapq
import itertools
import json
import mmap
import operator
import os
import re
import struct
import sys
import zlib

try:
    from lz4 import block as lz4_block
except ImportError:
    lz4_block = None

# ------------------------------------------------------------------------------------------------
# Bytes (Spec 01): errors with places, cursors, variable-length integers
# ------------------------------------------------------------------------------------------------

sha256 = hashlib.sha256
integer_from_bytes = int.from_bytes

MASK_64 = (1 << 64) - 1
MASK_256 = (1 << 256) - 1
MICROSECONDS = 1_000_000
TIME_LEAST = -62_135_596_800 * MICROSECONDS
TIME_GREATEST = 253_402_300_800 * MICROSECONDS - 1

SEALED_BYTES_MAX = 67_108_864
BLOB_BYTES_MAX = 67_108_864
PACK_BYTES_LIMIT = 1 << 31
PAGE_ENTRIES_MAX = 1_048_576
TREE_HEIGHT_MAX = 16
NESTING_MAX = 32
ITEM_BYTES_MAX = 409_600
NAME_BYTES_MAX = 65_535
TEXT_BYTES_MAX = 65_535
SETTINGS_BYTES_MAX = 1_048_576
SOURCE_POSITION_BYTES_MAX = 65_535
PARTITION_KEY_BYTES_MAX = 2_048
SORT_KEY_BYTES_MAX = 1_024


class Damage(Exception):
    """Bytes that do not follow the specification, or that are missing.

    `where` names the object or blob, `offset` the byte in it (None when there is no one place).
    """

    def __init__(self, message, where="", offset=None):
        super().__init__(message)
        self.message = message
        self.where = where
        self.offset = offset

    def __str__(self):
        place = self.where
        if self.offset is not None:
            place += f" at offset {self.offset}"
        return f"{place}: {self.message}" if place else self.message


class Cursor:
    """Reads the notation of Spec 01 from a stretch of bytes; every error tells its offset."""

    __slots__ = ("data", "position", "end", "where")

    def __init__(self, data, where, position=0, end=None):
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end
        self.where = where

    def fail(self, message, offset=None):
        raise Damage(message, self.where, self.position if offset is None else offset)

    @property
    def remaining(self):
        return self.end - self.position

    def take(self, count):
        start = self.position
        if count > self.end - start:
            self.fail(f"{count} bytes are needed and {self.end - start} are left")
        self.position = start + count
        return self.data[start:start + count]

    def u8(self):
        if self.position >= self.end:
            self.fail("the bytes end early")
        value = self.data[self.position]
        self.position += 1
        return value

    def u16(self):
        return int.from_bytes(self.take(2), "little")

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def time(self):
        start = self.position
        value = int.from_bytes(self.take(8), "little", signed=True)
        if not TIME_LEAST <= value <= TIME_GREATEST:
            self.fail("a time outside the years 1 to 9999", start)
        return value

    def digest(self):
        return int.from_bytes(self.take(32), "little")

    def _base128(self, bytes_max, bits):
        data, position, end, start = self.data, self.position, self.end, self.position
        value = shift = 0
        while True:
            if position >= end:
                self.fail("the bytes end within a varint", start)
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if position - start >= bytes_max:
                self.fail("a varint is too long", start)
        if byte == 0 and shift:
            self.fail("a varint is not minimal", start)
        if value >> bits:
            self.fail(f"a varint is greater than {bits} bits hold", start)
        self.position = position
        return value

    def varint(self):
        return self._base128(10, 64)

    def number(self):
        """A sequence, number or ordinal: the one after it is a number too (page 13)."""
        start = self.position
        value = self.varint()
        if value >= 1 << 63:
            self.fail("a number is not less than 2^63", start)
        return value

    def svarint(self):
        value = self._base128(10, 64)
        return (value >> 1) ^ -(value & 1)

    def swide(self):
        value = self._base128(19, 128)
        return (value >> 1) ^ -(value & 1)

    def count(self, least_bytes, name, least=0, greatest=None):
        """A count of things that take at least `least_bytes` bytes each of what remains."""
        start = self.position
        value = self.varint()
        if value * least_bytes > self.end - self.position:
            self.fail(f"{value} {name} do not fit the bytes that remain", start)
        if value < least or (greatest is not None and value > greatest):
            self.fail(f"{value} {name} are outside what is allowed", start)
        return value

    def bytes(self):
        start = self.position
        length = self.varint()
        if length > self.end - self.position:
            self.fail(f"a length of {length} is more than the bytes that remain", start)
        return self.take(length)

    def text_bytes(self):
        """A `text`, as its bytes, which are checked to be UTF-8."""
        start = self.position
        content = self.bytes()
        if not content.isascii():
            check_text(content, self.where, start)
        return content

    def text(self, limit=TEXT_BYTES_MAX):
        start = self.position
        content = self.text_bytes()
        if len(content) > limit:
            self.fail(f"a text of {len(content)} bytes is longer than {limit}", start)
        return content.decode("utf-8")

    def nested(self):
        """A cursor over a `bytes`, with offsets of the whole."""
        start = self.position
        length = self.varint()
        if length > self.end - self.position:
            self.fail(f"a length of {length} is more than the bytes that remain", start)
        inner = Cursor(self.data, self.where, self.position, self.position + length)
        self.position += length
        return inner

    def finish(self, what):
        if self.position != self.end:
            self.fail(f"{self.end - self.position} bytes are left over after {what}")


def check_text(content, where, offset=None):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise Damage("a text is not valid UTF-8", where, offset) from None


def varint(value):
    """The bytes of a `varint` (or `wide`)."""
    if value < 0x80:
        return SMALL_BYTES[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


SMALL_BYTES = [bytes([value]) for value in range(256)]


def zigzag(value):
    return value << 1 if value >= 0 else (-value << 1) - 1


def text(content):
    """The bytes of a `text` or `bytes`."""
    return varint(len(content)) + content


def varint_size(value):
    return (value.bit_length() + 6) // 7 or 1


def varint_sizes(values):
    """Sum of the sizes of many varints; fast when all are small."""
    if not values:
        return 0
    if max(values) < 0x80:
        return len(values)
    return sum([(value.bit_length() + 6) // 7 or 1 for value in values])


def write_varints(values):
    if not values:
        return b""
    if max(values) < 0x80:
        return bytes(values)
    return b"".join(map(varint, values))


def read_varints(data, position, count, where, bits=64):
    """`count` varints from `position` on, as a list, and the position after them."""
    if count > len(data) - position:
        raise Damage(f"{count} varints do not fit the bytes that remain", where, position)
    chunk = data[position:position + count]
    if chunk.isascii():
        return list(chunk), position + count
    values = []
    append = values.append
    start = position
    try:
        for _ in range(count):
            start = position
            byte = data[position]
            position += 1
            if byte < 0x80:
                append(byte)
                continue
            value = byte & 0x7F
            shift = 7
            while True:
                byte = data[position]
                position += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift >= bits + 6:
                    raise Damage("a varint is too long", where, start)
            if not byte:
                raise Damage("a varint is not minimal", where, start)
            if value >> bits:
                raise Damage(f"a varint is greater than {bits} bits hold", where, start)
            append(value)
    except IndexError:
        raise Damage("the bytes end within a varint", where, start) from None
    return values, position


def read_svarints(data, position, count, where):
    values, position = read_varints(data, position, count, where)
    return [(value >> 1) ^ -(value & 1) for value in values], position


class Memory(dict):
    """A dictionary that fills itself by a function and never grows beyond a bound."""

    def __init__(self, function, limit=200_000):
        super().__init__()
        self.function = function
        self.limit = limit

    def __missing__(self, key):
        if len(self) >= self.limit:
            self.clear()
        value = self.function(key)
        self[key] = value
        return value


def is_ascending(values):
    return all(map(operator.lt, values, itertools.islice(values, 1, None)))


def format_time(microseconds):
    """A time as RFC 3339 in UTC."""
    seconds, fraction = divmod(microseconds, MICROSECONDS)
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds} s"
    written = moment.isoformat()
    return f"{written}.{fraction:06d}Z" if fraction else f"{written}Z"


def digest_hex(value):
    return (value & MASK_256).to_bytes(32, "little").hex()


# ------------------------------------------------------------------------------------------------
# LZ4 blocks (Spec 08)
# ------------------------------------------------------------------------------------------------


def decompress_lz4(stored, plain_length, where):
    """One LZ4 block; raises `Damage` unless it gives exactly `plain_length` bytes."""
    if plain_length > 255 * len(stored) + 64:
        raise Damage("an LZ4 block cannot hold as many bytes as it claims", where)
    if lz4_block is None:
        plain = decompress_lz4_slowly(stored, plain_length, where)
    else:
        try:
            plain = lz4_block.decompress(stored, uncompressed_size=plain_length)
        except Exception:
            raise Damage("the LZ4 block is damaged", where) from None
    if len(plain) != plain_length:
        raise Damage(f"the LZ4 block gives {len(plain)} bytes, not {plain_length}", where)
    return plain


def decompress_lz4_slowly(stored, plain_length, where):
    """The decoder for where the package `lz4` is missing."""
    out = bytearray()
    position, end = 0, len(stored)
    try:
        while True:
            token = stored[position]
            position += 1
            literals = token >> 4
            if literals == 15:
                while True:
                    more = stored[position]
                    position += 1
                    literals += more
                    if more != 255:
                        break
            if literals > end - position or len(out) + literals > plain_length:
                raise Damage("the LZ4 block is damaged", where)
            out += stored[position:position + literals]
            position += literals
            if position == end:
                return bytes(out)
            distance = stored[position] | stored[position + 1] << 8
            position += 2
            length = token & 15
            if length == 15:
                while True:
                    more = stored[position]
                    position += 1
                    length += more
                    if more != 255:
                        break
            length += 4
            start = len(out) - distance
            if distance == 0 or start < 0 or len(out) + length > plain_length:
                raise Damage("the LZ4 block is damaged", where)
            if distance >= length:
                out += out[start:start + length]
            else:
                pattern = bytes(out[start:])
                out += (pattern * (length // distance + 1))[:length]
    except IndexError:
        raise Damage("the LZ4 block ends early", where) from None


# ------------------------------------------------------------------------------------------------
# Items (Spec 03): numbers, values, sizes, DynamoDB JSON
# ------------------------------------------------------------------------------------------------

TAG_STRING, TAG_NUMBER, TAG_BINARY, TAG_BOOLEAN, TAG_NULL = 1, 2, 3, 4, 5
TAG_MAP, TAG_LIST, TAG_STRING_SET, TAG_NUMBER_SET, TAG_BINARY_SET = 6, 7, 8, 9, 10
TYPE_OUTLINED = 11
TYPE_LETTERS = {
    1: "S", 2: "N", 3: "B", 4: "BOOL", 5: "NULL", 6: "M", 7: "L", 8: "SS", 9: "NS", 10: "BS",
}

quote = json.encoder.encode_basestring


def quote_text(content):
    return quote(content.decode("utf-8"))


def quote_binary(content):
    return '"' + base64.b64encode(content).decode("ascii") + '"'


# A number is a pair (coefficient, exponent) in normal form.


def number_problem(coefficient, exponent):
    """What is wrong with a number that should be in normal form, or None."""
    if coefficient == 0:
        return None if exponent == 0 else "zero has an exponent"
    digits = len(str(abs(coefficient)))
    if coefficient % 10 == 0:
        return "a coefficient is divisible by 10"
    if digits > 38:
        return "a number has more than 38 digits"
    if not -130 <= exponent + digits - 1 <= 125:
        return "a number is outside the magnitudes that are allowed"
    return None


def normalize(coefficient, exponent):
    if coefficient == 0:
        return (0, 0)
    while coefficient % 10 == 0:
        coefficient //= 10
        exponent += 1
    return (coefficient, exponent)


def number_text(number):
    """The number in plain decimal digits."""
    coefficient, exponent = number
    digits = str(abs(coefficient))
    sign = "-" if coefficient < 0 else ""
    if exponent >= 0:
        return sign + digits + "0" * exponent
    if len(digits) > -exponent:
        return f"{sign}{digits[:exponent]}.{digits[exponent:]}"
    return f"{sign}0.{'0' * (-exponent - len(digits))}{digits}"


def number_size(number):
    """What DynamoDB bills for a number."""
    coefficient, exponent = number
    if coefficient == 0:
        return 1
    digits = len(str(abs(coefficient))) + (exponent & 1)
    return (digits + 1) // 2 + 1 + (coefficient < 0)


NUMBER_BYTES = Memory(lambda number: varint(zigzag(number[1])) + varint(zigzag(number[0])))
NUMBER_TEXT = Memory(lambda number: '"' + number_text(number) + '"')
NUMBER_SIZE = Memory(number_size)
NUMBER_PROBLEM = Memory(lambda number: number_problem(*number))


def read_number(cursor):
    start = cursor.position
    exponent = cursor.svarint()
    number = (cursor.swide(), exponent)
    problem = NUMBER_PROBLEM[number]
    if problem:
        cursor.fail(problem, start)
    return number


def read_payload(cursor, tag, depth):
    """Checks a payload; returns its billed size and its DynamoDB JSON.

    `depth` is how many maps and lists stand around the value.
    """
    if tag == TAG_STRING:
        content = cursor.text_bytes()
        return len(content), quote_text(content)
    if tag == TAG_NUMBER:
        number = read_number(cursor)
        return NUMBER_SIZE[number], NUMBER_TEXT[number]
    if tag == TAG_BINARY:
        content = cursor.bytes()
        return len(content), quote_binary(content)
    if tag == TAG_BOOLEAN:
        flag = cursor.u8()
        if flag > 1:
            cursor.fail("a BOOL is neither 0 nor 1", cursor.position - 1)
        return 1, "true" if flag else "false"
    if tag == TAG_NULL:
        return 1, "true"
    if tag in (TAG_MAP, TAG_LIST):
        return read_container(cursor, tag, depth + 1)
    if tag in (TAG_STRING_SET, TAG_NUMBER_SET, TAG_BINARY_SET):
        return read_set(cursor, tag)
    return cursor.fail(f"{tag:02x} is no type of value", cursor.position - 1)


def read_container(cursor, tag, depth):
    if depth > NESTING_MAX:
        cursor.fail("maps and lists nest too deep")
    is_map = tag == TAG_MAP
    count = cursor.count(2 if is_map else 1, "elements")
    size = 3
    parts = []
    before = None
    for _ in range(count):
        name = ""
        if is_map:
            start = cursor.position
            key = cursor.text_bytes()
            if before is not None and key <= before:
                cursor.fail("names of a map do not ascend", start)
            if len(key) > NAME_BYTES_MAX:
                cursor.fail("a name in a map is too long", start)
            before = key
            size += len(key)
            name = quote_text(key) + ":"
        inner = cursor.u8()
        inner_size, inner_json = read_payload(cursor, inner, depth)
        size += 1 + inner_size
        parts.append(f'{name}{{"{TYPE_LETTERS[inner]}":{inner_json}}}')
    body = ",".join(parts)
    return size, "{" + body + "}" if is_map else "[" + body + "]"


def read_set(cursor, tag):
    count = cursor.count(1, "elements of a set", least=1)
    size = 0
    parts = []
    before = None
    for _ in range(count):
        start = cursor.position
        if tag == TAG_NUMBER_SET:
            number = read_number(cursor)
            order = encode_number_key(number)
            size += NUMBER_SIZE[number]
            parts.append(NUMBER_TEXT[number])
        elif tag == TAG_STRING_SET:
            order = cursor.text_bytes()
            size += len(order)
            parts.append(quote_text(order))
        else:
            order = cursor.bytes()
            size += len(order)
            parts.append(quote_binary(order))
        if before is not None and order <= before:
            cursor.fail("elements of a set do not ascend", start)
        before = order
    return size, "[" + ",".join(parts) + "]"


def read_whole_payload(payload, tag, where):
    cursor = Cursor(payload, where)
    result = read_payload(cursor, tag, 0)
    cursor.finish("a value")
    return result


# ------------------------------------------------------------------------------------------------
# Keys (Spec 04)
# ------------------------------------------------------------------------------------------------


def encode_number_key(number):
    coefficient, exponent = number
    if coefficient == 0:
        return b"\x80\x00"
    digits = str(abs(coefficient))
    head = 0x8000 + exponent + len(digits) + 130
    if len(digits) & 1:
        digits += "0"
    pairs = [2 * int(digits[i:i + 2]) + 1 for i in range(0, len(digits), 2)]
    pairs[-1] -= 1
    encoded = head.to_bytes(2, "big") + bytes(pairs)
    if coefficient < 0:
        return bytes([0xFF - byte for byte in encoded])
    return encoded


def decode_number_key(data, position, where):
    """The number at `position` of a key, and the position after it."""
    head = data[position:position + 2]
    if len(head) < 2:
        raise Damage("a number key ends early", where, position)
    start = position
    position += 2
    if head == b"\x80\x00":
        return (0, 0), position
    negative = head[0] < 0x80
    flip = 0xFF if negative else 0
    exponent = ((head[0] ^ flip) << 8 | (head[1] ^ flip)) - 0x8000 - 130
    coefficient = count = 0
    while True:
        if position >= len(data) or count >= 40:
            raise Damage("a number key ends early or has too many digits", where, start)
        byte = data[position] ^ flip
        position += 1
        coefficient = coefficient * 100 + (byte >> 1)
        count += 2
        if not byte & 1:
            break
    number = normalize(-coefficient if negative else coefficient, exponent - count)
    if number_problem(*number) or encode_number_key(number) != data[start:position]:
        raise Damage("a number key is not in normal form", where, start)
    return number, position


NUMBER_KEY = Memory(encode_number_key)


def escape_key(content):
    """first(S|B): a partition key that a sort key follows."""
    return content.replace(b"\x00", b"\x00\xff") + b"\x00\x01"


ESCAPED_KEY = Memory(escape_key)


def decode_key(key, partition_type, sort_type, where):
    """The key attributes of a key: bytes for S and B, a number for N; sort is None without one."""
    if sort_type == 0:
        partition, position = decode_last(key, 0, partition_type, where)
        return partition, None
    if partition_type == TAG_NUMBER:
        partition, position = decode_number_key(key, 0, where)
    else:
        end = position = 0
        while True:
            end = key.find(b"\x00", position)
            if end < 0 or end + 1 >= len(key):
                raise Damage("a partition key has no end", where)
            if key[end + 1] == 1:
                break
            if key[end + 1] != 0xFF:
                raise Damage("a partition key has a wrong escape", where, end)
            position = end + 2
        partition = key[:end].replace(b"\x00\xff", b"\x00")
        position = end + 2
    sort, position = decode_last(key, position, sort_type, where)
    return partition, sort


def decode_last(key, position, kind, where):
    if kind == TAG_NUMBER:
        number, position = decode_number_key(key, position, where)
        if position != len(key):
            raise Damage("bytes are left over after a key", where, position)
        return number, position
    return key[position:], len(key)


# ------------------------------------------------------------------------------------------------
# Digests (Spec 05)
# ------------------------------------------------------------------------------------------------


def item_hash(key, value):
    """The hash of one item, as the integer that table digests sum."""
    length = len(key)
    head = SMALL_BYTES[length] if length < 0x80 else varint(length)
    return integer_from_bytes(sha256(b"\x01" + head + key + value).digest(), "little")


def change_hash(key, time, value):
    """The hash of one change; `value` is None for a delete."""
    message = b"\x02" + varint(len(key)) + key + time.to_bytes(8, "little", signed=True)
    message += b"\x00" if value is None else b"\x01" + value
    return integer_from_bytes(sha256(message).digest(), "little")


# ------------------------------------------------------------------------------------------------
# Cut rule (Spec 06)
# ------------------------------------------------------------------------------------------------

LEAF_WINDOW = 196_608
INDEX_WINDOW = 16_384
OUTLINE_BYTES = 16_384
INLINE_BYTES_MAX = 65_536
# No rule of the specification lets a leaf page weigh more; decoders refuse before taking memory.
LEAF_WEIGHT_LIMIT = 17 * LEAF_WINDOW


def _sip_round(v0, v1, v2, v3, mask):
    v0 = (v0 + v1) & mask
    v1 = ((v1 << 13) | (v1 >> 51)) & mask ^ v0
    v0 = ((v0 << 32) | (v0 >> 32)) & mask
    v2 = (v2 + v3) & mask
    v3 = ((v3 << 16) | (v3 >> 48)) & mask ^ v2
    v0 = (v0 + v3) & mask
    v3 = ((v3 << 21) | (v3 >> 43)) & mask ^ v0
    v2 = (v2 + v1) & mask
    v1 = ((v1 << 17) | (v1 >> 47)) & mask ^ v2
    v2 = ((v2 << 32) | (v2 >> 32)) & mask
    return v0, v1, v2, v3


def siphash_many(key, messages):
    """SipHash-2-4 of many messages at once.

    One Python integer carries the same word of many messages, each in a lane of 128 bits of which
    the upper 64 stay zero, so that one operation serves them all.
    """
    results = [0] * len(messages)
    groups = collections.defaultdict(list)
    for ordinal, message in enumerate(messages):
        groups[len(message) >> 3].append(ordinal)
    for whole_words, ordinals in groups.items():
        for start in range(0, len(ordinals), 2_048):
            _siphash_lanes(key, messages, ordinals[start:start + 2_048], whole_words + 1, results)
    return results


def _siphash_lanes(key, messages, ordinals, words, results):
    lanes = len(ordinals)
    stride = 8 * words
    padded = b"".join([
        messages[i].ljust(stride - 1, b"\x00") + SMALL_BYTES[len(messages[i]) & 0xFF]
        for i in ordinals
    ])
    ones = integer_from_bytes((b"\x01" + bytes(15)) * lanes, "little")
    mask = ones * MASK_64
    k0 = integer_from_bytes(key[:8], "little")
    k1 = integer_from_bytes(key[8:], "little")
    v0 = ones * (k0 ^ 0x736F6D6570736575)
    v1 = ones * (k1 ^ 0x646F72616E646F6D)
    v2 = ones * (k0 ^ 0x6C7967656E657261)
    v3 = ones * (k1 ^ 0x7465646279746573)
    for word in range(words):
        lane_bytes = bytearray(16 * lanes)
        for byte in range(8):
            lane_bytes[byte::16] = padded[8 * word + byte::stride]
        m = integer_from_bytes(lane_bytes, "little")
        v3 ^= m
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3, mask)
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3, mask)
        v0 ^= m
    v2 ^= ones * 0xFF
    for _ in range(4):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3, mask)
    hashes = (v0 ^ v1 ^ v2 ^ v3).to_bytes(16 * lanes, "little")
    for ordinal, (value, _) in zip(ordinals, struct.iter_unpack("<QQ", hashes)):
        results[ordinal] = value


def cut_messages(level, is_run, keys, times=None, sequences=None):
    """What is hashed for each entry of a page."""
    head = bytes([level, 2 if is_run else 1])
    if not is_run:
        return [head + key for key in keys]
    pack = struct.Struct(">QQ").pack
    bias = 1 << 63
    return [
        head + key + pack(time + bias, sequence)
        for key, time, sequence in zip(keys, times, sequences)
    ]


class CutRule:
    """Follows one level of a tree, entry by entry, and says where its pages should have ended.

    Memory is that of the pages' ends and of one window of entries.
    """

    def __init__(self, window):
        self.window = window
        self.forced = 16 * window
        self.weight = 0
        self.count = 0
        self.pending = collections.deque()  # (end, hash, may be a cut, ordinal), hashes descending
        self.natural = []                   # (ordinal, end) of cuts but for the last window
        self.pages = []                     # (last entry's ordinal, end, weight, last's weight)

    def feed(self, weights, hashes):
        """One page's entries."""
        window, pending, end, ordinal = self.window, self.pending, self.weight, self.count
        start = end
        for weight, value in zip(weights, hashes):
            end += weight
            while pending and end - pending[0][0] > window:
                self._resolve(pending.popleft())
            may_cut = True
            while pending and pending[-1][1] <= value:
                if pending.pop()[1] == value:
                    may_cut = False
            pending.append((end, value, may_cut and not pending, ordinal))
            ordinal += 1
        self.weight, self.count = end, ordinal
        self.pages.append((ordinal - 1, end, end - start, weights[-1]))

    def _resolve(self, entry):
        end, _, may_cut, ordinal = entry
        if may_cut and end >= self.window:
            self.natural.append((ordinal, end))

    def problems(self):
        """After the last page: every page end that is wrong or missing, in words."""
        for entry in self.pending:
            self._resolve(entry)
        self.pending.clear()
        natural = {o for o, end in self.natural if self.weight - end >= self.window}
        ends = {page[0] for page in self.pages}
        for ordinal in sorted(natural - ends):
            yield f"no page ends at entry {ordinal}, where the cut rule cuts"
        for ordinal, _, weight, last in self.pages:
            if weight - last >= self.forced:
                yield f"the page that ends at entry {ordinal} should have been cut by force before"
            elif ordinal not in natural and ordinal != self.count - 1 and weight < self.forced:
                yield f"a page ends at entry {ordinal}, where the cut rule does not cut"


def expected_outlines(attributes):
    """Which attributes of an item the rule outlines: `attributes` are (name, encoded length)."""
    outlined = {name for name, length in attributes if length >= OUTLINE_BYTES}
    inline = [pair for pair in attributes if pair[0] not in outlined]
    total = sum(len(text(name)) + length for name, length in inline)
    inline.sort(key=lambda pair: (-pair[1], pair[0]))
    for name, length in inline:
        if total <= INLINE_BYTES_MAX:
            break
        outlined.add(name)
        total -= len(text(name)) + length
    return outlined


# ------------------------------------------------------------------------------------------------
# Columns (Spec 07)
# ------------------------------------------------------------------------------------------------

HALF_RANGE = 1 << 62


def read_indexes(data, position, count, entries, where):
    """Indexes into a dictionary, which must name its entries in order of first appearance."""
    start = position
    if entries <= 256:
        indexes = list(data[position:position + count])
        if len(indexes) != count:
            raise Damage("a dictionary's indexes end early", where, position)
        position += count
    else:
        indexes, position = read_varints(data, position, count, where)
    if list(dict.fromkeys(indexes)) != list(range(entries)):
        raise Damage("a dictionary is not in order of first appearance", where, start)
    return indexes, position


def read_count(data, position, count, name, where):
    """The size of a dictionary or the number of runs: 1 … count."""
    (value,), after = read_varints(data, position, 1, where)
    if not 1 <= value <= count:
        raise Damage(f"a column of {count} values has {value} {name}", where, position)
    return value, after


def read_run_lengths(data, position, runs, count, where):
    lengths, after = read_varints(data, position, runs, where)
    if sum(lengths) + runs != count:
        raise Damage("the lengths of runs do not add up to the column", where, position)
    return lengths, after


def spread(values, lengths):
    return list(itertools.chain.from_iterable(
        [itertools.repeat(value, length + 1) for value, length in zip(values, lengths)]))


def neighbours_differ(values):
    return all(map(operator.ne, values, itertools.islice(values, 1, None)))


def start_column(data, count, where):
    if count == 0:
        if data:
            raise Damage("a column of no values has bytes", where, 0)
        return None
    if not data:
        raise Damage("a column has no bytes", where, 0)
    return data[0]


def finish_column(data, position, where):
    if position != len(data):
        raise Damage(f"{len(data) - position} bytes are left over in a column", where, position)


def decode_integers(data, count, where):
    """A column of u64."""
    code = start_column(data, count, where)
    if code is None:
        return []
    if code == 0:
        values, position = read_varints(data, 1, count, where)
    elif code == 1:
        entries, position = read_count(data, 1, count, "dictionary entries", where)
        dictionary, position = read_varints(data, position, entries, where)
        if len(set(dictionary)) != entries:
            raise Damage("a dictionary's values are not distinct", where, position)
        indexes, position = read_indexes(data, position, count, entries, where)
        values = [dictionary[index] for index in indexes]
    elif code == 2:
        (first,), position = read_varints(data, 1, 1, where)
        steps, position = read_svarints(data, position, count - 1, where)
        values = [value & MASK_64 for value in itertools.accumulate(steps, initial=first)]
    elif code == 4:
        runs, position = read_count(data, 1, count, "runs", where)
        distinct, position = read_varints(data, position, runs, where)
        lengths, position = read_run_lengths(data, position, runs, count, where)
        if not neighbours_differ(distinct):
            raise Damage("neighbouring runs are equal", where, position)
        values = spread(distinct, lengths)
    else:
        raise Damage(f"integers have no encoding {code}", where, 0)
    finish_column(data, position, where)
    return values


def read_numbers(data, position, count, where):
    cursor = Cursor(data, where, position)
    if 2 * count > cursor.remaining:
        cursor.fail(f"{count} numbers do not fit the bytes that remain")
    return [read_number(cursor) for _ in range(count)], cursor.position


def scale_numbers(integers, exponent, where):
    """Normal forms of x × 10^exponent, with what the encodings 2 and 3 demand."""
    if not -300 <= exponent <= 300:
        raise Damage("the common exponent is outside what numbers have", where, 1)
    known = {}
    least = None
    for value in set(integers):
        if not -HALF_RANGE <= value <= HALF_RANGE:
            raise Damage("a value is outside -2^62 to 2^62", where)
        number = normalize(value, exponent)
        problem = NUMBER_PROBLEM[number]
        if problem:
            raise Damage(problem, where)
        known[value] = number
        if value and (least is None or number[1] < least):
            least = number[1]
    if exponent != (least or 0):
        raise Damage("the common exponent is not the least", where, 1)
    return [known[value] for value in integers]


def decode_numbers(data, count, where):
    """A column of numbers, as pairs (coefficient, exponent)."""
    code = start_column(data, count, where)
    if code is None:
        return []
    if code == 0:
        values, position = read_numbers(data, 1, count, where)
    elif code == 1:
        entries, position = read_count(data, 1, count, "dictionary entries", where)
        dictionary, position = read_numbers(data, position, entries, where)
        if len(set(dictionary)) != entries:
            raise Damage("a dictionary's values are not distinct", where, position)
        indexes, position = read_indexes(data, position, count, entries, where)
        values = [dictionary[index] for index in indexes]
    elif code == 2:
        (exponent, first), position = read_svarints(data, 1, 2, where)
        steps, position = read_svarints(data, position, count - 1, where)
        integers = [
            ((value + (1 << 63)) & MASK_64) - (1 << 63)
            for value in itertools.accumulate(steps, initial=first)
        ]
        values = scale_numbers(integers, exponent, where)
    elif code == 3:
        (exponent,), position = read_svarints(data, 1, 1, where)
        integers, position = read_svarints(data, position, count, where)
        values = scale_numbers(integers, exponent, where)
    elif code == 4:
        runs, position = read_count(data, 1, count, "runs", where)
        distinct, position = read_numbers(data, position, runs, where)
        lengths, position = read_run_lengths(data, position, runs, count, where)
        if not neighbours_differ(distinct):
            raise Damage("neighbouring runs are equal", where, position)
        values = spread(distinct, lengths)
    else:
        raise Damage(f"numbers have no encoding {code}", where, 0)
    finish_column(data, position, where)
    return values


def slice_contents(data, position, lengths, where):
    ends = list(itertools.accumulate(lengths, initial=position))
    if ends[-1] > len(data):
        raise Damage("the contents of strings end early", where, position)
    return [data[a:b] for a, b in zip(ends, ends[1:])], ends[-1]


def decode_strings(data, count, where):
    """A column of strings, as bytes."""
    code = start_column(data, count, where)
    if code is None:
        return []
    if code == 0:
        lengths, position = read_varints(data, 1, count, where)
        values, position = slice_contents(data, position, lengths, where)
    elif code == 1:
        entries, position = read_count(data, 1, count, "dictionary entries", where)
        lengths, position = read_varints(data, position, entries, where)
        dictionary, position = slice_contents(data, position, lengths, where)
        if len(set(dictionary)) != entries:
            raise Damage("a dictionary's values are not distinct", where, position)
        indexes, position = read_indexes(data, position, count, entries, where)
        values = [dictionary[index] for index in indexes]
    elif code == 3:
        values, position = decode_shared_prefixes(data, count, where)
    elif code == 4:
        runs, position = read_count(data, 1, count, "runs", where)
        sizes, position = read_varints(data, position, runs, where)
        lengths, position = read_run_lengths(data, position, runs, count, where)
        distinct, position = slice_contents(data, position, sizes, where)
        if not neighbours_differ(distinct):
            raise Damage("neighbouring runs are equal", where, position)
        values = spread(distinct, lengths)
    else:
        raise Damage(f"strings have no encoding {code}", where, 0)
    finish_column(data, position, where)
    return values


def decode_shared_prefixes(data, count, where):
    pairs, position = read_varints(data, 1, 2 * count, where)
    shared_lengths = pairs[0::2]
    rests, position = slice_contents(data, position, pairs[1::2], where)
    values = []
    before = b""
    total = 0
    for shared, rest in zip(shared_lengths, rests):
        if shared > len(before):
            raise Damage("a string shares more than the string before has", where, 1)
        if rest and shared < len(before) and before[shared] == rest[0]:
            raise Damage("a string shares less than it could", where, 1)
        before = before[:shared] + rest
        total += len(before)
        if total > LEAF_WEIGHT_LIMIT:
            raise Damage("a column holds more than a page may", where, 1)
        values.append(before)
    return values, position


def write_indexes(values, dictionary):
    ordinals = {value: ordinal for ordinal, value in enumerate(dictionary)}
    indexes = [ordinals[value] for value in values]
    return bytes(indexes) if len(dictionary) <= 256 else write_varints(indexes)


def indexes_size(values, dictionary):
    if len(dictionary) <= 256:
        return len(values)
    ordinals = {value: ordinal for ordinal, value in enumerate(dictionary)}
    return varint_sizes([ordinals[value] for value in values])


def runs_of(values):
    """The runs of equal neighbours: their values, and their lengths less 1."""
    starts = [0]
    starts += [
        i for i, differ in enumerate(map(operator.ne, values, itertools.islice(values, 1, None)), 1)
        if differ
    ]
    ends = starts[1:] + [len(values)]
    return [values[i] for i in starts], [b - a - 1 for a, b in zip(starts, ends)]


def steps_of(integers):
    """Differences modulo 2^64, zigzag-mapped."""
    steps = list(map(operator.sub, itertools.islice(integers, 1, None), integers))
    half = 1 << 63
    if steps and not -half <= min(steps) <= max(steps) < half:
        steps = [(step + half & MASK_64) - half for step in steps]
    return [step << 1 if step >= 0 else ~(step << 1) for step in steps]


def cheapest(sizes):
    """The code of the fewest bytes, of equals the lowest."""
    return min(sizes, key=lambda code: (sizes[code], code))


def encode_integers(values):
    """The one payload that the specification allows for a column of integers."""
    if not values:
        return b""
    dictionary = list(dict.fromkeys(values))
    distinct, lengths = runs_of(values)
    steps = steps_of(values)
    code = cheapest({
        0: varint_sizes(values),
        1: varint_size(len(dictionary)) + varint_sizes(dictionary)
        + indexes_size(values, dictionary),
        2: varint_size(values[0]) + varint_sizes(steps),
        4: varint_size(len(distinct)) + varint_sizes(distinct) + varint_sizes(lengths),
    })
    if code == 0:
        return b"\x00" + write_varints(values)
    if code == 1:
        return (b"\x01" + varint(len(dictionary)) + write_varints(dictionary)
                + write_indexes(values, dictionary))
    if code == 2:
        return b"\x02" + varint(values[0]) + write_varints(steps)
    return b"\x04" + varint(len(distinct)) + write_varints(distinct) + write_varints(lengths)


def common_integers(numbers):
    """(exponent, integers) of the encodings 2 and 3, or None if they cannot express the column."""
    exponents = [exponent for coefficient, exponent in numbers if coefficient]
    least = min(exponents) if exponents else 0
    if exponents and max(exponents) - least > 18:
        return None
    scaled = {}
    for number in set(numbers):
        value = number[0] * 10 ** (number[1] - least) if number[0] else 0
        if not -HALF_RANGE <= value <= HALF_RANGE:
            return None
        scaled[number] = value
    return least, [scaled[number] for number in numbers]


def encode_numbers(numbers):
    """The one payload that the specification allows for a column of numbers."""
    if not numbers:
        return b""
    encoded = [NUMBER_BYTES[number] for number in numbers]
    dictionary = list(dict.fromkeys(encoded))
    distinct, lengths = runs_of(encoded)
    sizes = {
        0: sum(map(len, encoded)),
        1: varint_size(len(dictionary)) + sum(map(len, dictionary))
        + indexes_size(encoded, dictionary),
        4: varint_size(len(distinct)) + sum(map(len, distinct)) + varint_sizes(lengths),
    }
    common = common_integers(numbers)
    if common:
        head = varint(zigzag(common[0]))
        integers = common[1]
        first = varint(zigzag(integers[0]))
        steps = steps_of(integers)
        zigzags = [value << 1 if value >= 0 else (-value << 1) - 1 for value in integers]
        sizes[2] = len(head) + len(first) + varint_sizes(steps)
        sizes[3] = len(head) + varint_sizes(zigzags)
    code = cheapest(sizes)
    if code == 0:
        return b"\x00" + b"".join(encoded)
    if code == 1:
        return (b"\x01" + varint(len(dictionary)) + b"".join(dictionary)
                + write_indexes(encoded, dictionary))
    if code == 2:
        return b"\x02" + head + first + write_varints(steps)
    if code == 3:
        return b"\x03" + head + write_varints(zigzags)
    return b"\x04" + varint(len(distinct)) + b"".join(distinct) + write_varints(lengths)


def shared_prefix(before, after):
    """How many bytes two strings share at their start."""
    limit = min(len(before), len(after))
    if limit == 0 or before[0] != after[0]:
        return 0
    position = 0
    while limit - position > 64 and before[position:position + 64] == after[position:position + 64]:
        position += 64
    end = min(limit, position + 64)
    differences = (integer_from_bytes(before[position:end], "big")
                   ^ integer_from_bytes(after[position:end], "big"))
    return end - (differences.bit_length() + 7 >> 3)


def encode_strings(values):
    """The one payload that the specification allows for a column of strings."""
    if not values:
        return b""
    sizes_of = list(map(len, values))
    dictionary = list(dict.fromkeys(values))
    entry_sizes = list(map(len, dictionary))
    distinct, lengths = runs_of(values)
    run_sizes = list(map(len, distinct))
    shared = [0]
    shared += map(shared_prefix, distinct, itertools.islice(distinct, 1, None))
    if len(distinct) < len(values):
        shared = list(itertools.chain.from_iterable(
            [[count] + [size] * length if length else (count,)
             for count, size, length in zip(shared, run_sizes, lengths)]))
    rests = list(map(operator.sub, sizes_of, shared))
    code = cheapest({
        0: varint_sizes(sizes_of) + sum(sizes_of),
        1: varint_size(len(dictionary)) + varint_sizes(entry_sizes) + sum(entry_sizes)
        + indexes_size(values, dictionary),
        3: varint_sizes(shared) + varint_sizes(rests) + sum(rests),
        4: varint_size(len(distinct)) + varint_sizes(run_sizes) + varint_sizes(lengths)
        + sum(run_sizes),
    })
    if code == 0:
        return b"\x00" + write_varints(sizes_of) + b"".join(values)
    if code == 1:
        return (b"\x01" + varint(len(dictionary)) + write_varints(entry_sizes)
                + b"".join(dictionary) + write_indexes(values, dictionary))
    if code == 3:
        pairs = list(itertools.chain.from_iterable(zip(shared, rests)))
        return b"\x03" + write_varints(pairs) + b"".join(
            [value[count:] for value, count in zip(values, shared)])
    return (b"\x04" + varint(len(distinct)) + write_varints(run_sizes) + write_varints(lengths)
            + b"".join(distinct))


# ------------------------------------------------------------------------------------------------
# Leaf pages (Spec 07)
# ------------------------------------------------------------------------------------------------

KIND_IMAGE_LEAF, KIND_RUN_LEAF, KIND_IMAGE_INDEX, KIND_RUN_INDEX, KIND_VALUE = 1, 2, 3, 4, 5
KIND_CHECKPOINT_LEAF, KIND_CHECKPOINT_INDEX, KIND_TIME_LIST, KIND_TIME_LIST_INDEX = 6, 7, 8, 9
BLOB_TYPES = {
    1: "image leaf page", 2: "run leaf page", 3: "image index page", 4: "run index page",
    5: "outlined value", 6: "checkpoint leaf", 7: "checkpoint index", 8: "time list",
    9: "time list index",
}


class AttributeColumn:
    """One attribute of a leaf page: its name, its type and the values of the rows that have it.

    `values` are bytes (S, B and the payloads of M, L and sets), numbers as pairs, 0 and 1 (BOOL),
    None (NULL) or pairs (length, blob id) for outlined values.
    """

    __slots__ = ("name", "type", "values", "payload", "where", "_facts", "_encodings")

    def __init__(self, name, kind, values, payload, where):
        self.name = name
        self.type = kind
        self.values = values
        self.payload = payload
        self.where = where
        self._facts = self._encodings = None

    @property
    def is_outlined(self):
        return self.type == TYPE_OUTLINED

    def canonical_payload(self):
        """The bytes that the specification wants for these values."""
        if self.type == TAG_NULL or not self.values:
            return b""
        if self.type == TAG_NUMBER:
            return encode_numbers(self.values)
        if self.type == TAG_BOOLEAN:
            return encode_integers(self.values)
        if self.is_outlined:
            return encode_strings([varint(length) + blob for length, blob in self.values])
        return encode_strings(self.values)

    def encodings(self):
        """For each value its name, tag and payload as they stand in an item value (page 03)."""
        if self._encodings is None:
            self._encodings = self._encode()
        return self._encodings

    def _encode(self):
        head = text(self.name) + SMALL_BYTES[self.type]
        if self.type in (TAG_STRING, TAG_BINARY):
            known = {value: head + text(value) for value in set(self.values)}
        elif self.type == TAG_NUMBER:
            known = {value: head + NUMBER_BYTES[value] for value in set(self.values)}
        elif self.type == TAG_BOOLEAN:
            known = {0: head + b"\x00", 1: head + b"\x01"}
        elif self.type == TAG_NULL:
            return [head] * len(self.values)
        else:
            known = {value: head + value for value in set(self.values)}
        return [known[value] for value in self.values]

    def facts(self):
        """For each value (billed size with the name, DynamoDB JSON); checks each distinct value."""
        if self._facts is not None:
            return self._facts
        name = quote_text(self.name) + ':{"' + TYPE_LETTERS[self.type] + '":'
        length, where = len(self.name), self.where
        if self.type == TAG_STRING:
            known = {}
            for value in set(self.values):
                if not value.isascii():
                    check_text(value, where)
                known[value] = (length + len(value), name + quote_text(value) + "}")
        elif self.type == TAG_BINARY:
            known = {v: (length + len(v), name + quote_binary(v) + "}") for v in set(self.values)}
        elif self.type == TAG_NUMBER:
            known = {
                v: (length + NUMBER_SIZE[v], name + NUMBER_TEXT[v] + "}") for v in set(self.values)
            }
        elif self.type == TAG_BOOLEAN:
            known = {0: (length + 1, name + "false}"), 1: (length + 1, name + "true}")}
        elif self.type == TAG_NULL:
            known = {None: (length + 1, name + "true}")}
        else:
            known = {}
            for value in set(self.values):
                size, written = read_whole_payload(value, self.type, where)
                known[value] = (length + size, name + written + "}")
        self._facts = [known[value] for value in self.values]
        return self._facts


def read_outlined(blob, name, length, where):
    """An outlined value's bytes: its item encoding, billed size with the name, and JSON."""
    if len(blob) != length:
        raise Damage(f"an outlined value has {len(blob)} bytes, the row says {length}", where)
    if not blob or blob[0] not in TYPE_LETTERS:
        raise Damage("an outlined value has no valid tag", where, 0)
    size, written = read_whole_payload(blob[1:], blob[0], where)
    letter = TYPE_LETTERS[blob[0]]
    return (text(name) + blob, len(name) + size,
            f'{quote_text(name)}:{{"{letter}":{written}}}')


class KeyColumn:
    """The partition or sort keys of a leaf page."""

    __slots__ = ("type", "values", "payload", "where")

    def __init__(self, kind, values, payload, where):
        self.type = kind
        self.values = values
        self.payload = payload
        self.where = where

    def canonical_payload(self):
        if self.type == TAG_NUMBER:
            return encode_numbers(self.values)
        return encode_strings(self.values)

    def check(self, limit):
        if self.type == TAG_NUMBER:
            return
        lengths = list(map(len, self.values))
        if min(lengths) < 1 or max(lengths) > limit:
            raise Damage("a key attribute is empty or too long", self.where)
        if self.type == TAG_STRING and not all(map(bytes.isascii, self.values)):
            for value in set(self.values):
                check_text(value, self.where)

    def last(self):
        if self.type == TAG_NUMBER:
            return [NUMBER_KEY[value] for value in self.values]
        return self.values

    def first(self):
        if self.type == TAG_NUMBER:
            return [NUMBER_KEY[value] for value in self.values]
        return [ESCAPED_KEY[value] for value in self.values]

    def sizes(self):
        if self.type == TAG_NUMBER:
            return [NUMBER_SIZE[value] for value in self.values]
        return list(map(len, self.values))

    def jsons(self, name):
        head = f'{quote(name)}:{{"{TYPE_LETTERS[self.type]}":'
        write = {
            TAG_STRING: quote_text, TAG_BINARY: quote_binary, TAG_NUMBER: NUMBER_TEXT.__getitem__,
        }[self.type]
        return [head + write(value) + "}" for value in self.values]


class LeafPage:
    """A leaf page of an image or a run, decoded and checked against its grammar."""

    def __init__(self, data, where):
        self.where = where
        cursor = Cursor(data, where)
        self.kind = cursor.u8()
        if self.kind not in (KIND_IMAGE_LEAF, KIND_RUN_LEAF):
            cursor.fail(f"{self.kind} is no kind of leaf page", 0)
        self.is_run = self.kind == KIND_RUN_LEAF
        self.partition_type = cursor.u8()
        self.sort_type = cursor.u8()
        if not 1 <= self.partition_type <= 3 or not 0 <= self.sort_type <= 3:
            cursor.fail("a type of key attribute is none of S, N and B", 1)
        start = cursor.position
        self.count = cursor.varint()
        if not 1 <= self.count <= PAGE_ENTRIES_MAX:
            cursor.fail(f"a page cannot have {self.count} entries", start)
        if 33 * self.count > LEAF_WEIGHT_LIMIT:
            cursor.fail("a page has more entries than its weight may be", start)
        self.integer_columns = []
        if self.is_run:
            self._read_changes(cursor)
        else:
            self.times = self.sequences = self.kinds = None
            self.put_count = self.count
        self._read_keys(cursor)
        self._read_shapes(cursor)
        self._read_attributes(cursor)
        cursor.finish("the page")

    def _column(self, cursor, decode, count, name):
        where = f"{self.where}, {name} (column at offset {cursor.position})"
        payload = cursor.bytes()
        return decode(payload, count, where), payload, where

    def _integers(self, cursor, count, name):
        values, payload, where = self._column(cursor, decode_integers, count, name)
        self.integer_columns.append((values, payload, where))
        return values

    def _read_changes(self, cursor):
        times = self._integers(cursor, self.count, "times")
        self.times = [value - (value >> 63 << 64) for value in times]
        if min(self.times) < TIME_LEAST or max(self.times) > TIME_GREATEST:
            cursor.fail("a time outside the years 1 to 9999")
        self.sequences = self._integers(cursor, self.count, "sequences")
        self.kinds = self._integers(cursor, self.count, "kinds")
        if max(self.kinds) > 1:
            cursor.fail("a kind of change is neither put nor delete")
        self.put_count = sum(self.kinds)

    def _read_keys(self, cursor):
        self.partition = self._read_key(cursor, self.partition_type, "partition keys",
                                        PARTITION_KEY_BYTES_MAX)
        self.sort = None
        if self.sort_type:
            self.sort = self._read_key(cursor, self.sort_type, "sort keys",
                                       SORT_KEY_BYTES_MAX)
            self.keys = list(map(operator.add, self.partition.first(), self.sort.last()))
        else:
            self.keys = self.partition.last()
        if self.is_run:
            ordered = is_ascending(list(zip(self.keys, self.times, self.sequences)))
        else:
            ordered = is_ascending(self.keys)
        if not ordered:
            raise Damage("the entries of a page are not in order", self.where)

    def _read_key(self, cursor, kind, name, limit):
        decode = decode_numbers if kind == TAG_NUMBER else decode_strings
        column = KeyColumn(kind, *self._column(cursor, decode, self.count, name))
        column.check(limit)
        return column

    def _read_shapes(self, cursor):
        count = cursor.count(3, "attribute columns")
        self.attributes = []
        for _ in range(count):
            start = cursor.position
            name = cursor.text_bytes()
            kind = cursor.u8()
            if not 1 <= len(name) <= NAME_BYTES_MAX:
                cursor.fail("an attribute's name is empty or too long", start)
            if not 1 <= kind <= TYPE_OUTLINED:
                cursor.fail(f"{kind:02x} is no type of column", start)
            self.attributes.append((name, kind))
        if len(set(self.attributes)) != count:
            cursor.fail("two attribute columns have the same name and type")
        start = cursor.position
        self.shapes = [
            self._read_shape(cursor) for _ in range(cursor.count(1, "shapes", 0, self.put_count))
        ]
        if len(set(self.shapes)) != len(self.shapes):
            cursor.fail("two shapes are equal", start)
        used = dict.fromkeys(itertools.chain.from_iterable(self.shapes))
        if list(used) != list(range(count)):
            cursor.fail("the attribute columns are not in order of first appearance", start)
        start = cursor.position
        self.shape_of_put = self._integers(cursor, self.put_count, "shapes")
        if list(dict.fromkeys(self.shape_of_put)) != list(range(len(self.shapes))):
            cursor.fail("the shapes are not in order of first appearance", start)

    def _read_shape(self, cursor):
        start = cursor.position
        columns = cursor.count(1, "attributes of a shape", 0, len(self.attributes))
        shape = tuple(cursor.varint() for _ in range(columns))
        if shape and max(shape) >= len(self.attributes):
            cursor.fail("a shape names a column that does not exist", start)
        if not is_ascending([self.attributes[ordinal][0] for ordinal in shape]):
            cursor.fail("the names of a shape do not ascend", start)
        return shape

    def _read_attributes(self, cursor):
        uses = collections.Counter(self.shape_of_put)
        counts = [0] * len(self.attributes)
        for shape, rows in uses.items():
            for ordinal in self.shapes[shape]:
                counts[ordinal] += rows
        if 2 * sum(counts) > LEAF_WEIGHT_LIMIT:
            cursor.fail("a page has more values than its weight may be")
        self.columns = [
            self._read_attribute(cursor, name, kind, count)
            for (name, kind), count in zip(self.attributes, counts)
        ]

    def _read_attribute(self, cursor, name, kind, count):
        label = f"attribute {name.decode('utf-8', 'replace')!r}"
        if kind == TAG_NULL:
            decode = decode_nothing
        elif kind == TAG_BOOLEAN:
            decode = decode_booleans
        elif kind == TAG_NUMBER:
            decode = decode_numbers
        elif kind == TYPE_OUTLINED:
            decode = decode_outlined
        else:
            decode = decode_strings
        return AttributeColumn(name, kind, *self._column(cursor, decode, count, label))

    # What the rows are

    def by_row(self, lists):
        """Of lists that hold one element for each value of a column, those of each put."""
        if len(self.shapes) == 1:
            shape = self.shapes[0]
            if not shape:
                return itertools.repeat((), self.put_count)
            return zip(*[lists[ordinal] for ordinal in shape])
        iterators = [iter(values) for values in lists]
        of_shape = [[iterators[ordinal] for ordinal in shape] for shape in self.shapes]
        return (list(map(next, of_shape[shape])) for shape in self.shape_of_put)

    def has_outlined(self):
        return any(column.is_outlined for column in self.columns)

    def check_weight(self, encodings):
        """Sets `weights`; refuses a page that is heavier than any rule allows."""
        costs = []
        for column, encoded in zip(self.columns, encodings):
            extra = 1 + len(column.name) // 8
            if column.is_outlined:
                costs.append([extra + 40] * len(column.values))
            else:
                extra -= len(text(column.name))
                costs.append([extra + length for length in map(len, encoded)])
        base = 40 if self.is_run else 32
        puts = map(sum, self.by_row(costs))
        if self.is_run:
            puts = iter(list(puts))
            inline = [next(puts) if kind else 0 for kind in self.kinds]
        else:
            inline = puts
        self.weights = [base + length + cost for length, cost in zip(map(len, self.keys), inline)]
        if sum(self.weights) >= LEAF_WEIGHT_LIMIT:
            raise Damage("the page is heavier than any rule allows", self.where)

    def rows(self, fetch_value, with_json=True):
        """For each entry (value, billed size of the attributes, JSON parts); None for tombstones.

        Values of rows with outlined attributes are put together one at a time. Without JSON its
        parts may be missing; values are checked all the same.
        """
        encodings = [None if c.is_outlined else c.encodings() for c in self.columns]
        self.check_weight(encodings)
        headers = [varint(len(shape)) for shape in self.shapes]
        if self.has_outlined():
            puts = self._rows_with_outlined(encodings, headers, fetch_value)
        else:
            puts = self._rows_in_line(encodings, headers, with_json)
        if not self.is_run:
            return puts
        return (next(puts) if kind else None for kind in self.kinds)

    def _rows_in_line(self, encodings, headers, with_json):
        facts = [column.facts() for column in self.columns]
        join = b"".join
        if len(self.shapes) == 1:
            header = headers[0]
            values = [header + join(parts) for parts in self.by_row(encodings)]
        else:
            values = [
                headers[shape] + join(parts)
                for shape, parts in zip(self.shape_of_put, self.by_row(encodings))
            ]
        sizes = [[size for size, _ in column] for column in facts]
        if not with_json:
            return zip(values, map(sum, self.by_row(sizes)), itertools.repeat(()))
        jsons = [[written for _, written in column] for column in facts]
        return zip(values, map(sum, self.by_row(sizes)), self.by_row(jsons))

    def _rows_with_outlined(self, encodings, headers, fetch_value):
        triples = []
        for column, encoded in zip(self.columns, encodings):
            if column.is_outlined:
                triples.append(self._outlined_triples(column, fetch_value))
            else:
                triples.append([(e, f[0], f[1]) for e, f in zip(encoded, column.facts())])
        for shape, parts in zip(self.shape_of_put, self.by_row(triples)):
            yield (headers[shape] + b"".join([part[0] for part in parts]),
                   sum([part[1] for part in parts]), [part[2] for part in parts])

    def _outlined_triples(self, column, fetch_value):
        for length, blob_id in column.values:
            blob = fetch_value(blob_id)
            yield read_outlined(blob, column.name, length, f"outlined value {blob_id.hex()}")

    def key_sizes(self, table):
        """The billed size of each entry's key attributes."""
        names = sum(len(name.encode("utf-8")) for name, _ in table.key_attributes)
        sizes = self.partition.sizes()
        if self.sort:
            sizes = list(map(operator.add, sizes, self.sort.sizes()))
        return [names + size for size in sizes]

    def key_jsons(self, table):
        jsons = self.partition.jsons(table.key_attributes[0][0])
        if self.sort:
            sorts = self.sort.jsons(table.key_attributes[1][0])
            return [a + "," + b for a, b in zip(jsons, sorts)]
        return jsons

    def check_schema(self, table):
        """The page belongs to a table of this key schema."""
        types = [kind for _, kind in table.key_attributes]
        mine = [self.partition_type] + ([self.sort_type] if self.sort_type else [])
        if types != mine:
            raise Damage("the types of the keys are not those of the table", self.where, 1)
        names = {name.encode("utf-8") for name, _ in table.key_attributes}
        if any(name in names for name, _ in self.attributes):
            raise Damage("a key attribute stands among the other attributes", self.where)

    # What verification asks beyond the grammar

    def encoding_problems(self):
        """Columns whose bytes are not the ones the rules give."""
        for values, payload, where in self.integer_columns:
            if encode_integers(values) != payload:
                yield f"{where}: not the encoding that the rules give"
        for column in [self.partition, self.sort, *self.columns]:
            if column is not None and column.canonical_payload() != column.payload:
                yield f"{column.where}: not the encoding that the rules give"

    def may_outline(self):
        """Whether any row could be so long that the rule outlines something, or something is."""
        most = 0
        for column in self.columns:
            if column.is_outlined:
                return True
            greatest = max(map(len, column.encodings()), default=0)
            if greatest - len(text(column.name)) >= OUTLINE_BYTES:
                return True
            most += greatest
        return most > INLINE_BYTES_MAX

    def outline_problems(self):
        """Rows in which other attributes are outlined than the rule says."""
        if not self.may_outline():
            return
        lengths = []
        for column in self.columns:
            if column.is_outlined:
                lengths.append([length for length, _ in column.values])
            else:
                head = len(text(column.name))
                lengths.append([length - head for length in map(len, column.encodings())])
        for put, (shape, row) in enumerate(zip(self.shape_of_put, self.by_row(lengths))):
            columns = [self.columns[ordinal] for ordinal in self.shapes[shape]]
            expected = expected_outlines([(c.name, n) for c, n in zip(columns, row)])
            if expected != {column.name for column in columns if column.is_outlined}:
                yield (f"{self.where}: put {put} does not have the attributes outlined that the "
                       f"rule says")


def decode_nothing(data, count, where):
    if data:
        raise Damage("a column of NULL has bytes", where, 0)
    return [None] * count


def decode_booleans(data, count, where):
    values = decode_integers(data, count, where)
    if values and max(values) > 1:
        raise Damage("a BOOL is neither 0 nor 1", where)
    return values


def decode_outlined(data, count, where):
    known = {}
    values = decode_strings(data, count, where)
    for value in set(values):
        cursor = Cursor(value, where)
        length = cursor.varint()
        if not 1 <= length <= BLOB_BYTES_MAX:
            cursor.fail("an outlined value has no possible length", 0)
        known[value] = (length, cursor.take(32))
        cursor.finish("an outlined value's reference")
    return [known[value] for value in values]


# ------------------------------------------------------------------------------------------------
# Index pages and trees (Spec 07)
# ------------------------------------------------------------------------------------------------


class Child:
    """A child as an index page names it."""

    __slots__ = ("key", "time", "sequence", "id", "entries", "weight", "digest", "least",
                 "greatest")

    def place(self):
        return (self.key,) if self.time is None else (self.key, self.time, self.sequence)


class IndexPage:
    """An index page, decoded and checked against its grammar."""

    def __init__(self, data, where):
        cursor = Cursor(data, where)
        self.where = where
        self.kind = cursor.u8()
        if self.kind not in (KIND_IMAGE_INDEX, KIND_RUN_INDEX):
            cursor.fail(f"{self.kind} is no kind of index page", 0)
        self.is_run = self.kind == KIND_RUN_INDEX
        self.level = cursor.u8()
        if not 1 <= self.level <= TREE_HEIGHT_MAX:
            cursor.fail(f"an index page cannot have level {self.level}", 1)
        least_bytes = 68 + (25 if self.is_run else 0)
        count = cursor.count(least_bytes, "children", 1, PAGE_ENTRIES_MAX)
        self.children = []
        before = None
        for _ in range(count):
            start = cursor.position
            child = self._read_child(cursor, before)
            if before is not None and child.place() <= before.place():
                cursor.fail("the children of an index page are not in order", start)
            before = child
            self.children.append(child)
        cursor.finish("the page")

    def _read_child(self, cursor, before):
        child = Child()
        start = cursor.position
        shared = cursor.varint()
        rest = cursor.bytes()
        key = before.key if before else b""
        if shared > len(key):
            cursor.fail("a key shares more than the key before has", start)
        if rest and shared < len(key) and key[shared] == rest[0]:
            cursor.fail("a key shares less than it could", start)
        child.key = key[:shared] + rest
        if not 1 <= len(child.key) <= 8_192:
            cursor.fail("a key is empty or too long", start)
        child.time = child.sequence = child.least = child.greatest = None
        if self.is_run:
            child.time = cursor.time()
            child.sequence = cursor.varint()
        child.id = cursor.take(32)
        child.entries = cursor.varint()
        child.weight = cursor.varint()
        child.digest = cursor.digest()
        if child.entries == 0:
            cursor.fail("a child has no entries", start)
        if self.is_run:
            child.least = cursor.time()
            child.greatest = cursor.time()
            if child.least > child.greatest:
                cursor.fail("the least time is greater than the greatest", start)
        return child


class Tree:
    """A tree reference."""

    __slots__ = ("entries", "height", "root", "weight", "digest", "stored_bytes")

    def __init__(self, cursor):
        self.height = self.weight = self.digest = self.stored_bytes = 0
        self.root = None
        self.entries = cursor.varint()
        if self.entries:
            start = cursor.position
            self.height = cursor.u8()
            if self.height > TREE_HEIGHT_MAX:
                cursor.fail(f"a tree cannot have height {self.height}", start)
            self.root = cursor.take(32)
            self.weight = cursor.varint()
            self.digest = cursor.digest()
            self.stored_bytes = cursor.varint()


# ------------------------------------------------------------------------------------------------
# Checkpoint pages and time lists (Spec 07)
# ------------------------------------------------------------------------------------------------


class Checkpoint:
    """A recorded instant. `digest` is the table digest, or None where only `low` is known."""

    __slots__ = ("second", "changes", "items", "bytes", "digest", "low", "where")

    def __init__(self, second, changes, items, size, digest, low, where):
        self.second = second
        self.changes = changes
        self.items = items
        self.bytes = size
        self.digest = digest
        self.low = low
        self.where = where

    @property
    def instant(self):
        return self.second * MICROSECONDS

    def matches(self, items, size, digest):
        if (items, size) != (self.items, self.bytes):
            return False
        if self.digest is not None:
            return digest == self.digest
        return digest & 0xFFFF == self.low


def check_second(cursor, second):
    if not TIME_LEAST <= second * MICROSECONDS <= TIME_GREATEST:
        cursor.fail("a second outside the years 1 to 9999")


def decode_checkpoint_leaf(data, where):
    cursor = Cursor(data, where)
    if cursor.u8() != KIND_CHECKPOINT_LEAF:
        cursor.fail("not a checkpoint leaf", 0)
    count = cursor.count(1, "checkpoints", 1, 256)
    second, items, size = cursor.svarint(), cursor.varint(), cursor.varint()
    digest = cursor.digest()
    changes = [cursor.varint() for _ in range(count)]
    steps = [cursor.varint() for _ in range(count - 1)]
    item_steps = [cursor.svarint() for _ in range(count - 1)]
    byte_steps = [cursor.svarint() for _ in range(count - 1)]
    lows = [cursor.u16() for _ in range(count - 1)]
    cursor.finish("the checkpoints")
    check_second(cursor, second)
    out = [Checkpoint(second, changes[0], items, size, digest, digest & 0xFFFF, where)]
    for i in range(count - 1):
        if steps[i] == 0:
            cursor.fail("two checkpoints have the same second")
        second, items, size = second + steps[i], items + item_steps[i], size + byte_steps[i]
        check_second(cursor, second)
        if items < 0 or size < 0:
            cursor.fail("a count of a checkpoint is below zero")
        out.append(Checkpoint(second, changes[i + 1], items, size, None, lows[i], where))
    return out


def decode_second_index(data, where, kind):
    """A checkpoint index or a time list index: level and children (first, last, count, id)."""
    cursor = Cursor(data, where)
    if cursor.u8() != kind:
        cursor.fail(f"not a {BLOB_TYPES[kind]}", 0)
    level = cursor.u8()
    if not 1 <= level <= TREE_HEIGHT_MAX:
        cursor.fail(f"an index cannot have level {level}", 1)
    count = cursor.count(35, "children", 1, 1024)
    children = []
    for _ in range(count):
        children.append((cursor.svarint(), cursor.svarint(), cursor.varint(), cursor.take(32)))
    cursor.finish("the index")
    return level, children


def decode_time_list(data, where, check_encoding=False):
    """The entries (second, ordinal) of one page of a time list."""
    cursor = Cursor(data, where)
    if cursor.u8() != KIND_TIME_LIST:
        cursor.fail("not a time list", 0)
    start = cursor.position
    count = cursor.varint()
    if not 1 <= count <= 65_536:
        cursor.fail(f"a time list cannot have {count} entries", start)
    first = cursor.svarint()
    columns = []
    for name in ("seconds", "ordinals"):
        place = f"{where}, {name} (column at offset {cursor.position})"
        payload = cursor.bytes()
        values = decode_integers(payload, count, place)
        if check_encoding and encode_integers(values) != payload:
            raise Damage("not the encoding that the rules give", place)
        columns.append(values)
    cursor.finish("the time list")
    if columns[0][0] != 0:
        cursor.fail("the first step of a time list is not zero")
    return list(zip(itertools.accumulate(columns[0][1:], initial=first), columns[1]))


# ------------------------------------------------------------------------------------------------
# Packs and their indexes (Spec 08)
# ------------------------------------------------------------------------------------------------

RECORD_HEADER_BYTES = 52
PACK_HEADER_BYTES = 48
PACK_FOOTER_BYTES = 24
INDEX_ENTRY = struct.Struct("<32sIIIBBBB")


class Record:
    """The header of a blob record, checked; `start` is the offset of its stored bytes."""

    __slots__ = ("type", "codec", "stored_length", "plain_length", "id", "start")

    def __init__(self, data, offset, end, where):
        if end - offset < RECORD_HEADER_BYTES:
            raise Damage("a blob record ends early", where, offset)
        header = data[offset:offset + RECORD_HEADER_BYTES]
        if header[:4] != b"VBLB":
            raise Damage("a blob record does not start with its magic", where, offset)
        if zlib.crc32(header[:48]) != integer_from_bytes(header[48:], "little"):
            raise Damage("the CRC-32 of a blob record's header is wrong", where, offset)
        self.type, self.codec, cipher, zero = header[4:8]
        check_cipher(cipher, where)
        if zero:
            raise Damage("a reserved byte is not zero", where, offset + 7)
        self.stored_length, self.plain_length = struct.unpack_from("<II", header, 8)
        self.id = bytes(header[16:48])
        self.start = offset + RECORD_HEADER_BYTES
        check_blob_fields(self.type, self.codec, self.stored_length, self.plain_length, where,
                          offset)
        if self.stored_length > end - self.start:
            raise Damage("a blob's bytes end early", where, offset)

    def plain(self, data, where):
        """The blob's plain bytes, checked against its id."""
        stored = bytes(data[self.start:self.start + self.stored_length])
        plain = decompress_lz4(stored, self.plain_length, where) if self.codec else stored
        if sha256(plain).digest() != self.id:
            raise Damage("the SHA-256 of a blob is not its id", where, self.start)
        if self.type != KIND_VALUE and plain[0] != self.type:
            raise Damage("the first byte of a page is not its type", where, self.start)
        return plain


def check_cipher(cipher, where):
    if cipher == 1:
        raise Damage("it is encrypted (cipher 1), which this reader does not support", where)
    if cipher:
        raise Damage(f"there is no cipher {cipher}", where)


def check_blob_fields(kind, codec, stored, plain, where, offset):
    if kind not in BLOB_TYPES:
        raise Damage(f"there is no blob type {kind}", where, offset)
    if codec > 1:
        raise Damage(f"there is no codec {codec}", where, offset)
    if not 1 <= plain <= BLOB_BYTES_MAX:
        raise Damage(f"a blob cannot have {plain} bytes", where, offset)
    if codec == 0 and stored != plain:
        raise Damage("a blob that is not compressed has two lengths", where, offset)
    if codec == 1 and stored >= plain:
        raise Damage("a compressed blob is not shorter than its plain bytes", where, offset)


def read_inline_blobs(cursor):
    """The blob records that stand in a commit or layout: headers by id."""
    blobs = {}
    while cursor.remaining:
        record = Record(cursor.data, cursor.position, cursor.end, cursor.where)
        blobs.setdefault(record.id, record)
        cursor.position = record.start + record.stored_length
    return blobs


class PackFooter:
    """The trailing index of a pack, read in place."""

    def __init__(self, data, where):
        size = len(data)
        if size < PACK_HEADER_BYTES + PACK_FOOTER_BYTES:
            raise Damage("a pack is too short", where)
        header = bytes(data[:PACK_HEADER_BYTES])
        if header[:8] != b"VARVEPK1" or header[8] != 1:
            raise Damage("not a pack of version 1", where, 0)
        check_cipher(header[9], where)
        if any(header[10:]):
            raise Damage("reserved bytes of a pack's header are not zero", where, 10)
        footer = size - PACK_FOOTER_BYTES
        self.index_start, self.count, checksum = struct.unpack_from("<QII", data, footer)
        if bytes(data[footer + 16:]) != b"VARVEPKE":
            raise Damage("a pack does not end with its magic", where, footer + 16)
        if not 1 <= self.count <= 65_536:
            raise Damage(f"a pack cannot hold {self.count} blobs", where, footer)
        if self.index_start < PACK_HEADER_BYTES or self.index_start + 48 * self.count != footer:
            raise Damage("a pack's index does not end where the footer starts", where, footer)
        index = bytes(data[self.index_start:footer])
        if zlib.crc32(index) != checksum:
            raise Damage("the CRC-32 of a pack's index is wrong", where, self.index_start)
        self.entries = list(INDEX_ENTRY.iter_unpack(index))
        if not is_ascending([entry[0] for entry in self.entries]):
            raise Damage("a pack's index is not in order", where, self.index_start)
        if any(entry[7] for entry in self.entries):
            raise Damage("a reserved byte of a pack's index is not zero", where, self.index_start)


class PackIndex:
    """A pack index, read in place."""

    def __init__(self, data, where):
        self.data = data
        self.where = where
        if len(data) < 24 + 1024 + 32:
            raise Damage("a pack index is too short", where)
        if data[:8] != b"VARVEIX1" or data[8] != 1 or any(data[9:12]) or any(data[20:24]):
            raise Damage("not a pack index of version 1", where, 0)
        self.pack_count, self.count = struct.unpack_from("<II", data, 12)
        if not self.pack_count:
            raise Damage("a pack index lists no pack", where, 12)
        self.ids = 24 + 1024
        self.fields = self.ids + 32 * self.count
        self.packs = self.fields + 20 * self.count
        if self.packs + 40 * self.pack_count + 32 != len(data):
            raise Damage("a pack index does not have the size that its counts ask for", where)
        if sha256(data[:-32]).digest() != data[-32:]:
            raise Damage("the SHA-256 at the end of a pack index is wrong", where, len(data) - 32)
        self.fan_out = struct.unpack_from("<256I", data, 24)
        if self.fan_out[-1] != self.count or list(self.fan_out) != sorted(self.fan_out):
            raise Damage("the fan-out of a pack index is wrong", where, 24)

    def id_at(self, ordinal):
        return self.data[self.ids + 32 * ordinal:self.ids + 32 * ordinal + 32]

    def entry(self, ordinal):
        """(pack ordinal, offset, stored length, plain length, type, codec, cipher, zero)"""
        columns = [
            struct.unpack_from("<I", self.data, self.fields + 4 * (self.count * c + ordinal))[0]
            for c in range(4)
        ]
        return (*columns, *struct.unpack_from(
            "<BBBB", self.data, self.fields + 4 * (self.count * 4 + ordinal)))

    def pack_at(self, ordinal):
        """(name, size)"""
        return struct.unpack_from("<32sQ", self.data, self.packs + 40 * ordinal)

    def find(self, blob_id):
        """The places (pack name, offset) of a blob."""
        low = self.fan_out[blob_id[0] - 1] if blob_id[0] else 0
        high = self.fan_out[blob_id[0]]
        low = bisect.bisect_left(range(self.count), blob_id, low, high, key=self.id_at)
        while low < high and self.id_at(low) == blob_id:
            pack, offset = self.entry(low)[:2]
            if pack < self.pack_count:
                yield self.pack_at(pack)[0], offset
            low += 1

    def problems(self):
        """What is wrong in the order of the index, in words."""
        ids = [self.id_at(i) for i in range(self.count)]
        if any(map(operator.gt, ids, itertools.islice(ids, 1, None))):
            yield "the ids are not in order"
        counts = collections.Counter(blob_id[0] for blob_id in ids)
        if list(itertools.accumulate(counts[byte] for byte in range(256))) != list(self.fan_out):
            yield "the fan-out does not count the ids"
        if not is_ascending([self.pack_at(i)[0] for i in range(self.pack_count)]):
            yield "the packs are not in order"


# ------------------------------------------------------------------------------------------------
# Objects (Spec 09)
# ------------------------------------------------------------------------------------------------

OBJECT_TYPES = {
    1: "configuration", 2: "table", 3: "settings", 4: "backup", 5: "commit", 6: "layout",
    7: "intent", 8: "condemned list", 9: "lease", 10: "key slot",
    11: "retention",
}
FLAG_BEGINS, FLAG_CHECKPOINTS_ONLY, FLAG_CLOSED, FLAG_DOUBT = 1, 2, 4, 8
PIECE_IMAGE, PIECE_RUN = 1, 2


def open_sealed(data, where, kind):
    """Checks a sealed object; returns a cursor over its body."""
    if len(data) < 88:
        raise Damage("the object is too short", where)
    if len(data) > SEALED_BYTES_MAX:
        raise Damage("the object is longer than is allowed", where)
    if data[:4] != b"VRVO":
        raise Damage("the object does not start with its magic", where, 0)
    if data[4] != 1:
        raise Damage(f"version {data[4]} is not known to this reader", where, 4)
    length = integer_from_bytes(data[48:56], "little")
    if length != len(data) - 88:
        raise Damage("the length of the body is not that of the object", where, 48)
    if sha256(data[:-32]).digest() != data[-32:]:
        raise Damage("the SHA-256 at the object's end is wrong", where, len(data) - 32)
    if data[5] != kind:
        raise Damage(f"the object is not a {OBJECT_TYPES[kind]}", where, 5)
    check_cipher(data[6], where)
    if any(data[7:48]):
        raise Damage("reserved bytes of the header are not zero", where, 7)
    return Cursor(data, where, 56, 56 + length)


class Configuration:
    def __init__(self, data, where):
        cursor = open_sealed(data, where, 1)
        self.repository_id = cursor.take(16)
        self.created = cursor.time()
        scheme = cursor.u8()
        if scheme == 1:
            cursor.fail("id scheme 1 (encrypted) is not supported by this reader")
        if scheme:
            cursor.fail(f"there is no id scheme {scheme}")
        self.cut_key = cursor.bytes()
        if len(self.cut_key) != 16:
            cursor.fail("the cut key does not have 16 bytes")
        self.pack_bytes = cursor.varint()
        if not 1 <= self.pack_bytes < PACK_BYTES_LIMIT:
            cursor.fail("packs cannot have the size that the configuration names")
        cursor.finish("the configuration")


class TableRecord:
    """A table record; `hash` is the commit before sequence 0."""

    def __init__(self, data, where):
        cursor = open_sealed(data, where, 2)
        self.where = where
        self.hash = sha256(b"varve table\0" + data[cursor.position:cursor.end]).digest()
        self.name = cursor.text()
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,255}", self.name) or self.name in (".", ".."):
            cursor.fail("a table name has characters or a length that are not allowed")
        self.ordinal = cursor.number()
        self.arn = cursor.text()
        self.table_id = cursor.text()
        self.created = cursor.time()
        count = cursor.u8()
        if count not in (1, 2):
            cursor.fail("a table has one or two key attributes")
        self.key_attributes = []
        for _ in range(count):
            name, kind = cursor.text(), cursor.u8()
            if not name or kind not in (1, 2, 3):
                cursor.fail("a key attribute without a name, or not of type S, N or B")
            self.key_attributes.append((name, kind))
        cursor.finish("the table record")
        if count == 2 and self.key_attributes[0][0] == self.key_attributes[1][0]:
            cursor.fail("the two key attributes have the same name")

    def directory_id(self, repository_id):
        name = self.name.encode("utf-8")
        message = b"varve table name\0" + repository_id + text(name) + varint(self.ordinal)
        return sha256(message).digest()[:16].hex()


class Settings:
    KINDS = ("DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive",
             "ListTagsOfResource")

    def __init__(self, data, where):
        cursor = open_sealed(data, where, 3)
        self.time = cursor.time()
        self.documents = {}
        self.texts = {}
        kinds = []
        for _ in range(cursor.count(2, "documents")):
            kind = cursor.text()
            kinds.append(kind)
            document = cursor.text(SETTINGS_BYTES_MAX)
            self.texts[kind] = document
            if not kind:
                cursor.fail("a document of settings has no kind")
            if kind not in self.KINDS:
                continue
            try:
                self.documents[kind] = json.loads(document)
            except (ValueError, RecursionError):
                cursor.fail(f"the settings {kind} are not JSON")
        if not is_ascending(kinds):
            cursor.fail("the kinds of settings do not ascend")
        cursor.finish("the settings")


class Backup:
    def __init__(self, data, where):
        cursor = open_sealed(data, where, 4)
        self.where = where
        self.id = cursor.take(16).hex()
        self.name = cursor.text()
        self.arn = cursor.text()
        self.kind = cursor.u8()
        if self.kind > 1:
            cursor.fail("a backup is neither USER nor SYSTEM")
        self.created = cursor.time()
        self.instant = cursor.time()
        if self.instant % MICROSECONDS:
            cursor.fail("the instant of a backup is not a whole second")
        self.keep_until = cursor.time()
        self.sequence = cursor.varint()
        self.commit_hash = cursor.take(32)
        self.digest = cursor.digest()
        self.items = cursor.varint()
        self.bytes = cursor.varint()
        self.source = cursor.text()
        cursor.finish("the backup")


class Piece:
    """An image or a run, with the inline blobs of the object that names it."""

    def __init__(self, cursor):
        start = cursor.position
        self.where = f"{cursor.where}, piece at offset {start}"
        self.owner = None
        self.kind = cursor.u8()
        if self.kind not in (PIECE_IMAGE, PIECE_RUN):
            cursor.fail(f"there is no piece of kind {self.kind}", start)
        self.is_run = self.kind == PIECE_RUN
        self.time_from = cursor.time()
        self.time_to = cursor.time()
        if self.is_run and self.time_from > self.time_to:
            cursor.fail("a run ends before it starts", start)
        if not self.is_run and self.time_from != self.time_to:
            cursor.fail("an image has two times", start)
        if not self.is_run and self.time_to % MICROSECONDS:
            cursor.fail("the instant of an image is not a whole second", start)
        self.tree = Tree(cursor)
        self.time_lists = [cursor.take(32) for _ in range(cursor.count(32, "time lists", 0, 1))]
        if self.time_lists and not self.is_run:
            cursor.fail("an image has a time list", start)

    def __str__(self):
        if self.is_run:
            return f"run {format_time(self.time_from)} to {format_time(self.time_to)}"
        return f"image of {format_time(self.time_to)}"


class Commit:
    def __init__(self, data, where):
        cursor = open_sealed(data, where, 5)
        self.data = data
        self.where = where
        logical = cursor.nested()
        message = b"varve commit\0" + data[logical.position:logical.end]
        self.hash = sha256(message).digest()
        self._read_logical(logical)
        physical = cursor.nested()
        self.written = physical.time()
        self.pieces = [Piece(physical) for _ in range(physical.count(19, "pieces"))]
        physical.finish("the commit's pieces")
        self.inline = read_inline_blobs(cursor.nested())
        cursor.finish("the commit")
        for piece in self.pieces:
            piece.owner = self

    def _read_logical(self, cursor):
        self.table_id = cursor.take(16).hex()
        self.sequence = cursor.number()
        self.before = cursor.take(32)
        self.flags = cursor.u8()
        if self.flags > 7:
            cursor.fail("reserved flags are not zero", cursor.position - 1)
        if self.begins and self.closes:
            cursor.fail("a commit both begins and closes a range", cursor.position - 1)
        self.time_from = cursor.time()
        self.time_to = cursor.time()
        if self.time_from > self.time_to:
            cursor.fail("a commit ends before it starts")
        self.checkpoints = []
        second = 0
        for ordinal in range(cursor.count(36, "checkpoints")):
            start = cursor.position
            step = cursor.svarint()
            if ordinal and step < 1:
                cursor.fail("the checkpoints do not ascend", start)
            second += step
            check_second(cursor, second)
            changes, items, size = cursor.varint(), cursor.varint(), cursor.varint()
            digest = cursor.digest()
            self.checkpoints.append(
                Checkpoint(second, changes, items, size, digest, digest & 0xFFFF, self.where))
        self.changes = cursor.varint()
        self.items = cursor.varint()
        self.bytes = cursor.varint()
        self.digest = cursor.digest()
        self.changes_digest = cursor.digest()
        self.source_kind = cursor.text()
        self.source_position = cursor.bytes()
        if len(self.source_position) > SOURCE_POSITION_BYTES_MAX:
            cursor.fail("the source position is too long")
        cursor.finish("the commit's logical part")

    @property
    def begins(self):
        return bool(self.flags & FLAG_BEGINS)

    @property
    def checkpoints_only(self):
        return bool(self.flags & FLAG_CHECKPOINTS_ONLY)

    @property
    def closes(self):
        return bool(self.flags & FLAG_CLOSED)

    @property
    def begin(self):
        """Where it goes on from; `time_from` of one that closes tells what is in doubt."""
        return self.time_to if self.closes else self.time_from

    @property
    def is_fence(self):
        """Whether it only takes a sequence, so that another writer's commit fails (page 11)."""
        return self.begins and self.checkpoints_only and not self.pieces and not self.checkpoints


class Range:
    """A stretch of time without a gap, of a layout or made of the commits beside it.

    `commits` are those beside the layout that belong to it.
    """

    def __init__(self, cursor=None):
        self.commits = []
        # Instants after it, up to the end, are in doubt: a change came too late.
        self.sound_to = None
        if cursor is None:
            return
        flags = cursor.u8()
        if flags & ~(FLAG_CHECKPOINTS_ONLY | FLAG_CLOSED | FLAG_DOUBT):
            cursor.fail("reserved flags are not zero", cursor.position - 1)
        self.checkpoints_only = bool(flags & FLAG_CHECKPOINTS_ONLY)
        self.closed = bool(flags & FLAG_CLOSED)
        self.time_from = cursor.time()
        self.time_to = cursor.time()
        if self.time_from > self.time_to:
            cursor.fail("a range ends before it starts")
        self.first = cursor.varint()
        self.last = cursor.varint()
        if self.first > self.last:
            cursor.fail("a range's last commit comes before its first")
        self.last_hash = cursor.take(32)
        self.items = cursor.varint()
        self.bytes = cursor.varint()
        self.digest = cursor.digest()
        self.changes_digest = cursor.digest()
        if flags & FLAG_DOUBT:
            self.sound_to = cursor.time()
            if self.sound_to % MICROSECONDS:
                cursor.fail("the last good instant is not a whole second")
            if self.sound_to >= self.time_to:
                cursor.fail("a range is in doubt from its end on")

    @classmethod
    def of_commit(cls, commit):
        made = cls()
        made.checkpoints_only = commit.checkpoints_only
        made.closed = False
        made.time_from = made.time_to = commit.begin
        made.first = commit.sequence
        made.extend(commit)
        return made

    def copy(self):
        made = Range()
        made.__dict__.update(self.__dict__)
        made.commits = list(self.commits)
        return made

    def extend(self, commit):
        """Takes in the next commit, or an older copy that lies within the range."""
        self.commits.append(commit)
        self.last = commit.sequence
        self.last_hash = commit.hash
        if commit.closes:
            self.closed = True
            if commit.time_from < commit.time_to:
                self.sound_to = commit.time_from
        if commit.time_to >= self.time_to:
            self.time_to = commit.time_to
            self.items, self.bytes, self.digest = commit.items, commit.bytes, commit.digest

    def takes(self, commit):
        """Whether the commit belongs to this range rather than to one of its own."""
        if self.checkpoints_only != commit.checkpoints_only:
            return False
        if commit.begins:
            return (self.checkpoints_only
                    and self.time_from <= commit.time_from and commit.time_to <= self.time_to)
        return self.time_to == commit.begin and not self.closed

    def holds(self, time):
        return self.time_from <= time <= self.time_to

    @property
    def last_good(self):
        """The last time that is not in doubt; it may be before the range."""
        return self.time_to if self.sound_to is None else self.sound_to

    def promises(self, time):
        return self.time_from <= time <= self.last_good

    def __str__(self):
        exact = "at its checkpoints" if self.checkpoints_only else "at every second"
        stretch = f"{format_time(self.time_from)} to {format_time(self.time_to)}"
        doubt = ""
        if self.sound_to is not None:
            doubt = f", in doubt after {format_time(self.sound_to)}"
        return f"{stretch}, exact {exact}{', closed' if self.closed else ''}{doubt}"


class Layout:
    def __init__(self, data, where):
        outer = open_sealed(data, where, 6)
        self.data = data
        self.where = where
        cursor = outer.nested()
        self.table_id = cursor.take(16).hex()
        self.number = cursor.number()
        self.written = cursor.time()
        self.next_sequence = cursor.number()
        self.before = cursor.take(32)
        self.ranges = [Range(cursor) for _ in range(cursor.count(117, "ranges"))]
        self.pieces = [Piece(cursor) for _ in range(cursor.count(19, "pieces"))]
        roots = cursor.count(32, "checkpoint roots", 0, 1)
        self.checkpoint_roots = [cursor.take(32) for _ in range(roots)]
        cursor.finish("the layout's body")
        self.inline = read_inline_blobs(outer.nested())
        outer.finish("the layout")
        for piece in self.pieces:
            piece.owner = self
        if not is_ascending([(p.time_to, p.time_from, p.kind) for p in self.pieces]):
            raise Damage("the pieces of the layout are not in order", where)
        for one, two in zip(self.ranges, self.ranges[1:]):
            if one.time_to > two.time_from:
                raise Damage("the ranges of the layout overlap or are not in order", where)
        if max((one.time_to for one in self.ranges), default=0) % MICROSECONDS:
            raise Damage("the layout ends within a second", where)
        if any(one.last >= self.next_sequence for one in self.ranges):
            raise Damage("a range of the layout has commits that it does not cover", where)


def decode_intent(data, where):
    cursor = open_sealed(data, where, 7)
    intent = {"id": cursor.take(16).hex(), "written": cursor.time(), "purpose": cursor.text(),
              "holder": cursor.text()}
    cursor.finish("the intent")
    return intent


RETENTION_COUNTS = ("days", "hourly", "daily", "weekly", "monthly", "yearly")
RETENTION_COUNT_MAX = 3_660_000


def decode_retention(data, where):
    cursor = open_sealed(data, where, 11)
    retention = {"written": cursor.time()}
    flags = cursor.u8()
    if flags > 1:
        cursor.fail("a flag is not known")
    retention["endsEarlierPromises"] = flags == 1
    for name in RETENTION_COUNTS:
        retention[name] = cursor.varint()
        if retention[name] > RETENTION_COUNT_MAX:
            cursor.fail(f"the retention's {name} are too many")
    cursor.finish("the retention")
    return retention


def decode_condemned(data, where):
    cursor = open_sealed(data, where, 8)
    written = cursor.time()
    packs = [cursor.take(32) for _ in range(cursor.count(32, "packs"))]
    indexes = [cursor.take(32) for _ in range(cursor.count(32, "indexes"))]
    if not is_ascending(packs) or not is_ascending(indexes):
        cursor.fail("the names of the condemned list do not ascend")
    cursor.finish("the condemned list")
    return {"written": written, "packs": packs, "indexes": indexes}


def decode_lease(data, where):
    cursor = open_sealed(data, where, 9)
    lease = {"id": cursor.take(16).hex(), "written": cursor.time(), "seconds": cursor.varint(),
             "holder": cursor.text()}
    cursor.finish("the lease")
    return lease


def decode_key_slot(data, where):
    cursor = open_sealed(data, where, 10)
    if cursor.u8() != 1:
        cursor.fail("there is no such key derivation")
    slot = {"log2 N": cursor.varint(), "r": cursor.varint(), "p": cursor.varint()}
    for name, length in (("salt", 32), ("nonce", 12), ("wrapped", 48)):
        content = cursor.bytes()
        if len(content) != length:
            cursor.fail(f"the {name} does not have {length} bytes")
        slot[name] = content.hex()
    slot["label"] = cursor.text()
    cursor.finish("the key slot")
    return slot


# ------------------------------------------------------------------------------------------------
# Repository (Spec 02, 11): objects by name, blobs by id
# ------------------------------------------------------------------------------------------------

HEX_16 = re.compile(r"[0-7][0-9a-f]{15}\Z")
HEX_32 = re.compile(r"[0-9a-f]{32}\Z")
HEX_64 = re.compile(r"[0-9a-f]{64}\Z")


class Repository:
    """A repository in a directory. Reading it needs no lock and changes nothing."""

    def __init__(self, root):
        self.root = root
        if not os.path.isdir(root):
            raise Damage("there is no such directory", root)
        if not os.path.exists(os.path.join(root, "config")):
            raise Damage("it holds no object `config`, so it is not a Varve repository", root)
        self.configuration = Configuration(self.read("config"), "config")
        self._indexes = None
        self._loose = None
        self._files = collections.OrderedDict()

    def path(self, name):
        return os.path.join(self.root, *name.split("/"))

    def exists(self, name):
        return os.path.isfile(self.path(name))

    def read(self, name, limit=SEALED_BYTES_MAX):
        try:
            with open(self.path(name), "rb") as file:
                if os.fstat(file.fileno()).st_size > limit:
                    raise Damage("the object is longer than is allowed", name)
                return file.read()
        except OSError as error:
            raise Damage(f"cannot be read ({error.strerror})", name) from None

    def names(self, directory, pattern):
        """The names under a directory that fit, ascending."""
        try:
            found = [e.name for e in os.scandir(self.path(directory)) if pattern.match(e.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Damage(f"cannot be listed ({error.strerror})", directory) from None
        return sorted(found)

    def pack_names(self):
        for prefix in self.names("packs", re.compile(r"[0-9a-f]{2}\Z")):
            for name in self.names(f"packs/{prefix}", HEX_64):
                if name.startswith(prefix):
                    yield bytes.fromhex(name)

    @staticmethod
    def pack_path(name):
        return f"packs/{name.hex()[:2]}/{name.hex()}"

    def map(self, name, limit):
        """An object's bytes as a memory map, or bytes if it is empty."""
        try:
            with open(self.path(name), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size >= limit:
                    raise Damage("the object is longer than is allowed", name)
                if size == 0:
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Damage(f"cannot be read ({reason})", name) from None

    def pack(self, name):
        """A pack's bytes; few are kept open."""
        if name in self._files:
            self._files.move_to_end(name)
            return self._files[name]
        data = self.map(self.pack_path(name), PACK_BYTES_LIMIT)
        self._files[name] = data
        if len(self._files) > 32:
            self._files.popitem(last=False)
        return data

    def indexes(self):
        """The pack indexes that can be read; damaged ones are for `verify` to report."""
        if self._indexes is None:
            self._indexes = []
            for name in self.names("indexes", HEX_64):
                try:
                    index = PackIndex(self.map(f"indexes/{name}", PACK_BYTES_LIMIT)[:],
                                      f"indexes/{name}")
                    self._indexes.append(index)
                except Damage:
                    continue
        return self._indexes

    def loose_blobs(self):
        """Blobs of the packs that no index lists, from their footers."""
        if self._loose is None:
            self._loose = collections.defaultdict(list)
            listed = {
                index.pack_at(i)[0] for index in self.indexes() for i in range(index.pack_count)
            }
            for name in self.pack_names():
                if name in listed:
                    continue
                try:
                    footer = PackFooter(self.pack(name), self.pack_path(name))
                except Damage:
                    continue
                for entry in footer.entries:
                    self._loose[entry[0]].append((name, entry[1]))
        return self._loose

    def places(self, blob_id):
        for index in self.indexes():
            yield from index.find(blob_id)
        yield from self.loose_blobs().get(blob_id, ())

    def blob(self, blob_id, kind, owner=None):
        """A blob's plain bytes, checked against its id; `owner` may hold it inline."""
        where = f"blob {blob_id.hex()}"
        problem = None
        if owner is not None and blob_id in owner.inline:
            record = owner.inline[blob_id]
            if record.type == kind:
                try:
                    return record.plain(owner.data, f"{owner.where}, inline {where}")
                except Damage as damage:
                    problem = damage
            else:
                problem = Damage(f"it is no {BLOB_TYPES[kind]}", where)
        for pack, offset in self.places(blob_id):
            try:
                data = self.pack(pack)
                place = f"{self.pack_path(pack)}, {where}"
                record = Record(data, offset, len(data), place)
                if record.id != blob_id:
                    raise Damage("another blob stands where it should be", place, offset)
                if record.type != kind:
                    raise Damage(f"it is no {BLOB_TYPES[kind]}", place, offset)
                return record.plain(data, place)
            except Damage as damage:
                problem = damage
        raise problem or Damage("it is in no pack and not inline", where)

    def blob_of_either_kind(self, blob_id, kinds, owner):
        """(kind, plain bytes) of a blob that may be of one of two kinds."""
        problem = None
        for kind in kinds:
            try:
                return kind, self.blob(blob_id, kind, owner)
            except Damage as damage:
                if problem is None or "it is no" in problem.message:
                    problem = damage
        raise problem

    def table_ids(self):
        """Tables of which there is an object; a directory without any is none (page 02)."""
        return [name for name in self.names("tables", HEX_32)
                if any(files for _, _, files in os.walk(self.path(f"tables/{name}")))]

    def table_record(self, table_id):
        name = f"tables/{table_id}/table"
        record = TableRecord(self.read(name), name)
        if record.directory_id(self.configuration.repository_id) != table_id:
            raise Damage("the table's directory is not the one of its name and ordinal", name)
        return record


# ------------------------------------------------------------------------------------------------
# Checkpoints (Spec 07): trees of pages over seconds
# ------------------------------------------------------------------------------------------------


class SpanTree:
    """A tree over seconds: the checkpoints of a layout, or the time list of a run.

    `pages` reads all of it and checks what the specification says of its form; the other methods
    read only the pages that they need.
    """

    # What every page of a time list holds but the last of its level. Pages of checkpoints may hold
    # fewer: one of which only the low bits of the digest are known cannot begin a leaf.
    TIMES, CHILDREN = 65_536, 1024

    def __init__(self, repository, root, owner, leaf_kind, check_encoding=False):
        self.repository = repository
        self.root = root
        self.owner = owner
        self.leaf_kind = leaf_kind
        self.index_kind = leaf_kind + 1
        self.is_checkpoints = leaf_kind == KIND_CHECKPOINT_LEAF
        self.check_encoding = check_encoding
        self._level = None
        self._decoded = Memory(lambda key: self._decode(*key), 256)

    def _decode(self, blob_id, level):
        where = f"blob {blob_id.hex()}"
        if level:
            data = self.repository.blob(blob_id, self.index_kind, self.owner)
            mine, children = decode_second_index(data, where, self.index_kind)
            if mine != level:
                raise Damage("an index page has the wrong level", where, 1)
            return children
        data = self.repository.blob(blob_id, self.leaf_kind, self.owner)
        if self.is_checkpoints:
            return decode_checkpoint_leaf(data, where)
        return decode_time_list(data, where, self.check_encoding)

    @property
    def level(self):
        """The root's level, 0 when it is a leaf."""
        if self._level is None:
            where = f"blob {self.root.hex()}"
            kind, data = self.repository.blob_of_either_kind(
                self.root, (self.leaf_kind, self.index_kind), self.owner)
            if kind == self.leaf_kind:
                self._level = 0
            else:
                self._level, children = decode_second_index(data, where, kind)
                if len(children) < 2:
                    raise Damage("a root has one child", where)
        return self._level

    # All of it

    def pages(self):
        """Every leaf's entries in order, and what the leaf is called."""
        yield from self._walk(self.root, self.level, None, True)

    def _walk(self, blob_id, level, promised, is_last):
        """The leaves below a page of which its parent says (first, last, count)."""
        where = f"blob {blob_id.hex()}"
        found = self._decode(blob_id, level)
        if level == 0:
            first, last = found[0], found[-1]
            if self.is_checkpoints:
                stretch = (first.second, last.second, len(found))
            else:
                stretch = (first[0], last[0], len(found))
            full = self.TIMES
        else:
            self._check_children(found, where)
            stretch = (found[0][0], found[-1][1], sum(child[2] for child in found))
            full = self.CHILDREN
        if promised not in (None, stretch):
            raise Damage("the page is not what its parent says", where)
        if not self.is_checkpoints and not is_last and len(found) != full:
            raise Damage("a page before the last of its level is not full", where)
        if level == 0:
            yield found, where
            return
        for ordinal, child in enumerate(found):
            yield from self._walk(child[3], level - 1, child[:3],
                                  is_last and ordinal == len(found) - 1)

    def _check_children(self, children, where):
        before = None
        for first, last, count, _ in children:
            if first > last or count == 0:
                raise Damage("a child of an index is empty or ends before it starts", where)
            if before is not None and (
                    first < before or (self.is_checkpoints and first == before)):
                raise Damage("the children of an index are not in order", where)
            before = last

    # Checkpoints without reading all

    def at_or_before(self, second):
        """The last checkpoint that is not after a second, or None."""
        blob_id, level = self.root, self.level
        while level:
            found = [child for child in self._decoded[blob_id, level] if child[0] <= second]
            if not found:
                return None
            blob_id, level = found[-1][3], level - 1
        found = [one for one in self._decoded[blob_id, 0] if one.second <= second]
        return found[-1] if found else None

    def at_or_after(self, second):
        """The first checkpoint that is not before a second, or None."""
        blob_id, level = self.root, self.level
        while level:
            found = [child for child in self._decoded[blob_id, level] if child[1] >= second]
            if not found:
                return None
            blob_id, level = found[0][3], level - 1
        return next((one for one in self._decoded[blob_id, 0] if one.second >= second), None)

    def count_before(self, second):
        """How many checkpoints are before a second."""
        blob_id, level, count = self.root, self.level, 0
        while level:
            following = None
            for child in self._decoded[blob_id, level]:
                if child[1] >= second:
                    following = child[3]
                    break
                count += child[2]
            if following is None:
                return count
            blob_id, level = following, level - 1
        return count + sum(one.second < second for one in self._decoded[blob_id, 0])


class Checkpoints:
    """The checkpoints of a table: those of its layout's tree, and of the commits beside it.

    A million of them are not read to find one. Those of commits have whole digests and come first.
    """

    def __init__(self, repository, layout, commits):
        self.trees = []
        if layout is not None:
            self.trees = [SpanTree(repository, root, layout, KIND_CHECKPOINT_LEAF)
                          for root in layout.checkpoint_roots]
        self.beside = {one.second: one for commit in commits for one in commit.checkpoints}
        self.seconds = sorted(self.beside)

    def at(self, instant):
        """The checkpoint of an instant, or None."""
        found = self.at_or_before(instant)
        return found if found is not None and found.instant == instant else None

    def at_or_before(self, time):
        second = time // MICROSECONDS
        found = [tree.at_or_before(second) for tree in self.trees]
        place = bisect.bisect_right(self.seconds, second)
        if place:
            found.insert(0, self.beside[self.seconds[place - 1]])
        return max((one for one in found if one), key=lambda one: one.second, default=None)

    def at_or_after(self, time):
        second = -(-time // MICROSECONDS)
        found = [tree.at_or_after(second) for tree in self.trees]
        place = bisect.bisect_left(self.seconds, second)
        if place < len(self.seconds):
            found.insert(0, self.beside[self.seconds[place]])
        return min((one for one in found if one), key=lambda one: one.second, default=None)

    def count(self, time_from, time_to):
        """How many there are from one time to another, both included."""
        low, high = -(-time_from // MICROSECONDS), time_to // MICROSECONDS + 1
        if high <= low:
            return 0
        count = sum(tree.count_before(high) - tree.count_before(low) for tree in self.trees)
        mine = self.seconds[bisect.bisect_left(self.seconds, low):
                            bisect.bisect_left(self.seconds, high)]
        return count + sum(not self._in_trees(second) for second in mine)

    def _in_trees(self, second):
        found = [tree.at_or_before(second) for tree in self.trees]
        return any(one is not None and one.second == second for one in found)

    def all(self):
        """All of them in order of time; checks the tree that holds them."""
        beside = iter([self.beside[second] for second in self.seconds])
        following = next(beside, None)
        last = None
        for tree in self.trees:
            for page, where in tree.pages():
                if last is not None and page[0].second <= last:
                    raise Damage("the checkpoints do not ascend", where)
                last = page[-1].second
                for one in page:
                    while following is not None and following.second < one.second:
                        yield following
                        following = next(beside, None)
                    if following is not None and following.second == one.second:
                        continue
                    yield one
        while following is not None:
            yield following
            following = next(beside, None)


# ------------------------------------------------------------------------------------------------
# History (Spec 10): ranges, pieces, states
# ------------------------------------------------------------------------------------------------


class State:
    """How the state at an instant is put together.

    `runs` are pairs (piece, bound) in order of time; changes count while their time is before
    the bound.
    """

    def __init__(self, instant, image, runs):
        self.instant = instant
        self.image = image
        self.runs = runs


class History:
    """What a table's newest layout and the commits beside it say.

    Objects that cannot be read are left out, and told of in `damages` (page 11).
    """

    def __init__(self, repository, table_id):
        self.repository = repository
        self.table_id = table_id
        self.directory = f"tables/{table_id}"
        self.table = repository.table_record(table_id)
        self.damages = []
        self.lost = []      # sequences of commits that are missing or cannot be read
        self.layout = self._newest_layout()
        self.commits = self._commits_beside()
        self.pieces = list(self.layout.pieces) if self.layout else []
        for commit in self.commits:
            self.pieces.extend(commit.pieces)
        self.images = {p.time_to: p for p in reversed(self.pieces) if not p.is_run}
        self.runs = sorted((p for p in self.pieces if p.is_run and p.time_from < p.time_to),
                           key=lambda p: (p.time_to, p.time_from))
        self.run_ends = [run.time_to for run in self.runs]
        self.ranges = self._ranges()
        self.checkpoints = Checkpoints(repository, self.layout, self.commits)

    def layout_name(self, number):
        return f"{self.directory}/layouts/{number:016x}"

    def commit_name(self, sequence):
        return f"{self.directory}/commits/{sequence:016x}"

    def read_layout(self, number):
        name = self.layout_name(number)
        layout = Layout(self.repository.read(name), name)
        if layout.table_id != self.table_id or layout.number != number:
            raise Damage("the layout's table or number is not that of its name", name)
        return layout

    def read_commit(self, sequence):
        name = self.commit_name(sequence)
        commit = Commit(self.repository.read(name), name)
        if commit.table_id != self.table_id or commit.sequence != sequence:
            raise Damage("the commit's table or sequence is not that of its name", name)
        return commit

    def layout_numbers(self):
        names = self.repository.names(f"{self.directory}/layouts", HEX_16)
        return [int(name, 16) for name in names]

    def commit_sequences(self):
        names = self.repository.names(f"{self.directory}/commits", HEX_16)
        return [int(name, 16) for name in names]

    def is_begun(self):
        """Whether there is more than the record, which a first backup leaves that did not end."""
        return bool(self.commits or self.layout or self.damages or self.backup_ids())

    def _newest_layout(self):
        for number in reversed(self.layout_numbers()):
            try:
                return self.read_layout(number)
            except Damage as damage:
                self.damages.append(damage)
        return None

    def _commits_beside(self):
        following = self.layout.next_sequence if self.layout else 0
        before = self.layout.before if self.layout else self.table.hash
        commits = []
        for sequence in self.commit_sequences():
            if sequence < following:
                continue
            if sequence > following:
                self.damages.append(Damage(
                    f"a commit before it is missing (sequence {following})",
                    self.commit_name(sequence)))
                self.lost += [following, sequence - 1]
                before = None
            following = sequence + 1
            try:
                commit = self.read_commit(sequence)
            except Damage as damage:
                self.damages.append(damage)
                self.lost.append(sequence)
                before = None
                continue
            if before not in (None, commit.before):
                self.damages.append(Damage(
                    "the hash before is not that of the commit before", commit.where))
            before = commit.hash
            commits.append(commit)
        return commits

    def newest(self):
        """The range that ends last; refuses when what cannot be read may reach farther."""
        if not self.ranges:
            raise Damage("the table has no history yet", self.directory)
        last = self.commits[-1] if self.commits else None
        if self.damages and (last is None or last.begins or last.sequence < max(
                self.lost, default=0)):
            raise Damage("an object that cannot be read may hold the newest state; name an instant",
                         self.directory)
        return max(self.ranges, key=lambda one: (one.time_to, one.time_from))

    def _ranges(self):
        ranges = [one.copy() for one in self.layout.ranges] if self.layout else []
        for commit in self.commits:
            if commit.is_fence:
                continue
            for one in reversed(ranges):
                if one.takes(commit):
                    one.extend(commit)
                    break
            else:
                ranges.append(Range.of_commit(commit))
        return sorted(ranges, key=lambda one: (one.time_from, one.time_to))

    def gaps(self):
        """The stretches (end, beginning) between ranges of which nothing is known."""
        for one, two in zip(self.ranges, self.ranges[1:]):
            if one.time_to < two.time_from:
                yield one.time_to, two.time_from

    def backups(self):
        """The backups of the table, by id; raises at the first that is damaged."""
        return [self.read_backup(name) for name in self.backup_ids()]

    def backup_ids(self):
        return self.repository.names(f"{self.directory}/backups", HEX_32)

    def read_backup(self, backup_id):
        name = f"{self.directory}/backups/{backup_id}"
        backup = Backup(self.repository.read(name), name)
        if backup.id != backup_id:
            raise Damage("the backup's id is not that of its name", name)
        return backup

    # Instants

    def is_exact(self, instant):
        """Whether the archive promises the state at this instant, a whole second."""
        return any(one.promises(instant)
                   and (not one.checkpoints_only or self.checkpoints.at(instant) is not None)
                   for one in self.ranges)

    def nearest_exact(self, instant):
        """The last exact instant before one, and the first after it; None where there is none."""
        before, after = [], []
        for one in self.ranges:
            if one.checkpoints_only:
                found = self.checkpoints.at_or_before(min(instant - 1, one.last_good))
                low = found.instant if found else None
                found = self.checkpoints.at_or_after(max(instant + 1, one.time_from))
                high = found.instant if found else None
            else:
                low = min(instant - 1, one.last_good) // MICROSECONDS * MICROSECONDS
                high = -(-max(instant + 1, one.time_from) // MICROSECONDS) * MICROSECONDS
            if low is not None and one.promises(low):
                before.append(low)
            if high is not None and one.promises(high):
                after.append(high)
        return max(before, default=None), min(after, default=None)

    def state(self, instant):
        """The pieces that make the state at an instant (page 10)."""
        used = []
        bound = instant
        while bound not in self.images:
            run = self._run_to(bound)
            used.append((run, bound))
            bound = run.time_from
        return State(instant, self.images[bound], used[::-1])

    def _run_to(self, bound):
        """The one run that has from < bound ≤ to."""
        place = bisect.bisect_left(self.run_ends, bound)
        following = self.runs[place:place + 2]
        if not following or following[0].time_from >= bound:
            raise Damage(f"no image and no run leads to {format_time(bound)}", self.directory)
        if len(following) > 1 and following[1].time_from < bound:
            raise Damage(f"more than one run leads to {format_time(bound)}", self.directory)
        return following[0]

    def expectation(self, instant):
        """(items, bytes, digest or None, low 16 bits) recorded for the state at an instant."""
        found = self.checkpoints.at(instant)
        if found is None:
            for one in self.ranges:
                if one.time_to == instant:
                    return one.items, one.bytes, one.digest, one.digest & 0xFFFF
            for one in self.ranges:
                if one.holds(instant) and not one.checkpoints_only:
                    found = self.checkpoints.at_or_before(instant)
                    if found is not None and not one.holds(found.instant):
                        found = None
        if found is None:
            return None
        return found.items, found.bytes, found.digest, found.low


# ------------------------------------------------------------------------------------------------
# States (Spec 10): streaming the rows of a table
# ------------------------------------------------------------------------------------------------


def leaf_pages(repository, piece, table, wants=None):
    """The leaf pages of an image or run, in order, checked enough to be read safely.

    `wants` says of a child of an index page, and of the child before it (None for the first),
    whether the pages below it are asked for.
    """
    last = None
    leaf_kind = KIND_RUN_LEAF if piece.is_run else KIND_IMAGE_LEAF
    index_kind = leaf_kind + 2

    def visit(blob_id, level):
        where = f"blob {blob_id.hex()}"
        if level:
            page = IndexPage(repository.blob(blob_id, index_kind, piece.owner), where)
            if page.level != level:
                raise Damage("an index page has the wrong level", where, 1)
            for before, child in zip([None, *page.children], page.children):
                if wants is None or wants(child, before):
                    yield from visit(child.id, level - 1)
            return
        yield LeafPage(repository.blob(blob_id, leaf_kind, piece.owner), where)

    if not piece.tree.entries:
        return
    for page in visit(piece.tree.root, piece.tree.height):
        page.check_schema(table)
        first = page.keys[0]
        if piece.is_run:
            first = (first, page.times[0], page.sequences[0])
        if last is not None and first <= last:
            raise Damage("the pages of a tree are not in order", page.where)
        last = page.keys[-1]
        if piece.is_run:
            last = (last, page.times[-1], page.sequences[-1])
        yield page


def value_source(repository, owner):
    return lambda blob_id: repository.blob(blob_id, KIND_VALUE, owner)


class StateReader:
    """Streams the rows of a state in key order; afterwards knows their count, bytes and digest.

    Memory is that of one page for each piece.
    """

    def __init__(self, repository, table, state):
        self.repository = repository
        self.table = table
        self.state = state
        self.items = self.bytes = self.digest = 0

    def _page_rows(self, page, piece):
        """Of each entry (key, (value, size, JSON parts) or None, key's size, key's JSON)."""
        rows = page.rows(value_source(self.repository, piece.owner))
        return zip(page.keys, rows, page.key_sizes(self.table), page.key_jsons(self.table))

    def _last_changes(self, piece, bound, order):
        """Of each key of a run its last change before the bound, as (key, −order, row)."""
        pending = None
        wants = None if bound >= piece.time_to else lambda child, _: child.least < bound
        for page in leaf_pages(self.repository, piece, self.table, wants):
            if min(page.times) >= bound:
                continue
            for row, time in zip(self._page_rows(page, piece), page.times):
                if time >= bound:
                    continue
                if pending is not None and pending[0] != row[0]:
                    yield pending[0], -order, pending
                pending = row
        if pending is not None:
            yield pending[0], -order, pending

    def _changes(self):
        """Of each key that any run changes the change that wins."""
        streams = [
            self._last_changes(piece, bound, order)
            for order, (piece, bound) in enumerate(self.state.runs)
        ]
        key = None
        for candidate, _, row in heapq.merge(*streams):
            if candidate != key:
                key = candidate
                yield row

    def rows(self):
        """The rows of the state: (key, row, key's size, key's JSON)."""
        changes = self._changes()
        change = next(changes, None)
        for page in leaf_pages(self.repository, self.state.image, self.table):
            last = page.keys[-1]
            rows = self._page_rows(page, self.state.image)
            if change is None or change[0] > last:
                yield from rows
                continue
            for row in rows:
                key = row[0]
                while change is not None and change[0] < key:
                    if change[1] is not None:
                        yield change
                    change = next(changes, None)
                if change is not None and change[0] == key:
                    row = change if change[1] is not None else None
                    change = next(changes, None)
                if row is not None:
                    yield row
        while change is not None:
            if change[1] is not None:
                yield change
            change = next(changes, None)

    def lines(self):
        """The rows as lines of DynamoDB JSON."""
        items = size = digest = 0
        for key, (value, value_size, parts), key_size, key_json in self.rows():
            items += 1
            size += key_size + value_size
            digest += item_hash(key, value)
            yield '{"Item":{' + ",".join([key_json, *parts]) + "}}\n"
        self.items, self.bytes, self.digest = items, size, digest & MASK_256


# ------------------------------------------------------------------------------------------------
# Versions of one item
# ------------------------------------------------------------------------------------------------


def parse_number(written):
    """A number of DynamoDB JSON in normal form."""
    try:
        parts = decimal.Decimal(written).as_tuple()
        number = normalize(int("".join(map(str, parts.digits))), parts.exponent)
    except (decimal.InvalidOperation, TypeError, ValueError):
        raise Damage(f"{written!r} is no number") from None
    number = (-number[0] if parts.sign else number[0], number[1])
    if number_problem(*number):
        raise Damage(f"{written!r}: {number_problem(*number)}")
    return number


def parse_key(written, table):
    """The encoded key of an item that the command line names."""
    try:
        typed = json.loads(written)
    except ValueError:
        typed = None
    if not isinstance(typed, dict):
        if len(table.key_attributes) > 1:
            raise Damage(f"{written!r} is no key; write both attributes as DynamoDB JSON")
        name, kind = table.key_attributes[0]
        typed = {name: {TYPE_LETTERS[kind]: written}}
    if set(typed) != {name for name, _ in table.key_attributes}:
        names = ", ".join(name for name, _ in table.key_attributes)
        raise Damage(f"{written!r} is no key of this table; its attributes are {names}")
    key = b""
    for ordinal, (name, kind) in enumerate(table.key_attributes):
        letter = TYPE_LETTERS[kind]
        value = typed[name].get(letter) if isinstance(typed[name], dict) else None
        if not isinstance(value, str):
            raise Damage(f"the key attribute {name} is not of type {letter}")
        if kind == TAG_NUMBER:
            key += encode_number_key(parse_number(value))
            continue
        try:
            content = base64.b64decode(value, validate=True) if letter == "B" else value.encode()
        except ValueError:
            raise Damage(f"the key attribute {name} is not base64") from None
        is_last = ordinal == len(table.key_attributes) - 1
        key += content if is_last else escape_key(content)
    return key


class Version:
    """An item from a moment on: by a change, or as an image has it. `item` None: it is gone."""

    def __init__(self, time, sequence, item, value):
        self.time = time
        self.sequence = sequence
        self.item = item
        self.value = value

    def line(self):
        """As a line of JSON; a version that comes from an image has no sequence."""
        kind = "delete" if self.item is None else "put"
        if self.sequence is None:
            kind = "absent" if self.item is None else "image"
        parts = [f'"time":"{format_time(self.time)}"', f'"kind":"{kind}"']
        if self.sequence is not None:
            parts.append(f'"sequence":{self.sequence}')
        if self.item is not None:
            parts.append(f'"Item":{self.item}')
        return "{" + ",".join(parts) + "}"


def item_entries(history, piece, key):
    """The entries of one key in an image or run, as versions, in order."""

    def wants(child, before):
        return child.key >= key and (before is None or before.key <= key)

    repository, table = history.repository, history.table
    for page in leaf_pages(repository, piece, table, wants):
        low = bisect.bisect_left(page.keys, key)
        high = bisect.bisect_right(page.keys, key)
        if low == high:
            continue
        rows = list(page.rows(value_source(repository, piece.owner)))
        jsons = page.key_jsons(table)
        for ordinal in range(low, high):
            item = value = None
            if rows[ordinal] is not None:
                value, _, parts = rows[ordinal]
                item = "{" + ",".join([jsons[ordinal], *parts]) + "}"
            if page.is_run:
                yield Version(page.times[ordinal], page.sequences[ordinal], item, value)
            else:
                yield Version(piece.time_to, None, item, value)


def item_versions(history, key):
    """Every version of an item in order of time.

    What an image has is a version only where it differs from what the changes before it made.
    """
    found = []
    for piece in history.pieces:
        mine = list(item_entries(history, piece, key))
        if not piece.is_run and not mine:
            mine = [Version(piece.time_to, None, None, None)]
        found += mine
    # An image of T has the changes with time < T, so it stands before those of T.
    found.sort(key=lambda one: (one.time, -1 if one.sequence is None else one.sequence))
    value = None
    for version in found:
        if version.sequence is not None or version.value != value:
            yield version
        value = version.value


# ------------------------------------------------------------------------------------------------
# Verification
# ------------------------------------------------------------------------------------------------


class Report:
    """Collects problems; the same words about the same thing are said once."""

    def __init__(self, stream, verbose=False):
        self.stream = stream
        self.verbose = verbose
        self.seen = set()

    def problem(self, message):
        line = " ".join(str(message).split("\n"))
        if line not in self.seen:
            self.seen.add(line)
            print(line, file=self.stream, flush=True)

    def say(self, message):
        if self.verbose:
            print(message, file=self.stream, flush=True)

    @property
    def count(self):
        return len(self.seen)

    def attempt(self, what, function, *arguments):
        """Calls a check; whatever goes wrong becomes a problem. None if it did."""
        try:
            return function(*arguments)
        except Damage as damage:
            self.problem(damage)
        except BrokenPipeError:
            raise
        except RecursionError:
            self.problem(f"{what}: nests too deep to be read")
        except MemoryError:
            self.problem(f"{what}: asks for more memory than there is")
        except Exception as error:  # a hostile object must not end the verification
            self.problem(f"{what}: cannot be read ({type(error).__name__}: {error})")
        return None


TREE_PROBLEMS_MAX = 50


class TreeVerifier:
    """Walks one tree, checking all that its pages and their parents say.

    As a generator it yields, for each leaf page, (keys, times, hashes, sizes), of which times is
    None in images, and a hash is None for a tombstone.
    """

    def __init__(self, verifier, piece, table, where):
        self.verifier = verifier
        self.repository = verifier.repository
        self.piece = piece
        self.table = table
        self.where = where
        self.damaged = 0
        self.previous = None
        self.items = self.bytes = 0
        self.least = self.greatest = None
        self.seconds = [] if piece.time_lists else None
        self.rules = {}
        self.fetch_value = value_source(self.repository, piece.owner)

    def problem(self, message):
        self.damaged += 1
        self.verifier.report.problem(message)
        if self.damaged >= TREE_PROBLEMS_MAX:
            raise Damage("too many problems; the rest of the tree is not checked", self.where)

    def pages(self):
        tree = self.piece.tree
        if not tree.entries:
            return
        try:
            totals = yield from self._node(tree.root, tree.height)
            if totals is not None and totals[:3] != (tree.entries, tree.weight, tree.digest):
                self.problem(f"{self.where}: the entries, weight or digest of the tree are not "
                             f"those of its reference")
        except Damage as damage:
            self.damaged += 1
            self.verifier.report.problem(damage)
        except Exception as error:
            self.damaged += 1
            self.verifier.report.problem(
                f"{self.where}: cannot be read ({type(error).__name__}: {error})")
        if self.damaged:
            return
        self._check_times()
        for level, rule in sorted(self.rules.items()):
            for problem in rule.problems():
                self.problem(f"{self.where}, level {level}: {problem}")

    def _check_times(self):
        piece = self.piece
        if not piece.is_run:
            return
        if self.least < piece.time_from or self.greatest >= piece.time_to:
            self.problem(f"{self.where}: a change is outside the run's times")

    def _node(self, blob_id, level):
        """Yields the leaves below; returns (entries, weight, digest, last, least, greatest)."""
        if level == 0:
            leaf = self._leaf(blob_id)
            yield leaf[0]
            return leaf[1]
        where = f"{self.where}, blob {blob_id.hex()}"
        kind = KIND_RUN_INDEX if self.piece.is_run else KIND_IMAGE_INDEX
        page = IndexPage(self.repository.blob(blob_id, kind, self.piece.owner), where)
        if page.level != level:
            raise Damage(f"an index page has level {page.level}, not {level}", where, 1)
        if level == self.piece.tree.height and len(page.children) < 2:
            raise Damage("a root has one child", where)
        types = [kind for _, kind in self.table.key_attributes] + [0]
        for child in page.children:
            decode_key(child.key, types[0], types[1], where)
        self._feed(level, [96 + len(child.key) for child in page.children],
                   [child.key for child in page.children],
                   [child.time for child in page.children],
                   [child.sequence for child in page.children])
        entries = weight = digest = 0
        for ordinal, child in enumerate(page.children):
            found = None
            try:
                found = yield from self._node(child.id, level - 1)
            except Damage as damage:
                self.problem(damage)
            if found is not None:
                wanted = (child.entries, child.weight, child.digest, child.place(), child.least,
                          child.greatest)
                for name, is_value, says in zip(
                        ("entries", "weight", "digest", "last key", "least time", "greatest time"),
                        found, wanted):
                    if is_value != says:
                        self.problem(f"{where}: child {ordinal} says another {name} than its "
                                     f"page has")
            entries += child.entries
            weight += child.weight
            digest += child.digest
        last = page.children[-1].place()
        least = greatest = None
        if page.is_run:
            least = min(child.least for child in page.children)
            greatest = max(child.greatest for child in page.children)
        return entries, weight, digest & MASK_256, last, least, greatest

    def _leaf(self, blob_id):
        where = f"{self.where}, blob {blob_id.hex()}"
        kind = KIND_RUN_LEAF if self.piece.is_run else KIND_IMAGE_LEAF
        page = LeafPage(self.repository.blob(blob_id, kind, self.piece.owner), where)
        page.check_schema(self.table)
        self._check_order(page)
        hashes, sizes, digest = self._hashes(page)
        if not self.verifier.quick:
            for problem in page.encoding_problems():
                self.problem(problem)
            for problem in page.outline_problems():
                self.problem(problem)
        self._feed(0, page.weights, page.keys, page.times, page.sequences)
        least = greatest = None
        last = (page.keys[-1],)
        if page.is_run:
            least, greatest = min(page.times), max(page.times)
            self.least = least if self.least is None else min(self.least, least)
            self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)
            last = (page.keys[-1], page.times[-1], page.sequences[-1])
            if self.seconds is not None:
                self.seconds.extend([time // MICROSECONDS for time in page.times])
        self.items += page.count
        self.bytes += sum(sizes)
        totals = (page.count, sum(page.weights), digest, last, least, greatest)
        return (page.keys, page.times, hashes, sizes), totals

    def _check_order(self, page):
        first = (page.keys[0],)
        last = (page.keys[-1],)
        if page.is_run:
            first += (page.times[0], page.sequences[0])
            last += (page.times[-1], page.sequences[-1])
        if self.previous is not None and first <= self.previous:
            raise Damage("the pages of the tree are not in order", page.where)
        self.previous = last

    def _hashes(self, page):
        """Item hashes and sizes of a page's entries, and its digest."""
        hashes, sizes = [], []
        digest = 0
        key_sizes = page.key_sizes(self.table)
        rows = page.rows(self.fetch_value, with_json=False)
        if not page.is_run:
            for key, (value, size, _), key_size in zip(page.keys, rows, key_sizes):
                found = item_hash(key, value)
                hashes.append(found)
                digest += found
                sizes.append(size + key_size)
        else:
            for key, row, key_size, time in zip(page.keys, rows, key_sizes, page.times):
                if row is None:
                    hashes.append(None)
                    sizes.append(0)
                    digest += change_hash(key, time, None)
                else:
                    hashes.append(item_hash(key, row[0]))
                    sizes.append(row[1] + key_size)
                    digest += change_hash(key, time, row[0])
        if max(sizes) > ITEM_BYTES_MAX:
            raise Damage("an item is larger than 409,600 bytes", page.where)
        return hashes, sizes, digest & MASK_256

    def _feed(self, level, weights, keys, times, sequences):
        if self.verifier.quick:
            return
        if level not in self.rules:
            self.rules[level] = CutRule(INDEX_WINDOW if level else LEAF_WINDOW)
        messages = cut_messages(level, self.piece.is_run, keys, times, sequences)
        key = self.repository.configuration.cut_key
        self.rules[level].feed(weights, siphash_many(key, messages))


class CheckpointColumns:
    """All checkpoints of a table, column by column, since there may be millions of them."""

    def __init__(self):
        self.instants = array.array("q")
        self.changes = array.array("Q")
        self.items = array.array("Q")
        self.bytes = array.array("Q")
        self.lows = array.array("H")
        self.digests = {}           # ordinal → whole table digest
        self.proven = bytearray()   # 1 where pieces lead to the checkpoint

    def append(self, checkpoint):
        if checkpoint.digest is not None:
            self.digests[len(self.instants)] = checkpoint.digest
        self.instants.append(checkpoint.instant)
        self.changes.append(checkpoint.changes)
        self.items.append(checkpoint.items)
        self.bytes.append(checkpoint.bytes)
        self.lows.append(checkpoint.low)
        self.proven.append(0)

    def __len__(self):
        return len(self.instants)

    def find(self, instant):
        """The ordinal of the checkpoint of an instant, or None."""
        place = bisect.bisect_left(self.instants, instant)
        found = place < len(self.instants) and self.instants[place] == instant
        return place if found else None

    def at(self, ordinal, where=""):
        instant = self.instants[ordinal]
        return Checkpoint(instant // MICROSECONDS, self.changes[ordinal], self.items[ordinal],
                          self.bytes[ordinal], self.digests.get(ordinal), self.lows[ordinal],
                          where)

    def matches(self, ordinal, items, size, digest):
        if items != self.items[ordinal] or size != self.bytes[ordinal]:
            return False
        whole = self.digests.get(ordinal)
        return digest & 0xFFFF == self.lows[ordinal] if whole is None else digest == whole


class ChainVerifier:
    """Replays one image and the runs that follow it without a gap.

    One pass in key order over all pieces: each change's difference to the sums goes to the first
    instant of interest after it; summed in order of time, the differences give every state.
    """

    def __init__(self, verifier, image, runs):
        self.verifier = verifier
        self.image = image
        self.runs = runs
        self.start = image.time_to
        self.end = runs[-1].time_to if runs else image.time_to

    def replay(self, instants):
        """Replays up to each of the ascending instants of interest; False if it is damaged.

        Those before the chain's beginning and after its end are left out.
        """
        low = bisect.bisect_left(instants, self.start)
        high = bisect.bisect_right(instants, self.end)
        self.instants = instants[low:high]
        count = len(self.instants) + 1
        self.items = [0] * count
        self.bytes = [0] * count
        self.digests = [0] * count
        self.changes = [0] * count          # since the instant before
        self.least = [None] * count         # the least time among them
        self.idle = []                      # times of changes that change nothing
        base = self.verifier.tree(self.image)
        trees = [self.verifier.tree(piece) for piece in self.runs]
        self._merge(base, self._merged(trees))
        trees.append(base)
        for tree in trees:
            self.verifier.after_tree(tree)
        return not any(tree.damaged for tree in trees)

    def states(self):
        """After `replay`: (instant, items, bytes, digest) for each instant of interest."""
        items = size = digest = 0
        for instant, *more in zip(self.instants, self.items, self.bytes, self.digests):
            items += more[0]
            size += more[1]
            digest = (digest + more[2]) & MASK_256
            yield instant, items, size, digest

    @staticmethod
    def _merged(trees):
        """The changes of all runs in order of (key, time): (key, run, ordinal, time, hash, size)"""

        def entries(tree, order):
            ordinals = itertools.count()
            for keys, times, hashes, sizes in tree.pages():
                yield from zip(keys, itertools.repeat(order), ordinals, times, hashes, sizes)

        streams = [entries(tree, order) for order, tree in enumerate(trees)]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams)

    def _merge(self, base, changes):
        change = next(changes, None)
        for keys, _, hashes, sizes in base.pages():
            self.items[0] += len(keys)
            self.bytes[0] += sum(sizes)
            self.digests[0] += sum(hashes)
            last = keys[-1]
            place = 0
            while change is not None and change[0] <= last:
                key = change[0]
                place = bisect.bisect_left(keys, key, place)
                if keys[place] == key:
                    change = self._follow(change, changes, 1, sizes[place], hashes[place])
                else:
                    change = self._follow(change, changes, 0, 0, 0)
        while change is not None:
            change = self._follow(change, changes, 0, 0, 0)

    def _follow(self, change, changes, exists, size, digest):
        """Takes in all changes of one key, which was so in the image; returns the next key's."""
        instants, end = self.instants, len(self.instants)
        first = change[0]
        while change is not None and change[0] == first:
            _, _, _, time, found, new_size = change
            place = bisect.bisect_right(instants, time, 0, end)
            now = 1
            if found is None:
                now = found = 0
            self.items[place] += now - exists
            self.bytes[place] += new_size - size
            self.digests[place] += found - digest
            self.changes[place] += 1
            least = self.least[place]
            if least is None or time < least:
                self.least[place] = time
            if found == digest and now == exists:
                self.idle.append(time)
            exists, size, digest = now, new_size, found
            change = next(changes, None)
        return change


class Verifier:
    """Checks a whole repository; every failure becomes a line of the report."""

    def __init__(self, repository, report, quick=False):
        self.repository = repository
        self.report = report
        self.quick = quick
        self.condemned = set()

    def run(self):
        self.sealed_lists()
        self.packs()
        self.indexes()
        for table_id in self.repository.table_ids():
            self.report.say(f"tables/{table_id}")
            self.report.attempt(f"tables/{table_id}", self.table, table_id)

    # Objects that stand alone

    def sealed_lists(self):
        repository, attempt = self.repository, self.report.attempt
        for name in repository.names("condemned", HEX_16):
            found = attempt(f"condemned/{name}", lambda n=name: decode_condemned(
                repository.read(f"condemned/{n}"), f"condemned/{n}"))
            if found:
                self.condemned.update(found["packs"])
        for name in repository.names("intents", HEX_32):
            attempt(f"intents/{name}", self.intent, name)
        for table in repository.names("copied", HEX_32):
            for name in repository.names(f"copied/{table}", HEX_64):
                attempt(f"copied/{table}/{name}", self.mark, table, name)
        for name in repository.names("keys", re.compile(r"[0-9]{2}\Z")):
            attempt(f"keys/{name}", lambda n=name: decode_key_slot(
                repository.read(f"keys/{n}"), f"keys/{n}"))

    def mark(self, table, name):
        where = f"copied/{table}/{name}"
        if self.repository.read(where) != bytes.fromhex(name):
            raise Damage("the mark is not the hash that is its name", where)

    def intent(self, name):
        where = f"intents/{name}"
        if decode_intent(self.repository.read(where), where)["id"] != name:
            raise Damage("the intent's id is not that of its name", where)

    # Packs and indexes

    def packs(self):
        for name in self.repository.pack_names():
            path = self.repository.pack_path(name)
            self.report.say(path)
            self.report.attempt(path, self.pack, name, path)

    def pack(self, name, path):
        data = self.repository.map(path, PACK_BYTES_LIMIT)
        if sha256(data).digest() != name:
            raise Damage("the SHA-256 of the pack is not its name", path)
        footer = PackFooter(data, path)
        by_offset = {entry[1]: entry for entry in footer.entries}
        if len(by_offset) != footer.count:
            raise Damage("two entries of a pack's index name one place", path)
        position = PACK_HEADER_BYTES
        while position < footer.index_start:
            record = Record(data, position, footer.index_start, path)
            entry = by_offset.pop(position, None)
            mine = (record.id, position, record.stored_length, record.plain_length, record.type,
                    record.codec, 0, 0)
            if entry != mine:
                self.report.problem(f"{path} at offset {position}: the pack's index does not "
                                    f"have this blob as it is")
            self.report.attempt(path, record.plain, data,
                                f"{path}, blob {record.id.hex()}")
            position = record.start + record.stored_length
        if by_offset:
            raise Damage("the pack's index names a place where no blob starts", path)

    def indexes(self):
        for name in self.repository.names("indexes", HEX_64):
            self.report.attempt(f"indexes/{name}", self.index, name)

    def index(self, name):
        where = f"indexes/{name}"
        data = self.repository.map(where, PACK_BYTES_LIMIT)[:]
        if sha256(data).hexdigest() != name:
            raise Damage("the SHA-256 of the pack index is not its name", where)
        index = PackIndex(data, where)
        for problem in index.problems():
            self.report.problem(f"{where}: {problem}")
        footers = []
        for ordinal in range(index.pack_count):
            pack, size = index.pack_at(ordinal)
            footers.append(self.report.attempt(where, self.indexed_pack, where, pack, size))
        seen = [0] * index.pack_count
        for ordinal in range(index.count):
            blob_id = index.id_at(ordinal)
            pack, *fields = index.entry(ordinal)
            if pack >= index.pack_count:
                self.report.problem(f"{where}: entry {ordinal} names a pack that is not listed")
                continue
            seen[pack] += 1
            if footers[pack] is not None and footers[pack].get(blob_id) != (blob_id, *fields):
                self.report.problem(f"{where}: entry {ordinal} is not what the pack's own index "
                                    f"says of blob {blob_id.hex()}")

    def indexed_pack(self, where, pack, size):
        """The entries of a pack that an index lists; None if it may rightly be gone."""
        path = self.repository.pack_path(pack)
        if not self.repository.exists(path):
            if pack in self.condemned:
                return None
            raise Damage(f"the pack {pack.hex()} is missing", where)
        data = self.repository.pack(pack)
        if len(data) != size:
            raise Damage(f"the pack {pack.hex()} does not have the size listed", where)
        return {entry[0]: entry for entry in PackFooter(data, path).entries}

    # Tables: objects and the chain of commits

    def table(self, table_id):
        repository = self.repository
        history = History(repository, table_id)
        directory = history.directory
        for kind in ("settings", "retention"):
            self.ordinals(f"{directory}/{kind}")
        for name in repository.names(f"{directory}/settings", HEX_16):
            self.report.attempt(name, lambda n=f"{directory}/settings/{name}": Settings(
                repository.read(n), n))
        for name in repository.names(f"{directory}/retention", HEX_16):
            self.report.attempt(name, lambda n=f"{directory}/retention/{name}": decode_retention(
                repository.read(n), n))
        if repository.exists(f"{directory}/lease"):
            self.report.attempt(directory, lambda: decode_lease(
                repository.read(f"{directory}/lease"), f"{directory}/lease"))
        for damage in history.damages:
            self.report.problem(damage)
        self.report.attempt(directory, self.old_layouts, history)
        covered = []
        self.report.attempt(directory, self.commit_chain, history, covered)
        for owner in [history.layout, *history.commits]:
            if owner is not None:
                self.inline_blobs(owner)
        backups = []
        for backup_id in history.backup_ids():
            backup = self.report.attempt(f"{directory}/backups/{backup_id}",
                                         history.read_backup, backup_id)
            if backup is not None:
                backups.append(backup)
        self.report.attempt(directory, self.states, history, backups, covered)

    def ordinals(self, directory):
        """Ordinals run from 0 without a gap: behind one a record is lost, and with it a promise."""
        names = sorted(self.repository.names(directory, HEX_16))
        for place, name in enumerate(names):
            if int(name, 16) != place:
                self.report.problem(f"{directory}/{name}: a record before it is missing")
                return

    def old_layouts(self, history):
        numbers = history.layout_numbers()
        if numbers and numbers[0] < 1:
            self.report.problem(f"{history.directory}/layouts: a layout has the number 0")
        for number in numbers[:-1]:
            self.report.attempt(history.layout_name(number), history.read_layout, number)

    def inline_blobs(self, owner):
        for record in owner.inline.values():
            self.report.attempt(owner.where, record.plain, owner.data,
                                f"{owner.where}, inline blob {record.id.hex()}")

    def commit_chain(self, history, covered):
        """Every commit that exists: hashes, order of times, and what layouts say of them.

        Those that a layout covers are added to `covered`, without their pieces.
        """
        sequences = history.commit_sequences()
        known = {commit.sequence: commit for commit in history.commits}
        before = None
        # The greatest time up to which the commits before reach; None where that is not known.
        reached = TIME_LEAST
        # Ends of ranges behind which the layout has only single states: a replica keeps states that
        # its source has dropped, and the source's next commit may go on before them.
        earlier = []
        for sequence in sequences:
            if sequence in known:
                commit = known[sequence]
            else:
                commit = self.report.attempt(history.commit_name(sequence),
                                             history.read_commit, sequence)
            if sequence and (before is None or before.sequence != sequence - 1):
                reached = None
            if history.layout and sequence == history.layout.next_sequence:
                reached = max((one.time_to for one in history.layout.ranges), default=None)
                ranges = history.layout.ranges
                while len(ranges) > 1 and ranges[-1].checkpoints_only and \
                        ranges[-1].time_from == ranges[-1].time_to:
                    ranges = ranges[:-1]
                    earlier.append(ranges[-1].time_to)
            if commit is not None and reached is not None and commit.begin in earlier:
                reached = commit.begin
            if commit is None:
                before = None
                continue
            self.report.attempt(commit.where, self.commit, history, commit, before, reached)
            before, earlier = commit, []
            if reached is not None:
                reached = max(reached, commit.time_to)
            if sequence not in known:
                commit.data = commit.inline = commit.pieces = None
                covered.append(commit)

    def commit(self, history, commit, before, reached):
        problem = self.report.problem
        if commit.sequence == 0:
            if commit.before != history.table.hash:
                problem(f"{commit.where}: the hash before is not the table hash")
            if not commit.begins:
                problem(f"{commit.where}: the first commit does not begin a range")
        elif before is not None and before.sequence == commit.sequence - 1:
            if commit.before != before.hash:
                problem(f"{commit.where}: the hash before is not that of the commit before")
        if not commit.begins:
            if reached not in (None, commit.begin):
                problem(f"{commit.where}: it does not go on where the commits before ended")
            if any(one.closed and one.time_to == commit.begin and one.last < commit.sequence
                   for one in history.ranges) or (before is not None and before.closes):
                problem(f"{commit.where}: it goes on where a range was closed")
        self.commit_in_layout(history, commit)
        if commit.is_fence:
            if commit.time_from != commit.time_to:
                problem(f"{commit.where}: it has two times and no pieces")
            if reached not in (None, TIME_LEAST, commit.time_to):
                problem(f"{commit.where}: it is empty, and does not end where the others do")
            if commit.changes or commit.changes_digest:
                problem(f"{commit.where}: it has no pieces and counts changes")
            # An older copy that came last has a state of its own.
            if before is not None and before.time_to == commit.time_to and (
                    (commit.items, commit.bytes, commit.digest)
                    != (before.items, before.bytes, before.digest)):
                problem(f"{commit.where}: it is empty, and has another state than before it")
            return
        if commit.begins and commit in history.commits:
            # An older copy belongs where every second is not known already.
            if any(not one.checkpoints_only and one.holds(commit.time_to)
                   and one.first < commit.sequence for one in history.ranges):
                problem(f"{commit.where}: a range that is exact at every second covers it")
        self.commit_pieces(commit)
        self.commit_counts(commit)

    def commit_in_layout(self, history, commit):
        problem, layout = self.report.problem, history.layout
        if layout is None:
            return
        if commit.sequence == layout.next_sequence - 1 and commit.hash != layout.before:
            problem(f"{layout.where}: its hash before is not that of {commit.where}")
        for one in layout.ranges:
            if commit.sequence == one.last and commit.hash != one.last_hash:
                problem(f"{layout.where}: a range's last hash is not that of {commit.where}")

    def commit_pieces(self, commit):
        """A commit has one piece, which begins or ends where it does."""
        problem = self.report.problem
        if len(commit.pieces) != 1:
            problem(f"{commit.where}: it has {len(commit.pieces)} pieces instead of one")
            return
        piece = commit.pieces[0]
        if commit.begins and (commit.changes or any(c.changes for c in commit.checkpoints)):
            problem(f"{commit.where}: it begins a range, and counts changes")
        if commit.begins and (piece.is_run or commit.time_from != commit.time_to):
            problem(f"{commit.where}: it begins a range, and is no image of one instant")
        if piece.time_to != commit.time_to:
            problem(f"{commit.where}: its piece ends at another time")
        if piece.is_run and piece.time_from != commit.begin:
            problem(f"{commit.where}: its run begins at another time")
        if commit.closes:
            if not piece.is_run or piece.tree.entries or commit.changes or commit.checkpoints:
                problem(f"{commit.where}: it closes a range and has changes or checkpoints")
            if commit.time_from != commit.time_to and commit.time_from % MICROSECONDS:
                problem(f"{commit.where}: its last good instant is not a whole second")

    def commit_counts(self, commit):
        problem = self.report.problem
        for checkpoint in commit.checkpoints:
            if not commit.time_from <= checkpoint.instant <= commit.time_to:
                problem(f"{commit.where}: a checkpoint is outside the commit's times")
        if commit.checkpoints_only and any(
                c.instant != commit.time_to for c in commit.checkpoints):
            problem(f"{commit.where}: it is exact at its end alone, and has other checkpoints")
        last = commit.checkpoints[-1] if commit.checkpoints else None
        if last and last.instant == commit.time_to:
            if not last.matches(commit.items, commit.bytes, commit.digest):
                problem(f"{commit.where}: its last checkpoint is not its last state")
        runs = [piece for piece in commit.pieces if piece.is_run]
        digest = sum(piece.tree.digest for piece in runs) & MASK_256
        if digest != commit.changes_digest:
            problem(f"{commit.where}: the change digest is not that of its runs")
        if runs and sum(piece.tree.entries for piece in runs) != commit.changes:
            problem(f"{commit.where}: it counts other changes than its run has")

    # Tables: trees

    def tree(self, piece):
        self.report.say(f"{piece.owner.where}: {piece}, {piece.tree.entries} entries")
        return TreeVerifier(self, piece, self.table_record, f"{piece.owner.where}, {piece}")

    def after_tree(self, tree):
        for root in tree.piece.time_lists:
            if not tree.damaged:
                self.report.attempt(tree.where, self.time_list, tree, root)

    def time_list(self, tree, root):
        pages = SpanTree(self.repository, root, tree.piece.owner, KIND_TIME_LIST, not self.quick)
        wanted = iter(sorted(zip(tree.seconds, itertools.count())))
        for entries, where in pages.pages():
            for entry in entries:
                if next(wanted, None) != entry:
                    raise Damage("the time list is not that of the run's changes", where)
        if next(wanted, None) is not None:
            raise Damage("the time list ends early", tree.where)

    # Tables: states

    def states(self, history, backups, covered):
        """Every state that is recorded anywhere, replayed."""
        self.history = history
        self.table_record = history.table
        self.exact = [one for one in history.ranges if not one.checkpoints_only]
        self.checkpoints = self.report.attempt(history.directory, self.collect_checkpoints)
        if self.checkpoints is None:
            # Those of the layout are damaged, which is said; the others can be checked.
            self.checkpoints = CheckpointColumns()
            for second in history.checkpoints.seconds:
                self.checkpoints.append(history.checkpoints.beside[second])
            covered = []
        self.layout_ranges(covered)
        special = {backup.instant for backup in backups}
        special.update(one.time_to for one in history.ranges)
        special.update(one.time_from for one in history.ranges)
        special.update(commit.time_to for commit in history.commits)
        special.update(piece.time_to for piece in history.pieces if not piece.is_run)
        instants = sorted(special.union(self.checkpoints.instants))
        chains, loose = self.chains()
        for piece in loose:
            tree = self.tree(piece)
            for _ in tree.pages():
                pass
            self.after_tree(tree)
        known = {}
        damaged = bool(loose)
        for chain in chains:
            if not chain.replay(self.instants_of(chain, instants)):
                damaged = True
                continue
            self.check_chain(chain, special, known)
            for one in self.exact:
                self.check_seconds(chain, one)
        self.check_states(known, damaged)
        for backup in backups:
            self.report.attempt(backup.where, self.backup, backup, known, damaged)

    def collect_checkpoints(self):
        columns = CheckpointColumns()
        for checkpoint in self.history.checkpoints.all():
            columns.append(checkpoint)
        return columns

    def chains(self):
        """Images with the runs that follow them; every piece is in a chain or stands alone."""
        images = {}
        for piece in self.history.pieces:
            if not piece.is_run:
                images.setdefault(piece.time_to, []).append(piece)
        runs = sorted((p for p in self.history.pieces if p.is_run),
                      key=lambda p: (p.time_from, p.time_to))
        groups = []
        for run in runs:
            end = groups[-1][-1].time_to if groups else None
            if end is not None and end > run.time_from:
                self.report.problem(f"{run.where}: the {run} overlaps the {groups[-1][-1]}")
            if end == run.time_from:
                groups[-1].append(run)
            else:
                groups.append([run])
        used = set()
        chains, loose = [], []
        for group in groups:
            base = images.get(group[0].time_from)
            if base is None:
                if any(run.tree.entries for run in group):
                    self.report.problem(f"{group[0].where}: no image and no run leads to the "
                                        f"{group[0]}")
                loose.extend(group)
                continue
            used.add(id(base[0]))
            chains.append(ChainVerifier(self, base[0], group))
        for same in images.values():
            for piece in same:
                if id(piece) not in used:
                    chains.append(ChainVerifier(self, piece, []))
        return chains, loose

    def instants_of(self, chain, instants):
        """The instants whose states a chain gives.

        A copy that was brought in later than newer ones has an image within a run that knows
        nothing of it: only at a run's end do image and run give the same state (page 10), and
        where every second is exact.
        """
        ends = {chain.start}.union(run.time_to for run in chain.runs)
        foreign = {
            piece.time_to for piece in self.history.pieces
            if not piece.is_run and piece.time_to not in ends
            and not any(one.holds(piece.time_to) for one in self.exact)}
        return [t for t in instants if t not in foreign] if foreign else instants

    def check_chain(self, chain, special, known):
        """Compares what a chain gives with the checkpoints; keeps the special instants' states."""
        checkpoints = self.checkpoints
        ordinal = bisect.bisect_left(checkpoints.instants, chain.start)
        for instant, items, size, digest in chain.states():
            if instant in special:
                found = (items, size, digest)
                if known.setdefault(instant, found) != found:
                    self.report.problem(f"{self.history.directory}: two pieces give different "
                                        f"states at {format_time(instant)}")
            while ordinal < len(checkpoints) and checkpoints.instants[ordinal] < instant:
                ordinal += 1
            if ordinal == len(checkpoints) or checkpoints.instants[ordinal] != instant:
                continue
            checkpoints.proven[ordinal] = 1
            if not checkpoints.matches(ordinal, items, size, digest):
                recorded = checkpoints.at(ordinal)
                self.report.problem(
                    f"{self.checkpoint_name(instant)}: the state is not the one recorded ("
                    + self.difference((items, size, digest), recorded) + ")")

    def checkpoint_name(self, instant):
        return f"{self.history.directory}, checkpoint {format_time(instant)}"

    def check_seconds(self, chain, one):
        """In a range that is exact at every second each second with changes is a checkpoint.

        It counts them, and each of them makes a difference.
        """
        problem, checkpoints = self.report.problem, self.checkpoints
        idle = [time for time in chain.idle if one.time_from <= time < one.time_to]
        if idle:
            problem(f"{self.history.directory}, range {one}: {len(idle)} changes change nothing, "
                    f"the first at {format_time(min(idle))}")
        low = bisect.bisect_right(chain.instants, max(one.time_from, chain.start))
        high = bisect.bisect_right(chain.instants, one.time_to)
        count, first = 0, None
        for place in range(low, high):
            instant = chain.instants[place]
            least = chain.least[place]
            if least is not None:
                count += chain.changes[place]
                first = least if first is None else min(first, least)
            ordinal = checkpoints.find(instant)
            if ordinal is None:
                continue
            if first is not None and first < instant - MICROSECONDS:
                problem(f"{self.checkpoint_name(instant)}: the second of "
                        f"{format_time(first)} before it has changes but is no checkpoint")
            elif count != checkpoints.changes[ordinal]:
                problem(f"{self.checkpoint_name(instant)}: it counts "
                        f"{checkpoints.changes[ordinal]} changes; there are {count}")
            count, first = 0, None
        # What is left is the tail: changes of the last second, which is not sealed.
        if first is not None and (first // MICROSECONDS + 1) * MICROSECONDS <= one.time_to:
            problem(f"{self.history.directory}, range {one}: the second of {format_time(first)} "
                    f"has changes but is no checkpoint")

    def check_states(self, known, damaged):
        problem, history = self.report.problem, self.history
        checkpoints = self.checkpoints
        if not damaged and not all(checkpoints.proven):
            for instant, proven in zip(checkpoints.instants, checkpoints.proven):
                if not proven:
                    problem(f"{self.checkpoint_name(instant)}: no pieces lead to it")
        for one in history.ranges:
            where = f"{history.directory}, range {one}"
            for instant in (one.time_from, one.time_to):
                if instant not in known and not damaged and not (
                        one.checkpoints_only and checkpoints.find(instant) is None):
                    problem(f"{where}: no pieces lead to {format_time(instant)}")
            if not one.checkpoints_only and checkpoints.find(one.time_from) is None:
                problem(f"{where}: its beginning is no checkpoint")
            self.same_state(where, known.get(one.time_to), one)
            for commit in one.commits:
                self.same_state(commit.where, known.get(commit.time_to), commit)
        for instant in checkpoints.instants:
            if not any(one.holds(instant) for one in history.ranges):
                problem(f"{self.checkpoint_name(instant)}: it is in no range")

    def same_state(self, where, found, recorded):
        if found is not None and found != (recorded.items, recorded.bytes, recorded.digest):
            self.report.problem(f"{where}: the state at its end is not the one recorded ("
                                + self.difference(found, recorded) + ")")

    @staticmethod
    def difference(found, recorded):
        written = digest_hex(recorded.digest) if recorded.digest is not None else (
            f"first bytes {recorded.low.to_bytes(2, 'little').hex()}")
        return (f"items {found[0]}, recorded {recorded.items}; bytes {found[1]}, recorded "
                f"{recorded.bytes}; digest {digest_hex(found[2])}, recorded {written}")

    # Tables: layouts

    def layout_ranges(self, covered):
        """What the layout's ranges say of its runs, and of the commits that it covers."""
        for one in self.exact:
            self.exact_range(one)
        layout = self.history.layout
        if layout is None:
            return
        runs = [piece for piece in layout.pieces if piece.is_run]
        for one in layout.ranges:
            self.range_end(layout, one)
            mine = [p for p in runs if one.time_from <= p.time_from and
                    (p.time_to <= one.time_to or self.holds_tail(layout, one, p))]
            if sum(p.tree.digest for p in mine) & MASK_256 != one.changes_digest:
                self.report.problem(f"{layout.where}: the change digest of the range {one} is not "
                                    f"that of its runs")
            if not one.checkpoints_only:
                self.covered_commits(one, covered)

    @staticmethod
    def ends_within(one, run):
        """Whether a run ends within the second after a range: a tail that was never completed."""
        return (not one.checkpoints_only and one.time_from <= run.time_from
                and one.time_to < run.time_to < one.time_to + MICROSECONDS)

    def holds_tail(self, layout, one, run):
        """Whether a tail is of this range: the last that it may be of."""
        return [other for other in layout.ranges if self.ends_within(other, run)][-1:] == [one]

    def range_end(self, layout, one):
        """A range ends with the state of its checkpoint, and perhaps with the layout's commit."""
        problem = self.report.problem
        if one.last == layout.next_sequence - 1 and one.last_hash != layout.before:
            problem(f"{layout.where}: the range {one} ends with another commit than the layout")
        ordinal = self.checkpoints.find(one.time_to)
        if ordinal is not None and not self.checkpoints.matches(
                ordinal, one.items, one.bytes, one.digest):
            problem(f"{layout.where}: the range {one} has another state than its checkpoint")

    def exact_range(self, one):
        """The runs hold a range that is exact at every second whole, and none crosses it."""
        problem = self.report.problem
        where = f"{self.history.directory}, range {one}"
        reached = one.time_from
        for run in self.history.runs:
            if run.time_to <= one.time_from or run.time_from >= one.time_to:
                continue
            if run.time_from < one.time_from or (run.time_to > one.time_to
                                                 and not self.ends_within(one, run)):
                problem(f"{where}: the {run} crosses it")
            if run.time_from > reached:
                break
            reached = max(reached, run.time_to)
        if reached < one.time_to:
            problem(f"{where}: no run holds what follows {format_time(reached)}")

    def covered_commits(self, one, covered):
        """Compaction lost nothing of the commits that still exist of an exact range."""
        problem, layout = self.report.problem, self.history.layout
        mine = [c for c in covered if one.first <= c.sequence <= one.last and not c.checkpoints_only
                and one.time_from <= c.time_from and c.time_to <= one.time_to]
        for commit in mine:
            for checkpoint in commit.checkpoints:
                ordinal = self.checkpoints.find(checkpoint.instant)
                if ordinal is None:
                    problem(f"{layout.where}: it lacks the checkpoint "
                            f"{format_time(checkpoint.instant)} of {commit.where}")
                elif (not self.checkpoints.matches(ordinal, checkpoint.items, checkpoint.bytes,
                                                   checkpoint.digest)
                      or self.checkpoints.changes[ordinal] != checkpoint.changes):
                    problem(f"{layout.where}: its checkpoint {format_time(checkpoint.instant)} is "
                            f"not that of {commit.where}")
        reached = one.time_from
        for commit in mine:
            if commit.time_from == reached:
                reached = commit.time_to
        whole = bool(mine) and reached == one.time_to
        if whole and sum(c.changes_digest for c in mine) & MASK_256 != one.changes_digest:
            problem(f"{layout.where}: the change digest of the range {one} is not that of its "
                    f"commits")

    # Tables: backups

    def backup(self, backup, known, damaged):
        problem, history = self.report.problem, self.history
        if backup.instant in known:
            self.same_state(backup.where, known[backup.instant], backup)
        elif not damaged:
            problem(f"{backup.where}: no pieces lead to its instant")
        ordinal = self.checkpoints.find(backup.instant)
        if ordinal is None:
            problem(f"{backup.where}: its instant is no checkpoint")
        elif not self.checkpoints.matches(ordinal, backup.items, backup.bytes, backup.digest):
            problem(f"{backup.where}: its checkpoint records another state")
        hashes = {one.last: one.last_hash for one in history.ranges}
        if backup.sequence in history.commit_sequences():
            commit = history.read_commit(backup.sequence)
            hashes[backup.sequence] = commit.hash
            if not commit.time_from <= backup.instant <= commit.time_to:
                problem(f"{backup.where}: its commit does not hold its instant")
        following = history.layout.next_sequence if history.layout else 0
        following = history.commits[-1].sequence + 1 if history.commits else following
        if backup.sequence >= following or backup.sequence in history.lost:
            problem(f"{backup.where}: its commit is missing")
        elif hashes.get(backup.sequence, backup.commit_hash) != backup.commit_hash:
            problem(f"{backup.where}: the hash of its commit is wrong")


# ------------------------------------------------------------------------------------------------
# Commands
# ------------------------------------------------------------------------------------------------


def open_tables(repository):
    """Every table's history; damaged ones as their problem."""
    for table_id in repository.table_ids():
        try:
            history = History(repository, table_id)
            if history.is_begun():
                yield table_id, history
        except Damage as damage:
            yield table_id, damage


def describe(history):
    """A table as plain data for `list`."""
    table, checkpoints = history.table, history.checkpoints
    last = checkpoints.at_or_before(TIME_GREATEST)
    return {
        "name": table.name,
        "arn": table.arn,
        "incarnation": table.ordinal,
        "directory": history.directory,
        "created": format_time(table.created),
        "keySchema": [
            {"name": name, "type": TYPE_LETTERS[kind], "role": role}
            for (name, kind), role in zip(table.key_attributes, ("partition", "sort"))
        ],
        "ranges": [
            {
                "from": format_time(one.time_from), "to": format_time(one.time_to),
                "inDoubtAfter": format_time(one.sound_to) if one.sound_to is not None else None,
                "exact": "checkpoints" if one.checkpoints_only else "every second",
                "closed": one.closed,
                "checkpoints": checkpoints.count(one.time_from, one.time_to),
                "items": one.items, "bytes": one.bytes, "digest": digest_hex(one.digest),
                "firstCommit": one.first, "lastCommit": one.last,
                "lastCommitHash": one.last_hash.hex(),
            }
            for one in history.ranges
        ],
        "gaps": [{"from": format_time(one), "to": format_time(two)} for one, two in history.gaps()],
        "lastCheckpoint": format_time(last.instant) if last else None,
        "backups": [
            {
                "name": backup.name, "id": backup.id, "arn": backup.arn,
                "kind": "SYSTEM" if backup.kind else "USER",
                "instant": format_time(backup.instant), "created": format_time(backup.created),
                "keepUntil": format_time(backup.keep_until) if backup.keep_until else None,
                "items": backup.items, "bytes": backup.bytes,
                "digest": digest_hex(backup.digest), "source": backup.source,
            }
            for backup in sorted(history.backups(), key=lambda b: (b.instant, b.id))
        ],
    }


def print_table(table):
    """What `list` shows of a table; the ranges and the gaps between them in order of time."""
    keys = ", ".join(f"{k['name']} ({k['type']}, {k['role']})" for k in table["keySchema"])
    print(f"table {table['name']}, incarnation {table['incarnation']}")
    print(f"  ARN      {table['arn'] or 'none'}")
    print(f"  keys     {keys}")
    gaps = {gap["from"]: gap["to"] for gap in table["gaps"]}
    for one in table["ranges"]:
        closed = ", closed" if one["closed"] else ""
        if one["inDoubtAfter"]:
            closed += f", in doubt after {one['inDoubtAfter']}"
        print(f"  range    {one['from']} to {one['to']}, exact at {one['exact']}{closed}, "
              f"{one['checkpoints']} checkpoints, {one['items']} items, {one['bytes']} bytes")
        if one["to"] in gaps:
            print(f"  gap      {one['to']} to {gaps.pop(one['to'])}")
    if table["lastCheckpoint"]:
        print(f"  last     {table['lastCheckpoint']} is the last checkpoint")
    for backup in table["backups"]:
        print(f"  backup   {backup['name']}  {backup['id']}  {backup['instant']}  "
              f"{backup['items']} items  {backup['bytes']} bytes")


def command_list(arguments, report):
    repository = Repository(arguments.repository)
    described = []
    for table_id, history in open_tables(repository):
        if isinstance(history, Damage):
            report.problem(history)
            continue
        for damage in history.damages:
            report.problem(damage)
        found = report.attempt(history.directory, describe, history)
        if found is not None:
            described.append(found)
    described.sort(key=lambda table: (table["name"], table["incarnation"]))
    if arguments.json:
        json.dump({"tables": described}, sys.stdout, ensure_ascii=False, indent=2)
        print()
        return
    for table in described:
        print_table(table)


def command_verify(arguments, report):
    report.verbose = arguments.verbose
    repository = Repository(arguments.repository)
    Verifier(repository, report, arguments.quick).run()
    if not report.count and not arguments.quiet:
        print(f"{arguments.repository}: no problems found")


# Fewer digits of an id name nothing (Spec 11, Names).
SHORTEST_ID = 2


def choose_history(repository, name, report):
    """The incarnations that are meant (Spec 11, Names), from the oldest."""
    histories = []
    for table_id, history in open_tables(repository):
        if isinstance(history, Damage):
            report.say(history)
            if table_id == name:
                raise history
            continue
        histories.append((table_id, history))
    histories.sort(key=lambda pair: (pair[1].table.name, pair[1].table.ordinal))
    for fits in (
            lambda table_id, table: table.name == name,
            lambda table_id, table: f"{table.name} ({table.ordinal + 1})" == name,
            lambda table_id, table: name and name in (table.arn, table.table_id)):
        found = [pair for pair in histories if fits(pair[0], pair[1].table)]
        is_one = len({history.table.name for _, history in found}) == 1
        if found:
            break
    if not found and len(name) >= SHORTEST_ID:
        found = [pair for pair in histories if pair[0].startswith(name.lower())]
        is_one = len(found) == 1
    if not found:
        raise Damage(f"there is no table {name!r} that can be read", repository.root)
    if not is_one:
        listed = "; ".join(f"{table_id} {history.table.name} ({history.table.ordinal + 1})"
                           for table_id, history in found)
        raise Damage(f"the table {name!r} is ambiguous; name one of these by id: {listed}")
    return [history for _, history in found]


def choose_backup(histories, name):
    candidates = [(history, backup) for history in histories for backup in history.backups()]
    for fits in (
            lambda backup: name in (backup.arn, backup.id),
            lambda backup: backup.name == name,
            lambda backup: len(name) >= SHORTEST_ID and backup.id.startswith(name.lower())):
        found = [(history, backup) for history, backup in candidates if fits(backup)]
        if len(found) > 1:
            listed = "; ".join(
                f"{b.id} {b.name} {format_time(b.instant)}" for _, b in found)
            raise Damage(f"the backup {name!r} is ambiguous; name one of these by id: {listed}")
        if found:
            return found[0]
    raise Damage(f"there is no backup {name!r} of this table")


def parse_instant(written):
    """A time of RFC 3339 with a zone, or seconds since 1970, as microseconds."""
    if re.fullmatch(r"-?[0-9]{1,12}", written):
        return int(written) * MICROSECONDS
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.0+)?([Zz]|[+-]\d\d:\d\d)", written)
    if not match:
        raise Damage(f"{written!r} is no whole second; write it like 2026-01-02T03:04:05Z "
                     f"or as seconds since 1970")
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        moment = datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    except ValueError as error:
        raise Damage(f"{written!r} is no time: {error}") from None
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(seconds=1) * MICROSECONDS


def plan_restore(arguments, report):
    """(repository, history, state, expectation) of what is asked for."""
    repository = Repository(arguments.repository)
    histories = choose_history(repository, arguments.table, report)
    history = histories[-1]
    for damage in history.damages:
        report.problem(damage)
    if arguments.backup is not None:
        history, backup = choose_backup(histories, arguments.backup)
        wanted = (backup.items, backup.bytes, backup.digest, backup.digest & 0xFFFF)
        return repository, history, history.state(backup.instant), wanted
    if arguments.latest:
        last = history.newest()
        if last.sound_to is not None:
            instant, _ = history.nearest_exact(last.time_to + MICROSECONDS)
            if instant is None:
                raise Damage("all of the history is in doubt", history.directory)
            return repository, history, history.state(instant), history.expectation(instant)
        wanted = (last.items, last.bytes, last.digest, last.digest & 0xFFFF)
        return repository, history, history.state(last.time_to), wanted
    instant = parse_instant(arguments.at)
    # Of several incarnations the newest that has the state (Spec 11, Names).
    for older in reversed(histories):
        if not history.is_exact(instant) and not history.damages and older.is_exact(instant):
            history = older
            for damage in history.damages:
                report.problem(damage)
    if not history.is_exact(instant):
        before, after = history.nearest_exact(instant)
        nearest = " and ".join(
            f"{format_time(found)} ({name})"
            for found, name in ((before, "before"), (after, "after")) if found is not None)
        raise Damage(f"the archive does not promise the state at {format_time(instant)}; the "
                     f"nearest that it does are {nearest or 'none'}", history.directory)
    return repository, history, history.state(instant), history.expectation(instant)


def command_restore(arguments, report):
    repository, history, state, wanted = plan_restore(arguments, report)
    reader = StateReader(repository, history.table, state)
    out = sys.stdout.buffer
    lines = reader.lines()
    while True:
        chunk = list(itertools.islice(lines, 2_000))
        if not chunk:
            break
        out.write("".join(chunk).encode("utf-8"))
    out.flush()
    if wanted is None:
        raise Damage("no digest is recorded for this instant, so the rows are not proven",
                     history.directory)
    items, size, digest, low = wanted
    right = (reader.items, reader.bytes) == (items, size)
    right = right and (reader.digest == digest if digest is not None
                       else reader.digest & 0xFFFF == low)
    if not right:
        raise Damage(
            f"what was written is not the state recorded: {reader.items} items of {reader.bytes} "
            f"bytes, digest {digest_hex(reader.digest)}, recorded {items} items of {size} bytes, "
            f"digest {digest_hex(digest) if digest is not None else 'starts otherwise'}",
            history.directory)


def command_history(arguments, report):
    repository = Repository(arguments.repository)
    history = choose_history(repository, arguments.table, report)[-1]
    for damage in history.damages:
        report.problem(damage)
    key = parse_key(arguments.key, history.table)
    count = 0
    for version in item_versions(history, key):
        sys.stdout.buffer.write((version.line() + "\n").encode("utf-8"))
        count += 1
    sys.stdout.buffer.flush()
    if not count:
        raise Damage("the history holds no version of this item", history.directory)


def plain_data(value):
    """Any decoded structure as data for JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {plain_data(k) if isinstance(k, bytes) else str(k): plain_data(v)
                for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(element) for element in value]
    if isinstance(value, Record):
        return {"type": BLOB_TYPES[value.type], "codec": value.codec,
                "storedLength": value.stored_length, "plainLength": value.plain_length}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 128 else digest_hex(value)
    slots = getattr(value, "__slots__", None)
    names = slots if slots is not None else vars(value)
    skipped = ("data", "owner", "where", "payload", "commits")
    return {name: plain_data(getattr(value, name)) for name in names
            if name not in skipped and not name.startswith("_")}


def dump_blob(plain, kind, where):
    if kind in (KIND_IMAGE_LEAF, KIND_RUN_LEAF):
        page = LeafPage(plain, where)
        return {
            "kind": BLOB_TYPES[kind], "entries": page.count, "keys": plain_data(page.keys),
            "times": page.times, "sequences": page.sequences, "kinds": page.kinds,
            "shapes": plain_data(page.shapes), "shapeOfPut": page.shape_of_put,
            "columns": [
                {"name": c.name.decode(), "type": c.type, "encoding": c.payload[:1].hex(),
                 "payloadBytes": len(c.payload), "values": plain_data(c.values)}
                for c in page.columns
            ],
        }
    if kind in (KIND_IMAGE_INDEX, KIND_RUN_INDEX):
        page = IndexPage(plain, where)
        return {"kind": BLOB_TYPES[kind], "level": page.level,
                "children": plain_data(page.children)}
    if kind == KIND_VALUE:
        if not plain or plain[0] not in TYPE_LETTERS:
            raise Damage("an outlined value has no valid tag", where, 0)
        size, written = read_whole_payload(plain[1:], plain[0], where)
        return {"kind": BLOB_TYPES[kind], "size": size,
                "value": {TYPE_LETTERS[plain[0]]: json.loads(written)}}
    if kind == KIND_CHECKPOINT_LEAF:
        return {"kind": BLOB_TYPES[kind],
                "checkpoints": plain_data(decode_checkpoint_leaf(plain, where))}
    if kind == KIND_TIME_LIST:
        return {"kind": BLOB_TYPES[kind], "entries": plain_data(decode_time_list(plain, where))}
    level, children = decode_second_index(plain, where, kind)
    return {"kind": BLOB_TYPES[kind], "level": level, "children": plain_data(children)}


def find_any_blob(repository, blob_id):
    """(plain bytes, kind) of a blob, in packs or inline in any commit or layout."""
    for pack, offset in repository.places(blob_id):
        data = repository.pack(pack)
        record = Record(data, offset, len(data), repository.pack_path(pack))
        return record.plain(data, repository.pack_path(pack)), record.type
    for _, history in open_tables(repository):
        if isinstance(history, Damage):
            continue
        for owner in [history.layout, *history.commits]:
            if owner is not None and blob_id in owner.inline:
                record = owner.inline[blob_id]
                return record.plain(owner.data, owner.where), record.type
    raise Damage("it is in no pack and not inline", f"blob {blob_id.hex()}")


def dump_object(repository, name):
    if name.startswith("packs/"):
        data = repository.map(name, PACK_BYTES_LIMIT)
        footer = PackFooter(data, name)
        return {"blobs": [
            {"id": e[0].hex(), "offset": e[1], "storedLength": e[2], "plainLength": e[3],
             "type": BLOB_TYPES.get(e[4], e[4]), "codec": e[5]} for e in footer.entries]}
    data = repository.read(name, PACK_BYTES_LIMIT)
    if name.startswith("indexes/"):
        index = PackIndex(data, name)
        return {
            "packs": [plain_data(index.pack_at(i)) for i in range(index.pack_count)],
            "blobs": [[index.id_at(i).hex(), *index.entry(i)] for i in range(index.count)],
        }
    decoders = {1: Configuration, 2: TableRecord, 3: Settings, 4: Backup, 5: Commit, 6: Layout,
                7: decode_intent, 8: decode_condemned, 9: decode_lease, 10: decode_key_slot,
                11: decode_retention}
    kind = data[5] if len(data) > 5 else 0
    if kind not in decoders:
        raise Damage("not an object that this reader knows", name)
    return {"type": OBJECT_TYPES[kind], **plain_data(decoders[kind](data, name))}


def command_dump(arguments, report):
    repository = Repository(arguments.repository)
    name = arguments.name
    if HEX_64.match(name) and not repository.exists(name):
        plain, kind = find_any_blob(repository, bytes.fromhex(name))
        found = dump_blob(plain, kind, f"blob {name}")
    else:
        found = dump_object(repository, name)
    json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    print()


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="varve_reader.py", description="Reads Varve archives, by the specification alone.")
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="tables, ranges and backups")
    listing.add_argument("repository")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(function=command_list)

    verify = commands.add_parser("verify", help="check everything")
    verify.add_argument("repository")
    verify.add_argument("--quick", action="store_true",
                        help="without the cut rule and the choice of encodings")
    verify.add_argument("-v", "--verbose", action="store_true", help="say what is being checked")
    verify.add_argument("-q", "--quiet", action="store_true", help="print problems only")
    verify.set_defaults(function=command_verify)

    restore = commands.add_parser("restore", help="write a table as DynamoDB JSON lines")
    restore.add_argument("repository")
    restore.add_argument("table", help="name, ARN or directory id")
    which = restore.add_mutually_exclusive_group(required=True)
    which.add_argument("--backup", metavar="NAME", help="name, ARN, id or the start of an id")
    which.add_argument("--at", metavar="TIME", help="RFC 3339 with zone, or seconds since 1970")
    which.add_argument("--latest", action="store_true")
    restore.set_defaults(function=command_restore)

    versions = commands.add_parser("history", help="every version of one item")
    versions.add_argument("repository")
    versions.add_argument("table", help="name, ARN or directory id")
    versions.add_argument("key", help="the key attributes as DynamoDB JSON, or the partition key's "
                                      "value where there is no sort key")
    versions.set_defaults(function=command_history)

    dump = commands.add_parser("dump", aliases=["show-page"], help="an object or blob as JSON")
    dump.add_argument("repository")
    dump.add_argument("name", help="an object's name or a blob's id")
    dump.set_defaults(function=command_dump)
    return parser.parse_args(arguments)


def main(arguments=None):
    chosen = parse_arguments(arguments)
    report = Report(sys.stderr)
    try:
        report.attempt(chosen.command, chosen.function, chosen, report)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 1 if report.count else 0


if __name__ == "__main__":
    sys.exit(main())
