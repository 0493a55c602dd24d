#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A TCP proxy on loopback that makes a round trip take longer: delay.py LISTEN-PORT PORT MILLISECONDS

Bytes arrive half the time later, in their order, as many at once as there are; a new connection costs a round trip more,
as its handshake would. Nothing is lost and no rate is limited.
"""
import asyncio
import sys

CHUNK = 256 * 1024


async def carry(reader, writer, late, first):
    """One direction: read at once, written when its time has come."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def fill():
        wait = first
        while True:
            data = await reader.read(CHUNK)
            await queue.put((loop.time() + late + wait, data))
            wait = 0
            if not data:
                return

    filling = asyncio.ensure_future(fill())
    try:
        while True:
            at, data = await queue.get()
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        filling.cancel()


async def serve(port, to, late):
    async def accept(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to, limit=CHUNK)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer, late, 2 * late), carry(far_reader, writer, late, 0),
                             return_exceptions=True)
        far_writer.close()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port, limit=CHUNK)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 2000))
