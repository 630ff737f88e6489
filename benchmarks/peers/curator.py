"""bespokelabs-curator with its cache: ADDRESS COUNT CONCURRENCY FOLDER. Prints seconds as JSON."""

import json
import os
import resource
import sys
import time

address, count, concurrency, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
os.environ |= {
    "CURATOR_CACHE_DIR": folder,
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "HF_HUB_OFFLINE": "1",
}

import tiktoken  # noqa: E402

# it counts tokens with a file that it fetches; without a network a byte is a token, which costs it no more
BYTES = tiktoken.Encoding(
    "bytes", pat_str=r"[\s\S]", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={}
)
tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _: BYTES

from bespokelabs import curator  # noqa: E402

PROMPTS = [
    f"Question {i}: a baker has {i} loaves and sells {i % 7} of them every day; how many are left after {i % 11} days?"
    for i in range(count)
]
llm = curator.LLM(
    model_name="teacher",
    backend="openai",
    generation_params={"max_tokens": 64, "temperature": 0.8},
    backend_params={
        "base_url": address,
        "api_key": "none",
        "max_concurrent_requests": concurrency,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "max_retries": 3,
    },
)
start, cpu = time.perf_counter(), time.process_time()
found = llm(PROMPTS)
assert len(getattr(found, "dataset", found)) == count
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
