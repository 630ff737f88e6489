"""AsyncOpenAI with a semaphore; stores nothing: ADDRESS COUNT CONCURRENCY FOLDER. Prints seconds as JSON."""

import asyncio
import json
import resource
import sys
import time

from openai import AsyncOpenAI

address, count, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


async def main() -> int:
    client, places = AsyncOpenAI(base_url=address, api_key="none", max_retries=3), asyncio.Semaphore(concurrency)

    async def one(i: int) -> str:
        text = (
            f"Question {i}: a baker has {i} loaves and sells {i % 7} of them every day; how many are left after "
            f"{i % 11} days?"
        )
        async with places:
            reply = await client.chat.completions.create(
                model="teacher",
                messages=[{"role": "user", "content": text}],
                max_tokens=64,
                temperature=0.8,
                top_p=1.0,
                seed=i,
            )
        return reply.choices[0].message.content or ""

    return len(await asyncio.gather(*(one(i) for i in range(count))))


start, cpu = time.perf_counter(), time.process_time()
assert asyncio.run(main()) == count
seconds = time.perf_counter() - start
print(
    json.dumps(
        {
            "seconds": seconds,
            "cpu": time.process_time() - cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
